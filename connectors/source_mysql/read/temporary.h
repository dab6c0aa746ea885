/* Temporary tables that live, by the session that made them: statements on them concern nobody. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

struct mr_my_temporaries {
    struct mr_map names;
};

void mr_my_temporaries_init(struct mr_my_temporaries *temporaries);
void mr_my_temporaries_done(struct mr_my_temporaries *temporaries);
/* A session (by its thread) made or dropped one. */
void mr_my_temporaries_set(struct mr_my_temporaries *temporaries, uint32_t thread,
                           struct mr_slice database, struct mr_slice table, bool lives);
bool mr_my_temporaries_live(const struct mr_my_temporaries *temporaries, uint32_t thread,
                            struct mr_slice database, struct mr_slice table);
