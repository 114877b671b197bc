/* The commands that simulated clients send, and the keys there are. */
#ifndef HOLDFAST_SIMULATION_COMMANDS_H
#define HOLDFAST_SIMULATION_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/* What a reply says about the data. */
enum effect {
    EFFECT_NONE,        /* nothing about keys */
    EFFECT_READS,       /* what was seen of all keys must last */
    EFFECT_READS_FIRST, /* ...of the first: the others may not have been looked at */
    EFFECT_MAY_WRITE, /* it changed something if it returns a number above 0, or something at all */
    EFFECT_WRITES,    /* it changed something if it is no error */
};

struct command_line {
    enum effect effect;
    uint64_t keys; /* bits */
    bool waits_for_sync;
};

extern const char *const commands_keys[];
extern const size_t commands_key_count;

size_t commands_key_index(const char *name);

/* Appends a random command; `number` is one that no other has used. Keys of database 1 have bits of
 * their own, behind those of database 0. */
struct command_line commands_random(struct buffer *out, uint64_t number, int database);
/* A command that makes a collection too large to be saved in one piece. */
struct command_line commands_large(struct buffer *out, uint64_t number);
/* The same of those that wait for keys. */
struct command_line commands_random_blocking(struct buffer *out);

/* DUMP of any key, and RESTORE of what it gave to any. */
struct command_line commands_dump(struct buffer *out);
struct command_line commands_restore(struct buffer *out, struct slice dump);

/* COPY of any key of theirs to another, in its place. */
struct command_line commands_copy(struct buffer *out, const char *name);

/* Appends a command of these words, separated by spaces. */
void commands_add(struct buffer *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
