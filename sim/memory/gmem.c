/*
 * Guest memory: creates it, takes pages from the pool and returns them, and counts pages. Other
 * parts are in other files: the balloon driver's allocator in gmem_balloon.c, groups in
 * gmem_group.c, lists and swap slots in gmem_list.c, reclaim and the OOM killer in reclaim.c, the
 * audit in gmem_audit.c, and the order of allocation in gmem_pool.c.
 */
#include "sim/memory/gmem_private.h"

#include <ballonet/base.h>

#include <inttypes.h>
#include <stdio.h>

/** Linux's bounds of min_free_kbytes. */
#define WATERMARK_KIB_MIN 128
#define WATERMARK_KIB_MAX 262144

const char *page_use_get_name(page_use use)
{
    static const char *const names[PAGE_USE_COUNT] = {
        "free", "kernel",  "pinned",   "anon",   "cache-clean", "cache-dirty",
        "slab", "balloon", "reported", "hinted", "offline"};
    return (unsigned)use < PAGE_USE_COUNT ? names[use] : "unknown";
}

/* ---- Creation ---- */

static uint64_t compute_square_root(uint64_t value)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1) {
        if ((root + bit) * (root + bit) <= value) {
            root += bit;
        }
    }
    return root;
}

/** The value that Linux would choose for min_free_kbytes: 4 * sqrt(KiB that the kernel manages). */
static uint64_t compute_min_watermark(const struct gmem_config *config)
{
    if (config->watermark_min_bytes != 0) {
        return config->watermark_min_bytes;
    }
    uint64_t kib = compute_square_root((config->memory_bytes - config->kernel_bytes) / 1024 * 16);
    kib = kib < WATERMARK_KIB_MIN ? WATERMARK_KIB_MIN : kib;
    kib = kib > WATERMARK_KIB_MAX ? WATERMARK_KIB_MAX : kib;
    return kib * 1024;
}

static uint64_t round_up_to_pages(uint64_t bytes, uint64_t page_bytes)
{
    return bytes / page_bytes + (bytes % page_bytes != 0);
}

/** Sets the watermarks: low = 5/4 min and high = 3/2 min, where each watermark is at least one page
 * above the next lower one. */
static void set_watermarks(struct gmem *gmem, uint64_t min_pages)
{
    const uint64_t low = min_pages + (min_pages / 4 > 0 ? min_pages / 4 : 1);
    const uint64_t high = min_pages + min_pages / 2;
    gmem->min = (uint32_t)min_pages;
    gmem->low = (uint32_t)low;
    gmem->high = (uint32_t)(high > low ? high : low + 1);
}

/** Computes the sizes in pages. If the sizes contradict each other, returns false and writes a
 * message into `error`. */
static bool compute_page_counts(struct gmem *gmem, const struct gmem_config *config, char *error,
                                size_t error_bytes)
{
    const uint64_t page = BNT_PFN_BYTES << config->page_order;
    const uint64_t pages = config->memory_bytes / page;
    const uint64_t slots = config->swap_bytes / page;
    const uint64_t limit = SIZE_MAX / sizeof(uint64_t) < UINT32_MAX / 2
                               ? SIZE_MAX / sizeof(uint64_t) - 1
                               : UINT32_MAX / 2;
    if (pages == 0 || pages > limit || slots > limit) {
        (void)snprintf(error, error_bytes,
                       "memory must have 1 to %" PRIu64 " pages, and swap at most as many", limit);
        return false;
    }
    if (config->kernel_bytes > config->memory_bytes ||
        config->pinned_bytes > config->memory_bytes ||
        config->watermark_min_bytes > config->memory_bytes) {
        (void)snprintf(error, error_bytes,
                       "kernel, pinned memory and watermark must fit into the guest's memory");
        return false;
    }
    const uint64_t kernel = round_up_to_pages(config->kernel_bytes, page) +
                            round_up_to_pages(config->pinned_bytes, page);
    const uint64_t min = round_up_to_pages(compute_min_watermark(config), page);
    const uint64_t offline = config->offline_bytes / page;
    if (kernel + offline >= pages || min + min / 2 + 2 >= pages - kernel - offline) {
        (void)snprintf(error, error_bytes,
                       "the guest has %" PRIu64 " pages; %" PRIu64
                       " kernel and pinned pages leave no room "
                       "above the min watermark of %" PRIu64 " pages",
                       pages, kernel, min);
        return false;
    }
    gmem->pages = (uint32_t)pages;
    gmem->kernel_pages = (uint32_t)kernel;
    gmem->offline_pages = (uint32_t)offline;
    gmem->swap_slots = (uint32_t)slots;
    set_watermarks(gmem, min);
    return true;
}

