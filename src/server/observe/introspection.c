/* COMMAND: what the table that dispatch uses says of itself. */
#include <stdio.h>

#include "base/glob.h"
#include "commands/command.h"
#include "server/command_tables.h"
#include "server/dispatch.h"
#include "server/observe/syntax.h"
#include "server/server.h"
#include "server/session/client.h"

#define KEYS_SHOWN_MAX 1024 /* of one command line in COMMAND GETKEYS */
#define NAME_MAX_LENGTH 128 /* bytes of a full name */

struct named_flag {
    unsigned flag;
    const char *name;
};

static const struct named_flag flag_names[] = {
    {COMMAND_WRITES, "write"},
    {COMMAND_READS, "readonly"},
    {COMMAND_GROWS, "denyoom"},
    {COMMAND_ADMIN, "admin"},
    {COMMAND_PUBSUB, "pubsub"},
    {COMMAND_NO_SCRIPT, "noscript"},
    {COMMAND_BLOCKS, "blocking"},
    {COMMAND_LOADING, "loading"},
    {COMMAND_STALE, "stale"},
    {COMMAND_SKIP_MONITOR, "skip_monitor"},
    {COMMAND_SKIP_COMMANDLOG, "skip_slowlog"},
    {COMMAND_FAST, "fast"},
    {COMMAND_NO_AUTH, "no_auth"},
    {COMMAND_MAY_REPLICATE, "may_replicate"},
    {COMMAND_NO_MULTI, "no_multi"},
    {COMMAND_MOVABLE_KEYS, "movablekeys"},
    {COMMAND_ALLOW_BUSY, "allow_busy"},
    {COMMAND_NO_ASYNC_LOADING, "no_async_loading"},
    {0, NULL},
};

/* A category follows from a flag of the command (the first mask), or is named in its row (the
 * second). In the order in which Redis shows them. */
static const struct category_name {
    unsigned flag, category;
    const char *name;
} category_names[] = {
    {0, CATEGORY_KEYSPACE, "@keyspace"},
    {COMMAND_READS, 0, "@read"},
    {COMMAND_WRITES, 0, "@write"},
    {0, CATEGORY_SET, "@set"},
    {0, CATEGORY_SORTED_SET, "@sortedset"},
    {0, CATEGORY_LIST, "@list"},
    {0, CATEGORY_HASH, "@hash"},
    {0, CATEGORY_STRING, "@string"},
    {0, CATEGORY_BITMAP, "@bitmap"},
    {0, CATEGORY_HYPERLOGLOG, "@hyperloglog"},
    {0, CATEGORY_GEO, "@geo"},
    {0, CATEGORY_STREAM, "@stream"},
    {COMMAND_PUBSUB, 0, "@pubsub"},
    {COMMAND_ADMIN, CATEGORY_ADMIN, "@admin"},
    {COMMAND_FAST, 0, "@fast"},
    {0, 0, "@slow"}, /* what is not fast */
    {COMMAND_BLOCKS, 0, "@blocking"},
    {COMMAND_ADMIN, CATEGORY_DANGEROUS, "@dangerous"},
    {0, CATEGORY_CONNECTION, "@connection"},
    {0, CATEGORY_TRANSACTION, "@transaction"},
    {0, CATEGORY_SCRIPTING, "@scripting"},
};

#define CATEGORY_NAMES_COUNT (sizeof category_names / sizeof category_names[0])

static bool is_in_category(const struct command *command, const struct category_name *row)
{
    if (row->flag == 0 && row->category == 0)
        return !(command->flags & COMMAND_FAST);
    return (command->flags & row->flag) != 0 || (command->categories & row->category) != 0;
}

static const struct named_flag key_flag_names[] = {
    {KEY_RO, "RO"},
    {KEY_RW, "RW"},
    {KEY_OW, "OW"},
    {KEY_RM, "RM"},
    {KEY_ACCESS, "access"},
    {KEY_UPDATE, "update"},
    {KEY_INSERT, "insert"},
    {KEY_DELETE, "delete"},
    {KEY_NOT_KEY, "not_key"},
    {KEY_INCOMPLETE, "incomplete"},
    {KEY_VARIABLE_FLAGS, "variable_flags"},
    {0, NULL},
};

static size_t count_flags(const struct named_flag *names, unsigned flags)
{
    size_t count = 0;
    for (; names->name != NULL; names++)
        count += (flags & names->flag) != 0;
    return count;
}

