#include "support/conversation.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define WORDS_MAX 256
#define LINE_MAX_BYTES 16384
#define READ_SECONDS 5
#define PUSH_WAIT_MS 1000
#define PUSH_NOW_MS 60

static void add(char *text, const char *piece)
{
    size_t used = strlen(text), more = strlen(piece);
    if (used + more < CONVERSATION_TEXT_MAX)
        memcpy(text + used, piece, more + 1);
}

static void render(char *text, const redisReply *reply);

static void render_elements(char *text, const char *open, const redisReply *reply, const char *close)
{
    add(text, open);
    for (size_t i = 0; i < reply->elements; i++) {
        if (i > 0)
            add(text, reply->type == REDIS_REPLY_MAP && i % 2 == 1 ? ": " : ", ");
        render(text, reply->element[i]);
    }
    add(text, close);
}

static void render(char *text, const redisReply *reply)
{
    char number[32];
    switch (reply->type) {
    case REDIS_REPLY_STATUS:
        add(text, "+");
        add(text, reply->str);
        break;
    case REDIS_REPLY_ERROR:
        add(text, "-");
        add(text, reply->str);
        break;
    case REDIS_REPLY_INTEGER:
        snprintf(number, sizeof number, ":%lld", reply->integer);
        add(text, number);
        break;
    case REDIS_REPLY_NIL:
        add(text, "nil");
        break;
    case REDIS_REPLY_ARRAY:
        render_elements(text, "[", reply, "]");
        break;
    case REDIS_REPLY_MAP:
        render_elements(text, "{", reply, "}");
        break;
    case REDIS_REPLY_SET:
        render_elements(text, "~[", reply, "]");
        break;
    case REDIS_REPLY_PUSH:
        render_elements(text, ">[", reply, "]");
        break;
    case REDIS_REPLY_DOUBLE:
        add(text, ",");
        add(text, reply->str);
        break;
    case REDIS_REPLY_BOOL:
        add(text, reply->integer ? "#t" : "#f");
        break;
    case REDIS_REPLY_VERB:
        add(text, "=");
        add(text, reply->str);
        break;
    default:
        add(text, "$");
        add(text, reply->str);
    }
}

static void push_came(void *context, void *reply)
{
    struct conversation *conversation = context;
    if (conversation->pushes[0] != '\0')
        add(conversation->pushes, " ");
    render(conversation->pushes, reply);
    freeReplyObject(reply);
}

struct conversation *conversation_begin(int port)
{
    struct conversation *conversation = calloc(1, sizeof *conversation);
    conversation->context = redisConnect("127.0.0.1", port);
    if (conversation->context == NULL || conversation->context->err != 0) {
        fprintf(stderr, "could not connect to port %d\n", port);
        exit(1);
    }
    redisSetTimeout(conversation->context, (struct timeval){READ_SECONDS, 0});
    conversation->context->privdata = conversation;
    redisSetPushCallback(conversation->context, push_came);
    return conversation;
}

void conversation_end(struct conversation *conversation)
{
    redisFree(conversation->context);
    free(conversation);
}

/* Cuts a line into words in place. */
static int split(char *line, const char **words)
{
    int count = 0;
    for (char *at = line; *at != '\0' && count < WORDS_MAX;) {
        while (*at == ' ')
            at++;
        if (*at == '\0')
            break;
        char end = ' ';
        if (*at == '\'') {
            end = '\'';
            at++;
        }
        words[count++] = at;
        while (*at != '\0' && *at != end)
            at++;
        if (*at != '\0')
            *at++ = '\0';
    }
    return count;
}

static void send_line(struct conversation *conversation, const char *line, va_list arguments)
{
    char text[LINE_MAX_BYTES];
    vsnprintf(text, sizeof text, line, arguments);
    const char *words[WORDS_MAX];
    int count = split(text, words);
    redisAppendCommandArgv(conversation->context, count, words, NULL);
    int done = 0;
    while (!done && redisBufferWrite(conversation->context, &done) == REDIS_OK)
        ;
}

void conversation_send(struct conversation *conversation, const char *line, ...)
{
    va_list arguments;
    va_start(arguments, line);
    send_line(conversation, line, arguments);
    va_end(arguments);
}

const char *conversation_read(struct conversation *conversation)
{
    void *reply = NULL;
    conversation->text[0] = '\0';
    if (redisGetReply(conversation->context, &reply) != REDIS_OK || reply == NULL)
        return conversation->context->err == REDIS_ERR_EOF ? "closed"
                                                           : conversation->context->errstr;
    render(conversation->text, reply);
    freeReplyObject(reply);
    return conversation->text;
}

const char *conversation_say(struct conversation *conversation, const char *line, ...)
{
    va_list arguments;
    va_start(arguments, line);
    send_line(conversation, line, arguments);
    va_end(arguments);
    return conversation_read(conversation);
}

/* Reads what has come; everything that is a push goes to `pushes`, and anything else too: there should be none. */
static const char *read_pushes(struct conversation *conversation, int wait_ms)
{
    redisContext *context = conversation->context;
    struct pollfd poll_for = {.fd = context->fd, .events = POLLIN};
    int wait = conversation->pushes[0] != '\0' ? PUSH_NOW_MS : wait_ms;
    while (poll(&poll_for, 1, wait) == 1) {
        if (redisBufferRead(context) != REDIS_OK)
            break;
        void *reply = NULL;
        while (redisGetReplyFromReader(context, &reply) == REDIS_OK && reply != NULL)
            push_came(conversation, reply);
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
