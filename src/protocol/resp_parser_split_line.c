/* Words of a line, as redis-cli, inline commands and the configuration file write them. */
#include <ctype.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "protocol/resp_parser.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static char escaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'a':
        return '\a';
    default:
        return c;
    }
}

/* What may stand between words. */
static bool is_blank(char c)
{
    return isspace((unsigned char)c) || c == '\0';
}

/* What ends a word without quotes: as in Redis, \v and \f are blanks but end no word. */
static bool ends_word(char c)
{
    return is_blank(c) && c != '\v' && c != '\f';
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

/* Reads a word that began with `quote`, from behind it. Returns where it goes on, or -1 when the
 * quotes are unbalanced: they do not close, or something stands right behind the closing one. */
static ptrdiff_t read_quoted(struct slice line, size_t at, char quote, struct buffer *word)
{
    while (at < line.length) {
        size_t plain = at;
        while (plain < line.length && line.data[plain] != quote && line.data[plain] != '\\')
            plain++;
        buffer_add(word, line.data + at, plain - at);
        at = plain;
        if (at == line.length)
            break;
        char c = line.data[at++];
        char next = at < line.length ? line.data[at] : '\0';
        if (c == quote) {
            bool ends = at == line.length || is_blank(next);
            return ends ? (ptrdiff_t)at : -1;
        }
        if (c == '\\' && quote == '\'' && next == '\'' && at < line.length) {
            c = '\'';
            at++;
        } else if (c == '\\' && quote == '"' && line.length - at >= 3 && next == 'x' &&
                   hex_digit(line.data[at + 1]) >= 0 && hex_digit(line.data[at + 2]) >= 0) {
            c = (char)(hex_digit(line.data[at + 1]) * 16 + hex_digit(line.data[at + 2]));
            at += 3;
        } else if (c == '\\' && quote == '"' && at < line.length) {
            c = escaped(next);
            at++;
        }
        buffer_add(word, &c, 1);
    }
    return -1;
}

/* Reads one word from `at`, which is no blank. Quotes may begin in the middle of a word and end it.
 */
static ptrdiff_t read_word(struct slice line, size_t at, struct buffer *word)
{
    size_t start = at;
    while (at < line.length && !ends_word(line.data[at]) && !is_quote(line.data[at]))
        at++;
    buffer_add(word, line.data + start, at - start);
    if (at < line.length && is_quote(line.data[at]))
        return read_quoted(line, at + 1, line.data[at], word);
    return (ptrdiff_t)at;
}

bool resp_parser_split_line(struct slice line, char **words_out, struct slice **slices_out,
                            size_t *count)
{
    struct buffer words = {0}, ends = {0};
    *count = 0;
    size_t at = 0;
    for (;;) {
        while (at < line.length && is_blank(line.data[at]))
            at++;
        if (at == line.length)
            break;
        ptrdiff_t behind = read_word(line, at, &words);
        if (behind < 0) {
            buffer_deinit(&words);
            buffer_deinit(&ends);
            return false;
        }
        at = (size_t)behind;
        buffer_add(&ends, &words.length, sizeof words.length);
        buffer_add(&words, "", 1);
        ++*count;
    }
    struct slice *slices = memory_allocate((*count + 1) * sizeof *slices);
    size_t start = 0;
    for (size_t i = 0; i < *count; i++) {
        size_t end;
        memcpy(&end, ends.data + i * sizeof end, sizeof end);
        slices[i] = slice_of(words.data + start, end - start);
        start = end + 1;
    }
    buffer_deinit(&ends);
    *words_out = words.data;
    *slices_out = slices;
    return true;
}
