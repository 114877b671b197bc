/* holdfast-log: looks at a log of Holdfast, Redis or Valkey, and repairs one of Holdfast. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/base_export.h"
#include "log/tool.h"
#include "system/disk.h"

#define KEYS_SHOWN_MAX 8 /* of a group */

static void print_usage(FILE *out)
{
    fputs(
        "Usage: holdfast-log COMMAND DIRECTORY\n"
        "\n"
        "DIRECTORY is the log's: appendonlydir of a server that does not run (list, verify and\n"
        "export may also look at one that does).\n"
        "\n"
        "  list            files and groups, their offsets, and the keys they touch\n"
        "  verify          checks everything; exits with 1 at the first damage\n"
        "  export          all commands as RESP to standard output, the base first:\n"
        "                      holdfast-log export appendonlydir | redis-cli --pipe\n"
        "  repair          says what it would drop: everything from the first damage on\n"
        "  repair --cut    drops it, after it has copied the directory to DIRECTORY.before-repair\n"
        "  repair --cut --at FILE:POSITION\n"
        "                  cuts there instead, at a group's beginning as list shows it\n"
        "\n"
        "Exit status: 0 in order, 1 damaged, 2 wrong usage, 3 a file cannot be read or written\n",
        out);
}

/* --- list and verify --- */

/* The first argument of a command that is probably a key. */
static void print_keys(struct walk *walk)
{
    int shown = 0;
    uint64_t commands = 0;
    size_t end = walk->group_end;
    printf(" ");
    while (walk->at < end && walk_next(walk) == WALK_COMMAND) {
        commands++;
        const struct resp_command *command = &walk->command;
        bool names_key = command->count > 1 && !slice_is_word(command->arguments[0], "SELECT");
        if (names_key && shown++ < KEYS_SHOWN_MAX)
            printf(" %.*s",
                   (int)(command->arguments[1].length < 40 ? command->arguments[1].length : 40),
                   command->arguments[1].data);
    }
    if (shown > KEYS_SHOWN_MAX)
        printf(" ... (%" PRIu64 " commands)", commands);
    printf("\n");
}

static void list_increment(struct walk *walk)
{
    uint64_t commands = 0;
    enum walk_event event;
    while ((event = walk_next(walk)) != WALK_END && event != WALK_BAD) {
        if (event == WALK_GROUP) {
            printf("  at %-10" PRIu64 " offset %-10" PRIu64 " %" PRIu64 " bytes, durable %" PRIu64,
                   walk->position, walk->group.offset, walk->group.length, walk->group.durable);
            print_keys(walk);
        } else {
            commands++;
        }
    }
    if (!walk->annotated)
        printf("  %" PRIu64 " commands without annotations\n", commands);
    if (event == WALK_BAD)
        printf("  at %-10" PRIu64 " %s\n", walk->position, walk->why);
}

static int list(struct tool *tool)
{
    for (size_t i = 0; i < tool->manifest.count; i++) {
        const struct log_file *file = &tool->manifest.files[i];
        char path[TOOL_PATH_MAX];
        tool_file_path(tool, file->name, path);
        if (file->type != LOG_FILE_INCREMENT) {
            printf("%s: %s\n", file->name, file->type == LOG_FILE_BASE ? "base" : "to be removed");
            continue;
        }
        struct walk walk;
        walk_begin(&walk, path);
        printf("%s: %" PRIu64 " bytes", file->name, walk.size - walk.filler);
        if (walk.annotated)
            printf(", begins at offset %" PRIu64, walk.header.offset);
        printf("\n");
        list_increment(&walk);
        walk_end(&walk);
    }
    return TOOL_OK;
}

/* Where the log is good up to. */
struct finding {
    bool damaged;
    size_t file; /* in the manifest */
    uint64_t position;
    uint64_t groups, commands;
    char why[300];
};

