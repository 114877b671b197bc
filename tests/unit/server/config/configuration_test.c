#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "server/config/configuration.h"
#include "server/config/setting_inert.h"
#include "server/config/setting_tables.h"
#include "server/settings.h"

#define DEBIAN_FILE "/etc/redis/redis.conf"
#define WORDS_MAX 32

struct fixture {
    struct settings settings;
    struct configuration *configuration;
    struct buffer text; /* the last error, or the last answer of GET, with a NUL */
    char path[64];      /* of a file of this test */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    settings_init(&fixture->settings);
    fixture->configuration = configuration_create(&fixture->settings);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/holdfast-test-%d.conf", (int)getpid());
    log_set_level(LOG_NOTHING);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    configuration_destroy(fixture->configuration);
    settings_deinit(&fixture->settings);
    buffer_deinit(&fixture->text);
    unlink(fixture->path);
    free(fixture);
    return 0;
}

static void write_file(const struct fixture *fixture, const char *content)
{
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_file_is(const struct fixture *fixture, const char *expected)
{
    char content[8192] = {0};
    FILE *file = fopen(fixture->path, "r");
    assert_non_null(file);
    assert_true(fread(content, 1, sizeof content - 1, file) < sizeof content);
    fclose(file);
    assert_string_equal(content, expected);
}

/* Cuts at blanks in place; '' is an empty word. */
static size_t split(char *line, struct slice *words)
{
    size_t count = 0;
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
        for (char *at = word; *at != '\0'; at++)
            *at = *at == '_' ? ' ' : *at; /* blanks within a word */
        words[count++] = slice_of_string(strcmp(word, "''") == 0 ? "" : word);
    }
    return count;
}

static enum error load(struct fixture *fixture, const char *line)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", line);
    struct slice words[WORDS_MAX];
    char *arguments[WORDS_MAX];
    size_t count = split(copy, words);
    for (size_t i = 0; i < count; i++)
        arguments[i] = (char *)(uintptr_t)words[i].data;
    buffer_clear(&fixture->text);
    enum error error =
        configuration_load(fixture->configuration, (int)count, arguments, &fixture->text);
    buffer_add(&fixture->text, "", 1);
    return error;
}

/* CONFIG SET: the error, "" if there is none. */
static const char *set(struct fixture *fixture, const char *line)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", line);
    struct slice words[WORDS_MAX];
    size_t count = split(copy, words);
    buffer_clear(&fixture->text);
    enum error error = configuration_set(fixture->configuration, words, count, &fixture->text);
    if (error == OK)
        buffer_add(&fixture->text, "", 1);
    return fixture->text.data;
}

static void add_pair(void *context, struct slice name, struct slice value)
{
    struct fixture *fixture = context;
    buffer_add_format(&fixture->text, "%s%.*s=%.*s", fixture->text.length > 0 ? " " : "",
                      (int)name.length, name.data, (int)value.length, value.data);
}

/* CONFIG GET: "name=value name=value". */
static const char *get(struct fixture *fixture, const char *line)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", line);
    struct slice words[WORDS_MAX];
    size_t count = split(copy, words);
    buffer_clear(&fixture->text);
    configuration_get(fixture->configuration, words, count, add_pair, fixture);
    buffer_add(&fixture->text, "", 1);
    return fixture->text.data;
}

/* --- the start --- */

static void options_win_over_the_file(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "port 7000\ntimeout 5\nmaxmemory 100mb\n");
    char line[128];
    snprintf(line, sizeof line, "%s --port 7001 --maxmemory-policy allkeys-lru", fixture->path);
    assert_int_equal(load(fixture, line), OK);
    assert_int_equal(fixture->settings.admission.port, 7001);
    assert_int_equal(fixture->settings.admission.idle_timeout_s, 5);
    assert_int_equal(fixture->settings.memory.bytes_max, 100 << 20);
    assert_int_equal(fixture->settings.memory.eviction.policy, EVICTION_ALLKEYS_LRU);
    assert_string_equal(fixture->settings.lifecycle.config_file, fixture->path);
}

static void an_unknown_directive_is_answered_with_the_nearest(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "# top\nprot 7000\n");
    assert_int_equal(load(fixture, fixture->path), ERROR_SYNTAX);
    char expected[128];
    snprintf(expected, sizeof expected, "%s:2: unknown directive 'prot'; did you mean 'port'?",
             fixture->path);
    assert_string_equal(fixture->text.data, expected);
    assert_int_equal(load(fixture, "--xyzzy 1"), ERROR_SYNTAX);
    assert_string_equal(fixture->text.data, "command line:1: unknown directive 'xyzzy'");
}

static void a_wrong_value_stops_the_start_and_is_not_shown(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(load(fixture, "--port 70000"), ERROR_SYNTAX);
    assert_string_equal(fixture->text.data,
                        "command line:1: port: argument must be between 0 and 65535 inclusive");
    assert_int_equal(load(fixture, "--requirepass secret word"), ERROR_SYNTAX);
    assert_string_equal(fixture->text.data,
                        "command line:1: requirepass: wrong number of arguments");
    assert_int_equal(load(fixture, "--tls-port"), OK); /* no value, no effect, no harm */
}

