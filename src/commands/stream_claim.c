/* Taking over what other consumers have pending: XCLAIM, XAUTOCLAIM. */
#include "base/number.h"
#include "commands/stream_common.h"
#include "commands/tables.h"

#define AUTOCLAIM_COUNT_DEFAULT 100
#define AUTOCLAIM_ATTEMPTS 10 /* entries looked at for each one asked for */

struct claim {
    struct collection stream;
    struct stream_group *group;
    struct stream_consumer *consumer; /* NULL until something is claimed */
    size_t consumer_at;
    int64_t idle_min_ms, delivered_ms;
    int64_t deliveries; /* RETRYCOUNT; -1: counted on */
    bool force, only_ids, has_last_id;
    struct stream_id last_id;
};

static bool parse_idle(struct command_context *context, size_t at, int64_t *idle_ms)
{
    if (!number_parse_int64(context->arguments[at], idle_ms)) {
        resp_writer_error_format(context->reply, "ERR Invalid min-idle-time argument for %s",
                                 context->command->name);
        return false;
    }
    *idle_ms = *idle_ms < 0 ? 0 : *idle_ms;
    return true;
}

static struct stream_consumer *claiming_consumer(struct command_context *context,
                                                 struct claim *claim)
{
    struct slice name = context->arguments[claim->consumer_at];
    if (claim->consumer == NULL) {
        int64_t now_ms = keyspace_time_ms(context->keyspace);
        claim->consumer = stream_find_consumer(claim->group, name);
        if (claim->consumer == NULL) {
            claim->consumer = stream_add_consumer(claim->group, name, now_ms);
            stream_common_effect_consumer(context, &claim->stream, claim->group, name);
            context->changes++;
            command_event(context, claim->stream.database, claim->stream.key.name, EVENT_STREAM,
                          "xgroup-createconsumer");
        }
        claim->consumer->seen_ms = now_ms;
    }
    return claim->consumer;
}

static void reply_claimed(const struct claim *claim, struct stream_id id, struct resp_writer *out)
{
    struct stream_cursor cursor;
    if (claim->only_ids) {
        stream_common_reply_id(out, id);
        return;
    }
    stream_seek(claim->stream.value, id, id, false, &cursor);
    if (stream_next(&cursor))
        stream_common_reply_entry(out, &cursor);
}

/* An entry that is pending no more, for it was deleted from the stream. */
static void drop_deleted(struct command_context *context, struct claim *claim, struct stream_id id)
{
    char text[STREAM_ID_TEXT_MAX];
    struct slice words[] = {SLICE("XACK"), claim->stream.key.name, claim->group->name,
                            slice_of(text, stream_common_format_id(text, id))};
    (void)stream_remove_pending(claim->group, id);
    command_effect(context, claim->stream.database, words, 4);
    context->changes++;
}

/* The entry, pending for `old` (or, forced, for nobody), becomes the consumer's. */
static void take_over(struct command_context *context, struct claim *claim, struct stream_id id,
                      const struct pending *old)
{
    struct pending pending = {claiming_consumer(context, claim), claim->delivered_ms,
                              old->deliveries};
    if (claim->deliveries >= 0)
        pending.deliveries = (uint64_t)claim->deliveries;
    else if (!claim->only_ids)
        pending_count_delivery(&pending);
    stream_set_pending(claim->group, id, &pending);
    claim->consumer->active_ms = keyspace_time_ms(context->keyspace);
    stream_common_effect_claim(context, &claim->stream, claim->group, id, &pending);
    context->changes++;
}

/* --- XCLAIM --- */

