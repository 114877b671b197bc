#include "support/session_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <time.h>

#define SOON_MS (100LL * 86400 * 1000)
#define FIELD_NAME_MAX 64 /* bytes: of longer ones the deadline is not asked */

struct part {
    const char *data;
    size_t length;
};

struct parts {
    struct part *items;
    size_t count;
};

/* The bulk strings in a reply, in their order. They lie in the reply. */
static struct parts parts_of(const struct session_text *reply)
{
    struct parts parts = {NULL, 0};
    size_t capacity = 0;
    const char *at = reply->data, *end = reply->data + reply->length;
    while (at < end) {
        const char *line = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        long length = at[0] == '$' ? strtol(at + 1, NULL, 10) : -1;
        if (parts.count == capacity) {
            capacity = capacity * 2 + 16;
            parts.items = realloc(parts.items, capacity * sizeof *parts.items);
            assert_non_null(parts.items);
        }
        if (length >= 0)
            parts.items[parts.count++] = (struct part){line, (size_t)length};
        at = length >= 0 ? line + length + 2 : line;
    }
    return parts;
}

static int compare(const void *left, const void *right)
{
    const struct part *a = left, *b = right;
    size_t length = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->data, b->data, length);
    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* Adds the parts, `width` of them a line, lines in the order of their first part. */
static void add_sorted(struct session_text *out, const struct session_text *reply, size_t width)
{
    struct parts parts = parts_of(reply);
    qsort(parts.items, parts.count / width, sizeof *parts.items * width, compare);
    for (size_t i = 0; i < parts.count; i++) {
        session_text_add(out, parts.items[i].data, parts.items[i].length);
        session_text_add(out, i % width == width - 1 ? "\n" : " ", 1);
    }
    free(parts.items);
}

static void ask(struct session_client *client, struct session_text *reply, const char *command,
                struct part key, const char *behind)
{
    char line[512];
    snprintf(line, sizeof line, "%s '%.*s' %s", command, (int)key.length, key.data, behind);
    if (!session_client_say(client, reply, line))
        fail_msg("closed at %s", line);
    if (reply->data[0] == '-')
        fail_msg("%s: %s", line, reply->data);
}

static void add_answer(struct session_client *client, struct session_text *out, const char *command,
                       struct part key, const char *behind)
{
    struct session_text reply = {0};
    ask(client, &reply, command, key, behind);
    session_text_add(out, reply.data, reply.length);
    session_text_clear(&reply);
}

/* A deadline in milliseconds behind the ':' at `text`. */
static void add_deadline(struct session_text *out, const char *text)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    long long deadline = atoll(text + 1), now_ms = now.tv_sec * 1000LL;
    char line[64];
    bool soon = deadline > 0 && deadline < now_ms + SOON_MS;
    int length = soon ? snprintf(line, sizeof line, "soon\n")
                      : snprintf(line, sizeof line, "%lld\n", deadline);
    session_text_add(out, line, (size_t)length);
}

static void add_hash(struct session_client *client, struct session_text *out, struct part key)
{
    struct session_text reply = {0}, deadline = {0};
    ask(client, &reply, "HGETALL", key, "");
    add_sorted(out, &reply, 2);
    struct parts parts = parts_of(&reply);
    for (size_t i = 0; i < parts.count && parts.count < 32; i += 2) {
        char behind[FIELD_NAME_MAX + 32];
        struct part field = parts.items[i];
        if (field.length > FIELD_NAME_MAX)
            continue;
        snprintf(behind, sizeof behind, "FIELDS 1 '%.*s'", (int)field.length, field.data);
        ask(client, &deadline, "HPEXPIRETIME", key, behind);
        if (strstr(deadline.data, ":-") != NULL)
            continue;
        session_text_add(out, field.data, field.length);
        session_text_add(out, " until ", 7);
        add_deadline(out, strchr(deadline.data, ':'));
    }
    free(parts.items);
    session_text_clear(&reply);
    session_text_clear(&deadline);
}

/* What stands behind this name in a map. */
static void add_field(struct session_text *out, const struct session_text *map, const char *name)
{
    const char *at = strstr(map->data, name);
    assert_non_null(at);
    at = strchr(at, '\n') + 1;
    size_t length = strcspn(at, "\n") + 1;
    if (at[0] == '$')
        length += strcspn(at + length, "\n") + 1;
    session_text_add(out, name, strlen(name));
    session_text_add(out, at, length);
}

static void add_stream(struct session_client *client, struct session_text *out, struct part key)
{
    struct session_text groups = {0}, stream = {0};
    add_answer(client, out, "XRANGE", key, "- +");
    ask(client, &stream, "XINFO STREAM", key, "");
    static const char *const fields[] = {"length", "last-generated-id", "max-deleted-entry-id",
                                         "entries-added"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        add_field(out, &stream, fields[i]);
    ask(client, &groups, "XINFO GROUPS", key, "");
    session_text_add(out, groups.data, groups.length);
    struct parts parts = parts_of(&groups);
    for (size_t i = 0; i + 1 < parts.count; i++) {
        if (parts.items[i].length != 4 || memcmp(parts.items[i].data, "name", 4) != 0)
            continue;
        char name[64];
        snprintf(name, sizeof name, "'%.*s'", (int)parts.items[i + 1].length,
                 parts.items[i + 1].data);
        add_answer(client, out, "XPENDING", key, name);
    }
    free(parts.items);
    session_text_clear(&groups);
    session_text_clear(&stream);
}

static void add_key(struct session_client *client, struct session_text *out, struct part key)
{
    struct session_text reply = {0};
    session_text_add(out, "\nKEY ", 5);
    session_text_add(out, key.data, key.length);
    add_answer(client, out, " TYPE", key, "");
    ask(client, &reply, "PEXPIRETIME", key, "");
    add_deadline(out, reply.data);
    ask(client, &reply, "TYPE", key, "");
    const char *type = reply.data + 1;
    if (strncmp(type, "string", 6) == 0)
        add_answer(client, out, "GET", key, "");
    if (strncmp(type, "list", 4) == 0)
        add_answer(client, out, "LRANGE", key, "0 -1");
    if (strncmp(type, "zset", 4) == 0)
        add_answer(client, out, "ZRANGE", key, "0 -1 WITHSCORES");
    if (strncmp(type, "hash", 4) == 0)
        add_hash(client, out, key);
    if (strncmp(type, "stream", 6) == 0)
        add_stream(client, out, key);
    if (strncmp(type, "set", 3) == 0) {
        ask(client, &reply, "SMEMBERS", key, "");
        add_sorted(out, &reply, 1);
    }
    session_text_clear(&reply);
}

void session_state_read(struct session_client *client, int database, struct session_text *out)
{
    struct session_text reply = {0};
    char number[32];
    int length = snprintf(number, sizeof number, "%d", database);
    ask(client, &reply, "SELECT", (struct part){number, (size_t)length}, "");
    ask(client, &reply, "KEYS", (struct part){"*", 1}, "");
    struct parts keys = parts_of(&reply);
    qsort(keys.items, keys.count, sizeof *keys.items, compare);
    for (size_t i = 0; i < keys.count; i++)
        add_key(client, out, keys.items[i]);
    free(keys.items);
    session_text_clear(&reply);
}
