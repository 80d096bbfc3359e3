/*
 * The floor `balloon`: the policy. Which request is next and when, what an answer means for its
 * pages, and where each page is. It knows no ring.
 */
#ifndef BNTI_GUEST_POLICY_H
#define BNTI_GUEST_POLICY_H

#include "lib/guest/wire/guest_wire.h"

/* A record of pages: where its state lies, and what its bits stand for. */
struct bnti_guest_page_record {
    uint64_t *pages;
    uint64_t *head;
    uint64_t *cursor;
    uint64_t *bits;
    uint64_t first_pfn;
    uint32_t order;
};

/* aim.c */
bool bnti_guest_inflate_waits(const struct bnt_guest *guest);
bool bnti_guest_refused_any(const struct bnt_guest *guest);
uint64_t bnti_guest_huge_over(const struct bnt_guest *guest);
bool bnti_guest_at_target(const struct bnt_guest *guest, uint64_t have);

/* doubt.c */
void bnti_guest_doubt_begin(struct bnt_guest *guest, uint32_t q);
void bnti_guest_doubt_settle(struct bnt_guest *guest);

/* huge.c */
void bnti_guest_huge_start(struct bnt_guest *guest);
void bnti_guest_huge_phase_end(struct bnt_guest *guest);
void bnti_guest_huge_forget(struct bnt_guest *guest);
bool bnti_guest_huge_next(struct bnt_guest *guest, uint64_t missing_pfns, bool *over);

/* migrate.c */
void bnti_guest_migration_doubt(struct bnt_guest *guest);
void bnti_guest_migration_next(struct bnt_guest *guest, enum bnti_guest_slot slot);
bool bnti_guest_migrating(const struct bnt_guest *guest);
void bnti_guest_migration_end(struct bnt_guest *guest);

/* oom.c */
void bnti_guest_oom_running(struct bnt_guest *guest, uint64_t pfns,
                            struct bnt_guest_oom_result *result);
void bnti_guest_oom_release(struct bnt_guest *guest, uint64_t pfns,
                            struct bnt_guest_oom_result *result);
void bnti_guest_oom_await_reset(struct bnt_guest *guest, uint64_t pfns,
                                struct bnt_guest_oom_result *result);
void bnti_guest_oom_answered(struct bnt_guest *guest, uint64_t pfns, bool gave_up);
void bnti_guest_oom_returned(struct bnt_guest *guest, uint64_t pfns);
void bnti_guest_oom_forgive(struct bnt_guest *guest);
void bnti_guest_oom_forget(struct bnt_guest *guest);
void bnti_guest_oom_meet(struct bnt_guest *guest);
void bnti_guest_oom_continue(struct bnt_guest *guest);

/* pace.c */
void bnti_guest_pace_start(struct bnt_guest *guest);
void bnti_guest_tick_open(struct bnt_guest *guest);
void bnti_guest_tick_skip(struct bnt_guest *guest);
void bnti_guest_tick_count(struct bnt_guest *guest);
void bnti_guest_tick_end(struct bnt_guest *guest);
uint64_t bnti_guest_tick_back_off(struct bnt_guest *guest);
void bnti_guest_pace_cycle(struct bnt_guest *guest, enum bnti_guest_cycle cycle, uint64_t pfns);
uint32_t bnti_guest_pace_allows(const struct bnt_guest *guest, uint32_t order, uint32_t pages);
bool bnti_guest_pace_short(struct bnt_guest *guest, uint32_t order, uint32_t got);
void bnti_guest_pace_sleep_short(struct bnt_guest *guest);
void bnti_guest_pace_done(struct bnt_guest *guest, uint32_t order, uint32_t pages);
void bnti_guest_pace_unlock_refused(struct bnt_guest *guest);
void bnti_guest_tick_close(struct bnt_guest *guest);
void bnti_guest_pace_single(struct bnt_guest *guest);
void bnti_guest_pace_doubt(struct bnt_guest *guest);
void bnti_guest_pace_fail(struct bnt_guest *guest);
void bnti_guest_pace_release(struct bnt_guest *guest);
void bnti_guest_pace_forget(struct bnt_guest *guest);
uint64_t bnti_guest_pace_due(const struct bnt_guest *guest);
uint64_t bnti_guest_backoff_raise(struct bnt_guest *guest, struct bnti_guest_backoff *backoff);
void bnti_guest_cycle_end(struct bnt_guest *guest);
void bnti_guest_cycle_leave(struct bnt_guest *guest);

/* record.c */
void bnti_guest_pages_push(struct bnt_guest *guest, const struct bnti_guest_page_record *record,
                           const uint64_t *pages, uint32_t count);
uint32_t bnti_guest_pages_pop(struct bnt_guest *guest, const struct bnti_guest_page_record *record,
                              uint64_t *pages, uint32_t count);
void bnti_guest_record_push(struct bnt_guest *guest, const uint64_t *pages, uint32_t count);
void bnti_guest_record_push_of(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                               uint32_t count);
void bnti_guest_record_take(struct bnt_guest *guest, enum bnti_guest_slot slot, uint64_t pfns,
                            uint32_t pages_max);
uint32_t bnti_guest_huge_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count);
bool bnti_guest_record_remove(struct bnt_guest *guest, uint64_t page);
uint32_t bnti_guest_record_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count);

/* refusal.c */
bool bnti_guest_hold(struct bnt_guest *guest, bool huge, uint64_t page);
bool bnti_guest_keep(struct bnt_guest *guest, bool huge, uint64_t page);
uint32_t bnti_guest_held_pop(struct bnt_guest *guest, uint64_t *pages, uint32_t count);
void bnti_guest_held_return(struct bnt_guest *guest);
uint32_t bnti_guest_huge_parts(struct bnt_guest *guest, uint64_t *pages, uint32_t count);
uint64_t bnti_guest_huge_held_pfns(const struct bnt_guest *guest);
void bnti_guest_huge_return(struct bnt_guest *guest);
void bnti_guest_kept_return(struct bnt_guest *guest);
uint32_t bnti_guest_kept_pop(struct bnt_guest *guest, bool huge, uint64_t *pages, uint32_t count);
void bnti_guest_held_forget(struct bnt_guest *guest);
bool bnti_guest_held_portion(struct bnt_guest *guest);

/* release.c */
uint64_t bnti_guest_release_batch(struct bnt_guest *guest, uint64_t pfns_max);

/* sizing.c */
void bnti_guest_size(struct bnt_guest *guest);
uint64_t bnti_guest_size_due(const struct bnt_guest *guest);

/* sleep.c */
void bnti_guest_sleep_start(struct bnt_guest *guest, uint32_t pages);

/* unusable.c */
bool bnti_guest_page_usable(const struct bnt_guest *guest, uint64_t page);
bool bnti_guest_block_usable(const struct bnt_guest *guest, uint64_t first_pfn, uint64_t pfns);
void bnti_guest_unusable_tell_block(struct bnt_guest *guest, uint64_t first_pfn, uint64_t pages);
void bnti_guest_unusable_cycle_end(struct bnt_guest *guest);
bool bnti_guest_aside_full(const struct bnt_guest *guest);
uint32_t bnti_guest_pages_vet(struct bnt_guest *guest, bool huge, uint64_t *pages, uint32_t count);
void bnti_guest_unusable_forget(struct bnt_guest *guest);

/* verdict.c */
void bnti_guest_verdicts_count(struct bnt_guest *guest, uint32_t count, bool *not_needed,
                               bool *reset);
void bnti_guest_apply(struct bnt_guest *guest, enum bnti_guest_slot slot,
                      const struct bnti_guest_answer *answer);

#endif
