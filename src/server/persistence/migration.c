#include "server/persistence/migration.h"

#include <stdatomic.h>
#include <string.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/name_table.h"
#include "base/number.h"
#include "commands/command.h"
#include "persist/rdb_writer.h"
#include "protocol/resp_request.h"
#include "server/command_tables.h"
#include "server/dispatch.h"
#include "server/persistence/effects.h"
#include "server/persistence/transfer.h"
#include "server/server.h"
#include "server/session/blocking.h"
#include "server/session/client.h"
#include "server/session/key_waits.h"
#include "system/worker.h"

#define TIMEOUT_MS_DEFAULT 1000
#define PORT_MAX 65535
#define CHECKSUM_SIZE 8 /* at the end of a payload */

struct migrations {
    struct worker *worker; /* NULL: nothing was ever migrated */
    struct server *server;
    struct list held;         /* struct migration: not durable here yet */
    struct name_table moving; /* struct moving_key; hash: database_mix_hash */
    atomic_bool stops;
};

/* A key of one database that is on its way, perhaps for several clients. */
struct moving_key {
    struct name_node node;
    size_t users;
    uint64_t changes; /* since it is here */
    char name[];
};

/* A key, and what was sent of it. */
struct migrated_key {
    struct moving_key *moving;
    uint64_t changes; /* its own, when it was sent */
    char checksum[CHECKSUM_SIZE];
    int64_t deadline_ms;
};

struct migration {
    struct worker_job job;
    struct migrations *owner;
    struct client *client; /* NULL: it has gone, or waits no more */
    struct dispatch_entry *entry;
    struct transfer transfer;
    struct list link; /* in held, while */
    uint64_t gate;    /* ...the log's group that it waits for is not 0 */
    bool copy, is_over;
    size_t count;
    struct migrated_key *keys;
};

/* --- life --- */

struct migrations *migrations_create(struct server *server)
{
    struct migrations *migrations = memory_allocate_zeroed(sizeof *migrations);
    migrations->server = server;
    list_init(&migrations->held);
    return migrations;
}

void migrations_destroy(struct migrations *migrations)
{
    if (migrations == NULL)
        return;
    atomic_store(&migrations->stops, true);
    if (migrations->worker != NULL)
        worker_destroy(migrations->worker);
    ASSERT(list_is_empty(&migrations->held)); /* their clients are gone */
    name_table_deinit(&migrations->moving);
    memory_free(migrations);
}

static struct moving_key *find_moving(const struct migrations *migrations,
                                      const struct database *database, const struct key *key)
{
    struct name_node *node =
        name_table_find(&migrations->moving, database_mix_hash(database, key->hash), key->name);
    return node == NULL ? NULL : NAME_TABLE_ENTRY(node, struct moving_key, node);
}

static struct moving_key *take_moving(struct migrations *migrations,
                                      const struct database *database, const struct key *key)
{
    struct moving_key *moving = find_moving(migrations, database, key);
    if (moving == NULL) {
        moving = memory_allocate_zeroed(sizeof *moving + key->name.length);
        if (key->name.length > 0)
            memcpy(moving->name, key->name.data, key->name.length);
        moving->node.name = slice_of(moving->name, key->name.length);
        moving->node.hash = database_mix_hash(database, key->hash);
        name_table_add(&migrations->moving, &moving->node);
    }
    moving->users++;
    return moving;
}

static void drop_moving(struct migrations *migrations, struct moving_key *moving)
{
    if (--moving->users > 0)
        return;
    name_table_remove(&migrations->moving, &moving->node);
    memory_free(moving);
}

bool migrations_exist(const struct migrations *migrations)
{
    return migrations->moving.count > 0;
}

void migrations_key_changed(struct migrations *migrations, struct database *database,
                            struct slice name)
{
    if (migrations->moving.count == 0)
        return;
    struct key key = {name, keyspace_hash(migrations->server->keyspace, name)};
    struct moving_key *moving = find_moving(migrations, database, &key);
    if (moving != NULL)
        moving->changes++;
}

static void destroy(struct migration *migration)
{
    for (size_t i = 0; i < migration->count; i++)
        drop_moving(migration->owner, migration->keys[i].moving);
    memory_free(migration->keys);
    memory_free(migration->transfer.host);
    memory_free(migration->transfer.accepted);
    buffer_deinit(&migration->transfer.preamble);
    buffer_deinit(&migration->transfer.requests);
    memory_free(migration);
}

