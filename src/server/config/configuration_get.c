/* CONFIG GET and CONFIG REWRITE: what holds now. */
#include <errno.h>
#include <string.h>

#include "base/glob.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/config/config_file.h"
#include "server/config/configuration_private.h"
#include "server/config/rewrite.h"
#include "system/file.h"

/* --- CONFIG GET --- */

static bool is_pattern(struct slice name)
{
    for (size_t i = 0; i < name.length; i++)
        if (strchr("*?[", name.data[i]) != NULL && name.data[i] != '\0')
            return true;
    return false;
}

static bool is_shown(const struct configuration_name *name, bool by_pattern)
{
    if (name->setting != NULL)
        return !by_pattern || !(name->setting->flags & SETTING_HIDDEN);
    return name->inert->kind != INERT_LINE && name->inert->kind != INERT_REFUSED_LINE;
}

void configuration_get(struct configuration *configuration, const struct slice *patterns,
                       size_t count,
                       void (*visit)(void *context, struct slice name, struct slice value),
                       void *context)
{
    struct slice *chosen =
        memory_allocate_zeroed(configuration->names_count * sizeof(struct slice));
    for (size_t p = 0; p < count; p++) {
        if (!is_pattern(patterns[p])) {
            const struct configuration_name *name = configuration_find(configuration, patterns[p]);
            if (name != NULL && is_shown(name, false) &&
                chosen[name - configuration->names].data == NULL)
                chosen[name - configuration->names] = patterns[p];
            continue;
        }
        for (size_t i = 0; i < configuration->names_count; i++) {
            const struct configuration_name *name = &configuration->names[i];
            struct slice text = slice_of_string(name->name);
            if (chosen[i].data == NULL && is_shown(name, true) &&
                glob_matches_any_case(patterns[p], text))
                chosen[i] = text;
        }
    }
    for (size_t i = 0; i < configuration->names_count; i++) {
        if (chosen[i].data == NULL)
            continue;
        struct buffer value = {0};
        configuration_value(configuration, &configuration->names[i], &value);
        visit(context, chosen[i], buffer_slice(&value));
        buffer_deinit(&value);
    }
    memory_free(chosen);
}

/* --- CONFIG REWRITE --- */

static void rewrite_setting(const struct configuration *configuration, struct rewrite *rewrite,
                            const struct setting *setting)
{
    struct buffer line = {0};
    bool is_default;
    for (size_t i = 0; setting_line(setting, configuration->settings, &configuration->defaults, i,
                                    &line, &is_default);
         i++) {
        rewrite_add(rewrite, setting->name, setting->alias, buffer_slice(&line), is_default);
        buffer_clear(&line);
    }
    buffer_deinit(&line);
    rewrite_end(rewrite, setting->name, setting->alias);
}

static void rewrite_inert(struct rewrite *rewrite, const struct setting_inert *inert,
                          const struct inert_state *state)
{
    if (!state->set)
        return; /* the file has what it had */
    struct buffer line = {0};
    config_file_quote(slice_of_string(state->value), &line);
    rewrite_add(rewrite, inert->name, inert->alias, buffer_slice(&line),
                strcmp(state->value, inert->value) == 0);
    rewrite_end(rewrite, inert->name, inert->alias);
    buffer_deinit(&line);
}

static void build_file(const struct configuration *configuration, struct slice old,
                       struct buffer *out)
{
    struct rewrite *rewrite = rewrite_create(old);
    for (size_t i = 0; setting_tables[i] != NULL; i++)
        for (const struct setting *setting = setting_tables[i]; setting->name != NULL; setting++)
            rewrite_setting(configuration, rewrite, setting);
    for (size_t i = 0; i < configuration->inert_count; i++)
        rewrite_inert(rewrite, &setting_inert_table[i], &configuration->inert[i]);
    rewrite_finish(rewrite, out);
    rewrite_destroy(rewrite);
}

enum error configuration_rewrite(struct configuration *configuration, struct buffer *error_text)
{
    const char *path = configuration->settings->lifecycle.config_file;
    if (path[0] == '\0') {
        buffer_add_string(error_text, "ERR The server is running without a config file");
        buffer_add(error_text, "", 1);
        return ERROR_NOT_FOUND;
    }
    struct buffer old = {0}, content = {0};
    /* A file that is gone is written anew. */
    enum error error = file_exists(path) ? file_read(path, &old) : OK;
    if (error == OK) {
        build_file(configuration, buffer_slice(&old), &content);
        error = file_write_atomically(path, buffer_slice(&content));
    }
    if (error == OK) {
        log_line(LOG_NOTICE, "CONFIG REWRITE executed with success.");
    } else {
        const char *why = strerror(errno);
        log_line(LOG_WARNING, "CONFIG REWRITE failed: %s", why);
        buffer_add_format(error_text, "ERR Rewriting config file: %s", why);
        buffer_add(error_text, "", 1);
    }
    buffer_deinit(&old);
    buffer_deinit(&content);
    return error;
}
