/*
 * The hash chain: each ingredient feels its own kind of change and no other; nothing that is fed is
 * lost; watching changes nothing; the bits are the same everywhere.
 */
#include "sim/engine/engine.h"
#include "sim/engine/fold.h"

#include <check.h>
#include <string.h>

Suite *test_suite(void);

/** A small world, and the one thing in which it may differ from another. */
struct toy {
    struct engine *engine;
    uint64_t seed;
    uint64_t step_ns;
    uint64_t payload;
    uint64_t state;
    uint64_t a;
    uint64_t b;
    uint64_t draw_at; /**< event that draws */
    uint64_t bound;
    uint16_t kind;
    uint16_t actor;
    uint8_t priority;
    bool hash_off;
    uint8_t fill;
    struct engine_observer observer;
};

#define TOY_EVENTS 20

static const struct toy plain = {.seed = 1,
                                 .step_ns = 1000,
                                 .payload = 5,
                                 .state = 6,
                                 .a = 7,
                                 .b = 8,
                                 .draw_at = 3,
                                 .bound = 1000000,
                                 .kind = 2,
                                 .actor = 3,
                                 .priority = 4};

static void toy_handle(void *world, const struct engine_event *event)
{
    struct toy *toy = world;
    const uint64_t number = engine_count_events(toy->engine);

    if (number == toy->draw_at) {
        (void)engine_draw_choice(toy->engine, engine_open_stream(toy->engine, "toy"), CHOICE_PICK,
                                 toy->bound);
    }
    if (number == 5) {
        engine_add_payload_word(toy->engine, toy->payload);
        engine_add_to_state_word(toy->engine, bnt_mix64(toy->state));
    }
    if (number < TOY_EVENTS) {
        const bool special = number == 7;
        (void)engine_schedule_event(toy->engine, event->time_ns + (special ? toy->step_ns : 1000),
                                    special ? toy->priority : 1, special ? toy->kind : 1,
                                    special ? toy->actor : 0, special ? toy->a : number,
                                    special ? toy->b : 0);
    }
}

static struct engine_hash toy_run(struct toy toy)
{
    struct arena *arena = arena_open(toy.fill);
    const struct engine_config config = {.arena = arena,
                                         .seed = toy.seed,
                                         .hash = !toy.hash_off,
                                         .observer = toy.observer,
                                         .world = &toy,
                                         .handle = toy_handle};

    toy.engine = engine_create(&config);
    (void)engine_schedule_event(toy.engine, 0, 0, 0, 0, 0, 0);
    while (engine_run_next_event(toy.engine) == ENGINE_GOING) {
    }
    ck_assert_uint_eq(engine_count_events(toy.engine), TOY_EVENTS);
    const struct engine_hash hash = engine_get_hash(toy.engine);
    engine_destroy(toy.engine);
    ck_assert_uint_eq(arena_close(arena), 0);
    return hash;
}

enum {
    ORDER = 1,
    TIME = 2,
    PAYLOAD = 4,
    STATE = 8,
    DRAWS = 16
};

static int differing(const struct engine_hash *a, const struct engine_hash *b)
{
    return (a->order != b->order ? ORDER : 0) | (a->time != b->time ? TIME : 0) |
           (a->payload != b->payload ? PAYLOAD : 0) | (a->state != b->state ? STATE : 0) |
           (a->draws != b->draws ? DRAWS : 0);
}

static void assert_only(struct toy changed, int ingredients)
{
    const struct engine_hash before = toy_run(plain);
    const struct engine_hash after = toy_run(changed);

    ck_assert_int_eq(differing(&before, &after), ingredients);
    ck_assert_int_eq(engine_combine_hash_words(&before) == engine_combine_hash_words(&after),
                     ingredients == 0);
}

START_TEST(test_each_change_shows_in_its_own_ingredient_only)
{
    struct toy toy;

#define CHANGE(member, value, ingredients) \
    toy = plain;                           \
    toy.member = (value);                  \
    assert_only(toy, ingredients);
    CHANGE(step_ns, 1001, TIME)
    CHANGE(kind, 9, ORDER)
    CHANGE(actor, 9, ORDER)
    CHANGE(priority, 9, ORDER)
    CHANGE(payload, 9, PAYLOAD)
    CHANGE(a, 9, PAYLOAD)
    CHANGE(b, 9, PAYLOAD)
    CHANGE(state, 9, STATE)
    CHANGE(seed, 9, DRAWS)
    CHANGE(bound, 1000001, DRAWS)
    CHANGE(draw_at, 4, DRAWS)
    CHANGE(fill, 9, 0)
    toy = plain;
    toy.a = plain.b;
    toy.b = plain.a;
    assert_only(toy, PAYLOAD);
#undef CHANGE
}
END_TEST

/* ---- Watching ---- */

static uint64_t digests;

static void digest_event(void *opaque, const struct engine_record *record)
{
    (void)opaque;
    ck_assert_uint_eq(record->number, ++digests);
}

START_TEST(test_watching_changes_nothing)
{
    struct toy toy = plain;

    digests = 0;
    toy.observer.event = digest_event;
    assert_only(toy, 0);
    ck_assert_uint_eq(digests, TOY_EVENTS);
}
END_TEST

