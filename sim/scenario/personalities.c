/*
 * Personalities imitate other drivers and devices by settings and quirks of our own cores.
 *
 * A row gives values to keys that the file does not set. The quirks are defined in
 * ballonet/personality.h. docs/use/personalities.md is generated from these tables, including known
 * properties that are not modelled. If a property was only found in source code and never confirmed
 * by a run, it is marked as unconfirmed.
 */
#include "sim/scenario/loader.h"

#include <ballonet/personality.h>

#include <stdio.h>
#include <string.h>

const struct choice driver_quirk_choices[] = {
#define X(name, bit, text, clauses, sentence) {text, 1u << (bit), sentence},
    BNT_GUEST_QUIRK_MAP(X)
#undef X
        {NULL, 0, NULL}};

const struct choice device_quirk_choices[] = {
#define X(name, bit, text, clauses, sentence) {text, 1u << (bit), sentence},
    BNT_HOST_QUIRK_MAP(X)
#undef X
        {NULL, 0, NULL}};

/* clang-format off */
const struct personality driver_personalities[] = {
    {.name = "ballonet", .doc = "our own", .clauses = "", .absent = ""},
    {.name = "linux", .doc = "virtio_balloon of 2026", .clauses = "",
     .absent = "allocations sleep 200 ms in the worker; only whole 4 MiB blocks are hinted",
     .set = {{"features", "[must-tell-host, stats, deflate-on-oom, hinting, reporting, indirect, event-idx]"},
             {"queue_layout", "dense-negotiated"},
             {"request_pfns_max", "256"},
             {"retry_min", "200ms"}, {"retry_max", "200ms"},
             {"oom_pfns_max", "256"}, {"oom_holdoff", "1ns"}, {"detach", "orderly"},
             {"quirks", "[stats-kick-early, oom-tell-first]"}}},
    {.name = "windows", .doc = "virtio-win of 2026, on x64", .clauses = "BD-1",
     .absent = "a request has up to 512 pages (here 256, the core's bound); stops inflating at the low-memory event; frees whole chunks and allocates some again (unconfirmed); PFNs of 8 bytes are unconfirmed",
     .set = {{"features", "[stats, indirect, event-idx]"},
             {"request_pfns_max", "256"}, {"ack_timeout", "1s"}, {"detach", "orderly"},
             {"retry_min", "31536000s"}, {"retry_max", "31536000s"},
             {"quirks", "[free-before-tell, pfns-of-64-bits, proceed-unanswered, all-or-nothing, retry-on-change]"}}},
    {.name = "freebsd", .doc = "virtio_balloon of FreeBSD main", .clauses = "",
     .absent = "PFNs in the machine's byte order (unconfirmed); detach sleeps until the balloon thread has ended and then does not write `actual` (unconfirmed)",
     .set = {{"features", "[must-tell-host, indirect, event-idx]"},
             {"request_pfns_max", "256"}, {"detach", "orderly"},
             {"retry_min", "1s"}, {"retry_max", "1s"}}},
    {.name = "netbsd", .doc = "the driver viomb of NetBSD, as of 2018", .clauses = "BD-1",
     .absent = "reads `actual` back from the device; writes it in the machine's byte order (unconfirmed)",
     .set = {{"features", "[indirect]"},
             {"request_pfns_max", "256"},
             {"retry_min", "10s"}, {"retry_max", "10s"},
             {"quirks", "[all-or-nothing]"}}},
    {.name = "openbsd", .doc = "viomb of OpenBSD", .clauses = "",
     .absent = "counts one PFN too many when the page list is short (unconfirmed); ignores the target at attach (unconfirmed)",
     .set = {{"features", "[must-tell-host, indirect]"},
             {"request_pfns_max", "256"},
             {"retry_min", "31536000s"}, {"retry_max", "31536000s"},
             {"quirks", "[all-or-nothing, retry-on-change, initial-target-ignored]"}}},
    {.name = "osv", .doc = "OSv's driver of July 2026", .clauses = "",
     .absent = "does not reset the device at detach; deflates the oldest pages first",
     .set = {{"features", "[must-tell-host, deflate-on-oom, indirect]"},
             {"request_pfns_max", "256"}, {"poll", "500ms"},
             {"quirks", "[config-by-poll, oom-ignored]"}}},
    {.name = "nanos", .doc = "the unikernel's driver", .clauses = "",
     .absent = "leaves 8 bytes of its first statistics buffer unwritten (unconfirmed); an OOM deflate waits for the device and uses a buffer on the stack",
     .set = {{"features", "[must-tell-host, stats, deflate-on-oom, indirect]"},
             {"request_pfns_max", "256"}, {"granule_pfns", "256"}, {"min_free", "16MiB"},
             {"retry_min", "5s"}, {"retry_max", "5s"}}},
    {.name = NULL}};

