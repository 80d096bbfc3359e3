/*
 * The audit of pages: it counts the places of pages again, and compares the model with the device's
 * ledger and the guest's view with the host's, a word of 64 PFNs at a time.
 *
 * After an event of a small world, an audit looks only at the words that changed since the last
 * one. Audits can also go page by page, with the functions that read single pages. This is slow,
 * and finds the same (tests/negative/run.sh). The world calls this file; checks.c compares
 * counters.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>
#include <string.h>

#define NO_INDEX UINT64_MAX
#define STRIDE   8u /* PFNs whose places are compared at a time */

/** What an audit finds. */
struct findings {
    uint64_t in_place[PLACE_COUNT]; /**< number of PFNs for each page_place */
    uint64_t ledger_index; /**< the first PFN about which the ledger contradicts the completed
                                requests; NO_INDEX: none */
    uint64_t views_index;  /**< the first PFN about which guest and host disagree; NO_INDEX: none */
};

/** What an audit compares beside the counts. */
struct comparison {
    const struct shadow *shadow;
    const struct bnt_host *host; /**< NULL: the ledger is not compared */
    bool views;
};

/* ---- By word ---- */

/** Whether all PFNs of a word are in the same place, and none is lent. */
static bool is_word_uniform(const uint8_t *places)
{
    uint8_t differs = places[0] & SHADOW_LENT;
    for (uint32_t i = 0; i < SHADOW_WORD_PFNS; i++) {
        differs |= places[i] ^ places[0];
    }
    return differs == 0;
}

/** Counts the places of the first `pfns` PFNs of a word; returns which of its PFNs are ballooned
 * and not lent. */
static uint64_t count_places(struct findings *findings, const uint8_t *places, uint64_t pfns)
{
    uint64_t ballooned = 0;
    if (is_word_uniform(places)) {
        findings->in_place[places[0]] += pfns;
        return places[0] == PLACE_BALLOON ? UINT64_MAX : 0;
    }
    for (uint64_t i = 0; i < pfns; i++) {
        findings->in_place[shadow_get_place_without_lent_flag(places[i])]++;
        ballooned |= (uint64_t)(places[i] == PLACE_BALLOON) << i;
    }
    return ballooned;
}

static void note_difference(uint64_t *index, uint64_t at, uint64_t differs)
{
    if (differs != 0 && *index == NO_INDEX) {
        *index = at + (uint64_t)__builtin_ctzll(differs);
    }
}

/** Audits the word that begins at index `at`; `held` is what the ledger says. */
static void audit_word(const struct comparison *compared, uint64_t at, uint64_t held,
                       struct findings *findings)
{
    const struct shadow_leaf *leaf = shadow_read_leaf(compared->shadow, at);
    const uint64_t pfns = shadow_clip_run(compared->shadow, at, SHADOW_WORD_PFNS);
    const uint64_t memory = shadow_get_bits(at, pfns);
    const uint64_t host = leaf->host[at % SHADOW_LEAF_PFNS / SHADOW_WORD_PFNS];
    const uint64_t ballooned = count_places(findings, &leaf->place[at % SHADOW_LEAF_PFNS], pfns);
    if (compared->host != NULL) {
        note_difference(&findings->ledger_index, at, memory & (held ^ host));
    }
    if (compared->views) {
        note_difference(&findings->views_index, at, memory & (ballooned ^ host));
    }
}

static void audit_words(const struct comparison *compared, struct findings *findings)
{
    const struct shadow *shadow = compared->shadow;
    for (uint64_t at = 0; at < shadow->config.pfns; at += SHADOW_LEAF_PFNS) {
        uint64_t held[SHADOW_LEAF_WORDS] = {0};
        if (compared->host != NULL) {
            bnt_host_held_pfns_get(compared->host, shadow->config.first_pfn + at, held,
                                   SHADOW_LEAF_WORDS);
        }
        const uint64_t pfns = shadow_clip_run(shadow, at, SHADOW_LEAF_PFNS);
        for (uint64_t i = 0; i * SHADOW_WORD_PFNS < pfns; i++) {
            audit_word(compared, at + i * SHADOW_WORD_PFNS, held[i], findings);
        }
    }
}

