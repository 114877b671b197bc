#include "persist/snapshot.h"

#include <errno.h>
#include <string.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/chain.h"
#include "base/memory.h"
#include "keyspace/database.h"
#include "keyspace/keyspace.h"
#include "keyspace/snapshot_walk.h"
#include "persist/rdb_producers.h"
#include "persist/rdb_value_writer.h"
#include "persist/rdb_writer.h"
#include "persist/snapshot_chunks.h"
#include "persist/snapshot_file.h"
#include "system/clock.h"
#include "system/event_loop.h"
#include "system/worker.h"
#include "values/value_walk.h"

/* Bytes not written yet: the worker keeps up, and has time to rest. */
#define RESTS_BELOW (SNAPSHOT_BACKLOG_MAX / 2)
#define STEPS_PER_LOOK 4 /* of the walk between two looks at the clock */

/* What the worker is doing. */
struct snapshot_job {
    struct worker_job worker_job; /* first */
    struct snapshot *snapshot;
    struct snapshot_chunk *chunk; /* NULL: only `ends` */
    bool ends, rests;
    int error_number;
};

/* A large collection that is taken in pieces. The file is written from front to back, so one of
 * them writes to it at a time; what the others have to hand out before their turn waits in them. */
struct large {
    struct large *next;
    struct snapshot *snapshot;
    struct value_walk walk;
    enum value_type type;
    void *value;
    bool is_ours; /* its key is gone: it is freed at the end */
    unsigned char rdb_type;
    int64_t base_ms;
    struct snapshot_chunks held; /* before its turn: the head of its record, what is out early */
    struct buffer tail;          /* of its record */
};

struct snapshot {
    struct event_loop *loop;
    struct clock *clock;
    struct keyspace *keyspace;
    struct worker *worker;
    bool compress;
    void (*done)(void *context, int error_number);
    void *context;

    struct snapshot_chunks chunks; /* encoded, for the worker */
    int database;                  /* of the entry encoded last; -1: none yet */

    struct large *large;          /* the first writes to `chunks`, the others wait; NULL: none */
    struct snapshot_chunks aside; /* small entries that were taken meanwhile: they follow it */
    int aside_database;           /* of the entry taken last; -1: none yet */
    size_t held;                  /* bytes in `aside` and in what large ones hold */

    struct snapshot_file *file; /* the worker's while `busy` */
    struct snapshot_job job;
    bool busy, walked, end_submitted, is_over;
    bool is_awaited; /* the loop does nothing else until it is over */
    int error_number;
    struct snapshot_progress progress;
};

static void give_up(struct snapshot *snapshot, int error_number)
{
    if (snapshot->error_number != 0 || snapshot->is_over)
        return;
    snapshot->error_number = error_number;
    if (!snapshot->walked)
        snapshot_walk_break_off(snapshot->keyspace);
    /* Large ones are let go at the end of the turn: this may be called by one of them. */
    event_loop_turn_again(snapshot->loop); /* the end of the turn says so */
}

/* --- the worker's side --- */

static enum error write_value(struct snapshot *snapshot, const struct chain_shared *value)
{
    struct buffer encoded = {NULL, 0, 0};
    enum error error =
        rdb_write_string(&encoded, slice_of(value->data, value->length), snapshot->compress);
    if (error == OK)
        error = snapshot_file_write(snapshot->file, buffer_slice(&encoded));
    else
        errno = ENOMEM;
    int reason = errno;
    buffer_deinit(&encoded);
    errno = reason;
    return error;
}

static void run_job(struct worker_job *worker_job)
{
    struct snapshot_job *job = (struct snapshot_job *)(void *)worker_job;
    struct snapshot_file *file = job->snapshot->file;
    enum error error = OK;
    snapshot_file_set_rests(file, job->rests);
    if (job->chunk != NULL)
        error = snapshot_file_write(file, buffer_slice(&job->chunk->bytes));
    if (error == OK && job->chunk != NULL && job->chunk->value != NULL)
        error = write_value(job->snapshot, job->chunk->value);
    if (error == OK && job->ends)
        error = snapshot_file_finish(file);
    job->error_number = error == OK ? 0 : errno;
}

static size_t backlog(const struct snapshot *snapshot)
{
    const struct snapshot_chunk *writing = snapshot->job.chunk;
    return snapshot->chunks.length + (writing != NULL ? snapshot_chunk_size(writing) : 0);
}

static void submit_next(struct snapshot *snapshot);

