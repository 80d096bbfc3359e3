/*
 * Alters one thing in a trace and mends its hashes, so that what a replay then says comes from the
 * comparison and not from the hashes.
 *
 *     trace_edit FILE seed N          the header's seed
 *     trace_edit FILE version N       the format's version
 *     trace_edit FILE build N         the digit of the program's version that wrote it
 *     trace_edit FILE choice N        the value of choice N, from 1; prints it before and after
 *     trace_edit FILE event N         the digest of event N, from 1
 *     trace_edit FILE verdict N       the recorded exit status
 *     trace_edit FILE flip OFFSET     one bit, hashes not mended
 */
#include "sim/trace/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEED_AT = 24,
    VERSION_AT = 8,
    VERDICT_AT = 64,
    CHOICE_BOUND = 8,
    CHOICE_VALUE = 16,
    EVENT_DIGEST = 24
};

struct file {
    uint8_t *bytes;
    uint64_t length;
};

static bool file_load(struct file *file, const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0) {
        return false;
    }
    file->length = (uint64_t)ftell(stream);
    file->bytes = malloc(file->length + 1);
    rewind(stream);
    const bool read = fread(file->bytes, 1, file->length, stream) == file->length;
    return fclose(stream) == 0 && read;
}

static bool file_store(const struct file *file, const char *path)
{
    FILE *stream = fopen(path, "wb");
    if (stream == NULL) {
        return false;
    }
    const bool wrote = fwrite(file->bytes, 1, file->length, stream) == file->length;
    return fclose(stream) == 0 && wrote;
}

/** Record `number`, from 1, of a block type, or the payload of the trailer; NULL if not there. */
static uint8_t *record_find(const struct file *file, block_type type, uint64_t number,
                            uint32_t bytes)
{
    uint64_t at = trace_read_head(file->bytes).bytes;
    while (file->length - at >= FRAME_BYTES) {
        const struct trace_frame frame = trace_read_frame(file->bytes + at);
        uint8_t *payload = file->bytes + at + FRAME_BYTES;
        const bool inside = frame.first < number && number - 1 - frame.first < frame.count;
        if (frame.type == (uint32_t)type && (type == BLOCK_TRAILER || inside)) {
            return type == BLOCK_TRAILER ? payload : payload + (number - 1 - frame.first) * bytes;
        }
        at += FRAME_BYTES + frame.bytes;
    }
    return NULL;
}

static bool alter_choice(const struct file *file, uint64_t number)
{
    uint8_t *choice = record_find(file, BLOCK_CHOICES, number, CHOICE_BYTES);
    if (choice == NULL || read_u64(choice + CHOICE_BOUND) < 2) {
        return false;
    }
    const uint64_t before = read_u64(choice + CHOICE_VALUE);
    const uint64_t after = (before + 1) % read_u64(choice + CHOICE_BOUND);
    write_u64(choice + CHOICE_VALUE, after);
    (void)printf("choice %" PRIu64 ": %" PRIu64 " becomes %" PRIu64 "\n", number, before, after);
    return true;
}

static bool alter_event(const struct file *file, uint64_t number)
{
    uint8_t *event = record_find(file, BLOCK_EVENTS, number, EVENT_BYTES);
    if (event != NULL) {
        event[EVENT_DIGEST] ^= 1;
    }
    return event != NULL;
}

/** The build is text in the header: `ballonet 0.1.0, ...`. */
static bool alter_build(const struct file *file, uint64_t digit)
{
    static const char begin[] = "ballonet ";
    const uint32_t end = trace_read_head(file->bytes).bytes;
    for (uint32_t at = HEAD_BYTES; at + sizeof begin < end; at++) {
        if (memcmp(file->bytes + at, begin, sizeof begin - 1) == 0) {
            file->bytes[at + sizeof begin - 1] = (uint8_t)('0' + digit);
            return true;
        }
    }
    return false;
}

static bool alter_verdict(const struct file *file, uint64_t status)
{
    uint8_t *tail = record_find(file, BLOCK_TRAILER, 1, TAIL_BYTES);
    if (tail != NULL) {
        write_u64(tail + VERDICT_AT, status);
    }
    return tail != NULL;
}

static bool alter(const struct file *file, const char *what, uint64_t number)
{
    if (strcmp(what, "choice") == 0) {
        return alter_choice(file, number);
    }
    if (strcmp(what, "event") == 0) {
        return alter_event(file, number);
    }
    if (strcmp(what, "verdict") == 0) {
        return alter_verdict(file, number);
    }
    if (strcmp(what, "seed") == 0) {
        write_u64(file->bytes + SEED_AT, number);
    } else if (strcmp(what, "version") == 0) {
        write_u32(file->bytes + VERSION_AT, (uint32_t)number);
    } else if (strcmp(what, "build") == 0) {
        return alter_build(file, number);
    } else if (strcmp(what, "flip") == 0 && number < file->length) {
        file->bytes[number] ^= 0x10;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct file file = {0};
    if (argc != 4 || !file_load(&file, argv[1])) {
        (void)fprintf(stderr, "usage: trace_edit FILE WHAT NUMBER\n");
        return 2;
    }
    const bool altered =
        alter(&file, argv[2], strtoull(argv[3], NULL, 0)) &&
        (strcmp(argv[2], "flip") == 0 || trace_recompute_hashes(file.bytes, file.length)) &&
        file_store(&file, argv[1]);
    free(file.bytes);
    if (!altered) {
        (void)fprintf(stderr, "trace_edit: %s %s could not be altered\n", argv[2], argv[3]);
    }
    return altered ? 0 : 1;
}
