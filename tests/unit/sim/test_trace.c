/*
 * Traces as files: what is written is read back; whatever is damaged, cut off, of another version
 * or in contradiction with itself is refused with a sentence, and nothing is left behind. Comparing
 * runs has its own file, test_trace_check.c.
 */
#include "sim/trace/format.h"
#include "tests/support/trace_toy.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

Suite *test_suite(void);

#define EVENTS 30

static struct arena *arena;
static char directory[] = "/tmp/ballonet-trace-XXXXXX";
static char path[64];
static uint8_t *bytes;
static size_t length;
static char error[512];

static const char *const sets[] = {"vms[0].memory=64MiB", "seed=3"};
static const struct trace_file files[] = {{"data/a.csv", "1,2\n3,4\n", 8}, {"empty", "", 0}};
static const struct trace_header header = {.name = "scenarios/toy",
                                           .text = "schema: 1\n",
                                           .text_length = 10,
                                           .seed = 77,
                                           .sets = sets,
                                           .set_count = 2,
                                           .files = files,
                                           .file_count = 2};

static void read_back(void)
{
    FILE *file = fopen(path, "rb");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    length = (size_t)ftell(file);
    rewind(file);
    bytes = arena_alloc(arena, length);
    ck_assert_uint_eq(fread(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static struct trace_trailer record(uint64_t events)
{
    struct trace_writer *writer = trace_writer_open(arena, path, &header, error, sizeof error);

    ck_assert_ptr_nonnull(writer);
    const struct engine_observer observer = trace_writer_get_observer(writer);
    struct trace_trailer trailer = toy_run(arena, TOY_PLAIN, events, 77, NULL, &observer);
    trailer.verdict = 3;
    ck_assert(!trace_writer_has_failed(writer));
    ck_assert(trace_writer_close(writer, &trailer, error, sizeof error));
    return trailer;
}

static void set_up(void)
{
    (void)strcpy(directory, "/tmp/ballonet-trace-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/t", directory);
    arena = arena_open(0x99);
    (void)record(EVENTS);
    read_back();
}

static void tear_down(void)
{
    arena_free(arena, bytes, length);
    ck_assert_uint_eq(arena_close(arena), 0);
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0); /* nothing else was left there */
}

static bool opens(const uint8_t *from, size_t count)
{
    const uint64_t before = arena_count_unfreed_bytes(arena);
    struct trace *trace = trace_open(arena, "t", from, count, error, sizeof error);

    if (trace != NULL) {
        trace_close(trace);
    } else if (strlen(error) < 30) {
        ck_abort_msg("no sentence: '%s'", error);
    }
    if (arena_count_unfreed_bytes(arena) != before) {
        ck_abort_msg("an opening left something behind");
    }
    return trace != NULL;
}

static void assert_refused(const char *part)
{
    ck_assert(!opens(bytes, length));
    if (strstr(error, part) == NULL) {
        ck_abort_msg("'%s' does not say '%s'", error, part);
    }
}

/* ---- Round trip ---- */

START_TEST(test_what_was_written_is_read)
{
    struct trace *trace = trace_open(arena, "t", bytes, length, error, sizeof error);

    ck_assert_ptr_nonnull(trace);
    const struct trace_header *read = trace_get_header(trace);
    ck_assert_str_eq(read->name, header.name);
    ck_assert_str_eq(read->text, header.text);
    ck_assert_str_eq(read->build, trace_get_build());
    ck_assert_uint_eq(read->seed, 77);
    ck_assert_uint_eq(read->set_count, 2);
    ck_assert_str_eq(read->sets[0], sets[0]);
    ck_assert_str_eq(read->sets[1], sets[1]);
    ck_assert_uint_eq(read->file_count, 2);
    ck_assert_str_eq(read->files[0].name, "data/a.csv");
    ck_assert_str_eq(read->files[0].bytes, "1,2\n3,4\n");
    ck_assert_uint_eq(read->files[0].length, 8);
    ck_assert_uint_eq(read->files[1].length, 0);
    const struct trace_trailer *trailer = trace_get_trailer(trace);
    ck_assert_uint_eq(trailer->events, EVENTS);
    ck_assert_uint_eq(trailer->choices, EVENTS);
    ck_assert_uint_eq(trailer->verdict, 3);
    ck_assert_uint_eq(trailer->hash_word, engine_combine_hash_words(&trailer->hash));
    ck_assert_uint_eq(trace_get_event(trace, 4).number, 5);
    ck_assert_str_eq(trace_get_stream_name(trace, trace_get_choice(trace, 1).stream), "page");
    trace_close(trace);
}
END_TEST

START_TEST(test_many_blocks_are_one_sequence)
{
    const uint64_t events = 3 * BLOCK_RECORDS + 5;

    arena_free(arena, bytes, length);
    (void)record(events);
    read_back();
    struct trace *trace = trace_open(arena, "t", bytes, length, error, sizeof error);
    ck_assert_ptr_nonnull(trace);
    for (uint64_t i = 0; i < events; i += 97) {
        ck_assert_uint_eq(trace_get_event(trace, i).number, i + 1);
    }
    trace_close(trace);
}
END_TEST

START_TEST(test_records_have_their_bytes)
{
    static const uint8_t expected[EVENT_BYTES] = {0x08, 7,    6,    5,    4,    3,    2,    1,
                                                  0x0C, 0x0B, 0x0A, 0x09, 0x0E, 0x0D, 0x10, 0x0F,
                                                  0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11,
                                                  0x20, 0x1F, 0x1E, 0x1D, 0x1C, 0x1B, 0x1A, 0x19};
    const struct engine_record event = {.time_ns = UINT64_C(0x0102030405060708),
                                        .number = 0x090A0B0C,
                                        .kind = 0x0D0E,
                                        .actor = 0x0F10,
                                        .a = UINT64_C(0x1112131415161718),
                                        .digest = UINT64_C(0x191A1B1C1D1E1F20)};
    uint8_t found[EVENT_BYTES];

    trace_write_event(found, &event);
    ck_assert_mem_eq(found, expected, sizeof expected);
}
END_TEST

/** If this fails, the layout changed: raise TRACE_FORMAT_VERSION, then pin the new digest. */
START_TEST(test_the_layout_is_that_of_its_version)
{
    ck_assert_int_eq(TRACE_FORMAT_VERSION, 1);
    ck_assert_uint_eq(trace_compute_layout_digest(), UINT64_C(0x3D93287BC6CAC0F0));
}
END_TEST

/* ---- Damage ---- */

START_TEST(test_every_flipped_bit_is_noticed)
{
    for (size_t i = 0; i < length; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1U << bit);
            if (opens(bytes, length)) {
                ck_abort_msg("byte %zu, bit %u is not covered", i, bit);
            }
            bytes[i] ^= (uint8_t)(1U << bit);
        }
    }
    ck_assert(opens(bytes, length));
}
END_TEST

