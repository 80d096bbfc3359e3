/*
 * The device that the targets of the host core share: opened by an input's bits, saved and
 * replaced, closed, and what holds of its pages after each call.
 */
#include "host_calls.h"

#include <ballonet/vmware.h>

#include <string.h>

/* ---- What holds ---- */

/** Pages that are memory: whole ones of one region. */
static uint64_t memory_pages(const struct fake_driver *fake)
{
    const uint64_t first = FAKE_FIRST_PFN << BNT_PFN_SHIFT;
    const uint64_t last = first + ((uint64_t)FUZZ_PAGES << BNT_PFN_SHIFT);
    uint64_t pages = 0;

    for (uint32_t i = 0; i < fake->mem.region_count; i++) {
        const struct bnt_mem_region *region = &fake->mem.regions[i];
        const uint64_t end = region->gpa + region->bytes;
        const uint64_t from = (region->gpa > first ? region->gpa : first) + BNT_PFN_BYTES - 1;
        const uint64_t to = end < last ? end : last;
        pages += to >> BNT_PFN_SHIFT > from >> BNT_PFN_SHIFT
                     ? (to >> BNT_PFN_SHIFT) - (from >> BNT_PFN_SHIFT)
                     : 0;
    }
    return pages;
}

/** A page is the guest's and dropped only after a report, or a reset that touched nothing. */
UNTRACED static void pages_check(struct fuzz_host *fuzz)
{
    const struct fake_driver *fake = &fuzz->fake;
    const struct bnt_host_info info = fake_info(fake);
    uint64_t held = 0;
    uint64_t kept = 0;

    for (uint32_t at = 0; at < FUZZ_PAGES; at++) {
        const bnt_host_page page = bnt_host_page_state_get(fake->host, FAKE_FIRST_PFN + at);
        held += page != BNT_HOST_PAGE_GUEST;
        kept += page == BNT_HOST_PAGE_RETAINED;
        CHECK(page != BNT_HOST_PAGE_GUEST || !fake->dropped[at] || fuzz->excused[at]);
    }
    CHECK(info.ledger.pfns == held + info.ledger.leafless_pfns);
    CHECK(info.ledger.retained_pfns == kept + info.ledger.leafless_pfns);
    CHECK((int64_t)info.ledger.leaves == fake->leaves_out);
    CHECK(info.ledger.pfns <= memory_pages(fake));
    fuzz->checked = info;
}

/** Whether pages may have changed since the last look at them: something was counted, or backing
 * came or went. What changes without that, the last look finds. */
static bool pages_changed(const struct fuzz_host *fuzz)
{
    const struct fake_driver *fake = &fuzz->fake;
    const struct bnt_host_info info = fake_info(fake);

    for (uint32_t i = 0; i < fake->log_count; i++) {
        if (fake->log[i].call == FAKE_DISCARD || fake->log[i].call == FAKE_RESTORE ||
            fake->log[i].call == FAKE_LEAF_FREE) {
            return true;
        }
    }
    return memcmp(&info, &fuzz->checked, sizeof(info)) != 0;
}

/** Notes what reports and resets explain, and forgets the log. */
static void log_digest(struct fuzz_host *fuzz)
{
    struct fake_driver *fake = &fuzz->fake;
    uint8_t *excused = fuzz->excused;
    uint32_t outcomes = 0;

    for (uint32_t i = 0; i < fake->log_count; i++) {
        const struct fake_entry *entry = &fake->log[i];
        if (entry->call == FAKE_REPORT) {
            memset(excused + (entry->value - FAKE_FIRST_PFN), 1, (size_t)entry->extra);
        } else if (entry->call == FAKE_HINT && fake->config.hinting.discard) {
            memset(excused + (entry->value - FAKE_FIRST_PFN), 1, (size_t)entry->extra);
        } else if (entry->call == FAKE_EVENT && (entry->kind == BNT_HOST_EVENT_RESET ||
                                                 entry->kind == BNT_HOST_EVENT_DEVICE_RESET)) {
            memset(excused, 1, FUZZ_PAGES);
        }
        outcomes += entry->call == FAKE_EVENT && entry->kind == BNT_HOST_EVENT_OUTCOME;
    }
    CHECK(outcomes <= 2);
    fake->log_count = 0;
}

void fuzz_host_check(struct fuzz_host *fuzz)
{
    const bool changed = pages_changed(fuzz);
    log_digest(fuzz);
    if (changed) {
        pages_check(fuzz);
    }
}

/* ---- Saved states ---- */

struct bnt_host *fuzz_host_another(struct fuzz_host *fuzz, void **storage)
{
    struct fake_driver *fake = &fuzz->fake;
    struct bnt_host *host = NULL;
    size_t bytes = 0;

    CHECK(bnt_host_compute_footprint(&fake->config, &bytes) == BNT_OK);
    *storage = malloc(bytes);
    CHECK(*storage != NULL);
    memset(*storage, 0xA5, bytes);
    CHECK(bnt_host_init(*storage, bytes, &fake->config, &fake->ops, fake, &fake->mem,
                        fake_provider(fake), &host) == BNT_OK);
    return host;
}

uint8_t *fuzz_host_save(struct fuzz_host *fuzz, struct bnt_host *host, size_t *bytes)
{
    *bytes = bnt_host_state_size_get(host);
    uint8_t *state = malloc(*bytes);

    CHECK(state != NULL);
    CHECK(bnt_host_save(host, fuzz->fake.now_ns, state, *bytes) == BNT_OK);
    return state;
}

