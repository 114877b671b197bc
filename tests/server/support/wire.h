/* Raw bytes to and from a server, for clients that behave badly. Everything fails the test if it
 * does not come about within some seconds. */
#ifndef HOLDFAST_TESTS_WIRE_H
#define HOLDFAST_TESTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/conversation.h"

/* Room for `count` connections: a descriptor each here and in a server started from now on, which
 * inherits the limit. False: this machine does not allow it. */
bool wire_raise_descriptors(int count);
int wire_connect(int port);
/* To a numeric IPv4 or IPv6 address; -1 if nobody listens there. */
int wire_connect_to(const char *address, int port);
int wire_connect_unix(const char *path);

void wire_send(int socket, const void *data, size_t length);
void wire_say(int socket, const char *text);
/* Sends as much as goes without waiting. Returns the bytes sent, -1 once the connection is closed.
 */
long wire_send_some(int socket, const void *data, size_t length);

/* The next bytes are these. */
void wire_expect(int socket, const char *text);
/* All bytes up to the end of the connection, NUL-terminated, cut to `size`. Returns how many came.
 */
size_t wire_read_to_end(int socket, char *out, size_t size);
/* Reads and drops; false once the connection has ended before that many came. */
bool wire_skip(int socket, size_t length);

/* A field of INFO that is a number. */
int64_t wire_info(struct conversation *client, const char *field);
/* Returns once it is `value`; within a minute, or the test fails. */
void wire_wait_for(struct conversation *client, const char *field, int64_t value);
int64_t wire_now_us(void);

#endif
