/* Checksums of events.
 *
 * The binary log's CRC32 is zlib's: reflected, polynomial 0xedb88320, all bits inverted at both ends. zlib computes
 * it at 1 to 2.5 GB/s, which is the largest single cost of reading a log that is not decoded. The processor's
 * carry-less multiplication is several times as fast (Intel, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", 2009):
 *
 *     four registers of 16 bytes each, 64 bytes a step: each is multiplied by x^512 (two halves, two constants) and
 * the
 *     next 16 bytes are added; then the four are folded into one by x^128, and what is left of whole 16 bytes, too.
 * The
 *     128 bits that remain are congruent to the message: their own checksum, by zlib from 0 on, is the message's.
 *
 * Adding is exclusive or. The checksum so far is added to the first four bytes. Short events, tails of fewer than 16
 * bytes and other processors are zlib's. */
#include "connectors/source_mysql/wire/crc.h"

#include <string.h>
#include <zlib.h>

static uint32_t by_zlib(uint32_t before, const void *bytes, size_t size)
{
    return (uint32_t)crc32_z(before, (const unsigned char *)bytes, size);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define LEAST ((size_t)128)
#define FOLDS __attribute__((target("pclmul,sse4.1")))

FOLDS static inline __m128i fold(__m128i sum, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(sum, by, 0x00), high = _mm_clmulepi64_si128(sum, by, 0x11);

    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

FOLDS static inline __m128i load(const uint8_t *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* size: a multiple of 16, at least 64. */
FOLDS static uint32_t folded(uint32_t before, const uint8_t *at, size_t size)
{
    const __m128i by64 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4),
                  by16 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    __m128i sums[4] = {load(at), load(at + 16), load(at + 32), load(at + 48)};
    uint8_t rest[16];

    sums[0] = _mm_xor_si128(sums[0], _mm_cvtsi32_si128((int)~before));
    for (at += 64, size -= 64; size >= 64; at += 64, size -= 64) {
        for (unsigned i = 0; i < 4; i++)
            sums[i] = fold(sums[i], by64, load(at + 16 * (size_t)i));
    }
    for (unsigned i = 1; i < 4; i++)
        sums[0] = fold(sums[0], by16, sums[i]);
    for (; size > 0; at += 16, size -= 16)
        sums[0] = fold(sums[0], by16, load(at));
    _mm_storeu_si128((__m128i *)(void *)rest, sums[0]);
    /* zlib inverts what it begins with: from all ones it begins with nothing. */
    return by_zlib(UINT32_MAX, rest, sizeof rest);
}

uint32_t mr_my_crc32(uint32_t before, const void *bytes, size_t size)
{
    const uint8_t *at = (const uint8_t *)bytes;
    size_t whole = size & ~(size_t)15;

    if (size < LEAST || !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("sse4.1"))
        return by_zlib(before, bytes, size);
    before = folded(before, at, whole);
    return whole < size ? by_zlib(before, at + whole, size - whole) : before;
}
#else
uint32_t mr_my_crc32(uint32_t before, const void *bytes, size_t size)
{
    return by_zlib(before, bytes, size);
}
#endif
