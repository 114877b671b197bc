#include "server/settings.h"

#include "base/log.h"
#include "base/memory.h"
#include "persist/log_writer.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

static void init_admission(struct admission_settings *settings)
{
    *settings = (struct admission_settings){
        .bind = memory_copy_string("127.0.0.1 -::1"),
        .port = 6379,
        .backlog = 511,
        .unix_path = memory_copy_string(""),
        .protected_mode = true,
        .clients_max = 10000,
        .keepalive_s = 300,
        .query_buffer_max = 1024 * MIB,
        .bulk_length_max = 512 * MIB,
        .output_limits =
            {
                [CLASS_REPLICA] = {256 * MIB, 64 * MIB, 60},
                [CLASS_PUBSUB] = {32 * MIB, 8 * MIB, 60},
            },
        .stranger_arguments_max = 10,
        .stranger_argument_max = 16 * KIB,
        .stranger_query_buffer_max = 64 * KIB,
        .stranger_output_max = KIB,
        .stranger_deadline_s = 60,
    };
}

static void init_lifecycle(struct lifecycle_settings *settings)
{
    *settings = (struct lifecycle_settings){
        .databases = 16,
        .pid_file = memory_copy_string(""),
        .supervised = memory_copy_string("no"),
        .directory = memory_copy_string(""),
        .log_file = memory_copy_string(""),
        .log_level = LOG_NOTICE,
        .crash_log = true,
        .busy_poll_us = 30,
        .shutdown_timeout_s = 10,
        .executable = memory_copy_string(""),
        .run_id = memory_copy_string(""),
        .config_file = memory_copy_string(""),
    };
}

static void init_persistence(struct persistence_settings *settings)
{
    *settings = (struct persistence_settings){
        .append_only = true,
        .sync = LOG_SYNC_ALWAYS,
        .append_directory = memory_copy_string("appendonlydir"),
        .append_file = memory_copy_string("appendonly.aof"),
        .segment_size_max = LOG_SEGMENT_SIZE_DEFAULT,
        .load_truncated = true,
        .rewrite_percentage = 100,
        .rewrite_size_min = 64 * MIB,
        .save_points = {{3600, 1}, {300, 100}, {60, 10000}},
        .save_point_count = 3,
        .snapshot_file = memory_copy_string("dump.rdb"),
        .compress = true,
        .checksum = true,
        .stop_writes_on_save_error = true,
    };
}

void settings_init(struct settings *settings)
{
    *settings = (struct settings){
        .session = {.password = memory_copy_string("")},
        .dispatch = {.latency_tracking = true},
        .tracking = {.table_keys_max = 1000000},
        .housekeeping = {.hz = 10, .dynamic_hz = true, .active_rehashing = true},
        .values = value_default_limits(),
        .memory = {.eviction = eviction_default_settings(), .tenacity = 10},
        .observe =
            {
                .slow_usec = 10000,
                .slow_length_max = 128,
                .large_request_bytes = (int64_t)MIB,
                .large_request_length_max = 128,
                .large_reply_bytes = (int64_t)MIB,
                .large_reply_length_max = 128,
                .percentile_count = 3,
                .percentiles = {50, 99, 99.9},
            },
    };
    init_admission(&settings->admission);
    init_lifecycle(&settings->lifecycle);
    init_persistence(&settings->persistence);
}

void settings_deinit(struct settings *settings)
{
    char *strings[] = {
        settings->admission.bind,
        settings->admission.unix_path,
        settings->lifecycle.pid_file,
        settings->lifecycle.supervised,
        settings->lifecycle.directory,
        settings->lifecycle.log_file,
        settings->lifecycle.executable,
        settings->lifecycle.run_id,
        settings->lifecycle.config_file,
        settings->session.password,
        settings->persistence.append_directory,
        settings->persistence.append_file,
        settings->persistence.snapshot_file,
    };
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        memory_free(strings[i]);
    *settings = (struct settings){0};
}

void settings_set_string(char **setting, const char *value)
{
    char *copy = memory_copy_string(value); /* first: `value` may be the old string */
    memory_free(*setting);
    *setting = copy;
}