bool gmem_are_sizes_valid(const struct gmem_config *config, char *error, size_t error_bytes)
{
    struct gmem sizes = {.pages = 0};
    return compute_page_counts(&sizes, config, error, error_bytes);
}

static void create_maps(struct gmem *gmem)
{
    struct arena *arena = gmem->config.arena;
    const uint32_t pages = gmem->pages;
    page_map_init(&gmem->state, arena, PAGE_WIDTH_BYTE, pages, PAGE_USE_FREE);
    gmem->links = page_links_create(arena, pages);
    gmem->record = arena_alloc_zeroed(arena, pages * sizeof(uint32_t));
    page_map_init(&gmem->tag, arena, PAGE_WIDTH_U64, pages, 0);
    if (gmem->config.reports) {
        page_map_init(&gmem->reported, arena, PAGE_WIDTH_BIT, pages, 0);
    }
    if (gmem->config.ages) {
        page_map_init(&gmem->stamps, arena, PAGE_WIDTH_U32, pages, 0);
    }
    gmem->swap_free = BUDDY_NONE;
}

/** The new kernel writes to its pages and to the pinned pages, in their order. */
static void write_kernel_pages(struct gmem *gmem)
{
    const uint64_t tag = gmem->config.tag_base + 1;
    if (gmem->config.write_new == NULL) {
        for (uint32_t page = 0; page < gmem->kernel_pages; page++) {
            gmem_write_page(gmem, page);
        }
        return;
    }
    if (gmem->kernel_pages > 0) {
        gmem->config.write_new(gmem->config.opaque, gmem->config.first_pfn, gmem->kernel_pages,
                               tag);
    }
    page_tags_set_ascending(&gmem->tag, 0, gmem->kernel_pages, tag);
    gmem->tags = gmem->kernel_pages;
}

/** Before anything else is allocated, creates the kernel's pages and the pinned pages, and writes
 * to them. */
static void create_kernel_pages(struct gmem *gmem)
{
    const uint64_t page_bytes = BNT_PFN_BYTES << gmem->config.page_order;
    const uint32_t image = (uint32_t)round_up_to_pages(gmem->config.kernel_bytes, page_bytes);
    page_map_set_run(&gmem->state, 0, image, PAGE_USE_KERNEL);
    page_map_set_run(&gmem->state, image, gmem->kernel_pages - image, PAGE_USE_PINNED);
    write_kernel_pages(gmem);
    for (uint32_t page = gmem->kernel_pages;
         gmem->config.free_tag != 0 && page < gmem->pages - gmem->offline_pages; page++) {
        gmem_fill_page(gmem, page); /* at boot, the kernel fills the free pages too */
    }
    gmem->in_use[PAGE_USE_KERNEL] = image;
    gmem->in_use[PAGE_USE_PINNED] = gmem->kernel_pages - image;
    gmem->in_use[PAGE_USE_OFFLINE] = gmem->offline_pages;
    page_map_set_run(&gmem->state, gmem->pages - gmem->offline_pages, gmem->offline_pages,
                     PAGE_USE_OFFLINE);
}

struct gmem *gmem_create(const struct gmem_config *config, char *error, size_t error_bytes)
{
    struct gmem sizes = {.pages = 0};
    if (!compute_page_counts(&sizes, config, error, error_bytes)) {
        return NULL;
    }
    struct gmem *gmem = arena_alloc(config->arena, sizeof *gmem);
    *gmem = sizes;
    gmem->config = *config;
    create_maps(gmem);
    gmem_pool_init(&gmem->pool, config->arena, config->engine, config->pages, &gmem->state,
                   gmem->links, gmem->kernel_pages, gmem->pages - gmem->offline_pages);
    create_kernel_pages(gmem);
    return gmem;
}

