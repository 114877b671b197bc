/* Changes while the server runs: check everything, then change, then tell the modules; or put
 * everything back. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "keyspace/keyspace.h"
#include "server/config/configuration_private.h"
#include "server/housekeeping.h"
#include "server/lifecycle.h"
#include "server/observe/observe.h"
#include "server/persistence/persistence.h"
#include "server/server.h"
#include "server/session/admission.h"
#include "server/session/sessions.h"
#include "system/process.h"

#define DESCRIPTORS_RESERVED 32 /* beside those of clients */

/* One setting about to change. */
struct change {
    const struct configuration_name *name;
    struct slice value;
    struct buffer old; /* the value as CONFIG GET would say it, with a NUL */
};

struct change_set {
    struct configuration *configuration;
    struct change *changes;
    size_t count;
    char *old_bind;
    int old_port;
};

static enum error fail_asked(struct buffer *error_text, struct slice asked, const char *problem)
{
    buffer_add_format(error_text,
                      "ERR CONFIG SET failed (possibly related to argument '%.*s') - %s",
                      (int)asked.length, asked.data, problem);
    buffer_add(error_text, "", 1);
    return ERROR_SYNTAX;
}

static enum error fail(struct buffer *error_text, const char *name, const char *problem)
{
    return fail_asked(error_text, slice_of_string(name), problem);
}

/* --- what may be changed --- */

static const char *why_never(const struct configuration_name *name)
{
    if (name->inert != NULL)
        return NULL; /* setting_inert_accepts knows */
    if (name->setting->flags & SETTING_IMMUTABLE)
        return "can't set immutable config";
    if (name->setting->flags & SETTING_PROTECTED)
        return "can't set protected config";
    return NULL;
}

static bool is_settable(const struct configuration_name *name)
{
    return name != NULL && (name->inert == NULL || (name->inert->kind != INERT_LINE &&
                                                    name->inert->kind != INERT_REFUSED_LINE));
}

static bool is_same(const struct configuration_name *a, const struct configuration_name *b)
{
    return a->setting == b->setting && a->inert == b->inert;
}

/* Fills one change, or says why it cannot be. */
static enum error plan(struct change_set *set, struct slice asked, struct slice value,
                       struct buffer *error_text)
{
    const struct configuration_name *name = configuration_find(set->configuration, asked);
    if (!is_settable(name)) {
        buffer_add_format(error_text,
                          "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
                          (int)asked.length, asked.data);
        buffer_add(error_text, "", 1);
        return ERROR_NOT_FOUND;
    }
    const char *never = why_never(name);
    for (size_t i = 0; never == NULL && i < set->count; i++)
        if (is_same(set->changes[i].name, name))
            never = "duplicate parameter";
    if (never == NULL && memchr(value.data, '\0', value.length) != NULL)
        never = "argument holds a NUL byte";
    if (never != NULL)
        return fail_asked(error_text, asked, never);
    struct change *change = &set->changes[set->count++];
    *change = (struct change){.name = name, .value = value};
    configuration_value(set->configuration, name, &change->old);
    buffer_add(&change->old, "", 1);
    return OK;
}

/* --- values --- */

/* `value` has a NUL behind its bytes. */
static bool set_value(struct configuration *configuration, const struct configuration_name *name,
                      struct slice value, struct setting_problem *problem)
{
    if (name->setting != NULL)
        return setting_set(name->setting, configuration->settings, &value, 1, problem);
    if (!setting_inert_accepts(name->inert, value, problem))
        return false;
    struct inert_state *state = configuration_inert_state(configuration, name->inert);
    settings_set_string(&state->value, value.data);
    state->set = true;
    return true;
}

static void put_back(struct change_set *set, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct change *change = &set->changes[i];
        struct setting_problem problem;
        struct slice old = slice_of(change->old.data, change->old.length - 1);
        if (!set_value(set->configuration, change->name, old, &problem))
            log_line(LOG_WARNING, "CONFIG SET: %s could not be put back: %s", change->name->name,
                     problem.text);
    }
}

static enum error set_values(struct change_set *set, struct buffer *error_text)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct change *change = &set->changes[i];
        struct setting_problem problem = {{0}};
        struct buffer copy = {0}; /* a client's bytes have no NUL behind them */
        buffer_add(&copy, change->value.data, change->value.length);
        buffer_add(&copy, "", 1);
        bool done = set_value(set->configuration, change->name,
                              slice_of(copy.data, copy.length - 1), &problem);
        buffer_deinit(&copy);
        if (!done) {
            put_back(set, i);
            return fail(error_text, change->name->name, problem.text);
        }
    }
    return OK;
}

