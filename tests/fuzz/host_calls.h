/*
 * What the targets of the host core share: bytes as calls of a hostile driver and a random
 * embedder (host_calls.c), and the device that they go to (host_instance.c).
 */
#ifndef TESTS_FUZZ_HOST_CALLS_H
#define TESTS_FUZZ_HOST_CALLS_H

#include "tests/support/check.h"
#include "tests/support/fake_driver.h"
#include "tests/support/untraced.h"

#define FUZZ_PAGES 1200u

/** Entries of a log that is made anew for each input; few calls need more. */
#define FUZZ_LOG_ROOM 256u

/** Everything that the split rings of the first handshake can have. */
#define FUZZ_HOST_ALL                                                                           \
    (FAKE_ALL | UINT64_C(1) << BNT_BALLOON_BIT_HUGE_PAGES |                                     \
     UINT64_C(1) << BNT_BALLOON_BIT_GUEST_LIMIT | UINT64_C(1) << BNT_BALLOON_BIT_WS_REPORTING | \
     BNT_BALLOON_F_FREE_PAGE_HINT)

/** All of it, and what later ones may agree on. */
#define FUZZ_HOST_OFFER                                                                      \
    (FUZZ_HOST_ALL | BNT_F_RING_PACKED | BNT_F_IN_ORDER | BNT_F_RING_RESET | BNT_F_SUSPEND | \
     BNT_F_NOTIFICATION_DATA)

/** What is left of the input; zeros once it is used up. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

struct fuzz_host {
    struct fake_driver fake;
    struct bnt_host_info checked; /* at the last look at every page */
    uint8_t excused[FUZZ_PAGES];  /* dropped though the guest's, and that is right */
    bool vmware;                  /* the wire */
    bool tampered;                /* the device went on from a state that nobody saved */
};

uint32_t fuzz_take(struct fuzz_input *input, uint32_t bytes);

/** A device by the bits of `setup`, started, with a target. */
void fuzz_host_open(struct fuzz_host *fuzz, uint32_t setup, bnt_interface interface);

/** The same over a map with holes, with host pages of any size, and perhaps rings of the
 * embedder's behind a provider, as the input says. */
void fuzz_host_open_memory(struct fuzz_host *fuzz, struct fuzz_input *input);

/** What holds after a call. */
void fuzz_host_check(struct fuzz_host *fuzz);

/** One call and the checks after it. */
void fuzz_host_call(struct fuzz_host *fuzz, struct fuzz_input *input);

/** The checks once more, and the end. */
void fuzz_host_close(struct fuzz_host *fuzz);

/** A second instance with the configuration of the first, in storage of its own. */
struct bnt_host *fuzz_host_another(struct fuzz_host *fuzz, void **storage);

/** What an instance saves now; the caller frees. */
uint8_t *fuzz_host_save(struct fuzz_host *fuzz, struct bnt_host *host, size_t *bytes);
/** Whether it saves just that. */
bool fuzz_host_saves(struct fuzz_host *fuzz, struct bnt_host *host, const uint8_t *state,
                     size_t bytes);

/** Ends the instance and goes on with another. */
void fuzz_host_replace(struct fuzz_host *fuzz, struct bnt_host *host, void *storage);

#endif
