/*
 * What all libraries of Ballonet share: status codes, faults, little-endian wire types, hashing.
 *
 * No library allocates memory, has global variables, reads a clock or uses floating point. Every
 * struct that a caller fills begins with its own `size`: zero the struct, set `size = sizeof`, then
 * set the members that you need. As long as the version is 0.1, a new release can change the
 * structs.
 *
 * A bug of a library ends in an assertion. After a mistake of the caller, a function returns a
 * status, for example E_ARGUMENT for a NULL pointer that is not allowed. A peer that misbehaves
 * never crashes a library: the library sets a state that lasts until a reset, increments a counter,
 * and fills in a `bnt_diag`.
 *
 * Words: a GPA is a guest-physical address; a PFN names 4 KiB at such an address, whatever the
 * guest's page size is; a page is the guest's own page; a kick is a notification from driver to
 * device; an interrupt is a notification from device to driver.
 */
#ifndef BALLONET_BASE_H
#define BALLONET_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BNT_VERSION_MAJOR 0
#define BNT_VERSION_MINOR 1
#define BNT_VERSION_PATCH 0

#if defined(__GNUC__) || defined(__clang__)
#define BNT_MUST_USE __attribute__((warn_unused_result))
#else
#define BNT_MUST_USE
#endif

/** Bytes of one PFN: always 4096 on the wire (VIRTIO 1.3, 5.5.6). */
#define BNT_PFN_SHIFT 12
#define BNT_PFN_BYTES (UINT64_C(1) << BNT_PFN_SHIFT)

/** The largest PFN that fits the wire's le32: 16 TiB of guest memory. */
#define BNT_PFN_MAX UINT64_C(0xFFFFFFFF)

/* clang-format off */
/**
 * The statuses that functions return. A row has the name, number and sentence. 0 is success, every
 * other number is negative. A number never changes its meaning.
 */
#define BNT_STATUS_MAP(X)                                                                          \
    X(OK,             0, "success")                                                                \
    X(E_ARGUMENT,    -1, "an argument is missing, out of range or contradicts another")            \
    X(E_SIZE,        -2, "a struct's size field is not one that this library knows")               \
    X(E_STATE,       -3, "the call is not allowed in the present state")                           \
    X(E_REENTRANT,   -4, "the instance was called from inside one of its own callbacks")           \
    X(E_STORAGE,     -5, "the storage is too small or not aligned")                                \
    X(E_LIMIT,       -6, "a named limit was exceeded")                                             \
    X(E_NO_MEMORY,   -7, "the allocator had nothing to give")                                      \
    X(E_UNSUPPORTED, -8, "not supported here, or not negotiated with the peer")                    \
    X(E_AGAIN,       -9, "nothing to do now; call again after the next event")                     \
    X(E_BROKEN,     -10, "the peer broke the rules; latched until the device is reset")            \
    X(E_RANGE,      -11, "a guest address range is not memory")                                    \
    X(E_RING,       -12, "the peer's ring is malformed")                                           \
    X(E_MESSAGE,    -13, "the peer's message is malformed")                                        \
    X(E_FEATURES,   -14, "feature negotiation failed")                                             \
    X(E_CONFIG,     -15, "the configuration space never settled")                                  \
    X(E_CALLBACK,   -16, "a callback of the embedder failed")                                      \
    X(E_FULL,       -17, "the queue has no room for the request")                                  \
    X(E_SAVED_STATE, -18, "a saved state is damaged, of another version, or of another device")    \
    X(E_EXCLUSIVE,  -19, "two features exclude each other")

/**
 * What a peer did wrong. A row has the name, number and sentence. A fault comes with status E_RING,
 * E_RANGE, E_MESSAGE, E_CONFIG or E_FEATURES. A number never changes its meaning.
 */