void gmem_destroy(struct gmem *gmem)
{
    struct arena *arena = gmem->config.arena;
    gmem_pool_destroy(&gmem->pool);
    page_map_destroy(&gmem->state);
    page_links_destroy(arena, gmem->links, gmem->pages);
    arena_free(arena, gmem->record, (uint64_t)gmem->pages * sizeof(uint32_t));
    if (gmem->above_known) {
        page_map_destroy(&gmem->above);
    }
    page_map_destroy(&gmem->tag);
    if (gmem->config.reports) {
        page_map_destroy(&gmem->reported);
    }
    if (gmem->config.ages) {
        page_map_destroy(&gmem->stamps);
    }
    arena_free(arena, gmem->swap_tag, gmem->swap_room * sizeof(uint64_t));
    arena_free(arena, gmem->swap_next, gmem->swap_room * sizeof(uint32_t));
    arena_free(arena, gmem->groups, gmem->group_room * sizeof(struct gmem_group));
    arena_free(arena, gmem, sizeof *gmem);
}

/* ---- Functions that take pages from the pool and return them ---- */

uint32_t gmem_find_page(const struct gmem *gmem, uint64_t pfn)
{
    const uint64_t offset = pfn - gmem->config.first_pfn;
    const uint64_t page = offset >> gmem->config.page_order;
    if (pfn < gmem->config.first_pfn || page >= gmem->pages ||
        page << gmem->config.page_order != offset) {
        return BUDDY_NONE;
    }
    return (uint32_t)page;
}

void gmem_notify_moved_pages(struct gmem *gmem, const uint32_t *pages, uint32_t count,
                             page_use from, page_use to)
{
    uint64_t pfns[GMEM_BATCH_MAX];
    gmem->changes++;
    if (gmem->config.moved == NULL || count == 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        pfns[i] = gmem_get_pfn_of_page_index(gmem, pages[i]);
    }
    gmem->config.moved(gmem->config.opaque, pfns, count, from, to);
}

void gmem_alloc_pages(struct gmem *gmem, uint32_t *pages, uint32_t count, page_use use)
{
    gmem_pool_alloc_pages(&gmem->pool, pages, count, (uint8_t)use);
    gmem->in_use[use] += count;
    if (gmem->pool.free_pages < gmem->low) {
        gmem->reclaim_wanted = true;
    }
    for (uint32_t i = 0; gmem->config.free_filled && use != PAGE_USE_BALLOON && i < count; i++) {
        gmem_read_page(gmem, pages[i]); /* check that the page still contains its fill value */
    }
    gmem_notify_moved_pages(gmem, pages, count, PAGE_USE_FREE, use);
}

void gmem_free_pages(struct gmem *gmem, const uint32_t *pages, uint32_t count, page_use from)
{
    gmem->in_use[from] -= count;
    for (uint32_t i = 0; gmem->config.free_filled && from != PAGE_USE_BALLOON && i < count; i++) {
        gmem_fill_page(gmem, pages[i]);
    }
    for (uint32_t i = 0; gmem->config.reports && i < count; i++) {
        page_map_set_bit(&gmem->reported, pages[i], false);
    }
    gmem_pool_free_pages(&gmem->pool, pages, count);
    gmem_notify_moved_pages(gmem, pages, count, from, PAGE_USE_FREE);
}

void gmem_online_memory(struct gmem *gmem, uint64_t bytes)
{
    uint64_t left = bytes / gmem_get_page_bytes(gmem);
    uint32_t batch[GMEM_BATCH_MAX] = {0};
    while (left > 0 && gmem->offline_pages > 0) {
        uint32_t count = 0;
        while (count < GMEM_BATCH_MAX && left > 0 && gmem->offline_pages > 0) {
            batch[count++] = gmem->pages - gmem->offline_pages;
            gmem->offline_pages--;
            left--;
        }
        gmem_free_pages(gmem, batch, count, PAGE_USE_OFFLINE);
    }
}

/** Writes a tag to a page. The callback `access` verifies the content before. */
static void write_tag(struct gmem *gmem, uint32_t page, uint64_t tag)
{
    if (gmem->config.access != NULL) {
        gmem->config.access(gmem->config.opaque, gmem_get_pfn_of_page_index(gmem, page),
                            page_tags_get(&gmem->tag, page), true, tag);
    }
    page_tags_set(&gmem->tag, page, tag);
}

