/*
 * Pages on the wire: inflated, answered, deflated, used again, and what `actual` says of them
 * (VIRTIO 1.4, 5.5.6.1).
 *
 * The balloon's size is counted from requests and answers; `num_pages` is what the driver read
 * last, since nobody can go by a target that it does not know.
 */
#include "sim/conformance/watch.h"

#include <inttypes.h>
#include <string.h>

#define DRV CLAUSE_DRIVER
#define DEV CLAUSE_DEVICE

#define IDLE_NS        UINT64_C(1000000000) /**< a driver that does nothing for so long does nothing */
#define CALM_NS        UINT64_C(40000000000) /**< hold-offs after an OOM deflate are over by then */
#define ANSWERED_MAX   8192u                 /**< PFNs: 16 pages of 2 MiB */
#define ANSWERED_BYTES (ANSWERED_MAX * sizeof(uint32_t))

/* ---- Requests ---- */

bool request_read(const struct watch *watch, const struct seen_queue *queue,
                  const struct seen_buffer *buffer, struct seen_request *request)
{
    if (queue->role != BNT_BALLOON_QUEUE_INFLATE && queue->role != BNT_BALLOON_QUEUE_DEFLATE) {
        return false;
    }
    const struct bnt_balloon_binding *binding = &watch->config.binding;
    *request = (struct seen_request){
        .inflate = queue->role == BNT_BALLOON_QUEUE_INFLATE,
        .verdicts = (watch->features & binding->verdicts) != 0,
        .span = 1,
    };
    uint64_t bytes = buffer->readable_bytes;
    if (request->verdicts) {
        struct bnt_balloon_request header = {0};
        if (seen_read(watch, buffer, false, 0, &header, sizeof header) < sizeof header) {
            return false;
        }
        request->epoch = bnt_le32_get(header.epoch);
        request->flags = bnt_le32_get(header.flags);
        request->units = (request->flags & BNT_BALLOON_REQUEST_2M) != 0;
        request->span = request->units ? UINT32_C(1) << BNT_BALLOON_2M_ORDER : 1;
        request->room = (uint32_t)buffer->writable_bytes;
        bytes -= sizeof header;
    }
    request->count = (uint32_t)(bytes / 4);
    const struct bnt_vq_seg *segs = seen_segs(buffer);
    const uint64_t header = buffer->readable_bytes - bytes;
    if (buffer->readable_count == 1) {
        request->pfns = seen_memory(watch, segs[0].gpa + header, bytes);
    }
    if (buffer->writable_count == 1 && request->room > sizeof(struct bnt_balloon_response)) {
        const uint64_t at = segs[buffer->readable_count].gpa + sizeof(struct bnt_balloon_response);
        request->answers =
            seen_memory(watch, at, request->room - sizeof(struct bnt_balloon_response));
    }
    return true;
}

uint32_t request_pfn(const struct watch *watch, const struct seen_buffer *buffer,
                     const struct seen_request *request, uint32_t entry)
{
    if (request->pfns != NULL) {
        return seen_u32(watch, request->pfns + (size_t)4 * entry);
    }
    const uint64_t header = request->verdicts ? sizeof(struct bnt_balloon_request) : 0;
    uint8_t bytes[4] = {0};
    (void)seen_read(watch, buffer, false, header + UINT64_C(4) * entry, bytes, sizeof bytes);
    return seen_u32(watch, bytes); /* as Linux and QEMU have it: the guest's order if legacy */
}

uint8_t request_verdict(const struct watch *watch, const struct seen_buffer *buffer,
                        const struct seen_request *request, uint32_t len, uint32_t entry)
{
    const uint64_t at = sizeof(struct bnt_balloon_response) + entry;
    uint8_t verdict = BNT_VERDICT_NONE;
    if (!request->verdicts) {
        return BNT_VERDICT_ACCEPTED;
    }
    if (at < len && at < request->room && request->answers != NULL) {
        return request->answers[entry];
    }
    if (at < len) {
        (void)seen_read(watch, buffer, true, at, &verdict, 1);
    }
    return verdict;
}

/* ---- Where pages are ---- */

uint8_t *page_state(struct watch *watch, uint64_t pfn)
{
    const struct conformance_vm *vm = &watch->config;
    const bool ours = pfn >= vm->first_pfn && pfn - vm->first_pfn < vm->pfns;
    return ours && watch->pages.state != NULL ? &watch->pages.state[pfn - vm->first_pfn] : NULL;
}

