/* CONFIG over a real socket, and starts with real files. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/fixture.h"

#define PATH_MAX_BYTES 256
#define TEXT_MAX 65536

static void write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void read_file(const char *path, char text[TEXT_MAX])
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, TEXT_MAX - 1, file);
    text[length] = '\0';
    fclose(file);
}

/* A path of this test's own that nobody else has. */
static void make_path(char path[PATH_MAX_BYTES], const char *name)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, PATH_MAX_BYTES, "%s/holdfast-%d-%s", folder != NULL ? folder : "/tmp",
             (int)getpid(), name);
}

/* Runs the server until it ends; what it wrote, and its exit status. */
static int run_to_the_end(const char *arguments, char text[TEXT_MAX])
{
    char line[1024];
    const char *program = getenv("HOLDFAST_SERVER");
    snprintf(line, sizeof line, "%s %s 2>&1", program != NULL ? program : "build/holdfast-server",
             arguments);
    FILE *output = popen(line, "r");
    assert_non_null(output);
    size_t length = fread(text, 1, TEXT_MAX - 1, output);
    text[length] = '\0';
    return WEXITSTATUS(pclose(output));
}

/* --- while it runs --- */

static void get_is_a_map_and_set_is_all_or_nothing(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "[$timeout, $0]", "CONFIG GET timeout");
    assert_says(clients[0], "+OK", "CONFIG SET timeout 60 maxmemory-samples 7");
    assert_says(clients[0],
                "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-samples') - "
                "argument couldn't be parsed into an integer",
                "CONFIG SET timeout 0 maxmemory-samples many");
    conversation_say(clients[0], "HELLO 3");
    assert_says(clients[0], "{$maxmemory-samples: $7, $timeout: $60}",
                "CONFIG GET time?ut maxmemory-s*");
    assert_says(clients[0], "+OK", "CONFIG SET timeout 0 maxmemory-samples 5");
}

static void a_password_is_asked_for_from_then_on(void **state)
{
    CLIENTS(state);
    assert_says(clients[0], "+OK", "CONFIG SET requirepass secret");
    assert_says(clients[0], "+PONG", "PING");
    struct fixture *fixture = *state;
    struct conversation *stranger = conversation_begin(fixture->process.port);
    assert_says(stranger, "-NOAUTH Authentication required.", "PING");
    assert_says(stranger, "+OK", "AUTH secret");
    assert_says(stranger, "+OK", "CONFIG SET requirepass ''");
    conversation_end(stranger);
}

static void the_limits_of_a_stranger_are_settings(void **state)
{
    CLIENTS(state);
    struct fixture *fixture = *state;
    assert_says(clients[0], "+OK", "CONFIG SET requirepass secret preauth-arguments-max 3");
    struct conversation *stranger = conversation_begin(fixture->process.port);
    assert_says(stranger, "-ERR Protocol error: unauthenticated multibulk length", "PING 1 2 3");
    conversation_end(stranger);
    assert_says(clients[0], "+OK", "CONFIG SET requirepass '' preauth-arguments-max 10");
}

/* A port that nobody listens on. */
static int free_port(void)
{
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_int_equal(bind(probe, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&address, &length), 0);
    close(probe);
    return ntohs(address.sin_port);
}

static void the_port_changes_while_clients_stay(void **state)
{
    CLIENTS(state);
    struct fixture *fixture = *state;
    int port = free_port();
    assert_says(clients[0], "+OK", "CONFIG SET port %d", port);
    struct conversation *there = conversation_begin(port);
    assert_says(there, "+PONG", "PING");
    assert_says(clients[1], "+PONG", "PING");
    conversation_end(there);
    assert_says(clients[0],
                "-ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to "
                "specified addresses.",
                "CONFIG SET bind 192.0.2.1");
    assert_says(clients[0], "+OK", "CONFIG SET port %d", fixture->process.port);
    there = conversation_begin(fixture->process.port);
    assert_says(there, "+PONG", "PING");
    conversation_end(there);
}

static void statistics_are_reset(void **state)
{
    CLIENTS(state);
    conversation_say(clients[0], "GET none");
    assert_non_null(strstr(conversation_say(clients[0], "INFO stats"), "keyspace_misses:1"));
    assert_says(clients[0], "+OK", "CONFIG RESETSTAT");
    assert_non_null(strstr(conversation_say(clients[0], "INFO stats"), "keyspace_misses:0"));
    assert_null(strstr(conversation_say(clients[0], "INFO commandstats"), "cmdstat_get"));
}

