/* Where commands with a big argument follow each other, the next is read at once, as a guess: what
 * happens when it is right, and when it is not. */
#include "support/network_fixture.h"

#include <string.h>

#include "system/random.h"

#define CONTENT_SIZE 300000 /* bytes; nothing in it repeats */

static char content[CONTENT_SIZE];

static void make_content(struct random *random)
{
    for (size_t i = 0; i < sizeof content; i += sizeof(uint64_t)) {
        uint64_t bytes = random_next_u64(random);
        memcpy(content + i, &bytes, sizeof bytes);
    }
}

static void begin_random(struct random *random)
{
    random_init(random);
    uint64_t seed = random_next_u64(random);
    print_message("# seed %llu\n", (unsigned long long)seed);
    random_init_seed(random, seed);
    make_content(random);
}

static void add_echo(struct buffer *said, struct buffer *replies, size_t from, size_t length)
{
    buffer_add_format(said, "*2\r\n$4\r\nECHO\r\n$%zu\r\n", length);
    buffer_add(said, content + from, length);
    buffer_add_string(said, "\r\n");
    buffer_add_format(replies, "$%zu\r\n", length);
    buffer_add(replies, content + from, length);
    buffer_add_string(replies, "\r\n");
}

/* Sends all at once and waits for the replies. */
static void exchange(struct peer *peer, struct buffer *said, struct buffer *replies)
{
    peer_send(peer, said->data, said->length);
    peer_wait_for(peer, replies->length);
    assert_true(slice_equals(buffer_slice(&peer->received), buffer_slice(replies)));
    buffer_clear(&peer->received);
    buffer_clear(said);
    buffer_clear(replies);
}

static uint64_t reads_so_far(const struct network_fixture *fixture)
{
    struct network_statistics statistics;
    network_read_statistics(fixture->network, &statistics);
    return statistics.reads;
}

static void from_the_third_on_a_big_argument_takes_one_read(void **state)
{
    struct network_fixture *fixture = *state;
    struct random random;
    struct buffer said = {0}, replies = {0};
    struct peer peer;
    begin_random(&random);
    peer_begin(fixture, &peer);
    for (int i = 0; i < 10; i++) {
        uint64_t before = reads_so_far(fixture);
        add_echo(&said, &replies, (size_t)i, 65536);
        exchange(&peer, &said, &replies);
        assert_true(i < 2 || reads_so_far(fixture) == before + 1);
    }
    assert_null(peer.connection->input.data);
    buffer_deinit(&said);
    buffer_deinit(&replies);
    peer_end(&peer);
}

/* Often big, and often as the last was; the rest is something else at the same place. */
static void add_something(struct random *random, struct buffer *said, struct buffer *replies)
{
    static const size_t lengths[] = {32768, 32767, 40000,  65535, 65536,
                                     65537, 99999, 100000, 290000};
    uint64_t kind = random_below(random, 12);
    size_t length = lengths[random_below(random, sizeof lengths / sizeof *lengths)];
    size_t from = random_below(random, CONTENT_SIZE - length);
    if (kind < 4) {
        add_echo(said, replies, from % 200000, 65536);
    } else if (kind < 7) {
        add_echo(said, replies, from, length);
    } else if (kind == 7) {
        add_echo(said, replies, from, random_below(random, 300));
    } else if (kind == 8) {
        buffer_add_format(said, "*2\r\n$6\r\nLENGTH\r\n$%zu\r\n", length);
        buffer_add(said, content + from, length);
        buffer_add_string(said, "\r\n");
        buffer_add_format(replies, ":%zu\r\n", length);
    } else if (kind == 9) {
        for (int i = 0; i < 2000; i++) {
            buffer_add_string(said, "PING\r\n");
            buffer_add_string(replies, "+PONG\r\n");
        }
    } else {
        buffer_add_string(said, "*1\r\n$4\r\nPING\r\n");
        buffer_add_string(replies, "+PONG\r\n");
    }
}

