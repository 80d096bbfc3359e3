/*
 * The host's side of a guest's memory: a content tag for each guest page, a bit for each PFN that
 * says whether it has host memory, and the amount of host memory that the machine uses.
 *
 * A PFN gets host memory when the guest first writes to its page, and loses this memory when the
 * host discards it. A read must find the tag that the guest last wrote. If it finds another tag,
 * the content was lost or belongs to another page. If the pages of the host are larger than a PFN,
 * it allocates and discards only whole host pages. A discard of a part of a host page discards the
 * whole host page.
 */
#include "sim/world/backing.h"
#include "sim/world/vm.h"

#include <inttypes.h>

/** Records a page in the dirty log, for a migration. */
static void log_dirty_page(const struct vm *vm, uint64_t page)
{
    if (vm->dirty_log != NULL) {
        vm->dirty_log[page / 64] |= UINT64_C(1) << (page % 64);
    }
}

void backing_sync_dirty_log(struct vm *vm, uint64_t *bitmap, uint64_t words)
{
    for (uint64_t i = 0; i < words; i++) {
        bitmap[i] |= vm->dirty_log[i];
        vm->dirty_log[i] = 0;
    }
}

static uint64_t get_page_index(const struct vm *vm, uint64_t pfn)
{
    return (pfn - vm->spec.first_pfn) >> vm->spec.page_order;
}

/** Gives host memory to one PFN. If the machine's memory is full, the host uses swap. */
static void back_page_with_host_memory(struct vm *vm, uint64_t index)
{
    struct world *world = vm->world;
    const uint64_t bit = UINT64_C(1) << (index % 64);
    if ((vm->backed[index / 64] & bit) != 0) {
        return;
    }
    vm->backed[index / 64] |= bit;
    vm->backed_pfns++;
    if (vm->away) {
        return; /* the memory of the other host is not limited */
    }
    world->machine_backed_pfns++;
    if (world->machine_backed_pfns > world->machine_pfns + world->machine_swap_pfns) {
        world_fail_run(world, VERDICT_FAIL,
                       "the machine has too little memory and swap: its guests need %" PRIu64
                       " KiB",
                       world->machine_backed_pfns << (BNT_PFN_SHIFT - 10));
    } else if (world->machine_backed_pfns > world->machine_pfns) {
        world->machine_swapped_pfns++;
    }
}

/** Extends a range of PFNs to whole host pages, but not beyond the guest's memory. */
static void widen_range_to_host_pages(const struct vm *vm, uint64_t *first_pfn, uint64_t *pfns)
{
    const uint64_t mask = (UINT64_C(1) << vm->spec.device.config.memory.host_page_order) - 1;
    const uint64_t low = vm->spec.first_pfn;
    const uint64_t high = low + (vm->spec.memory_bytes >> BNT_PFN_SHIFT);
    const uint64_t first = *first_pfn & ~mask;
    const uint64_t end = (*first_pfn + *pfns + mask) & ~mask;
    *first_pfn = first < low ? low : first;
    *pfns = (end < high ? end : high) - *first_pfn;
}

void backing_write_page(struct vm *vm, uint64_t pfn, uint64_t tag)
{
    uint64_t first_pfn = pfn;
    uint64_t pfns = UINT64_C(1) << vm->spec.page_order;
    widen_range_to_host_pages(vm, &first_pfn, &pfns);
    for (uint64_t i = 0; i < pfns; i++) {
        back_page_with_host_memory(vm, first_pfn - vm->spec.first_pfn + i);
    }
    vm->content[get_page_index(vm, pfn)] = tag;
    log_dirty_page(vm, get_page_index(vm, pfn));
}

uint64_t backing_read_content_tag(const struct vm *vm, uint64_t pfn)
{
    return vm->content[get_page_index(vm, pfn)];
}

/** Discards the host memory of PFNs whose bits are in one word of `backed`. Returns the number of
 * PFNs that had host memory. */
