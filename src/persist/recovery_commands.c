/* The increments: groups of ours, and plain commands of Redis and Valkey. */
#include <inttypes.h>
#include <string.h>

#include "base/assertion.h"
#include "base/number.h"
#include "persist/recovery_private.h"

#define GROUP_LENGTH_MAX (UINT64_C(16) << 30) /* bytes: a length beyond is not believed */

static const struct resp_limits limits = {
    .bulk_length_max = INT64_C(4) << 30,
    .argument_count_max = RESP_ARGUMENT_COUNT_MAX,
    .authenticated = true,
};

/* --- applying --- */

static bool apply_batch(struct recovery *recovery)
{
    char why[256];
    size_t count = recovery->batch_count;
    recovery->batch_count = 0;
    recovery->progress.commands += count;
    if (count > 0 && !recovery->handlers.apply(recovery->handlers.context, recovery->database,
                                               recovery->batch, count, why))
        return recovery_refuse(recovery, "a command of the log cannot be run: %s", why);
    return true;
}

static bool select_database(struct recovery *recovery, const struct resp_command *command)
{
    int64_t index;
    if (command->count != 2 || !number_parse_int64(command->arguments[1], &index) || index < 0 ||
        index > INT32_MAX)
        return recovery_refuse(recovery, "a SELECT that is not in order");
    recovery->database = (int)index;
    return true;
}

static bool is_command(const struct resp_command *command, const char *name)
{
    return command->count > 0 && slice_is_word(command->arguments[0], name);
}

/* Takes one command into the batch; the batch is applied when it is full or the database changes.
 */
static bool take(struct recovery *recovery, const struct resp_command *command)
{
    if (is_command(command, "MULTI") || is_command(command, "EXEC") || command->count == 0)
        return true;
    if (is_command(command, "SELECT"))
        return apply_batch(recovery) && select_database(recovery, command);
    recovery->batch[recovery->batch_count++] = *command;
    return recovery->batch_count < RECOVERY_BATCH_MAX || apply_batch(recovery);
}

static bool refuse_for_memory(struct recovery *recovery)
{
    return recovery_refuse(recovery, "out of memory");
}

/* --- groups --- */

bool recovery_begin_groups(struct recovery *recovery, const struct log_file_header *header)
{
    recovery->part = PART_GROUPS;
    recovery->group_left = 0;
    bool same = recovery->has_id && memcmp(&recovery->id, &header->id, sizeof header->id) == 0;
    if (recovery->has_id && (!same || header->offset != recovery->offset)) {
        recovery->at = 0;
        return recovery_refuse_damage(recovery,
                                      !same ? "this file belongs to another log than those before"
                                            : "the log's offset does not continue in this file");
    }
    recovery->id = header->id;
    recovery->has_id = true;
    recovery->offset = header->offset;
    recovery->proven = recovery->candidate = recovery_position(recovery);
    recovery->candidate_offset = header->offset;
    return true;
}

/* Whole, of this log, at this place, with the right checksum. *short_: there may be more to come.
 */
static bool verify_group(struct recovery *recovery, struct log_group_header *group, size_t *head,
                         bool *good)
{
    struct log_file_header file;
    *good = false;
    if (!recovery_want(recovery, LOG_ANNOTATION_MAX))
        return false;
    if (log_group_read_line(recovery_input(recovery), &file, group, head) != LOG_LINE_GROUP ||
        group->offset != recovery->offset || group->length > GROUP_LENGTH_MAX ||
        group->length > recovery->file_size - recovery_position(recovery) - *head)
        return true;
    if (!recovery_want(recovery, *head + (size_t)group->length))
        return false;
    struct slice input = recovery_input(recovery);
    if (input.length < *head + group->length)
        return true;
    struct slice commands = slice_of(input.data + *head, (size_t)group->length);
    *good = log_group_crc(&recovery->id, group, commands) == group->crc;
    return true;
}

