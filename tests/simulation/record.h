/* A value and its deadlines as numbers: the same for the same data, whatever they are kept in. */
#ifndef HOLDFAST_SIMULATION_RECORD_H
#define HOLDFAST_SIMULATION_RECORD_H

#include <stdbool.h>
#include <stdint.h>

struct entry;

#define RECORD_DATED_MAX 6 /* fields of a hash that have deadlines: all that commands.c names */

/* All zero: there is no such key. */
struct record {
    uint64_t digest; /* 0: there is no such key */
    int64_t deadline_ms;
    uint32_t undated; /* fields without a deadline; 1 for all that is no hash */
    uint32_t dated_count;
    uint64_t pending; /* entries, of all groups of a stream */
    struct {
        uint64_t digest;
        int64_t deadline_ms;
    } dated[RECORD_DATED_MAX];
};

void record_read(const struct entry *entry, struct record *record);

/* Is anything left of it at this time? Fields that have expired by then do not count, nor do keys.
 */
bool record_is_there(const struct record *record, int64_t now_ms);
/* What is left of both is the same. */
bool record_is_same(const struct record *a, const struct record *b, int64_t now_ms);

#endif