static bool parse_claim_options(struct command_context *context, size_t at, struct claim *claim)
{
    int64_t now_ms = keyspace_time_ms(context->keyspace);
    claim->delivered_ms = now_ms;
    for (; at < context->count; at++) {
        struct slice word = context->arguments[at];
        bool more = at + 1 < context->count;
        int64_t number;
        if (slice_is_word(word, "FORCE")) {
            claim->force = true;
        } else if (slice_is_word(word, "JUSTID")) {
            claim->only_ids = true;
        } else if (more && slice_is_word(word, "IDLE")) {
            if (!number_parse_int64(context->arguments[++at], &number)) {
                resp_writer_error(context->reply, "ERR Invalid IDLE option argument for XCLAIM");
                return false;
            }
            claim->delivered_ms = number < 0 ? now_ms : now_ms - number;
        } else if (more && slice_is_word(word, "TIME")) {
            if (!number_parse_int64(context->arguments[++at], &claim->delivered_ms)) {
                resp_writer_error(context->reply, "ERR Invalid TIME option argument for XCLAIM");
                return false;
            }
        } else if (more && slice_is_word(word, "RETRYCOUNT")) {
            if (!number_parse_int64(context->arguments[++at], &claim->deliveries)) {
                resp_writer_error(context->reply,
                                  "ERR Invalid RETRYCOUNT option argument for XCLAIM");
                return false;
            }
        } else if (more && slice_is_word(word, "LASTID")) {
            if (!stream_common_id(context, ++at, 0, &claim->last_id))
                return false;
            claim->has_last_id = true;
        } else {
            resp_writer_error_format(context->reply, "ERR Unrecognized XCLAIM option '%.*s'",
                                     (int)(word.length < 128 ? word.length : 128), word.data);
            return false;
        }
    }
    if (now_ms >= 0 && claim->delivered_ms > now_ms)
        claim->delivered_ms = now_ms;
    if (claim->delivered_ms < 0)
        claim->delivered_ms = now_ms;
    return true;
}

static bool open_claim(struct command_context *context, struct claim *claim)
{
    if (!collection_read(context, 1, TYPE_STREAM, &claim->stream))
        return false;
    claim->group = stream_common_group(context, &claim->stream, 2);
    return claim->group != NULL;
}

static void claim_one(struct command_context *context, struct claim *claim, struct stream_id id,
                      struct resp_writer *out, size_t *claimed)
{
    struct pending old = {NULL, 0, 0};
    bool pending = pending_list_find(&claim->group->pending, id, &old);
    if (!stream_has(claim->stream.value, id)) {
        if (pending)
            drop_deleted(context, claim, id);
        return;
    }
    if (!pending && !claim->force)
        return;
    int64_t idle_ms = keyspace_time_ms(context->keyspace) - old.delivered_ms;
    if (pending && claim->idle_min_ms > 0 && idle_ms < claim->idle_min_ms)
        return;
    take_over(context, claim, id, &old);
    reply_claimed(claim, id, out);
    ++*claimed;
}

static void xclaim(struct command_context *context)
{
    struct claim claim = {.consumer_at = 3, .deliveries = -1};
    struct stream_id id;
    size_t last = 5, claimed = 0;
    if (!open_claim(context, &claim) || !parse_idle(context, 4, &claim.idle_min_ms))
        return;
    while (last < context->count && stream_common_parse_id(context->arguments[last], 0, &id))
        last++;
    if (!parse_claim_options(context, last, &claim))
        return;
    collection_changing(&claim.stream);
    context->effect_replaced = true;
    if (claim.has_last_id && stream_id_compare(claim.last_id, claim.group->last_id) > 0) {
        claim.group->last_id = claim.last_id;
        stream_common_effect_position(context, &claim.stream, claim.group);
        context->changes++;
    }
    struct chain elements;
    struct resp_writer writer = *context->reply;
    chain_init(&elements, context->reply->out->pool);
    writer.out = &elements;
    for (size_t i = 5; i < last; i++) {
        (void)stream_common_parse_id(context->arguments[i], 0, &id);
        claim_one(context, &claim, id, &writer, &claimed);
    }
    resp_writer_array_of(context->reply, claimed, &elements);
    chain_deinit(&elements);
}

/* --- XAUTOCLAIM --- */

