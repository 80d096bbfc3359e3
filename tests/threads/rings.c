/*
 * Both sides of a ring at the same time: the driver in one thread, the device in another, each
 * sleeping only after E_AGAIN and waking only when the other was told to notify it.
 *
 * A lost wake-up is seen without a clock: one lock guards both sleepers, and nobody is left to wake
 * the one that falls asleep second. Exit status 0: every buffer came back with its own answer; 1:
 * one did not; 3: a wake-up was lost.
 */
#include <ballonet/virtqueue.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_SIZE     16u
#define INDIRECT_MAX   4u
#define RING_BYTES_MAX 8192u
#define BUFFER_GPA     RING_BYTES_MAX
#define BUFFER_BYTES   16u /* a request of 8 bytes and its answer of 8 */
#define BUFFERS        QUEUE_SIZE
#define MEMORY_BYTES   (BUFFER_GPA + BUFFER_BYTES * BUFFERS)
#define GROUP_MAX      4u
#define SPINS          400u
#define POLLS          120u /* looks at the ring before asking to be notified, at most */
#define ANSWER_KEY     UINT64_C(0x5a5a1234deadbeef)
#define LOST_WAKE_UP   3

enum side {
    DRIVER,
    DEVICE
};

struct world {
    uint8_t memory[MEMORY_BYTES] __attribute__((aligned(4096)));
    struct bnt_vq_slot slots[QUEUE_SIZE];
    struct bnt_vq_drv drv;
    struct bnt_vq_dev dev;
    struct bnt_mem mem;
    uint64_t features;
    uint32_t buffers;
    pthread_mutex_t lock;
    pthread_cond_t wake[2];
    bool asleep[2];   /* under lock */
    bool notified[2]; /* stored under lock, loaded without it while spinning */
    bool done;        /* as notified */
    bool lost;        /* under lock while both run */
    bool wrong;       /* as done */
    uint32_t sleeps[2];
};

typedef uint16_t __attribute__((may_alias)) wire_u16;

/* Indices, flags and event fields are 2 bytes, and the only ones that both sides may access at the
 * same time; all else is ordered by them, and is copied as plain memory. */
static bnt_status memory_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    const struct world *w = opaque;

    if (bytes == 2 && (gpa & 1u) == 0) {
        const uint16_t raw =
            __atomic_load_n((const wire_u16 *)(const void *)&w->memory[gpa], ACCESS_LOAD);
        memcpy(dst, &raw, sizeof(raw));
    } else {
        memcpy(dst, &w->memory[gpa], bytes);
    }
    return BNT_OK;
}

static bnt_status memory_write(void *opaque, uint64_t gpa, const void *src, uint32_t bytes)
{
    struct world *w = opaque;

    if (bytes == 2 && (gpa & 1u) == 0) {
        uint16_t raw;
        memcpy(&raw, src, sizeof(raw));
        __atomic_store_n((wire_u16 *)(void *)&w->memory[gpa], raw, ACCESS_STORE);
    } else {
        memcpy(&w->memory[gpa], src, bytes);
    }
    return BNT_OK;
}

static bool over(const struct world *w)
{
    return __atomic_load_n(&w->done, __ATOMIC_ACQUIRE);
}

static void notify(struct world *w, enum side side)
{
    pthread_mutex_lock(&w->lock);
    __atomic_store_n(&w->notified[side], true, __ATOMIC_RELEASE);
    pthread_cond_signal(&w->wake[side]);
    pthread_mutex_unlock(&w->lock);
}

/** Ends the run for both. */
static void finish(struct world *w, bool wrong)
{
    pthread_mutex_lock(&w->lock);
    w->wrong = w->wrong || wrong;
    __atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&w->wake[DRIVER]);
    pthread_cond_broadcast(&w->wake[DEVICE]);
    pthread_mutex_unlock(&w->lock);
}

/** Waits for a notification, first awake for a moment so that the sides meet more often. */
static void sleep_until_notified(struct world *w, enum side side)
{
    const enum side peer = side == DRIVER ? DEVICE : DRIVER;

    for (unsigned i = 0; i < SPINS && !__atomic_load_n(&w->notified[side], __ATOMIC_ACQUIRE); i++) {
    }
    pthread_mutex_lock(&w->lock);
    w->asleep[side] = true;
    w->sleeps[side]++;
    while (!w->notified[side] && !w->done) {
        if (w->asleep[peer] && !w->notified[peer]) {
            w->lost = true;
            __atomic_store_n(&w->done, true, __ATOMIC_RELEASE);
            pthread_cond_signal(&w->wake[peer]);
            break;
        }
        pthread_cond_wait(&w->wake[side], &w->lock);
    }
    w->asleep[side] = false;
    __atomic_store_n(&w->notified[side], false, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&w->lock);
}

static uint32_t draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 16) % below;
}

