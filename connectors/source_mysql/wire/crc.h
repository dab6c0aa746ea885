/* CRC32 as binary logs have it (zlib's polynomial), by the processor's carry-less multiplication where it has one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The checksum of what was before (0: nothing) followed by these bytes. */
uint32_t mr_my_crc32(uint32_t before, const void *bytes, size_t size);