bool fuzz_host_saves(struct fuzz_host *fuzz, struct bnt_host *host, const uint8_t *state,
                     size_t bytes)
{
    size_t found = 0;
    uint8_t *saved = fuzz_host_save(fuzz, host, &found);
    const bool same = found == bytes && memcmp(saved, state, bytes) == 0;

    free(saved);
    return same;
}

void fuzz_host_replace(struct fuzz_host *fuzz, struct bnt_host *host, void *storage)
{
    bnt_host_fini(fuzz->fake.host);
    free(fuzz->fake.storage);
    fuzz->fake.storage = storage;
    fuzz->fake.host = host;
    memset(&fuzz->checked, 0, sizeof(fuzz->checked)); /* it counts the same, and may list others */
}

/* ---- Open and close ---- */

static void open_prepare(struct fuzz_host *fuzz, uint32_t setup, bnt_interface interface)
{
    struct fake_driver *fake = &fuzz->fake;

    memset(fuzz->excused, 0, sizeof(fuzz->excused));
    memset(&fuzz->checked, 0, sizeof(fuzz->checked));
    fuzz->tampered = false;
    fuzz->vmware = (setup & 64) != 0;
    fake_init(fake, FUZZ_PAGES, FUZZ_HOST_OFFER);
    fake->wild = true;
    fake->log_room = FUZZ_LOG_ROOM;
    fake->config.features.interface = interface;
    fake->config.hinting.id_last = (setup & 8) != 0 ? 3 : 0;
    fake->config.hinting.discard = (setup & 128) != 0;
    fake->config.memory.ledger = (setup & 1) != 0 ? BNT_HOST_LEDGER_LEAVES : BNT_HOST_LEDGER_FIXED;
    fake->config.memory.page_order = setup >> 1 & 3;
    fake->config.target.event_interval_ns = (setup & 8) != 0 ? 1000000 : 0;
    fake->config.statistics.poll_ns = (setup & 16) != 0 ? 1000000 : 0;
    if (fuzz->vmware) {
        fake->config.wire = BNT_HOST_WIRE_VMWARE;
        fake->config.vmware.capabilities = (setup & 32) != 0 ? 0 : BNT_VMWARE_CAPS_ALL;
        fake->config.memory.page_order = 0;
        fake->config.target.slack_pfns = (setup & 8) != 0 ? 511 : 0;
    }
}

static void open_finish(struct fuzz_host *fuzz, uint32_t setup)
{
    struct fake_driver *fake = &fuzz->fake;

    fake_open(fake);
    if (!fuzz->vmware) {
        fake_start(fake, (setup & 32) != 0 ? FAKE_PLAIN : FUZZ_HOST_ALL);
    }
    const bnt_status set = bnt_host_target_set(fake->host, fake->now_ns, FUZZ_PAGES / 2, 0, NULL);
    (void)set; /* fails where memory is smaller */
}

void fuzz_host_open(struct fuzz_host *fuzz, uint32_t setup, bnt_interface interface)
{
    open_prepare(fuzz, setup, interface);
    open_finish(fuzz, setup);
}

/** One to four regions: the DMA area, and pages with holes between them that need not be whole. */
static void regions_take(struct fake_driver *fake, struct fuzz_input *input)
{
    const uint64_t end = (FAKE_FIRST_PFN + FUZZ_PAGES) << BNT_PFN_SHIFT;
    const uint32_t count = 1 + fuzz_take(input, 1) % 4;
    uint64_t at = FAKE_DMA_BYTES;

    fake->regions[0] = (struct bnt_mem_region){0, FAKE_DMA_BYTES};
    fake->region_count = 1;
    for (uint32_t i = 0; i < count && fake->region_count < 4; i++) {
        const uint64_t hole = (uint64_t)fuzz_take(input, 1) << (i % 2 == 0 ? 12 : 10);
        const uint64_t bytes = (1 + (uint64_t)fuzz_take(input, 2) % FUZZ_PAGES) << BNT_PFN_SHIFT;
        if (at + hole + BNT_PFN_BYTES >= end) {
            break;
        }
        if (hole == 0) { /* no hole: one region with the last */
            fake->regions[fake->region_count - 1].bytes += bytes;
        } else {
            fake->regions[fake->region_count++] = (struct bnt_mem_region){at + hole, bytes};
        }
        at += hole + bytes;
    }
}

void fuzz_host_open_memory(struct fuzz_host *fuzz, struct fuzz_input *input)
{
    static const uint32_t orders[] = {0, 1, 2, 4, 6, 8, 9, 9};
    const uint32_t setup = fuzz_take(input, 1);
    const uint32_t more = fuzz_take(input, 1);
    struct fake_driver *fake = &fuzz->fake;

    open_prepare(fuzz, setup, BNT_INTERFACE_MODERN);
    fake->config.memory.host_page_order = orders[more % 8];
    fake->provided = (more & 8) != 0 && !fuzz->vmware;
    regions_take(fake, input);
    open_finish(fuzz, setup);
}

void fuzz_host_close(struct fuzz_host *fuzz)
{
    pages_check(fuzz);
    fake_close(&fuzz->fake);
}
