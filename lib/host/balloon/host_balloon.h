/*
 * The floor `balloon` of the device core: the target and how it ends, what is refused, and the
 * verdict of each page.
 */
#ifndef LIB_HOST_BALLOON_HOST_BALLOON_H
#define LIB_HOST_BALLOON_HOST_BALLOON_H

#include "lib/host/ledger/host_ledger.h"

/* target.c */
/** The ledger changed: whether the target came nearer. */
void bnti_host_target_progress(struct bnt_host *host);
/** A "not this page" verdict was given. */
void bnti_host_target_note_refusal(struct bnt_host *host);
/** Ends the request if its target is met. */
void bnti_host_target_judge(struct bnt_host *host);
/** Ends it by a reset. */
void bnti_host_target_reset(struct bnt_host *host);
/** The device is live again: the guest is told of a target that was set meanwhile. */
void bnti_host_target_resume(struct bnt_host *host);
/** Ends what ran out; the next deadline. */
uint64_t bnti_host_target_deadline(struct bnt_host *host);
/** The guest says how much it can give; 0: it takes that back. */
void bnti_host_target_limit(struct bnt_host *host, uint64_t pfns);
void bnti_host_target_pack(struct bnti_pack *pack, struct bnt_host *host);

/* actual.c */
/** The driver wrote one byte of the field. */
void bnti_host_actual_byte(struct bnt_host *host, uint32_t at, uint8_t value);
/** The field has a value: a driver's, or one that the device wrote in its place. */
void bnti_host_actual_set(struct bnt_host *host, uint32_t pfns);
/** The driver is gone. */
void bnti_host_actual_forget(struct bnt_host *host);
/** Emits what is due; the next deadline. */
uint64_t bnti_host_actual_deadline(struct bnt_host *host);
void bnti_host_actual_pack(struct bnti_pack *pack, struct bnt_host *host);

/* host_refusal.c */
/** The rules' and then ops.refusal.refuse's answer for one PFN: a refusal or ACCEPTED. */
bnt_verdict bnti_host_refusal(struct bnt_host *host, uint64_t pfn, bool inflate);
bool bnti_host_refusal_possible(const struct bnt_host *host, bool inflate);
void bnti_host_rules_pack(struct bnti_pack *pack, struct bnt_host *host);

/* host_verdict.c */
/**
 * Judges host->pfns from `first` to before `n`, changes the ledger, discards or restores backing;
 * verdicts[first...] are written. It ends early after `work` runs of neighbours, and single PFNs
 * that were judged one by one. Returns how far it came.
 */
uint32_t bnti_host_judge_pfns(struct bnt_host *host, struct bnti_host_judge *judge, uint32_t first,
                              uint32_t n, uint32_t work, uint8_t *verdicts);
/** Counts the verdicts of a request that is done. */
void bnti_host_verdicts_count(struct bnt_host *host, const uint8_t *verdicts, uint32_t n,
                              uint32_t unit_pfns);

/* host_huge.c */
/** The verdict of a huge page: all of it or nothing. */
bnt_verdict bnti_host_judge_huge_page(struct bnt_host *host, const struct bnti_host_judge *judge,
                                      uint64_t first);

/* host_request.c */
/** Serves the queues of inflates and of deflates. */
extern const struct bnti_host_role_row bnti_host_request_row;

#endif