/** A buffer's place is its index; which head carries it is remembered here. */
struct driver {
    uint64_t value[BUFFERS];
    uint8_t buffer_of[QUEUE_SIZE];
    bool used[BUFFERS];
    uint32_t out;
    uint32_t sent;
    uint32_t random;
};

static void driver_add(struct world *w, struct driver *d, uint32_t depth)
{
    while (d->sent < w->buffers && d->out < depth) {
        uint16_t head = 0;
        uint32_t i = 0;
        while (d->used[i]) {
            i++;
        }
        const uint64_t gpa = BUFFER_GPA + (uint64_t)BUFFER_BYTES * i;
        const struct bnt_vq_seg segs[] = {{gpa, 8}, {gpa + 8, 8}};
        const uint64_t value = d->sent * UINT64_C(0x9e3779b97f4a7c15) + 1;
        memcpy(&w->memory[gpa], &value, sizeof(value));
        if (bnt_vq_drv_add(&w->drv, segs, 1, 1, &head) != BNT_OK) {
            break;
        }
        d->used[i] = true;
        d->value[i] = value;
        d->buffer_of[head] = (uint8_t)i;
        d->out++;
        d->sent++;
    }
    if (bnt_vq_drv_publish(&w->drv)) {
        notify(w, DEVICE);
    }
}

/** Takes what came back; false if an answer is wrong. */
static bool driver_pop(struct world *w, struct driver *d, uint32_t *popped)
{
    struct bnt_diag diag;
    uint16_t head = 0;
    uint32_t len = 0;
    bnt_status status;

    *popped = 0;
    while ((status = bnt_vq_drv_pop(&w->drv, &head, &len, &diag)) == BNT_OK) {
        const uint32_t i = d->buffer_of[head];
        uint64_t answer;
        memcpy(&answer, &w->memory[BUFFER_GPA + BUFFER_BYTES * i + 8], sizeof(answer));
        if (!d->used[i] || len != 8 || answer != (d->value[i] ^ ANSWER_KEY)) {
            return false;
        }
        d->used[i] = false;
        d->out--;
        ++*popped;
    }
    return status == BNT_E_AGAIN;
}

static void *driver_run(void *opaque)
{
    struct world *w = opaque;
    struct driver d = {.random = 1};
    uint32_t popped = 0;
    bool right = true;

    while (right && !over(w) && (d.out > 0 || d.sent < w->buffers)) {
        const uint32_t depth = 1 + draw(&d.random, QUEUE_SIZE / 2);
        driver_add(w, &d, depth);
        bnt_vq_drv_set_interrupts_wanted(&w->drv, false);
        popped = 0;
        for (uint32_t polls = draw(&d.random, POLLS); right && popped == 0 && polls > 0; polls--) {
            right = driver_pop(w, &d, &popped);
        }
        if (right && popped == 0) {
            bnt_vq_drv_set_interrupts_wanted(&w->drv, true);
            right = driver_pop(w, &d, &popped);
            if (right && popped == 0 && d.out > 0) {
                sleep_until_notified(w, DRIVER);
            }
        }
    }
    finish(w, !right);
    return NULL;
}

static bool device_answer(struct world *w, const struct bnt_vq_chain *chain)
{
    uint64_t value = 0;

    if (bnt_vq_chain_read(chain, &w->mem, 0, &value, sizeof(value)) != BNT_OK) {
        return false;
    }
    value ^= ANSWER_KEY;
    return bnt_vq_chain_write(chain, &w->mem, 0, &value, sizeof(value)) == BNT_OK;
}

/** Takes up to a few buffers and gives them back youngest first. */
static bnt_status device_group(struct world *w, uint32_t most)
{
    uint16_t heads[GROUP_MAX];
    struct bnt_vq_seg segs[QUEUE_SIZE];
    struct bnt_vq_chain chain = {.segs = segs, .seg_max = QUEUE_SIZE};
    struct bnt_diag diag;
    bnt_status status = BNT_OK;
    uint32_t count = 0;
    bool due = false;

    while (count < most && (status = bnt_vq_dev_pop(&w->dev, &w->mem, &chain, &diag)) == BNT_OK) {
        if (!device_answer(w, &chain)) {
            return BNT_E_RING;
        }
        heads[count++] = chain.head;
    }
    while (count > 0 && (status == BNT_OK || status == BNT_E_AGAIN)) {
        const bnt_status pushed = bnt_vq_dev_push(&w->dev, &w->mem, heads[--count], 8, &diag);
        status = pushed == BNT_OK ? status : pushed;
    }
    if ((status == BNT_OK || status == BNT_E_AGAIN) &&
        bnt_vq_dev_check_interrupt_due(&w->dev, &w->mem, &due, &diag) != BNT_OK) {
        status = BNT_E_RING;
    }
    if (due) {
        notify(w, DRIVER);
    }
    return status;
}

