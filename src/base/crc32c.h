/* CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected): the checksum of log groups.
 *
 * Uses the instruction of SSE4.2 where the processor has it, else a small table. Any thread. */
#ifndef HOLDFAST_BASE_CRC32C_H
#define HOLDFAST_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what `crc` (0 at first) covers and then `length` bytes. */
uint32_t crc32c_add(uint32_t crc, const void *data, size_t length);

/* The portable version alone: for tests. */
uint32_t crc32c_add_portable(uint32_t crc, const void *data, size_t length);

#endif
