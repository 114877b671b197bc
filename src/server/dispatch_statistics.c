#include <string.h>

#include "base/assertion.h"
#include "base/memory.h"
#include "server/dispatch_private.h"
#include "server/session/client.h"

#define ERROR_HEAD_MAX 48 /* bytes of an error reply that are looked at for its code */

struct dispatch_statistics *dispatch_statistics(struct dispatch *dispatch)
{
    return &dispatch->statistics;
}

uint64_t dispatch_usec(const struct dispatch *dispatch, const struct dispatch_entry *entry)
{
    return cycles_nsec(&dispatch->cycles, entry->ticks) / 1000;
}

void dispatch_reset_latency(struct dispatch_entry *entry)
{
    memory_free(entry->latency);
    entry->latency = NULL;
}

void dispatch_reset_statistics(struct dispatch *dispatch)
{
    for (size_t i = 0; i < dispatch->rows_count; i++) {
        struct dispatch_entry *entry = &dispatch->rows[i]->entry;
        entry->calls = entry->rejected = entry->failed = entry->ticks = 0;
        dispatch_reset_latency(entry);
    }
    uint64_t changes = dispatch->statistics.changes;
    dispatch->statistics =
        (struct dispatch_statistics){.changes = changes, .error_codes = dispatch->error_codes};
}

static void count_code(struct dispatch *dispatch, struct slice code)
{
    struct dispatch_statistics *statistics = &dispatch->statistics;
    size_t size = sizeof statistics->error_codes[0].code;
    if (code.length >= size)
        code.length = size - 1;
    size_t i = 0;
    while (i < statistics->error_codes_count &&
           !slice_equals(slice_of_string(statistics->error_codes[i].code), code))
        i++;
    if (i == DISPATCH_ERROR_CODES_MAX)
        return;
    struct error_count *found = &statistics->error_codes[i];
    if (i == statistics->error_codes_count) {
        memcpy(found->code, code.data, code.length);
        found->code[code.length] = '\0';
        found->count = 0;
        statistics->error_codes_count++;
    }
    found->count++;
}

void dispatch_count_error(struct dispatch *dispatch, struct slice text)
{
    dispatch->statistics.errors++;
    size_t length = 0;
    while (length < text.length && text.data[length] != ' ' && text.data[length] != '\r')
        length++;
    count_code(dispatch, slice_of(text.data, length));
}

void dispatch_count_reply_errors(struct dispatch *dispatch, struct client *client, size_t position,
                                 uint64_t *of_entry)
{
    struct resp_writer *reply = client->reply;
    uint64_t errors = reply->errors;
    reply->errors = 0; /* EXEC must not count again what its commands answered */
    if (of_entry != NULL)
        (*of_entry)++;

    char head[ERROR_HEAD_MAX];
    /* Output may be gone already: a client that went over its limit. */
    size_t written = reply->out->length > position ? reply->out->length - position : 0;
    size_t length = written < sizeof head ? written : sizeof head;
    chain_copy_out(reply->out, position, head, length);
    if (length > 1 && head[0] == '-') {
        dispatch_count_error(dispatch, slice_of(head + 1, length - 1));
        errors--;
    }
    dispatch->statistics.errors += errors;
}