static void reply_flags(struct resp_writer *reply, const struct named_flag *names, unsigned flags)
{
    for (; names->name != NULL; names++) {
        if (flags & names->flag)
            resp_writer_simple(reply, slice_of_string(names->name));
    }
}

/* --- INFO --- */

static void reply_categories(struct resp_writer *reply, const struct command *command)
{
    size_t count = 0;
    for (size_t i = 0; i < CATEGORY_NAMES_COUNT; i++)
        count += is_in_category(command, &category_names[i]);
    resp_writer_set(reply, count);
    for (size_t i = 0; i < CATEGORY_NAMES_COUNT; i++) {
        if (is_in_category(command, &category_names[i]))
            resp_writer_simple(reply, slice_of_string(category_names[i].name));
    }
}

static size_t count_words(const char *text)
{
    size_t count = text != NULL && *text != '\0';
    for (; text != NULL && *text != '\0'; text++)
        count += *text == ' ';
    return count;
}

static void reply_tips(struct resp_writer *reply, const char *tips)
{
    resp_writer_set(reply, count_words(tips));
    for (const char *word = tips; word != NULL && *word != '\0';) {
        size_t length = strcspn(word, " ");
        resp_writer_bulk(reply, slice_of(word, length));
        word += length + (word[length] == ' ');
    }
}

static void reply_begin_search(struct resp_writer *reply, const struct key_spec *spec)
{
    static const char *const names[] = {[KEY_FIND_RANGE] = "index",
                                        [KEY_FIND_COUNT] = "index",
                                        [KEY_FIND_KEYWORD] = "keyword",
                                        [KEY_FIND_UNKNOWN] = "unknown"};
    resp_writer_bulk_string(reply, "begin_search");
    resp_writer_map(reply, 2);
    resp_writer_bulk_string(reply, "type");
    resp_writer_bulk_string(reply, names[spec->find]);
    resp_writer_bulk_string(reply, "spec");
    if (spec->find == KEY_FIND_UNKNOWN) {
        resp_writer_map(reply, 0);
    } else if (spec->find == KEY_FIND_KEYWORD) {
        resp_writer_map(reply, 2);
        resp_writer_bulk_string(reply, "keyword");
        resp_writer_bulk_string(reply, spec->keyword);
        resp_writer_bulk_string(reply, "startfrom");
        resp_writer_integer(reply, spec->first);
    } else {
        resp_writer_map(reply, 1);
        resp_writer_bulk_string(reply, "index");
        resp_writer_integer(reply, spec->first);
    }
}

static void reply_find_keys(struct resp_writer *reply, const struct key_spec *spec)
{
    bool is_count = spec->find == KEY_FIND_COUNT;
    resp_writer_bulk_string(reply, "find_keys");
    resp_writer_map(reply, 2);
    resp_writer_bulk_string(reply, "type");
    if (spec->find == KEY_FIND_UNKNOWN) {
        resp_writer_bulk_string(reply, "unknown");
        resp_writer_bulk_string(reply, "spec");
        resp_writer_map(reply, 0);
        return;
    }
    resp_writer_bulk_string(reply, is_count ? "keynum" : "range");
    resp_writer_bulk_string(reply, "spec");
    resp_writer_map(reply, 3);
    resp_writer_bulk_string(reply, is_count ? "keynumidx" : "lastkey");
    resp_writer_integer(reply, spec->last);
    resp_writer_bulk_string(reply, is_count ? "firstkey" : "keystep");
    resp_writer_integer(reply, is_count ? spec->first_after : spec->step);
    resp_writer_bulk_string(reply, is_count ? "keystep" : "limit");
    resp_writer_integer(reply, is_count ? spec->step : spec->limit);
}

static void reply_key_spec(struct resp_writer *reply, const struct key_spec *spec)
{
    resp_writer_map(reply, spec->notes != NULL ? 4 : 3);
    if (spec->notes != NULL) {
        resp_writer_bulk_string(reply, "notes");
        resp_writer_bulk_string(reply, spec->notes);
    }
    resp_writer_bulk_string(reply, "flags");
    resp_writer_set(reply, count_flags(key_flag_names, spec->flags));
    reply_flags(reply, key_flag_names, spec->flags);
    reply_begin_search(reply, spec);
    reply_find_keys(reply, spec);
}

static size_t count_key_specs(const struct command *command)
{
    size_t count = 0;
    while (count < COMMAND_KEY_SPECS_MAX && command->keys[count].find != KEY_FIND_NONE)
        count++;
    return count;
}

