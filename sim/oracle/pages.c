/*
 * Who has which page: the shadow moves as the world observes requests, allocations and drops.
 *
 * Every move is checked here, page by page, as it happens: what the driver exposes must be its own,
 * what it gives back must be free of the device, what the host drops must have been given to it.
 */
#include "sim/oracle/shadow.h"

#include <inttypes.h>

/** What `host` says of a PFN. FRESH: given by the request that is being looked at. */
enum {
    HOST_GUEST = 0,
    HOST_BALLOON = 1,
    HOST_FRESH = 2
};

static const char *const place_names[PLACE_COUNT] = {
    [PLACE_OS] = "the guest's own",
    [PLACE_TAKEN] = "with the driver already",
    [PLACE_INFLATING] = "being inflated",
    [PLACE_BALLOON] = "in the balloon",
    [PLACE_DEFLATING] = "being deflated",
    [PLACE_HELD] = "held as refused",
    [PLACE_PARTS] = "part of a refused unit",
    [PLACE_REPORTING] = "in a report",
    [PLACE_REPORTED] = "in a report that was served",
    [PLACE_HINTED] = "kept as hinted",
};

static const char *place_text(uint8_t place)
{
    return (place & SHADOW_LENT) != 0 ? "in use while being deflated" : place_names[place];
}

static bool page_known(struct oracle *oracle, uint32_t vm, uint64_t pfn, const char *what)
{
    const struct shadow *shadow = &oracle->vms[vm];
    if (pfn >= shadow->config.first_pfn && pfn - shadow->config.first_pfn < shadow->config.pfns) {
        return true;
    }
    oracle_violate(oracle, vm, INVARIANT_ONE_PLACE, "%s of PFN %" PRIu64 ", which is not memory",
                   what, pfn);
    return false;
}

static uint8_t *place_of(struct shadow *shadow, uint64_t pfn)
{
    return &shadow->place[(pfn - shadow->config.first_pfn) >> shadow->config.page_order];
}

/** A page counts for the state while its guest regards it as ballooned, in flight back included. */
static bool place_counts(uint8_t place)
{
    return place == PLACE_BALLOON || place == PLACE_HELD;
}

void shadow_move(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint8_t *place, page_place to)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (place_counts(*place)) {
        engine_state_add(oracle->engine, 0 - shadow_fact(vm, pfn, *place == PLACE_HELD));
    }
    shadow->in_place[shadow_place(*place)]--;
    shadow->in_place[to]++;
    *place = (uint8_t)to;
    if (place_counts(*place)) {
        engine_state_add(oracle->engine, shadow_fact(vm, pfn, to == PLACE_HELD));
    }
}

/** Adds to the state what `count` pages add by being in a place, or takes it off. */
static void count_facts(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count,
                        page_place place, bool add)
{
    uint64_t sum = 0;
    if (!place_counts((uint8_t)place)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        sum += shadow_fact(vm, pages[i], place == PLACE_HELD);
    }
    engine_state_add(oracle->engine, add ? sum : 0 - sum);
}

/**
 * Moves pages up to the first that is no memory or is not in `from`; how many. A lent page moves as
 * any other and stays lent, but for an inflate: the device could serve it before the deflate.
 */
static uint32_t move_run(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count,
                         page_place from, page_place to)
{
    struct shadow *shadow = &oracle->vms[vm];
    uint8_t *place = shadow->place;
    const uint64_t first_pfn = shadow->config.first_pfn;
    const uint64_t pfns = shadow->config.pfns;
    const uint32_t order = shadow->config.page_order;
    const uint8_t kept = to != PLACE_INFLATING ? SHADOW_LENT : 0;
    uint32_t moved = 0;
    for (; moved < count; moved++) {
        const uint64_t index = pages[moved] - first_pfn;
        if (index >= pfns || (place[index >> order] & ~kept & UINT8_MAX) != from) {
            break;
        }
        place[index >> order] = (uint8_t)(to | (place[index >> order] & kept));
    }
    shadow->in_place[from] -= moved;
    shadow->in_place[to] += moved;
    count_facts(oracle, vm, pages, moved, from, false);
    count_facts(oracle, vm, pages, moved, to, true);
    return moved;
}