const struct personality device_personalities[] = {
    {.name = "ballonet", .doc = "our own", .clauses = "", .absent = ""},
    {.name = "qemu", .doc = "virtio-balloon of 2026, with every option on", .clauses = "",
     .absent = "discards page by page; completes inflates without counting them while discards are forbidden",
     .set = {{"features", "[stats, deflate-on-oom, hinting, poison, reporting, indirect, event-idx]"},
             {"queue_size_max", "128"}, {"queue_layout", "dense-offered"}, {"event_interval", "1s"},
             {"quirks", "[actual-survives-reset]"}}},
    {.name = "qemu-7.2", .doc = "QEMU 7.2 on virtio-mmio, as tested", .clauses = "",
     .absent = "the index of the reporting queue does not depend on the offered features; a buffer outside memory is read as PFN 0",
     .set = {{"features", "[stats, deflate-on-oom, hinting, poison, reporting, indirect, event-idx, packed, ring-reset]"},
             {"queue_size_max", "128"}, {"queue_layout", "dense-offered"}, {"event_interval", "1s"},
             {"quirks", "[actual-survives-reset, used-without-write, stats-returned-at-once, queue-reset-ignored]"}}},
    {.name = "crosvm", .doc = "as of August 2026", .clauses = "",
     .absent = "the working-set queues; when it stops, it waits for a statistics answer (unconfirmed)",
     .set = {{"features", "[must-tell-host, stats, deflate-on-oom, reporting, indirect, event-idx]"},
             {"queue_size_max", "128"}, {"queue_layout", "dense-offered"},
             {"quirks", "[actual-survives-reset]"}}},
    {.name = "firecracker", .doc = "as of August 2026", .clauses = "",
     .absent = "hints are discarded; an impossible available index panics; both quirks, and the layout of queues, are "
               "unconfirmed",
     .set = {{"features", "[stats, deflate-on-oom, hinting, reporting, indirect, event-idx]"},
             {"queue_size_max", "256"}, {"queue_layout", "dense-offered"},
             {"quirks", "[oversized-dropped, first-buffer-only]"}}},
    {.name = "cloud-hypervisor", .doc = "as of August 2026", .clauses = "",
     .absent = "the layout of its queues is unconfirmed",
     .set = {{"features", "[deflate-on-oom, reporting, indirect, event-idx]"},
             {"queue_size_max", "128"}, {"queue_layout", "dense-offered"},
             {"quirks", "[oversized-skipped, actual-survives-reset, report-length]"}}},
    {.name = "kvmtool", .doc = "as of August 2024", .clauses = "",
     .absent = "trusts lengths from the guest; has no reset; reads only the first descriptor (unconfirmed)",
     .set = {{"features", "[stats, indirect, event-idx]"},
             {"queue_size_max", "128"},
             {"quirks", "[first-buffer-only, actual-by-device, request-length]"}}},
    {.name = NULL}};

const struct choice driver_personality_choices[] = {
    {"ballonet", 0, ""}, {"linux", 1, ""}, {"windows", 2, ""}, {"freebsd", 3, ""},
    {"netbsd", 4, ""}, {"openbsd", 5, ""}, {"osv", 6, ""}, {"nanos", 7, ""}, {NULL, 0, NULL}};
const struct choice device_personality_choices[] = {
    {"ballonet", 0, ""}, {"qemu", 1, ""}, {"qemu-7.2", 2, ""}, {"crosvm", 3, ""}, {"firecracker", 4, ""},
    {"cloud-hypervisor", 5, ""}, {"kvmtool", 6, ""}, {NULL, 0, NULL}};
/* clang-format on */

const char *personality_find_value(const struct personality *personalities, const char *name,
                                   const char *key)
{
    for (; personalities->name != NULL; personalities++) {
        for (size_t i = 0; strcmp(personalities->name, name) == 0 &&
                           i < sizeof personalities->set / sizeof personalities->set[0] &&
                           personalities->set[i].key != NULL;
             i++) {
            if (strcmp(personalities->set[i].key, key) == 0) {
                return personalities->set[i].value;
            }
        }
    }
    return NULL;
}

/* ---- docs/use/personalities.md ---- */

static void write_personality_row(FILE *file, const struct personality *personality)
{
    fprintf(file, "| `%s` | %s | ", personality->name, personality->doc);
    for (size_t i = 0; i < sizeof personality->set / sizeof personality->set[0]; i++) {
        if (personality->set[i].key != NULL) {
            fprintf(file, "%s`%s: %s`", i > 0 ? "<br>" : "", personality->set[i].key,
                    personality->set[i].value);
        }
    }
    fprintf(file, " | %s | %s |\n", personality->clauses, personality->absent);
}

static void write_personality_table(FILE *file, const char *title,
                                    const struct personality *personalities)
{
    fprintf(
        file,
        "\n### %s\n\n| name | what | sets | breaks, beside its quirks' | known and not modelled "
        "|\n|---|---|---|---|---|\n",
        title);
    for (personalities++; personalities->name != NULL; personalities++) {
        write_personality_row(file, personalities);
    }
}

void scenario_write_personalities(void *file)
{
    write_personality_table(file, "Drivers", driver_personalities);
    write_personality_table(file, "Devices", device_personalities);
    fputs("\n### Quirks of drivers\n\n| quirk | what it does | clauses |\n|---|---|---|\n", file);
#define X(name, bit, text, clauses, sentence) \
    fputs("| `" text "` | " sentence " | " clauses " |\n", file);
    BNT_GUEST_QUIRK_MAP(X)
    fputs("\n### Quirks of devices\n\n| quirk | what it does | clauses |\n|---|---|---|\n", file);
    BNT_HOST_QUIRK_MAP(X)
#undef X
}