/* --- what is asked for --- */

struct request {
    size_t first, count; /* keys: indexes of arguments */
    int64_t database, timeout_ms, port;
    bool copy, replace;
    struct slice user, password; /* data NULL: none */
};

static bool parse_options(struct command_context *context, struct request *request)
{
    *request = (struct request){.first = 3, .count = 1};
    for (size_t i = 6; i < context->count; i++) {
        struct slice word = context->arguments[i];
        size_t more = context->count - 1 - i;
        if (slice_is_word(word, "COPY")) {
            request->copy = true;
        } else if (slice_is_word(word, "REPLACE")) {
            request->replace = true;
        } else if (slice_is_word(word, "AUTH") && more >= 1) {
            request->password = context->arguments[++i];
        } else if (slice_is_word(word, "AUTH2") && more >= 2) {
            request->user = context->arguments[++i];
            request->password = context->arguments[++i];
        } else if (slice_is_word(word, "KEYS")) {
            if (context->arguments[3].length != 0) {
                resp_writer_error(context->reply, "ERR When using MIGRATE KEYS option, the key "
                                                  "argument must be set to the empty string");
                return false;
            }
            request->first = i + 1;
            request->count = more;
            return true;
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

static bool parse(struct command_context *context, struct request *request)
{
    if (!parse_options(context, request) || !command_integer(context, 5, &request->timeout_ms) ||
        !command_integer(context, 4, &request->database))
        return false;
    if (request->timeout_ms <= 0)
        request->timeout_ms = TIMEOUT_MS_DEFAULT;
    if (!number_parse_int64(context->arguments[2], &request->port) || request->port < 1 ||
        request->port > PORT_MAX)
        request->port = 0; /* nobody is there */
    return true;
}

/* --- what is sent --- */

static enum error add_preamble(struct transfer *transfer, const struct request *request)
{
    char text[NUMBER_INTEGER_TEXT_MAX];
    struct slice auth[] = {SLICE("AUTH"), request->user, request->password};
    struct slice select[] = {SLICE("SELECT"),
                             slice_of(text, number_format_int64(text, request->database))};
    bool named = request->user.data != NULL;
    enum error error = OK;
    if (request->password.data != NULL) {
        auth[1] = named ? request->user : request->password;
        error = resp_request_append(&transfer->preamble, auth, named ? 3 : 2);
        transfer->preamble_count++;
    }
    transfer->preamble_count++;
    return error != OK ? error : resp_request_append(&transfer->preamble, select, 2);
}

static enum error dump(const struct entry *entry, struct buffer *payload, char *checksum)
{
    buffer_clear(payload);
    enum error error = rdb_write_dump(payload, entry);
    if (error == OK)
        memcpy(checksum, payload->data + payload->length - CHECKSUM_SIZE, CHECKSUM_SIZE);
    return error;
}

static enum error add_key(struct migration *migration, const struct request *request,
                          const struct database *database, const struct key *key,
                          const struct entry *entry, struct buffer *payload)
{
    struct migrated_key *sent = &migration->keys[migration->count];
    char text[NUMBER_INTEGER_TEXT_MAX];
    sent->deadline_ms = entry_deadline_ms(entry);
    enum error error = dump(entry, payload, sent->checksum);
    if (error != OK)
        return error;
    sent->moving = take_moving(migration->owner, database, key);
    sent->changes = sent->moving->changes;
    migration->count++;
    int64_t deadline_ms = sent->deadline_ms == ENTRY_NO_DEADLINE ? 0 : sent->deadline_ms;
    struct slice words[] = {SLICE("RESTORE"),
                            key->name,
                            slice_of(text, number_format_int64(text, deadline_ms)),
                            buffer_slice(payload),
                            SLICE("ABSTTL"),
                            SLICE("REPLACE")};
    migration->transfer.count++;
    return resp_request_append(&migration->transfer.requests, words, request->replace ? 6 : 5);
}

static enum error add_keys(struct command_context *context, struct migration *migration,
                           const struct request *request)
{
    struct buffer payload = {NULL, 0, 0};
    enum error error = OK;
    migration->keys = memory_allocate_zeroed((request->count + 1) * sizeof migration->keys[0]);
    for (size_t i = 0; i < request->count && error == OK; i++) {
        struct key key = command_key(context, request->first + i);
        const struct entry *entry = database_read(context->database, &key, true);
        if (entry != NULL)
            error = add_key(migration, request, context->database, &key, entry, &payload);
    }
    buffer_deinit(&payload);
    return error;
}

/* --- on its way --- */

static void run(struct worker_job *job)
{
    transfer_run(&((struct migration *)(void *)job)->transfer);
}

static void done(struct worker_job *job)
{
    struct migration *migration = (struct migration *)(void *)job;
    struct client *client = migration->client;
    migration->is_over = true;
    if (client == NULL) {
        destroy(migration);
        return;
    }
    struct slice words[] = {SLICE("MIGRATE")};
    struct server *server = client->server;
    dispatch_execute_woken(server->dispatch, client, migration->entry, words, 1, words);
    if (client->migration == migration)
        blocking_end(client);
    key_waits_serve(server->key_waits);
}

/* The wait has ended, whatever ended it. A transfer goes on. */
static void forget(struct client *client)
{
    struct migration *migration = client->migration;
    client->migration = NULL;
    migration->client = NULL;
    if (migration->gate > 0)
        list_remove(&migration->link);
    if (migration->is_over || migration->gate > 0)
        destroy(migration);
}

/* CLIENT UNBLOCK: nobody knows what has arrived. */
static void reply_unblocked(struct client *client)
{
    resp_writer_error(client->reply,
                      client->migration->gate > 0
                          ? "IOERR nothing has been sent yet, and nothing will be"
                          : "IOERR the transfer goes on, but its end is not waited for");
}

/* Nobody is told of it before it is durable here. */
static void submit_when_durable(struct migrations *migrations, struct migration *migration)
{
    migration->gate = effects_reading_gate(migrations->server->effects);
    if (migration->gate > 0)
        list_add_last(&migrations->held, &migration->link);
    else
        worker_submit(migrations->worker, &migration->job);
}

void migrations_release(struct migrations *migrations, uint64_t durable_group)
{
    LIST_FOR_EACH (node, &migrations->held) {
        struct migration *migration = LIST_ENTRY(node, struct migration, link);
        if (migration->gate > durable_group)
            continue;
        list_remove(node);
        migration->gate = 0;
        worker_submit(migrations->worker, &migration->job);
    }
}

static void begin(struct command_context *context, struct migration *migration,
                  const struct request *request)
{
    struct client *client = client_of(context);
    struct migrations *migrations = client->server->migrations;
    struct slice host = context->arguments[1];
    struct transfer *transfer = &migration->transfer;
    transfer->host = memory_allocate_zeroed(host.length + 1);
    memcpy(transfer->host, host.data, host.length);
    transfer->port = (int)request->port;
    transfer->timeout_ms = request->timeout_ms;
    transfer->stops = &migrations->stops;
    transfer->accepted = memory_allocate_zeroed(transfer->count * sizeof transfer->accepted[0]);
    migration->copy = request->copy;
    migration->entry = client->last_command;
    migration->client = client;
    migration->job = (struct worker_job){.run = run, .done = done};
    client->migration = migration;
    blocking_begin(client, 0, reply_unblocked, forget);
    submit_when_durable(migrations, migration);
}

/* --- arrived --- */

/* Not even written anew with the same: if the target is this place, that is what has arrived. */
static bool is_as_sent(const struct migrated_key *sent, const struct entry *entry,
                       struct buffer *payload)
{
    char checksum[CHECKSUM_SIZE];
    return sent->moving->changes == sent->changes &&
           entry_deadline_ms(entry) == sent->deadline_ms && dump(entry, payload, checksum) == OK &&
           memcmp(checksum, sent->checksum, CHECKSUM_SIZE) == 0;
}

/* Those that were accepted go; returns how many have changed meanwhile, and stay. */
static size_t remove_accepted(struct command_context *context, const struct migration *migration)
{
    struct buffer payload = {NULL, 0, 0};
    size_t changed = 0;
    for (size_t i = 0; i < migration->count; i++) {
        const struct migrated_key *sent = &migration->keys[i];
        struct slice name = sent->moving->node.name;
        struct key key = {name, keyspace_hash(context->keyspace, name)};
        if (!migration->transfer.accepted[i])
            continue;
        const struct entry *entry = database_find(context->database, &key);
        if (entry == NULL)
            continue;
        if (!is_as_sent(sent, entry, &payload)) {
            changed++;
            continue;
        }
        (void)database_delete(context->database, &key);
        command_effect_key(context, context->database, "DEL", key.name);
        command_changed(context, context->database, key.name, EVENT_GENERIC, "del");
    }
    buffer_deinit(&payload);
    return changed;
}

static void finish(struct command_context *context, const struct migration *migration)
{
    const struct transfer *transfer = &migration->transfer;
    size_t changed = migration->copy ? 0 : remove_accepted(context, migration);
    if (transfer->error[0] != '\0')
        resp_writer_error_format(context->reply, "ERR Target instance replied with error: %s",
                                 transfer->error);
    else if (transfer->outcome != TRANSFER_ANSWERED)
        resp_writer_error_format(context->reply, "IOERR error or timeout %s to target instance",
                                 transfer->outcome == TRANSFER_NOT_READ ? "reading" : "writing");
    else if (changed > 0)
        resp_writer_error_format(
            context->reply, "IOERR %zu keys were changed on their way and stay here, too", changed);
    else
        resp_writer_ok(context->reply);
}

/* --- the command --- */

/* False: there is no thread to be had. */
static bool has_worker(struct migrations *migrations)
{
    if (migrations->worker == NULL)
        migrations->worker =
            worker_create(migrations->server->loop, "holdfast-move", WORKER_PROMPT);
    return migrations->worker != NULL;
}

static void command_migrate(struct command_context *context)
{
    struct client *client = client_of(context);
    struct request request;
    if (client->migration != NULL) {
        finish(context, client->migration);
        return;
    }
    if (!parse(context, &request))
        return;
    if (client->flags & CLIENT_IN_EXEC) {
        resp_writer_error(context->reply, "ERR MIGRATE cannot wait inside a transaction");
        return;
    }
    struct migration *migration = memory_allocate_zeroed(sizeof *migration);
    migration->owner = client->server->migrations;
    enum error error = add_preamble(&migration->transfer, &request);
    if (error == OK)
        error = add_keys(context, migration, &request);
    if (error == OK && migration->count > 0 && has_worker(client->server->migrations)) {
        begin(context, migration, &request);
        return;
    }
    if (error != OK)
        command_reply_out_of_memory(context);
    else if (migration->count == 0)
        resp_writer_simple(context->reply, SLICE("NOKEY"));
    else
        resp_writer_error(context->reply, "IOERR there is no thread to be had");
    destroy(migration);
}

/* The key, or if that is empty what stands behind KEYS. */
static size_t migrate_keys(const struct slice *arguments, size_t count,
                           struct key_position *positions, size_t max)
{
    size_t first = 3, found = 1;
    for (size_t i = 6; arguments[3].length == 0 && i < count; i++) {
        if (slice_is_word(arguments[i], "AUTH"))
            i++;
        else if (slice_is_word(arguments[i], "AUTH2"))
            i += 2;
        else if (slice_is_word(arguments[i], "KEYS")) {
            first = i + 1;
            found = count - first;
            break;
        }
    }
    for (size_t i = 0; i < found && i < max; i++)
        positions[i] = (struct key_position){first + i, KEY_RW | KEY_ACCESS | KEY_DELETE};
    return found;
}

const struct command migration_commands[] = {
    {
        .name = "MIGRATE",
        .run = command_migrate,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_MOVABLE_KEYS,
        .categories = CATEGORY_KEYSPACE | CATEGORY_DANGEROUS,
        .keys = {KEYS_RANGE(3, 0, 1, KEY_RW | KEY_ACCESS | KEY_DELETE),
                 {.find = KEY_FIND_KEYWORD,
                  .keyword = "KEYS",
                  .first = -2,
                  .last = -1,
                  .step = 1,
                  .flags = KEY_RW | KEY_ACCESS | KEY_DELETE | KEY_INCOMPLETE}},
        .find_keys = migrate_keys,
        .group = "generic",
        .since = "2.6.0",
        .syntax = "host port <key|\"\"> destination-db timeout [COPY] [REPLACE] [AUTH auth|AUTH2 "
                  "username password] [KEYS keys [keys ...]]",
        .summary = "Moves keys to another server.",
        .complexity = "O(N) for the size of the values",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
