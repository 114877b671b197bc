/* Settings of commands: guards, events, client-side caching, and what is watched. */
#include "base/buffer.h"
#include "base/number.h"
#include "server/config/setting_tables.h"
#include "server/settings.h"

/* --- notify-keyspace-events --- */

static bool set_events(struct settings *settings, const struct slice *words, size_t count,
                       struct setting_problem *problem)
{
    (void)count;
    if (notifications_parse(words[0], &settings->notification.events))
        return true;
    setting_complain(problem, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    return false;
}

static void get_events(const struct settings *settings, struct buffer *out)
{
    notifications_format(settings->notification.events, out);
}

static const struct setting_special events_special = {set_events, get_events, NULL};

/* --- latency-tracking-info-percentiles --- */

static bool set_percentiles(struct settings *settings, const struct slice *words, size_t count,
                            struct setting_problem *problem)
{
    struct observe_settings parsed = settings->observe;
    parsed.percentile_count = 0;
    if (count == 1 && words[0].length == 0)
        count = 0;
    if (count > OBSERVE_PERCENTILES_MAX) {
        setting_complain(problem, "at most %d percentiles", OBSERVE_PERCENTILES_MAX);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        double percentile;
        if (!number_parse_double(words[i], &percentile)) {
            setting_complain(problem, "Invalid latency-tracking-info-percentiles parameters");
            return false;
        }
        if (!(percentile >= 0 && percentile <= 100)) {
            setting_complain(problem, "latency-tracking-info-percentiles parameters should sit "
                                      "between [0.0,100.0]");
            return false;
        }
        parsed.percentiles[parsed.percentile_count++] = percentile;
    }
    settings->observe = parsed;
    return true;
}

static void get_percentiles(const struct settings *settings, struct buffer *out)
{
    for (size_t i = 0; i < settings->observe.percentile_count; i++)
        buffer_add_format(out, "%s%.10g", i > 0 ? " " : "", settings->observe.percentiles[i]);
}

static bool line_of_percentiles(const struct settings *settings, const struct settings *defaults,
                                size_t index, struct buffer *out, bool *is_default)
{
    struct buffer now = {0}, usual = {0};
    get_percentiles(settings, &now);
    get_percentiles(defaults, &usual);
    buffer_add(out, now.data, now.length);
    if (now.length == 0)
        buffer_add_string(out, "\"\"");
    *is_default = slice_equals(buffer_slice(&now), buffer_slice(&usual));
    buffer_deinit(&now);
    buffer_deinit(&usual);
    return index == 0;
}

static const struct setting_special percentiles_special = {set_percentiles, get_percentiles,
                                                           line_of_percentiles};

static const struct setting_choice guards[] = {
    {"no", GUARD_NO},
    {"yes", GUARD_YES},
    {"local", GUARD_LOCAL},
    {NULL, 0},
};

/* --- the table --- */

#define AT(field) .offset = offsetof(struct settings, field)

const struct setting setting_command_table[] = {
    {.name = "enable-debug-command",
     .type = SETTING_CHOICE,
     .flags = SETTING_IMMUTABLE,
     AT(dispatch.enable_debug_command),
     .choices = guards},
    {.name = "enable-module-command",
     .type = SETTING_CHOICE,
     .flags = SETTING_IMMUTABLE,
     AT(dispatch.enable_module_command),
     .choices = guards},
    {.name = "latency-tracking", .type = SETTING_BOOL, AT(dispatch.latency_tracking)},
    {.name = "latency-tracking-info-percentiles",
     .type = SETTING_SPECIAL,
     .flags = SETTING_SEVERAL,
     .special = &percentiles_special},
    {.name = "notify-keyspace-events", .type = SETTING_SPECIAL, .special = &events_special},
    {.name = "tracking-table-max-keys",
     .type = SETTING_UINT64,
     AT(tracking.table_keys_max),
     .max = INT64_MAX},
    {.name = "slowlog-log-slower-than",
     .alias = "commandlog-execution-slower-than",
     .type = SETTING_INT64,
     AT(observe.slow_usec),
     .min = -1,
     .max = INT64_MAX,
     .module = MODULE_OBSERVE},
    {.name = "slowlog-max-len",
     .alias = "commandlog-slow-execution-max-len",
     .type = SETTING_UINT64,
     AT(observe.slow_length_max),
     .max = INT64_MAX,
     .module = MODULE_OBSERVE},
    {.name = "commandlog-request-larger-than",
     .type = SETTING_INT64,
     AT(observe.large_request_bytes),
     .min = -1,
     .max = INT64_MAX,
     .module = MODULE_OBSERVE},
    {.name = "commandlog-large-request-max-len",
     .type = SETTING_UINT64,
     AT(observe.large_request_length_max),
     .max = INT64_MAX,
     .module = MODULE_OBSERVE},
    {.name = "commandlog-reply-larger-than",
     .type = SETTING_INT64,
     AT(observe.large_reply_bytes),
     .min = -1,
     .max = INT64_MAX,
     .module = MODULE_OBSERVE},
    {.name = "commandlog-large-reply-max-len",
     .type = SETTING_UINT64,
     AT(observe.large_reply_length_max),
     .max = INT64_MAX,
     .module = MODULE_OBSERVE},
    {.name = "latency-monitor-threshold",
     .type = SETTING_INT64,
     AT(observe.latency_threshold_ms),
     .max = INT64_MAX,
     .module = MODULE_OBSERVE},
    {.name = NULL},
};
