#include "server/observe/info.h"

#include <inttypes.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "net/network.h"
#include "server/command_tables.h"
#include "server/dispatch.h"
#include "server/housekeeping.h"
#include "server/memory_limit.h"
#include "server/observe/histogram.h"
#include "server/persistence/persistence.h"
#include "server/pubsub/pubsub.h"
#include "server/pubsub/tracking.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/session/sessions.h"
#include "server/settings.h"
#include "system/clock.h"
#include "system/event_loop.h"
#include "system/process.h"

#define TEXT_MAX 1024 /* bytes of a name the system tells */

static void line(struct buffer *out, const char *field, const char *value)
{
    buffer_add_format(out, "%s:%s\r\n", field, value);
}

static void number(struct buffer *out, const char *field, uint64_t value)
{
    buffer_add_format(out, "%s:%" PRIu64 "\r\n", field, value);
}

static void decimal(struct buffer *out, const char *field, double value)
{
    buffer_add_format(out, "%s:%.2f\r\n", field, value);
}

/* A number of bytes, and again for people: "1.50M". */
static void bytes(struct buffer *out, const char *field, uint64_t value)
{
    static const char units[] = "BKMGTPE";
    size_t unit = 0;
    double scaled = (double)value;
    for (; scaled >= 1024 && unit < sizeof units - 2; unit++)
        scaled /= 1024;
    number(out, field, value);
    if (unit == 0)
        buffer_add_format(out, "%s_human:%" PRIu64 "B\r\n", field, value);
    else
        buffer_add_format(out, "%s_human:%.2f%c\r\n", field, scaled, units[unit]);
}

/* How many times more one is than the other, and by how many bytes. */
static void ratio(struct buffer *out, const char *field, size_t value, size_t of)
{
    buffer_add_format(out, "%s_ratio:%.2f\r\n", field, of > 0 ? (double)value / (double)of : 0.0);
    buffer_add_format(out, "%s_bytes:%" PRId64 "\r\n", field, (int64_t)value - (int64_t)of);
}

static void write_server(struct server *server, struct buffer *out)
{
    const struct settings *settings = server->settings;
    char system_name[TEXT_MAX];
    process_system_name(system_name, sizeof system_name);
    int64_t now_us = clock_now_us(server->clock);
    int64_t up_s =
        (now_us / 1000 - housekeeping_statistics(server->housekeeping)->started_ms) / 1000;
    line(out, "redis_version", SERVER_REDIS_VERSION);
    line(out, "server_name", SERVER_NAME);
    line(out, "holdfast_version", SERVER_VERSION);
    line(out, "redis_git_sha1", "00000000");
    line(out, "redis_git_dirty", "0");
    line(out, "redis_mode", "standalone");
    line(out, "os", system_name);
    number(out, "arch_bits", sizeof(void *) * 8);
    line(out, "monotonic_clock", "POSIX clock_gettime");
    line(out, "multiplexing_api", event_loop_backend_name(server->loop));
    line(out, "gcc_version", __VERSION__);
    number(out, "process_id", (uint64_t)process_id());
    line(out, "process_supervised", process_is_supervised() ? "systemd" : "no");
    line(out, "run_id", settings->lifecycle.run_id);
    number(out, "tcp_port", (uint64_t)network_port(server->network));
    number(out, "server_time_usec", (uint64_t)now_us);
    number(out, "uptime_in_seconds", (uint64_t)up_s);
    number(out, "uptime_in_days", (uint64_t)up_s / 86400);
    number(out, "hz", (uint64_t)settings->housekeeping.hz);
    number(out, "configured_hz", (uint64_t)settings->housekeeping.hz);
    number(out, "lru_clock", (uint64_t)(now_us / 1000000) & 0xffffff);
    line(out, "executable", settings->lifecycle.executable);
    line(out, "config_file", settings->lifecycle.config_file);
    line(out, "io_threads_active", "0");
}

