/* Behind bad bytes at the end of the log: is there proof that they were good once?
 *
 * A group says what was durable when it was written. One that is valid and says so of offsets
 * beyond the bad place proves damage. One that does not was written without a sync in between
 * (everysec), and is part of the tail that a crash tore; unless it begins exactly where the log
 * ends: then somebody put bytes in. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "persist/recovery_private.h"

static const char mark[] = "#HF ";

/* The checksum of a group's commands, read in pieces. False: it cannot be read. */
static bool check(struct recovery *recovery, uint64_t position,
                  const struct log_group_header *group, struct buffer *piece, bool *valid)
{
    uint32_t crc = log_group_crc_begin(&recovery->id, group);
    for (uint64_t done = 0; done < group->length;) {
        uint64_t left = group->length - done;
        size_t wanted = left < RECOVERY_READ_SIZE ? (size_t)left : RECOVERY_READ_SIZE, got;
        if (disk_read(&recovery->file, position + done, piece->data, wanted, &got) != OK)
            return recovery_refuse(recovery, "cannot be read: %s", strerror(errno));
        crc = log_group_crc_add(crc, slice_of(piece->data, got));
        done += got;
        if (got < wanted)
            break;
    }
    *valid = crc == group->crc;
    return true;
}

/* Could the line at `candidate` begin a group that proves something? */
static bool is_proof(struct recovery *recovery, struct slice candidate, uint64_t position,
                     struct buffer *piece, bool *failed)
{
    struct log_file_header file;
    struct log_group_header group;
    size_t head;
    bool valid = false;
    if (log_group_read_line(candidate, &file, &group, &head) != LOG_LINE_GROUP ||
        group.offset < recovery->offset ||
        (group.offset > recovery->offset && group.durable <= recovery->offset) ||
        group.length > recovery->file_size - position - head)
        return false;
    if (!check(recovery, position + head, &group, piece, &valid))
        *failed = true;
    return valid;
}

/* "*<digits>\r\n$": garbage hardly begins so. */
static bool begins_command(struct slice input)
{
    size_t at = 1;
    if (input.length == 0 || input.data[0] != '*')
        return false;
    while (at < input.length && input.data[at] >= '0' && input.data[at] <= '9')
        at++;
    return at > 1 && input.length - at >= 3 && memcmp(input.data + at, "\r\n$", 3) == 0;
}

bool recovery_tail_is_plain(struct recovery *recovery, bool *plain)
{
    size_t filler = 0;
    *plain = false;
    for (;;) {
        struct slice input = recovery_input(recovery);
        while (filler < input.length && input.data[filler] == LOG_FILLER)
            filler++;
        if (filler + 2 <= input.length || recovery_read_all(recovery))
            break;
        if (!recovery_want(recovery, input.length + RECOVERY_READ_SIZE))
            return false;
    }
    struct slice input = recovery_input(recovery);
    if (filler > 0) {
        /* Less, or without its end, it is filler that the first part of a group did not get
         * written over: what follows is the rest of that group. */
        if (filler >= input.length || input.data[filler] != LOG_FILLER_END ||
            filler + 1 < LOG_FILLER_LEFT_MIN)
            return true;
        filler++;
    }
    if (!recovery_want(recovery, filler + LOG_ANNOTATION_MAX))
        return false;
    input = recovery_input(recovery);
    *plain = begins_command(slice_of(input.data + filler, input.length - filler));
    if (*plain)
        recovery->at += filler;
    return true;
}

/* Filler, or what ends it: the last byte of the file, if filler stands before it, or nothing that
 * is left over. `before`: the byte before the window. */
static bool is_filler(struct slice window, size_t at, char before, bool last)
{
    if (window.data[at] == LOG_FILLER)
        return true;
    char previous = at > 0 ? window.data[at - 1] : before;
    return last && window.data[at] == LOG_FILLER_END && previous == LOG_FILLER;
}

bool recovery_tail_length(struct recovery *recovery, uint64_t *length)
{
    struct buffer window = {0};
    uint64_t start = recovery_position(recovery);
    size_t got = 1;
    char before = LOG_FILLER;
    bool good = buffer_reserve(&window, RECOVERY_READ_SIZE) == OK;
    *length = 0;
    if (!good)
        (void)recovery_refuse(recovery, "out of memory");
    for (uint64_t at = start; good && got > 0 && at < recovery->file_size; at += got) {
        good = disk_read(&recovery->file, at, window.data, RECOVERY_READ_SIZE, &got) == OK;
        if (!good)
            (void)recovery_refuse(recovery, "cannot be read: %s", strerror(errno));
        for (size_t i = got; good && i > 0; i--) {
            bool last = at + i == recovery->file_size;
            if (!is_filler(slice_of(window.data, got), i - 1, before, last)) {
                *length = at + i - start;
                break;
            }
        }
        if (good && got > 0)
            before = window.data[got - 1];
    }
    buffer_deinit(&window);
    return good;
}

bool recovery_tail_is_damage(struct recovery *recovery, bool *failed)
{
    struct buffer window = {0}, piece = {0};
    uint64_t position =
        recovery_position(recovery); /* a group that belongs further on may stand here */
    bool damage = false;
    *failed = buffer_reserve(&window, RECOVERY_READ_SIZE) != OK ||
              buffer_reserve(&piece, RECOVERY_READ_SIZE) != OK;
    if (*failed)
        (void)recovery_refuse(recovery, "out of memory");
    while (!damage && !*failed) {
        size_t got;
        if (disk_read(&recovery->file, position, window.data, RECOVERY_READ_SIZE, &got) != OK) {
            *failed = true;
            (void)recovery_refuse(recovery, "cannot be read: %s", strerror(errno));
            break;
        }
        bool last = got < RECOVERY_READ_SIZE; /* the end, also of a file cut while we read */
        const char *at = window.data, *end = window.data + got;
        while (!damage && !*failed &&
               (at = memmem(at, (size_t)(end - at), mark, strlen(mark))) != NULL) {
            if (!last && end - at < LOG_ANNOTATION_MAX)
                break; /* whole in the next window */
            damage = is_proof(recovery, slice_of(at, (size_t)(end - at)),
                              position + (uint64_t)(at - window.data), &piece, failed);
            at++;
        }
        if (last)
            break;
        position += got - LOG_ANNOTATION_MAX;
    }
    buffer_deinit(&window);
    buffer_deinit(&piece);
    return damage;
}
