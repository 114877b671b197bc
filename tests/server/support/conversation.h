/* A client that talks to the server in a test, and replies as text that is easy to compare. It
 * reads RESP itself: Debian's hiredis knows no RESP3.
 *
 *     +OK   -ERR text   :5   $text   nil   [a, b]   {k: v}   ~[a]   ,1.5   #t   =text
 *
 * Push messages (RESP3) are kept aside, see conversation_push. */
#ifndef HOLDFAST_TESTS_CONVERSATION_H
#define HOLDFAST_TESTS_CONVERSATION_H

#include <stddef.h>

#define CONVERSATION_TEXT_MAX 65536

struct conversation {
    int socket;
    char input[CONVERSATION_TEXT_MAX];
    size_t input_start, input_end;
    char pushes[CONVERSATION_TEXT_MAX]; /* ">[...]" one after the other with blanks between */
    char text[CONVERSATION_TEXT_MAX];
};

/* Connects; ends the program if it cannot. */
struct conversation *conversation_begin(int port);
void conversation_end(struct conversation *conversation);

/* Sends one command, words separated by blanks ('' is an empty word, 'a b' one word), and returns
 * the reply as text, valid until the next call. "closed" if the connection has ended. */
const char *conversation_say(struct conversation *conversation, const char *line, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends without reading, and reads without sending. */
void conversation_send(struct conversation *conversation, const char *line, ...)
    __attribute__((format(printf, 2, 3)));
const char *conversation_read(struct conversation *conversation);

/* All pushes that have come since the last call, after waiting up to a second for the first; "" if
 * there was none. */
const char *conversation_pushes(struct conversation *conversation);
/* The same without waiting for more than has come. */
const char *conversation_pushes_now(struct conversation *conversation);

/* Compares; on a difference says command, reply and what was expected. */
#define assert_says(conversation, expected, ...)                                                   \
    assert_string_equal(conversation_say((conversation), __VA_ARGS__), (expected))
#define assert_reads(conversation, expected)                                                       \
    assert_string_equal(conversation_read(conversation), (expected))
#define assert_pushes(conversation, expected)                                                      \
    assert_string_equal(conversation_pushes(conversation), (expected))
#define assert_no_pushes(conversation)                                                             \
    assert_string_equal(conversation_pushes_now(conversation), "")

#endif
