/* What is found out about commands before they run: look-ups and hashes, so that the misses of all
 * keys of a batch overlap, and those of the next batch with the reading of its connection. */
#include "base/prefetch.h"
#include "keyspace/keyspace.h"
#include "server/dispatch_private.h"
#include "server/server.h"
#include "server/session/client.h"

/* Hashes of the keys of one command, at the indexes of the arguments. Returns how many keys there
 * are, 0 also when they are too many to prepare. `last`: the last single key, so that it is hashed
 * once in a pipeline that repeats it. */
static size_t hash_keys(struct dispatch *dispatch, const struct command *command,
                        const struct resp_command *line, struct key *last, uint64_t *hashes,
                        struct key_position *positions, size_t positions_max)
{
    const struct keyspace *keyspace = dispatch->server->keyspace;
    const struct key_spec *spec = &command->keys[0];
    if (LIKELY(spec->find == KEY_FIND_RANGE && spec->last == 0 &&
               command->keys[1].find == KEY_FIND_NONE)) {
        size_t index = (size_t)spec->first;
        if (line->count <= index || positions_max == 0)
            return 0;
        struct slice name = line->arguments[index];
        if (last->name.data == NULL || !slice_equals(last->name, name))
            *last = (struct key){name, keyspace_hash(keyspace, name)};
        hashes[index] = last->hash;
        positions[0].index = index;
        return 1;
    }
    size_t count =
        command_key_positions(command, line->arguments, line->count, positions, positions_max);
    if (count == COMMAND_KEYS_ERROR || count > positions_max)
        return 0;
    for (size_t i = 0; i < count; i++)
        hashes[positions[i].index] = keyspace_hash(keyspace, line->arguments[positions[i].index]);
    return count;
}

static bool names_keys(const struct command *command)
{
    return command->keys[0].find != KEY_FIND_NONE && !(command->keys[0].flags & KEY_NOT_KEY);
}

void dispatch_prepare(struct dispatch *dispatch, struct dispatch_batch *batch,
                      const struct client *client, const struct resp_command *commands,
                      size_t count)
{
    struct slice last_name = {NULL, 0};
    struct dispatch_entry *last = NULL;
    struct key last_key = {{NULL, 0}, 0};
    size_t arguments_used = 0, keys = 0;
    bool hashing = (client->flags & CLIENT_IN_MULTI) == 0;
    batch->commands = commands;
    batch->count = count;
    batch->database = client->database;
    batch->looks_count = 0;

    for (size_t i = 0; i < count; i++) {
        const struct resp_command *line = &commands[i];
        struct dispatch_plan *plan = &batch->plans[i];
        *plan = (struct dispatch_plan){NULL, NULL};
        if (line->count == 0)
            continue;
        /* Pipelines repeat themselves. */
        if (last != NULL && slice_equals(line->arguments[0], last_name)) {
            plan->entry = last;
        } else {
            plan->entry = dispatch_find(dispatch, line->arguments, line->count);
            bool reusable = plan->entry != NULL && plan->entry->container == NULL &&
                            plan->entry->command->subcommands == NULL;
            last = reusable ? plan->entry : NULL;
            last_name = line->arguments[0];
        }
        if (plan->entry == NULL || !hashing || !names_keys(plan->entry->command) ||
            line->count > DISPATCH_BATCH_ARGUMENTS_MAX - arguments_used)
            continue;
        uint64_t *hashes = batch->hashes + arguments_used;
        struct key_position *positions = dispatch->positions;
        size_t found = hash_keys(dispatch, plan->entry->command, line, &last_key, hashes, positions,
                                 DISPATCH_BATCH_KEYS_MAX - keys);
        if (found == 0)
            continue;
        plan->hashes = hashes;
        for (size_t k = 0; k < found; k++) {
            uint64_t hash = hashes[positions[k].index];
            if (keys == 0 || batch->key_hashes[keys - 1] != hash)
                batch->key_hashes[keys++] = hash;
        }
        arguments_used += line->count;
        size_t member = plan->entry->command->member;
        if (member != 0 && member < line->count)
            batch->looks[batch->looks_count++] = (struct dispatch_look){
                .key = {line->arguments[1], hashes[1]}, .fetch.member = line->arguments[member]};
    }
    batch->keys = keys;
    for (size_t k = 0; k < keys; k++)
        database_prefetch_bucket(batch->database, batch->key_hashes[k]);
}

/* The collections of all looks: their entries are there by now. */
static void find_collections(struct dispatch_batch *batch)
{
    for (size_t i = 0; i < batch->looks_count; i++) {
        struct dispatch_look *look = &batch->looks[i], *last = look - 1;
        if (i > 0 && look->key.hash == last->key.hash &&
            slice_equals(look->key.name, last->key.name)) {
            look->kind = last->kind;
            look->fetch.value = last->fetch.value;
            continue;
        }
        look->fetch.value = database_peek(batch->database, &look->key, &look->kind);
        if (look->kind != NULL && look->kind->fetch == NULL)
            look->kind = NULL;
        prefetch(look->fetch.value);
    }
}

/* One step of all looks; false: nothing is left to fetch. */
static bool fetch_step(struct dispatch_batch *batch)
{
    bool more = false;
    for (size_t i = 0; i < batch->looks_count; i++) {
        struct dispatch_look *look = &batch->looks[i];
        if (look->kind == NULL)
            continue;
        if (!look->kind->fetch(&look->fetch))
            look->kind = NULL;
        look->fetch.step++;
        more = more || look->kind != NULL;
    }
    return more;
}

/* What the commands of these batches will read, as far as it follows from the buckets of their
 * keys: the entries; then, step by step, the members of collections. */
static void fetch_batches(struct dispatch_batch *batches, size_t count)
{
    bool looks = false;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < batches[i].keys; k++)
            database_prefetch_entry(batches[i].database, batches[i].key_hashes[k]);
        looks = looks || batches[i].looks_count > 0;
    }
    for (size_t i = 0; i < count && looks; i++)
        find_collections(&batches[i]);
    while (looks) {
        looks = false;
        for (size_t i = 0; i < count; i++)
            looks = fetch_step(&batches[i]) || looks;
    }
}

struct dispatch_batch *dispatch_prepared(struct dispatch *dispatch, const struct client *client,
                                         const struct resp_command *commands, size_t count)
{
    for (size_t i = dispatch->next; i < dispatch->prepared; i++) {
        struct dispatch_batch *batch = &dispatch->batches[i];
        if (batch->commands == commands && batch->count == count) {
            dispatch->next = i + 1;
            return batch;
        }
    }
    struct dispatch_batch *batch = &dispatch->batches[DISPATCH_AHEAD_MAX];
    dispatch_prepare(dispatch, batch, client, commands, count);
    fetch_batches(batch, 1);
    return batch;
}

void dispatch_prepare_ahead(struct dispatch *dispatch, const struct client *client,
                            const struct resp_command *commands, size_t count)
{
    if (dispatch->fetched) {
        dispatch->prepared = dispatch->next = 0;
        dispatch->fetched = false;
    }
    if (count <= DISPATCH_BATCH_MAX && dispatch->prepared < DISPATCH_AHEAD_MAX)
        dispatch_prepare(dispatch, &dispatch->batches[dispatch->prepared++], client, commands,
                         count);
}

void dispatch_fetch_ahead(struct dispatch *dispatch)
{
    fetch_batches(dispatch->batches + dispatch->next, dispatch->prepared - dispatch->next);
    dispatch->fetched = true;
}
