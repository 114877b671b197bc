#include "support/recovered.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/number.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "persist/log_directory.h"
#include "persist/recovery.h"
#include "system/clock.h"

struct counting {
    struct keyspace *keyspace;
    int64_t last;
    bool started, broken;
};

static int64_t number_in(struct keyspace *keyspace)
{
    struct key key = {SLICE("n"), keyspace_hash(keyspace, SLICE("n"))};
    const struct entry *entry = database_find(keyspace_database(keyspace, 0), &key);
    return entry != NULL ? entry_integer(entry) : 0;
}

static bool apply(void *context, int database, const struct resp_command *commands, size_t count,
                  char *why)
{
    struct counting *counting = context;
    if (!counting->started)
        counting->last = number_in(counting->keyspace);
    counting->started = true;
    for (size_t i = 0; i < count; i++) {
        int64_t number;
        if (database != 0 || commands[i].count < 3 ||
            !number_parse_int64(commands[i].arguments[2], &number)) {
            snprintf(why, 256, "not what was written");
            return false;
        }
        counting->broken = counting->broken || number != counting->last + 1;
        counting->last = number;
    }
    return true;
}

static void run(struct log_directory *directory, struct recovered *out)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct counting counting = {keyspace_create(1, &seed, &no_hooks), 0, false, false};
    struct clock *clock = clock_create();
    struct recovery_settings settings = {true, true};
    struct recovery_handlers handlers = {&counting, apply};
    struct recovery *recovery =
        recovery_create(clock, directory, counting.keyspace, &settings, &handlers);
    enum recovery_status status;
    keyspace_set_time(counting.keyspace, INT64_MIN);
    while ((status = recovery_step(recovery, 1000000)) == RECOVERY_MORE)
        ;
    const struct recovery_result *result = recovery_result(recovery);
    out->refused = status == RECOVERY_REFUSED;
    snprintf(out->why, sizeof out->why, "%s", recovery_error(recovery));
    out->last = counting.broken    ? -1
                : counting.started ? counting.last
                                   : number_in(counting.keyspace);
    out->cut_bytes = result->cut_bytes;
    out->offset = result->offset;
    out->id = result->id;
    out->increment_size = result->increment_size;
    out->increment_proven = result->increment_proven;
    if (result->increment_name != NULL)
        snprintf(out->increment, sizeof out->increment, "%s", result->increment_name);
    recovery_destroy(recovery);
    keyspace_destroy(counting.keyspace);
    clock_destroy(clock);
}

struct recovered recovered_read(const struct disk *disk)
{
    struct recovered out = {.refused = false};
    struct log_directory *directory;
    struct buffer error_text = {0};
    if (log_directory_open(disk, LOG_PATH, LOG_NAME, &directory, &error_text) != OK) {
        out.refused = true;
        snprintf(out.why, sizeof out.why, "%.*s", (int)error_text.length, error_text.data);
    } else {
        if (log_directory_has_manifest(directory))
            run(directory, &out);
        log_directory_close(directory);
    }
    buffer_deinit(&error_text);
    return out;
}
