/*
 * Names in scenario files (keys, values, metrics ...) that were renamed. The loader rejects an old
 * name, and the message says the new one.
 *
 * A row also gives the first name of a key or knob. The choice stream keeps the first name, so that
 * a new name does not change the draws. For this reason, a row is never removed.
 */
#include "sim/scenario/renamed.h"

#include <string.h>

const struct renamed renamed_names[] = {
    /* Keys of the guest's memory: the new names say `size`, `list` or `content` where the key is
     * one. */
    {RENAMED_KEY, "vms[]", "page", "page_size"},
    {RENAMED_KEY, "vms[]", "endian", "byte_order"},
    {RENAMED_KEY, "vms[]", "pages", "free_list"},
    {RENAMED_KEY, "vms[]", "free_pages", "free_page_content"},
    /* Keys that are settings of a library: they now have the name of the setting, and names of
     * VMware's settings begin with `vmware`. */
    {RENAMED_KEY, "vms[].driver", "oom_pages", "oom_pfns_max"},
    {RENAMED_KEY, "vms[].driver", "unit_pages", "granule_pfns"},
    {RENAMED_KEY, "vms[].driver", "floor", "min_free"},
    {RENAMED_KEY, "vms[].driver", "queue_size", "queue_size_max"},
    {RENAMED_KEY, "vms[].driver", "request_pages", "request_pfns_max"},
    {RENAMED_KEY, "vms[].driver", "refused_max", "refused_pages_max"},
    {RENAMED_KEY, "vms[].driver", "queue_preference", "queue_layout_preferred"},
    {RENAMED_KEY, "vms[].driver", "recover", "recovery_tries"},
    {RENAMED_KEY, "vms[].driver", "recover_wait", "recovery_wait_min"},
    {RENAMED_KEY, "vms[].driver", "queue_reset", "queue_reset_after"},
    {RENAMED_KEY, "vms[].driver", "hint_wait", "hint_wait_on_ack"},
    {RENAMED_KEY, "vms[].driver", "profile", "vmware_profile"},
    {RENAMED_KEY, "vms[].driver", "capabilities", "vmware_capabilities"},
    {RENAMED_KEY, "vms[].driver", "habits", "vmware_quirks"},
    {RENAMED_KEY, "vms[].driver", "slack", "slack_pfns"},
    {RENAMED_KEY, "vms[].driver", "limit", "limit_pfns"},
    {RENAMED_KEY, "vms[].device", "queue_size", "queue_size_max"},
    {RENAMED_KEY, "vms[].device", "host_page", "host_page_size"},
    {RENAMED_KEY, "vms[].device", "fill", "discard_reads_any"},
    {RENAMED_KEY, "vms[].device", "hint_ids", "hint_id_count"},
    {RENAMED_KEY, "vms[].device", "capabilities", "vmware_capabilities"},
    /* Keys of actions: the old word could only be understood together with its action; the new one
     * is a noun of the field. */
    {RENAMED_KEY, "script[]", "on", "direction"},
    {RENAMED_KEY, "script[]", "reason", "verdict"},
    {RENAMED_KEY, "script[]", "chance", "probability"},
    {RENAMED_KEY, "script[]", "signal", "notification"},
    {RENAMED_KEY, "script[]", "allocating", "in_allocation"},
    {RENAMED_KEY, "script[]", "say", "hint_command"},
    {RENAMED_KEY, "script[]", "way", "mode"},
    {RENAMED_KEY, "script[]", "how", "fault"},
    {RENAMED_KEY, "script[]", "secret", "hidden_from_oracles"},
    {RENAMED_KEY, "regression", "source", "bugs"},

    /* Actions. */
    {RENAMED_CHOICE, "do", "restart", "kexec"},
    {RENAMED_CHOICE, "do", "inhibit", "inhibit-discard"},
    /* Faults: the new name says which rule is violated, in the words of the rule. */
    {RENAMED_CHOICE, "fault", "astray-buffer", "response-owned"},
    {RENAMED_CHOICE, "fault", "odd-table", "indirect-writable"},
    {RENAMED_CHOICE, "fault", "steal-page", "use-ballooned"},
    {RENAMED_CHOICE, "fault", "free-in-flight", "use-in-flight"},
    {RENAMED_CHOICE, "fault", "actual-lie", "actual-off-by-one"},
    {RENAMED_CHOICE, "fault", "actual-claim", "actual-is-target"},
    {RENAMED_CHOICE, "fault", "hold-more", "held-over-bound"},
    {RENAMED_CHOICE, "fault", "keep-held", "held-never-returned"},
    {RENAMED_CHOICE, "fault", "stats-silent", "stats-absent"},
    {RENAMED_CHOICE, "fault", "stats-mute", "stats-no-kick"},
    {RENAMED_CHOICE, "fault", "unfilled", "poison-missing"},
    {RENAMED_CHOICE, "fault", "hint-trust", "hint-read-early"},
    {RENAMED_CHOICE, "fault", "stale-served", "stale-completed"},
    {RENAMED_CHOICE, "fault", "config-storm", "config-unstable"},
    {RENAMED_CHOICE, "fault", "init-lie", "init-false"},
    {RENAMED_CHOICE, "fault", "unlock-silence", "unlock-after-reset"},
    {RENAMED_CHOICE, "fault", "slack-more", "slack-exceeded"},
    {RENAMED_CHOICE, "fault", "call-served", "call-ignores-reset"},
    /* Quirks. */
    {RENAMED_CHOICE, "quirks", "go-on-unanswered", "proceed-unanswered"},
    {RENAMED_CHOICE, "quirks", "target-at-attach-unseen", "initial-target-ignored"},
    {RENAMED_CHOICE, "quirks", "oom-unserved", "oom-ignored"},
    {RENAMED_CHOICE, "quirks", "actual-kept", "actual-survives-reset"},
    {RENAMED_CHOICE, "quirks", "statistics-straight-back", "stats-returned-at-once"},
    /* Events: the new names say that a request is submitted and completed, an allocation sleeps, or
     * a stall ends. */
    {RENAMED_CHOICE, "when", "uncertain", "outcome-unknown"},
    {RENAMED_CHOICE, "when", "resumed", "stall-ended"},
    {RENAMED_CHOICE, "when", "split", "huge-split"},
    {RENAMED_CHOICE, "when", "alloc-waits", "alloc-sleeps"},
    {RENAMED_CHOICE, "when", "alloc-came", "alloc-done"},
    {RENAMED_CHOICE, "when", "inflate-sent", "inflate-submitted"},
    {RENAMED_CHOICE, "when", "inflate-done", "inflate-completed"},
    {RENAMED_CHOICE, "when", "deflate-sent", "deflate-submitted"},
    {RENAMED_CHOICE, "when", "deflate-done", "deflate-completed"},
    {RENAMED_CHOICE, "when", "migrate-switch", "migrate-switchover"},
    /* Metrics: the new names are the words of the documents (retained, unknown, needs_reset, huge
     * pages, hash). */
    {RENAMED_METRIC, "", "kept", "retained"},
    {RENAMED_METRIC, "", "uncertain", "outcome_unknown"},
    {RENAMED_METRIC, "", "step_pages", "step_freed_peak"},
    {RENAMED_METRIC, "", "used_lengths", "used_lengths_invalid"},
    {RENAMED_METRIC, "", "restarts", "kexecs"},
    {RENAMED_METRIC, "", "moves", "page_migrations"},
    {RENAMED_METRIC, "", "moves_failed", "page_migrations_failed"},
    {RENAMED_METRIC, "", "broken", "needs_reset"},
    {RENAMED_METRIC, "", "hints", "hints_accepted"},
    {RENAMED_METRIC, "", "hints_early", "hints_released_early"},
    {RENAMED_METRIC, "", "away", "at_other_host"},
    {RENAMED_METRIC, "", "ledger_pages", "ledger_hash"},
    {RENAMED_METRIC, "", "balloon_pages", "balloon_hash"},
    {RENAMED_METRIC, "", "wanted", "target_requested"},
    {RENAMED_METRIC, "", "large", "huge"},
    {RENAMED_METRIC, "", "large_refused", "huge_refused"},
    {RENAMED_METRIC, "", "large_splits", "huge_splits"},
    {RENAMED_METRIC, "", "slow_cycles", "slow_cycles_left"},
    /* Knobs have the same names as the keys. */
    {RENAMED_KNOB, "", "driver.request_pages", "driver.request_pfns_max"},
    {RENAMED_KNOB, "", "driver.queue_size", "driver.queue_size_max"},
    {RENAMED_KNOB, "", "driver.refused_max", "driver.refused_pages_max"}};
const size_t renamed_count = sizeof renamed_names / sizeof renamed_names[0];

const char *renamed_find_new_name(renamed_kind kind, const char *where, const char *old)
{
    for (size_t i = 0; i < renamed_count; i++) {
        const struct renamed *row = &renamed_names[i];
        if (row->kind == kind && strcmp(row->where, where) == 0 && strcmp(row->old, old) == 0) {
            return row->name;
        }
    }
    return NULL;
}

const char *renamed_find_old_name(renamed_kind kind, const char *where, const char *name)
{
    for (size_t i = 0; i < renamed_count; i++) {
        const struct renamed *row = &renamed_names[i];
        if (row->kind == kind && strcmp(row->where, where) == 0 && strcmp(row->name, name) == 0) {
            return row->old;
        }
    }
    return name;
}
