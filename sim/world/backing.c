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

/** Records pages in the dirty log, for a migration. */
static void log_dirty_pages(const struct vm *vm, uint64_t first, uint64_t count)
{
    for (uint64_t page = first; vm->dirty_log != NULL && page < first + count; page++) {
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

void backing_create(struct vm *vm)
{
    const uint64_t pfns = vm->spec.memory_bytes >> BNT_PFN_SHIFT;
    page_map_init(&vm->content, vm->world->arena, PAGE_WIDTH_U64, pfns >> vm->spec.page_order, 0);
    page_map_init(&vm->backed, vm->world->arena, PAGE_WIDTH_BIT, pfns, 0);
}

void backing_destroy(struct vm *vm)
{
    page_map_destroy(&vm->content);
    page_map_destroy(&vm->backed);
}

/* ---- Host memory ---- */

/** Takes the machine's memory for so many PFNs. If it is full, the host uses swap. */
static void take_machine_memory(struct vm *vm, uint64_t pfns)
{
    struct world *world = vm->world;
    const uint64_t before = world->machine_backed_pfns;
    const uint64_t after = before + pfns;
    const uint64_t memory = world->machine_pfns;
    const uint64_t room = memory + world->machine_swap_pfns;
    const uint64_t swap_begin = before > memory ? before : memory;
    const uint64_t swap_end = after < room ? after : room;
    world->machine_backed_pfns = after;
    world->machine_swapped_pfns += swap_end > swap_begin ? swap_end - swap_begin : 0;
    if (after > room) {
        world_fail_run(world, VERDICT_FAIL,
                       "the machine has too little memory and swap: its guests need %" PRIu64
                       " KiB",
                       ((before > room ? before : room) + 1) << (BNT_PFN_SHIFT - 10));
    }
}

/** Gives host memory to PFNs that have none. */
static void back_pfns_with_host_memory(struct vm *vm, uint64_t first, uint64_t count)
{
    const uint64_t missing = count - page_map_count(&vm->backed, first, count, 1);
    if (missing == 0) {
        return;
    }
    page_map_set_run(&vm->backed, first, count, 1);
    vm->backed_pfns += missing;
    if (!vm->away) { /* the memory of the other host is not limited */
        take_machine_memory(vm, missing);
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

/** Gives host memory to whole pages of the guest. */
static void back_pages_with_host_memory(struct vm *vm, uint64_t pfn, uint64_t pages)
{
    uint64_t pfns = pages << vm->spec.page_order;
    if (pfns == 1 && page_map_get_bit(&vm->backed, pfn - vm->spec.first_pfn)) {
        return; /* this is usual; the host page that contains it has host memory as a whole */
    }
    widen_range_to_host_pages(vm, &pfn, &pfns);
    back_pfns_with_host_memory(vm, pfn - vm->spec.first_pfn, pfns);
}

void backing_write_page(struct vm *vm, uint64_t pfn, uint64_t tag)
{
    const uint64_t page = get_page_index(vm, pfn);
    back_pages_with_host_memory(vm, pfn, 1);
    page_tags_set(&vm->content, page, tag);
    log_dirty_pages(vm, page, 1);
}

void backing_write_new_pages(void *opaque, uint64_t pfn, uint64_t pages, uint64_t tag)
{
    struct vm *vm = opaque;
    const uint64_t first = get_page_index(vm, pfn);
    back_pages_with_host_memory(vm, pfn, pages);
    page_tags_set_ascending(&vm->content, first, pages, tag);
    log_dirty_pages(vm, first, pages);
}

uint64_t backing_read_content_tag(const struct vm *vm, uint64_t pfn)
{
    return page_tags_get(&vm->content, get_page_index(vm, pfn));
}

void backing_corrupt_content(struct vm *vm, uint64_t pfn, uint64_t tag)
{
    page_tags_set(&vm->content, get_page_index(vm, pfn), tag);
}

bool backing_is_page_backed(const struct vm *vm, uint64_t page)
{
    return page_map_get_bit(&vm->backed, page << vm->spec.page_order);
}

/* ---- Discards ---- */

/** Sets the content of all pages that have a PFN in a range. */
static void set_content_of_pfns(struct vm *vm, uint64_t first, uint64_t count, uint64_t tag)
{
    const uint64_t page = first >> vm->spec.page_order;
    const uint64_t last = (first + count - 1) >> vm->spec.page_order;
    page_tags_set_equal(&vm->content, page, last - page + 1, tag);
}

/** Discards the host memory of a run of PFNs that all have it. A page without host memory has no
 * content, so only the content of these PFNs is cleared. */
static void discard_backed_run(struct vm *vm, uint64_t first, uint64_t count)
{
    const uint64_t page = first >> vm->spec.page_order;
    const uint64_t last = (first + count - 1) >> vm->spec.page_order;
    page_map_set_run(&vm->backed, first, count, 0);
    set_content_of_pfns(vm, first, count, 0);
    log_dirty_pages(vm, page, last - page + 1);
}

void backing_clear_content(struct vm *vm)
{
    const uint64_t pages = vm->spec.memory_bytes >> BNT_PFN_SHIFT >> vm->spec.page_order;
    page_map_set_run(&vm->content, 0, pages, 0);
    log_dirty_pages(vm, 0, pages);
}

void backing_discard_pages(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint64_t *freed_bytes)
{
    uint64_t freed = 0;
    widen_range_to_host_pages(vm, &first_pfn, &pfns);
    const uint64_t first = first_pfn - vm->spec.first_pfn;
    const uint64_t end = first + pfns;
    /* usually no PFN here has host memory, since the guest never wrote to most ballooned pages */
    for (uint64_t at = page_map_find(&vm->backed, first, end, 1); at < end;
         at = page_map_find(&vm->backed, at, end, 1)) {
        const uint64_t run = page_map_find(&vm->backed, at, end, 0) - at;
        discard_backed_run(vm, at, run);
        freed += run;
    }
    vm->backed_pfns -= freed;
    vm->world->machine_backed_pfns -= vm->away ? 0 : freed;
    /* Pages that have no host memory, but were filled with a value by the host, read as 0 from now
     * on. */
    if (vm->spec.device.fill && pfns > 0) {
        set_content_of_pfns(vm, first, pfns, 0);
    }
    *freed_bytes = freed << BNT_PFN_SHIFT;
}

void backing_fill_pages(struct vm *vm, uint64_t first_pfn, uint64_t pfns, uint32_t value,
                        uint64_t *freed_bytes)
{
    const uint64_t first = get_page_index(vm, first_pfn);
    backing_discard_pages(vm, first_pfn, pfns, freed_bytes);
    if (pfns > 0) {
        const uint64_t last = get_page_index(vm, first_pfn + pfns - 1);
        set_content_of_pfns(vm, first_pfn - vm->spec.first_pfn, pfns,
                            vm_make_content_tag_of_value(value));
        log_dirty_pages(vm, first, last - first + 1);
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