uint32_t oracle_pages_move(struct oracle *oracle, uint32_t vm, const uint64_t *pages,
                           uint32_t count, page_place from, page_place to)
{
    return move_run(oracle, vm, pages, count, from, to);
}

const char *oracle_place_name(page_place place)
{
    return place_names[place];
}

void oracle_taken(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count)
{
    const uint32_t moved = move_run(oracle, vm, pages, count, PLACE_OS, PLACE_TAKEN);
    if (moved < count && page_known(oracle, vm, pages[moved], "an allocation")) {
        oracle_violate(oracle, vm, INVARIANT_ONE_PLACE,
                       "page %" PRIu64 " was allocated to the driver while it is %s", pages[moved],
                       place_text(*place_of(&oracle->vms[vm], pages[moved])));
    }
}

/** Whether the device has let go of a page that the driver gives back to the OS. */
static bool may_be_given(const struct shadow *shadow, page_place place)
{
    switch (place) {
    case PLACE_TAKEN:
    case PLACE_HELD:
    case PLACE_PARTS:
        return true;
    case PLACE_BALLOON: /* silently, after a reset: the host counts every page as the guest's */
        return shadow->releasing || shadow->epoch != shadow->epoch_acked;
    case PLACE_DEFLATING: /* BD-11 */
        return !shadow->must_tell_host;
    default:
        return false;
    }
}

void oracle_given(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint32_t i = move_run(oracle, vm, pages, count, PLACE_TAKEN, PLACE_OS); i < count; i++) {
        if (!page_known(oracle, vm, pages[i], "a free")) {
            return;
        }
        uint8_t *place = place_of(shadow, pages[i]);
        if (!may_be_given(shadow, shadow_place(*place))) {
            oracle_violate(oracle, vm, INVARIANT_GIVEN_UNUSED,
                           "page %" PRIu64 " went back to the guest while it is %s", pages[i],
                           place_text(*place));
            return;
        }
        const uint8_t lent = *place == PLACE_DEFLATING ? SHADOW_LENT : *place & SHADOW_LENT;
        shadow_move(oracle, vm, pages[i], place, PLACE_OS);
        *place |= lent;
    }
}

void oracle_report_taken(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->in_place[PLACE_REPORTING] + shadow->in_place[PLACE_REPORTED] == 0) {
        shadow->reporting_since_ns = engine_now(oracle->engine);
    }
    const uint32_t moved = move_run(oracle, vm, pages, count, PLACE_OS, PLACE_REPORTING);
    if (moved < count && page_known(oracle, vm, pages[moved], "a report")) {
        oracle_violate(oracle, vm, INVARIANT_ONE_PLACE,
                       "page %" PRIu64 " is to be reported while it is %s", pages[moved],
                       place_text(*place_of(&oracle->vms[vm], pages[moved])));
    }
}

/** Of a block with a page that it has in the balloon the device takes no notice, as a whole: it has
 * not served the deflate yet, or a quirk of one side hid it. */
static bool is_declined(const struct shadow *shadow, uint64_t pfn)
{
    const uint32_t order = shadow->config.page_order;
    const uint64_t block = shadow->config.report_pages;
    const uint64_t first = ((pfn - shadow->config.first_pfn) >> order) / block * block;
    for (uint64_t page = first; page < first + block && page < shadow->pages; page++) {
        if ((shadow->place[page] & SHADOW_LENT) != 0) {
            return true;
        }
        for (uint64_t at = page << order; at < (page + 1) << order; at++) {
            if (shadow->host[at] != HOST_GUEST) {
                return true;
            }
        }
    }
    return false;
}