static void write_clients(struct server *server, struct buffer *out)
{
    const struct session_statistics *sessions = sessions_statistics(server->sessions);
    struct network_statistics network;
    network_read_statistics(server->network, &network);
    number(out, "connected_clients", sessions_count(server->sessions));
    number(out, "cluster_connections", 0);
    number(out, "maxclients", server->settings->admission.clients_max);
    number(out, "client_recent_max_input_buffer", network.query_buffer_peak);
    number(out, "client_recent_max_output_buffer", network.output_memory);
    number(out, "blocked_clients", sessions->blocked);
    number(out, "tracking_clients", sessions->tracking_clients);
    number(out, "pubsub_clients", sessions->pubsub_clients);
    number(out, "watching_clients", sessions->watching_clients);
    number(out, "clients_in_timeout_table", sessions->blocked);
    number(out, "total_watched_keys", sessions->watched_keys);
}

static size_t table_memory_of_all(struct server *server)
{
    size_t memory = 0;
    for (int i = 0; i < keyspace_database_count(server->keyspace); i++) {
        struct database *database = keyspace_database(server->keyspace, i);
        memory += database_table_memory(database) + database_expiry_memory(database);
    }
    return memory;
}

static void write_memory(struct server *server, struct buffer *out)
{
    const struct housekeeping_statistics *statistics =
        housekeeping_statistics(server->housekeeping);
    struct memory_statistics memory;
    struct network_statistics network;
    memory_read_statistics(&memory);
    network_read_statistics(server->network, &network);
    size_t resident = process_resident_memory();
    size_t peak =
        statistics->memory_used_peak > memory.used ? statistics->memory_used_peak : memory.used;
    size_t overhead = statistics->memory_used_startup + table_memory_of_all(server);
    size_t dataset = memory.used > overhead ? memory.used - overhead : 0;
    const struct memory_limit_settings *limit = &server->settings->memory;
    bytes(out, "used_memory", memory.used);
    bytes(out, "used_memory_rss", resident);
    bytes(out, "used_memory_peak", peak);
    buffer_add_format(out, "used_memory_peak_perc:%.2f%%\r\n",
                      peak > 0 ? (double)memory.used * 100 / (double)peak : 0.0);
    number(out, "used_memory_overhead", overhead);
    number(out, "used_memory_startup", statistics->memory_used_startup);
    number(out, "used_memory_dataset", dataset);
    buffer_add_format(out, "used_memory_dataset_perc:%.2f%%\r\n",
                      memory.used > 0 ? (double)dataset * 100 / (double)memory.used : 0.0);
    number(out, "allocator_allocated", memory.used);
    number(out, "allocator_active", memory.active);
    number(out, "allocator_resident", memory.resident);
    bytes(out, "total_system_memory", process_total_memory());
    bytes(out, "maxmemory", limit->bytes_max);
    line(out, "maxmemory_policy", eviction_policy_name(limit->eviction.policy));
    ratio(out, "allocator_frag", memory.active, memory.used);
    ratio(out, "allocator_rss", memory.resident, memory.active);
    ratio(out, "rss_overhead", resident, memory.resident);
    ratio(out, "mem_fragmentation", resident, memory.used);
    number(out, "mem_not_counted_for_evict", 0);
    number(out, "mem_clients_slaves", 0);
    number(out, "mem_clients_normal", network.input_memory + network.output_memory);
    line(out, "mem_allocator", memory_allocator_name());
    number(out, "active_defrag_running", 0);
    number(out, "lazyfree_pending_objects", statistics->discards_pending);
    number(out, "lazyfreed_objects", statistics->discards_done);
}

/* There is no log and no snapshot yet: the fields that clients look at say so. */
static void write_persistence(struct server *server, struct buffer *out)
{
    persistence_info(server->persistence, out);
}

