#include "support/session_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/wire.h"

#define WAIT_MS 60000
#define READ_SIZE 65536 /* bytes */

/* --- texts --- */

void session_text_add(struct session_text *text, const void *data, size_t length)
{
    if (text->length + length + 1 > text->capacity) {
        text->capacity = (text->length + length + 1) * 2;
        text->data = realloc(text->data, text->capacity);
        assert_non_null(text->data);
    }
    if (length > 0)
        memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void session_text_clear(struct session_text *text)
{
    free(text->data);
    *text = (struct session_text){0};
}

bool session_text_equals(const struct session_text *a, const struct session_text *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* --- the connection --- */

struct session_client *session_client_begin(int port)
{
    struct session_client *client = calloc(1, sizeof *client);
    assert_non_null(client);
    client->socket = wire_connect(port);
    /* It ends at once: thousands of these shall not use up the ports of the machine. */
    struct linger at_once = {.l_onoff = 1};
    setsockopt(client->socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return client;
}

void session_client_end(struct session_client *client)
{
    close(client->socket);
    session_text_clear(&client->input);
    session_text_clear(&client->kept);
    free(client);
}

/* --- sending --- */

struct words {
    struct session_text bytes;
    size_t count;
};

static void add_word(struct words *words, const char *data, size_t length)
{
    char head[32];
    size_t head_length = (size_t)snprintf(head, sizeof head, "$%zu\r\n", length);
    session_text_add(&words->bytes, head, head_length);
    session_text_add(&words->bytes, data, length);
    session_text_add(&words->bytes, "\r\n", 2);
    words->count++;
}

static void add_named(struct words *words, const char *name, long number)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%s%ld", name, number);
    add_word(words, text, (size_t)length);
}

static void add_repeated(struct words *words, char c, long count)
{
    char *text = malloc((size_t)count + 1);
    assert_non_null(text);
    memset(text, c, (size_t)count);
    add_word(words, text, (size_t)count);
    free(text);
}

/* A word that stands for others. False: it does not. */
static bool expand(struct words *words, const char *word, const struct session_text *kept)
{
    char *rest;
    if (word[0] == '\0' || strchr("#%+&@$", word[0]) == NULL || word[1] < '0' || word[1] > '9')
        return false;
    long count = strtol(word + 1, &rest, 10);
    const char *name = *rest == ':' ? rest + 1 : rest;
    if (word[0] == '$')
        add_word(words, kept->data, kept->length);
    if (word[0] == '#')
        add_repeated(words, name[0], count);
    for (long i = 0; i < count && strchr("#$", word[0]) == NULL; i++) {
        if (word[0] == '+' || word[0] == '@')
            add_named(words, "", word[0] == '+' ? i + 1 : i);
        if (word[0] != '+')
            add_named(words, name, i);
        if (word[0] == '&')
            add_named(words, "v", i);
    }
    return true;
}

static void send_line(struct session_client *client, const char *line, size_t length,
                      struct session_text *out)
{
    char *copy = strndup(line, length), head[32];
    struct words words = {.count = 0};
    for (char *at = copy + strspn(copy, " "); *at != '\0'; at += strspn(at, " ")) {
        char end = *at == '\'' ? *at++ : ' ';
        size_t size = strcspn(at, (char[]){end, '\0'});
        char *behind = at + size + (at[size] != '\0');
        at[size] = '\0';
        if (end == '\'' || !expand(&words, at, &client->kept))
            add_word(&words, at, size);
        at = behind;
    }
    session_text_add(out, head, (size_t)snprintf(head, sizeof head, "*%zu\r\n", words.count));
    session_text_add(out, words.bytes.data, words.bytes.length);
    session_text_clear(&words.bytes);
    free(copy);
}

size_t session_client_send(struct session_client *client, const char *lines)
{
    struct session_text out = {0};
    size_t count = 0;
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        send_line(client, lines, length, &out);
        lines += length + (lines[length] != '\0');
        count++;
    }
    wire_send(client->socket, out.data, out.length);
    session_text_clear(&out);
    return count;
}

/* --- reading --- */

static bool fill(struct session_client *client)
{
    struct pollfd poll_for = {.fd = client->socket, .events = POLLIN};
    if (poll(&poll_for, 1, WAIT_MS) != 1)
        fail_msg("no reply");
    char bytes[READ_SIZE];
    ssize_t got = recv(client->socket, bytes, sizeof bytes, 0);
    if (got <= 0)
        return false;
    session_text_add(&client->input, bytes, (size_t)got);
    return true;
}

/* The end of the bytes from `from` on, `length` of them or (0) a line. 0: the connection has ended.
 */
static size_t await(struct session_client *client, size_t from, size_t length)
{
    for (;;) {
        struct session_text *input = &client->input;
        if (length > 0 && input->length >= from + length)
            return from + length;
        const char *end = length == 0 && input->length > from
                              ? memchr(input->data + from, '\n', input->length - from)
                              : NULL;
        if (end != NULL)
            return (size_t)(end - input->data) + 1;
        if (!fill(client))
            return 0;
    }
}

/* The end of the reply at `at`. 0: the connection has ended. */
static size_t await_reply(struct session_client *client, size_t at)
{
    size_t end = await(client, at, 0);
    if (end == 0)
        return 0;
    char type = client->input.data[at];
    long count = strtol(client->input.data + at + 1, NULL, 10);
    if (strchr("+-:_#,(", type) != NULL || count < 0)
        return end;
    if (strchr("$=!", type) != NULL)
        return await(client, end, (size_t)count + 2);
    if (strchr("*~>%|", type) == NULL)
        fail_msg("not RESP: %.80s", client->input.data + at);
    for (long i = type == '%' || type == '|' ? 2 * count : count; end > 0 && i > 0; i--)
        end = await_reply(client, end);
    return end;
}

bool session_client_read(struct session_client *client, struct session_text *out)
{
    size_t end = await_reply(client, client->at);
    if (end == 0)
        return false;
    session_text_add(out, client->input.data + client->at, end - client->at);
    client->at = end;
    if (client->at == client->input.length) {
        client->at = 0;
        session_text_clear(&client->input);
    }
    return true;
}

bool session_client_say(struct session_client *client, struct session_text *out, const char *line)
{
    session_text_clear(out);
    (void)session_client_send(client, line);
    return session_client_read(client, out);
}

void session_client_keep(struct session_client *client, const struct session_text *reply)
{
    assert_true(reply->length > 0 && reply->data[0] == '$');
    const char *begin = strchr(reply->data, '\n') + 1;
    session_text_clear(&client->kept);
    session_text_add(&client->kept, begin, reply->length - 2 - (size_t)(begin - reply->data));
}