static void what_a_stock_redis_conf_says_is_accepted(void **state)
{
    struct fixture *fixture = *state;
    if (access(DEBIAN_FILE, R_OK) != 0) {
        print_message("skip: there is no readable %s\n", DEBIAN_FILE);
        skip();
    }
    assert_int_equal(load(fixture, DEBIAN_FILE), OK);
    assert_string_equal(fixture->settings.admission.bind, "127.0.0.1 -::1");
    assert_true(fixture->settings.lifecycle.daemonize);
    assert_int_equal(fixture->settings.admission.output_limits[CLASS_REPLICA].hard_bytes,
                     256 << 20);
}

static void what_would_leave_the_server_open_stops_the_start(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(load(fixture, "--user default off"), ERROR_SYNTAX);
    assert_int_equal(load(fixture, "--aclfile /etc/users.acl"), ERROR_SYNTAX);
    assert_int_equal(load(fixture, "--aclfile ''"), OK);
}

static void promises_that_cannot_be_kept_answer_what_is_true(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(load(fixture, "--cluster-enabled yes"), OK);
    assert_string_equal(get(fixture, "cluster-enabled"), "cluster-enabled=no");
}

static void save_points_of_several_lines_join_and_one_word_replaces_them(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(get(fixture, "save"), "save=3600 1 300 100 60 10000");
    assert_int_equal(load(fixture, "--save 900 1 --save 300 10"), OK);
    assert_string_equal(get(fixture, "save"), "save=900 1 300 10");
    assert_string_equal(set(fixture, "save 60_5"), "");
    assert_string_equal(get(fixture, "save"), "save=60 5");
    assert_string_equal(set(fixture, "save 60"),
                        "ERR CONFIG SET failed (possibly related to argument 'save') - "
                        "Invalid save parameters");
    assert_string_equal(set(fixture, "save ''"), "");
    assert_string_equal(get(fixture, "save"), "save=");
}

static void names_of_files_are_names_of_files(void **state)
{
    struct fixture *fixture = *state;
    char line[300];
    assert_int_equal(load(fixture, "--dbfilename a/b"), ERROR_SYNTAX);
    assert_non_null(strstr(fixture->text.data, "dbfilename can't be a path, just a filename"));
    snprintf(line, sizeof line, "--appendfilename %0201d", 0);
    assert_int_equal(load(fixture, line), ERROR_SYNTAX);
    assert_non_null(strstr(fixture->text.data, "appendfilename can have 200 bytes at most"));
    snprintf(line, sizeof line, "--appendfilename %0200d", 0);
    assert_int_equal(load(fixture, line), OK);
}

/* --- CONFIG SET and GET --- */

