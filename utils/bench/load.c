#include "bench/load.h"

#include <string.h>

#include "base/mix.h"
#include "bench/wire.h"

void load_run(struct wire *wire, size_t from, size_t to, load_writer *write, const void *context)
{
    char batch[LOAD_PIPELINE_LENGTH * LOAD_COMMAND_SIZE];
    while (from < to) {
        size_t count = to - from < LOAD_PIPELINE_LENGTH ? to - from : LOAD_PIPELINE_LENGTH;
        size_t length = 0;
        for (size_t i = 0; i < count; i++)
            length += write(batch + length, from + i, context);
        wire_send(wire, batch, length);
        wire_skip(wire, count);
        from += count;
    }
}

void load_write_key(char *out, size_t number)
{
    memcpy(out, "key:", 4);
    for (int i = LOAD_KEY_SIZE - 1; i >= 4; i--) {
        out[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

uint64_t load_scatter(uint64_t number)
{
    return mix((number + 1) * UINT64_C(0x9e3779b97f4a7c15));
}
