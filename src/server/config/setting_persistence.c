/* Settings of the log and of snapshots. */
#include <limits.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/number.h"
#include "persist/log_writer.h"
#include "protocol/resp_parser.h"
#include "server/config/setting_tables.h"
#include "server/settings.h"

#define SEGMENT_SIZE_MIN ((int64_t)1 << 20) /* bytes */

static const struct setting_choice syncs[] = {
    {"everysec", LOG_SYNC_EVERY_SECOND},
    {"always", LOG_SYNC_ALWAYS},
    {"no", LOG_SYNC_NO},
    {NULL, 0},
};

/* --- save --- */

/* Pairs of seconds and changes behind those in `parsed`. */
static bool add_save_points(struct persistence_settings *parsed, const struct slice *words,
                            size_t count, struct setting_problem *problem)
{
    if (count % 2 != 0 || parsed->save_point_count + count / 2 > PERSISTENCE_SAVE_POINTS_MAX) {
        setting_complain(problem,
                         count % 2 != 0 ? "Invalid save parameters" : "Too many save points");
        return false;
    }
    for (size_t i = 0; i < count; i += 2) {
        int64_t seconds, changes;
        if (!number_parse_int64(words[i], &seconds) ||
            !number_parse_int64(words[i + 1], &changes) || seconds < 1 || changes < 0) {
            setting_complain(problem, "Invalid save parameters");
            return false;
        }
        parsed->save_points[parsed->save_point_count++] =
            (struct save_point){seconds, (uint64_t)changes};
    }
    return true;
}

/* One word holds all points (CONFIG SET, quotes) and replaces them; two or more are one line of
 * several, which join unless they are the first. */
static bool set_save(struct settings *settings, const struct slice *words, size_t count,
                     struct setting_problem *problem)
{
    struct persistence_settings parsed = settings->persistence;
    char *text = NULL;
    struct slice *pieces = NULL;
    bool good;
    if (count > 1) {
        if (!parsed.save_points_given)
            parsed.save_point_count = 0;
        good = add_save_points(&parsed, words, count, problem);
    } else {
        parsed.save_point_count = 0;
        good = resp_parser_split_line(words[0], &text, &pieces, &count);
        if (good)
            good = add_save_points(&parsed, pieces, count, problem);
        else
            setting_complain(problem, "Invalid save parameters");
        memory_free(text);
        memory_free(pieces);
    }
    parsed.save_points_given = true;
    if (good)
        settings->persistence = parsed;
    return good;
}

static void get_save(const struct settings *settings, struct buffer *out)
{
    const struct persistence_settings *persistence = &settings->persistence;
    for (size_t i = 0; i < persistence->save_point_count; i++)
        buffer_add_format(out, "%s%lld %llu", i > 0 ? " " : "",
                          (long long)persistence->save_points[i].seconds,
                          (unsigned long long)persistence->save_points[i].changes);
}

static bool line_of_save(const struct settings *settings, const struct settings *defaults,
                         size_t index, struct buffer *out, bool *is_default)
{
    struct buffer now = {0}, usual = {0};
    get_save(settings, &now);
    get_save(defaults, &usual);
    *is_default = slice_equals(buffer_slice(&now), buffer_slice(&usual));
    buffer_deinit(&now);
    buffer_deinit(&usual);
    const struct persistence_settings *persistence = &settings->persistence;
    if (persistence->save_point_count == 0 && index == 0) {
        buffer_add_string(out, "\"\"");
        return true;
    }
    if (index >= persistence->save_point_count)
        return false;
    buffer_add_format(out, "%lld %llu", (long long)persistence->save_points[index].seconds,
                      (unsigned long long)persistence->save_points[index].changes);
    return true;
}

static const struct setting_special save_special = {set_save, get_save, line_of_save};

/* --- names of files: without a slash, they stay where they belong --- */

#define NAME_LENGTH_MAX                                                                            \
    200 /* bytes: with what is put around it, it is still the name of a file                       \
         */