START_TEST(test_every_truncation_is_noticed)
{
    for (size_t count = 0; count < length; count++) {
        uint8_t *copy = arena_alloc(arena, count); /* so that a read beyond is seen */
        memcpy(copy, bytes, count);
        if (opens(copy, count)) {
            ck_abort_msg("%zu bytes of %zu are taken as a trace", count, length);
        }
        if (count >= HEAD_BYTES + HASH_BYTES && strstr(error, "cut off") == NULL) {
            ck_abort_msg("at %zu: %s", count, error);
        }
        arena_free(arena, copy, count);
    }
}
END_TEST

START_TEST(test_something_behind_the_end_is_noticed)
{
    uint8_t *longer = arena_alloc_zeroed(arena, length + 1);

    memcpy(longer, bytes, length);
    ck_assert(!opens(longer, length + 1));
    ck_assert_ptr_nonnull(strstr(error, "bytes after the end"));
    arena_free(arena, longer, length + 1);
}
END_TEST

/** Hashes that are right again do not make contradictions right. */
START_TEST(test_mended_damage_is_refused_or_harmless)
{
    uint8_t *copy = arena_alloc(arena, length);

    for (size_t i = 0; i < length; i++) {
        for (unsigned change = 1; change < 256; change = change * 5 + 2) {
            memcpy(copy, bytes, length);
            copy[i] = (uint8_t)(copy[i] + change);
            (void)trace_recompute_hashes(copy, length);
            (void)opens(copy, length);
        }
    }
    arena_free(arena, copy, length);
}
END_TEST

START_TEST(test_other_formats_are_named)
{
    write_u32(bytes + 8, 2);
    ck_assert(trace_recompute_hashes(bytes, length));
    assert_refused("version 2, this program reads version 1");
    write_u32(bytes + 8, 1);
    bytes[16] ^= 1;
    ck_assert(trace_recompute_hashes(bytes, length));
    assert_refused("layout digest at byte 16");
    bytes[16] ^= 1;
    bytes[0] = 'X';
    assert_refused("does not begin like a trace");
}
END_TEST