void page_move(struct watch *watch, uint8_t *state, unsigned place)
{
    watch->pages.in[*state & PAGE_PLACE]--;
    watch->pages.in[place]++;
    *state = (uint8_t)((*state & ~PAGE_PLACE) | place);
}

void pages_forget(struct watch *watch, uint8_t mark)
{
    struct watch_pages *pages = &watch->pages;
    const uint64_t with_device =
        pages->in[PAGE_BALLOON] + pages->in[PAGE_INFLATING] + pages->in[PAGE_DEFLATING];
    for (uint64_t i = 0, left = with_device; left > 0 && i < watch->config.pfns; i++) {
        uint8_t *state = &pages->state[i];
        const unsigned place = *state & PAGE_PLACE;
        if (place == PAGE_BALLOON || place == PAGE_INFLATING || place == PAGE_DEFLATING) {
            page_move(watch, state, PAGE_TAKEN);
            *state = (uint8_t)((*state & ~PAGE_UNCERTAIN) | mark);
            left--;
        }
    }
    pages->device_pfns = 0;
}

void pages_init(struct watch *watch)
{
    watch->pages.state = arena_zalloc(watch_arena(watch), watch->config.pfns);
    watch->pages.in[PAGE_OWN] = watch->config.pfns;
    for (int inflate = 0; inflate < 2; inflate++) {
        watch->pages.answered[inflate].pfns = arena_zalloc(watch_arena(watch), ANSWERED_BYTES);
    }
}

void pages_free(struct watch *watch)
{
    for (int inflate = 0; inflate < 2; inflate++) {
        arena_free(watch_arena(watch), watch->pages.answered[inflate].pfns, ANSWERED_BYTES);
    }
    arena_free(watch_arena(watch), watch->pages.state, watch->config.pfns);
}

static uint64_t balloon(const struct watch *watch)
{
    return watch->pages.in[PAGE_BALLOON];
}

uint64_t pages_refused_held(const struct watch *watch)
{
    return watch->pages.in[PAGE_HELD] + watch->pages.in[PAGE_PART];
}

/* ---- Inflation ---- */

static void effort(struct watch *watch, bool failed)
{
    watch->pages.effort_ns = watch_now(watch);
    watch->pages.effort_failed = failed;
}

static void inflate_exposed(struct watch *watch, const struct seen_buffer *buffer,
                            const struct seen_request *request)
{
    struct watch_pages *pages = &watch->pages;
    if (pages->num_pages_known > balloon(watch)) {
        clause_seen(watch, DRV, CLAUSE_BD_4);
    }
    if (pages->num_pages_known >= balloon(watch)) {
        clause_seen(watch, DRV, CLAUSE_BD_6);
    }
    effort(watch, false);
    pages->answered[true].count = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_pfn(watch, buffer, request, i);
        for (uint32_t k = 0; k < request->span; k++) {
            uint8_t *state = page_state(watch, (uint64_t)first + k);
            const unsigned place = state != NULL ? *state & PAGE_PLACE : PAGE_TAKEN;
            if (place == PAGE_OWN && !watch->config.foreign) {
                clause_broken(watch, DRV, CLAUSE_BD_12,
                              "gives PFN %" PRIu32 ", which the guest uses", first + k);
            }
            if (state != NULL && place != PAGE_BALLOON && place != PAGE_DEFLATING) {
                page_move(watch, state, PAGE_INFLATING);
                const unsigned kept = *state & (PAGE_PLACE | PAGE_BEFORE);
                *state = (uint8_t)kept;
            }
        }
    }
}

static void answered_seen(struct watch_pages *pages)
{
    pages->answered[false].count = 0;
    pages->answered[true].count = 0;
}

static void answered_note(struct seen_answers *answered, uint32_t pfn)
{
    if (answered->count < ANSWERED_MAX) {
        answered->pfns[answered->count++] = pfn;
    }
}

