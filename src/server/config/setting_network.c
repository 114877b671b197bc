/* Settings of who may connect and of what a client may take: admission and sessions. */
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/number.h"
#include "server/config/setting_tables.h"
#include "server/settings.h"

#define MIB (INT64_C(1) << 20)
#define BULK_LENGTH_MAX UINT32_MAX /* bytes: of a key, and what is read back from a log's base */
#define PERCENT_MAX 100
#define ADDRESS_LENGTH_MAX 255 /* bytes of one address of bind */

/* --- bind --- */

/* Names, IPv4, IPv6 with zones, "*", with or without the "-" in front. */
static bool is_address(struct slice word)
{
    for (size_t i = 0; i < word.length; i++)
        if (!isalnum((unsigned char)word.data[i]) && memchr("-.:*%_", word.data[i], 6) == NULL)
            return false;
    return word.length <= ADDRESS_LENGTH_MAX;
}

static bool set_bind(struct settings *settings, const struct slice *words, size_t count,
                     struct setting_problem *problem)
{
    if (count > ADMISSION_ADDRESSES_MAX) {
        setting_complain(problem, "Too many bind addresses specified.");
        return false;
    }
    struct buffer joined = {0};
    for (size_t i = 0; i < count; i++) {
        if (!is_address(words[i])) {
            setting_complain(problem, "Not an address to bind");
            buffer_deinit(&joined);
            return false;
        }
        if (words[i].length == 0)
            continue;
        buffer_add_string(&joined, joined.length > 0 ? " " : "");
        buffer_add(&joined, words[i].data, words[i].length);
    }
    buffer_add(&joined, "", 1);
    settings_set_string(&settings->admission.bind, joined.data);
    buffer_deinit(&joined);
    return true;
}

static void get_bind(const struct settings *settings, struct buffer *out)
{
    buffer_add_string(out, settings->admission.bind);
}

static bool line_of_bind(const struct settings *settings, const struct settings *defaults,
                         size_t index, struct buffer *out, bool *is_default)
{
    const char *bind = settings->admission.bind;
    buffer_add_string(out, bind[0] == '\0' ? "\"\"" : bind);
    *is_default = strcmp(bind, defaults->admission.bind) == 0;
    return index == 0;
}

static const struct setting_special bind_special = {set_bind, get_bind, line_of_bind};

/* --- client-output-buffer-limit --- */

/* "slave" is what CONFIG GET says, for old clients; files say "replica". */
static const struct {
    const char *name, *file_name;
} classes[CLASS_COUNT] = {
    [CLASS_NORMAL] = {"normal", "normal"},
    [CLASS_REPLICA] = {"slave", "replica"},
    [CLASS_PUBSUB] = {"pubsub", "pubsub"},
};

static bool set_output_limit(struct output_limit *limits, const struct slice *words,
                             struct setting_problem *problem)
{
    int class = 0;
    while (class < CLASS_COUNT && !slice_is_word(words[0], classes[class].name) &&
           !slice_is_word(words[0], classes[class].file_name))
        class ++;
    if (class == CLASS_COUNT) {
        setting_complain(problem, "Invalid client class specified in buffer limit configuration.");
        return false;
    }
    struct output_limit limit;
    if (!number_parse_memory_size(words[1], &limit.hard_bytes) ||
        !number_parse_memory_size(words[2], &limit.soft_bytes) ||
        !number_parse_int64(words[3], &limit.soft_seconds) || limit.soft_seconds < 0 ||
        limit.soft_seconds > INT_MAX) {
        setting_complain(problem, "Error in hard, soft or soft_seconds setting in buffer limit "
                                  "configuration.");
        return false;
    }
    limits[class] = limit;
    return true;
}

static bool set_output_limits(struct settings *settings, const struct slice *words, size_t count,
                              struct setting_problem *problem)
{
    struct output_limit limits[CLASS_COUNT];
    memcpy(limits, settings->admission.output_limits, sizeof limits);
    if (count == 0 || count % 4 != 0) {
        setting_complain(problem, "Wrong number of arguments in buffer limit configuration.");
        return false;
    }
    for (size_t i = 0; i < count; i += 4)
        if (!set_output_limit(limits, words + i, problem))
            return false;
    memcpy(settings->admission.output_limits, limits, sizeof limits);
    return true;
}

static void get_output_limits(const struct settings *settings, struct buffer *out)
{
    for (int i = 0; i < CLASS_COUNT; i++) {
        const struct output_limit *limit = &settings->admission.output_limits[i];
        buffer_add_format(out, "%s%s %" PRIu64 " %" PRIu64 " %" PRId64, i > 0 ? " " : "",
                          classes[i].name, limit->hard_bytes, limit->soft_bytes,
                          limit->soft_seconds);
    }
}

static bool line_of_output_limit(const struct settings *settings, const struct settings *defaults,
                                 size_t index, struct buffer *out, bool *is_default)
{
    if (index >= CLASS_COUNT)
        return false;
    const struct output_limit *limit = &settings->admission.output_limits[index];
    const struct output_limit *usual = &defaults->admission.output_limits[index];
    buffer_add_format(out, "%s ", classes[index].file_name);
    setting_format_memory(limit->hard_bytes, out);
    buffer_add_string(out, " ");
    setting_format_memory(limit->soft_bytes, out);
    buffer_add_format(out, " %" PRId64, limit->soft_seconds);
    *is_default = limit->hard_bytes == usual->hard_bytes &&
                  limit->soft_bytes == usual->soft_bytes &&
                  limit->soft_seconds == usual->soft_seconds;
    return true;
}

static const struct setting_special output_limit_special = {set_output_limits, get_output_limits,
                                                            line_of_output_limit};

