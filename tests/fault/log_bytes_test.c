/* Row B: a log of 64 KiB is cut at every byte, each bit of it is flipped, its tail is zeros or
 * garbage, its groups come twice, in another order, or not at all. Each is told apart, no wrong
 * value is ever served, and a cut yields the exact prefix (P3).
 *
 * test-options: timeout=300 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "support/recovered.h"
#include "system/disk_simulated.h"

#define LOG_SIZE (64 * 1024)
#define GROUPS_MAX 200
#define FILE_NAME LOG_NAME ".1.incr.aof"
#define MANIFEST "file " FILE_NAME " seq 1 type i\n"

/* A log as the writer writes it with appendfsync always: each group after the sync of the one
 * before. */
struct sample {
    struct buffer bytes;
    size_t starts[GROUPS_MAX + 1]; /* of each group's annotation; the last is the end */
    int64_t last[GROUPS_MAX + 1];  /* the number reached before that group */
    size_t count;
    struct disk_simulated *simulated;
};

static const struct log_id some_id = {{9, 8, 7}};

static void add_command(struct buffer *out, int64_t number)
{
    char padding[300];
    memset(padding, 'a' + (int)(number % 26), sizeof padding);
    char text[NUMBER_INTEGER_TEXT_MAX];
    int length = (int)number_format_int64(text, number);
    buffer_add_format(out, "*4\r\n$3\r\nSET\r\n$1\r\nn\r\n$%d\r\n%.*s\r\n$300\r\n%.300s\r\n",
                      length, length, text, padding);
}

