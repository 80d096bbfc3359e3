/*
 * Fuzz target: one device on split rings, another on packed ones, and the same driver of both.
 *
 * Bytes are requests, statistics, reports and policy, given to both devices in the same order with
 * the same budgets. What a request means does not depend on the ring that carries it: used lengths,
 * verdicts, events, discards, the state of every page, `info` and deadlines are compared after each
 * call. Only interrupts are left out, since each kind of ring has its own rule for them.
 */
#include "host_calls.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CALLS_MAX    300u
#define PAIR_PAGES   1200u
#define REQUESTS_MAX 6u /* of a queue, before the device looks */
#define PFNS_MAX     300u
#define SLOT_BYTES   0x2000u /* of the DMA area, for each request and for each answer */

#define PAIR_COMMON                                                            \
    (BNT_F_VERSION_1 | BNT_BALLOON_F_STATS_VQ | BNT_BALLOON_F_DEFLATE_ON_OOM | \
     BNT_BALLOON_F_PAGE_REPORTING)

/** What is queued of a request: where its answer will be. */
struct pair_request {
    uint16_t head;
    uint32_t answer; /* offset in the DMA area */
};

struct pair_side {
    struct fake_driver fake;
    struct pair_request requests[FAKE_QUEUES][REQUESTS_MAX * 2];
    uint32_t request_count[FAKE_QUEUES];
    uint64_t features;
};

static struct pair_side split;
static struct pair_side packed;

static void side_start(struct pair_side *side)
{
    fake_start(&side->fake, side->features);
    memset(side->request_count, 0, sizeof(side->request_count));
    side->fake.log_count = 0; /* the start tells the features, of which some are the ring's */
}

static void side_open(struct pair_side *side, uint32_t setup, uint64_t rings)
{
    struct fake_driver *fake = &side->fake;

    side->features = PAIR_COMMON | rings | ((setup & 1) != 0 ? BNT_BALLOON_F_MUST_TELL_HOST : 0) |
                     ((setup & 2) != 0 ? FAKE_VERDICTS | FAKE_RESET : 0);
    fake_init(fake, PAIR_PAGES, side->features);
    fake->config.memory.ledger = (setup & 4) != 0 ? BNT_HOST_LEDGER_FIXED : BNT_HOST_LEDGER_LEAVES;
    fake->log_room = FUZZ_LOG_ROOM;
    for (uint32_t i = 0; i < 64; i++) {
        fake->draws[i] = (setup >> 3) * 7 + i * 5;
    }
    fake_open(fake);
    side_start(side);
}

/** Puts a chain on a queue: `readable` bytes at `gpa`, in pieces, and room for the answer. */
static void side_queue(struct pair_side *side, uint16_t queue, uint64_t gpa, uint32_t readable,
                       uint32_t answer, uint32_t answer_bytes, uint32_t pieces)
{
    struct bnt_vq_seg segs[5];
    struct bnt_vq_drv *vq = &side->fake.queues[queue];
    struct pair_request *request = &side->requests[queue][side->request_count[queue]];
    uint32_t count = 0;
    uint32_t at = 0;

    for (; count < pieces && readable - at > 4; count++) {
        segs[count] = (struct bnt_vq_seg){gpa + at, (readable - at) / 2};
        at += segs[count].bytes;
    }
    if (readable > 0) {
        segs[count++] = (struct bnt_vq_seg){gpa + at, readable - at};
    }
    segs[count] = (struct bnt_vq_seg){answer, answer_bytes};
    memset(side->fake.dma + answer, 0, answer_bytes);
    CHECK(bnt_vq_drv_add(vq, segs, count, answer_bytes > 0 ? 1 : 0, &request->head) == BNT_OK);
    request->answer = answer;
    side->request_count[queue]++;
    (void)bnt_vq_drv_publish(vq);
}

