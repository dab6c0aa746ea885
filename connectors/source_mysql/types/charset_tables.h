/* The tables of charset_tables.c: see there. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct mr_my_patch {
    uint32_t first, last; /* codes, highest byte first; 0, 0 ends the list */
    uint16_t point, step;
};

struct mr_my_collations {
    uint16_t first, last;
    const char *charset; /* NULL ends the list */
};

extern const struct mr_my_collations mr_my_collation_runs[];
extern const struct mr_my_patch mr_my_patches_big5[], mr_my_patches_sjis[], mr_my_patches_ujis[],
    mr_my_patches_gb18030[];
extern const uint16_t mr_my_lower_swe7[128];
extern const uint16_t mr_my_upper_armscii8[128];
extern const uint16_t mr_my_upper_cp1250[128];
extern const uint16_t mr_my_upper_cp1251[128];
extern const uint16_t mr_my_upper_cp1256[128];
extern const uint16_t mr_my_upper_cp1257[128];
extern const uint16_t mr_my_upper_cp850[128];
extern const uint16_t mr_my_upper_cp852[128];
extern const uint16_t mr_my_upper_cp866[128];
extern const uint16_t mr_my_upper_dec8[128];
extern const uint16_t mr_my_upper_geostd8[128];
extern const uint16_t mr_my_upper_greek[128];
extern const uint16_t mr_my_upper_hebrew[128];
extern const uint16_t mr_my_upper_hp8[128];
extern const uint16_t mr_my_upper_keybcs2[128];
extern const uint16_t mr_my_upper_koi8r[128];
extern const uint16_t mr_my_upper_koi8u[128];
extern const uint16_t mr_my_upper_latin1[128];
extern const uint16_t mr_my_upper_latin2[128];
extern const uint16_t mr_my_upper_latin5[128];
extern const uint16_t mr_my_upper_latin7[128];
extern const uint16_t mr_my_upper_macce[128];
extern const uint16_t mr_my_upper_macroman[128];
extern const uint16_t mr_my_upper_tis620[128];
