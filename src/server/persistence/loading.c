#include "server/persistence/loading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/chain.h"
#include "base/log.h"
#include "base/memory.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/log_directory.h"
#include "persist/rdb_reader.h"
#include "server/dispatch.h"
#include "server/persistence/persistence_private.h"
#include "server/server.h"
#include "server/session/client.h"
#include "server/settings.h"
#include "system/clock.h"
#include "system/disk.h"
#include "system/event_loop.h"

#define SLICE_US 20000        /* of loading in one turn: clients are only told to wait */
#define FIRST_SLICE_US 100000 /* before the loop runs: small data is there at once */
#define FIT_STEPS 64          /* segments brought to size between two looks at the clock */
#define PROGRESS_MS 5000      /* between two lines in the log */
#define READ_SIZE ((size_t)1 << 20)

struct loading {
    struct persistence *persistence;
    struct recovery *recovery; /* NULL: the snapshot file is being read */
    /* the snapshot file */
    struct disk_file file;
    uint64_t file_size, read_end;
    struct rdb_reader *rdb;
    struct buffer input;
    /* who runs the log's commands */
    struct client client;
    struct chain_pool *pool;
    struct chain output;
    struct resp_writer reply;

    /* all is loaded: the tables are brought to size */
    bool fitting;
    int fitted;      /* databases that are */
    size_t position; /* of table_fit in the next one */

    int64_t begun_ms, told_ms;
};

/* --- the log --- */

static bool apply(void *context, int database, const struct resp_command *commands, size_t count,
                  char *why)
{
    struct loading *loading = context;
    struct server *server = loading->persistence->server;
    if (database >= keyspace_database_count(server->keyspace)) {
        snprintf(why, DISPATCH_WHY_SIZE, "database %d, but `databases` is %d", database,
                 keyspace_database_count(server->keyspace));
        return false;
    }
    loading->client.database = keyspace_database(server->keyspace, database);
    bool good = dispatch_replay(server->dispatch, &loading->client, commands, count, why);
    if (!good && loading->reply.errors != 0 && loading->output.length > 0) {
        char answer[128];
        size_t length =
            loading->output.length < sizeof answer - 1 ? loading->output.length : sizeof answer - 1;
        chain_copy_out(&loading->output, loading->output.length - length, answer, length);
        size_t used = strlen(why);
        snprintf(why + used, DISPATCH_WHY_SIZE - used, " (%.*s)", (int)strcspn(answer, "\r"),
                 answer);
    }
    chain_deinit(&loading->output);
    return good;
}

static void begin_client(struct loading *loading)
{
    loading->pool = chain_pool_create(1);
    chain_init(&loading->output, loading->pool);
    loading->reply = (struct resp_writer){.out = &loading->output, .version = 2};
    loading->client = (struct client){
        .server = loading->persistence->server,
        .reply = &loading->reply,
        .flags = CLIENT_AUTHENTICATED,
        .user = "default",
    };
}

/* --- the snapshot file --- */

/* False: there is none (or it cannot be opened: said so, and the server stops). */
static bool open_snapshot(struct loading *loading)
{
    struct persistence *persistence = loading->persistence;
    const char *path = persistence->settings->snapshot_file;
    enum error error = disk_open(persistence->disk, path, DISK_READ, &loading->file);
    if (error == OK)
        error = disk_size(&loading->file, &loading->file_size);
    if (error == OK)
        return true;
    if (errno != ENOENT) {
        char why[512];
        snprintf(why, sizeof why, "The snapshot %s cannot be read: %s", path, strerror(errno));
        persistence_fail(persistence, why);
    }
    return false;
}

static void begin_snapshot(struct loading *loading)
{
    struct server *server = loading->persistence->server;
    struct rdb_reader_settings settings = {
        .verify_checksum = loading->persistence->settings->checksum,
        .now_ms = clock_now_ms(server->clock),
        .length_max = UINT32_MAX,
        .file_size = loading->file_size,
    };
    loading->rdb = rdb_reader_create(server->keyspace, &settings);
}

/* One piece of the file. */
static enum rdb_status step_snapshot(struct loading *loading, char *why, size_t why_size)
{
    size_t wanted = rdb_reader_wants(loading->rdb);
    wanted = wanted > loading->input.length ? wanted - loading->input.length : 0;
    wanted = wanted < READ_SIZE ? READ_SIZE : wanted;
    if (wanted > loading->file_size - loading->read_end)
        wanted = (size_t)(loading->file_size - loading->read_end);
    size_t done;
    if (buffer_reserve(&loading->input, wanted + 1) != OK ||
        disk_read(&loading->file, loading->read_end, loading->input.data + loading->input.length,
                  wanted, &done) != OK) {
        snprintf(why, why_size, "%s", errno == 0 ? "out of memory" : strerror(errno));
        return RDB_REFUSED;
    }
    loading->input.length += done;
    loading->read_end += done;
    size_t used;
    bool last = loading->read_end >= loading->file_size || done < wanted;
    enum rdb_status status =
        rdb_reader_feed(loading->rdb, buffer_slice(&loading->input), last, &used);
    if (status == RDB_REFUSED)
        snprintf(why, why_size, "%s, at about byte %" PRIu64, rdb_reader_error(loading->rdb),
                 rdb_reader_offset(loading->rdb));
    else
        buffer_drop_front(&loading->input, used);
    return status;
}

