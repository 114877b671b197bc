#include "server/session/client_filter.h"

#include <string.h>

#include "base/number.h"
#include "commands/command.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "server/server.h"
#include "server/session/admission.h"
#include "server/session/client.h"
#include "system/clock.h"

#define FLAG_LETTERS                                                                               \
    "OSMPxbtRBdcuAUreTINi"     /* those that CLIENT LIST can show, here or in Redis                \
                                */
#define CAPABILITY_LETTERS "r" /* redirect */

/* What one option does with its value. False: the error is written. */
struct parser {
    struct command_context *context;
    struct client_filter *filter;
    bool kills;
    size_t at; /* of the option's word; set to the last argument used */
};

static bool parse_type(struct command_context *context, struct slice value,
                       enum client_filter_type *type)
{
    static const struct {
        const char *name;
        enum client_filter_type type;
    } types[] = {
        {"normal", FILTER_NORMAL}, {"pubsub", FILTER_PUBSUB},  {"master", FILTER_NOBODY},
        {"slave", FILTER_NOBODY},  {"replica", FILTER_NOBODY}, {"primary", FILTER_NOBODY},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (slice_is_word(value, types[i].name)) {
            *type = types[i].type;
            return true;
        }
    }
    resp_writer_error_format(context->reply, "ERR Unknown client type '%.*s'", (int)value.length,
                             value.data);
    return false;
}

static bool parse_letters(struct command_context *context, struct slice value, const char *known,
                          const char *what, struct slice *out)
{
    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] == '\0' || strchr(known, value.data[i]) == NULL) {
            resp_writer_error_format(context->reply,
                                     "ERR Unknown %s found in the provided filter: %.*s", what,
                                     (int)value.length, value.data);
            return false;
        }
    }
    *out = value;
    return true;
}

static bool parse_user(struct command_context *context, struct slice value, struct slice *user)
{
    if (!slice_equals(value, SLICE("default"))) {
        resp_writer_error_format(context->reply, "ERR No such user '%.*s'", (int)value.length,
                                 value.data);
        return false;
    }
    *user = value;
    return true;
}

static bool parse_seconds(struct command_context *context, struct slice value, const char *what,
                          int64_t *out)
{
    int64_t seconds;
    if (!number_parse_int64(value, &seconds)) {
        resp_writer_error_format(context->reply, "ERR %s is not an integer or out of range", what);
        return false;
    }
    if (seconds <= 0) {
        resp_writer_error_format(context->reply, "ERR %s should be greater than 0", what);
        return false;
    }
    *out = seconds;
    return true;
}

static bool parse_database(struct command_context *context, struct slice value, int64_t *out)
{
    if (number_parse_int64(value, out) && *out >= 0 &&
        *out < keyspace_database_count(context->keyspace))
        return true;
    resp_writer_error(context->reply, "ERR DB index is out of range");
    return false;
}

static bool is_option(struct slice word)
{
    static const char *const words[] = {"ID",       "TYPE",    "USER", "ADDR", "LADDR",
                                        "SKIPME",   "MAXAGE",  "NAME", "IDLE", "FLAGS",
                                        "LIB-NAME", "LIB-VER", "DB",   "CAPA", "IP"};
    if (word.length > 4 && strncasecmp(word.data, "NOT-", 4) == 0)
        word = slice_of(word.data + 4, word.length - 4);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_is_word(word, words[i]))
            return true;
    return false;
}

/* ID takes all the numbers that follow. */
static bool parse_ids(struct parser *parser, struct client_conditions *conditions)
{
    struct command_context *context = parser->context;
    size_t first = parser->at + 1, i = first;
    for (; i < context->count && (i == first || !is_option(context->arguments[i])); i++) {
        int64_t id;
        bool valid = number_parse_int64(context->arguments[i], &id) && (id > 0 || !parser->kills);
        if (!valid && parser->kills && i > first)
            break; /* what follows is taken for an option, as by Redis 7.0, which knew one id only
                    */
        if (!valid) {
            resp_writer_error(context->reply, parser->kills
                                                  ? "ERR client-id should be greater than 0"
                                                  : "ERR Invalid client ID");
            return false;
        }
    }
    conditions->ids = &context->arguments[first];
    conditions->id_count = i - first;
    parser->at = i - 1;
    return true;
}

static bool parse_skip_me(struct parser *parser, struct slice value)
{
    bool yes = slice_is_word(value, "yes");
    if (!yes && !slice_is_word(value, "no")) {
        command_reply_syntax_error(parser->context);
        return false;
    }
    parser->filter->skip_me = yes;
    return true;
}

/* Options that exist with NOT- too. */
static bool parse_condition(struct parser *parser, struct slice word, struct slice value,
                            struct client_conditions *conditions)
{
    struct command_context *context = parser->context;
    const struct {
        const char *word;
        struct slice *value;
    } texts[] = {
        {"ADDR", &conditions->address},
        {"LADDR", &conditions->local_address},
        {"IP", &conditions->ip},
        {"NAME", &conditions->name},
        {"LIB-NAME", &conditions->library_name},
        {"LIB-VER", &conditions->library_version},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (slice_is_word(word, texts[i].word)) {
            *texts[i].value = value;
            return true;
        }
    }
    if (slice_is_word(word, "TYPE"))
        return parse_type(context, value, &conditions->type);
    if (slice_is_word(word, "USER"))
        return parse_user(context, value, &conditions->user);
    if (slice_is_word(word, "DB"))
        return parse_database(context, value, &conditions->database);
    if (slice_is_word(word, "FLAGS"))
        return parse_letters(context, value, FLAG_LETTERS, "flags", &conditions->flags);
    if (slice_is_word(word, "CAPA"))
        return parse_letters(context, value, CAPABILITY_LETTERS, "capa", &conditions->capabilities);
    command_reply_syntax_error(context);
    return false;
}

