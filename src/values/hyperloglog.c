#include "values/hyperloglog.h"

#include <math.h>
#include <string.h>

#include "base/assertion.h"

#define INDEX_BITS 14
#define RANK_BITS (64 - INDEX_BITS)
#define REGISTER_BITS 6
#define REGISTER_MASK 63
#define SPARSE_VALUE_MAX 32
#define SPARSE_RUN_MAX 4
#define ZEROS_SHORT_MAX 64
#define ALPHA_INFINITY 0.721347520444481703680 /* 0.5 / ln 2 */

static const char magic[] = {'H', 'Y', 'L', 'L'};

enum { ENCODING_DENSE, ENCODING_SPARSE };

bool hyperloglog_is_sparse(struct slice bytes)
{
    return bytes.data[4] == ENCODING_SPARSE;
}

bool hyperloglog_is_valid(struct slice bytes)
{
    if (bytes.length < HYPERLOGLOG_HEAD || memcmp(bytes.data, magic, sizeof magic) != 0 ||
        (unsigned char)bytes.data[4] > ENCODING_SPARSE)
        return false;
    return hyperloglog_is_sparse(bytes) || bytes.length == HYPERLOGLOG_DENSE_SIZE;
}

bool hyperloglog_cached(struct slice bytes, uint64_t *count)
{
    memcpy(count, bytes.data + 8, sizeof *count);
    return *count >> 63 == 0;
}

void hyperloglog_set_cached(char *bytes, uint64_t count)
{
    memcpy(bytes + 8, &count, sizeof count);
}

void hyperloglog_keep_count(char *bytes, struct slice before, bool changed)
{
    uint64_t count;
    (void)hyperloglog_cached(before, &count);
    hyperloglog_set_cached(bytes, count | (uint64_t)changed << 63);
}

/* --- reading --- */

static void merge_register(struct hyperloglog *into, size_t index, unsigned value)
{
    if (value > into->registers[index])
        into->registers[index] = (uint8_t)value;
}

static void merge_dense(struct hyperloglog *into, const unsigned char *bytes)
{
    for (size_t i = 0; i < HYPERLOGLOG_REGISTERS; i++) {
        size_t bit = i * REGISTER_BITS;
        unsigned word = bytes[bit / 8];
        if (bit % 8 > 2)
            word |= (unsigned)bytes[bit / 8 + 1] << 8;
        merge_register(into, i, word >> (bit % 8) & REGISTER_MASK);
    }
}

bool hyperloglog_merge(struct hyperloglog *into, struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.data + HYPERLOGLOG_HEAD;
    const unsigned char *end = (const unsigned char *)bytes.data + bytes.length;
    size_t index = 0;
    if (!hyperloglog_is_sparse(bytes)) {
        merge_dense(into, at);
        return true;
    }
    while (at < end) {
        size_t run;
        unsigned value = 0;
        if (*at & 0x80) {
            run = (size_t)(*at & 3) + 1;
            value = (*at >> 2 & 31u) + 1;
            at++;
        } else if (*at & 0x40) {
            if (end - at < 2)
                return false;
            run = ((size_t)(at[0] & 0x3f) << 8 | at[1]) + 1;
            at += 2;
        } else {
            run = (size_t)(*at & 0x3f) + 1;
            at++;
        }
        if (run > HYPERLOGLOG_REGISTERS - index)
            return false;
        for (; run > 0; run--, index++)
            merge_register(into, index, value);
    }
    return index == HYPERLOGLOG_REGISTERS;
}

/* --- adding --- */

/* MurmurHash2, 64-bit version for 64-bit platforms, by Austin Appleby. */
static uint64_t murmur(const unsigned char *data, size_t length)
{
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
    const int r = 47;
    uint64_t hash = UINT64_C(0xadc83b19) ^ (length * m);
    for (; length >= 8; data += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        word *= m;
        word ^= word >> r;
        hash = (hash ^ word * m) * m;
    }
    if (length > 0) {
        uint64_t rest = 0;
        memcpy(&rest, data, length);
        hash = (hash ^ rest) * m;
    }
    hash = (hash ^ hash >> r) * m;
    return hash ^ hash >> r;
}