/* Bad bytes: filler, a torn tail, or damage. */
static bool judge_bad_bytes(struct recovery *recovery, bool *ended)
{
    bool failed, plain;
    if (!recovery_tail_is_plain(recovery, &plain))
        return false;
    if (plain) {
        recovery->part = PART_PLAIN;
        recovery->has_id = false; /* the log that goes on behind it is another one */
        return true;
    }
    if (!recovery_is_last(recovery))
        return recovery_refuse_damage(recovery, "bytes that are no group of this log");
    if (recovery_tail_is_damage(recovery, &failed))
        return recovery_refuse_damage(
            recovery, "bytes that are no group of this log, before groups that are");
    if (failed)
        return false;
    *ended = true;
    return recovery_cut(recovery);
}

/* What the group that begins here says of those before it. */
static void note_durable(struct recovery *recovery, const struct log_group_header *group)
{
    if (group->durable < recovery->candidate_offset)
        return;
    recovery->proven = recovery->candidate;
    recovery->candidate = recovery_position(recovery);
    recovery->candidate_offset = group->offset;
    if (group->durable >= group->offset)
        recovery->proven = recovery->candidate;
}

static bool begin_group(struct recovery *recovery, bool *ended)
{
    struct log_group_header group;
    size_t head;
    bool good;
    if (!recovery_want(recovery, 1))
        return false;
    if (recovery_input(recovery).length == 0) {
        *ended = true;
        return true;
    }
    if (!verify_group(recovery, &group, &head, &good))
        return false;
    if (!good)
        return judge_bad_bytes(recovery, ended);
    note_durable(recovery, &group);
    recovery->at += head;
    recovery->group_left = group.length;
    recovery->offset += group.length;
    recovery->progress.groups++;
    return true;
}

static bool refuse_group(struct recovery *recovery)
{
    if (resp_parser_is_out_of_memory(recovery->parser))
        return refuse_for_memory(recovery);
    return recovery_refuse(recovery,
                           "a group whose checksum is right does not consist of whole commands");
}

bool recovery_step_groups(struct recovery *recovery, bool *ended)
{
    if (recovery->group_left == 0)
        return begin_group(recovery, ended);
    struct slice input =
        slice_of(recovery->input.data + recovery->at, (size_t)recovery->group_left);
    size_t commands = 0;
    while (input.length > 0 && commands < RECOVERY_BATCH_MAX) {
        struct resp_command command;
        size_t consumed;
        if (resp_parser_next(recovery->parser, input, &limits, &command, &consumed) != RESP_COMMAND)
            return refuse_group(recovery);
        input = slice_of(input.data + consumed, input.length - consumed);
        commands++;
        if (!take(recovery, &command))
            return false;
    }
    if (!apply_batch(recovery))
        return false;
    resp_parser_reset_batch(recovery->parser);
    recovery->at += (size_t)recovery->group_left - input.length;
    recovery->group_left = input.length;
    return true;
}

/* --- plain commands --- */

static void parse_anew(struct resp_parser **parser)
{
    resp_parser_destroy(*parser);
    *parser = resp_parser_create();
}

enum scan { SCAN_WHOLE, SCAN_SHORT, SCAN_BAD, SCAN_OUT_OF_MEMORY };

/* One command at the beginning of `input`, annotations before it skipped. */
static enum scan scan_command(struct resp_parser *parser, struct slice input,
                              struct resp_command *command, size_t *consumed)
{
    size_t skipped = 0;
    while (skipped < input.length && input.data[skipped] == '#') {
        const char *end = memchr(input.data + skipped, '\n', input.length - skipped);
        if (end == NULL)
            return SCAN_SHORT;
        if (strncmp(input.data + skipped, "#HF", 3) == 0)
            return SCAN_BAD; /* of ours, in a file that does not begin as ours do */
        skipped = (size_t)(end - input.data) + 1;
    }
    struct slice rest = slice_of(input.data + skipped, input.length - skipped);
    *consumed = skipped;
    if (rest.length == 0) {
        *command = (struct resp_command){.count = 0};
        return skipped > 0 ? SCAN_WHOLE : SCAN_SHORT;
    }
    if (rest.data[0] != '*')
        return SCAN_BAD;
    size_t length;
    switch (resp_parser_next(parser, rest, &limits, command, &length)) {
    case RESP_COMMAND:
        *consumed += length;
        return SCAN_WHOLE;
    case RESP_INCOMPLETE:
    case RESP_BIG_ARGUMENT:
        return SCAN_SHORT;
    case RESP_ERROR:
        break;
    }
    return resp_parser_is_out_of_memory(parser) ? SCAN_OUT_OF_MEMORY : SCAN_BAD;
}

