/*
 * The floor `balloon` of the device core contains the target and its outcome, refusals, and the
 * verdict of each page.
 */
#ifndef LIB_HOST_BALLOON_HOST_BALLOON_H
#define LIB_HOST_BALLOON_HOST_BALLOON_H

#include "lib/host/ledger/host_ledger.h"

/* target.c */
/** Called after the ledger changed: notes whether the balloon came nearer to its target. */
void bnti_host_target_note_progress(struct bnt_host *host);
/** Notes that a page was refused, for a reason that concerns only this page. */
void bnti_host_mark_target_refused(struct bnt_host *host);
/** Ends the target request if its target is reached. */
void bnti_host_target_check(struct bnt_host *host);
/** Ends the target request with the outcome RESET. */
void bnti_host_target_end_by_reset(struct bnt_host *host);
/** The device works again: announces a target that was set meanwhile. */
void bnti_host_announce_deferred_target(struct bnt_host *host);
/** Ends a target request whose bound has passed. Returns the next deadline. */
uint64_t bnti_host_poll_target_timeouts(struct bnt_host *host);
/** The guest reports how many PFNs it can give; 0 removes the limit. */
void bnti_host_target_set_limit(struct bnt_host *host, uint64_t pfns);
void bnti_host_save_or_load_target(struct bnti_pack *pack, struct bnt_host *host);

/* actual.c */
/** The driver wrote one byte of `actual`. */
void bnti_host_actual_write_byte(struct bnt_host *host, uint32_t at, uint8_t value);
/** Stores a value of `actual`, written by the driver, or by the device instead of it. */
void bnti_host_set_actual(struct bnt_host *host, uint32_t pfns);
/** The driver has reset the device. */
void bnti_host_actual_clear(struct bnt_host *host);
/** Emits the events that are due. Returns the next deadline. */
uint64_t bnti_host_poll_actual_events(struct bnt_host *host);
void bnti_host_save_or_load_actual(struct bnti_pack *pack, struct bnt_host *host);

/* host_refusal.c */
/**
 * Asks the rules, and then the embedder's callback `refuse`, whether one PFN is refused. Returns a
 * refusal or ACCEPTED.
 */
bnt_verdict bnti_host_find_refusal(struct bnt_host *host, uint64_t pfn, bool inflate);
bool bnti_host_is_refusal_possible(const struct bnt_host *host, bool inflate);
void bnti_host_save_or_load_rules(struct bnti_pack *pack, struct bnt_host *host);

/* host_verdict.c */
/**
 * Decides the verdicts of host->pfns[first] to host->pfns[n - 1], and writes them to `verdicts`.
 * Changes the ledger, and discards or restores the backing memory. Stops early after `work` units;
 * a unit is a run of consecutive PFNs, or a single PFN. Returns the index after the last decided
 * PFN.
 */
uint32_t bnti_host_decide_pfns(struct bnt_host *host, struct bnti_host_judge *judge, uint32_t first,
                               uint32_t n, uint32_t work, uint8_t *verdicts);
/** Counts the verdicts of a completed request. */
void bnti_host_count_verdicts(struct bnt_host *host, const uint8_t *verdicts, uint32_t n,
                              uint32_t unit_pfns);

/* host_huge.c */
/** Decides the verdict of a huge page, which is accepted or refused as a whole. */
bnt_verdict bnti_host_decide_huge_page(struct bnt_host *host, const struct bnti_host_judge *judge,
                                       uint64_t first);

/* host_request.c */
/** The functions that serve the inflate queue and the deflate queue. */
extern const struct bnti_host_role_row bnti_host_request_row;

#endif
