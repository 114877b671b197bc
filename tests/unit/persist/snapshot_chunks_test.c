/* Rows of chunks: whatever is joined, bytes come out in the order they went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "persist/snapshot_chunks.h"
#include "support/draw.h"
#include "support/memory_balance.h"

#define ROUNDS 200

/* Bytes that count on from `*next`. */
static void add(struct snapshot_chunks *row, size_t count, unsigned *next)
{
    for (size_t i = 0; i < count; i++) {
        char byte = (char)(*next)++;
        buffer_add(&row->open, &byte, 1);
    }
}

/* Takes all, which must be the bytes that count on from `*next`. */
static void assert_counts_on(struct snapshot_chunks *row, unsigned *next)
{
    struct snapshot_chunk *chunk;
    size_t length = snapshot_chunks_length(row);
    snapshot_chunks_seal(row, NULL);
    while ((chunk = snapshot_chunks_take(row)) != NULL) {
        for (size_t i = 0; i < chunk->bytes.length; i++)
            assert_int_equal(chunk->bytes.data[i], (char)(*next)++);
        length -= snapshot_chunk_size(chunk);
        assert_int_equal(snapshot_chunks_length(row), length);
        snapshot_chunk_destroy(chunk);
    }
    assert_int_equal(length, 0);
}

static void rows_keep_their_order_when_they_are_joined(void **state)
{
    (void)state;
    draw_begin();
    for (int round = 0; round < ROUNDS; round++) {
        struct snapshot_chunks row, other;
        unsigned put = 0, taken = 0;
        snapshot_chunks_init(&row);
        snapshot_chunks_init(&other);
        for (int step = 0; step < 20; step++) {
            size_t chunks = draw(3);
            add(&row, draw(3), &put);
            if (draw(4) == 0)
                snapshot_chunks_seal(&row, NULL);
            for (size_t i = 0; i < chunks; i++) {
                add(&other, draw(3), &put);
                snapshot_chunks_seal(&other, NULL);
            }
            add(&other, draw(3), &put);
            size_t length = snapshot_chunks_length(&row) + snapshot_chunks_length(&other);
            assert_int_equal(snapshot_chunks_move(&row, &other), OK);
            assert_int_equal(snapshot_chunks_length(&other), 0);
            assert_int_equal(snapshot_chunks_length(&row), length);
            if (draw(5) == 0)
                assert_counts_on(&row, &taken);
        }
        assert_counts_on(&row, &taken);
        assert_int_equal(taken, put);
        snapshot_chunks_deinit(&row);
        snapshot_chunks_deinit(&other);
    }
}

static void what_is_full_is_sealed(void **state)
{
    (void)state;
    struct snapshot_chunks row, other;
    unsigned put = 0, taken = 0;
    snapshot_chunks_init(&row);
    snapshot_chunks_init(&other);
    add(&row, SNAPSHOT_CHUNK_SIZE - 1, &put);
    snapshot_chunks_seal_full(&row);
    assert_null(snapshot_chunks_take(&row));
    add(&other, 2, &put);
    assert_int_equal(snapshot_chunks_move(&row, &other), OK);
    assert_int_equal(row.open.length, 0);
    struct snapshot_chunk *chunk = snapshot_chunks_take(&row);
    assert_non_null(chunk);
    assert_int_equal(snapshot_chunk_size(chunk), SNAPSHOT_CHUNK_SIZE + 1);
    snapshot_chunk_destroy(chunk);
    taken = put;
    add(&row, 3, &put);
    assert_counts_on(&row, &taken);
    assert_null(snapshot_chunks_take(&row));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_keep_their_order_when_they_are_joined),
        cmocka_unit_test(what_is_full_is_sealed),
        cmocka_unit_test(all_memory_was_given_back),
    };
    return cmocka_run_group_tests_name("persist/snapshot_chunks", tests, memory_balance_begin,
                                       NULL);
}
