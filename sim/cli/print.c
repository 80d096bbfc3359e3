/*
 * Prints text with the quotes and escapes that JSON and shells need, because names of files can
 * contain any character.
 */
#include "sim/cli/cli.h"

#include <stdio.h>
#include <string.h>

void print_plain_text(FILE *out, const char *text)
{
    (void)fputs(text, out);
}

void print_json_text(FILE *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            (void)fprintf(out, "\\%c", *at);
        } else if ((unsigned char)*at < 0x20) {
            (void)fprintf(out, "\\u%04x", (unsigned)*at);
        } else {
            (void)fputc(*at, out);
        }
    }
}

void print_shell_quoted(FILE *out, print_text print, const char *text)
{
    print(out, "'");
    for (const char *at = text; *at != '\0'; at++) {
        const char one[2] = {*at, '\0'};
        print(out, *at == '\'' ? "'\\''" : one);
    }
    print(out, "'");
}

void print_shell_word(FILE *out, print_text print, const char *text)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "_-./+,:@%";
    if (text[0] != '\0' && text[strspn(text, harmless)] == '\0') {
        print(out, text);
    } else {
        print_shell_quoted(out, print, text);
    }
}