/** The same request, from the same bytes, of both drivers. */
static void pair_request(struct fuzz_input *input, uint16_t queue)
{
    const uint32_t bits = fuzz_take(input, 2);
    const uint32_t count = 1 + fuzz_take(input, 1) * ((bits & 1) != 0 ? 1u : 0u);
    const uint32_t first = fuzz_take(input, 2);
    const uint32_t step = (bits & 2) != 0 ? 1 + (bits >> 8 & 3) : 1;
    const bool told = (split.features & FAKE_VERDICTS) != 0;
    const uint32_t header = told ? (uint32_t)sizeof(struct bnt_balloon_request) : 0;
    const uint32_t at = split.request_count[queue];
    const uint32_t slot = (queue * REQUESTS_MAX + at) * SLOT_BYTES;

    if (at == REQUESTS_MAX || count > PFNS_MAX) {
        return;
    }
    for (unsigned kind = 0; kind < 2; kind++) {
        struct pair_side *side = kind == 0 ? &split : &packed;
        uint8_t *to = side->fake.dma + FAKE_REQUEST_GPA + slot;
        const struct bnt_balloon_request request = {
            .epoch = bnt_cpu_to_le32(side->fake.epoch + ((bits & 0x70) == 0 ? 1 : 0))};
        memcpy(to, &request, header);
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t pfn = (uint32_t)FAKE_FIRST_PFN +
                                 (first + i * step) % (PAIR_PAGES + ((bits & 0xF00) == 0));
            const bnt_le32 wire = bnt_cpu_to_le32(pfn);
            memcpy(to + header + 4 * i, &wire, 4);
        }
        side_queue(side, queue, FAKE_REQUEST_GPA + slot, header + 4 * count,
                   FAKE_REQUEST_GPA + slot + SLOT_BYTES / 2, told ? 8 + count : 0, bits >> 12 & 3);
    }
}

static void pair_stats(struct fuzz_input *input)
{
    const uint32_t count = 1 + fuzz_take(input, 1) % 20;
    const uint32_t value = fuzz_take(input, 2);

    if (split.request_count[BNT_BALLOON_QUEUE_STATS] != 0) {
        return;
    }
    for (unsigned kind = 0; kind < 2; kind++) {
        struct pair_side *side = kind == 0 ? &split : &packed;
        for (uint32_t i = 0; i < count; i++) {
            fake_stat_put(&side->fake, i, (uint16_t)i, value + i);
        }
        side_queue(side, BNT_BALLOON_QUEUE_STATS, FAKE_STATS_GPA, 10 * count, 0, 0, 0);
    }
}

/** A report of a few blocks: device-writable ranges of pages without bytes. */
static void pair_report(struct fuzz_input *input)
{
    const uint32_t first = fuzz_take(input, 2) % PAIR_PAGES;
    const uint32_t pfns = 1 + fuzz_take(input, 1) % 64;
    const uint16_t queue = BNT_BALLOON_QUEUE_REPORT;

    if (split.request_count[queue] == REQUESTS_MAX || first + pfns > PAIR_PAGES) {
        return;
    }
    for (unsigned kind = 0; kind < 2; kind++) {
        struct pair_side *side = kind == 0 ? &split : &packed;
        const struct bnt_vq_seg seg = {(FAKE_FIRST_PFN + first) << BNT_PFN_SHIFT,
                                       pfns << BNT_PFN_SHIFT};
        uint16_t head = 0;
        CHECK(bnt_vq_drv_add(&side->fake.queues[queue], &seg, 0, 1, &head) == BNT_OK);
        side->requests[queue][side->request_count[queue]++] =
            (struct pair_request){.head = head, .answer = UINT32_MAX};
        (void)bnt_vq_drv_publish(&side->fake.queues[queue]);
    }
}

