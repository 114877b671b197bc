#include "support/command_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants setjmp, stdarg, stddef. */
#include <cmocka.h>

#include "base/memory.h"

#define WORDS_MAX 64

static struct command_fixture *fixture_of(struct command_context *context)
{
    return context->session;
}

static void separate(struct buffer *buffer, const char *separator)
{
    if (buffer->length > 0)
        buffer_add_string(buffer, separator);
}

static void add_slice(struct buffer *buffer, struct slice slice)
{
    buffer_add(buffer, slice.data, slice.length);
}

static void note_event(struct command_fixture *fixture, const char *event, struct slice key)
{
    separate(&fixture->events, ", ");
    buffer_add_string(&fixture->events, event);
    buffer_add_string(&fixture->events, " ");
    add_slice(&fixture->events, key);
}

static void key_changed(struct command_context *context, struct database *database,
                        struct slice key)
{
    struct buffer *touched = &fixture_of(context)->touched;
    (void)database;
    separate(touched, " ");
    add_slice(touched, key);
}

static void key_event(struct command_context *context, struct database *database,
                      unsigned event_class, const char *event, struct slice key)
{
    (void)database;
    assert_true((event_class == EVENT_NEW) == (strcmp(event, "new") == 0));
    note_event(fixture_of(context), event, key);
}

static void effect(struct command_context *context, struct database *database,
                   const struct slice *arguments, size_t count)
{
    struct buffer *effects = &fixture_of(context)->effects;
    (void)database;
    separate(effects, "; ");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_add_string(effects, " ");
        add_slice(effects, arguments[i]);
    }
}

static char *take_argument(struct command_context *context, size_t index, size_t *length)
{
    struct command_fixture *fixture = fixture_of(context);
    struct slice argument = context->arguments[index];
    if (!fixture->blocks)
        return NULL;
    char *block = memory_allocate(argument.length);
    memcpy(block, argument.data, argument.length);
    *length = argument.length;
    fixture->blocks_taken++;
    return block;
}

static uint64_t random_bits(struct command_context *context)
{
    return UINT64_C(0x9E3779B97F4A7C15) * ++fixture_of(context)->services_calls;
}

static void flushing(struct command_context *context, struct database *database)
{
    char name[32];
    snprintf(name, sizeof name, "%d", database == NULL ? -1 : database_index(database));
    note_event(fixture_of(context), "flushing", slice_of_string(name));
}

static void swapping(struct command_context *context, struct database *a, struct database *b)
{
    char name[32];
    snprintf(name, sizeof name, "%d %d", database_index(a), database_index(b));
    note_event(fixture_of(context), "swapping", slice_of_string(name));
}

static void removed(void *context, struct database *database, struct slice key, enum removal reason)
{
    (void)database;
    note_event(context, reason == REMOVED_EXPIRED ? "expired" : "evicted", key);
}

static void missed(void *context, struct database *database, struct slice key)
{
    (void)database;
    note_event(context, "keymiss", key);
}

static void key_ready(struct command_context *context, struct database *database, struct slice key)
{
    (void)context, (void)database, (void)key;
}

int command_fixture_setup(void **state)
{
    struct command_fixture *fixture = memory_allocate_zeroed(sizeof *fixture);
    struct hash_seed seed = {1, 2};
    struct keyspace_hooks hooks = {.context = fixture, .removed = removed, .missed = missed};
    fixture->keyspace = keyspace_create(COMMAND_FIXTURE_DATABASES, &seed, &hooks);
    fixture->database = keyspace_database(fixture->keyspace, 0);
    fixture->pool = chain_pool_create(2);
    chain_init(&fixture->out, fixture->pool);
    fixture->reply = (struct resp_writer){.out = &fixture->out, .version = 2};
    fixture->services = (struct command_services){
        .key_changed = key_changed,
        .key_ready = key_ready,
        .key_event = key_event,
        .take_argument = take_argument,
        .random = random_bits,
        .flushing = flushing,
        .swapping = swapping,
    };
    command_fixture_set_time(fixture, COMMAND_FIXTURE_NOW_MS);
    *state = fixture;
    return 0;
}

