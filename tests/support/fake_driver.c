/*
 * The scripted driver and embedder of the host tests; see fake_driver.h.
 *
 * A mistake in a test aborts here with a message, so that it is not taken for one of the device.
 */
#include "tests/support/fake_driver.h"
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

#define RING_STRIDE UINT32_C(0x8000)

static void log_add(struct fake_driver *fake, struct fake_entry entry)
{
    CHECK(fake->log_count < FAKE_LOG_MAX);
    if (fake->log_count == fake->log_room) {
        fake->log_room *= 2;
        fake->log = realloc(fake->log, fake->log_room * sizeof(struct fake_entry));
        CHECK(fake->log != NULL);
    }
    fake->log[fake->log_count++] = entry;
}

static bnt_status fake_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    struct fake_driver *fake = opaque;
    if (fake->wild && gpa + bytes > FAKE_DMA_BYTES) {
        memset(dst, 0, bytes);
        return BNT_OK;
    }
    CHECK(gpa + bytes <= FAKE_DMA_BYTES); /* the device read a page without bytes */
    if (++fake->copies == fake->copy_fail_at) {
        return BNT_E_CALLBACK;
    }
    memcpy(dst, fake->dma + gpa, bytes);
    return BNT_OK;
}

static bnt_status fake_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    struct fake_driver *fake = opaque;
    if (fake->wild && gpa + bytes > FAKE_DMA_BYTES) {
        return BNT_OK;
    }
    CHECK(gpa + bytes <= FAKE_DMA_BYTES); /* the device wrote to a page without bytes */
    if (++fake->copies == fake->copy_fail_at) {
        return BNT_E_CALLBACK;
    }
    memcpy(fake->dma + gpa, src, bytes);
    return BNT_OK;
}

static void fake_interrupt(void *opaque, uint16_t queue)
{
    struct fake_driver *fake = opaque;
    log_add(fake, (struct fake_entry){FAKE_INTERRUPT, 0, queue, 0});
    if (fake->on_interrupt != NULL) {
        fake->on_interrupt(fake);
    }
}

static void fake_config_interrupt(void *opaque)
{
    struct fake_driver *fake = opaque;
    log_add(fake, (struct fake_entry){FAKE_CONFIG, 0, fake->host != NULL, 0});
    if (fake->on_interrupt != NULL) {
        fake->on_interrupt(fake);
    }
}

static bnt_status fake_discard(void *opaque, uint64_t gpa, uint64_t bytes, uint64_t *freed)
{
    struct fake_driver *fake = opaque;
    const uint64_t first = (gpa >> BNT_PFN_SHIFT) - FAKE_FIRST_PFN;
    const uint64_t pfns = bytes >> BNT_PFN_SHIFT;
    const uint64_t fail = fake->discard_fail_pfn - FAKE_FIRST_PFN;
    CHECK(first < fake->config.memory.pfns &&
          pfns <= fake->config.memory.pfns - first); /* a discard outside memory */
    log_add(fake, (struct fake_entry){FAKE_DISCARD, 0, first + FAKE_FIRST_PFN, pfns});
    if (fake->discard_status != BNT_OK && (fake->discard_fail_pfn == 0 || fail - first < pfns)) {
        return fake->discard_status;
    }
    memset(fake->dropped + first, 1, pfns);
    *freed = bytes;
    return BNT_OK;
}

static void fake_restore(void *opaque, uint64_t gpa, uint64_t bytes)
{
    struct fake_driver *fake = opaque;
    const uint64_t first = (gpa >> BNT_PFN_SHIFT) - FAKE_FIRST_PFN;
    const uint64_t pfns = bytes >> BNT_PFN_SHIFT;
    CHECK(first < fake->config.memory.pfns &&
          pfns <= fake->config.memory.pfns - first); /* a restore outside memory */
    log_add(fake, (struct fake_entry){FAKE_RESTORE, 0, first + FAKE_FIRST_PFN, pfns});
    memset(fake->dropped + first, 0, pfns);
}

static bnt_verdict fake_refuse(void *opaque, uint64_t pfn, bool inflate)
{
    struct fake_driver *fake = opaque;
    (void)inflate;
    fake->refuse_calls++;
    return pfn == fake->refuse_pfn ? fake->refuse_verdict : BNT_VERDICT_ACCEPTED;
}