static void job_done(struct worker_job *worker_job)
{
    struct snapshot_job *job = (struct snapshot_job *)(void *)worker_job;
    struct snapshot *snapshot = job->snapshot;
    snapshot->busy = false;
    if (job->chunk != NULL)
        snapshot_chunk_destroy(job->chunk);
    job->chunk = NULL;
    if (job->error_number != 0)
        give_up(snapshot, job->error_number);
    else if (job->ends)
        snapshot->is_over = true;
    submit_next(snapshot);
    event_loop_turn_again(snapshot->loop);
}

static void submit_next(struct snapshot *snapshot)
{
    if (snapshot->busy || snapshot->error_number != 0 || snapshot->end_submitted)
        return;
    struct snapshot_chunk *chunk = snapshot_chunks_take(&snapshot->chunks);
    bool ends = snapshot->walked && snapshot->chunks.first == NULL;
    if (chunk == NULL && !ends)
        return;
    size_t size = chunk != NULL ? snapshot_chunk_size(chunk) : 0;
    snapshot->progress.bytes += size;
    snapshot->end_submitted = ends;
    snapshot->busy = true;
    snapshot->job = (struct snapshot_job){
        .worker_job = {.run = run_job, .done = job_done},
        .snapshot = snapshot,
        .chunk = chunk,
        .ends = ends,
        .rests = !snapshot->is_awaited && size + snapshot->chunks.length < RESTS_BELOW,
    };
    worker_submit(snapshot->worker, &snapshot->job.worker_job);
}

/* --- encoding --- */

/* Passes on what is full. */
static void encoded_more(struct snapshot *snapshot)
{
    snapshot_chunks_seal_full(&snapshot->chunks);
    submit_next(snapshot);
}

static bool make_room(struct snapshot *snapshot)
{
    struct buffer *out = &snapshot->chunks.open;
    if (out->data != NULL ||
        buffer_reserve(out, SNAPSHOT_CHUNK_SIZE + SNAPSHOT_CHUNK_SIZE / 4) == OK)
        return true;
    give_up(snapshot, ENOMEM);
    return false;
}

/* Adds what was held back to the file. */
static void release(struct snapshot *snapshot, struct snapshot_chunks *held)
{
    snapshot->held -= snapshot_chunks_length(held);
    if (snapshot_chunks_move(&snapshot->chunks, held) != OK)
        give_up(snapshot, ENOMEM);
    encoded_more(snapshot);
}

/* --- large collections, in pieces --- */

static void take_part(void *context, const struct value_part *part)
{
    struct large *large = context;
    struct snapshot *snapshot = large->snapshot;
    bool has_turn = snapshot->large == large;
    struct buffer *out = has_turn ? &snapshot->chunks.open : &large->held.open;
    if (snapshot->error_number != 0 || (has_turn && !make_room(snapshot)))
        return;
    size_t before = out->length;
    if (rdb_write_value_part(out, large->rdb_type, part, large->base_ms, snapshot->compress) !=
        OK) {
        give_up(snapshot, ENOMEM);
        return;
    }
    if (has_turn) {
        encoded_more(snapshot);
        return;
    }
    snapshot->held += out->length - before;
    snapshot_chunks_seal_full(&large->held);
}

static bool keep_value(void *context, enum value_type type, void *value)
{
    struct snapshot *snapshot = context;
    (void)type;
    for (struct large *large = snapshot->large; large != NULL; large = large->next)
        if (large->value == value) {
            large->is_ours = true;
            return true;
        }
    return false;
}

/* Ends all walks of large collections: they may go on without us. */
static void let_go(void *context)
{
    struct snapshot *snapshot = context;
    while (snapshot->large != NULL) {
        struct large *large = snapshot->large;
        snapshot->large = large->next;
        value_kind(large->type)->walk_end(large->value, &large->walk);
        if (large->is_ours)
            snapshot_walk_free_value(snapshot->keyspace, large->type, large->value);
        snapshot_chunks_deinit(&large->held);
        buffer_deinit(&large->tail);
        memory_free(large);
        if (snapshot->error_number == 0)
            give_up(snapshot, ECANCELED);
    }
    snapshot_walk_set_keeper(snapshot->keyspace, NULL);
}