/** Where a page goes when its inflate is answered. */
static unsigned inflate_answer(uint8_t verdict)
{
    switch (verdict) {
    case BNT_VERDICT_PINNED:
    case BNT_VERDICT_INVALID:
    case BNT_VERDICT_LOCKED:
    case BNT_VERDICT_NOT_LOCKED:
    case BNT_VERDICT_BUSY:
        return PAGE_HELD;
    case BNT_VERDICT_NOT_NEEDED:
    case BNT_VERDICT_RESET:
        return PAGE_TAKEN;
    default:
        return PAGE_BALLOON;
    }
}

static bool verdict_known(uint8_t verdict)
{
    return verdict != BNT_VERDICT_NONE && verdict < BNT_VERDICT_COUNT;
}

/** PFNs of one page are answered apart: where they differ, nobody knows about the page (BX-7). */
static void mark_mixed(struct watch *watch, uint64_t pfn)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    const uint64_t first = pfn & ~(span - 1);
    for (uint64_t k = 0; k < span; k++) {
        uint8_t *state = page_state(watch, first + k);
        if (state != NULL) {
            page_move(watch, state, PAGE_BALLOON);
            *state = (uint8_t)(*state | PAGE_UNCERTAIN);
        }
    }
}

static void judge_page(struct watch *watch, const struct seen_buffer *buffer,
                       const struct seen_request *request, uint32_t len, uint32_t entry)
{
    const uint32_t span = UINT32_C(1) << watch->config.page_order;
    const uint8_t first = request_verdict(watch, buffer, request, len, entry);
    bool mixed = false;
    for (uint32_t k = 1; k < span && entry + k < request->count; k++) {
        const uint8_t other = request_verdict(watch, buffer, request, len, entry + k);
        mixed = mixed ||
                (inflate_answer(other) == PAGE_BALLOON) != (inflate_answer(first) == PAGE_BALLOON);
    }
    if (mixed) {
        clause_seen(watch, DRV, CLAUSE_BX_7);
        mark_mixed(watch, request_pfn(watch, buffer, request, entry));
    }
}

static void inflate_used(struct watch *watch, const struct seen_buffer *buffer,
                         const struct seen_request *request, uint32_t len)
{
    struct watch_pages *pages = &watch->pages;
    const uint64_t before = balloon(watch);
    bool refused = false;
    pages->answered[true].count = 0;
    clause_seen(watch, DRV, CLAUSE_BD_12);
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_pfn(watch, buffer, request, i);
        const uint8_t verdict = request_verdict(watch, buffer, request, len, i);
        const unsigned answer = inflate_answer(verdict);
        const unsigned place = answer == PAGE_HELD && request->units ? PAGE_PART : answer;
        refused = refused || place != PAGE_BALLOON;
        for (uint32_t k = 0; k < request->span; k++) {
            uint8_t *state = page_state(watch, (uint64_t)first + k);
            if (state != NULL && (*state & PAGE_PLACE) == PAGE_INFLATING) {
                page_move(watch, state, place);
                *state = (uint8_t)(*state | (verdict_known(verdict) ? 0 : PAGE_UNCERTAIN));
                answered_note(&pages->answered[true], first + k);
            }
        }
    }
    const uint32_t span = UINT32_C(1) << watch->config.page_order;
    for (uint32_t i = 0; request->verdicts && !request->units && span > 1 && i < request->count;
         i += span) {
        judge_page(watch, buffer, request, len, i);
    }
    pages->changes += balloon(watch) != before;
    effort(watch, refused);
}

void pages_unanswer(struct watch *watch, const struct seen_queue *queue,
                    const struct seen_buffer *buffer)
{
    struct seen_request request;
    if (!request_read(watch, queue, buffer, &request) || !request.inflate) {
        return;
    }
    for (uint32_t i = 0; i < request.count; i++) {
        const uint32_t first = request_pfn(watch, buffer, &request, i);
        for (uint32_t k = 0; k < request.span; k++) {
            uint8_t *state = page_state(watch, (uint64_t)first + k);
            if (state != NULL && (*state & PAGE_PLACE) != PAGE_OWN) {
                page_move(watch, state, PAGE_INFLATING);
            }
        }
    }
}

/** Nobody knows whether the driver took the last answer out of the ring before it was reset, as
 * long as it neither sent another request there nor wrote `actual`. Of a page that it uses, or has
 * sent again, it knows the answer. */
