/* DEBUG DIGEST, DEBUG DIGEST-VALUE and DEBUG OBJECT. The digests here are what redis-server 7.0.15
 * answered; tests/difference asks it itself. */
#include <stdio.h>
#include <string.h>

#include "support/fixture.h"
#include "support/waiting.h"

#define NOTHING "0000000000000000000000000000000000000000"
#define SMALL 3
#define LARGE 1000 /* elements: more than any packed value has */
#define BATCH 100

struct sample {
    const char *key;
    const char *small, *large; /* digests of so many elements */
    const char *encoding, *encoding_of_large;
};

static const struct sample samples[] = {
    {"string", "2d13ed22ff39d210ae8800eb45622a290ab398d4",
     "3b7ed4ee1d6b6492758c2518bf310cb24ae115e0", "int", "int"},
    {"list", "1de126e4a3caa150b2adb28a1d7c01a93523acb2", "112d97907ec0d08f26bb14aebf4ddd5043254840",
     "listpack", "quicklist"},
    {"set", "82115798ba77f8845144016a300440da1ece8e13", "7c225e8dcb980f20a1e96f4393471000624663b4",
     "listpack", "hashtable"},
    {"integers", "2a462a3f51a1db89738ebbeef0c47ce1bbc85246",
     "235e3fa32d8287857299b39a4880e2cad0934d91", "intset", "hashtable"},
    {"zset", "9c2cdff8c9162c82ed8ea13a0affc15820251a75", "ef162dde97778e3bfa4b1c91672d8d2906914404",
     "listpack", "skiplist"},
    {"hash", "00f7c7e2d8f893ab63eb93990713dcf280b4bba7", "98fc8b78b72794eda5e0a776b6e3f548ef8ab057",
     "listpack", "hashtable"},
    {"stream", "dfa605b78f71f60c8b5b65f2058ef22793a31256",
     "6fd7fe04489354b2675ef26dc3e8956eb0af7fc5", "stream", "stream"},
};
#define SAMPLES (sizeof samples / sizeof samples[0])

static void send_element(struct conversation *client, int i)
{
    conversation_send(client, "SET string %d", i);
    conversation_send(client, "RPUSH list text%d %d", i, i);
    conversation_send(client, "SADD set text%d %d", i, i);
    conversation_send(client, "SADD integers %d", i);
    conversation_send(client, "ZADD zset %d.1 text%d -inf %d", i, i, i);
    conversation_send(client, "HSET hash text%d %d", i, i);
    conversation_send(client, "XADD stream %d-7 text %d", i, i);
}

/* The elements `first` to `last` of every sample; many at once, since each write is synced. */
static void add(struct conversation *client, int first, int last)
{
    for (int i = first; i <= last; i += BATCH) {
        int count = last - i + 1 < BATCH ? last - i + 1 : BATCH;
        for (int k = 0; k < count; k++)
            send_element(client, i + k);
        for (size_t k = 0; k < (size_t)count * SAMPLES; k++)
            assert_true(conversation_read(client)[0] != '-');
    }
}

static void assert_digest(struct conversation *client, const char *key, const char *digest)
{
    char expected[64];
    snprintf(expected, sizeof expected, "[+%s]", digest);
    assert_says(client, expected, "DEBUG DIGEST-VALUE %s", key);
}

static void values_have_the_digests_of_redis(void **state)
{
    CLIENTS(state);
    add(clients[0], 1, SMALL);
    for (size_t i = 0; i < SAMPLES; i++)
        assert_digest(clients[0], samples[i].key, samples[i].small);
    add(clients[0], SMALL + 1, LARGE);
    for (size_t i = 0; i < SAMPLES; i++)
        assert_digest(clients[0], samples[i].key, samples[i].large);
}

static void all_data_has_the_digest_of_redis(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+" NOTHING, "DEBUG DIGEST");
    add(clients[0], 1, SMALL);
    assert_says(clients[0], "+ec160dcb71ee6640059ca1af68c9c25ec1ae419c", "DEBUG DIGEST");
    assert_says(clients[0], ":1", "EXPIRE hash 1000");
    assert_says(clients[0], ":1", "MOVE list 3");
    assert_says(clients[0], ":1", "MOVE zset 15");
    assert_says(clients[0], "+33b29441f418b45939f7609e542c106ff8bb6b17", "DEBUG DIGEST");
    assert_says(clients[0], "+OK", "FLUSHALL");
    assert_says(clients[0], "+" NOTHING, "DEBUG DIGEST");
}

static void what_is_not_there_has_a_digest_of_zeros(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "[]", "DEBUG DIGEST-VALUE");
    assert_says(clients[0], "[+" NOTHING ", +" NOTHING "]", "DEBUG DIGEST-VALUE a b");
}

/* Redis 7.0 has none. */
static void deadlines_of_fields_do_not_count(void **state)
{
    CLIENTS(state);
    waiting_skip_in_redis(clients[0]);
    add(clients[0], 1, SMALL);
    assert_says(clients[0], "[:1]", "HPEXPIRE hash 1000000 FIELDS 1 text1");
    assert_digest(clients[0], "hash", samples[5].small);
}

static void values_of_every_type_can_be_looked_at(void **state)
{
    CLIENTS(state);
    waiting_skip_in_redis(clients[0]); /* other encodings */
    for (int large = 0; large <= 1; large++) {
        add(clients[0], large ? SMALL + 1 : 1, large ? LARGE : SMALL);
        for (size_t i = 0; i < SAMPLES; i++) {
            const struct sample *sample = &samples[i];
            char encoding[32];
            snprintf(encoding, sizeof encoding, " encoding:%s ",
                     large ? sample->encoding_of_large : sample->encoding);
            const char *reply = conversation_say(clients[0], "DEBUG OBJECT %s", sample->key);
            const char *length = strstr(reply, " serializedlength:");
            if (strstr(reply, encoding) == NULL || length == NULL)
                fail_msg("%s: %s", sample->key, reply);
            assert_true(strtol(strchr(length, ':') + 1, NULL, 10) > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(values_have_the_digests_of_redis),
        SERVER_TEST(all_data_has_the_digest_of_redis),
        SERVER_TEST(what_is_not_there_has_a_digest_of_zeros),
        SERVER_TEST(deadlines_of_fields_do_not_count),
        SERVER_TEST(values_of_every_type_can_be_looked_at),
    };
    return cmocka_run_group_tests_name("server/debug_dataset", tests, fixture_start, fixture_stop);
}
