/*
 * The floor `balloon` contains the policy of the driver. It decides which request is sent next and
 * when, applies the answers, and knows where each page is. The policy does not depend on the rings.
 */
#ifndef LIB_GUEST_BALLOON_POLICY_H
#define LIB_GUEST_BALLOON_POLICY_H

#include "lib/guest/wire/guest_wire.h"

/* What PFNs of the OS are used for: as a page of a request, or as a block to be hinted or
 * reported. */
typedef enum bnti_guest_use {
    BNTI_GUEST_USE_PAGE = 0,
    BNTI_GUEST_USE_HUGE_PAGE,
    BNTI_GUEST_USE_BLOCK
} bnti_guest_use;

/* A record of pages: pointers to its state, and the first PFN and the page size of its bits. */
struct bnti_guest_page_record {
    uint64_t *pages;
    uint64_t *head;
    uint64_t *cursor;
    uint64_t *bits;
    uint64_t first_pfn;
    uint32_t order;
};

/* aim.c */
bool bnti_guest_must_delay_inflate(const struct bnt_guest *guest);
bool bnti_guest_has_refused_pages(const struct bnt_guest *guest);
uint64_t bnti_guest_get_huge_overshoot_max(const struct bnt_guest *guest);
bool bnti_guest_is_at_target(const struct bnt_guest *guest, uint64_t have, uint64_t target);

/* doubt.c */
void bnti_guest_mark_queue_outcomes_unknown(struct bnt_guest *guest, uint32_t q);
void bnti_guest_deflate_pages_of_unknown_inflate(struct bnt_guest *guest);

/* huge.c */
void bnti_guest_enable_huge_pages(struct bnt_guest *guest);
void bnti_guest_end_huge_phase(struct bnt_guest *guest);
void bnti_guest_disable_huge_pages(struct bnt_guest *guest);
bool bnti_guest_inflate_huge_pages(struct bnt_guest *guest, uint64_t missing_pfns, bool *over);

/* migrate.c */
void bnti_guest_end_migration_of_unknown_outcome(struct bnt_guest *guest);
void bnti_guest_advance_migration(struct bnt_guest *guest, bnti_guest_slot slot);
bool bnti_guest_has_unsent_new_page(const struct bnt_guest *guest);
void bnti_guest_abort_migration(struct bnt_guest *guest);

/* oom.c */
void bnti_guest_deflate_on_oom(struct bnt_guest *guest, uint64_t pfns,
                               struct bnt_guest_oom_result *result);
void bnti_guest_release_pages_on_oom(struct bnt_guest *guest, uint64_t pfns,
                                     struct bnt_guest_oom_result *result);
void bnti_guest_defer_oom_to_reset(struct bnt_guest *guest, uint64_t pfns,
                                   struct bnt_guest_oom_result *result);
void bnti_guest_note_oom_answer(struct bnt_guest *guest, uint64_t pfns, bool gave_up);
void bnti_guest_note_oom_reset(struct bnt_guest *guest, uint64_t pfns);
void bnti_guest_clear_unsent_oom_pfns(struct bnt_guest *guest);
void bnti_guest_clear_oom_state(struct bnt_guest *guest);
void bnti_guest_complete_oom_deflate(struct bnt_guest *guest);
void bnti_guest_continue_oom_deflate(struct bnt_guest *guest);

/* pace.c */
void bnti_guest_pace_init_rates(struct bnt_guest *guest);
void bnti_guest_begin_tick(struct bnt_guest *guest);
void bnti_guest_skip_tick(struct bnt_guest *guest);
void bnti_guest_count_down_slow_ticks(struct bnt_guest *guest);
void bnti_guest_mark_tick_over(struct bnt_guest *guest);
uint64_t bnti_guest_back_off_to_next_tick(struct bnt_guest *guest);
void bnti_guest_pace_begin_cycle(struct bnt_guest *guest, bnti_guest_cycle cycle, uint64_t pfns);
uint32_t bnti_guest_pace_limit_pages(const struct bnt_guest *guest, uint32_t order, uint32_t pages);
bool bnti_guest_pace_handle_short_alloc(struct bnt_guest *guest, uint32_t order, uint32_t got);
void bnti_guest_pace_handle_short_sleeping_alloc(struct bnt_guest *guest);
void bnti_guest_pace_count_pages(struct bnt_guest *guest, uint32_t order, uint32_t pages);
void bnti_guest_pace_handle_refused_unlock(struct bnt_guest *guest);
void bnti_guest_close_tick(struct bnt_guest *guest);
void bnti_guest_pace_stop_huge_pages(struct bnt_guest *guest);
void bnti_guest_pace_begin_doubtful_deflate(struct bnt_guest *guest);
void bnti_guest_pace_note_failed_request(struct bnt_guest *guest);
void bnti_guest_pace_restart_ticks(struct bnt_guest *guest);
void bnti_guest_pace_clear_state(struct bnt_guest *guest);
uint64_t bnti_guest_pace_get_deadline(const struct bnt_guest *guest, uint64_t have,
                                      uint64_t target);