static void pair_policy(struct fuzz_input *input, uint32_t which)
{
    const uint32_t value = fuzz_take(input, 2);
    const struct bnt_host_rule rule = {.first_pfn = FAKE_FIRST_PFN + value % PAIR_PAGES,
                                       .last_pfn = UINT32_MAX,
                                       .on_inflate = (which & 1) != 0,
                                       .on_deflate = (which & 2) != 0,
                                       .numerator = which & 7,
                                       .denominator = 8,
                                       .count = 1 + value % 9,
                                       .verdict = (bnt_verdict)(which % BNT_VERDICT_COUNT)};
    bnt_status status[2] = {BNT_OK, BNT_OK};

    for (unsigned kind = 0; kind < 2; kind++) {
        struct fake_driver *fake = kind == 0 ? &split.fake : &packed.fake;
        switch (which % 6) {
        case 0:
        case 1:
            status[kind] = bnt_host_target_set(fake->host, fake->now_ns, value % (PAIR_PAGES + 1),
                                               which * UINT64_C(1000), NULL);
            break;
        case 2:
            status[kind] = bnt_host_reset_balloon(fake->host, fake->now_ns);
            break;
        case 3:
            status[kind] = bnt_host_rule_add(fake->host, &rule);
            break;
        case 4:
            bnt_host_rules_clear(fake->host);
            break;
        default:
            status[kind] = bnt_host_stats_request(fake->host, fake->now_ns, NULL);
            break;
        }
    }
    CHECK(status[0] == status[1]);
}

/** The next entry of a log that is no interrupt. */
static const struct fake_entry *log_next(const struct fake_driver *fake, uint32_t *at)
{
    while (*at < fake->log_count && fake->log[*at].call == FAKE_INTERRUPT) {
        (*at)++;
    }
    return *at < fake->log_count ? &fake->log[(*at)++] : NULL;
}

static void logs_compare(void)
{
    uint32_t a = 0;
    uint32_t b = 0;

    for (;;) {
        const struct fake_entry *left = log_next(&split.fake, &a);
        const struct fake_entry *right = log_next(&packed.fake, &b);
        CHECK((left == NULL) == (right == NULL));
        if (left == NULL || right == NULL) {
            break;
        }
        CHECK(left->call == right->call && left->kind == right->kind &&
              left->value == right->value && left->extra == right->extra);
    }
    split.fake.log_count = 0;
    packed.fake.log_count = 0;
}

UNTRACED static void infos_compare(void)
{
    struct bnt_host_info left = fake_info(&split.fake);
    struct bnt_host_info right = fake_info(&packed.fake);

    left.features &=
        ~(BNT_F_RING_PACKED | BNT_F_IN_ORDER | BNT_F_RING_EVENT_IDX | BNT_F_RING_INDIRECT_DESC);
    right.features &=
        ~(BNT_F_RING_PACKED | BNT_F_IN_ORDER | BNT_F_RING_EVENT_IDX | BNT_F_RING_INDIRECT_DESC);
    CHECK(left.features == right.features);
    CHECK(left.ledger.pfns == right.ledger.pfns &&
          left.ledger.retained_pfns == right.ledger.retained_pfns);
    CHECK(left.ledger.leafless_pfns == right.ledger.leafless_pfns &&
          left.ledger.leaves == right.ledger.leaves);
    CHECK(left.target.target_pfns == right.target.target_pfns && left.epoch == right.epoch);
    CHECK(memcmp(split.fake.dropped, packed.fake.dropped, PAIR_PAGES) == 0);
    for (uint32_t at = 0; at < PAIR_PAGES; at++) {
        CHECK(bnt_host_page_state_get(split.fake.host, FAKE_FIRST_PFN + at) ==
              bnt_host_page_state_get(packed.fake.host, FAKE_FIRST_PFN + at));
    }
}