static void write_stats(struct server *server, struct buffer *out)
{
    struct network_statistics network;
    network_read_statistics(server->network, &network);
    const struct housekeeping_statistics *second = housekeeping_statistics(server->housekeeping);
    const struct keyspace_statistics *keys = keyspace_statistics(server->keyspace);
    const struct dispatch_statistics *dispatch = dispatch_statistics(server->dispatch);
    const struct memory_limit_statistics *limit = memory_limit_statistics(server->memory_limit);
    int64_t exceeding_ms = limit->exceeded_since_ms == 0
                               ? 0
                               : clock_cached_ms(server->clock) - limit->exceeded_since_ms;
    number(out, "total_connections_received", network.accepted);
    number(out, "total_commands_processed", dispatch->commands);
    number(out, "instantaneous_ops_per_sec", second->commands_per_second);
    number(out, "total_net_input_bytes", network.input_bytes);
    number(out, "total_net_output_bytes", network.output_bytes);
    decimal(out, "instantaneous_input_kbps", second->input_kib_per_second);
    decimal(out, "instantaneous_output_kbps", second->output_kib_per_second);
    number(out, "rejected_connections", network.refused);
    number(out, "sync_full", 0);
    number(out, "sync_partial_ok", 0);
    number(out, "sync_partial_err", 0);
    number(out, "expired_keys", keys->expired);
    number(out, "expired_subkeys", keys->expired_fields);
    number(out, "expired_late_ms_max", keys->expired_late_ms_max);
    number(out, "expire_cycle_cpu_milliseconds", (uint64_t)second->expiry_usec / 1000);
    number(out, "evicted_keys", keys->evicted);
    number(out, "evicted_clients", sessions_statistics(server->sessions)->evicted);
    number(out, "total_eviction_exceeded_time", (uint64_t)(limit->exceeded_ms + exceeding_ms));
    number(out, "current_eviction_exceeded_time", (uint64_t)exceeding_ms);
    number(out, "keyspace_hits", keys->hits);
    number(out, "keyspace_misses", keys->misses);
    number(out, "pubsub_channels", pubsub_count(server->pubsub, PUBSUB_CHANNEL));
    number(out, "pubsub_patterns", pubsub_count(server->pubsub, PUBSUB_PATTERN));
    number(out, "pubsubshard_channels", pubsub_count(server->pubsub, PUBSUB_SHARD_CHANNEL));
    number(out, "latest_fork_usec", 0);
    number(out, "total_forks", 0);
    number(out, "tracking_total_keys", tracking_key_count(server->tracking));
    number(out, "tracking_total_items", tracking_item_count(server->tracking));
    number(out, "tracking_total_prefixes", tracking_prefix_count(server->tracking));
    number(out, "unexpected_error_replies", 0);
    number(out, "total_error_replies", dispatch->errors);
    number(out, "total_reads_processed", network.reads);
    number(out, "total_writes_processed", network.writes);
    number(out, "acl_access_denied_auth", dispatch->authentication_failures);
    number(out, "client_query_buffer_limit_disconnections", network.closed_input_limit);
    number(out, "client_output_buffer_limit_disconnections", network.closed_output_limit);
}

static void write_replication(struct server *server, struct buffer *out)
{
    line(out, "role", "master");
    number(out, "connected_slaves", 0);
    line(out, "master_failover_state", "no-failover");
    line(out, "master_replid", server->settings->lifecycle.run_id);
    line(out, "master_replid2", "0000000000000000000000000000000000000000");
    number(out, "master_repl_offset", 0);
    line(out, "second_repl_offset", "-1");
    number(out, "repl_backlog_active", 0);
}

static void write_cpu(struct server *server, struct buffer *out)
{
    (void)server;
    struct process_usage usage;
    process_usage(&usage);
    buffer_add_format(out, "used_cpu_sys:%.6f\r\n", usage.cpu_system_s);
    buffer_add_format(out, "used_cpu_user:%.6f\r\n", usage.cpu_user_s);
    buffer_add_format(out, "used_cpu_sys_children:%.6f\r\n", usage.cpu_system_children_s);
    buffer_add_format(out, "used_cpu_user_children:%.6f\r\n", usage.cpu_user_children_s);
    buffer_add_format(out, "used_cpu_sys_main_thread:%.6f\r\n", usage.cpu_system_thread_s);
    buffer_add_format(out, "used_cpu_user_main_thread:%.6f\r\n", usage.cpu_user_thread_s);
}

static void write_modules(struct server *server, struct buffer *out)
{
    (void)server, (void)out;
}

static void write_command_stats(struct server *server, struct buffer *out)
{
    for (size_t i = 0; i < dispatch_count(server->dispatch); i++) {
        const struct dispatch_entry *entry = dispatch_at(server->dispatch, i);
        if (entry->calls == 0 && entry->rejected == 0 && entry->failed == 0)
            continue;
        uint64_t usec = dispatch_usec(server->dispatch, entry);
        buffer_add_format(out,
                          "cmdstat_%s:calls=%" PRIu64 ",usec=%" PRIu64
                          ",usec_per_call=%.2f,rejected_calls=%" PRIu64 ",failed_calls=%" PRIu64
                          "\r\n",
                          entry->full_name, entry->calls, usec,
                          entry->calls > 0 ? (double)usec / (double)entry->calls : 0.0,
                          entry->rejected, entry->failed);
    }
}