static uint32_t fake_draw(void *opaque, uint32_t bound)
{
    struct fake_driver *fake = opaque;
    return fake->draws[fake->draw_count++ % 64] % bound;
}

static void *fake_leaf_alloc(void *opaque, size_t bytes)
{
    struct fake_driver *fake = opaque;
    fake->leaf_calls++;
    if (fake->leaf_calls == fake->leaf_fail_at ||
        (fake->leaf_fail_from != 0 && fake->leaf_calls >= fake->leaf_fail_from)) {
        return NULL;
    }
    fake->leaves_out++;
    return calloc(1, bytes);
}

static void fake_leaf_free(void *opaque, void *leaf, size_t bytes)
{
    struct fake_driver *fake = opaque;
    (void)bytes;
    fake->leaves_out--;
    if (fake->log_count < FAKE_LOG_MAX / 2) {
        log_add(fake, (struct fake_entry){FAKE_LEAF_FREE, 0, 0, 0});
    }
    free(leaf);
}

static void fake_on_event(void *opaque, const struct bnt_host_event *event)
{
    struct fake_driver *fake = opaque;
    log_add(fake, (struct fake_entry){FAKE_EVENT, event->kind, event->value, event->extra});
    if (fake->on_event != NULL) {
        fake->on_event(fake, event);
    }
}

static void fake_on_request(void *opaque, const struct bnt_host_request *request)
{
    struct fake_driver *fake = opaque;
    log_add(fake, (struct fake_entry){FAKE_REQUEST, 0, request->inflate, request->pfn_count});
}

static void fake_on_report(void *opaque, uint64_t first_pfn, uint64_t pfns)
{
    struct fake_driver *fake = opaque;
    log_add(fake, (struct fake_entry){FAKE_REPORT, 0, first_pfn, pfns});
}

static void fake_doorbell(void *opaque, uint64_t context, uint64_t resource)
{
    struct fake_driver *fake = opaque;
    log_add(fake, (struct fake_entry){FAKE_DOORBELL, 0, context, resource});
    if (fake->on_interrupt != NULL) {
        fake->on_interrupt(fake);
    }
}

static void fake_on_hint(void *opaque, uint64_t first_pfn, uint64_t pfns)
{
    struct fake_driver *fake = opaque;
    log_add(fake, (struct fake_entry){FAKE_HINT, 0, first_pfn, pfns});
}

static bnt_status ring_pop(void *opaque, uint16_t queue, struct bnt_vq_chain *chain,
                           struct bnt_diag *diag)
{
    struct fake_driver *fake = opaque;
    struct bnt_vq_dev *ring = &fake->rings[queue];
    return ring->size == 0 ? BNT_E_AGAIN : bnt_vq_dev_pop(ring, &fake->mem, chain, diag);
}

static bnt_status ring_read(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                            uint64_t offset, void *dst, uint32_t bytes)
{
    const struct fake_driver *fake = opaque;
    (void)queue;
    return bnt_vq_chain_read(chain, &fake->mem, offset, dst, bytes);
}

static bnt_status ring_write(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                             uint64_t offset, const void *src, uint32_t bytes)
{
    const struct fake_driver *fake = opaque;
    (void)queue;
    return bnt_vq_chain_write(chain, &fake->mem, offset, src, bytes);
}

static bnt_status ring_push(void *opaque, uint16_t queue, uint16_t head, uint32_t len,
                            struct bnt_diag *diag)
{
    struct fake_driver *fake = opaque;
    return bnt_vq_dev_push(&fake->rings[queue], &fake->mem, head, len, diag);
}

static bnt_status ring_flush(void *opaque, uint16_t queue, bool *interrupt, struct bnt_diag *diag)
{
    struct fake_driver *fake = opaque;
    return bnt_vq_dev_check_interrupt_due(&fake->rings[queue], &fake->mem, interrupt, diag);
}

const struct bnt_queue_provider *fake_provider(const struct fake_driver *fake)
{
    static const struct bnt_queue_provider provider = {.size = sizeof(provider),
                                                       .pop = ring_pop,
                                                       .read = ring_read,
                                                       .write = ring_write,
                                                       .push = ring_push,
                                                       .flush = ring_flush};
    return fake->provided ? &provider : NULL;
}