/** BD-39: not before the device let go of it, which it does by serving the report or by a reset. */
void oracle_report_given(struct oracle *oracle, uint32_t vm, const uint64_t *pages, uint32_t count)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint32_t i = move_run(oracle, vm, pages, count, PLACE_REPORTED, PLACE_OS); i < count;
         i++) {
        if (!page_known(oracle, vm, pages[i], "a free")) {
            return;
        }
        uint8_t *place = place_of(shadow, pages[i]);
        const uint8_t lent = *place & SHADOW_LENT;
        const bool declined =
            shadow_place(*place) == PLACE_REPORTING && is_declined(shadow, pages[i]);
        if (!declined && shadow_place(*place) != PLACE_REPORTED) {
            oracle_violate(oracle, vm, INVARIANT_GIVEN_UNUSED,
                           "page %" PRIu64 " went back to the guest while it is %s", pages[i],
                           place_text(*place));
            return;
        }
        shadow_move(oracle, vm, pages[i], place, PLACE_OS);
        *place |= lent;
    }
}

/* ---- The driver's requests ---- */

/** Parts of a refused unit that are offered now, one by one (BX-27). */
static void parts_take(struct oracle *oracle, uint32_t vm, const struct bnt_guest_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint32_t i = 0; i < request->page_count; i++) {
        const uint64_t index = request->pages[i] - shadow->config.first_pfn;
        uint8_t *place = index < shadow->config.pfns ? place_of(shadow, request->pages[i]) : NULL;
        if (place != NULL && *place == PLACE_PARTS) {
            shadow_move(oracle, vm, request->pages[i], place, PLACE_TAKEN);
        }
    }
}

static uint64_t first_page(const struct bnt_guest_request *request)
{
    return request->page_count > 0 ? request->pages[0] : UINT64_MAX;
}

/** One request more is with the device. */
static void sent_add(struct oracle *oracle, uint32_t vm, const struct bnt_guest_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->exposed < SHADOW_SENT_MAX) {
        shadow->sent[shadow->exposed] =
            (struct shadow_sent){first_page(request), request->inflate, engine_now(oracle->engine)};
    }
    shadow->exposed++;
}

/** One request less; of one that is not known by its page the oldest. */
static void sent_remove(struct shadow *shadow, const struct bnt_guest_request *request)
{
    const uint64_t known = shadow->exposed < SHADOW_SENT_MAX ? shadow->exposed : SHADOW_SENT_MAX;
    uint64_t at = 0;
    for (uint64_t i = 0; i < known; i++) {
        if (shadow->sent[i].inflate == request->inflate &&
            shadow->sent[i].page == first_page(request)) {
            at = i;
            break;
        }
    }
    for (uint64_t i = at; i + 1 < known; i++) {
        shadow->sent[i] = shadow->sent[i + 1];
    }
    shadow->exposed--;
}

static void expose(struct oracle *oracle, uint32_t vm, const struct bnt_guest_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    sent_add(oracle, vm, request);
    shadow->unserved[request->inflate] += !shadow->calls; /* a call is served before it returns */
    if (shadow->releasing) {
        oracle_violate(oracle, vm, INVARIANT_RESET_SILENT,
                       "%s of %" PRIu32 " pages was sent before epoch %" PRIu32 " was acknowledged",
                       request->inflate ? "an inflate" : "a deflate", request->page_count,
                       shadow->epoch);
        return;
    }
    if (request->inflate && shadow->in_place[PLACE_PARTS] > 0) {
        parts_take(oracle, vm, request);
    }
    const page_place from = request->inflate ? PLACE_TAKEN : PLACE_BALLOON;
    const page_place to = request->inflate ? PLACE_INFLATING : PLACE_DEFLATING;
    uint32_t moved = move_run(oracle, vm, request->pages, request->page_count, from, to);
    /* Of a doubtful deflate whose pages are the OS's already, the announcement is repeated. */
    while (request->again && moved < request->page_count &&
           (*place_of(shadow, request->pages[moved]) & SHADOW_LENT) != 0) {
        moved++;
    }
    if (moved < request->page_count && page_known(oracle, vm, request->pages[moved], "a request")) {
        oracle_violate(oracle, vm, INVARIANT_ONE_PLACE,
                       "page %" PRIu64 " was sent in %s while it is %s", request->pages[moved],
                       request->inflate ? "an inflate" : "a deflate",
                       place_text(*place_of(shadow, request->pages[moved])));
    }
}

