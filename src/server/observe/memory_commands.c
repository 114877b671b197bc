/* MEMORY: what keys, clients and the allocator hold. */
#include <stdio.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "commands/command.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "net/network.h"
#include "server/command_tables.h"
#include "server/housekeeping.h"
#include "server/server.h"
#include "server/session/client.h"
#include "system/process.h"

#define USAGE_SAMPLES_DEFAULT 5 /* elements, as in Redis */

static void command_usage(struct command_context *context)
{
    int64_t samples = USAGE_SAMPLES_DEFAULT;
    if (context->count != 3) {
        if (context->count != 5 || !slice_is_word(context->arguments[3], "samples")) {
            command_reply_syntax_error(context);
            return;
        }
        if (!command_integer(context, 4, &samples))
            return;
        if (samples < 0) {
            command_reply_syntax_error(context);
            return;
        }
    }
    struct key key = {context->arguments[2],
                      keyspace_hash(context->keyspace, context->arguments[2])};
    struct entry *entry = database_find(context->database, &key);
    if (entry == NULL) {
        resp_writer_null(context->reply);
        return;
    }
    /* Its share of the table: a tag and a reference, by how full the table is. */
    size_t share = database_table_memory(context->database) / database_size(context->database);
    resp_writer_integer(context->reply, (int64_t)(entry_memory(entry, (size_t)samples) + share));
}

static void reply_count(struct resp_writer *reply, const char *name, size_t value)
{
    resp_writer_bulk_string(reply, name);
    resp_writer_integer(reply, (int64_t)value);
}

static void reply_ratio(struct resp_writer *reply, const char *name, size_t value, size_t of)
{
    resp_writer_bulk_string(reply, name);
    resp_writer_double(reply, of > 0 ? (double)value / (double)of : 0);
}

static void reply_difference(struct resp_writer *reply, const char *name, size_t value, size_t of)
{
    resp_writer_bulk_string(reply, name);
    resp_writer_integer(reply, (int64_t)value - (int64_t)of);
}

/* name.ratio and name.bytes */
static void reply_excess(struct resp_writer *reply, const char *name, size_t value, size_t of)
{
    char text[64];
    snprintf(text, sizeof text, "%s.ratio", name);
    reply_ratio(reply, text, value, of);
    snprintf(text, sizeof text, "%s.bytes", name);
    reply_difference(reply, text, value, of);
}

static size_t count_databases_in_use(struct keyspace *keyspace)
{
    size_t count = 0;
    for (int i = 0; i < keyspace_database_count(keyspace); i++)
        count += database_size(keyspace_database(keyspace, i)) > 0;
    return count;
}

static void reply_databases(struct resp_writer *reply, struct keyspace *keyspace)
{
    for (int i = 0; i < keyspace_database_count(keyspace); i++) {
        struct database *database = keyspace_database(keyspace, i);
        if (database_size(database) == 0)
            continue;
        char name[32];
        snprintf(name, sizeof name, "db.%d", i);
        resp_writer_bulk_string(reply, name);
        resp_writer_map(reply, 2);
        reply_count(reply, "overhead.hashtable.main", database_table_memory(database));
        reply_count(reply, "overhead.hashtable.expires", database_expiry_memory(database));
    }
}

static void command_stats(struct command_context *context)
{
    struct server *server = client_of(context)->server;
    struct housekeeping_statistics *statistics = housekeeping_statistics(server->housekeeping);
    struct memory_statistics memory;
    struct network_statistics network;
    size_t resident = process_resident_memory();
    memory_read_statistics(&memory);
    network_read_statistics(server->network, &network);
    size_t keys = keyspace_size(server->keyspace), tables = 0;
    for (int i = 0; i < keyspace_database_count(server->keyspace); i++) {
        struct database *database = keyspace_database(server->keyspace, i);
        tables += database_table_memory(database) + database_expiry_memory(database);
    }
    size_t overhead =
        statistics->memory_used_startup + tables + network.input_memory + network.output_memory;
    size_t dataset = memory.used > overhead ? memory.used - overhead : 0;
    size_t peak =
        statistics->memory_used_peak > memory.used ? statistics->memory_used_peak : memory.used;
    struct resp_writer *reply = context->reply;
    resp_writer_map(reply, 27 + count_databases_in_use(server->keyspace));
    reply_count(reply, "peak.allocated", peak);
    reply_count(reply, "total.allocated", memory.used);
    reply_count(reply, "startup.allocated", statistics->memory_used_startup);
    reply_count(reply, "replication.backlog", 0);
    reply_count(reply, "clients.slaves", 0);
    reply_count(reply, "clients.normal", network.input_memory + network.output_memory);
    reply_count(reply, "cluster.links", 0);
    reply_count(reply, "aof.buffer", 0);
    reply_count(reply, "lua.caches", 0);
    reply_count(reply, "functions.caches", 0);
    reply_databases(reply, server->keyspace);
    reply_count(reply, "overhead.total", overhead);
    reply_count(reply, "keys.count", keys);
    reply_count(reply, "keys.bytes-per-key",
                keys > 0 && memory.used > statistics->memory_used_startup
                    ? (memory.used - statistics->memory_used_startup) / keys
                    : 0);
    reply_count(reply, "dataset.bytes", dataset);
    reply_ratio(reply, "dataset.percentage", dataset * 100, memory.used);
    reply_ratio(reply, "peak.percentage", memory.used * 100, peak);
    reply_count(reply, "allocator.allocated", memory.used);
    reply_count(reply, "allocator.active", memory.active);
    reply_count(reply, "allocator.resident", memory.resident);
    reply_excess(reply, "allocator-fragmentation", memory.active, memory.used);
    reply_excess(reply, "allocator-rss", memory.resident, memory.active);
    reply_excess(reply, "rss-overhead", resident, memory.resident);
    reply_ratio(reply, "fragmentation", resident, memory.used);
    reply_difference(reply, "fragmentation.bytes", resident, memory.used);
}

