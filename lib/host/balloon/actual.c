/*
 * Stores `actual`, the size of the balloon as the guest reports it, and emits events about it at a
 * bounded rate.
 *
 * Only these events depend on `actual`. Whether a target is reached is decided by the ledger.
 */
#include "lib/host/balloon/host_balloon.h"

#include "lib/base/pack.h"

#include <string.h>

/** Emits the latest value of `actual` if the interval since the last event has passed. */
static void emit_actual(struct bnt_host *host)
{
    struct bnti_host_throttle *event = &host->actual_event;

    if (event->due && host->now_ns >= event->next_ns) {
        event->due = false;
        event->next_ns = bnti_host_add_time(host->now_ns, host->config.target.event_interval_ns);
        bnti_host_emit_event(host, BNT_HOST_EVENT_ACTUAL, host->actual, host->ledger.ballooned);
    }
}

void bnti_host_set_actual(struct bnt_host *host, uint32_t pfns)
{
    host->actual = pfns;
    host->actual_event.due = true;
    host->differs_event.due = true;
    emit_actual(host);
}

static uint32_t get_written_actual(const struct bnt_host *host)
{
    return bnti_host_get_field(host->actual_bytes);
}

void bnti_host_actual_write_byte(struct bnt_host *host, uint32_t at, uint8_t value)
{
    if (bnti_host_write_field_byte(host->actual_bytes, at, value)) {
        bnti_host_set_actual(host, get_written_actual(host));
    }
}

void bnti_host_actual_clear(struct bnt_host *host)
{
    if (!bnti_host_has_quirk(host, BNT_HOST_QUIRK_ACTUAL_SURVIVES_RESET)) {
        host->actual = 0;
        memset(host->actual_bytes, 0, sizeof host->actual_bytes);
    }
    host->actual_event.due = false;
    host->differs_event.due = false;
}

/** Emits ACTUAL_DIFFERS if `actual` and the ledger differ while no request is queued. As long as
 * requests are queued, they can be the reason for the difference. */
static void emit_actual_differs(struct bnt_host *host)
{
    struct bnti_host_throttle *event = &host->differs_event;

    if (!event->due || host->now_ns < event->next_ns ||
        bnti_host_is_queue_kicked(host, BNT_BALLOON_QUEUE_INFLATE) ||
        bnti_host_is_queue_kicked(host, BNT_BALLOON_QUEUE_DEFLATE)) {
        return;
    }
    event->due = false;
    if (host->actual != host->ledger.ballooned) {
        event->next_ns = bnti_host_add_time(host->now_ns, host->config.target.event_interval_ns);
        bnti_host_emit_event(host, BNT_HOST_EVENT_ACTUAL_DIFFERS, host->actual,
                             host->ledger.ballooned);
    }
}

uint64_t bnti_host_poll_actual_events(struct bnt_host *host)
{
    uint64_t next = BNT_NEVER;

    emit_actual(host);
    emit_actual_differs(host);
    if (host->actual_event.due) {
        next = host->actual_event.next_ns;
    }
    if (host->differs_event.due && host->differs_event.next_ns > host->now_ns) {
        next = bnti_host_min(next, host->differs_event.next_ns);
    }
    return next;
}

void bnti_host_save_or_load_actual(struct bnti_pack *pack, struct bnt_host *host)
{
    bnti_save_or_load_deadline(pack, &host->actual_event.next_ns);
    bnti_save_or_load_bool(pack, &host->actual_event.due);
    bnti_save_or_load_deadline(pack, &host->differs_event.next_ns);
    bnti_save_or_load_bool(pack, &host->differs_event.due);
}