void gmem_write_page(struct gmem *gmem, uint32_t page)
{
    const uint64_t tag = gmem->config.tag_base + ++gmem->tags;
    gmem_record_page_access_time(gmem, page);
    write_tag(gmem, page, tag);
}

void gmem_fill_page(struct gmem *gmem, uint32_t page)
{
    write_tag(gmem, page, gmem->config.free_tag);
}

void gmem_restore_page(struct gmem *gmem, uint32_t page, uint64_t tag)
{
    write_tag(gmem, page, tag);
}

void gmem_read_page(struct gmem *gmem, uint32_t page)
{
    gmem_record_page_access_time(gmem, page);
    if (gmem->config.access != NULL) {
        gmem->config.access(gmem->config.opaque, gmem_get_pfn_of_page_index(gmem, page),
                            page_tags_get(&gmem->tag, page), false, 0);
    }
}

/* ---- Looking at it ---- */

void gmem_get_counters(const struct gmem *gmem, struct gmem_counters *counters)
{
    const uint64_t page = gmem_get_page_bytes(gmem);
    *counters = (struct gmem_counters){
        .free_bytes = gmem->pool.free_pages * page,
        .kernel_bytes = gmem->kernel_pages * page,
        .anon_bytes = gmem->in_use[PAGE_USE_ANON] * page,
        .cache_clean_bytes = gmem->in_use[PAGE_USE_CACHE_CLEAN] * page,
        .cache_dirty_bytes = gmem->in_use[PAGE_USE_CACHE_DIRTY] * page,
        .slab_bytes = gmem->in_use[PAGE_USE_SLAB] * page,
        .balloon_bytes = gmem->in_use[PAGE_USE_BALLOON] * page,
        .swap_used_bytes = gmem->swap_used * page,
        .min_bytes = gmem->min * page,
        .low_bytes = gmem->low * page,
        .high_bytes = gmem->high * page,
        .allocations = gmem->allocations,
        .swapped_in_bytes = gmem->swapped_in * page,
        .swapped_out_bytes = gmem->swapped_out * page,
        .reclaimed_bytes = gmem->reclaimed * page,
        .refaults = gmem->refaults,
        .refault_bytes = gmem->refaults * page,
        .background_bytes = gmem->background_freed * page,
        .direct_bytes = (gmem->freed - gmem->background_freed) * page,
        .direct_reclaims = gmem->direct_reclaims,
        .balloon_cost_ns = gmem->balloon_cost_ns,
        .oom_kills = gmem->oom_kills,
        .bad_frees = gmem->bad_frees,
    };
}

uint64_t gmem_get_page_bytes(const struct gmem *gmem)
{
    return BNT_PFN_BYTES << gmem->config.page_order;
}

uint64_t gmem_count_pages(const struct gmem *gmem)
{
    return gmem->pages;
}

uint64_t gmem_count_pages_in_use(const struct gmem *gmem, page_use use)
{
    return use == PAGE_USE_FREE ? gmem->pool.free_pages : gmem->in_use[use];
}

page_use gmem_get_page_use(const struct gmem *gmem, uint64_t pfn)
{
    const uint32_t page = gmem_find_page(gmem, pfn);
    return page == BUDDY_NONE ? PAGE_USE_COUNT : gmem_get_use_of_page_index(gmem, page);
}

uint64_t gmem_get_page_content_tag(const struct gmem *gmem, uint64_t pfn)
{
    const uint32_t page = gmem_find_page(gmem, pfn);
    return page == BUDDY_NONE ? 0 : page_tags_get(&gmem->tag, page);
}

uint64_t gmem_find_page_in_use(const struct gmem *gmem, page_use use)
{
    for (uint32_t i = 0; i < gmem->group_count; i++) {
        if (gmem->groups[i].list[use].count > 0) {
            return gmem_get_pfn_of_page_index(gmem, gmem->groups[i].list[use].head);
        }
    }
    return GMEM_NONE;
}

void gmem_read_kernel_pages(struct gmem *gmem, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < gmem->kernel_pages; i++) {
        gmem_read_page(gmem, gmem->kernel_cursor);
        gmem->kernel_cursor =
            gmem->kernel_cursor + 1 < gmem->kernel_pages ? gmem->kernel_cursor + 1 : 0;
    }
}