/** Takes what both devices used, in the same order, and compares it. */
static void used_compare(uint16_t queue)
{
    for (;;) {
        struct bnt_diag diag = {.size = sizeof(diag)};
        uint16_t head[2] = {0, 0};
        uint32_t len[2] = {0, 0};
        uint32_t which[2] = {0, 0};
        bnt_status status[2] = {BNT_OK, BNT_OK};
        for (unsigned kind = 0; kind < 2; kind++) {
            struct pair_side *side = kind == 0 ? &split : &packed;
            status[kind] =
                bnt_vq_drv_pop(&side->fake.queues[queue], &head[kind], &len[kind], &diag);
            CHECK(diag.fault == BNT_FAULT_NONE);
        }
        CHECK(status[0] == status[1]);
        if (status[0] != BNT_OK) {
            break;
        }
        for (unsigned kind = 0; kind < 2; kind++) {
            const struct pair_side *side = kind == 0 ? &split : &packed;
            while (which[kind] < side->request_count[queue] &&
                   side->requests[queue][which[kind]].head != head[kind]) {
                which[kind]++;
            }
            CHECK(which[kind] < side->request_count[queue]);
        }
        CHECK(which[0] == which[1] && len[0] == len[1]);
        const uint32_t answer = split.requests[queue][which[0]].answer;
        CHECK(answer == UINT32_MAX || len[0] == 0 ||
              memcmp(split.fake.dma + answer, packed.fake.dma + answer, len[0]) == 0);
        split.requests[queue][which[0]].head = UINT16_MAX;
        packed.requests[queue][which[1]].head = UINT16_MAX;
    }
    /* The statistics buffer stays with the device; of the others all come back in the end. */
    if (split.fake.queues[queue].outstanding == 0) {
        split.request_count[queue] = 0;
        packed.request_count[queue] = 0;
    }
}

static void pair_step(uint32_t budget)
{
    bnt_status status[2];

    for (unsigned kind = 0; kind < 2; kind++) {
        struct fake_driver *fake = kind == 0 ? &split.fake : &packed.fake;
        for (uint16_t queue = 0; queue < FAKE_QUEUES; queue++) {
            bnt_host_handle_kick(fake->host, queue);
        }
        fake->now_ns += 100000;
        status[kind] = bnt_host_step(fake->host, fake->now_ns, budget, &fake->deadline_ns);
    }
    CHECK(status[0] == status[1]);
    CHECK(split.fake.deadline_ns == packed.fake.deadline_ns);
    logs_compare();
    infos_compare();
    for (uint16_t queue = 0; queue < FAKE_QUEUES; queue++) {
        if (split.fake.queues[queue].config.queue_size != 0) {
            used_compare(queue);
        }
    }
    if (status[0] != BNT_OK) {
        side_start(&split);
        side_start(&packed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    const uint32_t setup = fuzz_take(&input, 1);
    const uint32_t rings = fuzz_take(&input, 1);
    const uint64_t options = ((rings & 1) != 0 ? BNT_F_RING_INDIRECT_DESC : 0) |
                             ((rings & 2) != 0 ? BNT_F_RING_EVENT_IDX : 0);

    side_open(&split, setup, options | ((rings & 4) != 0 ? BNT_F_IN_ORDER : 0));
    side_open(&packed, setup,
              BNT_F_RING_PACKED | (options ^ (rings >> 4 & 1 ? BNT_F_RING_EVENT_IDX : 0)) |
                  ((rings & 8) != 0 ? BNT_F_IN_ORDER : 0));
    for (uint32_t i = 0; i < CALLS_MAX && input.size > 0; i++) {
        const uint32_t what = fuzz_take(&input, 1);
        switch (what % 7) {
        case 0:
        case 1:
            pair_request(&input, BNT_BALLOON_QUEUE_INFLATE);
            break;
        case 2:
            pair_request(&input, BNT_BALLOON_QUEUE_DEFLATE);
            break;
        case 3:
            pair_stats(&input);
            break;
        case 4:
            pair_report(&input);
            break;
        case 5:
            pair_policy(&input, what / 7);
            break;
        default:
            pair_step(1 + what / 7);
            break;
        }
    }
    pair_step(1000);
    fake_close(&split.fake);
    fake_close(&packed.fake);
    return 0;
}
