/*
 * Names and descriptions of statuses and faults.
 *
 * They come from the X-macros of <ballonet/base.h>. The texts are only for messages: no code
 * depends on them.
 */
#include <ballonet/base.h>

const char *bnt_status_name(bnt_status status)
{
    switch (status) {
#define BNT_X(name, number, sentence) \
    case BNT_##name:                  \
        return #name;
        BNT_STATUS_MAP(BNT_X)
#undef BNT_X
    }
    return "UNKNOWN";
}

const char *bnt_status_text(bnt_status status)
{
    switch (status) {
#define BNT_X(name, number, sentence) \
    case BNT_##name:                  \
        return sentence;
        BNT_STATUS_MAP(BNT_X)
#undef BNT_X
    }
    return "not a status of this library";
}

const char *bnt_fault_name(bnt_fault fault)
{
    switch (fault) {
#define BNT_X(name, number, sentence) \
    case BNT_FAULT_##name:            \
        return #name;
        BNT_FAULT_MAP(BNT_X)
#undef BNT_X
    case BNT_FAULT_COUNT:
        break;
    }
    return "UNKNOWN";
}

const char *bnt_fault_text(bnt_fault fault)
{
    switch (fault) {
#define BNT_X(name, number, sentence) \
    case BNT_FAULT_##name:            \
        return sentence;
        BNT_FAULT_MAP(BNT_X)
#undef BNT_X
    case BNT_FAULT_COUNT:
        break;
    }
    return "not a fault of this library";
}
