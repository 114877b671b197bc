/* Any bytes as an increment of the log: as they are, and with the lengths, offsets and checksums of
 * their groups made right, so that what is inside is reached. Loaded or refused, never a crash; and
 * what was cut off leaves a file that loads as it is. */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assertion.h"
#include "base/buffer.h"
#include "base/log.h"
#include "keyspace/keyspace.h"
#include "persist/log_directory.h"
#include "persist/recovery.h"
#include "system/clock.h"
#include "system/disk_simulated.h"

#define NAME "a"
#define INCREMENT NAME ".1.incr.aof"
#define PATH "log/" INCREMENT
#define GROUP_MARK '\xff' /* in the input: a group ends */

static const struct log_id some_id = {{1}};

static bool apply(void *context, int database, const struct resp_command *commands, size_t count,
                  char *why)
{
    uint64_t *sum = context;
    ASSERT(database >= 0);
    why[0] = '\0';
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < commands[i].count; j++)
            for (size_t k = 0; k < commands[i].arguments[j].length; k++)
                *sum += (unsigned char)commands[i].arguments[j].data[k] * (k + 1);
    return true;
}

static enum recovery_status load(struct disk_simulated *simulated, uint64_t *sum,
                                 uint64_t *cut_bytes)
{
    static const struct hash_seed seed = {1, 2};
    static const struct keyspace_hooks no_hooks;
    struct buffer error_text = {0};
    struct log_directory *directory;
    ASSERT(log_directory_open(disk_simulated_disk(simulated), "log", NAME, &directory,
                              &error_text) == OK);
    struct keyspace *keyspace = keyspace_create(1, &seed, &no_hooks);
    struct clock *clock = clock_create();
    struct recovery_settings settings = {true, true};
    struct recovery_handlers handlers = {sum, apply};
    struct recovery *recovery = recovery_create(clock, directory, keyspace, &settings, &handlers);
    enum recovery_status status;
    *sum = 0;
    while ((status = recovery_step(recovery, 1000000)) == RECOVERY_MORE)
        ;
    ASSERT((status == RECOVERY_REFUSED) == (recovery_error(recovery)[0] != '\0'));
    *cut_bytes = recovery_result(recovery)->cut_bytes;
    recovery_destroy(recovery);
    clock_destroy(clock);
    keyspace_destroy(keyspace);
    log_directory_close(directory);
    return status;
}

static void run(struct slice bytes)
{
    struct disk_simulated *simulated = disk_simulated_create(1);
    disk_simulated_write(simulated, "log/" NAME ".manifest",
                         SLICE("file " INCREMENT " seq 1 type i\n"));
    disk_simulated_write(simulated, PATH, bytes);
    uint64_t sum, again, cut_bytes;
    if (load(simulated, &sum, &cut_bytes) == RECOVERY_DONE) {
        ASSERT(load(simulated, &again, &cut_bytes) == RECOVERY_DONE);
        ASSERT(again == sum && cut_bytes == 0);
    }
    disk_simulated_destroy(simulated);
}

/* Groups of what stands between the marks. */
static void make_groups(struct slice input, struct buffer *out)
{
    char line[LOG_ANNOTATION_MAX];
    struct log_file_header file = {some_id, 0};
    buffer_add(out, line, log_group_write_file_header(line, &file));
    uint64_t offset = 0;
    while (input.length > 0) {
        const char *end = memchr(input.data, GROUP_MARK, input.length);
        size_t length = end != NULL ? (size_t)(end - input.data) : input.length;
        struct log_group_header header = {offset, length, offset, 0};
        header.crc = log_group_crc(&some_id, &header, slice_of(input.data, length));
        buffer_add(out, line, log_group_write_header(line, &header));
        buffer_add(out, input.data, length);
        offset += length;
        size_t used = end != NULL ? length + 1 : length;
        input = slice_of(input.data + used, input.length - used);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of((const char *)data, size);
    struct buffer groups = {0};
    log_set_level(LOG_NOTHING);
    run(input);
    make_groups(input, &groups);
    run(buffer_slice(&groups));
    buffer_deinit(&groups);
    return 0;
}