/** The verdicts of one page as one, by BX-6 and BX-7; NONE: uncertain. */
static uint8_t page_verdict(const struct shadow *shadow, const struct bnt_guest_request *request,
                            uint32_t page)
{
    const uint32_t pfns = 1u << shadow->config.page_order;
    const uint32_t first = page << shadow->config.page_order;
    uint32_t accepted = 0;
    uint8_t other = BNT_VERDICT_NONE;
    /* One that is not locked is the driver's, unless the call failed as a whole. */
    const bool unlocked = !request->inflate && !(shadow->calls && shadow->call_failed) &&
                          (shadow->config.habits & BNT_GUEST_HABIT_DEFLATE_STOPS) == 0;
    for (uint32_t i = first; i < first + pfns; i++) {
        const uint8_t verdict =
            i < request->verdict_count ? request->verdicts[i] : (uint8_t)BNT_VERDICT_NONE;
        if (verdict == BNT_VERDICT_NONE || verdict >= BNT_VERDICT_COUNT) {
            return BNT_VERDICT_NONE;
        }
        const bool done =
            verdict == BNT_VERDICT_ACCEPTED || (unlocked && verdict == BNT_VERDICT_NOT_LOCKED);
        accepted += done;
        if (!done) {
            other = verdict;
        }
    }
    if (accepted == pfns) {
        return BNT_VERDICT_ACCEPTED;
    }
    return accepted == 0 ? other : (uint8_t)BNT_VERDICT_NONE;
}

static page_place inflated_place(struct shadow *shadow, uint8_t verdict)
{
    switch ((bnt_verdict)verdict) {
    case BNT_VERDICT_ACCEPTED:
        return PLACE_BALLOON;
    case BNT_VERDICT_NONE:
        shadow->uncertain_pages++;
        return PLACE_BALLOON;
    case BNT_VERDICT_NOT_NEEDED:
        return (shadow->config.habits & BNT_GUEST_HABIT_REFUSE_ALL) != 0 ? PLACE_HELD : PLACE_TAKEN;
    case BNT_VERDICT_RESET:
        return PLACE_TAKEN;
    default:
        return PLACE_HELD;
    }
}

static page_place deflated_place(struct shadow *shadow, uint8_t verdict)
{
    if (verdict == BNT_VERDICT_RESET && (shadow->config.habits & BNT_GUEST_HABIT_RESET_LATE) != 0) {
        return PLACE_BALLOON; /* until the tick that begins with the reset */
    }
    if (verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_RESET) {
        return PLACE_TAKEN;
    }
    if (verdict == BNT_VERDICT_NONE) {
        shadow->uncertain_pages++;
    }
    return PLACE_BALLOON;
}

/** Whether every PFN of the request was accepted: then its pages move alike. */
static bool all_accepted(const struct shadow *shadow, const struct bnt_guest_request *request)
{
    const uint32_t pfns = request->page_count << shadow->config.page_order;
    uint8_t differs = 0;
    if (request->verdict_count < pfns) {
        return false;
    }
    for (uint32_t i = 0; i < pfns; i++) {
        differs |= request->verdicts[i] ^ BNT_VERDICT_ACCEPTED;
    }
    return differs == 0;
}

/** Moves the pages of a request that was accepted whole; how many, before one that is elsewhere. */
static uint32_t complete_whole(struct oracle *oracle, uint32_t vm, bool verdicts,
                               const struct bnt_guest_request *request)
{
    const struct shadow *shadow = &oracle->vms[vm];
    if (verdicts && !all_accepted(shadow, request)) {
        return 0;
    }
    const page_place from = request->inflate ? PLACE_INFLATING : PLACE_DEFLATING;
    const page_place to = request->inflate && !shadow->releasing ? PLACE_BALLOON : PLACE_TAKEN;
    return move_run(oracle, vm, request->pages, request->page_count, from, to);
}

/** Nobody knows what became of it: what was to enter the balloon counts as in it, and what was to
 * leave it too, until the deflate queue settles it. */
static page_place doubtful_place(const struct shadow *shadow)
{
    return shadow->releasing ? PLACE_TAKEN : PLACE_BALLOON;
}