static void several_settings_change_all_or_not_at_all(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(set(fixture, "timeout 7 MaxMemory 1kb"), "");
    assert_string_equal(get(fixture, "timeout maxmemory"), "maxmemory=1024 timeout=7");
    assert_string_equal(set(fixture, "timeout 8 maxmemory 1x"),
                        "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - "
                        "argument must be a memory value");
    assert_string_equal(set(fixture, "timeout 8 nosuch 1"),
                        "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
    assert_string_equal(set(fixture, "timeout 8 databases 1"),
                        "ERR CONFIG SET failed (possibly related to argument 'databases') - can't "
                        "set immutable config");
    assert_string_equal(set(fixture, "timeout 8 TIMEOUT 9"),
                        "ERR CONFIG SET failed (possibly related to argument 'TIMEOUT') - "
                        "duplicate parameter");
    assert_string_equal(
        set(fixture, "commandlog-slow-execution-max-len 8 slowlog-max-len 9"),
        "ERR CONFIG SET failed (possibly related to argument 'slowlog-max-len') - duplicate "
        "parameter");
    assert_string_equal(get(fixture, "timeout slowlog-max-len"), "slowlog-max-len=128 timeout=7");
}

static void a_setting_is_known_by_its_names_and_by_patterns(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(get(fixture, "nosuch"), "");
    assert_string_equal(get(fixture, "PORT port po?t [p]ort"), "PORT=6379");
    assert_string_equal(get(fixture, "slowlog-max-* commandlog-slow-*"),
                        "commandlog-slow-execution-max-len=128 slowlog-max-len=128");
    assert_string_equal(get(fixture, "loadmodule user"), "");
    assert_string_equal(get(fixture, "port\\"), "");
}

static void every_special_value_comes_back_as_it_was_set(void **state)
{
    static const char *const pairs[][3] = {
        {"bind", "127.0.0.1_::1", "bind=127.0.0.1 ::1"},
        {"bind", "''", "bind="},
        {"bind", "''_::1_''_lo_''", "bind=::1 lo"},
        {"client-output-buffer-limit", "normal_1mb_2kb_3_slave_0_0_0",
         "client-output-buffer-limit=normal 1048576 2048 3 slave 0 0 0 pubsub 33554432 8388608 60"},
        {"maxmemory-clients", "5%", "maxmemory-clients=5%"},
        {"maxmemory-clients", "1mb", "maxmemory-clients=1048576"},
        {"latency-tracking-info-percentiles", "99.99_50",
         "latency-tracking-info-percentiles=99.99 "
         "50"},
        {"latency-tracking-info-percentiles", "''", "latency-tracking-info-percentiles="},
        {"notify-keyspace-events", "KEx", "notify-keyspace-events=xKE"},
        {"hz", "10000", "hz=500"},
        {"loglevel", "VERBOSE", "loglevel=verbose"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char line[256];
        snprintf(line, sizeof line, "%s %s", pairs[i][0], pairs[i][1]);
        assert_string_equal(set(fixture, line), "");
        assert_string_equal(get(fixture, pairs[i][0]), pairs[i][2]);
    }
}

/* A value that a setting answers can be given to it again, and changes nothing. */
static void every_answer_is_a_value(void **state)
{
    struct fixture *fixture = *state;
    for (size_t table = 0; setting_tables[table] != NULL; table++) {
        const struct setting *setting = setting_tables[table];
        for (; setting->name != NULL; setting++) {
            struct buffer value = {0}, again = {0};
            struct setting_problem problem;
            setting_get(setting, &fixture->settings, &value);
            buffer_add(&value, "", 1);
            struct slice word = slice_of(value.data, value.length - 1);
            assert_true(setting_set(setting, &fixture->settings, &word, 1, &problem));
            setting_get(setting, &fixture->settings, &again);
            if (strcmp(setting->name, "dir") != 0) /* answers where the process is */
                assert_true(slice_equals(word, buffer_slice(&again)));
            buffer_deinit(&value);
            buffer_deinit(&again);
        }
    }
}

static void no_name_is_there_twice(void **state)
{
    struct fixture *fixture = *state;
    const char *all = get(fixture, "*");
    char *copy = memory_copy_string(all);
    const char *last = "";
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        if (equals == NULL)
            continue; /* more words of a value */
        *equals = '\0';
        assert_true(strcasecmp(last, word) < 0);
        last = word;
    }
    memory_free(copy);
}

/* --- CONFIG REWRITE --- */

static void rewriting_keeps_the_file_and_changes_the_values(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "# mine\nport 7000\nhash-max-listpack-entries 7\nmaxmemory 1gb\n"
                        "client-output-buffer-limit pubsub 1mb 1mb 1\nslowlog-max-len 5\n");
    assert_int_equal(load(fixture, fixture->path), OK);
    assert_string_equal(set(fixture, "timeout 9 maxmemory 512mb requirepass \"a_b "
                                     "slowlog-max-len 128"),
                        "");
    struct buffer error_text = {0};
    assert_int_equal(configuration_rewrite(fixture->configuration, &error_text), OK);
    assert_file_is(fixture, "# mine\nport 7000\nhash-max-listpack-entries 7\nmaxmemory 512mb\n"
                            "client-output-buffer-limit normal 0 0 0\nslowlog-max-len 128\n"
                            "# Generated by CONFIG REWRITE\ntimeout 9\nrequirepass \"\\\"a b\"\n"
                            "client-output-buffer-limit pubsub 1mb 1mb 1\n");
    /* Once more is no change, and what was written can be read. */
    assert_int_equal(configuration_rewrite(fixture->configuration, &error_text), OK);
    assert_int_equal(load(fixture, fixture->path), OK);
    assert_string_equal(fixture->settings.session.password, "\"a b");
    buffer_deinit(&error_text);
}

static void without_a_file_there_is_nothing_to_rewrite(void **state)
{
    struct fixture *fixture = *state;
    struct buffer error_text = {0};
    assert_int_equal(configuration_rewrite(fixture->configuration, &error_text), ERROR_NOT_FOUND);
    assert_string_equal(error_text.data, "ERR The server is running without a config file");
    buffer_deinit(&error_text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(options_win_over_the_file),
        TEST(an_unknown_directive_is_answered_with_the_nearest),
        TEST(a_wrong_value_stops_the_start_and_is_not_shown),
        TEST(what_a_stock_redis_conf_says_is_accepted),
        TEST(what_would_leave_the_server_open_stops_the_start),
        TEST(promises_that_cannot_be_kept_answer_what_is_true),
        TEST(save_points_of_several_lines_join_and_one_word_replaces_them),
        TEST(several_settings_change_all_or_not_at_all),
        TEST(names_of_files_are_names_of_files),
        TEST(a_setting_is_known_by_its_names_and_by_patterns),
        TEST(every_special_value_comes_back_as_it_was_set),
        TEST(every_answer_is_a_value),
        TEST(no_name_is_there_twice),
        TEST(rewriting_keeps_the_file_and_changes_the_values),
        TEST(without_a_file_there_is_nothing_to_rewrite),
    };
    return cmocka_run_group_tests_name("server/config/configuration", tests, NULL, NULL);
}