static void answered_forget(struct watch *watch, struct seen_answers *answered)
{
    for (uint32_t i = 0; i < answered->count; i++) {
        uint8_t *state = page_state(watch, answered->pfns[i]);
        const unsigned place = state != NULL ? *state & PAGE_PLACE : PAGE_OWN;
        if (place != PAGE_OWN && place != PAGE_INFLATING && place != PAGE_DEFLATING) {
            page_move(watch, state, PAGE_BALLOON);
            *state = (uint8_t)(*state | PAGE_UNCERTAIN);
        }
    }
    answered->count = 0;
}

/** Of requests on a queue that was reset nobody knows the answer: it counts as in the balloon. */
static void queue_reset(struct watch *watch, uint16_t queue)
{
    const uint16_t role = seen_role(watch, queue);
    if (role == BNT_BALLOON_QUEUE_INFLATE || role == BNT_BALLOON_QUEUE_DEFLATE) {
        answered_forget(watch, &watch->pages.answered[role == BNT_BALLOON_QUEUE_INFLATE]);
    }
    const unsigned doubtful = role == BNT_BALLOON_QUEUE_INFLATE   ? PAGE_INFLATING
                              : role == BNT_BALLOON_QUEUE_DEFLATE ? PAGE_DEFLATING
                                                                  : PAGE_PLACES;
    for (uint64_t i = 0; i < watch->config.pfns && doubtful != PAGE_PLACES; i++) {
        uint8_t *state = page_state(watch, watch->config.first_pfn + i);
        if (state != NULL && (*state & PAGE_PLACE) == doubtful) {
            page_move(watch, state, PAGE_BALLOON);
            *state = (uint8_t)(*state | PAGE_UNCERTAIN);
        }
    }
}

/* ---- Deflation ---- */

/** Whether a deflate names only pages of which nobody knows if the device took them: it settles
 * that (VG-45), and takes nothing back that is known to be in the balloon. */
static bool deflate_settles(struct watch *watch, const struct seen_buffer *buffer,
                            const struct seen_request *request)
{
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_pfn(watch, buffer, request, i);
        for (uint32_t k = 0; k < request->span; k++) {
            const uint8_t *state = page_state(watch, (uint64_t)first + k);
            if (state == NULL || (*state & PAGE_UNCERTAIN) == 0) {
                return false;
            }
        }
    }
    return request->count > 0;
}

static void deflate_exposed(struct watch *watch, const struct seen_buffer *buffer,
                            const struct seen_request *request)
{
    struct watch_pages *pages = &watch->pages;
    const bool oom = (watch->features & BNT_BALLOON_F_DEFLATE_ON_OOM) != 0;
    const bool above = balloon(watch) > pages->num_pages_known; /* num_pages < actual */
    const bool at_most = balloon(watch) >= pages->num_pages_known;
    if (above) {
        clause_seen(watch, DRV, CLAUSE_BD_5);
    }
    if (!oom && pages->num_pages_read && !deflate_settles(watch, buffer, request) &&
        !moves_exchange(watch, buffer, request)) {
        clause_require(watch, DRV, CLAUSE_BD_7, above || watch->emptying,
                       "takes pages back with %" PRIu64 " in the balloon and a target of %" PRIu32,
                       balloon(watch), pages->num_pages_known);
        clause_literal(watch, DRV, CLAUSE_BD_7, !at_most);
    }
    if (oom && !above && !watch->emptying) {
        clause_seen(watch, DRV, CLAUSE_BD_8);
        pages->oom_ns = watch_now(watch);
        effort(watch, true);
    }
    if (oom && at_most) {
        clause_literal(watch, DRV, CLAUSE_BD_8, true);
    }
    clause_seen(watch, DRV, CLAUSE_BD_9);
    pages->answered[false].count = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_pfn(watch, buffer, request, i);
        for (uint32_t k = 0; k < request->span; k++) {
            uint8_t *state = page_state(watch, (uint64_t)first + k);
            const unsigned place = state != NULL ? *state & PAGE_PLACE : PAGE_OWN;
            clause_require(watch, DRV, CLAUSE_BD_13, place != PAGE_INFLATING,
                           "asks for PFN %" PRIu32 " back before its inflate was answered",
                           first + k);
            if (place == PAGE_BALLOON) {
                page_move(watch, state, PAGE_DEFLATING);
            }
        }
    }
}

static bool deflate_done(uint8_t verdict)
{
    return verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_LOCKED ||
           verdict == BNT_VERDICT_RESET;
}