/** Where a page of a request goes that came back. */
static page_place completed_place(struct shadow *shadow, const struct bnt_guest_request *request,
                                  uint8_t verdict)
{
    if (request->doubtful) {
        return doubtful_place(shadow);
    }
    const page_place to =
        request->inflate ? inflated_place(shadow, verdict) : deflated_place(shadow, verdict);
    if (shadow->releasing) {
        return PLACE_TAKEN; /* BX-17, BX-19 */
    }
    const bool parts = to == PLACE_HELD && request->page_order > shadow->config.page_order;
    return parts ? PLACE_PARTS : to;
}

static void complete(struct oracle *oracle, uint32_t vm, bool verdicts,
                     const struct bnt_guest_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->exposed == 0) {
        oracle_violate(oracle, vm, INVARIANT_IN_FLIGHT, "a request came back that was not sent");
        return;
    }
    sent_remove(shadow, request);
    if (shadow->exposed < shadow->unserved[0] + shadow->unserved[1] &&
        (shadow->hostile & ASSUMES_DEVICE) == 0 &&
        !oracle_suspended(oracle, vm, INVARIANT_IN_FLIGHT)) {
        oracle_violate(oracle, vm, INVARIANT_IN_FLIGHT,
                       "a request came back that the device has not served");
        return;
    }
    const uint32_t whole = request->doubtful ? 0 : complete_whole(oracle, vm, verdicts, request);
    for (uint32_t i = whole; i < request->page_count; i++) {
        uint8_t *place = place_of(shadow, request->pages[i]);
        if (!request->inflate && (*place & SHADOW_LENT) != 0) {
            /* The OS has it, wherever it is now. In doubt, it is announced again. */
            *place &=
                request->doubtful && !shadow->releasing ? UINT8_MAX : ~SHADOW_LENT & UINT8_MAX;
            continue;
        }
        if (*place != (request->inflate ? PLACE_INFLATING : PLACE_DEFLATING)) {
            oracle_violate(oracle, vm, INVARIANT_IN_FLIGHT,
                           "page %" PRIu64 " came back from a request while it is %s",
                           request->pages[i], place_text(*place));
            return;
        }
        const uint8_t verdict =
            verdicts ? page_verdict(shadow, request, i) : (uint8_t)BNT_VERDICT_ACCEPTED;
        shadow_move(oracle, vm, request->pages[i], place,
                    completed_place(shadow, request, verdict));
    }
}

void oracle_guest_request(struct oracle *oracle, uint32_t vm, uint64_t features,
                          const struct bnt_guest_request *request)
{
    oracle->vms[vm].must_tell_host = (features & BNT_BALLOON_F_MUST_TELL_HOST) != 0;
    if (request->complete) {
        complete(oracle, vm, (features >> BNT_BALLOON_BIT_VERDICTS & 1) != 0, request);
    } else {
        expose(oracle, vm, request);
    }
}

void oracle_queue_reset(struct oracle *oracle, uint32_t vm, uint32_t role)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (role <= BNT_BALLOON_QUEUE_DEFLATE) {
        shadow->unserved[role == BNT_BALLOON_QUEUE_INFLATE] = 0;
    }
    for (uint64_t page = 0; role == BNT_BALLOON_QUEUE_REPORT && page < shadow->pages &&
                            shadow->in_place[PLACE_REPORTING] > 0;
         page++) {
        const uint64_t pfn = shadow->config.first_pfn + (page << shadow->config.page_order);
        (void)move_run(oracle, vm, &pfn, 1, PLACE_REPORTING, PLACE_REPORTED);
    }
}

void oracle_device_forgets(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint64_t i = 0; i < shadow->config.pfns && shadow->host_pfns > 0; i++) {
        shadow->host_pfns -= shadow->host[i];
        shadow->host[i] = 0;
    }
    shadow->unserved[0] = 0;
    shadow->unserved[1] = 0;
    shadow->drop_count = 0;
    for (uint64_t page = 0; page < shadow->pages && shadow->in_place[PLACE_REPORTING] > 0; page++) {
        if (shadow->place[page] == PLACE_REPORTING) { /* the guest's, whatever the driver knows */
            shadow_move(oracle, vm, shadow->config.first_pfn + (page << shadow->config.page_order),
                        &shadow->place[page], PLACE_REPORTED);
        }
    }
}

