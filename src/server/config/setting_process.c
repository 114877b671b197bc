/* Settings of start, log and housekeeping. */
#include <limits.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "server/config/config_file.h"
#include "server/config/setting_tables.h"
#include "server/settings.h"
#include "system/file.h"

#define HZ_MIN 1
#define HZ_MAX 500
#define BUSY_POLL_US_MAX 1000

/* hz: what is out of reach becomes the nearest that is not, as in Redis. */
static bool set_hz(struct settings *settings, const struct slice *words, size_t count,
                   struct setting_problem *problem)
{
    (void)count;
    int64_t hz;
    if (!setting_parse_integer(words[0], 0, INT_MAX, &hz, problem))
        return false;
    settings->housekeeping.hz = hz < HZ_MIN ? HZ_MIN : hz > HZ_MAX ? HZ_MAX : (int)hz;
    return true;
}

static void get_hz(const struct settings *settings, struct buffer *out)
{
    buffer_add_format(out, "%d", settings->housekeeping.hz);
}

static bool line_of_hz(const struct settings *settings, const struct settings *defaults,
                       size_t index, struct buffer *out, bool *is_default)
{
    get_hz(settings, out);
    *is_default = settings->housekeeping.hz == defaults->housekeeping.hz;
    return index == 0;
}

static const struct setting_special hz_special = {set_hz, get_hz, line_of_hz};

/* dir: CONFIG GET answers where the process really is; a file keeps what it said. */
static bool set_directory(struct settings *settings, const struct slice *words, size_t count,
                          struct setting_problem *problem)
{
    (void)count, (void)problem;
    settings_set_string(&settings->lifecycle.directory, words[0].data);
    return true;
}

static void get_directory(const struct settings *settings, struct buffer *out)
{
    char *here = file_directory();
    buffer_add_string(out, here != NULL ? here : settings->lifecycle.directory);
    memory_free(here);
}

static bool line_of_directory(const struct settings *settings, const struct settings *defaults,
                              size_t index, struct buffer *out, bool *is_default)
{
    (void)defaults;
    config_file_quote(slice_of_string(settings->lifecycle.directory), out);
    *is_default = settings->lifecycle.directory[0] == '\0';
    return index == 0;
}

static const struct setting_special directory_special = {set_directory, get_directory,
                                                         line_of_directory};

static const struct setting_choice log_levels[] = {
    {"debug", LOG_DEBUG},     {"verbose", LOG_VERBOSE}, {"notice", LOG_NOTICE},
    {"warning", LOG_WARNING}, {"nothing", LOG_NOTHING}, {NULL, 0},
};
static const struct setting_choice managers[] = {
    {"upstart", 0}, {"systemd", 0}, {"auto", 0}, {"no", 0}, {NULL, 0},
};

#define AT(field) .offset = offsetof(struct settings, field)

const struct setting setting_process_table[] = {
    {.name = "databases",
     .type = SETTING_INT,
     .flags = SETTING_IMMUTABLE,
     AT(lifecycle.databases),
     .min = 1,
     .max = KEYSPACE_DATABASES_MAX},
    {.name = "daemonize",
     .type = SETTING_BOOL,
     .flags = SETTING_IMMUTABLE,
     AT(lifecycle.daemonize)},
    {.name = "supervised",
     .type = SETTING_WORD,
     .flags = SETTING_IMMUTABLE,
     AT(lifecycle.supervised),
     .choices = managers},
    {.name = "pidfile", .type = SETTING_STRING, .flags = SETTING_IMMUTABLE, AT(lifecycle.pid_file)},
    {.name = "dir",
     .type = SETTING_SPECIAL,
     .flags = SETTING_PROTECTED,
     .special = &directory_special},
    {.name = "logfile", .type = SETTING_STRING, .flags = SETTING_IMMUTABLE, AT(lifecycle.log_file)},
    {.name = "loglevel",
     .type = SETTING_CHOICE,
     AT(lifecycle.log_level),
     .choices = log_levels,
     .module = MODULE_LIFECYCLE},
    {.name = "crash-log-enabled",
     .type = SETTING_BOOL,
     AT(lifecycle.crash_log),
     .module = MODULE_LIFECYCLE},
    {.name = "busy-poll-us",
     .type = SETTING_INT64,
     AT(lifecycle.busy_poll_us),
     .max = BUSY_POLL_US_MAX,
     .module = MODULE_LIFECYCLE},
    {.name = "shutdown-timeout",
     .type = SETTING_INT64,
     AT(lifecycle.shutdown_timeout_s),
     .max = INT_MAX},
    {.name = "hz", .type = SETTING_SPECIAL, .special = &hz_special, .module = MODULE_HOUSEKEEPING},
    {.name = "dynamic-hz", .type = SETTING_BOOL, AT(housekeeping.dynamic_hz)},
    {.name = "activerehashing", .type = SETTING_BOOL, AT(housekeeping.active_rehashing)},
    {.name = NULL},
};