void fake_init(struct fake_driver *fake, uint64_t pfns, uint64_t features)
{
    const struct bnt_balloon_binding binding = BNT_BALLOON_BINDING_DEFAULT;

    memset(fake, 0, sizeof(*fake));
    fake->config = (struct bnt_host_config){.size = sizeof(fake->config),
                                            .features.offered = features,
                                            .features.binding = binding,
                                            .memory.first_pfn = FAKE_FIRST_PFN,
                                            .memory.pfns = pfns,
                                            .queues.size_max = FAKE_QUEUE_SIZE};
    fake->ops = (struct bnt_host_ops){.size = sizeof(fake->ops),
                                      .interrupt = fake_interrupt,
                                      .config_interrupt = fake_config_interrupt,
                                      .backing.discard = fake_discard,
                                      .backing.restore = fake_restore,
                                      .refusal.draw = fake_draw,
                                      .ledger.leaf_alloc = fake_leaf_alloc,
                                      .ledger.leaf_free = fake_leaf_free,
                                      .event = fake_on_event,
                                      .request = fake_on_request,
                                      .reporting.report = fake_on_report,
                                      .vmware.doorbell = fake_doorbell,
                                      .hinting.hint = fake_on_hint};
    fake->now_ns = 1000000;
}

void fake_open(struct fake_driver *fake)
{
    const struct bnt_mem_ops mem_ops = {
        .size = sizeof(mem_ops), .read = fake_read, .write = fake_write};
    const struct bnt_mem_region ram = {0, FAKE_DMA_BYTES +
                                              (fake->config.memory.pfns << BNT_PFN_SHIFT)};
    size_t bytes = 0;

    if (fake->refuse_verdict != BNT_VERDICT_NONE) {
        fake->ops.refusal.refuse = fake_refuse;
    }
    const bool holes = fake->region_count > 0;
    CHECK(bnt_mem_init(&fake->mem, &mem_ops, fake, holes ? fake->regions : &ram,
                       holes ? fake->region_count : 1) == BNT_OK);
    CHECK(bnt_host_compute_footprint(&fake->config, &bytes) == BNT_OK);
    fake->storage = malloc(bytes);
    fake->dma = calloc(1, FAKE_DMA_BYTES);
    fake->dropped = calloc(1, (size_t)fake->config.memory.pfns);
    fake->slots = calloc(FAKE_QUEUES * FAKE_QUEUE_SIZE, sizeof(struct bnt_vq_slot));
    fake->log_room = fake->log_room == 0 ? FAKE_LOG_MAX : fake->log_room;
    fake->log = calloc(fake->log_room, sizeof(struct fake_entry));
    CHECK(fake->storage != NULL && fake->dma != NULL && fake->dropped != NULL &&
          fake->slots != NULL && fake->log != NULL);
    memset(fake->storage, 0xA5, bytes);
    CHECK(bnt_host_init(fake->storage, bytes, &fake->config, &fake->ops, fake, &fake->mem,
                        fake_provider(fake), &fake->host) == BNT_OK);
}

void fake_close(struct fake_driver *fake)
{
    bnt_host_fini(fake->host);
    CHECK(fake->leaves_out == 0); /* leaves are left over */
    free(fake->storage);
    free(fake->dma);
    free(fake->dropped);
    free(fake->slots);
    free(fake->log);
}

