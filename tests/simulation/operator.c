#include "operator.h"

#include <string.h>

#include "client.h"
#include "commands.h"
#include "world.h"

#define SHUTDOWN_ONE_IN 12

static const struct sent nothing = {.effect = EFFECT_NONE};

static void send_line(struct client *client, struct buffer *bytes, const char *line)
{
    if (strcmp(line, "CONFIG SET appendonly no") == 0 || strncmp(line, "SHUTDOWN", 8) == 0)
        client->shared->ends_log = true;
    commands_add(bytes, "%s", line);
    client_send(client, bytes, &(struct sent){.saves = strcmp(line, "SAVE") == 0});
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

void operator_send(struct client *client, struct buffer *bytes)
{
    static const char *const lines[] = {"CONFIG SET appendfsync always",
                                        "CONFIG SET appendfsync everysec",
                                        "CONFIG SET appendfsync always",
                                        "CONFIG SET appendfsync no",
                                        "CONFIG SET appendonly yes",
                                        "CONFIG SET appendonly no",
                                        "CONFIG SET appendonly yes",
                                        "CONFIG SET save 1\\ 1",
                                        "CONFIG SET rdbcompression no",
                                        "CONFIG SET auto-aof-rewrite-percentage 0",
                                        "SAVE",
                                        "SAVE",
                                        "BGSAVE",
                                        "BGREWRITEAOF",
                                        "BGSAVE CANCEL",
                                        "LASTSAVE"};
    if (client->sent_count > 0)
        return;
    if (client->shared->may_shut_down && world_chance(SHUTDOWN_ONE_IN))
        send_shutdown(client, bytes);
    else if (world_chance(8))
        send_transaction(client, bytes);
    else if (world_chance(4))
        send_wait(client, bytes);
    else
        send_line(client, bytes, lines[world_below(sizeof lines / sizeof lines[0])]);
}
