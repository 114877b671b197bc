#include "support/conversation.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORDS_MAX 256
#define LINE_BYTES_MAX 16384
#define READ_MS 5000
#define PUSH_WAIT_MS 1000
#define PUSH_NOW_MS 60

struct conversation *conversation_begin(int port)
{
    struct conversation *conversation = calloc(1, sizeof *conversation);
    conversation->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(conversation->socket, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("connect");
        exit(1);
    }
    return conversation;
}

void conversation_end(struct conversation *conversation)
{
    close(conversation->socket);
    free(conversation);
}

/* --- sending --- */

/* Cuts a line into words in place. */
static int split(char *line, const char **words)
{
    int count = 0;
    for (char *at = line; count < WORDS_MAX;) {
        at += strspn(at, " ");
        if (*at == '\0')
            break;
        char end = *at == '\'' ? *at++ : ' ';
        words[count++] = at;
        while (*at != '\0' && *at != end)
            at++;
        if (*at != '\0')
            *at++ = '\0';
    }
    return count;
}

static void send_all(int socket, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(socket, data, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data += sent;
        length -= (size_t)sent;
    }
}

static void send_line(struct conversation *conversation, const char *line, va_list arguments)
{
    char text[LINE_BYTES_MAX], wire[LINE_BYTES_MAX * 2];
    vsnprintf(text, sizeof text, line, arguments);
    const char *words[WORDS_MAX];
    int count = split(text, words);
    size_t length = (size_t)snprintf(wire, sizeof wire, "*%d\r\n", count);
    for (int i = 0; i < count; i++)
        length += (size_t)snprintf(wire + length, sizeof wire - length, "$%zu\r\n%s\r\n",
                                   strlen(words[i]), words[i]);
    send_all(conversation->socket, wire, length);
}

void conversation_send(struct conversation *conversation, const char *line, ...)
{
    va_list arguments;
    va_start(arguments, line);
    send_line(conversation, line, arguments);
    va_end(arguments);
}

/* --- reading --- */

/* Reads more from the socket; false at its end or after `wait_ms` of silence. */
static bool fill(struct conversation *conversation, int wait_ms)
{
    struct pollfd poll_for = {.fd = conversation->socket, .events = POLLIN};
    if (poll(&poll_for, 1, wait_ms) != 1)
        return false;
    if (conversation->input_start > 0) {
        memmove(conversation->input, conversation->input + conversation->input_start,
                conversation->input_end - conversation->input_start);
        conversation->input_end -= conversation->input_start;
        conversation->input_start = 0;
    }
    ssize_t got = recv(conversation->socket, conversation->input + conversation->input_end,
                       sizeof conversation->input - conversation->input_end, 0);
    if (got <= 0)
        return false;
    conversation->input_end += (size_t)got;
    return true;
}

/* `length` bytes of input, or a line of any length if it is 0. NULL: the connection has ended. */
static const char *take(struct conversation *conversation, size_t *length)
{
    for (;;) {
        const char *start = conversation->input + conversation->input_start;
        size_t there = conversation->input_end - conversation->input_start;
        const char *newline = *length == 0 ? memchr(start, '\n', there) : NULL;
        if (newline != NULL)
            *length = (size_t)(newline - start) + 1;
        if (*length > 0 && there >= *length) {
            conversation->input_start += *length;
            return start;
        }
        if (!fill(conversation, READ_MS))
            return NULL;
    }
}

static void add(char *text, const char *piece, size_t length)
{
    size_t used = strlen(text);
    if (used + length >= CONVERSATION_TEXT_MAX)
        return;
    memcpy(text + used, piece, length);
    text[used + length] = '\0';
}

static bool render(struct conversation *conversation, char *text);

static bool render_elements(struct conversation *conversation, char *text, const char *brackets,
                            long count)
{
    bool is_map = brackets[0] == '{';
    add(text, brackets, 1);
    for (long i = 0; i < count; i++) {
        if (i > 0)
            add(text, is_map && i % 2 == 1 ? ": " : ", ", 2);
        if (!render(conversation, text))
            return false;
    }
    add(text, brackets + 1, 1);
    return true;
}

static bool render_bulk(struct conversation *conversation, char *text, char type, long length)
{
    size_t bytes = (size_t)length + 2;
    const char *data = take(conversation, &bytes);
    if (data == NULL)
        return false;
    add(text, &type, 1);
    if (type == '=')
        add(text, data + 4, (size_t)length - 4); /* without "txt:" */
    else
        add(text, data, (size_t)length);
    return true;
}

/* One reply as text behind what is there; false: the connection has ended in it. */
static bool render(struct conversation *conversation, char *text)
{
    size_t line_length = 0;
    const char *line = take(conversation, &line_length);
    if (line == NULL)
        return false;
    char type = line[0];
    long count = strtol(line + 1, NULL, 10);
    if (type == '_' || (strchr("$*", type) != NULL && count < 0)) {
        add(text, "nil", 3);
        return true;
    }
    switch (type) {
    case '$':
    case '=':
        return render_bulk(conversation, text, type, count);
    case '*':
        return render_elements(conversation, text, "[]", count);
    case '%':
        return render_elements(conversation, text, "{}", 2 * count);
    case '~':
    case '>':
        add(text, &type, 1);
        return render_elements(conversation, text, "[]", count);
    default:
        add(text, line, line_length - 2);
        return true;
    }
}

/* Renders what comes next: a push goes to `pushes`, true; anything else to `text`, false. */
static bool next_is_push(struct conversation *conversation, bool *alive)
{
    size_t one = 1;
    const char *first = take(conversation, &one);
    *alive = first != NULL;
    if (!*alive)
        return false;
    bool push = *first == '>';
    conversation->input_start--;
    char *text = push ? conversation->pushes : conversation->text;
    if (push && text[0] != '\0')
        add(text, " ", 1);
    *alive = render(conversation, text);
    return push;
}

const char *conversation_read(struct conversation *conversation)
{
    bool alive;
    conversation->text[0] = '\0';
    while (next_is_push(conversation, &alive) && alive)
        ;
    return alive ? conversation->text : "closed";
}

const char *conversation_say(struct conversation *conversation, const char *line, ...)
{
    va_list arguments;
    va_start(arguments, line);
    send_line(conversation, line, arguments);
    va_end(arguments);
    return conversation_read(conversation);
}

static const char *read_pushes(struct conversation *conversation, int wait_ms)
{
    bool alive = true;
    int wait = conversation->pushes[0] != '\0' ? PUSH_NOW_MS : wait_ms;
    conversation->text[0] = '\0';
    while (alive &&
           (conversation->input_start < conversation->input_end || fill(conversation, wait))) {
        if (!next_is_push(conversation, &alive))
            return alive ? conversation->text : "closed"; /* something that is no push */
        wait = PUSH_NOW_MS;
    }
    memcpy(conversation->text, conversation->pushes, sizeof conversation->text);
    conversation->pushes[0] = '\0';
    return conversation->text;
}

const char *conversation_pushes(struct conversation *conversation)
{
    return read_pushes(conversation, PUSH_WAIT_MS);
}

const char *conversation_pushes_now(struct conversation *conversation)
{
    return read_pushes(conversation, PUSH_NOW_MS);
}