START_TEST(test_huge_counts_are_refused)
{
    static const size_t counts[] = {12, 36, 40, 44, 48, 52}; /* every u32 length of the header */
    uint8_t *copy = arena_alloc(arena, length);

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        memcpy(copy, bytes, length);
        write_u32(copy + counts[i], UINT32_MAX);
        write_u64(copy + read_u32(bytes + 12) - 8,
                  trace_hash_bytes(copy, read_u32(bytes + 12) - 8));
        ck_assert(!opens(copy, length));
    }
    const size_t block = read_u32(bytes + 12);
    for (size_t at = block + 4; at < block + FRAME_BYTES - HASH_BYTES; at += 4) {
        memcpy(copy, bytes, length);
        write_u32(copy + at, UINT32_MAX);
        (void)trace_recompute_hashes(copy, length);
        ck_assert(!opens(copy, length));
    }
    arena_free(arena, copy, length);
}
END_TEST

START_TEST(test_an_unknown_block_is_skipped)
{
    const size_t block = read_u32(bytes + 12);
    const size_t more = FRAME_BYTES + 10005;
    uint8_t *longer = arena_alloc_zeroed(arena, length + more);
    const struct trace_frame frame = {.type = 99, .bytes = 10005};

    memcpy(longer, bytes, block);
    trace_write_frame(longer + block, &frame);
    memcpy(longer + block + more, bytes + block, length - block);
    ck_assert(!opens(longer, length + more));
    ck_assert(trace_recompute_hashes(longer, length + more));
    ck_assert(opens(longer, length + more));
    arena_free(arena, longer, length + more);
}
END_TEST

/* ---- Files ---- */

static void write_file(const char *to, const uint8_t *from, size_t count)
{
    FILE *file = fopen(to, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(from, 1, count, file), count);
    ck_assert_int_eq(fclose(file), 0);
}

/** Opens the file and gets every record; returns the most bytes that the reader held. */
static uint64_t read_whole_file(uint64_t events)
{
    struct arena *own = arena_open(0x99);
    struct trace *trace = trace_open_file(own, path, error, sizeof error);

    ck_assert_ptr_nonnull(trace);
    for (uint64_t i = 0; i < events; i++) {
        if (trace_get_event(trace, i).number != i + 1 ||
            trace_get_choice(trace, i).stream != i % 2) {
            ck_abort_msg("record %lu is another", (unsigned long)i);
        }
    }
    ck_assert_uint_eq(trace_get_event(trace, 0).number, 1);
    ck_assert_ptr_null(trace_get_failure(trace));
    trace_close(trace);
    const uint64_t peak = arena_get_peak_bytes(own);
    ck_assert_uint_eq(arena_close(own), 0);
    return peak;
}

START_TEST(test_a_long_trace_needs_no_more_memory_than_a_short_one)
{
    (void)record(BLOCK_RECORDS);
    const uint64_t one_block = read_whole_file(BLOCK_RECORDS);

    (void)record(300000);
    ck_assert_uint_eq(read_whole_file(300000), one_block);
    ck_assert_uint_lt(one_block, 300000);
}
END_TEST

START_TEST(test_a_file_is_read_like_its_bytes)
{
    char text[sizeof error];

    ck_assert_uint_gt(read_whole_file(EVENTS), 0);
    for (size_t count = 0; count < length; count += 37) {
        ck_assert(!opens(bytes, count));
        (void)snprintf(text, sizeof text, "%s", strchr(error, ':'));
        write_file(path, bytes, count);
        ck_assert_ptr_null(trace_open_file(arena, path, error, sizeof error));
        ck_assert_str_eq(strchr(error, ':'), text);
    }
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_ptr_null(trace_open_file(arena, path, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "No such file"));
}
END_TEST

/** A file that was opened as a trace, and then altered at `at` or truncated there. */
static void assert_change_is_noticed(size_t at, bool truncated, const char *part)
{
    write_file(path, bytes, length);
    struct trace *trace = trace_open_file(arena, path, error, sizeof error);

    ck_assert_ptr_nonnull(trace);
    bytes[at] ^= 1;
    write_file(path, bytes, truncated ? at : length);
    bytes[at] ^= 1;
    ck_assert_uint_eq(trace_get_event(trace, 0).number, 0);
    ck_assert_uint_eq(trace_get_choice(trace, 0).bound, 0);
    ck_assert_ptr_nonnull(trace_get_failure(trace));
    if (strstr(trace_get_failure(trace), part) == NULL) {
        ck_abort_msg("'%s' does not say '%s'", trace_get_failure(trace), part);
    }
    trace_close(trace);
}

START_TEST(test_a_file_that_changes_while_it_is_used_is_noticed)
{
    size_t block = read_u32(bytes + 12);

    while (trace_read_frame(bytes + block).type != BLOCK_EVENTS) {
        block += FRAME_BYTES + trace_read_frame(bytes + block).bytes;
    }
    assert_change_is_noticed(block + FRAME_BYTES, false, "has changed since it was opened");
    assert_change_is_noticed(block + 16, false, "has changed since it was opened");
    assert_change_is_noticed(block, true, "cannot be read: the file has become shorter; copy it");
}
END_TEST

