/* Looking for one byte among sixteen at once: the tags of hash tables. */
#ifndef HOLDFAST_BASE_TAG_MATCH_H
#define HOLDFAST_BASE_TAG_MATCH_H

#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define TAG_MATCH_COUNT 16 /* bytes that are read */

/* A bit for each of the tags that is this one. */
static inline unsigned tag_match(const uint8_t *tags, uint8_t tag)
{
#ifdef __SSE2__
    __m128i line = _mm_loadu_si128((const __m128i *)(const void *)tags);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(line, _mm_set1_epi8((char)tag)));
#else
    unsigned match = 0;
    for (unsigned i = 0; i < TAG_MATCH_COUNT; i++)
        match |= (unsigned)(tags[i] == tag) << i;
    return match;
#endif
}

#endif
