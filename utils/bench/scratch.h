/* Folders for what servers keep: on the disk that TMPDIR is on. */
#ifndef HOLDFAST_BENCH_SCRATCH_H
#define HOLDFAST_BENCH_SCRATCH_H

#define SCRATCH_PATH_SIZE 256

const char *scratch_parent(void);
void scratch_make(char path[SCRATCH_PATH_SIZE]);
void scratch_remove(const char *path); /* with all that is in it */

#endif