/** A page of several PFNs of which the device let some go stays with the driver whole (BX-7). */
static void page_together(struct watch *watch, uint64_t pfn)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    const uint64_t first = pfn & ~(span - 1);
    bool stays = false;
    for (uint64_t k = 0; k < span; k++) {
        const uint8_t *state = page_state(watch, first + k);
        stays = stays || (state != NULL && (*state & PAGE_PLACE) == PAGE_BALLOON);
    }
    for (uint64_t k = 0; stays && k < span; k++) {
        uint8_t *state = page_state(watch, first + k);
        if (state != NULL && (*state & PAGE_PLACE) == PAGE_TAKEN) {
            page_move(watch, state, PAGE_BALLOON);
            *state = (uint8_t)(*state | PAGE_UNCERTAIN);
        }
    }
}

static void deflate_used(struct watch *watch, const struct seen_buffer *buffer,
                         const struct seen_request *request, uint32_t len)
{
    struct watch_pages *pages = &watch->pages;
    if ((watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0) {
        clause_seen(watch, DRV, CLAUSE_BD_10);
    }
    pages->answered[false].count = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t first = request_pfn(watch, buffer, request, i);
        const uint8_t verdict = request_verdict(watch, buffer, request, len, i);
        for (uint32_t k = 0; k < request->span; k++) {
            uint8_t *state = page_state(watch, (uint64_t)first + k);
            if (state != NULL && (*state & PAGE_PLACE) == PAGE_DEFLATING) {
                answered_note(&pages->answered[false], first + k);
                page_move(watch, state, deflate_done(verdict) ? PAGE_TAKEN : PAGE_BALLOON);
                *state = (uint8_t)(*state & ~PAGE_UNCERTAIN);
                *state =
                    (uint8_t)(*state | (verdict == BNT_VERDICT_NOT_LOCKED ? PAGE_SURE_NOT : 0));
            }
        }
    }
    for (uint32_t i = 0; request->verdicts && !request->units && i < request->count; i++) {
        page_together(watch, request_pfn(watch, buffer, request, i));
    }
    pages->changes += request->count > 0;
}

/* ---- What watchers are told ---- */

static void exposed(struct watch *watch, const struct seen_queue *queue,
                    const struct seen_buffer *buffer)
{
    struct seen_request request;
    if (!request_read(watch, queue, buffer, &request)) {
        return;
    }
    if (request.inflate) {
        inflate_exposed(watch, buffer, &request);
    } else {
        deflate_exposed(watch, buffer, &request);
    }
}

static void used(struct watch *watch, const struct seen_queue *queue,
                 const struct seen_buffer *buffer, uint32_t len)
{
    struct seen_request request;
    if (!request_read(watch, queue, buffer, &request)) {
        return;
    }
    if (request.inflate) {
        inflate_used(watch, buffer, &request, len);
    } else {
        deflate_used(watch, buffer, &request, len);
    }
}

static void pages_taken(struct watch *watch, const uint64_t *taken, uint32_t count)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    for (uint32_t i = 0; i < count; i++) {
        for (uint64_t k = 0; k < span; k++) {
            uint8_t *state = page_state(watch, taken[i] + k);
            if (state != NULL && (*state & PAGE_PLACE) == PAGE_OWN) {
                page_move(watch, state, PAGE_TAKEN);
            }
        }
    }
}

static void pages_refused(struct watch *watch)
{
    effort(watch, true);
}

/** Another kernel has all of memory, whatever the device has of it until it is reset. */
static void guest_new(struct watch *watch)
{
    struct watch_pages *pages = &watch->pages;
    for (uint64_t i = 0; pages->in[PAGE_OWN] < watch->config.pfns; i++) {
        page_move(watch, &pages->state[i], PAGE_OWN);
        pages->state[i] = PAGE_OWN;
    }
    pages->device_pfns = 0;
}