#define BNT_FAULT_MAP(X)                                                                           \
    X(NONE,                  0, "no fault")                                                        \
    X(AVAIL_INDEX_JUMP,      1, "avail.idx moved by more than the queue's size")                   \
    X(HEAD_RANGE,            2, "an available entry names a descriptor outside the table")         \
    X(DESC_NEXT_RANGE,       3, "a descriptor's next is outside the table")                        \
    X(DESC_LOOP,             4, "a descriptor chain is longer than the queue: it loops")           \
    X(DESC_ORDER,            5, "a device-readable descriptor follows a device-writable one")      \
    X(DESC_BYTES,            6, "a chain holds more than 2^32 bytes")                              \
    X(DESC_ADDRESS,          7, "a descriptor points outside guest memory")                        \
    X(CHAIN_SEGMENTS,        8, "a chain has more descriptors than the device's limit")            \
    X(INDIRECT_UNEXPECTED,   9, "an indirect descriptor came, but the feature was not negotiated")  \
    X(INDIRECT_NESTED,      10, "an indirect descriptor inside an indirect table")                 \
    X(INDIRECT_AND_NEXT,    11, "a descriptor has both INDIRECT and NEXT")                         \
    X(INDIRECT_LENGTH,      12, "an indirect table is empty or not a multiple of 16 bytes")        \
    X(RING_ADDRESS,         13, "a ring lies outside guest memory")                                \
    X(RING_ALIGNMENT,       14, "a ring is not aligned as its part must be")                       \
    X(RING_SIZE,            15, "a queue's size is 0, over the limit, or no power of two if split")\
    X(USED_INDEX_JUMP,      16, "used.idx moved by more than what is outstanding")                 \
    X(USED_ID_RANGE,        17, "a used id is outside the table")                                  \
    X(USED_ID_UNKNOWN,      18, "a used id is not outstanding, or was used twice")                 \
    X(USED_LENGTH,          19, "a used length exceeds the writable bytes of its request")         \
    X(CONFIG_UNSETTLED,     20, "the configuration generation changed on every read")              \
    X(FEATURE_DEPENDENCY,   21, "a feature was offered or accepted without what it depends on")    \
    X(FEATURES_REFUSED,     22, "the device refused the features: FEATURES_OK did not stick")      \
    X(FEATURE_VERSION_1,    23, "VERSION_1 was not offered or not accepted")                       \
    X(FEATURES_UNOFFERED,   24, "a feature was accepted or required, not offered")                 \
    X(STATUS_CLEARED,       25, "a status bit was cleared without a reset")                        \
    X(STATUS_ORDER,         26, "a status bit was set out of order")                               \
    X(RESET_UNFINISHED,     27, "the device status never read back 0 after a reset")               \
    X(REQUEST_EMPTY,        28, "a request carries no PFN")                                        \
    X(REQUEST_LENGTH,       29, "a request's length is not a whole number of PFNs")                \
    X(REQUEST_TOO_LONG,     30, "a request carries more PFNs than the device's limit")             \
    X(REQUEST_NO_VERDICTS,  31, "a request leaves no room for its verdicts")                       \
    X(REQUEST_PFN_RANGE,    32, "a PFN is not guest memory")                                       \
    X(REQUEST_NOT_HELD,     33, "a deflate names a page that is not in the balloon")               \
    X(REQUEST_HELD,         34, "an inflate names a page that is in the balloon already")          \
    X(REPORT_BALLOONED,     35, "a free page report covers a page in the balloon")                 \
    X(REPORT_RANGE,         36, "a free page report covers an address that is not guest memory")   \
    X(REPORT_READABLE,      37, "a free page report has device-readable bytes")                    \
    X(STATS_LENGTH,         38, "a statistics buffer is not a whole number of entries, or too big")\
    X(STATS_SECOND,         39, "a second statistics buffer came while the device has one")        \
    X(NEEDS_RESET,          40, "the device asks for a reset (DEVICE_NEEDS_RESET)")                \
    X(QUEUE_MISSING,        41, "a queue that the negotiated features need does not exist")        \
    X(VERDICT_UNKNOWN,      42, "a verdict is missing or has no known value")                      \
    X(USED_ORDER,           43, "a buffer came back before an older one under IN_ORDER")           \
    X(DESC_UNAVAILABLE,     44, "a packed chain goes on in a descriptor that is not available")    \
    X(DESC_OVERRUN,         45, "a packed ring offers descriptors that the device still holds")    \
    X(BUFFER_ID_TWICE,      46, "a packed buffer has the id of another one that is in flight")     \
    X(CALL_UNKNOWN,         47, "a call with an unknown command")                                  \
    X(CALL_NOT_NEGOTIATED,      48, "a call with a command whose capability was not negotiated")       \
    X(CALL_COUNT,           49, "a batch has no entries, or more than its page holds")             \
    X(CALL_BATCH_PAGE,      50, "a batch page is not guest memory")                                \
    X(CALL_LIMIT,           51, "a limit has more than 32 bits without 64_BIT_TARGET")             \
    X(NOTIFY_DATA,          52, "a notification's data name a position ahead of the ring")         \
    X(POISON_CHANGED,       53, "poison_val was written to a running device")                      \
    X(REQUEST_NO_BITMAP,    54, "an inflate leaves no room for its bitmap of initialised pages")       \
    X(HINT_LENGTH,          55, "a free page hint's command is not 4 bytes")                     \
    X(HINT_RANGE,           56, "a free page hint covers an address that is not guest memory")   \
    X(HINT_BALLOONED,       57, "a free page hint covers a page in the balloon")                   \
    X(REQUEST_FLAGS,        58, "a request has an unknown flag")                                   \
    X(WS_BUFFER,            59, "a working-set buffer has a wrong length, or is one too many")      \
    X(BATCH_PAGE_BEYOND,    60, "the batch page has no PFN of 32 bits")                             \
    X(QUEUE_LAYOUT,         61, "a driver gave up; it may number the queues in another way") \
    X(QUEUE_RESET,          62, "the device did not end the reset of a queue in time")             \
    X(DEVICE_WAS_RESET,     63, "the device was reset behind its driver: DRIVER_OK is gone")
