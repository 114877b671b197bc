/* Any bytes as a pattern and a text: the first byte cuts the input in two. No fault and no endless
 * work; a literal pattern matches itself alone; a text that matches also does in any case; a
 * pattern of stars and plain letters agrees with a plain reference. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "base/glob.h"

#define REFERENCE_MAX 9 /* bytes: the reference takes exponential time */

/* The obvious way, for '*' and letters. */
static bool reference(struct slice pattern, struct slice text)
{
    if (pattern.length == 0)
        return text.length == 0;
    struct slice rest = slice_of(pattern.data + 1, pattern.length - 1);
    if (pattern.data[0] != '*')
        return text.length > 0 && text.data[0] == pattern.data[0] &&
               reference(rest, slice_of(text.data + 1, text.length - 1));
    for (size_t skipped = 0; skipped <= text.length; skipped++)
        if (reference(rest, slice_of(text.data + skipped, text.length - skipped)))
            return true;
    return false;
}

static bool has_stars_and_letters_only(struct slice pattern)
{
    for (size_t i = 0; i < pattern.length; i++)
        if (strchr("?[]\\^-", pattern.data[i]) != NULL) /* finds the zero byte, too */
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t pattern_length = data[0] < size - 1 ? data[0] : size - 1;
    /* In blocks of their own, so that a watcher sees a read behind them. */
    char *pattern_bytes = malloc(pattern_length + 1), *text_bytes = malloc(size);
    size_t text_length = size - 1 - pattern_length;
    memcpy(pattern_bytes, data + 1, pattern_length);
    memcpy(text_bytes, data + 1 + pattern_length, text_length);
    char *exact_pattern = malloc(pattern_length > 0 ? pattern_length : 1);
    memcpy(exact_pattern, pattern_bytes, pattern_length);
    struct slice pattern = slice_of(exact_pattern, pattern_length);
    struct slice text = slice_of(text_bytes, text_length);

    bool matches = glob_matches(pattern, text);
    bool in_any_case = glob_matches_any_case(pattern, text);
    if (has_stars_and_letters_only(pattern)) /* ranges change with the case, as in Redis */
        ASSERT(!matches || in_any_case);
    if (glob_is_literal(pattern))
        ASSERT(matches == slice_equals(pattern, text));
    if (glob_is_all(pattern))
        ASSERT(pattern_length == 1 && pattern.data[0] == '*');
    if (pattern_length <= REFERENCE_MAX && text_length > 0 && text_length <= REFERENCE_MAX &&
        pattern_length > 0 && has_stars_and_letters_only(pattern))
        ASSERT(matches == reference(pattern, text));

    free(exact_pattern);
    free(pattern_bytes);
    free(text_bytes);
    return 0;
}
