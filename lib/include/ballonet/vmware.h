/*
 * VMware's balloon wire: every constant and layout that its guest side and its host side share.
 *
 * This is the second wire of the same two cores. The guest makes a call with a command and two
 * arguments, and the hypervisor answers at once with a status and one result. The wire has no
 * queues and no interrupts except an optional doorbell. The two sides share only this header, as
 * they share only <ballonet/balloon.h> on VIRTIO's wire. The wire has two protocols: version 2 of
 * 2010 (START, GET_TARGET, LOCK, UNLOCK, GUEST_ID), and the newer protocol with capabilities.
 *
 * Any status except SUCCESS refuses a page, even a status that this header does not know. The page
 * then belongs to the guest as before.
 */
#ifndef BALLONET_VMWARE_H
#define BALLONET_VMWARE_H

#include <ballonet/balloon.h>
#include <ballonet/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The backdoor, for embedders that execute it: the instruction `in` from this port. Before the
 * instruction, eax is the magic, ecx the command, ebx the first argument, and esi the second
 * argument. After the instruction, eax is the status and ebx the result; the capabilities of START
 * are in ecx. */
#define BNT_VMWARE_PORT  0x5670u
#define BNT_VMWARE_MAGIC 0x456C6D6Fu

/** START's argument in the protocol of 2010; the newer protocol passes capabilities instead. */
#define BNT_VMWARE_PROTOCOL_2010 2u

/* clang-format off */
/**
 * Commands: name, number, name in messages, whether a host that wants a reset answers the command
 * with RESET, whether a SUCCESS returns the target. Number 5 was GET_PROTO and is never reused.
 *
 *     START              arg1: BNT_VMWARE_PROTOCOL_2010, or the guest's capabilities
 *     GET_TARGET         arg1: the guest's limit, PFNs; 0: the host's own configuration
 *     LOCK, UNLOCK       arg1: the PFN
 *     GUEST_ID           arg1: a bnt_vmware_guest_id
 *     BATCHED_...        arg1: the PFN of the batch page; arg2: how many entries
 *     VMCI_DOORBELL_SET  arg1: context; arg2: resource; both BNT_VMWARE_DOORBELL_NONE: unset
 */
#define BNT_VMWARE_COMMAND_MAP(X)                                                                  \
    X(START,              0, "start",              false, false)                                   \
    X(GET_TARGET,         1, "get-target",         true,  true)                                    \
    X(LOCK,               2, "lock",               true,  true)                                    \
    X(UNLOCK,             3, "unlock",             true,  true)                                    \
    X(GUEST_ID,           4, "guest-id",           true,  false)                                   \
    X(BATCHED_LOCK,       6, "batched-lock",       true,  true)                                    \
    X(BATCHED_UNLOCK,     7, "batched-unlock",     true,  true)                                    \
    X(BATCHED_2M_LOCK,    8, "batched-2m-lock",    true,  true)                                    \
    X(BATCHED_2M_UNLOCK,  9, "batched-2m-unlock",  true,  true)                                    \
    X(VMCI_DOORBELL_SET, 10, "doorbell-set",       true,  false)

/**
 * Statuses: name, value of a whole call and of a batch entry, name in messages, the verdict with the
 * same meaning for a page. A batch entry has 5 bits for its status, so only calls return FAILURE and
 * SUCCESS_WITH_CAPABILITIES. Only START returns SUCCESS_WITH_CAPABILITIES.
 */
#define BNT_VMWARE_STATUS_MAP(X)                                                                   \
    X(SUCCESS,        0, "success",          ACCEPTED)                                             \
    X(FAILURE,       -1, "failure",          BUSY)                                                 \
    X(CMD_INVALID,    1, "command-invalid",  INVALID)                                              \
    X(PPN_INVALID,    2, "page-invalid",     INVALID)                                              \
    X(PPN_LOCKED,     3, "page-locked",      LOCKED)                                               \
    X(PPN_UNLOCKED,   4, "page-unlocked",    NOT_LOCKED)                                           \
    X(PPN_PINNED,     5, "page-pinned",      PINNED)                                               \
    X(PPN_NOTNEEDED,  6, "page-not-needed",  NOT_NEEDED)                                           \
    X(RESET,          7, "reset",            RESET)                                                \
    X(BUSY,           8, "busy",             BUSY)                                                 \
    X(SUCCESS_WITH_CAPABILITIES, 0x03000000, "success-with-capabilities", BUSY)

/**
 * Capabilities: name, bit, name in messages. Bit 0 is never used. A guest of the short-lived version
 * 3 sets bit 0 in its argument, so it has no capability in common with a host, and falls back to
 * BASIC.
 */
#define BNT_VMWARE_CAP_MAP(X)                                                                      \
    X(BASIC,            1, "basic")                                                                \
    X(BATCHED,          2, "batched")                                                              \
    X(BATCHED_2M,       3, "batched-2m")                                                           \
    X(SIGNALLED_WAKEUP, 4, "signalled-wakeup")                                                     \
    X(64_BIT_TARGET,    5, "64-bit-target")

/** Operating systems of a driver: name, number. */
#define BNT_VMWARE_GUEST_ID_MAP(X)                                                                 \
    X(UNKNOWN,     0)                                                                              \
    X(LINUX,       1)                                                                              \
    X(BSD,         2)                                                                              \
    X(WINDOWS_NT4, 3)                                                                              \
    X(WINDOWS_NT5, 4)                                                                              \
    X(SOLARIS,     5)                                                                              \
    X(MACOS,       6)                                                                              \
    X(FROBOS,      7)
