#include "protocol/resp_request.h"

#include <stdint.h>
#include <string.h>

#include "base/number.h"

#define LENGTH_LINE_MAX 24 /* bytes of "*<number>\r\n" */

static char *put_length(char *at, char kind, size_t length)
{
    *at++ = kind;
    at += number_format_int64(at, (int64_t)length);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

enum error resp_request_append(struct buffer *out, const struct slice *words, size_t count)
{
    size_t more = LENGTH_LINE_MAX;
    for (size_t i = 0; i < count; i++)
        more += words[i].length + LENGTH_LINE_MAX;
    enum error error = buffer_reserve(out, more);
    if (error != OK)
        return error;
    char *at = put_length(out->data + out->length, '*', count);
    for (size_t i = 0; i < count; i++) {
        at = put_length(at, '$', words[i].length);
        if (words[i].length > 0)
            memcpy(at, words[i].data, words[i].length);
        at += words[i].length;
        *at++ = '\r';
        *at++ = '\n';
    }
    out->length = (size_t)(at - out->data);
    return OK;
}