/* --- starts --- */

static void rewrite_keeps_what_people_wrote(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    char path[PATH_MAX_BYTES];
    make_path(path, "rewrite.conf");
    write_file(path, "# mine\ntimeout 5\n\nappendonly no\n");
    assert_int_equal(chmod(path, 0640), 0);

    struct server_process process;
    server_process_start_file(&process, path);
    struct conversation *client = conversation_begin(process.port);
    assert_says(client, "+OK", "CONFIG SET timeout 6 maxmemory 100mb");
    assert_says(client, "+OK", "CONFIG REWRITE");
    conversation_end(client);
    assert_int_equal(server_process_stop(&process), 0);

    read_file(path, text);
    char expected[TEXT_MAX];
    snprintf(expected, sizeof expected,
             "# mine\ntimeout 6\n\nappendonly no\n# Generated by CONFIG REWRITE\nport %d\n"
             "dir \"%s\"\nmaxmemory 100mb\nsave \"\"\n",
             process.port, process.folder);
    assert_string_equal(text, expected);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    unlink(path);
}

static void what_has_no_effect_is_named_once(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    char path[PATH_MAX_BYTES], log_path[PATH_MAX_BYTES];
    make_path(path, "inert.conf");
    make_path(log_path, "inert.log");
    snprintf(text, sizeof text,
             "logfile %s\nactivedefrag yes\nactivedefrag yes\nlist-compress-depth 1\n"
             "cluster-enabled no\n",
             log_path);
    write_file(path, text);
    struct server_process process;
    server_process_start_file(&process, path);
    assert_int_equal(server_process_stop(&process), 0);
    read_file(log_path, text);
    const char *found = strstr(text, " activedefrag");
    assert_non_null(found);
    assert_null(strstr(found + 1, " activedefrag"));
    assert_non_null(strstr(text, "list-compress-depth"));
    assert_null(strstr(text, "cluster-enabled")); /* as it says, so it is */
    unlink(path);
    unlink(log_path);
}

static void a_wrong_file_stops_the_start(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    char path[PATH_MAX_BYTES], expected[TEXT_MAX];
    make_path(path, "wrong.conf");
    write_file(path, "port 0\ntimeuot 5\n");
    assert_int_equal(run_to_the_end(path, text), 1);
    snprintf(expected, sizeof expected,
             "%s:2: unknown directive 'timeuot'; did you mean 'timeout'?\n", path);
    assert_string_equal(text, expected);
    assert_int_equal(run_to_the_end("/nonexistent/file.conf", text), 1);
    assert_string_equal(text, "cannot read /nonexistent/file.conf: No such file or directory\n");
    unlink(path);
}

static void renamed_commands_have_their_new_name_only(void **state)
{
    (void)state;
    char path[PATH_MAX_BYTES];
    make_path(path, "rename.conf");
    write_file(path, "rename-command CONFIG hidden\nrename-command FLUSHALL \"\"\n");
    struct server_process process;
    server_process_start_file(&process, path);
    struct conversation *client = conversation_begin(process.port);
    assert_says(client, "[$timeout, $0]", "hidden GET timeout");
    assert_says(client, "-ERR unknown command 'CONFIG', with args beginning with: 'GET' 'timeout' ",
                "CONFIG GET timeout");
    assert_says(client, "-ERR unknown command 'FLUSHALL', with args beginning with: ", "FLUSHALL");
    conversation_end(client);
    assert_int_equal(server_process_stop(&process), 0);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(get_is_a_map_and_set_is_all_or_nothing),
        SERVER_TEST(a_password_is_asked_for_from_then_on),
        SERVER_TEST(the_limits_of_a_stranger_are_settings),
        SERVER_TEST(the_port_changes_while_clients_stay),
        SERVER_TEST(statistics_are_reset),
        cmocka_unit_test(rewrite_keeps_what_people_wrote),
        cmocka_unit_test(what_has_no_effect_is_named_once),
        cmocka_unit_test(a_wrong_file_stops_the_start),
        cmocka_unit_test(renamed_commands_have_their_new_name_only),
    };
    return cmocka_run_group_tests_name("server/config", tests, fixture_start, fixture_stop);
}
