#include "server/config/configuration.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assertion.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/config/command_line.h"
#include "server/config/config_file.h"
#include "server/config/configuration_private.h"
#include "server/config/nearest_name.h"
#include "server/dispatch.h"
#include "server/server.h"
#include "system/file.h"
#include "system/process.h"

#define PATH_LENGTH_MAX 4096 /* bytes of the program's own path */
#define STANDARD_INPUT 0
#define LOG_NAMES_MAX 3000 /* bytes of names in one line of the log */

/* --- names --- */

static int compare_names(const void *a, const void *b)
{
    return strcasecmp(((const struct configuration_name *)a)->name,
                      ((const struct configuration_name *)b)->name);
}

static void add_name(struct configuration *configuration, const char *name,
                     const struct setting *setting, const struct setting_inert *inert)
{
    if (name != NULL)
        configuration->names[configuration->names_count++] =
            (struct configuration_name){name, setting, inert};
}

static void collect_names(struct configuration *configuration)
{
    size_t rows = 0;
    for (size_t i = 0; setting_tables[i] != NULL; i++)
        for (const struct setting *setting = setting_tables[i]; setting->name != NULL; setting++)
            rows++;
    while (setting_inert_table[configuration->inert_count].name != NULL)
        configuration->inert_count++;
    rows += configuration->inert_count;
    configuration->names = memory_allocate(2 * rows * sizeof(struct configuration_name));

    for (size_t i = 0; setting_tables[i] != NULL; i++) {
        for (const struct setting *setting = setting_tables[i]; setting->name != NULL; setting++) {
            add_name(configuration, setting->name, setting, NULL);
            add_name(configuration, setting->alias, setting, NULL);
        }
    }
    for (size_t i = 0; i < configuration->inert_count; i++) {
        const struct setting_inert *inert = &setting_inert_table[i];
        add_name(configuration, inert->name, NULL, inert);
        add_name(configuration, inert->alias, NULL, inert);
    }
    qsort(configuration->names, configuration->names_count, sizeof(struct configuration_name),
          compare_names);
}

/* As strcasecmp, for bytes that may hold anything. */
static int compare_name(struct slice name, const char *other)
{
    size_t length = strlen(other);
    size_t common = name.length < length ? name.length : length;
    int order = strncasecmp(name.data, other, common);
    return order != 0 ? order : (name.length > length) - (name.length < length);
}

