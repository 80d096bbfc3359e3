#include "tests/support/fake_buffers.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct fake_buffers fake_buffers;

static bnt_status buffers_pop(void *opaque, uint16_t queue, struct bnt_vq_chain *chain,
                              struct bnt_diag *diag)
{
    const uint32_t count = fake_buffers.segments;

    (void)opaque;
    (void)queue;
    (void)diag;
    if (fake_buffers.left == 0) {
        return BNT_E_AGAIN;
    }
    fake_buffers.left--;
    ck_assert_uint_ge(chain->seg_max, count);
    for (uint32_t i = 0; i < count; i++) {
        chain->segs[i] =
            (struct bnt_vq_seg){(FAKE_FIRST_PFN + 2 * i) << BNT_PFN_SHIFT, (uint32_t)BNT_PFN_BYTES};
    }
    chain->writable_count = count;
    chain->writable_bytes = (uint64_t)count << BNT_PFN_SHIFT;
    chain->head = FAKE_BUFFERS_HEAD;
    return BNT_OK;
}

static bnt_status buffers_read(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                               uint64_t offset, void *dst, uint32_t bytes)
{
    (void)opaque;
    (void)queue;
    (void)chain;
    (void)offset;
    memset(dst, 0, bytes);
    return BNT_OK;
}

static bnt_status buffers_write(void *opaque, uint16_t queue, const struct bnt_vq_chain *chain,
                                uint64_t offset, const void *src, uint32_t bytes)
{
    (void)opaque;
    (void)queue;
    (void)chain;
    (void)offset;
    (void)src;
    (void)bytes;
    return BNT_OK;
}

static bnt_status buffers_push(void *opaque, uint16_t queue, uint16_t head, uint32_t len,
                               struct bnt_diag *diag)
{
    (void)opaque;
    (void)queue;
    (void)len;
    (void)diag;
    fake_buffers.head = head;
    fake_buffers.pushed++;
    return BNT_OK;
}

const struct bnt_queue_provider fake_buffers_provider = {.size = sizeof(fake_buffers_provider),
                                                         .pop = buffers_pop,
                                                         .read = buffers_read,
                                                         .write = buffers_write,
                                                         .push = buffers_push};

struct bnt_host *fake_host_on(struct fake_driver *fake, const struct bnt_queue_provider *provider,
                              void **storage)
{
    struct bnt_host *host = NULL;
    size_t bytes = 0;

    ck_assert_int_eq(bnt_host_compute_footprint(&fake->config, &bytes), BNT_OK);
    *storage = malloc(bytes);
    ck_assert_ptr_nonnull(*storage);
    ck_assert_int_eq(bnt_host_init(*storage, bytes, &fake->config, &fake->ops, fake, &fake->mem,
                                   provider, &host),
                     BNT_OK);
    return host;
}

void fake_host_start(struct bnt_host *host, uint64_t features)
{
    static const uint8_t steps[] = {1, 3, 11, 15};

    fake_buffers.left = 0;
    for (uint32_t i = 0; i < sizeof(steps); i++) {
        ck_assert(steps[i] != 11 || bnt_host_features_write(host, features) == BNT_OK);
        ck_assert_int_eq(bnt_host_status_write(host, 1, steps[i]), BNT_OK);
    }
    ck_assert_int_eq(bnt_host_step(host, 2, 8, NULL), BNT_OK);
}
