/* Where a source stands. The only thing that travels backward.
 *
 * Outside the source a position is opaque: the text of a JSON object that the source wrote, and the few facts
 * the engine needs. The source renders it once per batch. What a sink stores is the engine's checkpoint, an
 * object around it: {"format":1,"pipeline":..,"owner":..,"start":N,"number":N,"time":..,"source":<text>}. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct mr_position {
    struct mr_slice text; /* JSON object, UTF-8, in the batch's arena; {NULL, 0} = none yet */
    uint64_t number;      /* change number of the last change at or below it */
    int64_t commit_us;    /* wall time of the last commit covered; 0 unknown */
    bool whole; /* true: at a transaction's end. false: inside one (resume drops n events) */
    /* inside a snapshot's table (then not whole): a resume reads the table again from its first
     * row, so only a sink that lets rows repeat commits here */
    bool in_table;
};

enum mr_order { MR_BEFORE, MR_SAME, MR_AFTER, MR_APART };
