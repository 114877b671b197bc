/* HyperLogLogs: their estimates, and both of their forms against a plain reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "support/stream_random.h"
#include "values/hyperloglog.h"

#define SPARSE_MAX 3000
#define ROUNDS 600
#define DAMAGED_ROUNDS 10000

static struct slice element_of(uint64_t *number)
{
    return slice_of((const char *)number, sizeof *number);
}

/* Adds the numbers from `first` on. */
static void add_numbers(struct hyperloglog *log, uint64_t first, uint64_t count)
{
    for (uint64_t number = first; number < first + count; number++)
        (void)hyperloglog_add(log, element_of(&number));
}

static struct slice write(const struct hyperloglog *log, bool dense, size_t sparse_max)
{
    static char out[HYPERLOGLOG_DENSE_SIZE];
    return slice_of(out, hyperloglog_write(log, dense, sparse_max, out));
}

static void assert_reads_as(struct slice bytes, const struct hyperloglog *log)
{
    struct hyperloglog read = {{0}};
    assert_true(hyperloglog_is_valid(bytes));
    assert_true(hyperloglog_merge(&read, bytes));
    assert_memory_equal(&read, log, sizeof read);
}

static void an_empty_log_counts_nothing(void **state)
{
    (void)state;
    struct hyperloglog log = {{0}};
    assert_int_equal(hyperloglog_count(&log), 0);
    struct slice bytes = write(&log, false, SPARSE_MAX);
    assert_int_equal(bytes.length, HYPERLOGLOG_HEAD + 2);
    assert_memory_equal(bytes.data + HYPERLOGLOG_HEAD, "\x7f\xff", 2);
    assert_reads_as(bytes, &log);
    assert_reads_as(write(&log, true, SPARSE_MAX), &log);
}

/* Small counts are nearly exact, large ones within 3 % (the standard error is 0.81 %). */
static void estimates_are_near_the_count(void **state)
{
    (void)state;
    struct hyperloglog log = {{0}};
    uint64_t count = 0;
    for (uint64_t next = 1; next <= 1000000; next += 1 + next / 10) {
        add_numbers(&log, count, next - count);
        count = next;
        uint64_t off = count < 100 ? 1 + count / 50 : count * 3 / 100;
        assert_in_range(hyperloglog_count(&log), count - off, count + off);
    }
}

static void an_element_counts_once(void **state)
{
    (void)state;
    struct hyperloglog log = {{0}};
    add_numbers(&log, 0, 1000);
    uint64_t count = hyperloglog_count(&log);
    for (uint64_t number = 0; number < 1000; number++)
        assert_false(hyperloglog_add(&log, element_of(&number)));
    assert_int_equal(hyperloglog_count(&log), count);
    assert_true(hyperloglog_add(&log, SLICE("")));
    assert_false(hyperloglog_add(&log, SLICE("")));
}

static void a_log_is_sparse_until_it_is_too_long(void **state)
{
    (void)state;
    struct hyperloglog log = {{0}};
    bool was_sparse = true;
    for (uint64_t number = 0; number < 4000; number++) {
        (void)hyperloglog_add(&log, element_of(&number));
        struct slice bytes = write(&log, false, SPARSE_MAX);
        bool is_sparse = hyperloglog_is_sparse(bytes);
        assert_true(was_sparse || !is_sparse);
        was_sparse = is_sparse;
        if (is_sparse)
            assert_in_range(bytes.length, HYPERLOGLOG_HEAD, HYPERLOGLOG_HEAD + SPARSE_MAX);
        else
            assert_int_equal(bytes.length, HYPERLOGLOG_DENSE_SIZE);
        if (number % 50 == 0)
            assert_reads_as(bytes, &log);
    }
    assert_false(was_sparse);
    assert_false(hyperloglog_is_sparse(write(&log, false, 0)));
    assert_true(hyperloglog_is_sparse(write(&log, false, SIZE_MAX - HYPERLOGLOG_HEAD)));
}

static void a_register_above_32_makes_a_log_dense(void **state)
{
    (void)state;
    struct hyperloglog log = {{0}};
    log.registers[77] = 32;
    assert_true(hyperloglog_is_sparse(write(&log, false, SPARSE_MAX)));
    assert_reads_as(write(&log, false, SPARSE_MAX), &log);
    log.registers[77] = 33;
    assert_false(hyperloglog_is_sparse(write(&log, false, SPARSE_MAX)));
    assert_reads_as(write(&log, false, SPARSE_MAX), &log);
}