bool hyperloglog_add(struct hyperloglog *log, struct slice element)
{
    uint64_t hash = murmur((const unsigned char *)element.data, element.length);
    size_t index = hash & (HYPERLOGLOG_REGISTERS - 1);
    uint64_t rest = hash >> INDEX_BITS | UINT64_C(1) << RANK_BITS;
    unsigned rank = (unsigned)__builtin_ctzll(rest) + 1;
    if (rank <= log->registers[index])
        return false;
    log->registers[index] = (uint8_t)rank;
    return true;
}

/* --- counting --- */

static double sigma(double x)
{
    double y = 1, z = x, before;
    if (x == 1.0)
        return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (before != z);
    return z;
}

static double tau(double x)
{
    double y = 1, z = 1 - x, before;
    if (x == 0.0 || x == 1.0)
        return 0.0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= pow(1 - x, 2) * y;
    } while (before != z);
    return z / 3;
}

uint64_t hyperloglog_count(const struct hyperloglog *log)
{
    int histogram[REGISTER_MASK + 1] = {0};
    double m = HYPERLOGLOG_REGISTERS;
    for (size_t i = 0; i < HYPERLOGLOG_REGISTERS; i++)
        histogram[log->registers[i] & REGISTER_MASK]++;
    double z = m * tau((m - histogram[RANK_BITS + 1]) / m);
    for (int j = RANK_BITS; j >= 1; j--) {
        z += histogram[j];
        z *= 0.5;
    }
    z += m * sigma(histogram[0] / m);
    return (uint64_t)llround(ALPHA_INFINITY * m * m / z);
}

/* --- writing --- */

static void write_head(char *out, int encoding)
{
    memset(out, 0, HYPERLOGLOG_HEAD);
    memcpy(out, magic, sizeof magic);
    out[4] = (char)encoding;
    hyperloglog_set_cached(out, UINT64_C(1) << 63);
}

static void write_dense(const struct hyperloglog *log, char *out)
{
    unsigned char *bytes = (unsigned char *)out + HYPERLOGLOG_HEAD;
    write_head(out, ENCODING_DENSE);
    memset(bytes, 0, HYPERLOGLOG_DENSE_SIZE - HYPERLOGLOG_HEAD);
    for (size_t i = 0; i < HYPERLOGLOG_REGISTERS; i++) {
        size_t bit = i * REGISTER_BITS;
        unsigned word = (unsigned)log->registers[i] << (bit % 8);
        bytes[bit / 8] |= (unsigned char)word;
        if (bit % 8 > 2)
            bytes[bit / 8 + 1] |= (unsigned char)(word >> 8);
    }
}

/* 0: it does not fit. */
static size_t write_sparse(const struct hyperloglog *log, size_t size_max, char *out)
{
    size_t size = HYPERLOGLOG_HEAD;
    if (size_max > HYPERLOGLOG_DENSE_SIZE)
        size_max = HYPERLOGLOG_DENSE_SIZE;
    write_head(out, ENCODING_SPARSE);
    for (size_t i = 0; i < HYPERLOGLOG_REGISTERS;) {
        unsigned value = log->registers[i];
        size_t run_max = value == 0 ? HYPERLOGLOG_REGISTERS : SPARSE_RUN_MAX, run = 1;
        if (value > SPARSE_VALUE_MAX || size + 2 > size_max)
            return 0;
        while (run < run_max && i + run < HYPERLOGLOG_REGISTERS && log->registers[i + run] == value)
            run++;
        if (value > 0) {
            out[size++] = (char)(0x80 | (value - 1) << 2 | (unsigned)(run - 1));
        } else if (run <= ZEROS_SHORT_MAX) {
            out[size++] = (char)(run - 1);
        } else {
            out[size++] = (char)(0x40 | (run - 1) >> 8);
            out[size++] = (char)(run - 1);
        }
        i += run;
    }
    return size;
}

size_t hyperloglog_write(const struct hyperloglog *log, bool dense, size_t sparse_max, char *out)
{
    size_t size = dense ? 0 : write_sparse(log, sparse_max + HYPERLOGLOG_HEAD, out);
    if (size > 0)
        return size;
    write_dense(log, out);
    return HYPERLOGLOG_DENSE_SIZE;
}