/* `durable_behind`: as with everysec, groups follow each other without a sync. */
static void add_group(struct sample *sample, uint64_t *offset, int64_t *number, uint64_t durable)
{
    struct buffer commands = {0};
    buffer_add_string(&commands, "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
    for (size_t i = 0; i <= sample->count % 4; i++)
        add_command(&commands, ++*number);
    struct log_group_header header = {*offset, commands.length, durable, 0};
    header.crc = log_group_crc(&some_id, &header, buffer_slice(&commands));
    char line[LOG_ANNOTATION_MAX];
    buffer_add(&sample->bytes, line, log_group_write_header(line, &header));
    buffer_add(&sample->bytes, commands.data, commands.length);
    *offset += commands.length;
    sample->count++;
    sample->starts[sample->count] = sample->bytes.length;
    sample->last[sample->count] = *number;
    buffer_deinit(&commands);
}

static void make_sample(struct sample *sample, bool synced)
{
    *sample = (struct sample){.simulated = disk_simulated_create(1)};
    char line[LOG_ANNOTATION_MAX];
    struct log_file_header header = {some_id, 0};
    buffer_add(&sample->bytes, line, log_group_write_file_header(line, &header));
    sample->starts[0] = sample->bytes.length;
    uint64_t offset = 0;
    int64_t number = 0;
    while (sample->bytes.length < LOG_SIZE && sample->count < GROUPS_MAX)
        add_group(sample, &offset, &number, synced ? offset : 0);
    disk_simulated_write(sample->simulated, LOG_PATH "/" LOG_NAME ".manifest", SLICE(MANIFEST));
}

static void free_sample(struct sample *sample)
{
    disk_simulated_destroy(sample->simulated);
    buffer_deinit(&sample->bytes);
}

static struct recovered read_bytes(struct sample *sample, struct slice bytes)
{
    disk_simulated_write(sample->simulated, LOG_PATH "/" FILE_NAME, bytes);
    return recovered_read(disk_simulated_disk(sample->simulated));
}

/* How many groups lie whole before byte `position`. */
static size_t groups_before(const struct sample *sample, size_t position)
{
    size_t count = 0;
    while (count < sample->count && sample->starts[count + 1] <= position)
        count++;
    return count;
}

static void a_whole_log_is_read_whole(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    struct recovered found = read_bytes(&sample, buffer_slice(&sample.bytes));
    assert_false(found.refused);
    assert_int_equal(found.last, sample.last[sample.count]);
    assert_int_equal(found.cut_bytes, 0);
    free_sample(&sample);
}

static void P3_a_cut_at_every_byte_yields_the_exact_prefix(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    for (size_t cut = 0; cut <= sample.bytes.length; cut++) {
        struct recovered found = read_bytes(&sample, slice_of(sample.bytes.data, cut));
        size_t whole = groups_before(&sample, cut);
        if (found.refused || found.last != sample.last[whole])
            fail_msg("cut at %zu: %lld instead of %lld %s", cut, (long long)found.last,
                     (long long)sample.last[whole], found.why);
        struct slice left;
        assert_true(disk_simulated_read(sample.simulated, LOG_PATH "/" FILE_NAME, &left));
        assert_int_equal(left.length, cut >= sample.starts[0] ? sample.starts[whole] : 0);
    }
    free_sample(&sample);
}

/* All eight flips of a byte. In the last group a flip cannot be told from a write that a crash
 * tore: then the prefix before it is served. Anywhere else the log is refused. */
static void flip_every_bit(struct sample *sample, bool synced)
{
    size_t refused = 0, prefixes = 0;
    for (size_t at = 0; at < sample->bytes.length; at++) {
        for (int bit = 0; bit < 8; bit++) {
            sample->bytes.data[at] = (char)(sample->bytes.data[at] ^ (1 << bit));
            struct recovered found = read_bytes(sample, buffer_slice(&sample->bytes));
            sample->bytes.data[at] = (char)(sample->bytes.data[at] ^ (1 << bit));
            size_t whole = groups_before(sample, at);
            bool may_be_torn = whole + 1 >= sample->count || !synced;
            bool prefix = !found.refused && found.last == sample->last[whole];
            if (found.refused ? at >= sample->starts[0] && may_be_torn : !prefix || !may_be_torn)
                fail_msg("bit %d of byte %zu: %s, %lld of %lld %s", bit, at,
                         found.refused ? "refused" : "loaded", (long long)found.last,
                         (long long)sample->last[whole], found.why);
            refused += found.refused;
            prefixes += prefix;
        }
    }
    assert_int_equal(refused + prefixes, 8 * sample->bytes.length);
}

static void P3_a_flip_of_every_bit_is_noticed(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    flip_every_bit(&sample, true);
    free_sample(&sample);
}

/* Bytes of a tail that are torn: filler at its end, with the line end that closes it, is not. */
static size_t torn_length(struct slice tail)
{
    size_t torn = tail.length;
    if (tail.data[torn - 1] == LOG_FILLER_END && (torn == 1 || tail.data[torn - 2] == LOG_FILLER))
        torn--;
    while (torn > 0 && tail.data[torn - 1] == LOG_FILLER)
        torn--;
    return torn;
}

static void tails_of_zeros_and_garbage_are_cut(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    size_t whole = sample.bytes.length;
    unsigned random = 1;
    for (int kind = 0; kind < 3; kind++) {
        for (size_t length = 1; length < 3000; length += length < 1100 ? 1 : 97) {
            sample.bytes.length = whole;
            for (size_t i = 0; i < length; i++) {
                random = random * 1103515245 + 12345;
                char byte = kind == 0 ? '\0' : kind == 1 ? (char)(random >> 16) : '#';
                buffer_add(&sample.bytes, &byte, 1);
            }
            struct recovered found = read_bytes(&sample, buffer_slice(&sample.bytes));
            assert_false(found.refused);
            assert_int_equal(found.last, sample.last[sample.count]);
            assert_int_equal(found.cut_bytes,
                             torn_length(slice_of(sample.bytes.data + whole, length)));
        }
    }
    free_sample(&sample);
}

static struct slice group_bytes(const struct sample *sample, size_t group)
{
    return slice_of(sample->bytes.data + sample->starts[group],
                    sample->starts[group + 1] - sample->starts[group]);
}

static void add_groups(struct sample *sample, struct buffer *out, size_t from, size_t to)
{
    for (size_t group = from; group < to; group++) {
        struct slice bytes = group_bytes(sample, group);
        buffer_add(out, bytes.data, bytes.length);
    }
}

/* The sample's first line, then groups [0, a), `middle`, groups [b, end). */
static struct recovered read_altered(struct sample *sample, size_t a, const size_t *middle,
                                     size_t middle_count, size_t b)
{
    struct buffer bytes = {0};
    buffer_add(&bytes, sample->bytes.data, sample->starts[0]);
    add_groups(sample, &bytes, 0, a);
    for (size_t i = 0; i < middle_count; i++)
        add_groups(sample, &bytes, middle[i], middle[i] + 1);
    add_groups(sample, &bytes, b, sample->count);
    struct recovered found = read_bytes(sample, buffer_slice(&bytes));
    buffer_deinit(&bytes);
    return found;
}

static void groups_that_come_twice_are_noticed(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    for (size_t group = 0; group < sample.count; group++) {
        size_t twice[2] = {group, group};
        struct recovered found = read_altered(&sample, group, twice, 2, group + 1);
        bool last = group + 1 == sample.count;
        assert_int_equal(found.refused, !last);
        assert_true(found.refused || found.last == sample.last[sample.count]);
    }
    free_sample(&sample);
}

static void groups_in_another_order_are_noticed(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    for (size_t group = 0; group + 1 < sample.count; group++) {
        size_t swapped[2] = {group + 1, group};
        assert_true(read_altered(&sample, group, swapped, 2, group + 2).refused);
    }
    free_sample(&sample);
}

static void groups_that_are_left_out_are_noticed(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    for (size_t group = 0; group < sample.count; group++) {
        struct recovered found = read_altered(&sample, group, NULL, 0, group + 1);
        bool last = group + 1 == sample.count; /* nobody can know of it */
        assert_int_equal(found.refused, !last);
        assert_true(found.refused || found.last == sample.last[group]);
    }
    free_sample(&sample);
}

static void a_group_of_another_log_is_noticed(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    size_t middle = sample.count / 2;
    struct slice bytes = group_bytes(&sample, middle);
    struct log_file_header file;
    struct log_group_header header;
    size_t head;
    assert_int_equal(log_group_read_line(bytes, &file, &header, &head), LOG_LINE_GROUP);
    const struct log_id other_id = {{9, 8, 6}};
    header.crc =
        log_group_crc(&other_id, &header, slice_of(bytes.data + head, bytes.length - head));
    char line[LOG_ANNOTATION_MAX];
    assert_int_equal(log_group_write_header(line, &header), head);
    memcpy(sample.bytes.data + sample.starts[middle], line, head);
    assert_true(read_bytes(&sample, buffer_slice(&sample.bytes)).refused);
    free_sample(&sample);
}

/* A group is written over filler; a crash may keep its end and not its beginning, wherever a sector
 * ends: at a command, too. */
static void a_group_without_its_beginning_is_a_torn_tail(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    size_t start = sample.starts[sample.count - 1], end = sample.bytes.length;
    char filler[400];
    memset(filler, LOG_FILLER, sizeof filler);
    buffer_add(&sample.bytes, filler, sizeof filler);
    sample.bytes.data[sample.bytes.length - 1] = LOG_FILLER_END;
    for (size_t at = start; at < end; at++) {
        sample.bytes.data[at] = LOG_FILLER;
        if (at == start)
            continue; /* an annotation begins as filler does */
        struct recovered found = read_bytes(&sample, buffer_slice(&sample.bytes));
        if (found.refused || found.last != sample.last[sample.count - 1])
            fail_msg("%zu bytes of the group are filler: found %lld, %s", at + 1 - start,
                     (long long)found.last, found.why);
    }
    free_sample(&sample);
}

/* everysec: groups that follow each other without a sync may be torn in any order. */
static void what_was_never_synced_is_a_torn_tail(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, false);
    for (size_t group = 0; group < sample.count; group++) {
        size_t at = sample.starts[group] + 70;
        sample.bytes.data[at] ^= 1;
        struct recovered found = read_bytes(&sample, buffer_slice(&sample.bytes));
        sample.bytes.data[at] ^= 1;
        assert_false(found.refused);
        assert_int_equal(found.last, sample.last[group]);
    }
    free_sample(&sample);
}