/* --- maxmemory-clients: bytes, or a share of maxmemory --- */

static bool set_client_memory(struct settings *settings, const struct slice *words, size_t count,
                              struct setting_problem *problem)
{
    (void)count;
    struct slice word = words[0];
    uint64_t bytes = 0;
    int64_t percent = 0;
    bool is_percent = word.length > 0 && word.data[word.length - 1] == '%';
    if (is_percent
            ? !number_parse_int64(slice_of(word.data, word.length - 1), &percent) || percent < 0
            : !number_parse_memory_size(word, &bytes)) {
        setting_complain(problem, "argument must be a memory or percent value");
        return false;
    }
    if (percent > PERCENT_MAX) {
        setting_complain(problem, "percentage argument must be less or equal to %d", PERCENT_MAX);
        return false;
    }
    settings->session.client_memory_bytes_max = bytes;
    settings->session.client_memory_percent_max = (int)percent;
    return true;
}

static void get_client_memory(const struct settings *settings, struct buffer *out)
{
    if (settings->session.client_memory_percent_max > 0)
        buffer_add_format(out, "%d%%", settings->session.client_memory_percent_max);
    else
        buffer_add_format(out, "%" PRIu64, settings->session.client_memory_bytes_max);
}

static bool line_of_client_memory(const struct settings *settings, const struct settings *defaults,
                                  size_t index, struct buffer *out, bool *is_default)
{
    if (settings->session.client_memory_percent_max > 0)
        get_client_memory(settings, out);
    else
        setting_format_memory(settings->session.client_memory_bytes_max, out);
    *is_default =
        settings->session.client_memory_percent_max ==
            defaults->session.client_memory_percent_max &&
        settings->session.client_memory_bytes_max == defaults->session.client_memory_bytes_max;
    return index == 0;
}

static const struct setting_special client_memory_special = {set_client_memory, get_client_memory,
                                                             line_of_client_memory};

/* --- the table --- */

#define AT(field) .offset = offsetof(struct settings, field)

const struct setting setting_network_table[] = {
    {.name = "bind",
     .type = SETTING_SPECIAL,
     .flags = SETTING_SEVERAL | SETTING_AT_LISTENERS,
     .special = &bind_special},
    {.name = "port",
     .type = SETTING_INT,
     .flags = SETTING_AT_LISTENERS,
     AT(admission.port),
     .max = UINT16_MAX},
    {.name = "tcp-backlog",
     .type = SETTING_INT,
     .flags = SETTING_IMMUTABLE,
     AT(admission.backlog),
     .max = INT_MAX},
    {.name = "unixsocket",
     .type = SETTING_STRING,
     .flags = SETTING_IMMUTABLE,
     AT(admission.unix_path)},
    {.name = "unixsocketperm",
     .type = SETTING_OCTAL,
     .flags = SETTING_IMMUTABLE,
     AT(admission.unix_mode),
     .max = 0777},
    {.name = "protected-mode", .type = SETTING_BOOL, AT(admission.protected_mode)},
    {.name = "maxclients",
     .type = SETTING_UINT64,
     AT(admission.clients_max),
     .min = 1,
     .max = UINT32_MAX,
     .module = MODULE_ADMISSION},
    {.name = "timeout", .type = SETTING_INT64, AT(admission.idle_timeout_s), .max = INT_MAX},
    {.name = "tcp-keepalive",
     .type = SETTING_INT,
     AT(admission.keepalive_s),
     .max = INT_MAX,
     .module = MODULE_ADMISSION},
    {.name = "requirepass",
     .type = SETTING_STRING,
     .flags = SETTING_SENSITIVE,
     AT(session.password),
     .module = MODULE_SESSIONS},
    {.name = "client-query-buffer-limit",
     .type = SETTING_MEMORY,
     AT(admission.query_buffer_max),
     .min = MIB,
     .max = INT64_MAX,
     .module = MODULE_ADMISSION},
    {.name = "proto-max-bulk-len",
     .type = SETTING_MEMORY,
     AT(admission.bulk_length_max),
     .min = MIB,
     .max = BULK_LENGTH_MAX,
     .module = MODULE_ADMISSION},
    {.name = "client-output-buffer-limit",
     .type = SETTING_SPECIAL,
     .flags = SETTING_SEVERAL,
     .special = &output_limit_special,
     .module = MODULE_ADMISSION},
    {.name = "maxmemory-clients", .type = SETTING_SPECIAL, .special = &client_memory_special},

    /* Ours: what a connection may take before AUTH. */
    {.name = "preauth-arguments-max",
     .type = SETTING_INT64,
     AT(admission.stranger_arguments_max),
     .min = 1,
     .max = INT_MAX,
     .module = MODULE_ADMISSION},
    {.name = "preauth-argument-limit",
     .type = SETTING_MEMORY,
     AT(admission.stranger_argument_max),
     .min = 64,
     .max = INT_MAX,
     .module = MODULE_ADMISSION},
    {.name = "preauth-query-buffer-limit",
     .type = SETTING_MEMORY,
     AT(admission.stranger_query_buffer_max),
     .min = 1024,
     .max = INT_MAX,
     .module = MODULE_ADMISSION},
    {.name = "preauth-output-buffer-limit",
     .type = SETTING_MEMORY,
     AT(admission.stranger_output_max),
     .min = 512,
     .max = INT_MAX,
     .module = MODULE_ADMISSION},
    {.name = "preauth-timeout",
     .type = SETTING_INT64,
     AT(admission.stranger_deadline_s),
     .max = INT_MAX,
     .module = MODULE_ADMISSION},
    {.name = NULL},
};