static void write_error_stats(struct server *server, struct buffer *out)
{
    const struct dispatch_statistics *statistics = dispatch_statistics(server->dispatch);
    for (size_t i = 0; i < statistics->error_codes_count; i++)
        buffer_add_format(out, "errorstat_%s:count=%" PRIu64 "\r\n",
                          statistics->error_codes[i].code, statistics->error_codes[i].count);
}

static void write_latency_stats(struct server *server, struct buffer *out)
{
    const struct observe_settings *settings = &server->settings->observe;
    for (size_t i = 0; i < dispatch_count(server->dispatch); i++) {
        const struct dispatch_entry *entry = dispatch_at(server->dispatch, i);
        if (entry->latency == NULL || settings->percentile_count == 0)
            continue;
        buffer_add_format(out, "latency_percentiles_usec_%s:", entry->full_name);
        for (size_t p = 0; p < settings->percentile_count; p++) {
            double percentile = settings->percentiles[p];
            buffer_add_format(out, "%sp%.10g=%.3f", p > 0 ? "," : "", percentile,
                              (double)histogram_percentile(entry->latency, percentile) / 1000);
        }
        buffer_add_string(out, "\r\n");
    }
}

static void write_cluster(struct server *server, struct buffer *out)
{
    (void)server;
    number(out, "cluster_enabled", 0);
}

static void write_keyspace(struct server *server, struct buffer *out)
{
    for (int i = 0; i < keyspace_database_count(server->keyspace); i++) {
        struct database *database = keyspace_database(server->keyspace, i);
        if (database_size(database) == 0)
            continue;
        buffer_add_format(out, "db%d:keys=%zu,expires=%zu,avg_ttl=%" PRId64 "\r\n", i,
                          database_size(database), database_count_with_deadline(database),
                          database_average_ttl_ms(database));
    }
}

static const struct section {
    const char *title;
    bool by_default;
    void (*write)(struct server *server, struct buffer *out);
} sections[] = {
    {"Server", true, write_server},
    {"Clients", true, write_clients},
    {"Memory", true, write_memory},
    {"Persistence", true, write_persistence},
    {"Stats", true, write_stats},
    {"Replication", true, write_replication},
    {"CPU", true, write_cpu},
    {"Modules", true, write_modules},
    {"Commandstats", false, write_command_stats},
    {"Errorstats", true, write_error_stats},
    {"Latencystats", false, write_latency_stats},
    {"Cluster", true, write_cluster},
    {"Keyspace", true, write_keyspace},
};

static bool is_wanted(const struct section *section, const struct slice *asked, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_is_word(asked[i], section->title) || slice_is_word(asked[i], "all") ||
            slice_is_word(asked[i], "everything") ||
            (section->by_default && slice_is_word(asked[i], "default")))
            return true;
    }
    return count == 0 && section->by_default;
}

void info_write(struct server *server, const struct slice *asked, size_t count, struct buffer *out)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if (!is_wanted(&sections[i], asked, count))
            continue;
        if (out->length > 0)
            buffer_add_string(out, "\r\n");
        buffer_add_format(out, "# %s\r\n", sections[i].title);
        sections[i].write(server, out);
    }
}

/* --- the command --- */

static void command_info(struct command_context *context)
{
    struct buffer text = {0};
    info_write(client_of(context)->server, context->arguments + 1, context->count - 1, &text);
    resp_writer_verbatim(context->reply, "txt", buffer_slice(&text));
    buffer_deinit(&text);
}

const struct command info_commands[] = {
    {
        .name = "INFO",
        .run = command_info,
        .arity = -1,
        .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_SENTINEL,
        .categories = CATEGORY_DANGEROUS,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "1.0.0",
        .syntax = "[section [section ...]]",
        .summary = "Tells the state of the server in fields.",
        .complexity = "O(1)",
        .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
    },
    {.name = NULL},
};
