/* A document of a PARTIAL_UPDATE_ROWS event: the old one and what was changed in it (MySQL source, json_diff).
 *
 *     diffs, one after another: u8 0 replace | 1 insert | 2 remove, packed path, [packed binary JSON] */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"
#include "model/value.h"

/* The document `before`, changed; no diffs: as it is. False: bytes that are no such diffs, or a path that leads
 * nowhere in the document. */
bool mr_my_json_patched(struct mr_slice before, struct mr_slice diffs, bool compact,
                        struct mr_arena *arena, struct mr_value *ret_value);
