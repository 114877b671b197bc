/* Filling a server with keys through a pipeline. */
#ifndef HOLDFAST_BENCH_LOAD_H
#define HOLDFAST_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

struct wire;

#define LOAD_KEY_SIZE 16         /* bytes */
#define LOAD_COMMAND_SIZE 256    /* bytes a writer may write */
#define LOAD_PIPELINE_LENGTH 200 /* commands */

/* Writes the command for key `number` to `out`; returns its length. */
typedef size_t load_writer(char *out, size_t number, const void *context);

/* Sends the commands for the numbers from `from` up to, but not including, `to`. */
void load_run(struct wire *wire, size_t from, size_t to, load_writer *write, const void *context);

/* "key:" and 12 digits. */
void load_write_key(char *out, size_t number);

/* A number that follows from `number` and looks random (splitmix64). */
uint64_t load_scatter(uint64_t number);

#endif