static void queue_start(struct fake_driver *fake, uint16_t queue, uint64_t features)
{
    const uint64_t gpa = (uint64_t)queue * RING_STRIDE;
    const struct bnt_vq_drv_config config = {.size = sizeof(config),
                                             .queue = queue,
                                             .queue_size = FAKE_QUEUE_SIZE,
                                             .indirect_max = 8,
                                             .features = features,
                                             .ring = fake->dma + gpa,
                                             .ring_gpa = gpa,
                                             .slots = fake->slots + queue * FAKE_QUEUE_SIZE};
    const struct bnt_vq_parts layout =
        bnt_vq_compute_layout_for_features(FAKE_QUEUE_SIZE, features);

    if (bnt_host_queue_size_max_get(fake->host, queue) == 0) {
        return;
    }
    CHECK(bnt_vq_drv_compute_ring_bytes_for_features(FAKE_QUEUE_SIZE, 8, features) <= RING_STRIDE);
    CHECK(bnt_vq_drv_init(&fake->queues[queue], &config) == BNT_OK);
    if (fake->provided) {
        CHECK(bnt_vq_dev_init(&fake->rings[queue], &fake->mem, queue, FAKE_QUEUE_SIZE,
                              gpa + layout.desc, gpa + layout.avail, gpa + layout.used, features,
                              NULL) == BNT_OK);
        return;
    }
    CHECK(bnt_host_queue_enable(fake->host, queue, FAKE_QUEUE_SIZE, gpa + layout.desc,
                                gpa + layout.avail, gpa + layout.used) == BNT_OK);
}

void fake_start_silent(struct fake_driver *fake, uint64_t features)
{
    static const uint8_t steps[] = {0, 1, 3, 11, 15};

    for (unsigned i = 0; i < sizeof(steps); i++) {
        if (steps[i] == 11) {
            CHECK(bnt_host_features_write(fake->host, features) == BNT_OK);
        }
        if (steps[i] == 15) {
            fake_config_put(fake, BNT_BALLOON_CONFIG_POISON_VAL, fake->poison_val);
            for (uint16_t queue = 0; queue < FAKE_QUEUES; queue++) {
                queue_start(fake, queue, features);
            }
        }
        CHECK(bnt_host_status_write(fake->host, fake->now_ns, steps[i]) == BNT_OK);
    }
    fake->epoch = (features & FAKE_RESET) != 0 ? fake_info(fake).epoch : 0;
}

void fake_start(struct fake_driver *fake, uint64_t features)
{
    fake_start_silent(fake, features);
    fake_config_put(fake, BNT_BALLOON_CONFIG_EPOCH_ACK, fake->epoch);
}

bnt_status fake_step(struct fake_driver *fake)
{
    return bnt_host_step(fake->host, fake->now_ns, 1000, &fake->deadline_ns);
}

uint16_t fake_queue_segs(struct fake_driver *fake, uint16_t queue, const struct bnt_vq_seg *segs,
                         uint32_t readable, uint32_t writable)
{
    uint16_t head = 0;

    CHECK(bnt_vq_drv_add(&fake->queues[queue], segs, readable, writable, &head) == BNT_OK);
    (void)bnt_vq_drv_publish(&fake->queues[queue]);
    return head;
}

uint16_t fake_queue_pfns(struct fake_driver *fake, uint16_t queue, const uint32_t *pfns, uint32_t n)
{
    const bool told = (fake_info(fake).features & FAKE_VERDICTS) != 0;
    const uint32_t header = told ? 8 : 0;
    const struct bnt_vq_seg segs[] = {{FAKE_REQUEST_GPA, header + 4 * n}, {FAKE_ANSWER_GPA, 8 + n}};
    uint8_t *at = fake->dma + FAKE_REQUEST_GPA;
    const bnt_le32 epoch = bnt_cpu_to_le32(fake->epoch);

    memset(at, 0, 8);
    if (told) {
        const bnt_le32 flags = bnt_cpu_to_le32(fake->flags);
        memcpy(at, &epoch, 4);
        memcpy(at + 4, &flags, 4);
    }
    for (uint32_t i = 0; i < n; i++) {
        const bnt_le32 wire = bnt_cpu_to_le32(pfns[i]);
        memcpy(at + header + 4 * i, &wire, 4);
    }
    memset(fake->dma + FAKE_ANSWER_GPA, 0, 8 + n);
    return fake_queue_segs(fake, queue, segs, 1, told ? 1 : 0);
}

bool fake_pop(struct fake_driver *fake, uint16_t queue, uint32_t *len)
{
    struct bnt_diag diag = {.size = sizeof(diag)};
    uint16_t head = 0;
    uint32_t written = 0;
    const bnt_status status = bnt_vq_drv_pop(&fake->queues[queue], &head, &written, &diag);

    CHECK(status == BNT_OK || status == BNT_E_AGAIN);
    CHECK(diag.fault == BNT_FAULT_NONE); /* the device wrote a bogus used length */
    if (len != NULL) {
        *len = written;
    }
    return status == BNT_OK;
}