static void a_merged_log_is_that_of_the_union(void **state)
{
    (void)state;
    for (uint64_t count = 10; count < 100000; count *= 7) {
        for (int dense = 0; dense < 2; dense++) {
            struct hyperloglog one = {{0}}, other = {{0}}, both = {{0}};
            add_numbers(&one, 0, count);
            add_numbers(&other, count / 2, count);
            add_numbers(&both, 0, count / 2 + count);
            assert_true(hyperloglog_merge(&one, write(&other, dense, SPARSE_MAX)));
            assert_memory_equal(&one, &both, sizeof one);
            assert_int_equal(hyperloglog_count(&one), hyperloglog_count(&both));
        }
    }
}

static void the_count_beside_the_registers_is_kept_while_it_is_valid(void **state)
{
    (void)state;
    struct hyperloglog log = {{0}};
    char bytes[HYPERLOGLOG_DENSE_SIZE];
    uint64_t count;
    struct slice written = write(&log, true, 0);
    assert_false(hyperloglog_cached(written, &count));
    memcpy(bytes, written.data, written.length);
    hyperloglog_set_cached(bytes, 1234567);
    assert_true(hyperloglog_cached(slice_of(bytes, sizeof bytes), &count));
    assert_int_equal(count, 1234567);
    char other[HYPERLOGLOG_DENSE_SIZE];
    memcpy(other, written.data, written.length);
    hyperloglog_keep_count(other, slice_of(bytes, sizeof bytes), false);
    assert_true(hyperloglog_cached(slice_of(other, sizeof other), &count));
    assert_int_equal(count, 1234567);
    hyperloglog_keep_count(other, slice_of(bytes, sizeof bytes), true);
    assert_false(hyperloglog_cached(slice_of(other, sizeof other), &count));
}

static void a_damaged_head_is_refused(void **state)
{
    (void)state;
    struct hyperloglog log = {{0}};
    char bytes[HYPERLOGLOG_DENSE_SIZE + 1];
    for (int dense = 0; dense < 2; dense++) {
        struct slice written = write(&log, dense, SPARSE_MAX);
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, written.data, written.length);
        for (size_t length = 0; length < HYPERLOGLOG_HEAD; length++)
            assert_false(hyperloglog_is_valid(slice_of(bytes, length)));
        for (size_t i = 0; i < 5; i++) {
            char before = bytes[i];
            bytes[i] = '\x7f';
            assert_false(hyperloglog_is_valid(slice_of(bytes, written.length)));
            bytes[i] = before;
        }
        assert_true(hyperloglog_is_valid(slice_of(bytes, written.length)));
        if (dense)
            assert_false(hyperloglog_is_valid(slice_of(bytes, sizeof bytes)));
        if (dense)
            assert_false(hyperloglog_is_valid(slice_of(bytes, sizeof bytes - 2)));
    }
}

static void a_sparse_log_that_is_cut_off_or_goes_on_is_refused(void **state)
{
    (void)state;
    struct hyperloglog log = {{0}}, into = {{0}};
    add_numbers(&log, 0, 300);
    struct slice written = write(&log, false, SPARSE_MAX);
    char *bytes = memory_allocate(written.length + 1);
    memcpy(bytes, written.data, written.length);
    bytes[written.length] = 0;
    for (size_t length = HYPERLOGLOG_HEAD; length < written.length; length++)
        assert_false(hyperloglog_merge(&into, slice_of(bytes, length)));
    assert_true(hyperloglog_merge(&into, slice_of(bytes, written.length)));
    assert_false(hyperloglog_merge(&into, slice_of(bytes, written.length + 1)));
    memory_free(bytes);
}

/* --- both forms against a plain reader --- */

/* Registers of a sparse log, run by run; false: they are not all. */
static bool read_sparse(struct slice bytes, struct hyperloglog *log)
{
    size_t count = 0;
    *log = (struct hyperloglog){{0}};
    for (size_t at = HYPERLOGLOG_HEAD; at < bytes.length; at++) {
        unsigned byte = (unsigned char)bytes.data[at], value = 0, run = (byte & 63) + 1;
        if (byte >= 128) {
            value = (byte & 127) / 4 + 1;
            run = byte % 4 + 1;
        } else if (byte >= 64) {
            if (++at == bytes.length)
                return false;
            run = (byte & 63) * 256 + (unsigned char)bytes.data[at] + 1;
        }
        for (; run > 0; run--, count++) {
            if (count == HYPERLOGLOG_REGISTERS)
                return false;
            log->registers[count] = (uint8_t)value;
        }
    }
    return count == HYPERLOGLOG_REGISTERS;
}

