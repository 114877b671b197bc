#include "bench/resp_requests.h"

#include <stdio.h>
#include <string.h>

#include "bench/load.h"
#include "bench/traffic.h"

#define HEAD_MAX 128 /* bytes of a request beside its value */
#define PRIME                                                                                      \
    15485863 /* larger than any stride would be by chance; no divisor of a number of keys */

size_t resp_requests_word(char *out, const char *word, size_t length)
{
    int head = snprintf(out, HEAD_MAX, "$%zu\r\n", length);
    memcpy(out + head, word, length);
    memcpy(out + head + length, "\r\n", 2);
    return (size_t)head + length + 2;
}

size_t resp_requests_bulk_size(size_t value_size)
{
    char head[32];
    return (size_t)snprintf(head, sizeof head, "$%zu\r\n", value_size) + value_size + 2;
}

void resp_requests_make(struct traffic_requests *requests, size_t count, size_t keys,
                        const char *value, size_t value_size, bool each)
{
    char key[LOAD_KEY_SIZE + 1];
    traffic_requests_init(requests, count, HEAD_MAX + (value != NULL ? value_size : 0));
    for (size_t i = 0; i < count; i++) {
        char *out = traffic_requests_begin(requests);
        size_t length = (size_t)snprintf(out, HEAD_MAX, "*%d\r\n", value != NULL ? 3 : 2);
        load_write_key(key, each ? i * PRIME % keys : load_scatter(i) % keys);
        length += resp_requests_word(out + length, value != NULL ? "SET" : "GET", 3);
        length += resp_requests_word(out + length, key, LOAD_KEY_SIZE);
        if (value != NULL)
            length += resp_requests_word(out + length, value, value_size);
        traffic_requests_end(requests, length);
    }
    requests->reply_size = value != NULL ? strlen("+OK\r\n") : resp_requests_bulk_size(value_size);
}