/* ---- Page by page ---- */

static void audit_pages_one_by_one(const struct comparison *compared, struct findings *findings)
{
    const struct shadow *shadow = compared->shadow;
    for (uint64_t at = 0; at < shadow->config.pfns; at++) {
        const uint64_t pfn = shadow->config.first_pfn + at;
        const uint8_t place = shadow_get_page_place(shadow, pfn);
        const bool host = shadow_is_pfn_held(shadow, at);
        findings->in_place[shadow_get_place_without_lent_flag(place)]++;
        if (compared->host != NULL) {
            const bool held = bnt_host_page_state_get(compared->host, pfn) != BNT_HOST_PAGE_GUEST;
            note_difference(&findings->ledger_index, at, held != host);
        }
        if (compared->views) {
            note_difference(&findings->views_index, at, (place == PLACE_BALLOON) != host);
        }
    }
}

/* ---- What the findings must be ---- */

static void check_places(struct oracle *oracle, uint32_t vm, const struct findings *findings,
                         uint64_t allocator_pages, uint64_t reported_pages)
{
    const struct shadow *shadow = &oracle->vms[vm];
    uint64_t counted[PLACE_COUNT];
    uint64_t with_driver = 0;
    for (int place = 0; place < PLACE_COUNT; place++) {
        counted[place] = findings->in_place[place] >> shadow->config.page_order;
        if (counted[place] != shadow->in_place[place]) {
            oracle_record_violation(oracle, vm, INVARIANT_CONSERVED,
                                    "place %d contains %" PRIu64
                                    " pages, but its counter says %" PRIu64,
                                    place, counted[place], shadow->in_place[place]);
        }
        if (place != PLACE_OS && (place <= PLACE_HELD || place == PLACE_HELD_PARTS)) {
            with_driver += counted[place];
        }
    }
    if (counted[PLACE_REPORTING] + counted[PLACE_REPORTED] != reported_pages) {
        oracle_record_violation(oracle, vm, INVARIANT_CONSERVED,
                                "the allocator counts %" PRIu64
                                " pages in free page reports, but the reports hold %" PRIu64,
                                reported_pages, counted[PLACE_REPORTING] + counted[PLACE_REPORTED]);
    }
    if (with_driver != allocator_pages) {
        oracle_record_violation(oracle, vm, INVARIANT_CONSERVED,
                                "the allocator counts %" PRIu64
                                " pages that the driver owns, but the driver owns %" PRIu64,
                                allocator_pages, with_driver);
    }
}

static void check_comparison(struct oracle *oracle, uint32_t vm, const struct findings *findings)
{
    const struct shadow *shadow = &oracle->vms[vm];
    const uint64_t first_pfn = shadow->config.first_pfn;
    if (findings->ledger_index != NO_INDEX) {
        const bool held = !shadow_is_pfn_held(shadow, findings->ledger_index);
        oracle_record_violation(
            oracle, vm, INVARIANT_LEDGER_COUNT,
            "the ledger says that PFN %" PRIu64 " is %s, which the completed requests contradict",
            first_pfn + findings->ledger_index, held ? "in the balloon" : "the guest's");
    }
    if (findings->views_index != NO_INDEX) {
        const bool guest = !shadow_is_pfn_held(shadow, findings->views_index);
        oracle_record_violation(oracle, vm, INVARIANT_VIEWS_AGREE,
                                "PFN %" PRIu64 " is %s for the guest and %s for the host",
                                first_pfn + findings->views_index,
                                guest ? "in the balloon" : "its own",
                                guest ? "the guest's" : "in the balloon");
    }
}

/** Whether each page of the ledger can be read: where the ledger has no leaf for a page, it only
 * counts the page. */