/* clang-format on */

typedef enum bnt_status {
#define BNT_X(name, number, sentence) BNT_##name = (number),
    BNT_STATUS_MAP(BNT_X)
#undef BNT_X
} bnt_status;

typedef enum bnt_fault {
#define BNT_X(name, number, sentence) BNT_FAULT_##name = (number),
    BNT_FAULT_MAP(BNT_X)
#undef BNT_X
    BNT_FAULT_COUNT
} bnt_fault;

/** The name of a status without its prefix ("E_RANGE"); "UNKNOWN" for a value that is no status.
 * Never NULL. */
const char *bnt_status_name(bnt_status status);

/** One sentence for a status, without a full stop. Never NULL. */
const char *bnt_status_text(bnt_status status);

/** The name of a fault without its prefix ("DESC_LOOP"); "UNKNOWN" for a value that is no fault.
 * Never NULL. */
const char *bnt_fault_name(bnt_fault fault);

/** One sentence for a fault, without a full stop. Never NULL. */
const char *bnt_fault_text(bnt_fault fault);

/**
 * Where and how a peer broke the rules. The struct belongs to the caller, and is an optional
 * argument of every function that has it. Functions write it only when they return E_RING, E_RANGE,
 * E_MESSAGE, E_CONFIG or E_FEATURES. A member that does not apply is 0.
 */
struct bnt_diag {
    uint32_t size; /**< sizeof(struct bnt_diag) */
    bnt_status status;
    bnt_fault fault;
    uint32_t queue;    /**< queue index */
    uint32_t head;     /**< head descriptor of the chain, or the used id */
    uint32_t desc;     /**< the wrong descriptor */
    uint64_t gpa;      /**< the wrong address, in bytes */
    uint64_t expected; /**< the bound, or the correct value */
    uint64_t found;    /**< the value that was found */
};

/*
 * Little-endian values on the wire. The types are structs of bytes: a missing conversion does not
 * compile, and no alignment is assumed.
 */
typedef struct bnt_le16 {
    uint8_t b[2];
} bnt_le16;
typedef struct bnt_le32 {
    uint8_t b[4];
} bnt_le32;
typedef struct bnt_le64 {
    uint8_t b[8];
} bnt_le64;

/* Copies of a known size, which compilers make one load or store, also in a freestanding build; a
 * loop over bytes would stay a loop. */
static inline uint16_t bnt_le16_to_cpu(bnt_le16 v)
{
    uint16_t value;
    __builtin_memcpy(&value, v.b, sizeof value);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap16(value) : value;
}

