#include "operator.h"

#include <string.h>

#include "client.h"
#include "commands.h"
#include "world.h"

#define SHUTDOWN_ONE_IN 24
#define MEMORY_MIN 400 /* bytes of keys and values */
#define MEMORY_MORE_MAX 4000

static const struct sent nothing = {.effect = EFFECT_NONE};

static void send_line(struct client *client, struct buffer *bytes, const char *line)
{
    struct clients *shared = client->shared;
    if (strcmp(line, "CONFIG SET appendonly no") == 0 || strncmp(line, "SHUTDOWN", 8) == 0)
        shared->ends_log = true;
    if (strncmp(line, "SWAPDB", 6) == 0) {
        shared->swapped = true;
        world_meet(MET_SWAP);
    }
    if (strncmp(line, "CLIENT PAUSE", 12) == 0)
        world_meet(MET_PAUSE);
    commands_add(bytes, "%s", line);
    client_send(client, bytes,
                &(struct sent){.saves = strcmp(line, "SAVE") == 0,
                               .kills = strncmp(line, "CLIENT KILL", 11) == 0});
}

static void send_write(struct client *client, struct buffer *bytes, const struct sent *sent)
{
    commands_add(bytes, "SET s0 %llu", (unsigned long long)client_next_number(client));
    client_send(client, bytes, sent);
}

/* The log begins or ends in a transaction. */
static void send_transaction(struct client *client, struct buffer *bytes)
{
    send_line(client, bytes, "MULTI");
    send_write(client, bytes, &nothing);
    send_line(client, bytes,
              world_chance(2) ? "CONFIG SET appendonly no" : "CONFIG SET appendonly yes");
    send_write(client, bytes, &nothing);
    send_line(client, bytes, "EXEC");
}

/* Is what was written a moment ago kept, whatever happened to the log? */
static void send_wait(struct client *client, struct buffer *bytes)
{
    if (world_chance(2))
        send_line(client, bytes, "CONFIG SET appendonly no");
    send_write(
        client, bytes,
        &(struct sent){.effect = EFFECT_WRITES, .keys = UINT64_C(1) << commands_key_index("s0")});
    if (world_chance(2))
        send_line(client, bytes, "CONFIG SET appendonly yes");
    commands_add(bytes, "WAITAOF 1 0 50");
    client_send(client, bytes, &(struct sent){.waits_for_sync = true});
}

static void send_shutdown(struct client *client, struct buffer *bytes)
{
    static const char *const lines[] = {"SHUTDOWN", "SHUTDOWN NOSAVE", "SHUTDOWN SAVE",
                                        "SHUTDOWN NOW FORCE", "SHUTDOWN SAVE NOW"};
    size_t index = (size_t)world_below(sizeof lines / sizeof lines[0]);
    struct clients *shared = client->shared;
    shared->shutdown_saves = strstr(lines[index], " SAVE") != NULL;
    shared->shutdown_turn = history_turn(shared->history);
    send_line(client, bytes, lines[index]);
}

/* Keys without a deadline stay where clients make claims of them. */
static void send_memory(struct client *client, struct buffer *bytes)
{
    static const char *const policies[] = {"volatile-lru", "volatile-lfu",   "volatile-random",
                                           "volatile-ttl", "allkeys-random", "allkeys-lru",
                                           "allkeys-lfu",  "noeviction"};
    size_t count = sizeof policies / sizeof policies[0];
    if (world_chance(4))
        commands_add(bytes, "CONFIG SET maxmemory 0");
    else
        commands_add(bytes, "CONFIG SET maxmemory %d maxmemory-policy %s",
                     MEMORY_MIN + (int)world_below(MEMORY_MORE_MAX),
                     policies[world_below(client->shared->claims->holds ? 4 : count)]);
    client_send(client, bytes, &nothing);
}

/* What breaks no claim. */
static void send_harmless(struct client *client, struct buffer *bytes)
{
    static const char *const lines[] = {"CLIENT PAUSE 30 WRITE",
                                        "CLIENT PAUSE 10 ALL",
                                        "CLIENT UNPAUSE",
                                        "CLIENT KILL TYPE normal SKIPME yes",
                                        "CLIENT KILL TYPE pubsub",
                                        "CLIENT NO-EVICT ON",
                                        "SAVE",
                                        "BGSAVE",
                                        "BGREWRITEAOF",
                                        "BGSAVE CANCEL",
                                        "CONFIG SET rdbcompression no",
                                        "CONFIG SET auto-aof-rewrite-percentage 0"};
    send_line(client, bytes, lines[world_below(sizeof lines / sizeof lines[0])]);
}

/* One word of two numbers. */
static void send_save_point(struct client *client, struct buffer *bytes)
{
    buffer_add_string(bytes, "*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$4\r\nsave\r\n");
    buffer_add_string(bytes, world_chance(3) ? "$0\r\n\r\n" : "$3\r\n1 1\r\n");
    client_send(client, bytes, &nothing);
}

static void send_switch(struct client *client, struct buffer *bytes)
{
    static const char *const lines[] = {"CONFIG SET appendfsync always",
                                        "CONFIG SET appendfsync everysec",
                                        "CONFIG SET appendfsync always",
                                        "CONFIG SET appendfsync no",
                                        "CONFIG SET appendonly yes",
                                        "CONFIG SET appendonly no",
                                        "CONFIG SET appendonly yes",
                                        "CONFIG SET appendonly no",
                                        "CONFIG SET appendonly yes",
                                        "SAVE",
                                        "SWAPDB 0 1",
                                        "FLUSHALL ASYNC",
                                        "FLUSHALL SYNC",
                                        "SAVE"};
    if (world_chance(12))
        send_transaction(client, bytes);
    else if (world_chance(4))
        send_wait(client, bytes);
    else if (world_chance(8))
        send_save_point(client, bytes);
    else
        send_line(client, bytes, lines[world_below(sizeof lines / sizeof lines[0])]);
}

void operator_send(struct client *client, struct buffer *bytes)
{
    const struct clients *shared = client->shared;
    if (client->sent_count > 0)
        return;
    if (shared->may_shut_down && world_chance(SHUTDOWN_ONE_IN))
        send_shutdown(client, bytes);
    else if (shared->evicts && world_chance(shared->switches ? 6 : 2))
        send_memory(client, bytes);
    else if (shared->switches && !world_chance(6))
        send_switch(client, bytes);
    else
        send_harmless(client, bytes);
}