/* clang-format on */

typedef enum bnt_vmware_command {
#define BNT_X(name, number, text, checked, target) BNT_VMWARE_CMD_##name = (number),
    BNT_VMWARE_COMMAND_MAP(BNT_X)
#undef BNT_X
    BNT_VMWARE_CMD_COUNT
} bnt_vmware_command;

typedef enum bnt_vmware_status {
#define BNT_X(name, value, text, verdict) BNT_VMWARE_##name = (value),
    BNT_VMWARE_STATUS_MAP(BNT_X)
#undef BNT_X
} bnt_vmware_status;

typedef enum bnt_vmware_cap {
#define BNT_X(name, bit, text) BNT_VMWARE_CAP_##name = 1 << (bit),
    BNT_VMWARE_CAP_MAP(BNT_X)
#undef BNT_X
} bnt_vmware_cap;

/** Every capability that this library knows. */
#define BNT_VMWARE_CAPS_ALL 0x3Eu

typedef enum bnt_vmware_guest_id {
#define BNT_X(name, number) BNT_VMWARE_GUEST_##name = (number),
    BNT_VMWARE_GUEST_ID_MAP(BNT_X)
#undef BNT_X
} bnt_vmware_guest_id;

/** Context and resource of VMCI_DOORBELL_SET that together mean "no doorbell". */
#define BNT_VMWARE_DOORBELL_NONE UINT32_MAX

/** PFNs of the huge page of a 2M command, as a power of two and as a number. A batch entry names
 * the first PFN. */
#define BNT_VMWARE_2M_ORDER 9u
#define BNT_VMWARE_2M_PFNS  (UINT64_C(1) << BNT_VMWARE_2M_ORDER)

/** Maximum number of entries of the batch page, which is one PFN of guest memory. */
#define BNT_VMWARE_BATCH_MAX 512u

/** Without 64_BIT_TARGET, a limit, a target and a PFN outside a batch have 32 bits. */
#define BNT_VMWARE_PFNS_MAX_32 UINT64_C(0xFFFFFFFF)

/* Bits of a batch entry: 5 for the status that the host writes, 7 that are zero, 52 for the PFN. */
#define BNT_VMWARE_ENTRY_STATUS_MASK 0x1Fu
#define BNT_VMWARE_ENTRY_PFN_SHIFT   12u
#define BNT_VMWARE_ENTRY_PFN_MAX     ((UINT64_C(1) << 52) - 1)

/**
 * One entry of the batch page, in little-endian byte order, because only x86 has the backdoor. If
 * the status of the whole call is not SUCCESS, the guest ignores every entry.
 */
struct bnt_vmware_entry {
    bnt_le64 value;
};

static inline struct bnt_vmware_entry bnt_vmware_make_entry(uint64_t pfn, uint32_t status)
{
    const uint64_t value =
        pfn << BNT_VMWARE_ENTRY_PFN_SHIFT | (status & BNT_VMWARE_ENTRY_STATUS_MASK);
    const struct bnt_vmware_entry entry = {bnt_cpu_to_le64(value)};
    return entry;
}

static inline uint64_t bnt_vmware_get_entry_pfn(struct bnt_vmware_entry entry)
{
    return bnt_le64_to_cpu(entry.value) >> BNT_VMWARE_ENTRY_PFN_SHIFT;
}

static inline uint32_t bnt_vmware_get_entry_status(struct bnt_vmware_entry entry)
{
    return (uint32_t)bnt_le64_to_cpu(entry.value) & BNT_VMWARE_ENTRY_STATUS_MASK;
}

/**
 * Executes a call of the guest, and returns its status: a bnt_vmware_status or any other value.
 * `result` is always written: the target after a SUCCESS of a command that returns it, the
 * capabilities in common after SUCCESS_WITH_CAPABILITIES, 0 otherwise.
 */
typedef int32_t (*bnt_vmware_call)(void *opaque, uint32_t command, uint64_t arg1, uint64_t arg2,
                                   uint64_t *result);

/** "batched-lock" and so on; "unknown" for a value that is no command. */
const char *bnt_vmware_command_name(uint32_t command);

/** "page-pinned" and so on; "unknown" for a value that is no status. */
const char *bnt_vmware_status_name(int32_t status);

/** "batched" and so on for the mask of one capability; "unknown" for another value. */
const char *bnt_vmware_cap_name(uint32_t cap);

/** Whether a host that wants a reset answers this command with RESET: true for every known command
 * except START. */
bool bnt_vmware_can_command_return_reset(uint32_t command);

/** Whether a SUCCESS of this command returns the target. */
bool bnt_vmware_does_command_return_target(uint32_t command);

/** The verdict that a status means for a page; BUSY for an unknown status, so that the host never
 * takes the page. */
bnt_verdict bnt_vmware_get_verdict_for_status(int32_t status);

/** Whether `status` means that a call of this command succeeded. */
bool bnt_vmware_has_call_succeeded(uint32_t command, int32_t status);

/** The status for a verdict; FAILURE for NONE and for a value that is no verdict. */
bnt_vmware_status bnt_vmware_get_status_for_verdict(bnt_verdict verdict);

#ifdef __cplusplus
}
#endif
#endif