static inline uint32_t bnt_le32_to_cpu(bnt_le32 v)
{
    uint32_t value;
    __builtin_memcpy(&value, v.b, sizeof value);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(value) : value;
}

static inline uint64_t bnt_le64_to_cpu(bnt_le64 v)
{
    uint64_t value;
    __builtin_memcpy(&value, v.b, sizeof value);
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(value) : value;
}

static inline bnt_le16 bnt_cpu_to_le16(uint16_t v)
{
    const uint16_t value = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap16(v) : v;
    bnt_le16 w;
    __builtin_memcpy(w.b, &value, sizeof w);
    return w;
}

static inline bnt_le32 bnt_cpu_to_le32(uint32_t v)
{
    const uint32_t value = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap32(v) : v;
    bnt_le32 w;
    __builtin_memcpy(w.b, &value, sizeof w);
    return w;
}

static inline bnt_le64 bnt_cpu_to_le64(uint64_t v)
{
    const uint64_t value = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(v) : v;
    bnt_le64 w;
    __builtin_memcpy(w.b, &value, sizeof w);
    return w;
}

/*
 * The legacy interface has values in the byte order of the guest (VIRTIO 1.3, 2.4.3). The same
 * types contain such values, and `big` says whether the value is big-endian. Big-endian guests are
 * rare. Therefore the code uses a branch and no conditional move: the branch costs other guests
 * nothing.
 */
typedef enum bnt_byte_order {
    BNT_BYTE_ORDER_NATIVE = 0, /**< byte order of the machine that runs this code */
    BNT_BYTE_ORDER_LITTLE,
    BNT_BYTE_ORDER_BIG
} bnt_byte_order;

static inline bool bnt_is_byte_order_big(bnt_byte_order order)
{
    return order == BNT_BYTE_ORDER_BIG ||
           (order == BNT_BYTE_ORDER_NATIVE && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

static inline uint16_t bnt_guest16_to_cpu(bnt_le16 v, bool big)
{
    const uint16_t value = bnt_le16_to_cpu(v);
    if (__builtin_expect(big, 0)) {
        return __builtin_bswap16(value);
    }
    return value;
}

static inline uint32_t bnt_guest32_to_cpu(bnt_le32 v, bool big)
{
    const uint32_t value = bnt_le32_to_cpu(v);
    if (__builtin_expect(big, 0)) {
        return __builtin_bswap32(value);
    }
    return value;
}

static inline uint64_t bnt_guest64_to_cpu(bnt_le64 v, bool big)
{
    const uint64_t value = bnt_le64_to_cpu(v);
    if (__builtin_expect(big, 0)) {
        return __builtin_bswap64(value);
    }
    return value;
}

static inline bnt_le16 bnt_cpu_to_guest16(uint16_t v, bool big)
{
    if (__builtin_expect(big, 0)) {
        v = __builtin_bswap16(v);
    }
    return bnt_cpu_to_le16(v);
}

static inline bnt_le32 bnt_cpu_to_guest32(uint32_t v, bool big)
{
    if (__builtin_expect(big, 0)) {
        v = __builtin_bswap32(v);
    }
    return bnt_cpu_to_le32(v);
}

static inline bnt_le64 bnt_cpu_to_guest64(uint64_t v, bool big)
{
    if (__builtin_expect(big, 0)) {
        v = __builtin_bswap64(v);
    }
    return bnt_cpu_to_le64(v);
}

/** Mixes the bits of x, so that a change of one bit changes about half of the 64 bits. The function
 * is a bijection, and the same on every machine. */
static inline uint64_t bnt_mix64(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xE9846AF9B1A615D);
    x ^= x >> 32;
    x *= UINT64_C(0xE9846AF9B1A615D);
    x ^= x >> 28;
    return x;
}

/** Adds one value to a hash, which depends on the order of the values. */
static inline uint64_t bnt_add_to_hash(uint64_t hash, uint64_t value)
{
    return bnt_mix64(hash ^ value) + UINT64_C(0x9E3779B97F4A7C15);
}

#ifdef __cplusplus
}
#endif
#endif
