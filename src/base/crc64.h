/* CRC-64 (Jones, polynomial 0xad93d23594c935a9 reflected): the checksum of RDB files and of DUMP.
 *
 * Slicing-by-8 (Kounavis and Berry, 2008): the tables are filled in some microseconds by whoever
 * needs them, so that nothing global changes. */
#ifndef HOLDFAST_BASE_CRC64_H
#define HOLDFAST_BASE_CRC64_H

#include <stddef.h>
#include <stdint.h>

struct crc64_tables {
    uint64_t of[8][256];
};

void crc64_init(struct crc64_tables *tables);

/* The checksum of what `crc` (0 at first) covers and then `length` bytes. */
uint64_t crc64_add(const struct crc64_tables *tables, uint64_t crc, const void *data,
                   size_t length);

#endif
