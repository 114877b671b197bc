/* Arguments, start, stop. Everything else is in server/. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/config/configuration.h"
#include "server/server.h"
#include "server/settings.h"
#include "system/clock.h"
#include "system/file.h"
#include "system/process.h"

static void print_usage(void)
{
    puts("Usage: holdfast-server [FILE] [--name value ...] [-]\n"
         "       holdfast-server --version | --help\n"
         "\n"
         "FILE has redis.conf's grammar; - reads more of it from standard input.\n"
         "Any directive can be given as an option, and wins over the file:\n"
         "\n"
         "    holdfast-server                          (defaults: port 6379 of "
         "loopback)\n"
         "    holdfast-server /etc/holdfast/holdfast.conf\n"
         "    holdfast-server --port 7000 --maxmemory 1gb\n"
         "    echo 'port 7000' | holdfast-server -");
}

static void print_version(void)
{
    printf("Holdfast server v=%s redis=%s malloc=%s bits=%zu\n", SERVER_VERSION,
           SERVER_REDIS_VERSION, memory_allocator_name(), sizeof(void *) * 8);
}

/* True if the arguments ask for nothing but words. */
static bool only_answers(int argument_count, char **arguments)
{
    if (argument_count != 2)
        return false;
    const char *word = arguments[1];
    if (strcmp(word, "-v") == 0 || strcmp(word, "--version") == 0)
        print_version();
    else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
        print_usage();
    else
        return false;
    return true;
}

/* Directory, background, log. False: the reason is on standard error. */
static bool settle(struct settings *settings)
{
    const struct lifecycle_settings *lifecycle = &settings->lifecycle;
    if (lifecycle->directory[0] != '\0' && file_set_directory(lifecycle->directory) != OK) {
        fprintf(stderr, "Cannot change to directory %s: %s\n", lifecycle->directory,
                strerror(errno));
        return false;
    }
    log_set_clock(clock_log_ms);
    log_set_level((enum log_level)lifecycle->log_level);
    if (log_open(lifecycle->log_file) != OK) {
        fprintf(stderr, "Cannot open the log file %s: %s\n", lifecycle->log_file, strerror(errno));
        return false;
    }
    if (lifecycle->daemonize && process_daemonize() != OK) {
        fprintf(stderr, "Cannot go to the background: %s\n", strerror(errno));
        return false;
    }
    return true;
}

static int run(struct settings *settings, struct configuration *configuration)
{
    struct server *server;
    if (!settle(settings) || server_create(settings, configuration, true, &server) != OK)
        return EXIT_FAILURE;
    configuration_attach(configuration, server);
    int status = server_run(server);
    server_destroy(server);
    log_line(LOG_NOTICE, "Holdfast has stopped, bye bye");
    return status;
}

int main(int argument_count, char **arguments)
{
    if (only_answers(argument_count, arguments))
        return EXIT_SUCCESS;
    struct settings settings;
    settings_init(&settings);
    struct configuration *configuration = configuration_create(&settings);
    struct buffer error_text = {0};
    int status = EXIT_FAILURE;
    if (configuration_load(configuration, argument_count - 1, arguments + 1, &error_text) == OK)
        status = run(&settings, configuration);
    else
        fprintf(stderr, "%.*s\n", (int)error_text.length, error_text.data);
    buffer_deinit(&error_text);
    configuration_destroy(configuration);
    settings_deinit(&settings);
    return status;
}