uint32_t fake_send(struct fake_driver *fake, uint16_t queue, const uint32_t *pfns, uint32_t n,
                   uint8_t *verdicts)
{
    uint32_t len = 0;

    (void)fake_queue_pfns(fake, queue, pfns, n);
    bnt_host_handle_kick(fake->host, queue);
    CHECK(fake_step(fake) == BNT_OK);
    CHECK(fake_pop(fake, queue, &len));
    if (verdicts != NULL) {
        memcpy(verdicts, fake->dma + FAKE_ANSWER_GPA + 8, n);
    }
    return len;
}

uint32_t fake_send_run(struct fake_driver *fake, uint16_t queue, uint32_t first, uint32_t n,
                       int step, uint8_t *verdicts)
{
    uint32_t *pfns = calloc(n, sizeof(*pfns));
    uint32_t len;

    CHECK(pfns != NULL);
    for (uint32_t i = 0; i < n; i++) {
        pfns[i] = step > 0 ? first + i : first - i;
    }
    len = fake_send(fake, queue, pfns, n, verdicts);
    free(pfns);
    return len;
}

void fake_stat_put(struct fake_driver *fake, uint32_t index, uint16_t tag, uint64_t value)
{
    const struct bnt_stat_wire wire = {bnt_cpu_to_le16(tag), bnt_cpu_to_le64(value)};

    memcpy(fake->dma + FAKE_STATS_GPA + 10 * index, &wire, 10);
}

void fake_stats(struct fake_driver *fake, uint32_t bytes)
{
    const struct bnt_vq_seg seg = {FAKE_STATS_GPA, bytes};

    (void)fake_queue_segs(fake, BNT_BALLOON_QUEUE_STATS, &seg, 1, 0);
    bnt_host_handle_kick(fake->host, BNT_BALLOON_QUEUE_STATS);
    CHECK(fake_step(fake) == BNT_OK);
}

void fake_config_put(struct fake_driver *fake, uint32_t offset, uint32_t value)
{
    const bnt_le32 wire = bnt_cpu_to_le32(value);

    bnt_host_config_write(fake->host, fake->now_ns, offset, &wire, 4);
}

uint32_t fake_config_get(struct fake_driver *fake, uint32_t offset)
{
    bnt_le32 wire;

    bnt_host_config_read(fake->host, offset, &wire, 4);
    return bnt_le32_to_cpu(wire);
}

struct bnt_host_info fake_info(const struct fake_driver *fake)
{
    struct bnt_host_info info = {.size = sizeof(info)};

    CHECK(bnt_host_info_get(fake->host, &info) == BNT_OK);
    return info;
}

uint32_t fake_count(const struct fake_driver *fake, fake_call call)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < fake->log_count; i++) {
        count += fake->log[i].call == call;
    }
    return count;
}

uint32_t fake_events(const struct fake_driver *fake, bnt_host_event_kind kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < fake->log_count; i++) {
        count += fake->log[i].call == FAKE_EVENT && fake->log[i].kind == kind;
    }
    return count;
}

const struct fake_entry *fake_nth(const struct fake_driver *fake, fake_call call, uint32_t nth)
{
    const struct fake_entry *in_log = NULL;

    for (uint32_t i = 0; i < fake->log_count && in_log == NULL; i++) {
        if (fake->log[i].call == call && nth-- == 0) {
            in_log = &fake->log[i];
        }
    }
    CHECK(in_log != NULL);
    return in_log;
}

const struct fake_entry *fake_event(const struct fake_driver *fake, bnt_host_event_kind kind,
                                    uint32_t nth)
{
    const struct fake_entry *in_log = NULL;

    for (uint32_t i = 0; i < fake->log_count && in_log == NULL; i++) {
        if (fake->log[i].call == FAKE_EVENT && fake->log[i].kind == kind && nth-- == 0) {
            in_log = &fake->log[i];
        }
    }
    CHECK(in_log != NULL);
    return in_log;
}

void fake_log_clear(struct fake_driver *fake)
{
    fake->log_count = 0;
}