static uint64_t discard_backed_word(struct vm *vm, uint64_t word, uint64_t bits)
{
    uint64_t freed = 0;
    bits &= vm->backed[word];
    if (bits == 0) {
        return 0; /* no PFN here has host memory; this is usual, since the guest never wrote to most
                     ballooned pages */
    }
    vm->backed[word] &= ~bits;
    for (; bits != 0; bits &= bits - 1) {
        const uint64_t index = word * 64 + (uint64_t)__builtin_ctzll(bits);
        vm->content[index >> vm->spec.page_order] = 0;
        log_dirty_page(vm, index >> vm->spec.page_order);
        freed++;
    }
    return freed;
}

void backing_clear_content(struct vm *vm)
{
    const uint64_t pages = vm->spec.memory_bytes >> BNT_PFN_SHIFT >> vm->spec.page_order;
    for (uint64_t page = 0; page < pages; page++) {
        vm->content[page] = 0;
        log_dirty_page(vm, page);
    }
}

/** Clears only the content of pages that have host memory, since a page without host memory has no
 * content. */
void backing_discard_pages(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint64_t *freed_bytes)
{
    uint64_t freed = 0;
    widen_range_to_host_pages(vm, &first_pfn, &pfns);
    uint64_t at = first_pfn - vm->spec.first_pfn;
    for (uint64_t left = pfns; left > 0;) {
        const uint64_t room = 64 - at % 64;
        const uint64_t count = left < room ? left : room;
        uint64_t bits = UINT64_MAX << (at % 64);
        if (left < room) {
            bits &= (UINT64_C(1) << (at % 64 + left)) - 1;
        }
        freed += discard_backed_word(vm, at / 64, bits);
        at += count;
        left -= count;
    }
    vm->backed_pfns -= freed;
    vm->world->machine_backed_pfns -= vm->away ? 0 : freed;
    /* Pages that have no host memory, but were filled with a value by the host, read as 0 from now
     * on. */
    for (uint64_t pfn = first_pfn; vm->spec.device.fill && pfn < first_pfn + pfns; pfn++) {
        vm->content[get_page_index(vm, pfn)] = 0;
    }
    *freed_bytes = freed << BNT_PFN_SHIFT;
}

void backing_fill_pages(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint32_t value,
                        uint64_t *freed_bytes)
{
    const uint64_t tag = vm_make_content_tag_of_value(value);
    backing_discard_pages(vm, first_pfn, pfns, freed_bytes);
    for (uint64_t pfn = first_pfn; pfn < first_pfn + pfns; pfn++) {
        vm->content[get_page_index(vm, pfn)] = tag;
        log_dirty_page(vm, get_page_index(vm, pfn));
    }
}

void backing_move_to_new_host(struct vm *vm, uint64_t *freed_bytes)
{
    backing_discard_pages(vm, vm->spec.first_pfn, vm->spec.memory_bytes >> BNT_PFN_SHIFT,
                          freed_bytes);
    vm->away = !vm->away;
}

void backing_check_initialised_pages(struct vm *vm, const uint64_t *pages, uint32_t count)
{
    const bool poison = (vm_get_host_info(vm).features & BNT_BALLOON_F_PAGE_POISON) != 0;
    const uint64_t expected = poison ? vm_get_content_tag_of_free_page(vm) : 0;
    for (uint32_t i = 0; i < count; i++) {
        OBSERVE(vm, OBSERVED_PAGE_INITIALISED, .at = pages[i], .value = expected,
                .other = backing_read_content_tag(vm, pages[i]));
    }
}

void backing_access_page(void *opaque, uint64_t pfn, uint64_t expected, bool write, uint64_t tag)
{
    struct vm *vm = opaque;
    const uint64_t found = backing_read_content_tag(vm, pfn);
    OBSERVE(vm, OBSERVED_PAGE_TOUCHED, .at = pfn, .flag = write);
    if (found != expected) {
        OBSERVE(vm, OBSERVED_PAGE_DIFFERS, .at = pfn, .value = expected, .other = found,
                .flag = write);
    }
    if (write) {
        backing_write_page(vm, pfn, tag);
    }
}