/* How far a command, or a whole transaction, reaches. */
static enum scan scan_unit(struct recovery *recovery, struct slice input, size_t *length)
{
    bool in_transaction = false;
    size_t at = 0;
    do {
        struct resp_command command;
        size_t consumed;
        enum scan scan = scan_command(
            recovery->scanner, slice_of(input.data + at, input.length - at), &command, &consumed);
        if (scan != SCAN_WHOLE)
            return scan;
        at += consumed;
        if (is_command(&command, "MULTI"))
            in_transaction = true;
        else if (is_command(&command, "EXEC"))
            in_transaction = false;
        resp_parser_reset_batch(recovery->scanner);
    } while (in_transaction);
    *length = at;
    return SCAN_WHOLE;
}

static bool apply_unit(struct recovery *recovery, struct slice unit)
{
    while (unit.length > 0) {
        struct resp_command command;
        size_t consumed;
        enum scan scan = scan_command(recovery->parser, unit, &command, &consumed);
        if (scan == SCAN_OUT_OF_MEMORY)
            return refuse_for_memory(recovery);
        ASSERT(scan == SCAN_WHOLE); /* it was when the other parser looked at it */
        unit = slice_of(unit.data + consumed, unit.length - consumed);
        if (!take(recovery, &command))
            return false;
    }
    return true;
}

/* The file ends within a command or a transaction. */
static bool judge_short_file(struct recovery *recovery, bool *ended)
{
    if (!recovery_is_last(recovery) || !recovery->settings.load_truncated)
        return recovery_refuse(recovery,
                               "the file ends within a command or a transaction%s. It is "
                               "not loaded: holdfast-log repair %s",
                               recovery_is_last(recovery) ? " and aof-load-truncated is off" : "",
                               log_directory_path(recovery->directory));
    *ended = true;
    return recovery_cut(recovery);
}

bool recovery_step_plain(struct recovery *recovery, bool *ended)
{
    size_t units = 0;
    enum scan scan = SCAN_WHOLE;
    while (units++ < RECOVERY_BATCH_MAX) {
        size_t length;
        struct slice input = recovery_input(recovery);
        if (input.length == 0) {
            *ended = recovery_read_all(recovery);
            scan = SCAN_SHORT;
            break;
        }
        scan = scan_unit(recovery, input, &length);
        if (scan != SCAN_WHOLE)
            break;
        if (!apply_unit(recovery, slice_of(input.data, length)))
            return false;
        recovery->at += length;
    }
    if (!apply_batch(recovery))
        return false;
    resp_parser_reset_batch(recovery->parser);
    if (scan != SCAN_WHOLE)
        parse_anew(&recovery->scanner);
    if (scan == SCAN_OUT_OF_MEMORY)
        return refuse_for_memory(recovery);
    if (scan == SCAN_BAD)
        return recovery_refuse(recovery,
                               "bytes that are no command. The file is damaged and is not loaded: "
                               "holdfast-log repair %s",
                               log_directory_path(recovery->directory));
    if (scan == SCAN_WHOLE || *ended)
        return true;
    if (recovery_read_all(recovery))
        return judge_short_file(recovery, ended);
    /* Twice as much each time: a long transaction is looked at a few times only. */
    return recovery_want(recovery, 2 * (recovery_input(recovery).length + 1));
}
