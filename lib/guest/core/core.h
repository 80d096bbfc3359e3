/*
 * The floor `core` contains the instance, its states and events, the counters, the target, and the
 * code that gives pages back. This floor calls no function of a floor above.
 */
#ifndef LIB_GUEST_CORE_CORE_H
#define LIB_GUEST_CORE_CORE_H

#include "lib/guest/core/instance.h"

/* backoff.c */
uint64_t bnti_guest_backoff_double_wait(struct bnt_guest *guest,
                                        struct bnti_guest_backoff *backoff);
void bnti_guest_backoff_note_cause(struct bnti_guest_backoff *backoff, bool not_needed,
                                   bool refused);
void bnti_guest_backoff_end_wait(struct bnti_guest_backoff *backoff);
void bnti_guest_backoff_reset_level(struct bnti_guest_backoff *backoff);
void bnti_guest_backoff_clear(struct bnti_guest_backoff *backoff);

/* count.c */
uint64_t bnti_guest_count_ballooned_pfns(const struct bnt_guest *guest);
uint64_t bnti_guest_count_recorded_pfns(const struct bnt_guest *guest);
bool bnti_guest_has_request_in_flight(const struct bnt_guest *guest);
bool bnti_guest_is_sizing_busy(const struct bnt_guest *guest);

/* give_back.c */
void bnti_guest_read_init_bits(struct bnt_guest *guest, const struct bnti_guest_request *request,
                               uint32_t len);
void bnti_guest_free_pages(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                           uint32_t count);
void bnti_guest_give_back_pages_of_size(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                                        uint32_t count);
void bnti_guest_give_back_pages(struct bnt_guest *guest, const uint64_t *pages, uint32_t count);
void bnti_guest_give_back_pages_unfilled(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                                         uint32_t count);
void bnti_guest_set_page_aside(struct bnt_guest *guest, uint64_t page);
uint32_t bnti_guest_give_back_pages_set_aside(struct bnt_guest *guest);
void bnti_guest_note_sleeping_alloc(struct bnt_guest *guest, uint32_t pages);
void bnti_guest_end_sleeping_alloc(struct bnt_guest *guest);
void bnti_guest_cancel_sleeping_alloc(struct bnt_guest *guest);

/* guest_state.c */
void bnti_guest_set_state(struct bnt_guest *guest, bnt_guest_state state);
void bnti_guest_emit_event(struct bnt_guest *guest, bnt_guest_event_kind kind, uint64_t value,
                           uint64_t extra);
void bnti_guest_plan_recovery(struct bnt_guest *guest);
void bnti_guest_note_recovery(struct bnt_guest *guest);
void bnti_guest_mark_broken(struct bnt_guest *guest, bnt_status status, bnt_fault fault,
                            uint32_t queue);

/* guest_target.c */
void bnti_guest_set_target(struct bnt_guest *guest, uint64_t num_pages, bool told);
void bnti_guest_note_target_reached(struct bnt_guest *guest, uint64_t have);
void bnti_guest_note_target_missed(struct bnt_guest *guest);
void bnti_guest_clear_target(struct bnt_guest *guest);
void bnti_guest_note_latest_epoch(struct bnt_guest *guest, uint32_t epoch);
void bnti_guest_adopt_epoch(struct bnt_guest *guest, uint32_t epoch);

/* requests.c */
void bnti_guest_report_request(struct bnt_guest *guest, bnti_guest_slot slot, bool complete,
                               uint32_t verdict_count, bool doubtful);
void bnti_guest_report_unknown_request_outcome(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_prepare_request(struct bnt_guest *guest, bnti_guest_slot slot, bool huge,
                                uint32_t page_count);
void bnti_guest_mark_request_partial(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_submit_request(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_mark_request_in_flight(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_end_request(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_mark_request_outcome_unknown(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_mark_request_repeated(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_mark_request_given_back(struct bnt_guest *guest, bnti_guest_slot slot);
void bnti_guest_set_request_assumed_done(struct bnt_guest *guest, bnti_guest_slot slot,
                                         bool gone_on);

/* settings.c */
bool bnti_guest_are_settings_valid(const struct bnt_guest_config *c);

#endif