/* False: it is not large, and to be encoded as a whole. */
static bool take_large(struct snapshot *snapshot, struct database *database,
                       const struct entry *entry)
{
    enum value_type type = (enum value_type)entry->type;
    if (type == TYPE_STRING || value_kind(type)->walk_begin == NULL)
        return false;
    struct large *large = memory_allocate_zeroed(sizeof *large);
    snapshot_chunks_init(&large->held);
    large->walk = (struct value_walk){.context = large, .take = take_part};
    large->value = entry_collection(entry);
    if (!value_kind(type)->walk_begin(large->value, &large->walk)) {
        memory_free(large);
        return false;
    }
    large->snapshot = snapshot;
    large->type = type;
    large->rdb_type = rdb_value_writer_type(entry);
    struct large **end = &snapshot->large;
    while (*end != NULL)
        end = &(*end)->next;
    *end = large;
    struct value_keeper keeper = {snapshot, keep_value, let_go};
    snapshot_walk_set_keeper(snapshot->keyspace, &keeper);
    struct buffer *head = &large->held.open;
    rdb_write_database(head, database_index(database));
    if (rdb_write_entry_head(head, entry, snapshot->compress) != OK ||
        rdb_write_value_head(head, entry, large->walk.parts, &large->base_ms) != OK ||
        rdb_write_value_tail(&large->tail, entry) != OK ||
        rdb_producers_write(&large->tail, entry) != OK) {
        give_up(snapshot, ENOMEM);
        return true;
    }
    snapshot->held += head->length + large->tail.length;
    snapshot->database = -1; /* what follows in the file says its own */
    if (snapshot->large == large)
        release(snapshot, &large->held);
    return true;
}

static void release_tail(struct snapshot *snapshot, struct buffer *tail)
{
    snapshot->held -= tail->length;
    if (buffer_append(&snapshot->chunks.open, tail->data, tail->length) != OK)
        give_up(snapshot, ENOMEM);
    buffer_deinit(tail);
}

/* A piece of the large collection whose turn it is. */
static void step_large(struct snapshot *snapshot)
{
    struct large *large = snapshot->large;
    if (value_kind(large->type)->walk_step(large->value, &large->walk))
        return;
    if (snapshot->error_number != 0)
        return; /* it gave up meanwhile: all are let go */
    value_kind(large->type)->walk_end(large->value, &large->walk);
    if (large->is_ours)
        snapshot_walk_free_value(snapshot->keyspace, large->type, large->value);
    snapshot->large = large->next;
    release_tail(snapshot, &large->tail);
    memory_free(large);
    release(snapshot, &snapshot->aside);
    snapshot->aside_database = snapshot->database = -1;
    if (snapshot->large != NULL && snapshot->error_number == 0)
        release(snapshot, &snapshot->large->held);
    else if (snapshot->large == NULL)
        snapshot_walk_set_keeper(snapshot->keyspace, NULL);
}

/* --- entries --- */

static void take(void *context, struct database *database, const struct entry *entry)
{
    struct snapshot *snapshot = context;
    if (snapshot->error_number != 0 || !make_room(snapshot))
        return;
    snapshot->progress.keys_done++;
    if (take_large(snapshot, database, entry))
        return;
    bool waits = snapshot->large != NULL;
    struct snapshot_chunks *row = waits ? &snapshot->aside : &snapshot->chunks;
    int *of = waits ? &snapshot->aside_database : &snapshot->database;
    size_t before = snapshot_chunks_length(row);
    int index = database_index(database);
    if (index != *of) {
        rdb_write_database(&row->open, index);
        *of = index;
    }
    struct chain_shared *shared = NULL;
    if (entry->type == TYPE_STRING && entry_string_length(entry) >= SNAPSHOT_CHUNK_SIZE)
        shared = entry_share((struct entry *)(uintptr_t)entry); /* no change: others may keep it */
    enum error error = shared != NULL ? rdb_write_entry_head(&row->open, entry, snapshot->compress)
                                      : rdb_write_entry(&row->open, entry, snapshot->compress);
    if (error != OK) {
        give_up(snapshot, ENOMEM);
        return;
    }
    if (shared != NULL)
        snapshot_chunks_seal(row, chain_shared_retain(shared));
    snapshot_chunks_seal_full(row);
    if (waits)
        snapshot->held += snapshot_chunks_length(row) - before;
    else
        submit_next(snapshot);
}

static void broken_off(void *context)
{
    give_up(context, ECANCELED);
}

/* --- the walk --- */

static void end_walk(struct snapshot *snapshot)
{
    snapshot->walked = true;
    if (snapshot->chunks.open.length > 0)
        snapshot_chunks_seal(&snapshot->chunks, NULL);
    submit_next(snapshot);
}

static bool has_room(const struct snapshot *snapshot)
{
    return backlog(snapshot) < SNAPSHOT_BACKLOG_MAX;
}