static void a_wrong_guess_changes_no_reply(void **state)
{
    struct network_fixture *fixture = *state;
    struct random random;
    begin_random(&random);
    for (int round = 0; round < 20; round++) {
        struct buffer said = {0}, replies = {0};
        struct peer peer;
        peer_begin(fixture, &peer);
        uint64_t at_once = 1 + random_below(&random, 4);
        for (int i = 0; i < 40; i++) {
            if (round % 2 == 0) /* so that every other guess is made */
                for (int repeated = 0; repeated < 2; repeated++) {
                    add_echo(&said, &replies, random_below(&random, 1000), 65536);
                    exchange(&peer, &said, &replies);
                }
            for (uint64_t j = 0; j < at_once; j++)
                add_something(&random, &said, &replies);
            exchange(&peer, &said, &replies);
        }
        assert_null(peer.connection->big_block);
        buffer_deinit(&said);
        buffer_deinit(&replies);
        peer_end(&peer);
    }
}

static void pieces_of_what_was_guessed_change_no_reply(void **state)
{
    struct network_fixture *fixture = *state;
    struct random random;
    begin_random(&random);
    for (int round = 0; round < 20; round++) {
        struct buffer said = {0}, replies = {0};
        struct peer peer;
        peer_begin(fixture, &peer);
        for (int i = 0; i < 30; i++)
            add_something(&random, &said, &replies);
        size_t piece_max = ((size_t)1 << (3 + random_below(&random, 15))) + said.length / 1000;
        for (size_t at = 0; at < said.length;) {
            size_t length = 1 + random_below(&random, piece_max);
            length = length < said.length - at ? length : said.length - at;
            peer_send(&peer, said.data + at, length);
            at += length;
            for (uint64_t turns = random_below(&random, 3); turns > 0; turns--)
                network_fixture_turn(fixture);
            peer_take(&peer);
        }
        peer_wait_for(&peer, replies.length);
        assert_true(slice_equals(buffer_slice(&peer.received), buffer_slice(&replies)));
        buffer_deinit(&said);
        buffer_deinit(&replies);
        peer_end(&peer);
    }
}

static void what_came_before_makes_no_length_believed(void **state)
{
    struct network_fixture *fixture = *state;
    struct connection_statistics statistics;
    struct buffer said = {0};
    struct peer peer;
    static char value[10000000];
    peer_begin(fixture, &peer);
    for (int i = 0; i < 3; i++) {
        buffer_clear(&said);
        buffer_add_format(&said, "*2\r\n$6\r\nLENGTH\r\n$%zu\r\n", sizeof value);
        buffer_add(&said, value, sizeof value);
        buffer_add_string(&said, "\r\n");
        peer_send(&peer, said.data, said.length);
        peer_expect(&peer, ":10000000\r\n");
    }
    peer_say(&peer, "*2\r\n$6\r\nLENGTH\r\n$10000000\r\nfirst bytes");
    for (int i = 0; i < 3; i++)
        network_fixture_turn(fixture);
    connection_read_statistics(peer.connection, &statistics);
    assert_non_null(peer.connection->big_block);
    assert_true(statistics.total_memory < 128 * 1024);
    buffer_deinit(&said);
    peer_end(&peer);
}

static void who_stops_in_a_guess_leaves_nothing(void **state)
{
    struct network_fixture *fixture = *state;
    struct random random;
    struct buffer said = {0}, replies = {0};
    begin_random(&random);
    static const char *const last[] = {"", "*2\r\n$4\r\nEC", "*2\r\n$4\r\nECHO\r\n$65536\r\nxyz",
                                       "*2\r\n$4\r\nECHO\r\n$65536x\r\nxyz", "*2\r\n!\r\nxyz"};
    for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
        struct peer peer;
        peer_begin(fixture, &peer);
        for (int j = 0; j < 3; j++) {
            add_echo(&said, &replies, (size_t)j, 65536);
            exchange(&peer, &said, &replies);
        }
        peer_say(&peer, last[i]);
        network_fixture_turn(fixture);
        peer_end(&peer);
    }
    buffer_deinit(&said);
    buffer_deinit(&replies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NETWORK_TEST(from_the_third_on_a_big_argument_takes_one_read),
        NETWORK_TEST(a_wrong_guess_changes_no_reply),
        NETWORK_TEST(pieces_of_what_was_guessed_change_no_reply),
        NETWORK_TEST(what_came_before_makes_no_length_believed),
        NETWORK_TEST(who_stops_in_a_guess_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