/** The file of a process that died: whole blocks, and perhaps a part of the next. */
START_TEST(test_an_unfinished_trace_is_read_up_to_its_end)
{
    char partial[sizeof path + sizeof TRACE_PARTIAL_SUFFIX];
    const uint64_t events = BLOCK_RECORDS + 5;

    arena_free(arena, bytes, length);
    (void)record(events);
    read_back();
    (void)snprintf(partial, sizeof partial, "%s" TRACE_PARTIAL_SUFFIX, path);
    write_file(partial, bytes, length);
    struct trace *trace = trace_open_file(arena, partial, error, sizeof error);
    ck_assert_ptr_nonnull(trace);
    ck_assert(!trace_is_unfinished(trace));
    trace_close(trace);
    write_file(partial, bytes, length - 1);
    trace = trace_open_file(arena, partial, error, sizeof error);
    ck_assert_ptr_nonnull(trace);
    ck_assert(trace_is_unfinished(trace));
    ck_assert_uint_eq(trace_get_trailer(trace)->events, events);
    trace_close(trace);
    write_file(partial, bytes, length - TAIL_BYTES - FRAME_BYTES - 1);
    trace = trace_open_file(arena, partial, error, sizeof error);
    ck_assert_ptr_nonnull(trace);
    ck_assert_uint_eq(trace_get_trailer(trace)->events, BLOCK_RECORDS);
    ck_assert_uint_eq(trace_get_event(trace, BLOCK_RECORDS - 1).number, BLOCK_RECORDS);
    trace_close(trace);
    write_file(partial, bytes, read_u32(bytes + 12)); /* without the files of the scenario */
    ck_assert_ptr_null(trace_open_file(arena, partial, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "cut off"));
    ck_assert_int_eq(unlink(partial), 0);
}
END_TEST

START_TEST(test_a_full_disk_is_one_sentence)
{
    struct trace_writer *writer =
        trace_writer_open(arena, "/dev/full", &header, error, sizeof error);
    const struct trace_trailer trailer = {0};

    if (writer == NULL) {
        return; /* a system without /dev/full */
    }
    ck_assert(!trace_writer_close(writer, &trailer, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "/dev/full: the trace could not be written: "));
    ck_assert_int_eq(access("/dev/full", F_OK), 0);
}
END_TEST

START_TEST(test_a_path_that_cannot_be_is_one_sentence)
{
    ck_assert_ptr_null(
        trace_writer_open(arena, "/tmp/no/such/directory/t", &header, error, sizeof error));
    ck_assert_ptr_nonnull(strstr(error, "could not be written"));
    ck_assert_ptr_null(trace_writer_open(arena, directory, &header, error, sizeof error));
}
END_TEST

START_TEST(test_an_abandoned_trace_leaves_the_old_one)
{
    struct trace_writer *writer = trace_writer_open(arena, path, &header, error, sizeof error);

    ck_assert_ptr_nonnull(writer);
    trace_writer_abandon(writer);
    arena_free(arena, bytes, length);
    read_back();
    ck_assert(opens(bytes, length));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("trace");
    TCase *tcase = tcase_create("trace");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_what_was_written_is_read);
    tcase_add_test(tcase, test_many_blocks_are_one_sequence);
    tcase_add_test(tcase, test_records_have_their_bytes);
    tcase_add_test(tcase, test_the_layout_is_that_of_its_version);
    tcase_add_test(tcase, test_every_flipped_bit_is_noticed);
    tcase_add_test(tcase, test_every_truncation_is_noticed);
    tcase_add_test(tcase, test_something_behind_the_end_is_noticed);
    tcase_add_test(tcase, test_mended_damage_is_refused_or_harmless);
    tcase_add_test(tcase, test_other_formats_are_named);
    tcase_add_test(tcase, test_huge_counts_are_refused);
    tcase_add_test(tcase, test_an_unknown_block_is_skipped);
    tcase_add_test(tcase, test_a_long_trace_needs_no_more_memory_than_a_short_one);
    tcase_add_test(tcase, test_a_file_is_read_like_its_bytes);
    tcase_add_test(tcase, test_a_file_that_changes_while_it_is_used_is_noticed);
    tcase_add_test(tcase, test_an_unfinished_trace_is_read_up_to_its_end);
    tcase_add_test(tcase, test_a_full_disk_is_one_sentence);
    tcase_add_test(tcase, test_a_path_that_cannot_be_is_one_sentence);
    tcase_add_test(tcase, test_an_abandoned_trace_leaves_the_old_one);
    suite_add_tcase(suite, tcase);
    return suite;
}
