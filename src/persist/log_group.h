/* The annotations of a log file: how bytes become groups that can be verified.
 *
 * An increment (appendonlydir/NAME.N.incr.aof) is a plain sequence of RESP commands, so Redis loads
 * it; annotations are lines that begin with '#', which Redis skips (they stay under 128 bytes, its
 * limit). The first line of a file names format version, log and offset:
 *
 *     #HF-LOG 1 <id: 32 hex digits> <offset> <crc32c of the line up to here>\r\n
 *
 * and each group is one line and its commands:
 *
 *     #HF <offset> <length> <durable> <crc32c: 8 hex digits>\r\n
 *
 * offset:  log offset of the group's first byte. Counts bytes of commands only, not annotations,
 *          and continues from file to file.
 * length:  bytes of commands that follow. 0 is allowed: a group that only says what is durable.
 * durable: the log offset known to be synced when the group was written.
 * crc32c:  over the 16 bytes of the log's id, then offset, length and durable as 8 bytes each
 *          (little-endian), then the commands. A stale block, a group of another log, at another
 *          place or twice fails, too.
 *
 * Behind the last group of the file being written stands filler, '#' up to a newline: Redis skips
 * that, too, and what it appends stands behind.
 * Numbers are decimal without leading zeros. A group begins with SELECT, so that a reader can begin
 * at any group; a transaction is never split over two groups. Golden bytes: log_group_test.c. Pure
 * functions, any thread. */
#ifndef HOLDFAST_PERSIST_LOG_GROUP_H
#define HOLDFAST_PERSIST_LOG_GROUP_H

#include <stdint.h>

#include "base/slice.h"

#define LOG_FORMAT_VERSION 1
#define LOG_ID_SIZE 16
#define LOG_FILLER                                                                                 \
    '#' /* fills the end of a file that is being written; no group begins with two                 \
         */
#define LOG_FILLER_END '\n'
#define LOG_FILLER_LEFT_MIN (32 * 1024) /* bytes of filler behind a group, if there is any */
#define LOG_ANNOTATION_MAX 100          /* bytes of the longest annotation, CRLF included */

struct log_id {
    uint8_t bytes[LOG_ID_SIZE];
};

struct log_file_header {
    struct log_id id;
    uint64_t offset; /* of the first group of the file */
};

struct log_group_header {
    uint64_t offset, length, durable;
    uint32_t crc;
};

enum log_line {
    LOG_LINE_GROUP,      /* a group's annotation */
    LOG_LINE_FILE,       /* the first annotation of a file */
    LOG_LINE_ANNOTATION, /* another line that begins with '#': not ours (Redis's "#TS:...") */
    LOG_LINE_NONE,       /* does not begin with '#': a command */
    LOG_LINE_BAD,        /* begins like one of ours and is not in order */
    LOG_LINE_INCOMPLETE, /* the input ends before the line does */
};

/* Writes the annotation to `out` (room for LOG_ANNOTATION_MAX bytes), returns its length. */
size_t log_group_write_file_header(char *out, const struct log_file_header *header);
size_t log_group_write_header(char *out, const struct log_group_header *header);

/* What stands at the beginning of `input`. `*length`: of the line with its CRLF (for GROUP, FILE
 * and ANNOTATION). */
enum log_line log_group_read_line(struct slice input, struct log_file_header *file,
                                  struct log_group_header *group, size_t *length);

/* The checksum a group of these numbers must have. The second form for commands in pieces. */
uint32_t log_group_crc(const struct log_id *id, const struct log_group_header *header,
                       struct slice commands);
uint32_t log_group_crc_begin(const struct log_id *id, const struct log_group_header *header);
uint32_t log_group_crc_add(uint32_t crc, struct slice commands);

#endif