/* Runs of equal registers, short or long. */
static void draw_registers(struct stream_random *random, struct hyperloglog *log)
{
    uint64_t value_max = stream_random_once_in(random, 4) ? 51 : 32;
    uint64_t run_max = UINT64_C(1) << stream_random_draw(random, 15);
    for (size_t i = 0; i < HYPERLOGLOG_REGISTERS;) {
        uint8_t value = (uint8_t)stream_random_draw(random, value_max + 1);
        value = stream_random_once_in(random, 2) ? 0 : value;
        size_t run = 1 + (size_t)stream_random_draw(random, run_max);
        for (; run > 0 && i < HYPERLOGLOG_REGISTERS; run--)
            log->registers[i++] = value;
    }
}

/* Six bits, the low ones first. */
static unsigned dense_register(struct slice bytes, size_t index)
{
    unsigned value = 0;
    for (size_t bit = 6 * index; bit < 6 * (index + 1); bit++) {
        unsigned byte = (unsigned char)bytes.data[HYPERLOGLOG_HEAD + bit / 8];
        value |= (byte >> bit % 8 & 1u) << (bit - 6 * index);
    }
    return value;
}

static void any_registers_come_back_from_both_forms(void **state)
{
    (void)state;
    struct stream_random random;
    stream_random_init(&random);
    for (int round = 0; round < ROUNDS; round++) {
        struct hyperloglog log, read;
        draw_registers(&random, &log);
        struct slice bytes = write(&log, false, (size_t)stream_random_draw(&random, 13000));
        assert_reads_as(bytes, &log);
        if (hyperloglog_is_sparse(bytes)) {
            assert_true(read_sparse(bytes, &read));
            assert_memory_equal(&read, &log, sizeof read);
        }
        bytes = write(&log, true, 0);
        assert_reads_as(bytes, &log);
        for (size_t i = 0; i < HYPERLOGLOG_REGISTERS; i += 1 + i % 7)
            assert_int_equal(dense_register(bytes, i), log.registers[i]);
    }
}

/* The greater of each register, or refused. */
static void damaged_runs_are_read_as_a_plain_reader_does(void **state)
{
    (void)state;
    struct stream_random random;
    stream_random_init(&random);
    struct hyperloglog log = {{0}}, into, plain;
    for (int round = 0; round < DAMAGED_ROUNDS; round++) {
        if (round % 200 == 0)
            add_numbers(&log, (uint64_t)round, 5);
        struct slice written = write(&log, false, SPARSE_MAX);
        char *bytes = memory_allocate(written.length);
        memcpy(bytes, written.data, written.length);
        for (uint64_t changes = stream_random_draw(&random, 3); changes > 0; changes--) {
            uint64_t at = stream_random_draw(&random, written.length - HYPERLOGLOG_HEAD);
            bytes[HYPERLOGLOG_HEAD + at] = (char)stream_random_draw(&random, 256);
        }
        struct slice damaged = slice_of(bytes, written.length);
        bool good = read_sparse(damaged, &plain);
        into = (struct hyperloglog){{0}};
        assert_int_equal(hyperloglog_merge(&into, damaged), good);
        if (good)
            assert_memory_equal(&into, &plain, sizeof into);
        memory_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_log_counts_nothing),
        cmocka_unit_test(estimates_are_near_the_count),
        cmocka_unit_test(an_element_counts_once),
        cmocka_unit_test(a_log_is_sparse_until_it_is_too_long),
        cmocka_unit_test(a_register_above_32_makes_a_log_dense),
        cmocka_unit_test(a_merged_log_is_that_of_the_union),
        cmocka_unit_test(the_count_beside_the_registers_is_kept_while_it_is_valid),
        cmocka_unit_test(a_damaged_head_is_refused),
        cmocka_unit_test(a_sparse_log_that_is_cut_off_or_goes_on_is_refused),
        cmocka_unit_test(any_registers_come_back_from_both_forms),
        cmocka_unit_test(damaged_runs_are_read_as_a_plain_reader_does),
    };
    return cmocka_run_group_tests_name("values/hyperloglog", tests, NULL, NULL);
}
