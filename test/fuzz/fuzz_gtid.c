/* Sets of GTIDs, hostile: text and bytes. What is read is printed and read again, and must be the same set.
 * Input: a byte (1: MariaDB, 2: MySQL's binary form), then the set. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "connectors/source_mysql/wire/gtid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_my_gtids set, again;
    struct mr_buf buf;
    struct mr_err err;
    bool fine;

    if (size < 1)
        return 0;
    mr_my_gtids_init(&set, data[0] & 1);
    mr_my_gtids_init(&again, data[0] & 1);
    mr_buf_init(&buf, (size_t)64 << 20);
    fine = data[0] & 2 ? mr_my_gtids_decode(&set, mr_slice(data + 1, size - 1))
                       : mr_my_gtids_parse(&set, mr_slice(data + 1, size - 1), "fuzz", &err) == 0;
    again.mariadb = set.mariadb;
    if (fine) {
        mr_my_gtids_print(&set, &buf);
        if (mr_my_gtids_parse(&again, mr_buf_slice(&buf), "fuzz", &err) < 0 ||
            mr_my_gtids_order(&set, &again) != MR_SAME)
            abort();
        mr_my_gtids_subtract(&again, &set);
        if (!mr_my_gtids_empty(&again))
            abort();
    }
    mr_buf_done(&buf);
    mr_my_gtids_done(&set);
    mr_my_gtids_done(&again);
    return 0;
}
