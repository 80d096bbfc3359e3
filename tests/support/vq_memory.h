/*
 * Guest memory of the ring tests: one buffer, and little-endian
 * access to it.
 *
 * The callbacks abort on a range outside the buffer: the map must never let one through. Included
 * by test_vq_*.c and test_memory.c.
 */
#ifndef TESTS_SUPPORT_VQ_MEMORY_H
#define TESTS_SUPPORT_VQ_MEMORY_H

#include <ballonet/memory.h>

#include <stdlib.h>
#include <string.h>

#define VQ_MEMORY_BYTES UINT32_C(0x100000)
#define VQ_MEMORY_GPA   UINT64_C(0x10000)

struct vq_memory {
    struct bnt_mem mem;
    uint32_t copies;  /**< calls so far */
    uint32_t fail_at; /**< the call that fails; 0: none */
    uint32_t maps;    /**< times that the map was asked for the address of its region */
    bool unmapped;    /**< the map then has none */
    uint8_t *bytes;
};

static inline uint8_t *vq_memory_at(struct vq_memory *memory, uint64_t gpa, uint64_t bytes)
{
    if (gpa < VQ_MEMORY_GPA || gpa - VQ_MEMORY_GPA > VQ_MEMORY_BYTES ||
        bytes > VQ_MEMORY_BYTES - (gpa - VQ_MEMORY_GPA)) {
        abort();
    }
    return memory->bytes + (gpa - VQ_MEMORY_GPA);
}

static inline bnt_status vq_memory_read(void *opaque, uint64_t gpa, void *dst, uint32_t bytes)
{
    struct vq_memory *memory = opaque;
    const uint8_t *from = vq_memory_at(memory, gpa, bytes);

    if (++memory->copies == memory->fail_at) {
        return BNT_E_CALLBACK;
    }
    memcpy(dst, from, bytes);
    return BNT_OK;
}

static inline bnt_status vq_memory_write(void *opaque, uint64_t gpa, const void *src,
                                         uint32_t bytes)
{
    struct vq_memory *memory = opaque;
    uint8_t *to = vq_memory_at(memory, gpa, bytes);

    if (++memory->copies == memory->fail_at) {
        return BNT_E_CALLBACK;
    }
    memcpy(to, src, bytes);
    return BNT_OK;
}

static inline void *vq_memory_map(void *opaque, const struct bnt_mem_region *region)
{
    struct vq_memory *memory = opaque;

    memory->maps++;
    return memory->unmapped ? NULL : vq_memory_at(memory, region->gpa, region->bytes);
}

static inline bnt_status vq_memory_open(struct vq_memory *memory)
{
    const struct bnt_mem_ops ops = {
        .size = sizeof(ops), .read = vq_memory_read, .write = vq_memory_write};
    const struct bnt_mem_region region = {VQ_MEMORY_GPA, VQ_MEMORY_BYTES};

    memset(memory, 0, sizeof(*memory));
    memory->bytes = aligned_alloc(64, VQ_MEMORY_BYTES);
    if (memory->bytes == NULL) {
        return BNT_E_NO_MEMORY;
    }
    memset(memory->bytes, 0, VQ_MEMORY_BYTES);
    return bnt_mem_init(&memory->mem, &ops, memory, &region, 1);
}

static inline void vq_memory_close(struct vq_memory *memory)
{
    free(memory->bytes);
    memory->bytes = NULL;
}

static inline uint16_t vq_memory_get16(struct vq_memory *memory, uint64_t gpa)
{
    bnt_le16 wire;
    memcpy(&wire, vq_memory_at(memory, gpa, sizeof(wire)), sizeof(wire));
    return bnt_le16_to_cpu(wire);
}

static inline uint32_t vq_memory_get32(struct vq_memory *memory, uint64_t gpa)
{
    bnt_le32 wire;
    memcpy(&wire, vq_memory_at(memory, gpa, sizeof(wire)), sizeof(wire));
    return bnt_le32_to_cpu(wire);
}

static inline void vq_memory_set16(struct vq_memory *memory, uint64_t gpa, uint16_t value)
{
    const bnt_le16 wire = bnt_cpu_to_le16(value);
    memcpy(vq_memory_at(memory, gpa, sizeof(wire)), &wire, sizeof(wire));
}

static inline void vq_memory_set32(struct vq_memory *memory, uint64_t gpa, uint32_t value)
{
    const bnt_le32 wire = bnt_cpu_to_le32(value);
    memcpy(vq_memory_at(memory, gpa, sizeof(wire)), &wire, sizeof(wire));
}

#endif