/* What was loaded becomes the first base of the log: the same bytes under another name. */
static bool make_base(struct loading *loading)
{
    struct persistence *persistence = loading->persistence;
    struct log_directory *directory = persistence->directory;
    if (directory == NULL)
        return true;
    char name[LOG_FILE_NAME_MAX + 1];
    struct buffer path = {0};
    struct log_manifest manifest = {NULL, 0};
    log_directory_base_name(directory, 1, name);
    log_directory_file_path(directory, name, &path);
    enum error error = disk_remove(persistence->disk, path.data);
    if (error == OK)
        error = disk_link(persistence->disk, persistence->settings->snapshot_file, path.data);
    if (error == OK)
        error = disk_sync_directory(persistence->disk, log_directory_path(directory));
    if (error == OK) {
        log_manifest_add(&manifest, name, 1, LOG_FILE_BASE);
        error = log_directory_switch(directory, &manifest);
    }
    if (error != OK)
        log_line(LOG_WARNING, "%s cannot become the base of the log: %s",
                 persistence->settings->snapshot_file, strerror(errno));
    log_manifest_deinit(&manifest);
    buffer_deinit(&path);
    return error == OK;
}

/* --- the whole --- */

void loading_destroy(struct persistence *persistence)
{
    struct loading *loading = persistence->loading;
    if (loading == NULL)
        return;
    recovery_destroy(loading->recovery);
    rdb_reader_destroy(loading->rdb);
    disk_close(&loading->file);
    buffer_deinit(&loading->input);
    if (loading->pool != NULL) {
        chain_deinit(&loading->output);
        chain_pool_destroy(loading->pool);
    }
    memory_free(loading);
    persistence->loading = NULL;
}

static void restore_time(struct persistence *persistence)
{
    struct server *server = persistence->server;
    keyspace_freeze_expiry(server->keyspace, false);
    keyspace_set_time(server->keyspace, clock_cached_ms(server->clock));
}

static void tell_end(struct loading *loading, const struct recovery_result *log)
{
    struct server *server = loading->persistence->server;
    double seconds = (double)(clock_now_ms(server->clock) - loading->begun_ms) / 1000;
    if (log != NULL && log->cut_bytes > 0)
        log_line(LOG_WARNING,
                 "The log ended with %" PRIu64 " bytes that a crash tore, in %s: cut off. Nothing "
                 "that was answered is lost",
                 log->cut_bytes, log->cut_file);
    log_line(LOG_NOTICE, "Loaded %zu keys from %s in %.3f seconds", keyspace_size(server->keyspace),
             log != NULL ? "the log" : "the snapshot", seconds);
}

static void end_well(struct persistence *persistence)
{
    struct loading *loading = persistence->loading;
    const struct recovery_result *log =
        loading->recovery != NULL ? recovery_result(loading->recovery) : NULL;
    persistence->load_keys = keyspace_size(persistence->server->keyspace);
    persistence->load_expired = loading->rdb != NULL ? rdb_reader_expired(loading->rdb) : 0;
    restore_time(persistence);
    tell_end(loading, log);
    if (log == NULL && !make_base(loading))
        persistence_fail(persistence, "The log cannot be begun");
    else
        persistence_loaded(persistence, log);
    loading_destroy(persistence);
}

static void end_badly(struct persistence *persistence, const char *why)
{
    persistence_fail(persistence, why);
    loading_destroy(persistence);
}

static void fill_tables(struct keyspace *keyspace, bool on)
{
    for (int i = 0; i < keyspace_database_count(keyspace); i++)
        database_fill(keyspace_database(keyspace, i), on);
}

/* True when it is done. */
static bool fit_some(struct loading *loading)
{
    struct keyspace *keyspace = loading->persistence->server->keyspace;
    if (!loading->fitting)
        fill_tables(keyspace, false);
    loading->fitting = true;
    for (int i = 0; i < FIT_STEPS; i++) {
        if (database_fit(keyspace_database(keyspace, loading->fitted), &loading->position))
            continue;
        loading->position = 0;
        if (++loading->fitted == keyspace_database_count(keyspace))
            return true;
    }
    return false;
}

