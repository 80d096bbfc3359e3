/*
 * Migrates a ballooned page because the OS compacts or offlines memory: a new page enters the
 * balloon and the old page leaves it, in either order. Each half of a migration is an ordinary
 * request of one page. Therefore refusals, resets and timeouts are handled as usual. verdict.c
 * applies the answers.
 */
#include "lib/guest/balloon/policy.h"

static void send_migration_half(struct bnt_guest *guest, bnti_guest_slot slot, uint64_t page)
{
    struct bnti_guest_request *request = &guest->requests[slot];

    request->pages[0] = page;
    bnti_guest_prepare_request(guest, slot, false, 1);
    guest->migration.slot = slot;
    guest->migration.moved_pfns = slot == BNTI_GUEST_INFLATE ? guest->count.totals.inflated_pfns
                                                             : guest->count.totals.deflated_pfns;
    bnti_guest_submit_request(guest, slot);
}

static void end_migration(struct bnt_guest *guest, bnt_guest_migrated outcome)
{
    const uint64_t old_page = guest->migration.old_page;

    guest->migration.active = false;
    bnti_guest_emit_event(guest, BNT_GUEST_EVENT_MIGRATED, old_page, (uint64_t)outcome);
}

/* The second half of a migration cannot be sent. Therefore either both pages stay in the balloon,
 * or neither does. */
static void skip_second_migration_half(struct bnt_guest *guest)
{
    const struct bnti_guest_migration *migration = &guest->migration;

    if (migration->deflate_first) {
        bnti_guest_give_back_pages(guest, &migration->new_page, 1);
    }
    end_migration(guest, migration->deflate_first ? BNT_GUEST_MIGRATED_SHRUNK
                                                  : BNT_GUEST_MIGRATED_OLD_REFUSED);
}

/*
 * The first half of a migration is complete: sends the second half, or ends the migration if the
 * old page has already left the balloon or the queue is being reset.
 */
static void send_second_migration_half(struct bnt_guest *guest)
{
    struct bnti_guest_migration *migration = &guest->migration;
    const uint32_t q = migration->deflate_first ? BNTI_GUEST_Q_INFLATE : BNTI_GUEST_Q_DEFLATE;

    if (bnti_guest_is_queue_resetting(guest, q)) {
        skip_second_migration_half(guest);
        return;
    }
    migration->second = true;
    if (migration->deflate_first) {
        send_migration_half(guest, BNTI_GUEST_INFLATE, migration->new_page);
    } else if (bnti_guest_remove_page_from_record(guest, migration->old_page)) {
        send_migration_half(guest, BNTI_GUEST_DEFLATE, migration->old_page);
    } else {
        end_migration(guest, BNT_GUEST_MIGRATED_MOVED); /* an OOM deflate took the old page */
    }
}

/* It is unknown whether the device took the new page. The page goes back to the OS when its deflate
 * is answered. */
void bnti_guest_end_migration_of_unknown_outcome(struct bnt_guest *guest)
{
    const struct bnti_guest_migration *migration = &guest->migration;

    if (migration->active && migration->slot == BNTI_GUEST_INFLATE) {
        end_migration(guest, migration->deflate_first ? BNT_GUEST_MIGRATED_SHRUNK
                                                      : BNT_GUEST_MIGRATED_NEW_REFUSED);
    }
}

/* The device refused one half of a migration. The balloon has the same size as before, or is one
 * page smaller if the old page has left it. */
static void end_refused_migration_half(struct bnt_guest *guest)
{
    const struct bnti_guest_migration *migration = &guest->migration;

    if (migration->slot == BNTI_GUEST_INFLATE) {
        end_migration(guest, migration->deflate_first ? BNT_GUEST_MIGRATED_SHRUNK
                                                      : BNT_GUEST_MIGRATED_NEW_REFUSED);
        return;
    }
    if (migration->deflate_first) {
        bnti_guest_give_back_pages(guest, &migration->new_page, 1);
    }
    end_migration(guest, BNT_GUEST_MIGRATED_OLD_REFUSED);
}