static bool parse_option(struct parser *parser)
{
    struct command_context *context = parser->context;
    struct client_filter *filter = parser->filter;
    struct slice word = context->arguments[parser->at];
    if (parser->at + 1 == context->count) {
        command_reply_syntax_error(context);
        return false;
    }
    struct slice value = context->arguments[parser->at + 1];
    bool negated = word.length > 4 && strncasecmp(word.data, "NOT-", 4) == 0;
    struct client_conditions *conditions = negated ? &filter->without : &filter->with;
    if (negated)
        word = slice_of(word.data + 4, word.length - 4);
    if (slice_is_word(word, "ID"))
        return parse_ids(parser, conditions);
    parser->at++;
    if (!negated && slice_is_word(word, "SKIPME"))
        return parse_skip_me(parser, value);
    if (!negated && slice_is_word(word, "MAXAGE"))
        return parse_seconds(context, value, "maxage", &filter->age_min_s);
    if (!negated && slice_is_word(word, "IDLE"))
        return parse_seconds(context, value, "idle", &filter->idle_min_s);
    return parse_condition(parser, word, value, conditions);
}

/* LIST looks at its words before it looks at their values. */
static bool check_words(struct command_context *context, size_t first)
{
    for (size_t i = first; i < context->count; i += 2) {
        bool is_id = slice_is_word(context->arguments[i], "ID") ||
                     slice_is_word(context->arguments[i], "NOT-ID");
        if (!is_option(context->arguments[i]) || i + 1 == context->count) {
            command_reply_syntax_error(context);
            return false;
        }
        while (is_id && i + 2 < context->count && !is_option(context->arguments[i + 2]))
            i++;
    }
    return true;
}

bool client_filter_parse(struct command_context *context, size_t first, bool kills,
                         struct client_filter *filter)
{
    *filter = (struct client_filter){
        .with = {.database = -1},
        .without = {.database = -1},
        .age_min_s = -1,
        .idle_min_s = -1,
        .skip_me = kills,
    };
    if (!kills && !check_words(context, first))
        return false;
    struct parser parser = {context, filter, kills, 0};
    for (size_t i = first; i < context->count; i = parser.at + 1) {
        parser.at = i;
        if (!parse_option(&parser))
            return false;
    }
    return true;
}

/* --- matching --- */

static bool given(struct slice value)
{
    return value.data != NULL;
}

static bool is_text(struct slice value, const char *text)
{
    return slice_equals(value, slice_of_string(text));
}

static bool has_letters(const struct client *client, struct slice letters)
{
    char own[CLIENT_LETTERS_MAX];
    client_letters(client, own);
    for (size_t i = 0; i < letters.length; i++)
        if (strchr(own, letters.data[i]) == NULL)
            return false;
    return true;
}

static bool has_ip(const struct client *client, struct slice ip)
{
    const char *address = client_address(client);
    const char *colon = strrchr(address, ':');
    struct slice own =
        slice_of(address, colon == NULL ? strlen(address) : (size_t)(colon - address));
    /* "[::1]" is asked for as "::1". */
    if (own.length >= 2 && own.data[0] == '[')
        own = slice_of(own.data + 1, own.length - 2);
    return slice_equals(own, ip);
}

static bool has_id(const struct client *client, const struct slice *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t id;
        if (number_parse_int64(ids[i], &id) && (uint64_t)id == client->id)
            return true;
    }
    return false;
}

static bool has_type(const struct client *client, enum client_filter_type type)
{
    bool pubsub = admission_class(client) == CLASS_PUBSUB;
    return type == (pubsub ? FILTER_PUBSUB : FILTER_NORMAL);
}

static bool has_capabilities(const struct client *client)
{
    return (client->flags & CLIENT_CAPABLE_REDIRECT) != 0; /* the only letter there is */
}

/* Is the condition given, and does it hold (`wanted`) or not? For conditions of the one or the
 * other set. */
static bool conditions_allow(const struct client_conditions *is, const struct client *client,
                             bool wanted)
{
    const struct {
        bool given, holds;
    } table[] = {
        {given(is->address), is_text(is->address, client_address(client))},
        {given(is->local_address), is_text(is->local_address, client_local_address(client))},
        {given(is->ip), has_ip(client, is->ip)},
        {given(is->name), is_text(is->name, client->name)},
        {given(is->flags), has_letters(client, is->flags)},
        {given(is->library_name), is_text(is->library_name, client->library_name)},
        {given(is->library_version), is_text(is->library_version, client->library_version)},
        {given(is->user), is_text(is->user, client->user)},
        {given(is->capabilities), has_capabilities(client)},
        {is->type != FILTER_ANY_TYPE, has_type(client, is->type)},
        {is->database >= 0, is->database == database_index(client->database)},
        {is->id_count > 0, has_id(client, is->ids, is->id_count)},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].given && table[i].holds != wanted)
            return false;
    return true;
}

bool client_filter_matches(const struct client_filter *filter, const struct client *client,
                           const struct client *me)
{
    if (filter->skip_me && client == me)
        return false;
    const struct connection *connection = client->connection;
    int64_t now_ms = clock_cached_ms(client->server->clock);
    if (filter->age_min_s >= 0 && (now_ms - connection->created_ms) / 1000 < filter->age_min_s)
        return false;
    if (filter->idle_min_s >= 0 &&
        (now_ms - connection->last_interaction_ms) / 1000 < filter->idle_min_s)
        return false;
    return conditions_allow(&filter->with, client, true) &&
           conditions_allow(&filter->without, client, false);
}
