/* The options behind SET, GETEX and MSETEX: one grammar for all, each command allows its part. */
#ifndef HOLDFAST_COMMANDS_STRING_OPTIONS_H
#define HOLDFAST_COMMANDS_STRING_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "commands/command.h"
#include "commands/string_compare.h"

enum string_expiry {
    EXPIRY_NONE,
    EXPIRY_EX,
    EXPIRY_PX,
    EXPIRY_EXAT,
    EXPIRY_PXAT,
    EXPIRY_KEEP,    /* KEEPTTL */
    EXPIRY_PERSIST, /* GETEX's PERSIST */
};

enum string_option {
    OPTION_PRESENCE = 1 << 0, /* NX, XX */
    OPTION_COMPARE = 1 << 1,  /* IFEQ, IFNE, IFDEQ, IFDNE */
    OPTION_GET = 1 << 2,
    OPTION_KEEP = 1 << 3,
    OPTION_PERSIST = 1 << 4,
};

struct string_options {
    enum string_condition condition;
    enum string_expiry expiry;
    bool get;
    size_t expiry_index;  /* of the argument that holds the time */
    struct slice operand; /* of IFEQ, IFNE */
    uint64_t digest;      /* of IFDEQ, IFDNE */
    int64_t deadline_ms;  /* by string_options_deadline */
};

/* Parses the arguments from `first` to the end. `allowed`: enum string_option; times are allowed
 * always. On failure replies with the error and returns false. */
bool string_options_parse(struct command_context *context, size_t first, unsigned allowed,
                          struct string_options *options);

/* True if the options name a time, relative or absolute. */
static inline bool string_options_have_time(const struct string_options *options)
{
    return options->expiry >= EXPIRY_EX && options->expiry <= EXPIRY_PXAT;
}

/* Works out deadline_ms where the options name a time (else ENTRY_NO_DEADLINE); on failure replies
 * with the error and returns false. */
bool string_options_deadline(struct command_context *context, struct string_options *options);

/* What happens to the deadline of a key that is set with these options. */
static inline enum deadline_rule string_options_rule(const struct string_options *options)
{
    if (string_options_have_time(options))
        return DEADLINE_SET;
    return options->expiry == EXPIRY_KEEP ? DEADLINE_KEEP : DEADLINE_CLEAR;
}

/* The effect of having set a string so: SET key value [PXAT ms | KEEPTTL]. */
void string_options_effect(struct command_context *context, const struct string_options *options,
                           struct slice key, struct slice value);

#endif
