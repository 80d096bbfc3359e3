/*
 * Checks that a file is text that YAML allows. It must be UTF-8 without NUL and without control
 * characters.
 *
 * libyaml also finds such errors, but does not say where they are. It also accepts UTF-16, whose
 * byte offsets could not be used here.
 */
#include "sim/scenario/yaml_tree.h"

#include <string.h>

/* Reads the code point at `text`; UINT32_MAX if it is not UTF-8 in its shortest form (RFC 3629). */
static uint32_t read_code_point(const char *text, size_t bytes, size_t *length)
{
    const unsigned char *b = (const unsigned char *)text;
    *length = problem_count_code_bytes(text, bytes);
    switch (*length) {
    case 1:
        return b[0] < 0x80 ? b[0] : UINT32_MAX;
    case 2: {
        const uint32_t code = (uint32_t)(b[0] & 0x1F) << 6 | (b[1] & 0x3Fu);
        return code >= 0x80 ? code : UINT32_MAX;
    }
    case 3: {
        const uint32_t code =
            (uint32_t)(b[0] & 0x0F) << 12 | (uint32_t)(b[1] & 0x3F) << 6 | (b[2] & 0x3Fu);
        return code >= 0x800 && (code < 0xD800 || code > 0xDFFF) ? code : UINT32_MAX;
    }
    default: {
        const uint32_t code = (uint32_t)(b[0] & 0x0F) << 18 | (uint32_t)(b[1] & 0x3F) << 12 |
                              (uint32_t)(b[2] & 0x3F) << 6 | (b[3] & 0x3Fu);
        return code >= 0x10000 && code <= 0x10FFFF ? code : UINT32_MAX;
    }
    }
}

/* YAML 1.1, 5.1: printable characters. */
static bool is_code_allowed(uint32_t code)
{
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code < 0x7F) ||
           code == 0x85 || (code >= 0xA0 && code <= 0xFFFD) || code >= 0x10000;
}

bool yaml_check_text(struct problems *problems, uint32_t source, const char *text, size_t bytes)
{
    const struct yaml_mark first = {source, 1, 1};
    if (bytes >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0)) {
        problems_add_message(problems, first, "the file is UTF-16 or UTF-32; save it as UTF-8");
        return false;
    }
    for (size_t i = 0; i < bytes;) {
        size_t length = 1;
        const uint32_t code = read_code_point(text + i, bytes - i, &length);
        if (code != UINT32_MAX && is_code_allowed(code)) {
            i += length;
            continue;
        }
        const struct yaml_mark mark = problem_find_mark(source, text, bytes, i);
        if (code == UINT32_MAX) {
            problems_add_message(problems, mark, "byte 0x%02X is not UTF-8; save the file as UTF-8",
                                 (unsigned)(unsigned char)text[i]);
        } else if (code == 0) {
            problems_add_message(
                problems, mark,
                "the file has a NUL byte; a scenario is text (if the file is UTF-16, save it as UTF-8)");
        } else {
            problems_add_message(problems, mark,
                                 "control character U+%04lX, which YAML does not allow; remove it",
                                 (unsigned long)code);
        }
        return false;
    }
    return true;
}
