/* A log in a folder of its own on the real disk, whose calls fail when a test wants it. */
#ifndef HOLDFAST_TESTS_LOG_FIXTURE_H
#define HOLDFAST_TESTS_LOG_FIXTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persist/log_directory.h"
#include "persist/log_writer.h"

struct worker;

extern const struct log_id log_fixture_id;

/* What calls to the disk end with. */
struct log_fixture_faults {
    atomic_bool of_groups, of_first_lines;              /* writes of these alone fail */
    atomic_int write_errno, sync_errno, truncate_errno; /* 0: they are the real ones */
    atomic_int writes_failing;                          /* so many writes, then none does; 0: all */
    atomic_int sync_takes_us; /* instead of the real one; -1: it is done */
    atomic_bool sync_waits;   /* a sync does not return before this is false */
    atomic_int sync_calls;
};
extern struct log_fixture_faults log_fixture_faults;

struct log_fixture {
    struct disk_operations operations;
    struct disk disk;
    char path[64];
    struct event_loop *loop;
    struct clock *clock;
    struct worker *worker;
    struct log_directory *directory;
    struct log_writer *log;
    int durable_calls, failures, switched, switch_error;
    int full_calls, wrote_calls, removed;
    const char *failed; /* what, the last time; NULL: nothing has */
};

/* cmocka's: with an open log, LOG_SYNC_ALWAYS. What is still open at the end is closed. */
int log_fixture_set_up(void **state);
int log_fixture_tear_down(void **state);

void log_fixture_open(struct log_fixture *fixture, const struct log_writer_start *start,
                      bool manifested, enum log_sync sync);
/* The same, if that is possible: errno. */
enum error log_fixture_try_open(struct log_fixture *fixture, const struct log_writer_start *start,
                                bool manifested, enum log_sync sync);
/* A new log; the one that is open is closed before. */
void log_fixture_open_new(struct log_fixture *fixture, enum log_sync sync);
void log_fixture_close(struct log_fixture *fixture);
void log_fixture_close_failed(struct log_fixture *fixture); /* it has failed: EIO */

/* A command: words with blanks between them. */
void log_fixture_append(struct log_fixture *fixture, int database, const char *text);
/* log_writer_end_turn, and nobody who was just answered is waited for. */
void log_fixture_end_turn(struct log_fixture *fixture);
/* The worker has been given something. */
bool log_fixture_is_busy(const struct log_fixture *fixture);
/* What log_writer_switch_base is to call, with the fixture: counts, and keeps the error. */
void log_fixture_on_switched(void *context, int error_number);
/* Turns until the group is durable, a switch of the base is over, the time has gone by. The first
 * two fail when that does not come. */
void log_fixture_wait_for(struct log_fixture *fixture, uint64_t group);
void log_fixture_wait_for_switch(struct log_fixture *fixture);
void log_fixture_end_turns(struct log_fixture *fixture, int64_t for_ms);
/* The commands of all groups of a file, blanks between words; checks every checksum. */
void log_fixture_read_back(struct log_fixture *fixture, const char *name, char *text,
                           size_t text_size);

#endif
