/*
 * Reads the fields in which keys are stored, and finds the defaults that the libraries have for
 * their settings.
 *
 * The default of a library's setting is defined only in the library. The loader, the reference and
 * the JSON Schema get it by functions of this file.
 */
#include "sim/scenario/values.h"

#include <ballonet/guest.h>
#include <ballonet/host.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct scenario_vm keys_make_library_defaults(void)
{
    const struct bnt_guest_config guest = {.size = sizeof guest};
    const struct bnt_host_config host = {.size = sizeof host};
    struct scenario_vm vm;
    memset(&vm, 0, sizeof vm);
    const bnt_status driver = bnt_guest_config_resolve(&guest, &vm.driver.config);
    const bnt_status device = bnt_host_config_resolve(&host, &vm.device.config);
    assert(driver == BNT_OK && device == BNT_OK);
    (void)driver;
    (void)device;
    return vm;
}

uint64_t key_read_field(const char *at, size_t width)
{
    uint8_t value8;
    uint16_t value16;
    uint32_t value32;
    uint64_t value64;
    switch (width) {
    case 1:
        memcpy(&value8, at, sizeof value8);
        return value8;
    case 2:
        memcpy(&value16, at, sizeof value16);
        return value16;
    case 4:
        memcpy(&value32, at, sizeof value32);
        return value32;
    case 8:
        memcpy(&value64, at, sizeof value64);
        return value64;
    default:
        return 0;
    }
}

/* Swaps two values of a field: 0, which means the default, and the largest value, which means none.
 * The same function swaps them back. */
static uint64_t swap_none_and_default(uint64_t value, size_t width)
{
    const uint64_t most = UINT64_MAX >> (64 - 8 * width);
    return value == 0 ? most : value == most ? 0 : value;
}

uint64_t key_get_value(const struct key_row *row, const char *base)
{
    const uint64_t value = key_read_field(base + row->offset, row->width);
    const bool none = (row->flags & KEY_ZERO_IS_NONE) != 0;
    return (none ? swap_none_and_default(value, row->width) : value) << row->shift;
}

uint64_t key_convert_to_stored_value(const struct key_row *row, uint64_t value)
{
    const bool none = (row->flags & KEY_ZERO_IS_NONE) != 0;
    return (none ? swap_none_and_default(value, row->width) : value) >> row->shift;
}

static void write_choice_names(char *out, size_t bytes, const struct choice *choices, uint64_t mask)
{
    size_t used = (size_t)snprintf(out, bytes, "[");
    for (const char *join = ""; choices->name != NULL; choices++) {
        if ((mask & choices->value) != 0 && used < bytes) {
            used += (size_t)snprintf(out + used, bytes - used, "%s%s", join, choices->name);
            join = ", ";
        }
    }
    if (used < bytes) {
        (void)snprintf(out + used, bytes - used, "]");
    }
}

const char *key_get_default_text(const struct key_row *row, char out[KEY_DEFAULT_BYTES])
{
    char text[KEY_DEFAULT_BYTES - 2] = "";
    char value_text[VALUE_TEXT_BYTES];
    if ((row->flags & (KEY_LIBRARY | KEY_LEFT)) == 0) {
        return row->fallback;
    }
    const struct scenario_vm vm = keys_make_library_defaults();
    const uint64_t value = key_get_value(row, (const char *)&vm);
    if (row->type == KEY_CHOICE) {
        (void)snprintf(text, sizeof text, "%s", choice_get_name(row->choices, value));
    } else if (row->type == KEY_FEATURES) {
        write_choice_names(text, sizeof text, row->choices, value);
    } else {
        (void)snprintf(text, sizeof text, "%s",
                       value_write_text(value_text, units_find_for_type(row->type), value));
    }
    const bool left = (row->flags & KEY_LEFT) != 0;
    (void)snprintf(out, KEY_DEFAULT_BYTES, "%s%s%s", left ? "(" : "", text, left ? ")" : "");
    return out;
}