static bool parse_autoclaim(struct command_context *context, struct claim *claim,
                            struct stream_id *start, int64_t *count)
{
    if (!parse_idle(context, 4, &claim->idle_min_ms) ||
        !stream_common_range_end(context, 5, false, start))
        return false;
    for (size_t i = 6; i < context->count; i++) {
        if (slice_is_word(context->arguments[i], "COUNT") && i + 1 < context->count) {
            if (!number_parse_int64(context->arguments[++i], count) || *count < 1 ||
                *count > INT64_MAX / 32) {
                resp_writer_error(context->reply, "ERR COUNT must be > 0");
                return false;
            }
        } else if (slice_is_word(context->arguments[i], "JUSTID")) {
            claim->only_ids = true;
        } else {
            command_reply_syntax_error(context);
            return false;
        }
    }
    return true;
}

/* What XAUTOCLAIM writes as it goes. */
struct sweep {
    struct resp_writer claimed, deleted;
    size_t claimed_count, deleted_count;
    struct stream_id next; /* where to go on; 0-0: it is through */
};

static void sweep_pending(struct command_context *context, struct claim *claim,
                          struct stream_id from, int64_t count, struct sweep *sweep)
{
    int64_t now_ms = keyspace_time_ms(context->keyspace);
    int64_t attempts = count * AUTOCLAIM_ATTEMPTS;
    sweep->next = STREAM_ID_MIN;
    for (;;) {
        struct ordered_cursor at = pending_list_seek(&claim->group->pending.order, from);
        struct pending pending;
        if (at.leaf == NULL)
            return;
        struct stream_id id = pending_list_id(&at);
        if (attempts-- == 0 || count == 0) {
            sweep->next = id;
            return;
        }
        (void)pending_list_find(&claim->group->pending, id, &pending);
        if (!stream_has(claim->stream.value, id)) {
            drop_deleted(context, claim, id);
            stream_common_reply_id(&sweep->deleted, id);
            sweep->deleted_count++;
            count--;
        } else if (now_ms - pending.delivered_ms >= claim->idle_min_ms) {
            take_over(context, claim, id, &pending);
            reply_claimed(claim, id, &sweep->claimed);
            sweep->claimed_count++;
            count--;
        }
        from = id;
        if (!stream_id_next(&from))
            return;
    }
}

static void xautoclaim(struct command_context *context)
{
    struct claim claim = {.consumer_at = 3, .deliveries = -1};
    struct stream_id start;
    int64_t count = AUTOCLAIM_COUNT_DEFAULT;
    if (!parse_autoclaim(context, &claim, &start, &count) || !open_claim(context, &claim))
        return;
    struct chain claimed, deleted;
    struct sweep sweep = {.claimed = *context->reply, .deleted = *context->reply};
    chain_init(&claimed, context->reply->out->pool);
    chain_init(&deleted, context->reply->out->pool);
    sweep.claimed.out = &claimed;
    sweep.deleted.out = &deleted;
    collection_changing(&claim.stream);
    context->effect_replaced = true;
    claim.delivered_ms = keyspace_time_ms(context->keyspace);
    sweep_pending(context, &claim, start, count, &sweep);
    resp_writer_array(context->reply, 3);
    stream_common_reply_id(context->reply, sweep.next);
    resp_writer_array_of(context->reply, sweep.claimed_count, &claimed);
    resp_writer_array_of(context->reply, sweep.deleted_count, &deleted);
    chain_deinit(&claimed);
    chain_deinit(&deleted);
}

const struct command stream_claim_commands[] = {
    {
        .name = "XCLAIM",
        .run = xclaim,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .since = "5.0.0",
        .syntax = "key group consumer min-idle-time id [id ...] [IDLE ms] [TIME "
                  "unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
        .summary = "Takes over entries that are pending for another consumer.",
        .complexity = "O(log P) for each entry",
        .tips = "nondeterministic_output",
    },
    {
        .name = "XAUTOCLAIM",
        .run = xautoclaim,
        .arity = -6,
        .flags = COMMAND_WRITES | COMMAND_FAST,
        .categories = CATEGORY_STREAM,
        .keys = {KEYS_RANGE(1, 0, 1, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .since = "6.2.0",
        .syntax = "key group consumer min-idle-time start [COUNT count] [JUSTID]",
        .summary = "Takes over the entries that have been pending for long.",
        .complexity = "O(N*log P) for N entries looked at",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