static bool is_ledger_readable(const struct bnt_host *host)
{
    struct bnt_host_info info = {.size = sizeof info};
    return bnt_host_info_get(host, &info) == BNT_OK && info.ledger.leafless_pfns == 0;
}

void oracle_audit_pages(struct oracle *oracle, uint32_t vm, const struct bnt_host *host,
                        uint64_t allocator_pages, uint64_t reported_pages)
{
    const struct comparison compared = {
        .shadow = &oracle->vms[vm],
        .host = is_ledger_readable(host) ? host : NULL,
        .views = shadow_is_settled(&oracle->vms[vm]),
    };
    struct findings findings = {.ledger_index = NO_INDEX, .views_index = NO_INDEX};
    if (oracle->page_by_page) {
        audit_pages_one_by_one(&compared, &findings);
    } else {
        audit_words(&compared, &findings);
    }
    check_places(oracle, vm, &findings, allocator_pages, reported_pages);
    check_comparison(oracle, vm, &findings);
}

void oracle_audit_page_by_page(struct oracle *oracle)
{
    oracle->page_by_page = true;
}

/* ---- What changed since the last audit ---- */

static void recount_place(struct shadow_audit *audit, const struct shadow *shadow, uint32_t vm,
                          uint64_t at, uint8_t place)
{
    const bool begins = (at & ((UINT64_C(1) << shadow->config.page_order) - 1)) == 0;
    const page_place from = shadow_get_place_without_lent_flag(audit->place[at]);
    const page_place to = shadow_get_place_without_lent_flag(place);
    audit->in_place[from]--;
    audit->in_place[to]++;
    audit->state +=
        begins ? shadow_hash_run(shadow, vm, at, 1, to) - shadow_hash_run(shadow, vm, at, 1, from)
               : 0;
    audit->place[at] = place;
}

/** Brings the counts and the state of the last audit up to date, by the words that were touched. */
static void recount_touched_words(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    struct shadow_audit *audit = &shadow->audit;
    for (uint64_t left = audit->touched; left != 0; left &= left - 1) {
        const uint64_t first = (uint64_t)__builtin_ctzll(left) * SHADOW_WORD_PFNS;
        const uint64_t pfns = shadow_clip_run(shadow, first, SHADOW_WORD_PFNS);
        const uint8_t *places = &shadow_read_leaf(shadow, first)->place[first % SHADOW_LEAF_PFNS];
        for (uint64_t i = 0; i < pfns; i++) {
            if (i % STRIDE == 0 && i + STRIDE <= pfns &&
                memcmp(&audit->place[first + i], &places[i], STRIDE) == 0) {
                i += STRIDE - 1;
            } else if (audit->place[first + i] != places[i]) {
                recount_place(audit, shadow, vm, first + i, places[i]);
            }
        }
    }
    audit->ledger_pending |= audit->touched;
    audit->views_pending |= audit->touched;
    audit->touched = 0;
}

/** The PFNs of the word at index `at` about which the ledger contradicts the completed requests. */
static uint64_t find_ledger_differences(const struct shadow *shadow, const struct bnt_host *host,
                                        uint64_t at, uint64_t memory)
{
    uint64_t held;
    bnt_host_held_pfns_get(host, shadow->config.first_pfn + at, &held, 1);
    return memory &
           (held ^ shadow_read_leaf(shadow, at)->host[at % SHADOW_LEAF_PFNS / SHADOW_WORD_PFNS]);
}

/** The PFNs of the word at index `at` about which guest and host disagree. */
static uint64_t find_view_differences(const struct shadow *shadow, uint64_t at, uint64_t memory)
{
    const struct shadow_leaf *leaf = shadow_read_leaf(shadow, at);
    struct findings uncounted = {0};
    const uint64_t ballooned =
        count_places(&uncounted, &leaf->place[at % SHADOW_LEAF_PFNS], SHADOW_WORD_PFNS);
    return memory & (ballooned ^ leaf->host[at % SHADOW_LEAF_PFNS / SHADOW_WORD_PFNS]);
}

