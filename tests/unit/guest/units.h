/* A guest whose balloon holds units of 2 MiB: what the tests of units share. */
#ifndef TESTS_UNIT_GUEST_UNITS_H
#define TESTS_UNIT_GUEST_UNITS_H

#include "tests/support/fake_device.h"

#define UNIT       512u
#define WITH_UNITS (FAKE_ALL | FAKE_HUGE | FAKE_LIMIT)

static inline struct fake_setup units_setup(uint32_t units)
{
    /* Whatever goes back to the OS must be filled: fake_page_back checks each page. */
    return (struct fake_setup){.pages = (uint64_t)units * UNIT,
                               .offered = WITH_UNITS,
                               .wanted = WITH_UNITS,
                               .huge = true,
                               .init_on_free = true,
                               .poison_val = 0xAA};
}

static inline void units_up(struct fake *f, uint32_t units)
{
    const struct fake_setup setup = units_setup(units);
    fake_init(f, &setup);
    fake_up(f);
}

#endif