static void files_of_the_log_in_another_order_are_noticed(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    size_t middle = sample.count / 2;
    struct log_file_header first, second = {.id = some_id};
    struct log_group_header header;
    size_t head;
    assert_int_equal(log_group_read_line(group_bytes(&sample, middle), &first, &header, &head),
                     LOG_LINE_GROUP);
    second.offset = header.offset;
    struct buffer files[2] = {{0}, {0}};
    buffer_add(&files[0], sample.bytes.data, sample.starts[middle]);
    char line[LOG_ANNOTATION_MAX];
    buffer_add(&files[1], line, log_group_write_file_header(line, &second));
    buffer_add(&files[1], sample.bytes.data + sample.starts[middle],
               sample.bytes.length - sample.starts[middle]);
    for (int swapped = 0; swapped < 2; swapped++) {
        disk_simulated_write(sample.simulated, LOG_PATH "/" LOG_NAME ".1.incr.aof",
                             buffer_slice(&files[swapped]));
        disk_simulated_write(sample.simulated, LOG_PATH "/" LOG_NAME ".2.incr.aof",
                             buffer_slice(&files[1 - swapped]));
        disk_simulated_write(sample.simulated, LOG_PATH "/" LOG_NAME ".manifest",
                             SLICE("file " LOG_NAME ".1.incr.aof seq 1 type i\n"
                                   "file " LOG_NAME ".2.incr.aof seq 2 type i\n"));
        struct recovered found = recovered_read(disk_simulated_disk(sample.simulated));
        assert_int_equal(found.refused, swapped);
        assert_true(swapped || found.last == sample.last[sample.count]);
    }
    /* A torn end in any file but the last is damage. */
    disk_simulated_write(sample.simulated, LOG_PATH "/" LOG_NAME ".1.incr.aof",
                         slice_of(files[0].data, files[0].length - 1));
    disk_simulated_write(sample.simulated, LOG_PATH "/" LOG_NAME ".2.incr.aof",
                         buffer_slice(&files[1]));
    struct recovered found = recovered_read(disk_simulated_disk(sample.simulated));
    assert_true(found.refused);
    assert_non_null(strstr(found.why, "holdfast-log repair"));
    buffer_deinit(&files[0]);
    buffer_deinit(&files[1]);
    free_sample(&sample);
}

