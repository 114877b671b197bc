#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "server/dispatch_private.h"

/* Names come from the program, look-ups from clients: an unkeyed hash of a fixed, small set is
 * safe. */
static uint64_t hash_name(const char *name, size_t length)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    return hash ^ (hash >> 32);
}

static struct dispatch_row *find_row(const struct dispatch *dispatch, struct slice lower_name)
{
    struct name_node *node = name_table_find(
        &dispatch->table, hash_name(lower_name.data, lower_name.length), lower_name);
    return node == NULL ? NULL : NAME_TABLE_ENTRY(node, struct dispatch_row, node);
}

static void set_name(struct dispatch *dispatch, struct dispatch_row *row)
{
    size_t length = strlen(row->name);
    row->node.name = slice_of(row->name, length);
    row->node.hash = hash_name(row->name, length);
    ASSERT(find_row(dispatch, row->node.name) == NULL);
    name_table_add(&dispatch->table, &row->node);
}

static unsigned traits_of(const char *name)
{
    static const struct {
        const char *name;
        unsigned traits;
    } special[] = {
        {"exec", TRAIT_NEVER_QUEUED | TRAIT_EXEC | TRAIT_OOM_IN_MULTI},
        {"discard", TRAIT_NEVER_QUEUED | TRAIT_OOM_IN_MULTI},
        {"multi", TRAIT_NEVER_QUEUED},
        {"watch", TRAIT_NEVER_QUEUED},
        {"quit", TRAIT_NEVER_QUEUED | TRAIT_IN_PUBSUB | TRAIT_OOM_IN_MULTI},
        {"reset", TRAIT_NEVER_QUEUED | TRAIT_IN_PUBSUB | TRAIT_OOM_IN_MULTI},
        {"ping", TRAIT_IN_PUBSUB},
        {"subscribe", TRAIT_IN_PUBSUB},
        {"unsubscribe", TRAIT_IN_PUBSUB},
        {"psubscribe", TRAIT_IN_PUBSUB},
        {"punsubscribe", TRAIT_IN_PUBSUB},
        {"ssubscribe", TRAIT_IN_PUBSUB},
        {"sunsubscribe", TRAIT_IN_PUBSUB},
        {"client", TRAIT_KEEPS_CACHING},
    };
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (strcmp(special[i].name, name) == 0)
            return special[i].traits;
    return 0;
}

static struct dispatch_row *add_row(struct dispatch *dispatch, const struct command *command,
                                    struct dispatch_row *container)
{
    struct dispatch_row *row = memory_allocate_zeroed(sizeof *row);
    int length = container == NULL ? snprintf(row->name, sizeof row->name, "%s", command->name)
                                   : snprintf(row->name, sizeof row->name, "%s|%s", container->name,
                                              command->name);
    ASSERT(length > 0 && (size_t)length < sizeof row->name);
    for (char *at = row->name; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    memcpy(row->full_name, row->name, sizeof row->full_name);
    row->container = container;
    row->traits = container == NULL ? traits_of(row->name) : container->traits;
    row->entry.command = command;
    row->entry.container = container == NULL ? NULL : &container->entry;
    row->entry.full_name = row->full_name;
    set_name(dispatch, row);

    if (dispatch->rows_count == dispatch->rows_capacity) {
        dispatch->rows_capacity = dispatch->rows_capacity == 0 ? 256 : dispatch->rows_capacity * 2;
        dispatch->rows =
            memory_resize(dispatch->rows, dispatch->rows_capacity * sizeof(struct dispatch_row *));
    }
    dispatch->rows[dispatch->rows_count++] = row;
    return row;
}

void dispatch_register(struct dispatch *dispatch, const struct command *table)
{
    for (const struct command *command = table; command->name != NULL; command++) {
        struct dispatch_row *row = add_row(dispatch, command, NULL);
        dispatch->commands_count++;
        const struct command *subcommand = command->subcommands;
        for (; subcommand != NULL && subcommand->name != NULL; subcommand++)
            add_row(dispatch, subcommand, row);
    }
}

/* Writes `name` in lower case; false if it is longer than any command's. */
static bool lower(struct slice name, char *out, size_t size)
{
    if (name.length >= size)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];
        out[i] = (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c;
    }
    return true;
}

static struct dispatch_row *find_any_case(const struct dispatch *dispatch, struct slice name)
{
    char text[DISPATCH_NAME_MAX];
    return lower(name, text, sizeof text) ? find_row(dispatch, slice_of(text, name.length)) : NULL;
}

struct dispatch_entry *dispatch_find(struct dispatch *dispatch, const struct slice *arguments,
                                     size_t count)
{
    struct dispatch_row *row = find_any_case(dispatch, arguments[0]);
    if (row == NULL || row->container != NULL)
        return NULL;
    if (LIKELY(row->entry.command->subcommands == NULL) || count == 1)
        return &row->entry;

    char text[DISPATCH_NAME_MAX];
    size_t length = strlen(row->full_name);
    memcpy(text, row->full_name, length);
    text[length++] = '|';
    if (!lower(arguments[1], text + length, sizeof text - length))
        return NULL;
    row = find_row(dispatch, slice_of(text, length + arguments[1].length));
    return row == NULL ? NULL : &row->entry;
}

struct dispatch_entry *dispatch_find_name(struct dispatch *dispatch, struct slice full_name)
{
    struct dispatch_row *row = find_any_case(dispatch, full_name);
    return row == NULL ? NULL : &row->entry;
}

size_t dispatch_count(const struct dispatch *dispatch)
{
    return dispatch->rows_count;
}

struct dispatch_entry *dispatch_at(struct dispatch *dispatch, size_t index)
{
    ASSERT(index < dispatch->rows_count);
    return &dispatch->rows[index]->entry;
}

size_t dispatch_count_commands(const struct dispatch *dispatch)
{
    return dispatch->commands_count;
}

bool dispatch_rename(struct dispatch *dispatch, struct slice name, struct slice new_name)
{
    struct dispatch_row *row = find_any_case(dispatch, name);
    if (row == NULL || row->container != NULL)
        return false;
    char text[DISPATCH_NAME_MAX];
    if (!lower(new_name, text, sizeof text))
        return false;
    if (new_name.length > 0 && find_row(dispatch, slice_of(text, new_name.length)) != NULL)
        return false;

    /* Subcommands keep their names: they are found through the container's own full name. */
    name_table_remove(&dispatch->table, &row->node);
    row->hidden = new_name.length == 0;
    if (!row->hidden) {
        memcpy(row->name, text, new_name.length);
        row->name[new_name.length] = '\0';
        set_name(dispatch, row);
    }
    return true;
}
