#include "base/crc64.h"

#include <string.h>

#define POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5) /* reflected */

void crc64_init(struct crc64_tables *tables)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (POLYNOMIAL & (0 - (crc & 1)));
        tables->of[0][byte] = crc;
    }
    for (int position = 1; position < 8; position++)
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t before = tables->of[position - 1][byte];
            tables->of[position][byte] = (before >> 8) ^ tables->of[0][before & 0xff];
        }
}

uint64_t crc64_add(const struct crc64_tables *tables, uint64_t crc, const void *data, size_t length)
{
    const unsigned char *at = data;
    for (; length >= 8; at += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word ^= crc;
        crc = 0;
        for (int position = 0; position < 8; position++)
            crc ^= tables->of[7 - position][(word >> (8 * position)) & 0xff];
    }
    for (; length > 0; at++, length--)
        crc = (crc >> 8) ^ tables->of[0][(crc ^ *at) & 0xff];
    return crc;
}
