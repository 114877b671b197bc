#include "support/log_bytes.h"

#include <stdio.h>
#include <string.h>

const struct log_id log_bytes_id = {{1, 2, 3}};

void log_bytes_add_command(struct buffer *out, const char *text)
{
    char copy[200], *rest;
    struct buffer words = {0};
    int count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        buffer_add_format(&words, "$%zu\r\n%s\r\n", strlen(word), word);
        count++;
    }
    buffer_add_format(out, "*%d\r\n", count);
    buffer_add(out, words.data, words.length);
    buffer_deinit(&words);
}

void log_bytes_add_commands(struct buffer *out, const char *text)
{
    char copy[400], *rest;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *one = strtok_r(copy, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest))
        log_bytes_add_command(out, one);
}

void log_bytes_add_file_header(struct buffer *out, const struct log_id *id, uint64_t offset)
{
    char line[LOG_ANNOTATION_MAX];
    struct log_file_header header = {*id, offset};
    buffer_add(out, line, log_group_write_file_header(line, &header));
}

void log_bytes_add_group(struct buffer *out, uint64_t *offset, uint64_t durable,
                         struct slice commands)
{
    char line[LOG_ANNOTATION_MAX];
    struct log_group_header header = {*offset, commands.length, durable, 0};
    header.crc = log_group_crc(&log_bytes_id, &header, commands);
    buffer_add(out, line, log_group_write_header(line, &header));
    buffer_add(out, commands.data, commands.length);
    *offset += commands.length;
}

void log_bytes_add_group_of(struct buffer *out, uint64_t *offset, const char *commands)
{
    struct buffer bytes = {0};
    log_bytes_add_commands(&bytes, commands);
    log_bytes_add_group(out, offset, *offset, buffer_slice(&bytes));
    buffer_deinit(&bytes);
}
