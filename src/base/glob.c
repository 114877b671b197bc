#include "base/glob.h"

#include <ctype.h>
#include <stdint.h>

static unsigned char folded(char c, bool any_case)
{
    unsigned char byte = (unsigned char)c;
    return any_case ? (unsigned char)tolower(byte) : byte;
}

/* Matches one character against the class that begins behind '[' at `*at`; leaves `*at` behind the
 * class. A class that is not closed ends with the pattern, as in Redis. */
static bool class_matches(struct slice pattern, size_t *at, char c, bool any_case)
{
    size_t i = *at;
    bool negated = i < pattern.length && pattern.data[i] == '^';
    if (negated)
        i++;
    bool found = false;
    unsigned char byte = folded(c, any_case);
    for (;; i++) {
        if (i >= pattern.length)
            break;
        if (pattern.data[i] == '\\' && pattern.length - i >= 2) {
            i++;
            found |= folded(pattern.data[i], any_case) == byte;
        } else if (pattern.data[i] == ']') {
            i++;
            break;
        } else if (pattern.length - i >= 3 && pattern.data[i + 1] == '-') {
            unsigned char low = folded(pattern.data[i], any_case);
            unsigned char high = folded(pattern.data[i + 2], any_case);
            if (low > high) {
                unsigned char swapped = low;
                low = high;
                high = swapped;
            }
            i += 2;
            found |= byte >= low && byte <= high;
        } else {
            found |= folded(pattern.data[i], any_case) == byte;
        }
    }
    *at = i;
    return found != negated;
}

/* One character of text against one item of the pattern that is not a star; leaves `*at` behind the
 * item. */
static bool item_matches(struct slice pattern, size_t *at, char c, bool any_case)
{
    char item = pattern.data[(*at)++];
    if (item == '?')
        return true;
    if (item == '[')
        return class_matches(pattern, at, c, any_case);
    if (item == '\\' && *at < pattern.length)
        item = pattern.data[(*at)++];
    return folded(item, any_case) == folded(c, any_case);
}

/* Only the last star needs to be tried again at later places: an earlier one has done all it can
 * when a later one is reached. So no stack, and at most length x length steps, which the budget
 * cuts. */
static bool matches(struct slice pattern, struct slice text, bool any_case)
{
    if (text.length == 0)
        return pattern.length == 0; /* as in Redis not even a star matches nothing */
    size_t at = 0, position = 0;
    size_t star = SIZE_MAX, star_position = 0; /* behind the last star; the text it resumes at */
    for (long steps = 0; steps < GLOB_STEPS_MAX; steps++) {
        if (at < pattern.length && pattern.data[at] == '*') {
            star = ++at;
            star_position = position;
            if (star == pattern.length)
                return true;
            continue;
        }
        if (position == text.length)
            return at == pattern.length;
        if (at < pattern.length) {
            size_t next = at;
            if (item_matches(pattern, &next, text.data[position], any_case)) {
                at = next;
                position++;
                continue;
            }
        }
        if (star == SIZE_MAX)
            return false;
        at = star;
        position = ++star_position;
    }
    return false;
}

bool glob_matches(struct slice pattern, struct slice text)
{
    return matches(pattern, text, false);
}

bool glob_matches_any_case(struct slice pattern, struct slice text)
{
    return matches(pattern, text, true);
}

bool glob_is_all(struct slice pattern)
{
    return pattern.length == 1 && pattern.data[0] == '*';
}

bool glob_is_literal(struct slice pattern)
{
    for (size_t i = 0; i < pattern.length; i++) {
        char c = pattern.data[i];
        if (c == '*' || c == '?' || c == '[' || c == '\\')
            return false;
    }
    return true;
}