uint64_t bnti_guest_raise_backoff(struct bnt_guest *guest, struct bnti_guest_backoff *backoff);
void bnti_guest_end_cycle(struct bnt_guest *guest);
void bnti_guest_end_cycle_early(struct bnt_guest *guest);

/* record.c */
void bnti_guest_push_pages_to_record(struct bnt_guest *guest,
                                     const struct bnti_guest_page_record *record,
                                     const uint64_t *pages, uint32_t count);
uint32_t bnti_guest_pop_pages_from_record(struct bnt_guest *guest,
                                          const struct bnti_guest_page_record *record,
                                          uint64_t *pages, uint32_t count);
void bnti_guest_push_ballooned_pages(struct bnt_guest *guest, const uint64_t *pages,
                                     uint32_t count);
void bnti_guest_push_ballooned_pages_of_size(struct bnt_guest *guest, bool huge,
                                             const uint64_t *pages, uint32_t count);
void bnti_guest_fill_request_from_record(struct bnt_guest *guest, bnti_guest_slot slot,
                                         uint64_t pfns, uint32_t pages_max);
uint32_t bnti_guest_pop_ballooned_huge_pages(struct bnt_guest *guest, uint64_t *pages,
                                             uint32_t count);
bool bnti_guest_remove_page_from_record(struct bnt_guest *guest, uint64_t page);
uint32_t bnti_guest_pop_ballooned_pages(struct bnt_guest *guest, uint64_t *pages, uint32_t count);

/* refusal.c */
bool bnti_guest_hold_refused_page(struct bnt_guest *guest, bool huge, uint64_t page);
bool bnti_guest_mark_page_stuck(struct bnt_guest *guest, bool huge, uint64_t page);
uint32_t bnti_guest_pop_held_pages(struct bnt_guest *guest, uint64_t *pages, uint32_t count);
void bnti_guest_give_back_held_pages(struct bnt_guest *guest);
uint32_t bnti_guest_split_held_huge_pages(struct bnt_guest *guest, uint64_t *pages, uint32_t count);
uint64_t bnti_guest_count_held_huge_pfns(const struct bnt_guest *guest);
void bnti_guest_give_back_held_huge_pages(struct bnt_guest *guest);
void bnti_guest_return_stuck_pages(struct bnt_guest *guest);
uint32_t bnti_guest_pop_stuck_pages(struct bnt_guest *guest, bool huge, uint64_t *pages,
                                    uint32_t count);
void bnti_guest_cancel_give_back_held(struct bnt_guest *guest);
bool bnti_guest_give_back_held_pages_portion(struct bnt_guest *guest);

/* release.c */
uint64_t bnti_guest_release_batch(struct bnt_guest *guest, uint64_t pfns_max);

/* sizing.c */
void bnti_guest_adjust_balloon_size(struct bnt_guest *guest);
uint64_t bnti_guest_get_sizing_deadline(const struct bnt_guest *guest);

/* sleep.c */
void bnti_guest_start_sleeping_alloc(struct bnt_guest *guest, uint32_t pages);

/* unusable.c */
bnt_guest_unusable bnti_guest_find_unusable_reason(const struct bnt_guest *guest,
                                                   bnti_guest_use use, uint64_t first_pfn,
                                                   uint64_t pfns);
bool bnti_guest_is_page_usable(const struct bnt_guest *guest, uint64_t page);
void bnti_guest_note_unusable_pages(struct bnt_guest *guest, bnt_guest_unusable reason,
                                    uint64_t first, uint64_t pages);
void bnti_guest_end_unusable_cycle(struct bnt_guest *guest);
bool bnti_guest_is_aside_list_full(const struct bnt_guest *guest);
uint32_t bnti_guest_validate_pages(struct bnt_guest *guest, bool huge, uint64_t *pages,
                                   uint32_t count);
void bnti_guest_clear_unusable_counts(struct bnt_guest *guest);

/* verdict.c */
void bnti_guest_count_verdicts(struct bnt_guest *guest, uint32_t count, bool *not_needed,
                               bool *reset);
void bnti_guest_apply_answer(struct bnt_guest *guest, bnti_guest_slot slot,
                             const struct bnti_guest_answer *answer);

#endif