static bool note(struct finding *finding, size_t file, uint64_t position, const char *why)
{
    finding->damaged = true;
    finding->file = file;
    finding->position = position;
    snprintf(finding->why, sizeof finding->why, "%s", why);
    return false;
}

struct chain {
    bool begun;
    struct log_id id;
    uint64_t offset;
};

static bool verify_increment(const struct tool *tool, size_t index, struct chain *chain,
                             struct finding *finding)
{
    char path[TOOL_PATH_MAX];
    struct walk walk;
    tool_file_path(tool, tool->manifest.files[index].name, path);
    walk_begin(&walk, path);
    bool good = true;
    if (!walk.annotated)
        chain->begun = false;
    else if (chain->begun && (memcmp(&chain->id, &walk.header.id, sizeof chain->id) != 0 ||
                              walk.header.offset != chain->offset))
        good = note(finding, index, 0, "this file does not follow the one before it");
    else
        *chain = (struct chain){true, walk.header.id, walk.header.offset};
    enum walk_event event = WALK_GROUP;
    while (good && (event = walk_next(&walk)) != WALK_END) {
        tool_progress("verify", walk.at, walk.size);
        if (event == WALK_BAD)
            good = note(finding, index, walk.position, walk.why);
        else if (event == WALK_COMMAND)
            finding->commands++;
        else if (walk.group.offset != chain->offset)
            good = note(finding, index, walk.position, "a group that does not belong here");
        else {
            chain->offset += walk.group.length;
            finding->groups++;
        }
    }
    walk_end(&walk);
    return good;
}

static bool verify_all(const struct tool *tool, struct finding *finding)
{
    struct chain chain = {.begun = false};
    *finding = (struct finding){.damaged = false};
    for (size_t i = 0; i < tool->manifest.count; i++) {
        const struct log_file *file = &tool->manifest.files[i];
        char path[TOOL_PATH_MAX], why[256];
        tool_file_path(tool, file->name, path);
        if (file->type == LOG_FILE_HISTORY)
            continue;
        if (access(path, F_OK) != 0)
            return note(finding, i, 0, "the file is missing");
        if (file->type == LOG_FILE_BASE && !base_export(path, NULL, why, sizeof why))
            return note(finding, i, 0, why);
        if (file->type == LOG_FILE_INCREMENT && !verify_increment(tool, i, &chain, finding))
            return false;
    }
    return true;
}

static int verify(struct tool *tool)
{
    struct finding finding;
    if (!verify_all(tool, &finding)) {
        printf("%s at byte %" PRIu64 ": %s\n", tool->manifest.files[finding.file].name,
               finding.position, finding.why);
        return TOOL_DAMAGED;
    }
    printf("in order: %" PRIu64 " groups, %" PRIu64 " commands\n", finding.groups,
           finding.commands);
    return TOOL_OK;
}

/* --- export --- */

static void print_command(const struct resp_command *command)
{
    printf("*%zu\r\n", command->count);
    for (size_t i = 0; i < command->count; i++) {
        printf("$%zu\r\n", command->arguments[i].length);
        fwrite(command->arguments[i].data, 1, command->arguments[i].length, stdout);
        fputs("\r\n", stdout);
    }
}

static int export(struct tool *tool)
{
    for (size_t i = 0; i < tool->manifest.count; i++) {
        const struct log_file *file = &tool->manifest.files[i];
        char path[TOOL_PATH_MAX], why[256];
        tool_file_path(tool, file->name, path);
        if (file->type == LOG_FILE_BASE && !base_export(path, stdout, why, sizeof why)) {
            fprintf(stderr, "holdfast-log: %s: %s\n", file->name, why);
            return TOOL_DAMAGED;
        }
        if (file->type != LOG_FILE_INCREMENT)
            continue;
        struct walk walk;
        enum walk_event event;
        walk_begin(&walk, path);
        while ((event = walk_next(&walk)) != WALK_END && event != WALK_BAD) {
            if (event == WALK_COMMAND)
                print_command(&walk.command);
            tool_progress("export", walk.at, walk.size);
        }
        if (event == WALK_BAD) {
            fprintf(stderr, "holdfast-log: %s at byte %" PRIu64 ": %s; the rest is left out\n",
                    file->name, walk.position, walk.why);
            return TOOL_DAMAGED;
        }
        walk_end(&walk);
    }
    return fflush(stdout) == 0 ? TOOL_OK : TOOL_FAILED;
}