static void *device_run(void *opaque)
{
    struct world *w = opaque;
    struct bnt_diag diag;
    uint32_t random = 2;
    bnt_status status = BNT_OK;

    while (!over(w) && (status == BNT_OK || status == BNT_E_AGAIN)) {
        status = bnt_vq_dev_set_kicks_wanted(&w->dev, &w->mem, false, &diag);
        for (uint32_t polls = draw(&random, POLLS);
             polls > 0 && (status == BNT_OK || status == BNT_E_AGAIN); polls--) {
            status = device_group(w, 1 + draw(&random, GROUP_MAX));
        }
        if (status == BNT_OK || status == BNT_E_AGAIN) {
            status = bnt_vq_dev_set_kicks_wanted(&w->dev, &w->mem, true, &diag);
        }
        if (status == BNT_OK) {
            status = device_group(w, 1 + draw(&random, GROUP_MAX));
        }
        if (status == BNT_E_AGAIN) {
            sleep_until_notified(w, DEVICE);
        }
    }
    if (status != BNT_OK && status != BNT_E_AGAIN) {
        finish(w, true);
    }
    return NULL;
}

static void *memory_map(void *opaque, const struct bnt_mem_region *region)
{
    struct world *w = opaque;

    return w->memory + region->gpa;
}

static bool world_init(struct world *w, uint64_t features, uint32_t buffers, bool mapped)
{
    const struct bnt_mem_ops ops = {.size = sizeof(ops),
                                    .read = memory_read,
                                    .write = memory_write,
                                    .map = mapped ? memory_map : NULL};
    const struct bnt_mem_region ram = {0, MEMORY_BYTES};
    const struct bnt_vq_parts parts = bnt_vq_compute_layout_for_features(QUEUE_SIZE, features);
    const struct bnt_vq_drv_config config = {.size = sizeof(config),
                                             .queue_size = QUEUE_SIZE,
                                             .indirect_max = INDIRECT_MAX,
                                             .features = features,
                                             .ring = w->memory,
                                             .slots = w->slots};
    struct bnt_diag diag;

    w->features = features;
    w->buffers = buffers;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake[DRIVER], NULL);
    pthread_cond_init(&w->wake[DEVICE], NULL);
    return bnt_vq_drv_compute_ring_bytes_for_features(QUEUE_SIZE, INDIRECT_MAX, features) <=
               RING_BYTES_MAX &&
           bnt_mem_init(&w->mem, &ops, w, &ram, 1) == BNT_OK &&
           bnt_vq_drv_init(&w->drv, &config) == BNT_OK &&
           bnt_vq_dev_init(&w->dev, &w->mem, 0, QUEUE_SIZE, parts.desc, parts.avail, parts.used,
                           features, &diag) == BNT_OK;
}

static int run(uint64_t features, uint32_t buffers, bool mapped)
{
    static struct world w;
    pthread_t driver;
    pthread_t device;

    memset(&w, 0, sizeof(w));
    if (!world_init(&w, features, buffers, mapped) ||
        pthread_create(&device, NULL, device_run, &w) != 0) {
        return 1;
    }
    if (pthread_create(&driver, NULL, driver_run, &w) != 0) {
        exit(1);
    }
    pthread_join(driver, NULL);
    pthread_join(device, NULL);
    printf("%s%s%s%s%s: %s, %u and %u sleeps\n",
           (features & BNT_F_RING_PACKED) != 0 ? "packed" : "split",
           (features & BNT_F_RING_EVENT_IDX) != 0 ? " event_idx" : "",
           (features & BNT_F_RING_INDIRECT_DESC) != 0 ? " indirect" : "",
           (features & BNT_F_IN_ORDER) != 0 ? " in_order" : "", mapped ? " mapped" : "",
           w.wrong  ? "WRONG"
           : w.lost ? "LOST WAKE-UP"
                    : "ok",
           w.sleeps[DRIVER], w.sleeps[DEVICE]);
    return w.wrong ? 1 : w.lost ? LOST_WAKE_UP : 0;
}

int main(int argc, char **argv)
{
    static const uint64_t options[] = {BNT_F_RING_PACKED, BNT_F_RING_EVENT_IDX,
                                       BNT_F_RING_INDIRECT_DESC, BNT_F_IN_ORDER};
    const uint32_t buffers = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
    int worst = 0;

    for (unsigned chosen = 0; chosen < 32 && worst != 1; chosen++) {
        uint64_t features = BNT_F_VERSION_1;
        for (unsigned i = 0; i < 4; i++) {
            features |= (chosen >> i & 1u) != 0 ? options[i] : 0;
        }
        const int result = run(features, buffers, chosen >= 16);
        worst = result == 0 ? worst : result;
    }
    return worst;
}