void oracle_device_reset(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->leaves && shadow->in_place[PLACE_BALLOON] > 0) {
        oracle_violate(oracle, vm, INVARIANT_DETACH_TOLD,
                       "the device is reset with %" PRIu64 " pages that it was not told of",
                       shadow->in_place[PLACE_BALLOON]);
    }
    shadow->leaves = false;
    for (uint64_t page = 0; page < shadow->pages; page++) {
        shadow->place[page] &= ~SHADOW_LENT & UINT8_MAX;
        const uint8_t place = shadow->place[page];
        if (place == PLACE_OS || place == PLACE_TAKEN || place == PLACE_HELD ||
            place == PLACE_PARTS || place == PLACE_REPORTED || place == PLACE_HINTED) {
            continue;
        }
        shadow_move(oracle, vm, shadow->config.first_pfn + (page << shadow->config.page_order),
                    &shadow->place[page], place == PLACE_REPORTING ? PLACE_REPORTED : PLACE_TAKEN);
    }
    oracle_device_forgets(oracle, vm);
    shadow->exposed = 0;
    shadow->uncertain_pages = 0;
    shadow->releasing = false;
    shadow->actual_due = false;
    shadow->actual_written_zero = false;
}

/* ---- The host ---- */

void oracle_discard(struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    if (shadow->drop_count == SHADOW_DROPS_MAX) {
        oracle_violate(oracle, vm, INVARIANT_HOST_SAFETY,
                       "the host dropped %d ranges without serving a request", SHADOW_DROPS_MAX);
        return;
    }
    shadow->drops[shadow->drop_count++] = (struct shadow_range){first_pfn, pfns};
}

/** Every dropped PFN must be one that this request gave; of larger host pages, one that is in the
 * balloon. */
static void drops_given(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint8_t *host = shadow->host;
    const uint64_t pfns = shadow->config.pfns;
    for (uint32_t d = 0; d < shadow->drop_count; d++) {
        const struct shadow_range drop = shadow->drops[d];
        const uint64_t first = drop.first_pfn - shadow->config.first_pfn;
        uint64_t good = 0;
        const uint8_t least = shadow->config.host_pages ? HOST_BALLOON : HOST_FRESH;
        while (good < drop.pfns && first + good < pfns && host[first + good] >= least) {
            good++;
        }
        if (good < drop.pfns) {
            oracle_violate(oracle, vm, INVARIANT_HOST_SAFETY,
                           "the host dropped PFN %" PRIu64 ", which the request did not give",
                           drop.first_pfn + good);
        }
    }
    shadow->drop_count = 0;
}

/** Sets the PFNs that were served to `to`; how many of them were `from` before. */
static uint64_t served_set(struct shadow *shadow, const struct bnt_host_request *request,
                           uint8_t from, uint8_t to)
{
    uint8_t *host = shadow->host;
    const uint64_t first_pfn = shadow->config.first_pfn;
    const uint64_t pfns = shadow->config.pfns;
    const uint8_t *verdicts = request->verdicts;
    const uint32_t count = request->pfn_count;
    uint64_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t index = request->pfn_base + request->pfns[i] - first_pfn;
        if (index < pfns && (verdicts == NULL || verdicts[i] == BNT_VERDICT_ACCEPTED)) {
            before += host[index] == from;
            host[index] = to;
        }
    }
    return before;
}

/** A page given again is given, too. */
static void served_inflate(struct oracle *oracle, uint32_t vm,
                           const struct bnt_host_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->host_pfns += served_set(shadow, request, HOST_GUEST, HOST_FRESH);
    drops_given(oracle, vm);
    (void)served_set(shadow, request, HOST_FRESH, HOST_BALLOON);
}

