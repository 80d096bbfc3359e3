/*
 * Refusals by the rules, in their order, and then by the embedder's callback `refuse`.
 *
 * For a rule with a probability, one random number is drawn for each PFN to which the rule can
 * apply, in the order of the request. Therefore the same random numbers lead to the same refusals.
 */
#include "lib/host/balloon/host_balloon.h"

#include "lib/base/pack.h"

static bool is_refusal(bnt_verdict verdict)
{
    return verdict == BNT_VERDICT_PINNED || verdict == BNT_VERDICT_INVALID ||
           verdict == BNT_VERDICT_LOCKED || verdict == BNT_VERDICT_NOT_LOCKED ||
           verdict == BNT_VERDICT_BUSY;
}

static bool is_rule_valid(const struct bnt_host *host, const struct bnt_host_rule *rule)
{
    const bool chance = rule->numerator > 0 && rule->numerator < rule->denominator;

    return rule->first_pfn <= rule->last_pfn && rule->denominator != 0 &&
           is_refusal(rule->verdict) && (!chance || host->ops.refusal.draw != NULL);
}

static bool are_rules_alike(const struct bnt_host_rule *a, const struct bnt_host_rule *b)
{
    return a->first_pfn == b->first_pfn && a->last_pfn == b->last_pfn &&
           a->on_inflate == b->on_inflate && a->on_deflate == b->on_deflate &&
           a->numerator == b->numerator && a->denominator == b->denominator &&
           a->verdict == b->verdict;
}

/** Finds an equal rule to which the count of the new rule can be added; NULL if there is none. The
 * equal rule must be endless or the last one, so that the order of decisions stays the same. */
static struct bnt_host_rule *find_equal_rule(struct bnt_host *host,
                                             const struct bnt_host_rule *rule)
{
    for (uint32_t i = 0; i < host->rule_count; i++) {
        const bool endless = host->rules[i].count == UINT64_MAX;
        if ((endless || i + 1 == host->rule_count) && are_rules_alike(&host->rules[i], rule)) {
            return &host->rules[i];
        }
    }
    return NULL;
}

/** Removes rules whose count has reached 0, to make room for new ones. */
static void remove_spent_rules(struct bnt_host *host)
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < host->rule_count; i++) {
        if (host->rules[i].count > 0) {
            host->rules[left++] = host->rules[i];
        }
    }
    host->rule_count = left;
}

bnt_status bnt_host_rule_add(struct bnt_host *host, const struct bnt_host_rule *rule)
{
    if (host->busy != BNTI_HOST_IDLE) {
        return BNT_E_REENTRANT;
    }
    if (rule == NULL || !is_rule_valid(host, rule)) {
        return BNT_E_ARGUMENT;
    }
    struct bnt_host_rule *like = find_equal_rule(host, rule);
    if (like != NULL) {
        like->count = bnti_host_add_counts(like->count, rule->count);
        return BNT_OK;
    }
    if (host->rule_count == BNT_HOST_RULES_MAX) {
        remove_spent_rules(host);
    }
    if (host->rule_count == BNT_HOST_RULES_MAX) {
        return BNT_E_LIMIT;
    }
    host->rules[host->rule_count] = *rule;
    host->rule_count++;
    return BNT_OK;
}

void bnt_host_rules_clear(struct bnt_host *host)
{
    if (host->busy == BNTI_HOST_IDLE) {
        host->rule_count = 0;
        bnti_host_vmware_clear_script(host);
    }
}

static bool is_rule_active(const struct bnt_host_rule *rule, bool inflate)
{
    return rule->count > 0 && rule->numerator > 0 &&
           (inflate ? rule->on_inflate : rule->on_deflate);
}

static bool does_rule_refuse(struct bnt_host *host, struct bnt_host_rule *rule, uint64_t pfn,
                             bool inflate)
{
    if (!is_rule_active(rule, inflate) || pfn < rule->first_pfn || pfn > rule->last_pfn) {
        return false;
    }
    if (rule->numerator < rule->denominator) {
        const uint32_t drawn = host->ops.refusal.draw(host->opaque, rule->denominator);
        if (drawn >= rule->numerator) {
            return false;
        }
    }
    if (rule->count != UINT64_MAX) {
        rule->count--;
    }
    return true;
}

bool bnti_host_is_refusal_possible(const struct bnt_host *host, bool inflate)
{
    bool possible = host->ops.refusal.refuse != NULL;

    for (uint32_t i = 0; i < host->rule_count; i++) {
        possible = possible || is_rule_active(&host->rules[i], inflate);
    }
    return possible;
}

/** Replaces NOT_LOCKED by BUSY in a deflate. A driver uses a NOT_LOCKED page at once (BX-16), so
 * this verdict must not be given for a ballooned page. */
static bnt_verdict replace_not_locked(bnt_verdict verdict, bool inflate)
{
    return verdict == BNT_VERDICT_NOT_LOCKED && !inflate ? BNT_VERDICT_BUSY : verdict;
}

bnt_verdict bnti_host_find_refusal(struct bnt_host *host, uint64_t pfn, bool inflate)
{
    for (uint32_t i = 0; i < host->rule_count; i++) {
        if (does_rule_refuse(host, &host->rules[i], pfn, inflate)) {
            return replace_not_locked(host->rules[i].verdict, inflate);
        }
    }
    if (host->ops.refusal.refuse == NULL) {
        return BNT_VERDICT_ACCEPTED;
    }
    const bnt_verdict verdict = host->ops.refusal.refuse(host->opaque, pfn, inflate);
    /* The driver must not get a value that the embedder is not allowed to return. */
    return verdict == BNT_VERDICT_ACCEPTED || verdict == BNT_VERDICT_NOT_NEEDED ||
                   is_refusal(verdict)
               ? replace_not_locked(verdict, inflate)
               : BNT_VERDICT_BUSY;
}

void bnti_host_save_or_load_rules(struct bnti_pack *pack, struct bnt_host *host)
{
    uint32_t count = host->rule_count;

    bnti_save_or_load_u32(pack, &count);
    if (count > BNT_HOST_RULES_MAX) {
        bnti_pack_fail_load_unless(pack, false);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct bnt_host_rule *rule = &host->rules[i];
        uint32_t verdict = (uint32_t)rule->verdict;
        bnti_save_or_load_u64(pack, &rule->first_pfn);
        bnti_save_or_load_u64(pack, &rule->last_pfn);
        bnti_save_or_load_bool(pack, &rule->on_inflate);
        bnti_save_or_load_bool(pack, &rule->on_deflate);
        bnti_save_or_load_u32(pack, &rule->numerator);
        bnti_save_or_load_u32(pack, &rule->denominator);
        bnti_save_or_load_u64(pack, &rule->count);
        bnti_save_or_load_u32(pack, &verdict);
        rule->verdict = verdict < BNT_VERDICT_COUNT ? (bnt_verdict)verdict : BNT_VERDICT_NONE;
        bnti_pack_fail_load_unless(pack, is_rule_valid(host, rule));
    }
    host->rule_count = count;
}