/* --- repair --- */

static void copy_file(const char *from, const char *to)
{
    struct buffer content = {0};
    struct disk_file file;
    if (disk_read_all(disk_real(), from, SIZE_MAX, &content) != OK)
        tool_fail("cannot read %s: %s", from, strerror(errno));
    if (disk_open(disk_real(), to, DISK_CREATE, &file) != OK ||
        disk_write(&file, buffer_slice(&content), 0) != OK || disk_sync(&file) != OK)
        tool_fail("cannot write %s: %s", to, strerror(errno));
    disk_close(&file);
    buffer_deinit(&content);
}

static void copy_directory(const struct tool *tool)
{
    char copy[TOOL_PATH_MAX], from[TOOL_PATH_MAX], to[TOOL_PATH_MAX + 300];
    snprintf(copy, sizeof copy, "%.3000s.before-repair", tool->directory);
    if (disk_exists(disk_real(), copy))
        tool_fail("%s is there already: move it away first", copy);
    if (disk_make_directory(disk_real(), copy) != OK)
        tool_fail("cannot make %s: %s", copy, strerror(errno));
    for (size_t i = 0; i < tool->manifest.count; i++) {
        tool_file_path(tool, tool->manifest.files[i].name, from);
        snprintf(to, sizeof to, "%s/%s", copy, tool->manifest.files[i].name);
        if (access(from, F_OK) == 0)
            copy_file(from, to);
    }
    snprintf(to, sizeof to, "%s%s", copy, strrchr(tool->manifest_path, '/'));
    copy_file(tool->manifest_path, to);
    printf("copied to %s\n", copy);
}

/* The log ends at a position of a file: what follows goes. */
static void cut(struct tool *tool, size_t index, uint64_t position)
{
    char path[TOOL_PATH_MAX];
    struct disk_file file;
    struct log_manifest kept = {NULL, 0};
    struct buffer text = {0};
    tool_file_path(tool, tool->manifest.files[index].name, path);
    bool there = access(path, F_OK) == 0;
    if (there && (disk_open(disk_real(), path, DISK_WRITE, &file) != OK ||
                  disk_truncate(&file, position) != OK || disk_sync(&file) != OK))
        tool_fail("cannot cut %s: %s", path, strerror(errno));
    if (there)
        disk_close(&file);
    for (size_t i = 0; i < tool->manifest.count && i <= index; i++)
        if (i < index || (there && position > 0))
            log_manifest_add(&kept, tool->manifest.files[i].name, tool->manifest.files[i].sequence,
                             tool->manifest.files[i].type);
    log_manifest_format(&kept, &text);
    if (kept.count == 0)
        tool_fail("nothing would be left: the log has to be made anew from a copy");
    if (disk_replace(disk_real(), tool->directory, tool->manifest_path, buffer_slice(&text)) != OK)
        tool_fail("cannot write %s: %s", tool->manifest_path, strerror(errno));
    log_manifest_deinit(&kept);
    buffer_deinit(&text);
    printf("cut: %s ends at byte %" PRIu64 "\n", path, position);
}