static void command_doctor(struct command_context *context)
{
    struct memory_statistics memory;
    memory_read_statistics(&memory);
    size_t resident = process_resident_memory();
    struct buffer text = {0};
    buffer_add_format(&text,
                      "Blocks in use hold %zu bytes, in pages of %zu bytes; the process has %zu "
                      "bytes resident.\n",
                      memory.used, memory.active, resident);
    if (memory.active > memory.used + memory.used / 2 && memory.used > (size_t)64 << 20)
        buffer_add_string(&text, "More than a third of those pages is free room between blocks: "
                                 "fragmentation, as after many deletes.\n");
    if (resident > memory.active + memory.active / 2 && resident > (size_t)64 << 20)
        buffer_add_string(&text, "Free pages have not gone back to the system yet; MEMORY PURGE "
                                 "gives them back now.\n");
    resp_writer_verbatim(context->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
}

static void command_purge(struct command_context *context)
{
    memory_purge();
    resp_writer_ok(context->reply);
}

static void add_text(void *context, const char *text)
{
    buffer_add_string(context, text);
}

static void command_malloc_stats(struct command_context *context)
{
    struct buffer text = {0};
    memory_report(add_text, &text);
    resp_writer_verbatim(context->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
}

static void command_help(struct command_context *context)
{
    static const char *const lines[] = {
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
        NULL,
    };
    command_reply_help(context, "MEMORY", lines);
}

#define ALL_SHARDS "nondeterministic_output request_policy:all_shards response_policy:special"

#define ROW(name_, run_, arity_, flags_, since_, tips_, summary_)                                  \
    {                                                                                              \
        .name = (name_), .run = (run_), .arity = (arity_), .flags = (flags_), .keys = KEYS_NONE,   \
        .group = "server", .since = (since_), .syntax = "", .summary = (summary_),                 \
        .tips = (tips_),                                                                           \
    }

static const struct command subcommands[] = {
    ROW("DOCTOR", command_doctor, 2, 0, "4.0.0", ALL_SHARDS, "Judges how memory is used."),
    ROW("HELP", command_help, 2, COMMAND_LOADING | COMMAND_STALE, "4.0.0", NULL,
        "Lists the subcommands."),
    ROW("MALLOC-STATS", command_malloc_stats, 2, 0, "4.0.0", ALL_SHARDS,
        "Shows the allocator's report."),
    ROW("PURGE", command_purge, 2, 0, "4.0.0",
        "request_policy:all_shards response_policy:all_succeeded",
        "Gives free pages back to the system."),
    ROW("STATS", command_stats, 2, 0, "4.0.0", ALL_SHARDS, "Shows what memory is used for."),
    {
        .name = "USAGE",
        .run = command_usage,
        .arity = -3,
        .flags = COMMAND_READS,
        .keys = KEYS_SUB(KEY_RO),
        .group = "server",
        .since = "4.0.0",
        .syntax = "key [SAMPLES count]",
        .summary = "Says how many bytes a key and its value hold.",
        .complexity = "O(1)",
    },
    {.name = NULL},
};

const struct command memory_commands[] = {
    {
        .name = "MEMORY",
        .arity = -2,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "4.0.0",
        .syntax = "",
        .summary = "Tells of memory.",
        .subcommands = subcommands,
    },
    {.name = NULL},
};
