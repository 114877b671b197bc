/* A disk in memory that does what real ones do at their worst, from a seed: for tests.
 *
 * It remembers what was synced. A crash keeps that, and of the rest what chance wants: some of the
 * unsynced sectors (others read as zeros), a length in between, the first so many of the unsynced
 * changes of names, and nothing in a directory whose own name is lost. Any call can be made to
 * fail. Names are paths as they are given; what has no slash stands in ".". Operations may come
 * from any thread. */
#ifndef HOLDFAST_SYSTEM_DISK_SIMULATED_H
#define HOLDFAST_SYSTEM_DISK_SIMULATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "system/disk.h"

struct disk_simulated;

enum disk_fault {
    DISK_FAULT_NONE,
    DISK_FAULT_ERROR, /* EIO; what a sync that fails so should have kept is read, and passes for
                         synced, but is gone after a crash unless it is written again */
    DISK_FAULT_FULL,  /* ENOSPC from whatever takes room; other calls succeed */
    DISK_FAULT_INTERRUPTED, /* EINTR */
    DISK_FAULT_SHORT,       /* half of a write or read is done; other calls succeed */
};

struct disk_simulated *disk_simulated_create(uint64_t seed);
void disk_simulated_destroy(struct disk_simulated *simulated);
const struct disk *disk_simulated_disk(const struct disk_simulated *simulated);

/* Call number `call` (from 1; counted since the last call of this function) fails so, and with
 * `for_good` all after it, too. */
void disk_simulated_fail(struct disk_simulated *simulated, uint64_t call, enum disk_fault fault,
                         bool for_good);
uint64_t disk_simulated_calls(const struct disk_simulated *simulated); /* since then */

/* Syncs succeed and do nothing: a disk that lies. For negative controls. */
void disk_simulated_lie(struct disk_simulated *simulated, bool lies);

/* Bytes that all files may have together; more is ENOSPC. 0: no limit. */
void disk_simulated_limit(struct disk_simulated *simulated, uint64_t bytes);

/* The power goes: every call fails from now on and changes nothing (but close), so that a program
 * that still runs can be ended. */
void disk_simulated_power_off(struct disk_simulated *simulated);
/* The power comes back, after it went: what was not synced is as chance wants; open files are gone,
 * locks too, faults end. */
void disk_simulated_crash(struct disk_simulated *simulated);
/* A process was killed, after `power_off`: what it had written stays, durable or not; open files
 * are gone, locks too, faults end. */
void disk_simulated_kill(struct disk_simulated *simulated);

/* --- looking at files and putting them there, durably --- */
bool disk_simulated_read(const struct disk_simulated *simulated, const char *path,
                         struct slice *content); /* false: there is none; valid until it changes */
void disk_simulated_write(struct disk_simulated *simulated, const char *path, struct slice content);

#endif
