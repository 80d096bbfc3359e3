/*
 * The floor `core`: the instance, its states and events, counts, the target, giving back. It calls
 * nobody above it.
 */
#ifndef BNTI_GUEST_CORE_H
#define BNTI_GUEST_CORE_H

#include "lib/guest/core/instance.h"

/* backoff.c */
uint64_t bnti_guest_backoff_double(struct bnt_guest *guest, struct bnti_guest_backoff *backoff);
void bnti_guest_backoff_explain(struct bnti_guest_backoff *backoff, bool not_needed, bool refused);
void bnti_guest_backoff_end(struct bnti_guest_backoff *backoff);
void bnti_guest_backoff_relax(struct bnti_guest_backoff *backoff);
void bnti_guest_backoff_forget(struct bnti_guest_backoff *backoff);

/* count.c */
uint64_t bnti_guest_have_pfns(const struct bnt_guest *guest);
uint64_t bnti_guest_record_pfns(const struct bnt_guest *guest);
bool bnti_guest_in_flight(const struct bnt_guest *guest);
bool bnti_guest_sizing_in_flight(const struct bnt_guest *guest);

/* give_back.c */
void bnti_guest_init_read(struct bnt_guest *guest, const struct bnti_guest_request *request,
                          uint32_t len);
void bnti_guest_give_back_unused(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                                 uint32_t count);
void bnti_guest_give_back_of(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                             uint32_t count);
void bnti_guest_give_back(struct bnt_guest *guest, const uint64_t *pages, uint32_t count);
void bnti_guest_give_back_untouched(struct bnt_guest *guest, bool huge, const uint64_t *pages,
                                    uint32_t count);
void bnti_guest_aside_push(struct bnt_guest *guest, uint64_t page);
uint32_t bnti_guest_aside_return(struct bnt_guest *guest);
void bnti_guest_sleep_begin(struct bnt_guest *guest, uint32_t pages);
void bnti_guest_sleep_end(struct bnt_guest *guest);
void bnti_guest_sleep_cancel(struct bnt_guest *guest);

/* guest_state.c */
void bnti_guest_state_set(struct bnt_guest *guest, bnt_guest_state state);
void bnti_guest_tell(struct bnt_guest *guest, bnt_guest_event_kind kind, uint64_t value,
                     uint64_t extra);
void bnti_guest_recover_plan(struct bnt_guest *guest);
void bnti_guest_recovered(struct bnt_guest *guest);
void bnti_guest_break(struct bnt_guest *guest, bnt_status status, bnt_fault fault, uint32_t queue);

/* guest_target.c */
void bnti_guest_target_set(struct bnt_guest *guest, uint64_t num_pages, bool told);
void bnti_guest_target_reach(struct bnt_guest *guest, uint64_t have);
void bnti_guest_target_miss(struct bnt_guest *guest);
void bnti_guest_target_forget(struct bnt_guest *guest);
void bnti_guest_epoch_see(struct bnt_guest *guest, uint32_t epoch);
void bnti_guest_epoch_adopt(struct bnt_guest *guest, uint32_t epoch);

/* requests.c */
void bnti_guest_request_tell(struct bnt_guest *guest, enum bnti_guest_slot slot, bool complete,
                             uint32_t verdict_count, bool doubtful);
void bnti_guest_request_doubt_tell(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_request_fill(struct bnt_guest *guest, enum bnti_guest_slot slot, bool huge,
                             uint32_t page_count);
void bnti_guest_request_short(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_request_send(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_request_begin(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_request_end(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_request_doubt(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_request_repeat(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_request_give_back(struct bnt_guest *guest, enum bnti_guest_slot slot);
void bnti_guest_request_go_on(struct bnt_guest *guest, enum bnti_guest_slot slot, bool gone_on);

/* settings.c */
bool bnti_guest_settings_valid(const struct bnt_guest_config *c);

#endif