static void tell_loss(const struct tool *tool, const struct finding *finding)
{
    uint64_t bytes = 0;
    for (size_t i = finding->file; i < tool->manifest.count; i++) {
        char path[TOOL_PATH_MAX];
        struct disk_file file;
        uint64_t size;
        tool_file_path(tool, tool->manifest.files[i].name, path);
        if (tool->manifest.files[i].type == LOG_FILE_HISTORY ||
            disk_open(disk_real(), path, DISK_READ, &file) != OK)
            continue;
        if (disk_size(&file, &size) == OK)
            bytes += i == finding->file ? size - finding->position : size;
        disk_close(&file);
    }
    printf("%s at byte %" PRIu64 ": %s\nA cut there drops %" PRIu64 " bytes, in %zu file(s).\n",
           tool->manifest.files[finding->file].name, finding->position, finding->why, bytes,
           tool->manifest.count - finding->file);
}

/* FILE:POSITION, which must be where a group begins. */
static void find_place(const struct tool *tool, const char *place, struct finding *finding)
{
    const char *colon = strrchr(place, ':');
    char *end = NULL;
    uint64_t position = colon != NULL ? strtoull(colon + 1, &end, 10) : 0;
    if (colon == NULL || end == colon + 1 || *end != '\0')
        tool_fail("not FILE:POSITION: %s", place);
    for (size_t i = 0; i < tool->manifest.count; i++) {
        const char *name = tool->manifest.files[i].name;
        if (strncmp(name, place, (size_t)(colon - place)) != 0 || name[colon - place] != '\0' ||
            tool->manifest.files[i].type != LOG_FILE_INCREMENT)
            continue;
        char path[TOOL_PATH_MAX];
        struct walk walk;
        enum walk_event event;
        tool_file_path(tool, name, path);
        walk_begin(&walk, path);
        while ((event = walk_next(&walk)) != WALK_END && event != WALK_BAD)
            if (event == WALK_GROUP && walk.position == position)
                break;
        bool begins = event != WALK_END && walk.position == position;
        walk_end(&walk);
        if (!begins)
            tool_fail("no group of %s begins at byte %" PRIu64 ": see list", name, position);
        (void)note(finding, i, position, "as it was asked for");
        return;
    }
    tool_fail("the manifest names no such increment: %.*s", (int)(colon - place), place);
}

static int repair(struct tool *tool, bool cuts, const char *place)
{
    struct finding finding = {.damaged = false};
    if (place != NULL)
        find_place(tool, place, &finding);
    else if (verify_all(tool, &finding)) {
        printf("in order: there is nothing to repair\n");
        return TOOL_OK;
    }
    tell_loss(tool, &finding);
    if (tool->manifest.files[finding.file].type == LOG_FILE_BASE)
        tool_fail("the base itself is damaged: it cannot be cut, only a copy helps");
    if (!cuts) {
        printf("Nothing was changed. To cut: holdfast-log repair --cut %s\n", tool->directory);
        return TOOL_DAMAGED;
    }
    copy_directory(tool);
    cut(tool, finding.file, finding.position);
    return TOOL_OK;
}

int main(int count, char **arguments)
{
    const char *command = count > 1 ? arguments[1] : "", *place = NULL, *directory = NULL;
    bool cuts = false, wrong = false;
    for (int i = 2; i < count; i++) {
        bool is_repair = strcmp(command, "repair") == 0;
        if (is_repair && strcmp(arguments[i], "--cut") == 0)
            cuts = true;
        else if (is_repair && strcmp(arguments[i], "--at") == 0 && i + 1 < count)
            place = arguments[++i];
        else if (directory == NULL && arguments[i][0] != '-')
            directory = arguments[i];
        else
            wrong = true;
    }
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        print_usage(stdout);
        return TOOL_OK;
    }
    struct tool tool;
    int status = TOOL_USAGE;
    if (directory != NULL && !wrong) {
        tool_open(&tool, directory);
        if (strcmp(command, "list") == 0)
            status = list(&tool);
        else if (strcmp(command, "verify") == 0)
            status = verify(&tool);
        else if (strcmp(command, "export") == 0)
            status = export(&tool);
        else if (strcmp(command, "repair") == 0)
            status = repair(&tool, cuts, place);
        tool_close(&tool);
    }
    if (status == TOOL_USAGE)
        print_usage(stderr);
    return status;
}