const struct configuration_name *configuration_find(const struct configuration *configuration,
                                                    struct slice name)
{
    size_t low = 0, high = configuration->names_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct configuration_name *there = &configuration->names[middle];
        int order = compare_name(name, there->name);
        if (order == 0)
            return there;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct inert_state *configuration_inert_state(const struct configuration *configuration,
                                              const struct setting_inert *inert)
{
    size_t index = (size_t)(inert - setting_inert_table);
    ASSERT(index < configuration->inert_count);
    return &configuration->inert[index];
}

void configuration_value(const struct configuration *configuration,
                         const struct configuration_name *name, struct buffer *out)
{
    if (name->setting != NULL) {
        setting_get(name->setting, configuration->settings, out);
    } else {
        const char *kept = configuration_inert_state(configuration, name->inert)->value;
        buffer_add_string(out, kept != NULL ? kept : name->inert->value);
    }
}

static bool is_either(struct slice name, const char *one, const char *other)
{
    return slice_is_word(name, one) || (other != NULL && slice_is_word(name, other));
}

bool configuration_is_secret(struct slice name)
{
    for (size_t i = 0; setting_tables[i] != NULL; i++)
        for (const struct setting *setting = setting_tables[i]; setting->name != NULL; setting++)
            if ((setting->flags & SETTING_SENSITIVE) &&
                is_either(name, setting->name, setting->alias))
                return true;
    const struct setting_inert *inert = setting_inert_table;
    while (inert->name != NULL &&
           !(inert->kind == INERT_SECRET && is_either(name, inert->name, inert->alias)))
        inert++;
    return inert->name != NULL;
}

/* --- life --- */

struct configuration *configuration_create(struct settings *settings)
{
    struct configuration *configuration = memory_allocate_zeroed(sizeof *configuration);
    configuration->settings = settings;
    settings_init(&configuration->defaults);
    collect_names(configuration);
    configuration->inert =
        memory_allocate_zeroed(configuration->inert_count * sizeof(struct inert_state));
    return configuration;
}

void configuration_destroy(struct configuration *configuration)
{
    for (size_t i = 0; i < configuration->inert_count; i++)
        memory_free(configuration->inert[i].value);
    for (size_t i = 0; i < configuration->renamings_count; i++) {
        memory_free(configuration->renamings[i].from);
        memory_free(configuration->renamings[i].to);
    }
    memory_free(configuration->renamings);
    memory_free(configuration->inert);
    memory_free(configuration->names);
    settings_deinit(&configuration->defaults);
    memory_free(configuration);
}

/* --- directives of files and of the command line --- */

static bool take_renaming(struct configuration *configuration, const struct config_line *line,
                          struct buffer *problem)
{
    if (line->count != 3) {
        buffer_add_string(problem, "rename-command takes a command and its new name");
        return false;
    }
    size_t count = configuration->renamings_count++;
    configuration->renamings = memory_resize(configuration->renamings,
                                             (count + 1) * sizeof(struct configuration_renaming));
    configuration->renamings[count] = (struct configuration_renaming){
        memory_copy_string(line->words[1].data), memory_copy_string(line->words[2].data)};
    return true;
}

static bool take_inert(struct configuration *configuration, const struct setting_inert *inert,
                       const struct config_line *line, struct buffer *problem)
{
    struct inert_state *state = configuration_inert_state(configuration, inert);
    struct buffer value = {0};
    for (size_t i = 1; i < line->count; i++)
        buffer_add_format(&value, "%s%s", i > 1 ? " " : "", line->words[i].data);
    buffer_add(&value, "", 1);
    struct slice text = slice_of(value.data, value.length - 1);

    struct setting_problem refusal;
    bool accepted = inert->kind == INERT_START || inert->kind == INERT_LINE ||
                    inert->kind == INERT_FIXED || setting_inert_accepts(inert, text, &refusal);
    if (!accepted)
        buffer_add_format(problem, "%s: %s", inert->name, refusal.text);
    bool is_truth = inert->kind == INERT_FIXED && slice_is_word(text, inert->value);
    state->told = accepted && !is_truth;
    if (accepted && inert->kind != INERT_FIXED)
        settings_set_string(&state->value, text.data);
    buffer_deinit(&value);
    return accepted;
}

static void complain_unknown(const struct configuration *configuration, struct slice name,
                             struct buffer *problem)
{
    struct nearest_name nearest = nearest_name_of(name);
    for (size_t i = 0; i < configuration->names_count; i++)
        nearest_name_offer(&nearest, configuration->names[i].name);
    buffer_add_format(problem, "unknown directive '%s'", name.data);
    if (nearest.name != NULL)
        buffer_add_format(problem, "; did you mean '%s'?", nearest.name);
}

static bool take_directive(void *context, const struct config_line *line, struct buffer *problem)
{
    struct configuration *configuration = context;
    struct slice word = line->words[0];
    if (slice_is_word(word, "rename-command"))
        return take_renaming(configuration, line, problem);
    const struct configuration_name *name = configuration_find(configuration, word);
    if (name == NULL) {
        complain_unknown(configuration, word, problem);
        return false;
    }
    if (name->inert != NULL)
        return take_inert(configuration, name->inert, line, problem);
    struct setting_problem refusal;
    if (!setting_set(name->setting, configuration->settings, line->words + 1, line->count - 1,
                     &refusal)) {
        buffer_add_format(problem, "%s: %s", name->name, refusal.text);
        return false;
    }
    if (strcmp(name->name, "pidfile") == 0)
        configuration->pid_file_given = true;
    return true;
}

/* --- loading --- */

static enum error read_file(void *context, const char *path, struct buffer *content)
{
    (void)context;
    return file_read(path, content);
}

static enum error find_files(void *context, const char *pattern,
                             void (*found)(void *found_context, const char *path),
                             void *found_context)
{
    (void)context;
    return file_find(pattern, found, found_context);
}

static enum error load_standard_input(const struct config_file_handlers *handlers,
                                      struct buffer *error_text)
{
    struct buffer content = {0};
    enum error error = file_read_descriptor(STANDARD_INPUT, &content);
    if (error == OK)
        error = config_file_parse(handlers, "standard input", buffer_slice(&content), error_text);
    else
        buffer_add_string(error_text, "standard input cannot be read");
    buffer_deinit(&content);
    return error;
}

static enum error load_all(struct configuration *configuration, const struct command_line *line,
                           struct buffer *error_text)
{
    struct config_file_handlers handlers = {configuration, read_file, find_files, take_directive};
    enum error error = OK;
    if (line->file != NULL)
        error = config_file_load(&handlers, line->file, error_text);
    if (error == OK && line->reads_standard_input)
        error = load_standard_input(&handlers, error_text);
    if (error == OK)
        error =
            config_file_parse(&handlers, "command line", buffer_slice(&line->options), error_text);
    return error;
}

/* What follows from the rest. The paths are made absolute before `dir` counts. */
static void complete(struct configuration *configuration, const char *file)
{
    struct lifecycle_settings *lifecycle = &configuration->settings->lifecycle;
    char executable[PATH_LENGTH_MAX];
    process_executable(executable, sizeof executable);
    settings_set_string(&lifecycle->executable, executable);
    char *path = file == NULL ? NULL : file_absolute_path(file);
    if (path != NULL)
        settings_set_string(&lifecycle->config_file, path);
    memory_free(path);
    if (lifecycle->daemonize && !configuration->pid_file_given)
        settings_set_string(&lifecycle->pid_file, "/var/run/holdfast.pid");
}

enum error configuration_load(struct configuration *configuration, int argument_count,
                              char **arguments, struct buffer *error_text)
{
    struct command_line line = {0};
    enum error error = command_line_parse(argument_count, arguments, &line, error_text);
    if (error == OK)
        error = load_all(configuration, &line, error_text);
    if (error == OK)
        complete(configuration, line.file);
    command_line_deinit(&line);
    return error;
}

/* --- the server runs --- */

static void tell_of(struct configuration *configuration, enum inert_reason reason)
{
    struct buffer names = {0};
    for (size_t i = 0; i < configuration->inert_count; i++) {
        if (setting_inert_table[i].reason != reason || !configuration->inert[i].told)
            continue;
        if (names.length < LOG_NAMES_MAX)
            buffer_add_format(&names, " %s", setting_inert_table[i].name);
        configuration->inert[i].told = false;
    }
    if (names.length > 0)
        log_line(LOG_NOTICE, "Without effect (%s):%.*s", setting_inert_reason(reason),
                 (int)names.length, names.data);
    buffer_deinit(&names);
}

void configuration_attach(struct configuration *configuration, struct server *server)
{
    configuration->server = server;
    for (int reason = 0; reason < INERT_REASONS; reason++)
        tell_of(configuration, (enum inert_reason)reason);
    for (size_t i = 0; i < configuration->renamings_count; i++) {
        const struct configuration_renaming *renaming = &configuration->renamings[i];
        if (!dispatch_rename(server->dispatch, slice_of_string(renaming->from),
                             slice_of_string(renaming->to)))
            log_line(LOG_WARNING,
                     "rename-command: %s cannot become '%s': there is no such command, or the name "
                     "is taken",
                     renaming->from, renaming->to);
    }
}
