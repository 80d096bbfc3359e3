/*
 * The tables of VMware's wire: names of commands, statuses and capabilities, and the verdict of
 * each status. The constants are in <ballonet/vmware.h>. Both guest/ and host/ use these tables.
 */
#include <ballonet/vmware.h>

struct command_row {
    uint32_t number;
    const char *name;
    bool checked;
    bool targets;
};

static const struct command_row command_rows[] = {
#define BNT_X(name, number, text, checked, target) {(number), (text), (checked), (target)},
    BNT_VMWARE_COMMAND_MAP(BNT_X)
#undef BNT_X
};

struct status_row {
    int32_t status;
    const char *name;
    bnt_verdict verdict;
};

static const struct status_row status_rows[] = {
#define BNT_X(name, value, text, verdict) {(value), (text), BNT_VERDICT_##verdict},
    BNT_VMWARE_STATUS_MAP(BNT_X)
#undef BNT_X
};

#define ROWS(table) (sizeof table / sizeof((table)[0]))

#define BNT_X(name, bit, text) | 1u << (bit)
_Static_assert((0u BNT_VMWARE_CAP_MAP(BNT_X)) == BNT_VMWARE_CAPS_ALL,
               "BNT_VMWARE_CAPS_ALL has every capability of the table");
#undef BNT_X

static const struct command_row *find_command_row(uint32_t command)
{
    for (size_t i = 0; i < ROWS(command_rows); i++) {
        if (command_rows[i].number == command) {
            return &command_rows[i];
        }
    }
    return NULL;
}

static const struct status_row *find_status_row(int32_t status)
{
    for (size_t i = 0; i < ROWS(status_rows); i++) {
        if (status_rows[i].status == status) {
            return &status_rows[i];
        }
    }
    return NULL;
}

const char *bnt_vmware_command_name(uint32_t command)
{
    const struct command_row *row = find_command_row(command);
    return row != NULL ? row->name : "unknown";
}

const char *bnt_vmware_status_name(int32_t status)
{
    const struct status_row *row = find_status_row(status);
    return row != NULL ? row->name : "unknown";
}

const char *bnt_vmware_cap_name(uint32_t cap)
{
    switch (cap) {
#define BNT_X(name, bit, text)  \
    case BNT_VMWARE_CAP_##name: \
        return (text);
        BNT_VMWARE_CAP_MAP(BNT_X)
#undef BNT_X
    default:
        return "unknown";
    }
}

bool bnt_vmware_can_command_return_reset(uint32_t command)
{
    const struct command_row *row = find_command_row(command);
    return row != NULL && row->checked;
}

bool bnt_vmware_does_command_return_target(uint32_t command)
{
    const struct command_row *row = find_command_row(command);
    return row != NULL && row->targets;
}

bnt_verdict bnt_vmware_get_verdict_for_status(int32_t status)
{
    const struct status_row *row = find_status_row(status);
    return row != NULL ? row->verdict : BNT_VERDICT_BUSY;
}

bool bnt_vmware_has_call_succeeded(uint32_t command, int32_t status)
{
    return status == BNT_VMWARE_SUCCESS ||
           (command == BNT_VMWARE_CMD_START && status == BNT_VMWARE_SUCCESS_WITH_CAPABILITIES);
}

bnt_vmware_status bnt_vmware_get_status_for_verdict(bnt_verdict verdict)
{
    static const bnt_vmware_status statuses[] = {
        [BNT_VERDICT_NONE] = BNT_VMWARE_FAILURE,
        [BNT_VERDICT_ACCEPTED] = BNT_VMWARE_SUCCESS,
        [BNT_VERDICT_PINNED] = BNT_VMWARE_PPN_PINNED,
        [BNT_VERDICT_INVALID] = BNT_VMWARE_PPN_INVALID,
        [BNT_VERDICT_LOCKED] = BNT_VMWARE_PPN_LOCKED,
        [BNT_VERDICT_NOT_LOCKED] = BNT_VMWARE_PPN_UNLOCKED,
        [BNT_VERDICT_BUSY] = BNT_VMWARE_BUSY,
        [BNT_VERDICT_NOT_NEEDED] = BNT_VMWARE_PPN_NOTNEEDED,
        [BNT_VERDICT_RESET] = BNT_VMWARE_RESET,
    };
    _Static_assert(ROWS(statuses) == BNT_VERDICT_COUNT, "each verdict has a status");

    return (uint32_t)verdict < BNT_VERDICT_COUNT ? statuses[verdict] : BNT_VMWARE_FAILURE;
}
