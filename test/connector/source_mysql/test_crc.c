/* The fast checksum against zlib's: every length around its steps, every alignment, in one go and continued. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "connectors/source_mysql/wire/crc.h"

static void equals_zlib(void **state)
{
    static unsigned char bytes[2100];
    uint32_t seed = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        seed = seed * 1664525U + 1013904223U;
        bytes[i] = (unsigned char)(seed >> 24);
    }
    for (size_t size = 0; size < 2000; size++) {
        const unsigned char *at = bytes + size % 17;
        uint32_t whole = (uint32_t)crc32_z(0, at, size);
        assert_int_equal(mr_my_crc32(0, at, size), whole);
        assert_int_equal(mr_my_crc32(mr_my_crc32(0, at, size / 3), at + size / 3, size - size / 3),
                         whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_zlib)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
