/* A log on a simulated disk that is loaded, and what came of it. Increments are named "1", "2" and
 * so on, the base "base". */
#ifndef HOLDFAST_TESTS_RELOAD_H
#define HOLDFAST_TESTS_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "persist/recovery.h"
#include "system/disk.h"
#include "system/disk_simulated.h"

struct reload {
    struct disk_simulated *simulated;
    struct disk_operations operations; /* the simulated disk's, but watched */
    struct disk disk;
    int64_t size_added; /* how much longer files are said to be: they are cut while we read */
    bool load_truncated;

    /* what came of it */
    enum recovery_status status;
    struct buffer commands; /* "DATABASE WORD WORD\n" for each; NUL-terminated at the end */
    char why[600];
    uint64_t cut_bytes;
    size_t batches, steps, advances;   /* calls of `apply`; of recovery_step, before the last; how
                                          many of these made loaded_bytes larger */
    struct recovery_progress progress; /* the last; `file` is gone: */
    char file[40];
    bool has_id, ran_out;
    char increment[40], cut_file[40];
    struct recovery_result goes_on; /* without what it pointed to */
};

/* cmocka's. */
int reload_set_up(void **state);
int reload_tear_down(void **state);

/* --- what is there to be loaded --- */

void reload_put(struct reload *world, const char *name, struct slice content);
struct slice reload_content(const struct reload *world, const char *name);
/* The manifest names increments "1" and so on, as far as `files` goes; with a base, that too. */
void reload_name_files(struct reload *world, bool base, int files);
/* The only increment is of groups: one for each text, then `tail`. */
void reload_put_groups(struct reload *world, const char *const *commands, struct slice tail);
#define RELOAD_PUT_GROUPS(world, tail, ...)                                                        \
    reload_put_groups(world, (const char *const[]){__VA_ARGS__, NULL}, tail)
/* It is of commands without annotations, with a comma between them, then `tail`. */
void reload_put_plain(struct reload *world, const char *commands, struct slice tail);

void reload_add_bytes(struct buffer *out, char byte, size_t count);

/* --- loading it --- */

/* Call number `disk_call` to the disk and allocation number `allocation`, of large ones, fail (with
 * `for_good` those after it, too); 0: none does. */
void reload_with(struct reload *world, uint64_t disk_call, unsigned allocation, bool for_good);
void reload_run(struct reload *world, uint64_t disk_call);
void reload_assert_loads(struct reload *world, const char *commands);
/* `why`: a part of what is said. */
void reload_assert_refuses(struct reload *world, const char *why);

#endif
