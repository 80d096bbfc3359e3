/*
 * Queues of an embedder for tests of the host: no rings, but buffers of many segments.
 */
#ifndef TESTS_SUPPORT_FAKE_BUFFERS_H
#define TESTS_SUPPORT_FAKE_BUFFERS_H

#include "tests/support/fake_driver.h"

/** Every queue has the same buffers, each of which names every second page of the guest. */
struct fake_buffers {
    uint32_t segments; /**< of a buffer */
    uint32_t left;     /**< buffers that can still be taken */
    uint32_t pushed;
    uint16_t head; /**< of the last one pushed */
};
#define FAKE_BUFFERS_HEAD 7u /**< of each buffer */
extern struct fake_buffers fake_buffers;
extern const struct bnt_queue_provider fake_buffers_provider;

/** A device with the configuration of `fake`, on these queues or (NULL) on rings, not started. The
 * caller frees *storage. */
struct bnt_host *fake_host_on(struct fake_driver *fake, const struct bnt_queue_provider *provider,
                              void **storage);
/** Starts it with these features, and lets it look at its queues while they are empty. */
void fake_host_start(struct bnt_host *host, uint64_t features);

#endif
