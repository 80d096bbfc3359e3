/*
 * VMware's wire: the negotiated session, the doorbell, and scripted answers to calls.
 *
 * The guest learns of a target or a reset by its next call, and by the doorbell if it has set one.
 * calls.c serves the calls.
 */
#include "lib/host/wire/host_wire.h"

#include "lib/base/pack.h"

static void ring_doorbell(struct bnt_host *host)
{
    host->vmware.ring_due = host->vmware.ring_due || host->vmware.doorbell_set;
}

/** The only function that changes whether a session is started, and with which capabilities. */
static void set_vmware_session(struct bnti_host_vmware *vmware, bool started, uint64_t capabilities)
{
    vmware->started = started;
    vmware->capabilities = capabilities;
}

void bnti_host_vmware_start_session(struct bnt_host *host, uint64_t capabilities)
{
    set_vmware_session(&host->vmware, true, capabilities);
}

void bnti_host_vmware_end_session(struct bnt_host *host)
{
    struct bnti_host_vmware *vmware = &host->vmware;

    set_vmware_session(vmware, false, vmware->capabilities);
    vmware->doorbell_set = false;
    vmware->ring_due = false;
    vmware->guest_id = BNT_VMWARE_GUEST_UNKNOWN;
}

void bnti_host_vmware_set_guest(struct bnt_host *host, uint64_t guest_id)
{
    host->vmware.guest_id = guest_id;
}

void bnti_host_vmware_set_doorbell(struct bnt_host *host, uint64_t context, uint64_t resource)
{
    struct bnti_host_vmware *vmware = &host->vmware;

    vmware->doorbell_set =
        context != BNT_VMWARE_DOORBELL_NONE || resource != BNT_VMWARE_DOORBELL_NONE;
    vmware->context = context;
    vmware->resource = resource;
}

/* ---- The table ---- */

static bool is_vmware_config_valid(const struct bnt_host_config *config)
{
    const uint64_t capabilities = config->vmware.capabilities;

    /* All entries of a batch are decided in one piece. */
    return config->requests.pfns_max >= BNT_VMWARE_BATCH_MAX &&
           (capabilities & ~(uint64_t)BNT_VMWARE_CAPS_ALL) == 0 &&
           ((capabilities & BNT_VMWARE_CAP_BATCHED_2M) == 0 ||
            (capabilities & BNT_VMWARE_CAP_BATCHED) != 0);
}

static bool vmware_has_epochs(const struct bnt_host_config *config)
{
    (void)config;
    return true;
}

static bnt_status check_vmware_reset(const struct bnt_host *host)
{
    return host->vmware.started ? BNT_OK : BNT_E_STATE;
}

/** Every call is answered with RESET until the next START. */
static void announce_vmware_reset(struct bnt_host *host)
{
    set_vmware_session(&host->vmware, false, 0);
    ring_doorbell(host);
}

static bool does_vmware_tell_first(const struct bnt_host *host)
{
    (void)host;
    return true;
}

static void fill_vmware_info(const struct bnt_host *host, struct bnt_host_info *info)
{
    info->target.actual_pfns = host->ledger.ballooned;
    info->vmware.capabilities = host->vmware.started ? host->vmware.capabilities : 0;
    info->vmware.guest_id = host->vmware.guest_id;
}

const struct bnti_host_wire bnti_host_wire_vmware = {
    .pfn_max = BNT_VMWARE_ENTRY_PFN_MAX,
    .batch_max = BNT_VMWARE_BATCH_MAX,
    .has_calls = true,
    .config_valid = is_vmware_config_valid,
    .has_epochs = vmware_has_epochs,
    .reset_possible = check_vmware_reset,
    .reset_announce = announce_vmware_reset,
    .target_announce = ring_doorbell,
    .is_told_first = does_vmware_tell_first,
    .info = fill_vmware_info,
};

/* ---- The script ---- */

bool bnti_host_vmware_find_scripted(struct bnt_host *host, uint32_t command, int32_t *status)
{
    for (uint32_t i = 0; i < host->vmware.rule_count; i++) {
        struct bnt_host_call_rule *rule = &host->vmware.rules[i];
        if (rule->command != command || rule->count == 0) {
            continue;
        }
        rule->count -= rule->count != UINT64_MAX;
        *status = rule->status;
        return true;
    }
    return false;
}

/** The last scripted answer for a command; NULL if there is none. */
static struct bnt_host_call_rule *find_last_scripted_answer(struct bnti_host_vmware *vmware,
                                                            uint32_t command)
{
    for (uint32_t i = vmware->rule_count; i > 0; i--) {
        if (vmware->rules[i - 1].command == command) {
            return &vmware->rules[i - 1];
        }
    }
    return NULL;
}

static void remove_spent_answers(struct bnti_host_vmware *vmware)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < vmware->rule_count; i++) {
        if (vmware->rules[i].count > 0) {
            vmware->rules[left++] = vmware->rules[i];
        }
    }
    vmware->rule_count = left;
}

bnt_status bnt_host_call_rule_add(struct bnt_host *host, const struct bnt_host_call_rule *rule)
{
    struct bnti_host_vmware *vmware = &host->vmware;

    if (!host->wire->has_calls) {
        return BNT_E_UNSUPPORTED;
    }
    if (host->busy != BNTI_HOST_IDLE) {
        return BNT_E_REENTRANT;
    }
    struct bnt_host_call_rule *last = find_last_scripted_answer(vmware, rule->command);
    if (last != NULL && last->status == rule->status) {
        last->count = bnti_host_add_counts(last->count, rule->count);
        return BNT_OK;
    }
    if (vmware->rule_count == BNT_HOST_CALL_RULES_MAX) {
        remove_spent_answers(vmware);
    }
    if (vmware->rule_count == BNT_HOST_CALL_RULES_MAX) {
        return BNT_E_LIMIT;
    }
    vmware->rules[vmware->rule_count] = *rule;
    vmware->rule_count++;
    return BNT_OK;
}

void bnti_host_vmware_clear_script(struct bnt_host *host)
{
    host->vmware.rule_count = 0;
}

/** Saves or loads the session. Negotiated capabilities must be among the offered capabilities. The
 * batch page is work space and is not saved. */
void bnti_host_save_or_load_vmware(struct bnti_pack *pack, struct bnt_host *host)
{
    struct bnti_host_vmware *vmware = &host->vmware;
    uint32_t count = vmware->rule_count;

    bnti_save_or_load_bool(pack, &vmware->started);
    bnti_save_or_load_bool(pack, &vmware->ring_due);
    bnti_save_or_load_bool(pack, &vmware->doorbell_set);
    bnti_save_or_load_u64(pack, &vmware->context);
    bnti_save_or_load_u64(pack, &vmware->resource);
    bnti_save_or_load_u64(pack, &vmware->capabilities);
    bnti_save_or_load_u64(pack, &vmware->guest_id);
    bnti_save_or_load_u32(pack, &count);
    if (count > BNT_HOST_CALL_RULES_MAX ||
        (vmware->capabilities & ~(host->config.vmware.capabilities | BNT_VMWARE_CAP_BASIC)) != 0) {
        bnti_pack_fail_load_unless(pack, false);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct bnt_host_call_rule *rule = &vmware->rules[i];
        uint32_t status = (uint32_t)rule->status;
        bnti_save_or_load_u32(pack, &rule->command);
        bnti_save_or_load_u32(pack, &status);
        bnti_save_or_load_u64(pack, &rule->count);
        rule->status = (int32_t)status;
    }
    vmware->rule_count = count;
}
