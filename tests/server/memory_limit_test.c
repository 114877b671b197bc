/* maxmemory holds: whatever is written, and however. */
#include <string.h>
#include <unistd.h>

#include "support/fixture.h"
#include "support/wire.h"

#define MIB (1024 * 1024)
#define ROOM (8 * MIB) /* above what the empty server uses */
#define EXCESS_MAX MIB /* a table that grows, a step of eviction, buffers of clients */
#define SETTLE_US 300000
#define SETTLED_MAX 65536 /* bytes */
#define ROUNDS 20
#define ROUND_LENGTH 2000 /* keys */

/* What is used once nothing falls any more: the keys of the test before are freed step by step. */
static int64_t settled_memory(struct conversation *client)
{
    int64_t used = wire_info(client, "used_memory"), before;
    do {
        before = used;
        usleep(SETTLE_US);
        used = wire_info(client, "used_memory");
    } while (used < before - SETTLED_MAX);
    return used;
}

/* Sets the limit a little above what is used now; returns it. */
static int64_t limit_memory(struct conversation *client, const char *policy)
{
    int64_t limit = settled_memory(client) + ROOM;
    assert_says(client, "+OK", "CONFIG SET maxmemory-policy %s maxmemory %lld", policy,
                (long long)limit);
    return limit;
}

static void free_memory(struct conversation *client)
{
    assert_says(client, "+OK", "CONFIG SET maxmemory 0 maxmemory-policy noeviction");
}

static void write_round(struct conversation *client, int round, size_t size)
{
    char value[20001];
    memset(value, 'v', size);
    value[size] = '\0';
    for (int i = 0; i < ROUND_LENGTH; i += 100) {
        for (int k = i; k < i + 100; k++)
            conversation_send(client, "SET key:%d:%d %s", round, k, value);
        for (int k = i; k < i + 100; k++)
            assert_reads(client, "+OK");
    }
}

static void eviction_keeps_memory_below_the_limit(void **state)
{
    CLIENTS(state);
    static const size_t sizes[] = {10, 100, 1000, 10000};
    int64_t limit = limit_memory(clients[0], "allkeys-random");
    for (int round = 0; round < ROUNDS; round++) {
        write_round(clients[1], round, sizes[round % 4]);
        assert_in_range(wire_info(clients[0], "used_memory"), 0, limit + EXCESS_MAX);
    }
    assert_true(wire_info(clients[0], "evicted_keys") > 0);
    assert_true(wire_info(clients[0], "used_memory") > limit - ROOM / 2); /* and not too much */
    free_memory(clients[0]);
}

static void without_eviction_writes_are_refused_at_the_limit(void **state)
{
    CLIENTS(state);
    char value[1001];
    memset(value, 'v', 1000);
    value[1000] = '\0';
    int64_t limit = limit_memory(clients[0], "noeviction");
    /* Only until the first refusal: what the log has written is given back behind it, and then
     * there is room for a little again. */
    const char *reply = "+OK";
    int written = 0;
    for (; written < 2 * ROOM / 1000; written++) {
        reply = conversation_say(clients[1], "SET key:%d %s", written, value);
        if (strcmp(reply, "+OK") != 0)
            break;
    }
    assert_string_equal(reply, "-OOM command not allowed when used memory > 'maxmemory'.");
    assert_in_range(written, ROOM / 1000 / 2, ROOM / 1000);
    assert_in_range(wire_info(clients[0], "used_memory"), limit - EXCESS_MAX, limit + EXCESS_MAX);
    assert_says(clients[1], ":1", "EXISTS key:0");
    for (int i = 0; i < written / 2; i++)
        assert_says(clients[1], ":1", "DEL key:%d", i);
    assert_says(clients[1], "+OK", "SET another 1"); /* at once */
    free_memory(clients[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(eviction_keeps_memory_below_the_limit),
        SERVER_TEST(without_eviction_writes_are_refused_at_the_limit),
    };
    return cmocka_run_group_tests_name("server/memory_limit", tests, fixture_start, fixture_stop);
}