START_TEST(test_without_hash_nothing_is_chained)
{
    struct toy toy = plain;
    struct toy other = plain;

    toy.hash_off = true;
    other.hash_off = true;
    other.payload = 9;
    other.seed = 9;
    const struct engine_hash before = toy_run(toy);
    const struct engine_hash after = toy_run(other);
    ck_assert_int_eq(differing(&before, &after), 0);
}
END_TEST

/** The same on every compiler, optimisation, word size and byte order; and from release to release.
 */
START_TEST(test_the_chain_is_pinned)
{
    const struct engine_hash hash = toy_run(plain);

    ck_assert_uint_eq(engine_combine_hash_words(&hash), UINT64_C(0x9FAAE5C7B132FAB7));
}
END_TEST

/* ---- Lanes ---- */

#define WORDS 256

START_TEST(test_every_word_and_every_bit_counts)
{
    uint64_t words[WORDS];
    struct fold start = FOLD_START;

    for (size_t i = 0; i < WORDS; i++) {
        words[i] = i * 4096;
    }
    struct fold fold = start;
    fold_add_words(&fold, words, WORDS);
    const uint64_t before = fold_get_result(&fold);
    for (size_t i = 0; i < WORDS; i++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            words[i] ^= UINT64_C(1) << bit;
            fold = start;
            fold_add_words(&fold, words, WORDS);
            if (fold_get_result(&fold) == before) {
                ck_abort_msg("word %zu, bit %u does not count", i, bit);
            }
            words[i] ^= UINT64_C(1) << bit;
        }
        if (i > 0) {
            const uint64_t word = words[i];
            words[i] = words[i - 1];
            words[i - 1] = word;
            fold = start;
            fold_add_words(&fold, words, WORDS);
            ck_assert_uint_ne(fold_get_result(&fold), before);
            words[i - 1] = words[i];
            words[i] = word;
        }
    }
}
END_TEST

START_TEST(test_words_at_once_are_words_one_by_one)
{
    uint64_t words[40];

    for (size_t i = 0; i < 40; i++) {
        words[i] = bnt_mix64(i);
    }
    for (size_t first = 0; first < 9; first++) {
        struct fold whole = FOLD_START;
        struct fold single = FOLD_START;

        for (size_t i = 0; i < 40; i++) {
            fold_add_word(&single, words[i]);
        }
        fold_add_words(&whole, words, first);
        fold_add_words(&whole, words + first, 40 - first);
        ck_assert_uint_eq(fold_get_result(&whole), fold_get_result(&single));
    }
}
END_TEST

/** Halves and bytes: any alignment of lanes gives what the plain definition gives. */
START_TEST(test_halves_and_bytes_follow_their_definition)
{
    uint8_t bytes[100];
    uint32_t halves[25];

    for (size_t i = 0; i < 100; i++) {
        bytes[i] = (uint8_t)(i * 37 + 1);
    }
    for (size_t i = 0; i < 25; i++) {
        halves[i] = (uint32_t)bytes[4 * i] | (uint32_t)bytes[4 * i + 1] << 8 |
                    (uint32_t)bytes[4 * i + 2] << 16 | (uint32_t)bytes[4 * i + 3] << 24;
    }
    for (size_t before = 0; before < 5; before++) {
        for (size_t count = 0; count <= 25; count++) {
            struct fold by_halves = FOLD_START;
            struct fold by_hand = FOLD_START;

            for (size_t i = 0; i < before; i++) {
                fold_add_word(&by_halves, i);
                fold_add_word(&by_hand, i);
            }
            struct fold by_bytes = by_hand;
            struct fold by_hand_bytes = by_hand;
            fold_add_word(&by_hand, count);
            fold_add_word(&by_hand_bytes, count * 4);
            for (size_t i = 0; i < count; i += 2) {
                const uint64_t high = i + 1 < count ? halves[i + 1] : 0;
                fold_add_word(&by_hand, halves[i] | high << 32);
                fold_add_word(&by_hand_bytes, halves[i] | high << 32);
            }
            fold_add_halves(&by_halves, halves, count);
            fold_add_bytes(&by_bytes, bytes, count * 4);
            ck_assert_uint_eq(fold_get_result(&by_halves), fold_get_result(&by_hand));
            ck_assert_uint_eq(fold_get_result(&by_bytes), fold_get_result(&by_hand_bytes));
        }
    }
}
END_TEST

START_TEST(test_lengths_count)
{
    static const uint8_t zeros[64];
    uint64_t seen[65];

    for (size_t count = 0; count <= 64; count++) {
        struct fold fold = FOLD_START;
        fold_add_bytes(&fold, zeros, count);
        seen[count] = fold_get_result(&fold);
        for (size_t i = 0; i < count; i++) {
            ck_assert_uint_ne(seen[i], seen[count]);
        }
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("engine_hash");
    TCase *tcase = tcase_create("engine_hash");

    tcase_add_test(tcase, test_each_change_shows_in_its_own_ingredient_only);
    tcase_add_test(tcase, test_watching_changes_nothing);
    tcase_add_test(tcase, test_without_hash_nothing_is_chained);
    tcase_add_test(tcase, test_the_chain_is_pinned);
    tcase_add_test(tcase, test_every_word_and_every_bit_counts);
    tcase_add_test(tcase, test_words_at_once_are_words_one_by_one);
    tcase_add_test(tcase, test_halves_and_bytes_follow_their_definition);
    tcase_add_test(tcase, test_lengths_count);
    suite_add_tcase(suite, tcase);
    return suite;
}