/* First, last and step as Redis before 7 told them: of all specs together. */
static void reply_legacy_keys(struct resp_writer *reply, const struct command *command)
{
    int first = 0, last = 0, step = 0;
    for (size_t i = 0; i < count_key_specs(command); i++) {
        const struct key_spec *spec = &command->keys[i];
        if (spec->find != KEY_FIND_RANGE)
            continue;
        int spec_last = spec->last >= 0 ? spec->first + spec->last : spec->last;
        first = first == 0 || spec->first < first ? spec->first : first;
        last = last == 0 || spec_last < 0 || spec_last > last ? spec_last : last;
        step = spec->step;
    }
    resp_writer_integer(reply, first);
    resp_writer_integer(reply, last);
    resp_writer_integer(reply, step);
}

static void lower_case(char *out, size_t size, const char *container, const char *name)
{
    snprintf(out, size, "%s%s%s", container != NULL ? container : "", container != NULL ? "|" : "",
             name);
    for (char *at = out; *at != '\0'; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
}

static size_t count_subcommands(const struct command *command)
{
    size_t count = 0;
    while (command->subcommands != NULL && command->subcommands[count].name != NULL)
        count++;
    return count;
}

static void reply_info(struct resp_writer *reply, const struct command *command,
                       const char *container)
{
    char name[NAME_MAX_LENGTH];
    lower_case(name, sizeof name, container, command->name);
    resp_writer_array(reply, 10);
    resp_writer_bulk_string(reply, name);
    resp_writer_integer(reply, command->arity);
    resp_writer_set(reply, count_flags(flag_names, command->flags));
    reply_flags(reply, flag_names, command->flags);
    reply_legacy_keys(reply, command);
    reply_categories(reply, command);
    reply_tips(reply, command->tips);
    resp_writer_set(reply, count_key_specs(command));
    for (size_t i = 0; i < count_key_specs(command); i++)
        reply_key_spec(reply, &command->keys[i]);
    resp_writer_set(reply, count_subcommands(command));
    for (size_t i = 0; i < count_subcommands(command); i++)
        reply_info(reply, &command->subcommands[i], command->name);
}

static struct dispatch *dispatch_of(struct command_context *context)
{
    return client_of(context)->server->dispatch;
}

static void reply_all_infos(struct command_context *context)
{
    struct dispatch *dispatch = dispatch_of(context);
    resp_writer_array(context->reply, dispatch_count_commands(dispatch));
    for (size_t i = 0; i < dispatch_count(dispatch); i++) {
        const struct dispatch_entry *entry = dispatch_at(dispatch, i);
        if (entry->container == NULL)
            reply_info(context->reply, entry->command, NULL);
    }
}

static void command_command(struct command_context *context)
{
    reply_all_infos(context);
}

static void command_count(struct command_context *context)
{
    resp_writer_integer(context->reply, (int64_t)dispatch_count_commands(dispatch_of(context)));
}

static void command_info(struct command_context *context)
{
    if (context->count == 2) {
        reply_all_infos(context);
        return;
    }
    resp_writer_array(context->reply, context->count - 2);
    for (size_t i = 2; i < context->count; i++) {
        const struct dispatch_entry *entry =
            dispatch_find_name(dispatch_of(context), context->arguments[i]);
        if (entry == NULL)
            resp_writer_null(context->reply);
        else
            reply_info(context->reply, entry->command,
                       entry->container != NULL ? entry->container->command->name : NULL);
    }
}

/* --- DOCS --- */

static void reply_text(struct resp_writer *reply, const char *field, const char *text)
{
    if (text == NULL)
        return;
    resp_writer_bulk_string(reply, field);
    resp_writer_bulk_string(reply, text);
}

static void reply_docs(struct resp_writer *reply, const struct command *command,
                       const char *container)
{
    char name[NAME_MAX_LENGTH];
    lower_case(name, sizeof name, container, command->name);
    resp_writer_bulk_string(reply, name);
    bool has_arguments = command->syntax != NULL && command->syntax[0] != '\0';
    bool deprecated = command->deprecated_since != NULL;
    bool internal = (command->flags & COMMAND_PROTECTED) && container == NULL;
    size_t subcommands = count_subcommands(command);
    resp_writer_map(reply, (size_t)3 + (command->complexity != NULL) + (deprecated ? 2 : 0) +
                               internal + (command->replaced_by != NULL) + has_arguments +
                               (subcommands > 0));
    reply_text(reply, "summary", command->summary != NULL ? command->summary : "");
    reply_text(reply, "since", command->since != NULL ? command->since : "");
    reply_text(reply, "group", command->group != NULL ? command->group : "");
    reply_text(reply, "complexity", command->complexity);
    if (deprecated || internal) {
        resp_writer_bulk_string(reply, "doc_flags");
        resp_writer_set(reply, 1);
        resp_writer_simple(reply, deprecated ? SLICE("deprecated") : SLICE("syscmd"));
    }
    reply_text(reply, "deprecated_since", command->deprecated_since);
    reply_text(reply, "replaced_by", command->replaced_by);
    if (has_arguments) {
        resp_writer_bulk_string(reply, "arguments");
        syntax_reply_arguments(reply, slice_of_string(command->syntax));
    }
    if (subcommands == 0)
        return;
    resp_writer_bulk_string(reply, "subcommands");
    resp_writer_map(reply, subcommands);
    for (size_t i = 0; i < subcommands; i++)
        reply_docs(reply, &command->subcommands[i], command->name);
}

static void command_docs(struct command_context *context)
{
    struct dispatch *dispatch = dispatch_of(context);
    if (context->count == 2) {
        resp_writer_map(context->reply, dispatch_count_commands(dispatch));
        for (size_t i = 0; i < dispatch_count(dispatch); i++) {
            const struct dispatch_entry *entry = dispatch_at(dispatch, i);
            if (entry->container == NULL)
                reply_docs(context->reply, entry->command, NULL);
        }
        return;
    }
    size_t found = 0;
    for (size_t i = 2; i < context->count; i++)
        found += dispatch_find_name(dispatch, context->arguments[i]) != NULL;
    resp_writer_map(context->reply, found);
    for (size_t i = 2; i < context->count; i++) {
        const struct dispatch_entry *entry = dispatch_find_name(dispatch, context->arguments[i]);
        if (entry != NULL)
            reply_docs(context->reply, entry->command,
                       entry->container != NULL ? entry->container->command->name : NULL);
    }
}

/* --- GETKEYS --- */

/* Channels are named by key specifications too, but are no keys. */
static bool has_keys(const struct command *command)
{
    for (size_t i = 0; i < count_key_specs(command); i++) {
        if (!(command->keys[i].flags & KEY_NOT_KEY))
            return true;
    }
    return false;
}

static void reply_keys(struct command_context *context, bool with_flags)
{
    const struct slice *arguments = context->arguments + 2;
    size_t count = context->count - 2;
    const struct dispatch_entry *entry = dispatch_find(dispatch_of(context), arguments, count);
    if (entry == NULL) {
        resp_writer_error(context->reply, "ERR Invalid command specified");
        return;
    }
    const struct command *command = entry->command;
    if (!has_keys(command)) {
        resp_writer_error(context->reply, "ERR The command has no key arguments");
        return;
    }
    bool fits =
        command->arity > 0 ? count == (size_t)command->arity : count >= (size_t)-command->arity;
    if (!fits) {
        resp_writer_error(context->reply, "ERR Invalid number of arguments specified for command");
        return;
    }
    struct key_position positions[KEYS_SHOWN_MAX];
    size_t found = command_key_positions(command, arguments, count, positions, KEYS_SHOWN_MAX);
    if (found == COMMAND_KEYS_ERROR || found > KEYS_SHOWN_MAX) {
        resp_writer_error(context->reply, "ERR Invalid arguments specified for command");
        return;
    }
    resp_writer_array(context->reply, found);
    for (size_t i = 0; i < found; i++) {
        if (with_flags)
            resp_writer_array(context->reply, 2);
        resp_writer_bulk(context->reply, arguments[positions[i].index]);
        if (with_flags) {
            resp_writer_set(context->reply, count_flags(key_flag_names, positions[i].flags));
            reply_flags(context->reply, key_flag_names, positions[i].flags);
        }
    }
}

static void command_getkeys(struct command_context *context)
{
    reply_keys(context, false);
}

static void command_getkeysandflags(struct command_context *context)
{
    reply_keys(context, true);
}

/* --- LIST --- */

enum list_filter { FILTER_NONE, FILTER_MODULE, FILTER_CATEGORY, FILTER_PATTERN };

static bool has_category(const struct command *command, struct slice name)
{
    for (size_t i = 0; i < CATEGORY_NAMES_COUNT; i++) {
        if (slice_is_word(name, category_names[i].name + 1))
            return is_in_category(command, &category_names[i]);
    }
    return false;
}

static bool passes(const struct dispatch_entry *entry, enum list_filter filter,
                   struct slice argument)
{
    switch (filter) {
    case FILTER_NONE:
        return true;
    case FILTER_MODULE:
        return false; /* there are no modules */
    case FILTER_CATEGORY:
        return has_category(entry->command, argument);
    case FILTER_PATTERN:
        return glob_matches_any_case(argument, slice_of_string(entry->full_name));
    }
    return false;
}

static void command_list(struct command_context *context)
{
    enum list_filter filter = FILTER_NONE;
    struct slice argument = {NULL, 0};
    if (context->count == 5 && slice_is_word(context->arguments[2], "filterby")) {
        argument = context->arguments[4];
        if (slice_is_word(context->arguments[3], "module"))
            filter = FILTER_MODULE;
        else if (slice_is_word(context->arguments[3], "aclcat"))
            filter = FILTER_CATEGORY;
        else if (slice_is_word(context->arguments[3], "pattern"))
            filter = FILTER_PATTERN;
    }
    if (context->count != 2 && filter == FILTER_NONE) {
        command_reply_syntax_error(context);
        return;
    }
    struct dispatch *dispatch = dispatch_of(context);
    size_t found = 0;
    for (size_t i = 0; i < dispatch_count(dispatch); i++) {
        const struct dispatch_entry *entry = dispatch_at(dispatch, i);
        found +=
            (filter != FILTER_NONE || entry->container == NULL) && passes(entry, filter, argument);
    }
    resp_writer_array(context->reply, found);
    for (size_t i = 0; i < dispatch_count(dispatch); i++) {
        const struct dispatch_entry *entry = dispatch_at(dispatch, i);
        if ((filter != FILTER_NONE || entry->container == NULL) && passes(entry, filter, argument))
            resp_writer_bulk_string(context->reply, entry->full_name);
    }
}

static void command_help(struct command_context *context)
{
    static const char *const lines[] = {
        "(no subcommand)",
        "    Return details about all Redis commands.",
        "COUNT",
        "    Return the total number of commands in this Redis server.",
        "LIST",
        "    Return a list of all commands in this Redis server.",
        "INFO [<command-name> ...]",
        "    Return details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "DOCS [<command-name> ...]",
        "    Return documentation details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "GETKEYS <full-command>",
        "    Return the keys from a full Redis command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys and the access flags from a full Redis command.",
        NULL,
    };
    command_reply_help(context, "COMMAND", lines);
}

#define ROW(name_, run_, arity_, since_, tips_, syntax_, summary_)                                 \
    {                                                                                              \
        .name = (name_), .run = (run_), .arity = (arity_),                                         \
        .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_SENTINEL,                               \
        .categories = CATEGORY_CONNECTION, .keys = KEYS_NONE, .group = "server",                   \
        .since = (since_), .syntax = (syntax_), .summary = (summary_), .complexity = "O(N)",       \
        .tips = (tips_),                                                                           \
    }

static const struct command subcommands[] = {
    ROW("COUNT", command_count, 2, "2.8.13", NULL, "", "Says how many commands there are."),
    ROW("DOCS", command_docs, -2, "7.0.0", "nondeterministic_output_order",
        "[command-name [command-name ...]]",
        "Describes commands for people: purpose, arguments, cost."),
    ROW("GETKEYS", command_getkeys, -3, "2.8.13", NULL, "command [arg [arg ...]]",
        "Says which arguments of a command line are keys."),
    ROW("GETKEYSANDFLAGS", command_getkeysandflags, -3, "7.0.0", NULL, "command [arg [arg ...]]",
        "Says which arguments of a command line are keys, and what is done to them."),
    ROW("HELP", command_help, 2, "5.0.0", NULL, "", "Lists the subcommands."),
    ROW("INFO", command_info, -2, "2.8.13", "nondeterministic_output_order",
        "[command-name [command-name ...]]",
        "Describes commands for programs: arity, flags, keys."),
    ROW("LIST", command_list, -2, "7.0.0", "nondeterministic_output_order",
        "[FILTERBY <MODULE module-name|ACLCAT category|PATTERN pattern>]",
        "Lists the names of commands."),
    {.name = NULL},
};

const struct command introspection_commands[] = {
    {
        .name = "COMMAND",
        .run = command_command,
        .arity = -1,
        .flags = COMMAND_LOADING | COMMAND_STALE | COMMAND_SENTINEL,
        .categories = CATEGORY_CONNECTION,
        .keys = KEYS_NONE,
        .group = "server",
        .since = "2.8.13",
        .syntax = "",
        .summary = "Describes all commands for programs.",
        .complexity = "O(N)",
        .tips = "nondeterministic_output_order",
        .subcommands = subcommands,
    },
    {.name = NULL},
};