/* --- telling the modules --- */

static const struct change *find_change(const struct change_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->changes[i].name->name, name) == 0)
            return &set->changes[i];
    return NULL;
}

/* What may fail, before anybody has been told. */
static enum error check_world(struct change_set *set, struct buffer *error_text)
{
    struct server *server = set->configuration->server;
    const struct admission_settings *admission = &set->configuration->settings->admission;
    const struct change *clients = find_change(set, "maxclients");
    if (clients != NULL) {
        size_t allowed =
            process_raise_open_files((size_t)admission->clients_max + DESCRIPTORS_RESERVED);
        if (allowed < admission->clients_max + DESCRIPTORS_RESERVED) {
            char problem[160];
            snprintf(problem, sizeof problem,
                     "The operating system is not able to handle the specified number of clients, "
                     "try with %zu",
                     allowed > DESCRIPTORS_RESERVED ? allowed - DESCRIPTORS_RESERVED : 1);
            return fail(error_text, "maxclients", problem);
        }
    }
    const struct change *bind = find_change(set, "bind"), *port = find_change(set, "port");
    if ((bind != NULL || port != NULL) &&
        admission_listen_again(server->admission, set->old_bind, set->old_port) != OK)
        return bind != NULL
                   ? fail(error_text, "bind", "Failed to bind to specified addresses.")
                   : fail(error_text, "port", "Unable to listen on this port. Check server logs.");
    bool on = set->configuration->settings->persistence.append_only;
    if (find_change(set, "appendonly") != NULL &&
        persistence_set_append_only(server->persistence, on) != OK)
        return fail(error_text, "appendonly",
                    on ? "Unable to turn on the log. Check server logs."
                       : "Unable to end the log. Check server logs.");
    return OK;
}

static void tell(struct server *server, enum setting_module module)
{
    switch (module) {
    case MODULE_ADMISSION:
        admission_apply(server->admission);
        break;
    case MODULE_SESSIONS:
        sessions_apply(server->sessions);
        break;
    case MODULE_HOUSEKEEPING:
        housekeeping_apply(server->housekeeping);
        break;
    case MODULE_OBSERVE:
        observe_apply(server->observe);
        break;
    case MODULE_LIFECYCLE:
        lifecycle_apply(server->lifecycle);
        break;
    case MODULE_PERSISTENCE:
        persistence_apply(server->persistence);
        break;
    case MODULE_KEYSPACE:
        keyspace_set_value_limits(server->keyspace, &server->settings->values);
        break;
    case MODULE_NONE:
    case MODULE_COUNT:
        break;
    }
}

static void tell_all(const struct change_set *set)
{
    bool concerned[MODULE_COUNT] = {false};
    for (size_t i = 0; i < set->count; i++)
        if (set->changes[i].name->setting != NULL)
            concerned[set->changes[i].name->setting->module] = true;
    for (int module = 0; module < MODULE_COUNT; module++)
        if (concerned[module])
            tell(set->configuration->server, (enum setting_module)module);
}

enum error configuration_set(struct configuration *configuration, const struct slice *words,
                             size_t count, struct buffer *error_text)
{
    if (count / 2 > CONFIGURATION_PAIRS_MAX) {
        buffer_add_string(error_text, "ERR too many settings at once");
        buffer_add(error_text, "", 1);
        return ERROR_LIMIT;
    }
    const struct admission_settings *admission = &configuration->settings->admission;
    struct change_set set = {
        .configuration = configuration,
        .changes = memory_allocate_zeroed((count / 2 + 1) * sizeof(struct change)),
        .old_bind = memory_copy_string(admission->bind),
        .old_port = admission->port,
    };
    enum error error = OK;
    for (size_t i = 0; error == OK && i + 1 < count; i += 2)
        error = plan(&set, words[i], words[i + 1], error_text);
    if (error == OK)
        error = set_values(&set, error_text);
    if (error == OK && configuration->server != NULL) {
        error = check_world(&set, error_text);
        if (error == OK)
            tell_all(&set);
        else
            put_back(&set, set.count);
    }
    for (size_t i = 0; i < set.count; i++)
        buffer_deinit(&set.changes[i].old);
    memory_free(set.changes);
    memory_free(set.old_bind);
    return error;
}