static void judge_given(struct watch *watch, uint64_t pfn, uint8_t state)
{
    const struct watch_pages *pages = &watch->pages;
    switch (state & PAGE_PLACE) {
    case PAGE_INFLATING:
        clause_broken(watch, DRV, CLAUSE_BD_12,
                      "uses PFN %" PRIu64 " before its inflate was answered", pfn);
        break;
    case PAGE_BALLOON:
        if (pages->releasing) {
            break; /* after a reset pages go back without a message (BX-17) */
        }
        clause_broken(watch, DRV, CLAUSE_BD_9,
                      "uses PFN %" PRIu64 " of the balloon without a deflate", pfn);
        if ((state & PAGE_UNCERTAIN) != 0) {
            clause_broken(watch, DRV, CLAUSE_BX_6,
                          "uses PFN %" PRIu64 ", which may be in the balloon", pfn);
            clause_broken(watch, DRV, CLAUSE_BX_7,
                          "uses PFN %" PRIu64 ", of a page that may be in the balloon", pfn);
            clause_broken(watch, DRV, CLAUSE_VS_15,
                          "uses PFN %" PRIu64 " by an answer that the device did not write", pfn);
        }
        break;
    case PAGE_DEFLATING:
        if ((watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0) {
            clause_broken(watch, DRV, CLAUSE_BD_10,
                          "uses PFN %" PRIu64 " before its deflate was answered", pfn);
        } else {
            clause_seen(watch, DRV, CLAUSE_BD_11);
        }
        break;
    default:
        if ((state & PAGE_SURE_NOT) != 0) {
            clause_seen(watch, DRV, CLAUSE_BX_16);
        }
        break;
    }
}

static void pages_given(struct watch *watch, const uint64_t *given, uint32_t count)
{
    const uint64_t span = UINT64_C(1) << watch->config.page_order;
    for (uint32_t i = 0; i < count; i++) {
        for (uint64_t k = 0; k < span; k++) {
            uint8_t *state = page_state(watch, given[i] + k);
            if (state != NULL) {
                judge_given(watch, given[i] + k, *state);
                page_move(watch, state, PAGE_OWN);
                *state = PAGE_OWN;
            }
        }
    }
}

/** What the host drops, the guest loses: a device may do so with pages of the balloon only. */
static void discarded(struct watch *watch, uint64_t first_pfn, uint64_t pfns)
{
    const bool told = (watch->features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    for (uint64_t pfn = first_pfn; pfn < first_pfn + pfns; pfn++) {
        const uint8_t *state = page_state(watch, pfn);
        const unsigned place = state != NULL ? *state & PAGE_PLACE : PAGE_OWN;
        if (place == PAGE_INFLATING) {
            clause_seen(watch, DEV, CLAUSE_BV_2);
        } else if ((place == PAGE_BALLOON || place == PAGE_DEFLATING) && told) {
            clause_seen(watch, DEV, CLAUSE_BV_3);
        } else if (place == PAGE_BALLOON || place == PAGE_DEFLATING) {
            clause_broken(watch, DEV, CLAUSE_BV_3,
                          "drops PFN %" PRIu64 " after its inflate was answered, without "
                          "MUST_TELL_HOST",
                          pfn);
        }
    }
}

/* ---- actual ---- */

static void config_read(struct watch *watch, uint32_t offset, const void *data, uint32_t bytes)
{
    if (offset == BNT_BALLOON_CONFIG_NUM_PAGES && bytes >= 4) {
        bnt_le32 value;
        memcpy(&value, data, sizeof value);
        watch->pages.num_pages_known = bnt_le32_get(value);
        watch->pages.num_pages_read = true;
    }
}

static void config_write(struct watch *watch, uint32_t offset, const void *data, uint32_t bytes)
{
    struct watch_pages *pages = &watch->pages;
    if (offset != BNT_BALLOON_CONFIG_ACTUAL || bytes != 4) {
        return;
    }
    bnt_le32 value;
    memcpy(&value, data, sizeof value);
    pages->actual = bnt_le32_get(value);
    pages->actual_written = true;
    answered_seen(pages);
    if (pages->changes > 0) {
        clause_seen(watch, DRV, CLAUSE_BD_14);
    }
    if (pages->changes > 1) {
        clause_seen(watch, DRV, CLAUSE_BD_15);
    }
    pages->changes = 0;
}

static void reset(struct watch *watch)
{
    struct watch_pages *pages = &watch->pages;
    if (pages->state != NULL) {
        pages_forget(watch, PAGE_BEFORE);
    }
    pages->changes = 0;
    answered_seen(pages);
    pages->actual = 0;
    pages->actual_written = false;
    pages->num_pages_read = false;
    pages->num_pages_told = false;
    pages->num_pages_known = 0;
    pages->deficit_since_ns = 0;
    pages->stood = false;
}

static void config_arrived(struct watch *watch)
{
    watch->pages.num_pages_told = true;
}

static void live(struct watch *watch)
{
    watch->pages.unseen_told = false;
    effort(watch, false);
}

/** For how long the driver could have done something for its balloon, and did not. */
static uint64_t idle_ns(const struct watch *watch)
{
    const struct watch_pages *pages = &watch->pages;
    uint64_t since_ns =
        pages->effort_ns > pages->deficit_since_ns ? pages->effort_ns : pages->deficit_since_ns;
    since_ns = since_ns > watch->stalled_until_ns ? since_ns : watch->stalled_until_ns;
    return since_ns < watch_now(watch) ? watch_now(watch) - since_ns : 0;
}

/** What the driver has to go by: a target of which no notification arrived it cannot know. */
static uint32_t target_known(const struct watch *watch)
{
    const struct watch_pages *pages = &watch->pages;
    return pages->num_pages_told ? pages->num_pages : pages->num_pages_known;
}

/** A target that is there already when the driver goes live, and that it never looks at. */
static void judge_unseen(struct watch *watch)
{
    struct watch_pages *pages = &watch->pages;
    if (watch->live && !pages->stood && !pages->num_pages_read && pages->num_pages > 0 &&
        !pages->unseen_told && !watch->config.foreign && idle_ns(watch) > IDLE_NS) {
        clause_broken(watch, DRV, CLAUSE_BD_4, "does not look at a target of %" PRIu32,
                      pages->num_pages);
        pages->unseen_told = true;
    }
}

static void event_end(struct watch *watch, const struct seen_device *device)
{
    struct watch_pages *pages = &watch->pages;
    bnt_le32 value;
    memcpy(&value, device->config + BNT_BALLOON_CONFIG_NUM_PAGES, sizeof value);
    pages->num_pages_told = pages->num_pages_told && pages->num_pages == bnt_le32_get(value);
    pages->num_pages = bnt_le32_get(value);
    const bool stands = standstill_now(watch);
    if (stands || pages->stood) {
        pages->effort_ns = watch_now(watch); /* until then it may do nothing (VG-36) */
    }
    pages->stood = stands;
    judge_unseen(watch);
    const bool deficit = watch->live && target_known(watch) > balloon(watch);
    if (!deficit) {
        pages->deficit_since_ns = 0;
    } else if (pages->deficit_since_ns == 0) {
        pages->deficit_since_ns = watch_now(watch) > 0 ? watch_now(watch) : 1;
    }
}

/** A calm end: what was to be done is done. */
static void end(struct watch *watch, bool quiet)
{
    struct watch_pages *pages = &watch->pages;
    const uint64_t now_ns = watch_now(watch);
    const uint64_t moving = pages->in[PAGE_INFLATING] + pages->in[PAGE_DEFLATING];
    if (!quiet || !watch->live || moving > 0 || pages->releasing || watch->emptying ||
        watch->given_up || standstill_now(watch)) {
        return;
    }
    if (pages->changes > 0) {
        clause_require(watch, DRV, CLAUSE_BD_14, pages->actual == balloon(watch),
                       "leaves actual at %" PRIu32 " with %" PRIu64 " PFNs in the balloon",
                       pages->actual, balloon(watch));
    }
    const bool calm = pages->oom_ns == 0 || now_ns - pages->oom_ns > CALM_NS;
    if (pages->deficit_since_ns > 0 && !pages->effort_failed && calm && idle_ns(watch) > IDLE_NS) {
        clause_broken(watch, DRV, CLAUSE_BD_4,
                      "gives no page although the target is %" PRIu32
                      " and the balloon has %" PRIu64,
                      target_known(watch), balloon(watch));
    }
}

const struct watcher watch_pages_watcher = {
    .reset = reset,
    .live = live,
    .queue_reset = queue_reset,
    .exposed = exposed,
    .used = used,
    .guest_new = guest_new,
    .pages_taken = pages_taken,
    .pages_refused = pages_refused,
    .pages_given = pages_given,
    .discarded = discarded,
    .config_read = config_read,
    .config_write = config_write,
    .config_arrived = config_arrived,
    .event_end = event_end,
    .end = end,
};