static void walk(struct snapshot *snapshot, int64_t budget_us)
{
    int64_t begin_us = clock_monotonic_us(snapshot->clock), now_us = begin_us;
    while (snapshot->error_number == 0 && has_room(snapshot) && now_us - begin_us < budget_us) {
        bool more = true;
        for (int i = 0; i < STEPS_PER_LOOK && more && has_room(snapshot); i++) {
            if (snapshot->large != NULL)
                step_large(snapshot);
            else
                more = snapshot_walk_step(snapshot->keyspace) || snapshot->large != NULL;
        }
        if (!more && snapshot->error_number == 0) {
            end_walk(snapshot);
            break;
        }
        now_us = clock_monotonic_us(snapshot->clock);
    }
    if (now_us - begin_us > snapshot->progress.turn_us_max)
        snapshot->progress.turn_us_max = now_us - begin_us;
}

/* Everything that will happen has: says so once. */
static void conclude(struct snapshot *snapshot)
{
    void (*done)(void *, int) = snapshot->done;
    if (snapshot->busy || done == NULL || (!snapshot->is_over && snapshot->error_number == 0))
        return;
    snapshot->done = NULL;
    done(snapshot->context, snapshot->error_number);
}

void snapshot_take_slice(struct snapshot *snapshot)
{
    if (snapshot->error_number != 0)
        let_go(snapshot);
    if (!snapshot->walked && snapshot->error_number == 0) {
        walk(snapshot, SNAPSHOT_TURN_US);
        if (!snapshot->walked && has_room(snapshot))
            event_loop_turn_again(snapshot->loop);
    }
    conclude(snapshot);
}

void snapshot_finish(struct snapshot *snapshot)
{
    snapshot->is_awaited = true;
    while (!snapshot->is_over && snapshot->error_number == 0) {
        if (!snapshot->walked)
            walk(snapshot, INT64_MAX);
        worker_wait(snapshot->worker);
    }
    worker_wait(snapshot->worker);
    if (snapshot->error_number != 0)
        let_go(snapshot);
    conclude(snapshot);
}

/* --- life --- */

/* How many keys each database has: who loads the file makes room at once. */
static void write_sizes(struct snapshot *snapshot)
{
    for (int i = 0; i < keyspace_database_count(snapshot->keyspace); i++) {
        const struct database *database = keyspace_database(snapshot->keyspace, i);
        if (database_size(database) == 0)
            continue;
        rdb_write_database(&snapshot->chunks.open, i);
        rdb_write_sizes(&snapshot->chunks.open, database_size(database),
                        database_count_with_deadline(database));
        snapshot->database = i;
    }
}

struct snapshot *snapshot_begin(struct event_loop *loop, struct clock *clock,
                                const struct disk *disk, struct keyspace *keyspace,
                                struct worker *worker, const struct snapshot_settings *settings,
                                void (*done)(void *context, int error_number), void *context)
{
    struct snapshot *snapshot = memory_allocate_zeroed(sizeof *snapshot);
    struct snapshot_walk_handlers handlers = {snapshot, take, broken_off};
    if (!snapshot_walk_begin(keyspace, &handlers)) {
        memory_free(snapshot);
        errno = EBUSY;
        return NULL;
    }
    snapshot->loop = loop;
    snapshot->clock = clock;
    snapshot->keyspace = keyspace;
    snapshot->worker = worker;
    snapshot->compress = settings->compress;
    snapshot->done = done;
    snapshot->context = context;
    snapshot->database = snapshot->aside_database = -1;
    snapshot_chunks_init(&snapshot->chunks);
    snapshot_chunks_init(&snapshot->aside);
    snapshot->file = snapshot_file_create(clock, disk, settings);
    snapshot->progress.keys_total = keyspace_size(keyspace);
    rdb_write_header(&snapshot->chunks.open, clock_now_ms(clock), memory_used(),
                     settings->aof_base);
    write_sizes(snapshot);
    event_loop_turn_again(loop);
    return snapshot;
}

void snapshot_cancel(struct snapshot *snapshot)
{
    give_up(snapshot, ECANCELED);
}

void snapshot_destroy(struct snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    give_up(snapshot, ECANCELED); /* nobody calls `done` any more */
    let_go(snapshot);
    if (snapshot->busy)
        worker_wait(snapshot->worker);
    snapshot_chunks_deinit(&snapshot->chunks);
    snapshot_chunks_deinit(&snapshot->aside);
    snapshot_file_destroy(snapshot->file);
    memory_free(snapshot);
}

size_t snapshot_backlog(const struct snapshot *snapshot)
{
    return backlog(snapshot) + snapshot->held;
}

void snapshot_read_progress(const struct snapshot *snapshot, struct snapshot_progress *out)
{
    *out = snapshot->progress;
}
