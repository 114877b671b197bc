/* Conditions on the value of a string: what SET, DELEX and DELIFEQ ask before they change it.
 *
 * A digest is XXH3 (64 bit, seed 0; https://xxhash.com) as 16 hexadecimal digits, as in Redis 8.4.
 */
#ifndef HOLDFAST_COMMANDS_STRING_COMPARE_H
#define HOLDFAST_COMMANDS_STRING_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "commands/command.h"

enum string_condition {
    STRING_ALWAYS,
    STRING_ABSENT,           /* NX */
    STRING_PRESENT,          /* XX */
    STRING_EQUAL,            /* IFEQ */
    STRING_NOT_EQUAL,        /* IFNE: also true for an absent key */
    STRING_DIGEST_EQUAL,     /* IFDEQ */
    STRING_DIGEST_NOT_EQUAL, /* IFDNE: also true for an absent key */
};

/* IFEQ, IFNE, IFDEQ, IFDNE in any case; STRING_ALWAYS for any other word. */
enum string_condition string_compare_word(struct slice word);

/* Parses a digest; on failure replies with an error and returns false. */
bool string_compare_parse_digest(struct command_context *context, struct slice text,
                                 uint64_t *digest);

uint64_t string_compare_digest(const struct entry *entry);

/* Does `entry` (NULL: absent; must be a string where the condition compares) meet the condition?
 * `operand` counts for IFEQ and IFNE, `digest` for IFDEQ and IFDNE. */
bool string_compare_holds(enum string_condition condition, struct slice operand, uint64_t digest,
                          const struct entry *entry);

#endif
