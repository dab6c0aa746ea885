/* Reading CSV back, for `files verify`: records, fields, numbers. */
#pragma once

#include "connectors/sink_file/content/content.h"

/* Where the next byte stands. A feed ends the record everywhere but inside quotes. */
enum mr_csv_at { MR_CSV_FIELD, MR_CSV_PLAIN, MR_CSV_QUOTED, MR_CSV_QUOTE };

struct mr_csv_reader {
    struct mr_file_found found;
    enum mr_csv_at at;
    /* Of the header; 0 before its end. */
    uint64_t columns;
    /* Of the record at hand, those before the one at hand. */
    uint64_t fields;
    /* The second field of the record at hand, as far as it is digits. */
    uint64_t number;
    /* Something of the record at hand was read. */
    bool begun;
    bool malformed, unordered;
};

void mr_csv_take(void *reader, const char *bytes, size_t size);
void mr_csv_end(void *reader, struct mr_file_found *ret_found);