/** Compares the words of `pending` with the ledger, or the views if `host` is NULL. Returns the
 * index of the first PFN that differs. A word that differs stays pending, because the invariant can
 * be suspended for now. */
static uint64_t compare_pending_words(const struct shadow *shadow, const struct bnt_host *host,
                                      uint64_t *pending)
{
    uint64_t index = NO_INDEX;
    for (uint64_t left = *pending; left != 0; left &= left - 1) {
        const uint64_t at = (uint64_t)__builtin_ctzll(left) * SHADOW_WORD_PFNS;
        const uint64_t pfns = shadow_clip_run(shadow, at, SHADOW_WORD_PFNS);
        const uint64_t memory = pfns > 0 ? shadow_get_bits(at, pfns) : 0;
        const uint64_t differs = host != NULL ? find_ledger_differences(shadow, host, at, memory)
                                              : find_view_differences(shadow, at, memory);
        note_difference(&index, at, differs);
        *pending &= differs != 0 ? UINT64_MAX : ~(left & (0 - left));
    }
    return index;
}

void oracle_audit_changed_pages(struct oracle *oracle, uint32_t vm, const struct bnt_host *host,
                                uint64_t allocator_pages, uint64_t reported_pages)
{
    struct shadow *shadow = &oracle->vms[vm];
    struct shadow_audit *audit = &shadow->audit;
    struct findings findings = {.ledger_index = NO_INDEX, .views_index = NO_INDEX};
    if (oracle->page_by_page) {
        oracle_audit_pages(oracle, vm, host, allocator_pages, reported_pages);
        return;
    }
    recount_touched_words(oracle, vm);
    if (audit->ledger_pending != 0 && is_ledger_readable(host)) {
        findings.ledger_index = compare_pending_words(shadow, host, &audit->ledger_pending);
    }
    if (audit->views_pending != 0 && shadow_is_settled(shadow)) {
        findings.views_index = compare_pending_words(shadow, NULL, &audit->views_pending);
    }
    memcpy(findings.in_place, audit->in_place, sizeof findings.in_place);
    check_places(oracle, vm, &findings, allocator_pages, reported_pages);
    check_comparison(oracle, vm, &findings);
}

void oracle_observe_ledger_loaded(struct oracle *oracle, uint32_t vm)
{
    oracle->vms[vm].audit.ledger_pending = UINT64_MAX;
}

/* ---- The state word ---- */

/** The state word of the pages of the leaf that begins at index `at`. */
static uint64_t hash_leaf(const struct shadow *shadow, uint32_t vm, uint64_t at)
{
    const uint8_t *places = shadow_read_leaf(shadow, at)->place;
    const uint64_t first_pfn = shadow->config.first_pfn + at;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < SHADOW_LEAF_PFNS; i += UINT64_C(1) << shadow->config.page_order) {
        const page_place place = shadow_get_place_without_lent_flag(places[i]);
        if (place == PLACE_BALLOON || place == PLACE_HELD) {
            sum += shadow_hash_page(vm, first_pfn + i, place == PLACE_HELD);
        }
    }
    return sum;
}

uint64_t oracle_recompute_state(const struct oracle *oracle)
{
    uint64_t state = 0;
    for (uint32_t vm = 0; vm < oracle->vm_count; vm++) {
        const struct shadow *shadow = &oracle->vms[vm];
        for (uint64_t at = shadow_find_next_leaf(shadow, 0); at != SHADOW_NO_LEAF;
             at = shadow_find_next_leaf(shadow, at + SHADOW_LEAF_PFNS)) {
            state += hash_leaf(shadow, vm, at);
        }
    }
    return state;
}

uint64_t oracle_recompute_changed_state(struct oracle *oracle)
{
    uint64_t state = 0;
    if (oracle->page_by_page) {
        return oracle_recompute_state(oracle);
    }
    for (uint32_t vm = 0; vm < oracle->vm_count; vm++) {
        recount_touched_words(oracle, vm);
        state += oracle->vms[vm].audit.state;
    }
    return state;
}