static void fit(struct persistence *persistence, int64_t until_us)
{
    bool done;
    do
        done = fit_some(persistence->loading);
    while (!done && clock_monotonic_us(persistence->server->clock) < until_us);
    if (done)
        end_well(persistence);
}

static void slice(struct persistence *persistence, int64_t budget_us)
{
    struct loading *loading = persistence->loading;
    struct clock *clock = persistence->server->clock;
    int64_t until_us = clock_monotonic_us(clock) + budget_us;
    if (loading->fitting) {
        fit(persistence, until_us);
        return;
    }
    if (loading->recovery != NULL) {
        enum recovery_status status = recovery_step(loading->recovery, budget_us);
        if (status == RECOVERY_DONE)
            fit(persistence, until_us);
        else if (status == RECOVERY_REFUSED)
            end_badly(persistence, recovery_error(loading->recovery));
        return;
    }
    char why[512], problem[256];
    enum rdb_status status;
    do
        status = step_snapshot(loading, problem, sizeof problem);
    while (status == RDB_MORE && clock_monotonic_us(clock) < until_us);
    snprintf(why, sizeof why, "The snapshot %s is damaged and is not loaded: %s",
             persistence->settings->snapshot_file, problem);
    if (status == RDB_DONE)
        fit(persistence, until_us);
    else if (status == RDB_REFUSED)
        end_badly(persistence, why);
}

void loading_begin(struct persistence *persistence)
{
    struct server *server = persistence->server;
    struct loading *loading = memory_allocate_zeroed(sizeof *loading);
    loading->persistence = persistence;
    loading->file = DISK_FILE_NONE;
    loading->begun_ms = loading->told_ms = clock_now_ms(server->clock);
    persistence->loading = loading;
    bool has_log =
        persistence->directory != NULL && log_directory_has_manifest(persistence->directory);
    if (has_log) {
        struct recovery_settings settings = {persistence->settings->load_truncated,
                                             persistence->settings->checksum};
        struct recovery_handlers handlers = {loading, apply};
        begin_client(loading);
        loading->recovery = recovery_create(server->clock, persistence->directory, server->keyspace,
                                            &settings, &handlers);
    } else if (open_snapshot(loading)) {
        begin_snapshot(loading);
    } else {
        loading_destroy(persistence);
        if (persistence->exit_status == EXIT_SUCCESS)
            persistence_loaded(persistence, NULL);
        return;
    }
    fill_tables(server->keyspace, true);
    keyspace_freeze_expiry(server->keyspace, true);
    keyspace_set_time(server->keyspace, INT64_MIN); /* the log says what has expired */
    slice(persistence, FIRST_SLICE_US);
}

static uint64_t loaded_bytes(const struct loading *loading, uint64_t *total)
{
    if (loading->recovery == NULL) {
        *total = loading->file_size;
        return rdb_reader_offset(loading->rdb);
    }
    struct recovery_progress progress;
    recovery_read_progress(loading->recovery, &progress);
    *total = progress.total_bytes;
    return progress.loaded_bytes;
}

void loading_end_turn(struct persistence *persistence)
{
    struct loading *loading = persistence->loading;
    struct server *server = persistence->server;
    if (loading == NULL)
        return;
    event_loop_turn_again(server->loop);
    keyspace_set_time(server->keyspace, INT64_MIN); /* the turn has set it */
    int64_t now_ms = clock_now_ms(server->clock);
    if (now_ms - loading->told_ms >= PROGRESS_MS) {
        uint64_t total, done = loaded_bytes(loading, &total);
        loading->told_ms = now_ms;
        log_line(LOG_NOTICE, "Loading: %" PRIu64 " of %" PRIu64 " MB, %zu keys", done >> 20,
                 total >> 20, keyspace_size(server->keyspace));
    }
    slice(persistence, SLICE_US);
}

void loading_info(const struct persistence *persistence, struct buffer *out)
{
    const struct loading *loading = persistence->loading;
    if (loading == NULL)
        return;
    uint64_t total, done = loaded_bytes(loading, &total);
    int64_t passed_ms = clock_now_ms(persistence->server->clock) - loading->begun_ms;
    double part = total > 0 ? (double)done / (double)total : 1;
    int64_t eta_s = part > 0 ? (int64_t)((double)passed_ms / 1000 * (1 - part) / part) : -1;
    buffer_add_format(out,
                      "loading_start_time:%" PRId64 "\r\nloading_total_bytes:%" PRIu64
                      "\r\nloading_rdb_used_mem:0\r\nloading_loaded_bytes:%" PRIu64
                      "\r\nloading_loaded_perc:%.2f\r\nloading_eta_seconds:%" PRId64 "\r\n",
                      loading->begun_ms / 1000, total, done, part * 100, eta_s);
}