void oracle_host_request(struct oracle *oracle, uint32_t vm, const struct bnt_host_request *request)
{
    struct shadow *shadow = &oracle->vms[vm];
    shadow->unserved[request->inflate] -= !request->more && shadow->unserved[request->inflate] > 0;
    if (request->verdicts != NULL && request->epoch != 0 && request->epoch != shadow->epoch) {
        for (uint32_t i = 0; i < request->pfn_count; i++) {
            if (request->verdicts[i] != BNT_VERDICT_RESET) {
                oracle_violate(oracle, vm, INVARIANT_STALE_REFUSED,
                               "a request of epoch %" PRIu32 " was served under epoch %" PRIu32,
                               request->epoch, shadow->epoch);
                break;
            }
        }
    }
    if (request->inflate) {
        served_inflate(oracle, vm, request);
        return;
    }
    shadow->host_pfns -= served_set(shadow, request, HOST_BALLOON, HOST_GUEST);
}

/** The device let go of the pages that it served: they must have been in a report. */
static void report_served(struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    const uint64_t page_pfns = UINT64_C(1) << shadow->config.page_order;
    for (uint64_t i = 0; !shadow->foreign && i < pfns; i += page_pfns) {
        const uint64_t page = first_pfn + i;
        if (move_run(oracle, vm, &page, 1, PLACE_REPORTING, PLACE_REPORTED) == 0 &&
            page_known(oracle, vm, page, "a report")) {
            oracle_violate(oracle, vm, INVARIANT_REPORT_FREE,
                           "PFN %" PRIu64 " was reported free while it is %s", page,
                           place_text(*place_of(shadow, page)));
            return;
        }
    }
}

void oracle_report(struct oracle *oracle, uint32_t vm, uint64_t first_pfn, uint64_t pfns)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint32_t d = 0; d < shadow->drop_count; d++) {
        const struct shadow_range *drop = &shadow->drops[d];
        if (drop->first_pfn < first_pfn || drop->first_pfn + drop->pfns > first_pfn + pfns) {
            oracle_violate(oracle, vm, INVARIANT_HOST_SAFETY,
                           "the host dropped PFN %" PRIu64 ", which the report did not give",
                           drop->first_pfn);
        }
    }
    shadow->drop_count = 0;
    for (uint64_t i = 0; i < pfns; i++) {
        const uint64_t index = first_pfn - shadow->config.first_pfn + i;
        if (index < shadow->config.pfns && shadow->host[index] != 0) {
            oracle_violate(oracle, vm, INVARIANT_REPORT_FREE,
                           "PFN %" PRIu64 " was reported free while in the balloon", first_pfn + i);
            return;
        }
    }
    report_served(oracle, vm, first_pfn, pfns);
}

void oracle_content(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                    uint64_t found)
{
    if (found == expected) {
        return;
    }
    if (expected != 0 && found == 0) {
        oracle_violate(oracle, vm, INVARIANT_CONTENT_KEPT,
                       "PFN %" PRIu64 " lost its content: written %016" PRIx64 ", read as empty",
                       pfn, expected);
    } else {
        oracle_violate(oracle, vm, INVARIANT_CONTENT_OWN,
                       "PFN %" PRIu64 " holds foreign content: expected %016" PRIx64
                       ", found %016" PRIx64,
                       pfn, expected, found);
    }
}

void oracle_poison(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                   uint64_t found)
{
    if (found != expected) {
        oracle_violate(oracle, vm, INVARIANT_POISON_KEPT,
                       "free PFN %" PRIu64 " must hold %08" PRIx64 ", found %016" PRIx64, pfn,
                       expected & UINT32_MAX, found);
    }
}

void oracle_initialised(struct oracle *oracle, uint32_t vm, uint64_t pfn, uint64_t expected,
                        uint64_t found)
{
    if (found != expected) {
        oracle_violate(oracle, vm, INVARIANT_DEVICE_INIT,
                       "PFN %" PRIu64 " is called initialised to %08" PRIx64 ", found %016" PRIx64,
                       pfn, expected & UINT32_MAX, found);
    }
}

/** The host's reset: every page counts as the guest's from here on. */
void oracle_host_forgets(struct oracle *oracle, uint32_t vm)
{
    struct shadow *shadow = &oracle->vms[vm];
    for (uint64_t i = 0; i < shadow->config.pfns && shadow->host_pfns > 0; i++) {
        shadow->host_pfns -= shadow->host[i];
        shadow->host[i] = 0;
    }
}
