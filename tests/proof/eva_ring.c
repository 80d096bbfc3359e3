/*
 * What Frama-C's Eva analyses: the device side of a queue, split or packed, and the memory map,
 * with guest memory, registers and the order of calls unconstrained.
 *
 * Eva follows all values at once, so each call here stands for every driver: each read of guest
 * memory gives any bytes at all, each copy may fail, and a call begins in any state that the
 * invariant allows, which it must keep.
 * tests/proof/run.sh starts it and compares the alarms with tests/proof/alarms.tsv. Not a program:
 * nothing is compiled or run.
 */
#include <ballonet/virtqueue.h>

#include "__fc_builtin.h"

/* Few, so that each count of segments is followed by itself. */
#define SEGS_MAX 3u

static uint8_t any8(void)
{
    return (uint8_t)Frama_C_interval(0, 0xFF);
}

static uint16_t any16(void)
{
    return (uint16_t)Frama_C_interval(0, 0xFFFF);
}

static uint64_t any64(void)
{
    return Frama_C_unsigned_long_long_interval(0, UINT64_MAX);
}

static bool any_bool(void)
{
    return Frama_C_interval(0, 1) != 0;
}

/* The embedder's copies: any bytes come, and either call may fail. */
static bnt_status any_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    (void)opaque;
    (void)gpa;
    if (any_bool()) {
        return BNT_E_CALLBACK;
    }
    Frama_C_make_unknown(dst, bytes);
    return BNT_OK;
}

static bnt_status any_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    const uint8_t *from = src;
    (void)opaque;
    (void)gpa;
    if (any_bool()) {
        return BNT_E_CALLBACK;
    }
    if (bytes > 0) { /* a copy reads its source, first to last byte */
        volatile uint8_t sink = from[0];
        sink = from[bytes - 1];
        (void)sink;
    }
    return BNT_OK;
}

static struct bnt_mem mem;
static struct bnt_vq_dev vq;
static struct bnt_vq_seg segs[SEGS_MAX];
static uint8_t copied[4096];

static void chain_use(struct bnt_vq_chain *chain)
{
    const uint32_t bytes = (uint32_t)Frama_C_interval(0, (int)sizeof(copied));
    if (any_bool()) {
        (void)bnt_vq_chain_read(chain, &mem, any64(), copied, bytes);
    } else {
        (void)bnt_vq_chain_write(chain, &mem, any64(), copied, bytes);
    }
}

static void any_call(struct bnt_diag *diag)
{
    struct bnt_vq_chain chain = {.segs = segs,
                                 .seg_max = (uint32_t)Frama_C_interval(0, (int)SEGS_MAX)};
    bool due = false;
    switch (Frama_C_interval(0, 5)) {
    case 0:
        if (bnt_vq_dev_pop(&vq, &mem, &chain, diag) == BNT_OK) {
            chain_use(&chain);
        }
        break;
    case 1:
        (void)bnt_vq_dev_push(&vq, &mem, any16(), (uint32_t)any64(), diag);
        break;
    case 2:
        (void)bnt_vq_dev_check_interrupt_due(&vq, &mem, &due, diag);
        break;
    case 3:
        (void)bnt_vq_dev_check_notify_data(&vq, &mem, any16(), diag);
        break;
    case 4:
        (void)bnt_vq_dev_set_kicks_wanted(&vq, &mem, any_bool(), diag);
        break;
    default:
        (void)bnt_mem_contains(&mem, any64(), any64());
        break;
    }
}

/* Any map that bnt_mem_init can leave behind, and many that it cannot. */
static void map_any(void)
{
    Frama_C_make_unknown((char *)mem.regions, sizeof mem.regions);
    mem.ops = (struct bnt_mem_ops){.size = sizeof mem.ops, .read = any_read, .write = any_write};
    mem.region_count = (uint32_t)Frama_C_interval(0, BNT_MEM_REGIONS_MAX);
}

/*
 * Any state at all in which the invariant holds: as many buffers are out as there is room for, and
 * truth values are 0 or 1. Nothing else of what the guest could bring about is assumed.
 */
static void queue_any(uint64_t features, uint32_t inflight_count)
{
    Frama_C_make_unknown((char *)&vq, sizeof vq);
    vq.features = features;
    vq.inflight_count = inflight_count;
    for (uint32_t i = 0; i < BNT_VQ_DEV_INFLIGHT_MAX; i++) {
        vq.inflight[i].done = any_bool();
    }
    vq.kicks_wanted = any_bool();
    vq.broken = any_bool();
    vq.used_unflagged = any_bool();
    vq.big_endian = any_bool();
}

/* Init establishes the invariant; each call, from any state of it, keeps it. */
static void eva_ring(uint64_t features)
{
    struct bnt_diag diag = {.size = sizeof diag};
    map_any();
    if (any_bool()) {
        (void)bnt_vq_dev_init(&vq, &mem, any8(), any16(), any64(), any64(), any64(), features,
                              &diag);
    } else if (any_bool()) {
        (void)bnt_vq_dev_init_legacy(&vq, &mem, any8(), any16(), any64(), any64(), any64(),
                                     features, any_bool(), &diag);
    } else {
        const uint32_t inflight_count = (uint32_t)Frama_C_interval(0, BNT_VQ_DEV_INFLIGHT_MAX);
        //@ split inflight_count;
        queue_any(features, inflight_count);
        any_call(&diag);
        //@ merge inflight_count;
    }
    //@ assert kept: vq.inflight_count <= BNT_VQ_DEV_INFLIGHT_MAX;
    //@ assert kept_truth: \initialized(&vq.broken);
}

/* One entry a kind of ring, so that each is analysed with code of its own. */
static uint64_t options(void)
{
    return (any_bool() ? BNT_F_RING_INDIRECT_DESC : 0) | (any_bool() ? BNT_F_RING_EVENT_IDX : 0);
}

void eva_split(void)
{
    eva_ring(options() | (any_bool() ? BNT_F_NOTIFY_ON_EMPTY : 0));
}

void eva_split_in_order(void)
{
    eva_ring(options() | BNT_F_IN_ORDER);
}

void eva_packed(void)
{
    eva_ring(options() | BNT_F_RING_PACKED);
}

void eva_packed_in_order(void)
{
    eva_ring(options() | BNT_F_RING_PACKED | BNT_F_IN_ORDER);
}

/* The map itself, built from any regions, then asked and copied through. */
void eva_map(void)
{
    const struct bnt_mem_ops ops = {.size = sizeof ops, .read = any_read, .write = any_write};
    static struct bnt_mem_region regions[BNT_MEM_REGIONS_MAX + 1];
    static struct bnt_mem map;
    Frama_C_make_unknown((char *)regions, sizeof regions);
    if (bnt_mem_init(&map, &ops, NULL, regions,
                     (uint32_t)Frama_C_interval(0, BNT_MEM_REGIONS_MAX + 1)) != BNT_OK) {
        return;
    }
    (void)bnt_mem_contains(&map, any64(), any64());
    if (any_bool()) {
        (void)bnt_mem_read(&map, any64(), copied, (uint32_t)Frama_C_interval(0, sizeof copied));
    } else {
        (void)bnt_mem_write(&map, any64(), copied, (uint32_t)Frama_C_interval(0, sizeof copied));
    }
}