int command_fixture_teardown(void **state)
{
    struct command_fixture *fixture = *state;
    chain_deinit(&fixture->out);
    chain_pool_destroy(fixture->pool);
    keyspace_destroy(fixture->keyspace);
    buffer_deinit(&fixture->text);
    buffer_deinit(&fixture->events);
    buffer_deinit(&fixture->effects);
    buffer_deinit(&fixture->touched);
    memory_free(fixture);
    return 0;
}

static const struct command *look_up(const struct slice *words, size_t count)
{
    const struct command *command = NULL;
    for (size_t i = 0; command == NULL && command_catalogue[i] != NULL; i++)
        command = command_find(command_catalogue[i], words[0]);
    if (command != NULL && command->subcommands != NULL && count > 1)
        command = command_find(command->subcommands, words[1]);
    if (command == NULL || command->run == NULL)
        fail_msg("no such command: %.*s", (int)words[0].length, words[0].data);
    else if (command->arity >= 0 ? count != (size_t)command->arity
                                 : count < (size_t)-command->arity)
        fail_msg("%s: wrong number of arguments", command->name);
    return command;
}

const char *command_fixture_run_words(struct command_fixture *fixture, const struct slice *words,
                                      size_t count)
{
    const struct command *command = look_up(words, count);
    struct slice arguments[WORDS_MAX];
    assert_true(count <= WORDS_MAX);
    memcpy(arguments, words, count * sizeof *words);
    fixture->services.effect = fixture->without_effects ? NULL : effect;
    struct command_context context = {
        .command = command,
        .arguments = arguments,
        .count = count,
        .reply = &fixture->reply,
        .keyspace = fixture->keyspace,
        .database = fixture->database,
        .services = &fixture->services,
        .session = fixture,
        .no_touch = fixture->no_touch,
    };
    command->run(&context);
    fixture->changes = context.changes;
    if (context.changes > 0 && !context.effect_replaced) {
        separate(&fixture->effects, "; ");
        buffer_add_string(&fixture->effects, "as sent");
    }
    size_t length = fixture->out.length;
    buffer_clear(&fixture->text);
    assert_int_equal(buffer_reserve(&fixture->text, length + 1), OK);
    chain_copy_out(&fixture->out, 0, fixture->text.data, length);
    fixture->text.data[length] = '\0';
    fixture->text.length = length;
    chain_consume(&fixture->out, length);
    database_check(fixture->database);
    return fixture->text.data;
}

const char *command_fixture_run(struct command_fixture *fixture, const char *line)
{
    struct slice words[WORDS_MAX];
    size_t count = 0;
    for (const char *at = line; *at != '\0';) {
        bool quoted = *at == '\'';
        const char *begin = at + quoted;
        size_t length = strcspn(begin, quoted ? "'" : " ");
        assert_true(count < WORDS_MAX);
        words[count++] = slice_of(begin, length);
        at = begin + length + quoted;
        at += strspn(at, " ");
    }
    return command_fixture_run_words(fixture, words, count);
}

void command_fixture_expect_at(struct command_fixture *fixture, const char *line,
                               const char *answer, const char *file, int at)
{
    const char *reply = command_fixture_run(fixture, line);
    if (strcmp(reply, answer) == 0)
        return;
    print_error("%s\n  answered %s\n  instead of %s\n", line, reply, answer);
    _fail(file, at);
}

static const char *read_record(struct command_fixture *fixture, struct buffer *record)
{
    buffer_clear(&fixture->text);
    buffer_add(&fixture->text, record->data, record->length);
    buffer_add(&fixture->text, "", 1);
    buffer_clear(record);
    return fixture->text.data;
}

const char *command_fixture_events(struct command_fixture *fixture)
{
    return read_record(fixture, &fixture->events);
}

const char *command_fixture_effects(struct command_fixture *fixture)
{
    return read_record(fixture, &fixture->effects);
}

const char *command_fixture_touched(struct command_fixture *fixture)
{
    return read_record(fixture, &fixture->touched);
}

void command_fixture_forget(struct command_fixture *fixture)
{
    buffer_clear(&fixture->events);
    buffer_clear(&fixture->effects);
    buffer_clear(&fixture->touched);
}

void command_fixture_set_time(struct command_fixture *fixture, int64_t now_ms)
{
    keyspace_set_time(fixture->keyspace, now_ms);
}
