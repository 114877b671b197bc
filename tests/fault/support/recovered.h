/* What recovery makes of a log whose commands count: "SET n 1", "SET n 2" and so on. */
#ifndef HOLDFAST_TESTS_RECOVERED_H
#define HOLDFAST_TESTS_RECOVERED_H

#include <stdint.h>

#include "persist/log_group.h"
#include "system/disk.h"

#define LOG_PATH "log"
#define LOG_NAME "appendonly.aof"

struct recovered {
    bool refused;
    char why[512];
    int64_t last;       /* the last number, 0: none; -1: one was left out or came twice */
    uint64_t cut_bytes; /* of a torn tail */
    uint64_t offset;
    char increment[300]; /* to go on with, "" none */
    uint64_t increment_size, increment_proven;
    struct log_id id;
};

/* `base`: the number that the base of the log holds, if it has one, is read, too. */
struct recovered recovered_read(const struct disk *disk);

#endif