static bool set_name(char **name, const struct slice *words, const char *setting,
                     struct setting_problem *problem)
{
    if (words[0].length == 0 || memchr(words[0].data, '/', words[0].length) != NULL) {
        setting_complain(problem, "%s can't be a path, just a filename", setting);
        return false;
    }
    if (words[0].length > NAME_LENGTH_MAX) {
        setting_complain(problem, "%s can have %d bytes at most", setting, NAME_LENGTH_MAX);
        return false;
    }
    settings_set_string(name, words[0].data);
    return true;
}

static bool set_append_file(struct settings *settings, const struct slice *words, size_t count,
                            struct setting_problem *problem)
{
    (void)count;
    return set_name(&settings->persistence.append_file, words, "appendfilename", problem);
}

static bool set_append_directory(struct settings *settings, const struct slice *words, size_t count,
                                 struct setting_problem *problem)
{
    (void)count;
    return set_name(&settings->persistence.append_directory, words, "appenddirname", problem);
}

static bool set_snapshot_file(struct settings *settings, const struct slice *words, size_t count,
                              struct setting_problem *problem)
{
    (void)count;
    return set_name(&settings->persistence.snapshot_file, words, "dbfilename", problem);
}

static void get_append_file(const struct settings *settings, struct buffer *out)
{
    buffer_add_string(out, settings->persistence.append_file);
}

static void get_append_directory(const struct settings *settings, struct buffer *out)
{
    buffer_add_string(out, settings->persistence.append_directory);
}

static void get_snapshot_file(const struct settings *settings, struct buffer *out)
{
    buffer_add_string(out, settings->persistence.snapshot_file);
}

static const struct setting_special append_file_special = {set_append_file, get_append_file, NULL};
static const struct setting_special append_directory_special = {set_append_directory,
                                                                get_append_directory, NULL};
static const struct setting_special snapshot_file_special = {set_snapshot_file, get_snapshot_file,
                                                             NULL};

#define AT(field) .offset = offsetof(struct settings, persistence.field)

const struct setting setting_persistence_table[] = {
    {.name = "appendonly", .type = SETTING_BOOL, AT(append_only), .module = MODULE_PERSISTENCE},
    {.name = "appendfsync",
     .type = SETTING_CHOICE,
     AT(sync),
     .choices = syncs,
     .module = MODULE_PERSISTENCE},
    {.name = "appendfilename",
     .type = SETTING_SPECIAL,
     .flags = SETTING_IMMUTABLE,
     .special = &append_file_special},
    {.name = "appenddirname",
     .type = SETTING_SPECIAL,
     .flags = SETTING_IMMUTABLE,
     .special = &append_directory_special},
    {.name = "aof-segment-size",
     .type = SETTING_MEMORY,
     AT(segment_size_max),
     .min = SEGMENT_SIZE_MIN,
     .max = INT64_MAX,
     .module = MODULE_PERSISTENCE},
    {.name = "aof-load-truncated", .type = SETTING_BOOL, AT(load_truncated)},
    {.name = "auto-aof-rewrite-percentage",
     .type = SETTING_UINT64,
     AT(rewrite_percentage),
     .max = INT_MAX},
    {.name = "auto-aof-rewrite-min-size",
     .type = SETTING_MEMORY,
     AT(rewrite_size_min),
     .max = INT64_MAX},
    {.name = "save",
     .type = SETTING_SPECIAL,
     .flags = SETTING_JOINS,
     .special = &save_special,
     .module = MODULE_PERSISTENCE},
    {.name = "dbfilename",
     .type = SETTING_SPECIAL,
     .flags = SETTING_PROTECTED,
     .special = &snapshot_file_special},
    {.name = "rdbcompression", .type = SETTING_BOOL, AT(compress)},
    {.name = "rdbchecksum", .type = SETTING_BOOL, .flags = SETTING_IMMUTABLE, AT(checksum)},
    {.name = "stop-writes-on-bgsave-error", .type = SETTING_BOOL, AT(stop_writes_on_save_error)},
    {.name = NULL},
};
