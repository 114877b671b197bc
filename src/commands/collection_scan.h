/* HSCAN, SSCAN, ZSCAN: what they share with SCAN. */
#ifndef HOLDFAST_COMMANDS_COLLECTION_SCAN_H
#define HOLDFAST_COMMANDS_COLLECTION_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/chain.h"
#include "commands/collection.h"

struct collection_scan {
    uint64_t cursor;
    int64_t wanted;  /* COUNT */
    bool names_only; /* NOVALUES */
    bool all;        /* no pattern */
    struct slice pattern;
    struct chain elements; /* found so far; of `writer` */
    struct resp_writer writer;
    size_t count;   /* of `elements` */
    size_t visited; /* fitting or not */
};

/* Parses the cursor at argument 2, finds the collection, then parses the options behind: Redis's
 * order. False: answered, nothing to end. */
bool collection_scan_begin(struct collection_scan *scan, struct command_context *context,
                           enum value_type type, struct collection *collection);
/* True if an element of this name is wanted; counts it as visited. */
bool collection_scan_wants(struct collection_scan *scan, struct slice name);
/* True if another page should be looked at. */
static inline bool collection_scan_goes_on(const struct collection_scan *scan)
{
    return scan->cursor != 0 && scan->visited < (uint64_t)scan->wanted;
}
/* The reply, and the end. */
void collection_scan_reply(struct collection_scan *scan, struct command_context *context);

/* As strtoul, which Redis uses: a sign is allowed, nothing at all is 0, blanks are not. */
bool collection_scan_parse_cursor(struct slice text, uint64_t *cursor);

#endif