/* The control: a log whose checksum was made anew after a change is served with the change, so the
 * checks above would see a wrong value if checksums were not looked at. */
static void a_change_with_a_new_checksum_would_be_seen(void **state)
{
    (void)state;
    struct sample sample;
    make_sample(&sample, true);
    size_t middle = sample.count / 2;
    struct slice bytes = group_bytes(&sample, middle);
    struct log_file_header file;
    struct log_group_header header;
    size_t head;
    assert_int_equal(log_group_read_line(bytes, &file, &header, &head), LOG_LINE_GROUP);
    char *number = strstr(sample.bytes.data + sample.starts[middle], "$1\r\nn\r\n") + 7;
    number = strchr(number, '\n') + 1;
    *number = *number == '9' ? '8' : (char)(*number + 1);
    header.crc = log_group_crc(&some_id, &header, slice_of(bytes.data + head, header.length));
    char line[LOG_ANNOTATION_MAX];
    memcpy(sample.bytes.data + sample.starts[middle], line, log_group_write_header(line, &header));
    struct recovered found = read_bytes(&sample, buffer_slice(&sample.bytes));
    assert_false(found.refused);
    assert_int_equal(found.last, -1); /* out of order: the model notices */
    free_sample(&sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_log_is_read_whole),
        cmocka_unit_test(P3_a_cut_at_every_byte_yields_the_exact_prefix),
        cmocka_unit_test(P3_a_flip_of_every_bit_is_noticed),
        cmocka_unit_test(tails_of_zeros_and_garbage_are_cut),
        cmocka_unit_test(groups_that_come_twice_are_noticed),
        cmocka_unit_test(groups_in_another_order_are_noticed),
        cmocka_unit_test(groups_that_are_left_out_are_noticed),
        cmocka_unit_test(a_group_of_another_log_is_noticed),
        cmocka_unit_test(a_group_without_its_beginning_is_a_torn_tail),
        cmocka_unit_test(what_was_never_synced_is_a_torn_tail),
        cmocka_unit_test(files_of_the_log_in_another_order_are_noticed),
        cmocka_unit_test(a_change_with_a_new_checksum_would_be_seen),
    };
    log_set_level(LOG_NOTHING);
    return cmocka_run_group_tests_name("fault/log_bytes", tests, NULL, NULL);
}