void bnti_guest_advance_migration(struct bnt_guest *guest, bnti_guest_slot slot)
{
    const struct bnti_guest_migration *migration = &guest->migration;

    if (!migration->active || migration->slot != slot) {
        return;
    }
    if (guest->state != BNT_GUEST_RUNNING) {
        bnti_guest_abort_migration(guest);
        return;
    }
    const uint64_t moved = slot == BNTI_GUEST_INFLATE ? guest->count.totals.inflated_pfns
                                                      : guest->count.totals.deflated_pfns;
    if (moved == migration->moved_pfns) {
        end_refused_migration_half(guest);
    } else if (migration->second) {
        end_migration(guest, BNT_GUEST_MIGRATED_MOVED);
    } else {
        send_second_migration_half(guest);
    }
}

/* Whether a migration has a new page that was not sent yet. */
bool bnti_guest_has_unsent_new_page(const struct bnt_guest *guest)
{
    const struct bnti_guest_migration *migration = &guest->migration;

    return migration->active && migration->deflate_first && !migration->second;
}

/* Ends a migration because the balloon is emptied: a new page that was not sent goes back to the
 * OS. */
void bnti_guest_abort_migration(struct bnt_guest *guest)
{
    if (!guest->migration.active) {
        return;
    }
    if (bnti_guest_has_unsent_new_page(guest)) {
        bnti_guest_give_back_pages(guest, &guest->migration.new_page, 1);
    }
    end_migration(guest, BNT_GUEST_MIGRATED_EMPTIED);
}

/* Whether the old page is allowed to leave the balloon before the new page enters it. Without
 * DEFLATE_ON_OOM this is allowed only above the target (BD-7). VMware's wire has no such rule. */
static bool can_deflate_old_page_first(const struct bnt_guest *guest)
{
    return guest->wire->deflates_freely || (guest->features & BNT_BALLOON_F_DEFLATE_ON_OOM) != 0 ||
           bnti_guest_count_ballooned_pfns(guest) > guest->target_pfns;
}

static bnt_status begin_migration(struct bnt_guest *guest, uint64_t old_page, uint64_t new_page,
                                  bool first)
{
    struct bnti_guest_migration *migration = &guest->migration;

    if (guest->state != BNT_GUEST_RUNNING) {
        return BNT_E_STATE;
    }
    if (!bnti_guest_is_page_usable(guest, old_page) ||
        !bnti_guest_is_page_usable(guest, new_page) || old_page == new_page) {
        return BNT_E_ARGUMENT;
    }
    if (guest->config.record.kind == BNT_GUEST_RECORD_LINKS && guest->ops.links.remove == NULL) {
        return BNT_E_UNSUPPORTED;
    }
    if (guest->vmware.reset_seen) { /* RESET_LATE: no page may be sent before START */
        return BNT_E_AGAIN;
    }
    if (guest->emptying || migration->active || guest->requests[BNTI_GUEST_INFLATE].busy ||
        guest->requests[BNTI_GUEST_DEFLATE].busy || guest->requests[BNTI_GUEST_OOM].busy ||
        bnti_guest_is_queue_resetting(guest, BNTI_GUEST_Q_INFLATE) ||
        bnti_guest_is_queue_resetting(guest, BNTI_GUEST_Q_DEFLATE)) {
        return BNT_E_AGAIN;
    }
    first = first && can_deflate_old_page_first(guest);
    if (!bnti_guest_remove_page_from_record(guest, old_page)) {
        return BNT_E_ARGUMENT;
    }
    migration->active = true;
    migration->second = false;
    migration->deflate_first = first;
    migration->old_page = old_page;
    migration->new_page = new_page;
    if (first) {
        send_migration_half(guest, BNTI_GUEST_DEFLATE, old_page);
    } else {
        bnti_guest_push_ballooned_pages(guest, &old_page, 1); /* ballooned until the second half */
        send_migration_half(guest, BNTI_GUEST_INFLATE, new_page);
    }
    return BNT_OK;
}

bnt_status bnt_guest_page_migrate(struct bnt_guest *guest, uint64_t now_ns, uint64_t old_page,
                                  uint64_t new_page, bool deflate_first)
{
    if (guest == NULL) {
        return BNT_E_ARGUMENT;
    }
    if (guest->call != BNTI_GUEST_CALL_NONE) {
        return BNT_E_REENTRANT;
    }
    bnti_guest_enter_call(guest, now_ns);
    const bnt_status status = begin_migration(guest, old_page, new_page, deflate_first);
    bnti_guest_apply_ready_answer(guest);
    bnti_guest_leave_call(guest);
    return status;
}
