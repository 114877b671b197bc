/* A client that says what a script says and keeps the replies as they came: of any length, and in
 * memory that is not the server's, which may be made to run out.
 *
 * A script is lines, a command each: words separated by blanks ('' is an empty word, 'a b' one).
 * Some words stand for others:
 *     #3:x     xxx               %3:e     e0 e1 e2            +3       1 2 3
 *     &2:f     f0 v0 f1 v1       @2:m     0 m0 1 m1           $1       what was kept */
#ifndef HOLDFAST_TESTS_SESSION_CLIENT_H
#define HOLDFAST_TESTS_SESSION_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes, NUL-terminated; free(data). */
struct session_text {
    char *data;
    size_t length, capacity;
};

void session_text_add(struct session_text *text, const void *data, size_t length);
/* Empty again, and freed. */
void session_text_clear(struct session_text *text);
bool session_text_equals(const struct session_text *a, const struct session_text *b);

struct session_client {
    int socket;
    struct session_text input;
    size_t at;                /* of the input: the next reply */
    struct session_text kept; /* for $1 */
};

struct session_client *session_client_begin(int port);
void session_client_end(struct session_client *client);

/* Sends all lines at once. Returns how many they are. */
size_t session_client_send(struct session_client *client, const char *lines);
/* Adds the next reply to `out`, in RESP. False: the connection has ended. Fails the test when
 * nothing comes for long. */
bool session_client_read(struct session_client *client, struct session_text *out);
/* One line; its reply replaces `out`. */
bool session_client_say(struct session_client *client, struct session_text *out, const char *line);
/* What $1 stands for: the bulk string that `reply` is. */
void session_client_keep(struct session_client *client, const struct session_text *reply);

#endif
