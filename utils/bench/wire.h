/* A blocking connection to a server, in RESP2: as little as a load generator needs. What goes wrong
 * ends the program. */
#ifndef HOLDFAST_BENCH_WIRE_H
#define HOLDFAST_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define WIRE_BUFFER_SIZE (64 * 1024) /* bytes read at once; no line or bulk may be longer */

struct wire {
    int descriptor;
    size_t start, end;   /* of what is read and not yet taken */
    int64_t received_us; /* wall time of the last read */
    char buffer[WIRE_BUFFER_SIZE];
};

/* One element: of an array only the head (count in `integer`; -1: null), its elements follow. */
struct wire_reply {
    char type;         /* + - : $ * */
    int64_t integer;   /* of : and *; -1 for a null bulk */
    struct slice text; /* of + - $: valid until the next read */
};

bool wire_try_open(struct wire *wire, int port);
void wire_open(struct wire *wire, int port);
void wire_close(struct wire *wire);

void wire_send(struct wire *wire, const char *data, size_t length);

/* Waits for one element. */
struct wire_reply wire_read(struct wire *wire);
/* Is something there that wire_read can begin with, without waiting? */
bool wire_has_input(const struct wire *wire);

/* Reads `count` replies; an error among them ends the program. */
void wire_skip(struct wire *wire, size_t count);

/* Sends an inline command and returns its reply; an error is returned too. */
struct wire_reply wire_command(struct wire *wire, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* CONFIG SET, which must succeed. */
void wire_configure(struct wire *wire, const char *name, const char *value);

#endif
