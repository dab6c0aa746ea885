/* The option tables behind MR_CAPTURE_OPTIONS: what is nested in it, and the words to choose from.
 *
 * Names and defaults follow Debezium's where a user would look for them (snapshot modes, skipped_operations), without
 * its dots. What needs more than one option to be judged is judged by the source, when it is made.
 *
 * Offsets in a nested table count from the nested struct, so one table serves every source, wherever its config struct
 * holds a struct mr_capture_options. */
#include "capture/options.h"

#include <string.h>

#define AT(field) offsetof(struct mr_heartbeat_options, field)

const char *const mr_snapshot_modes[] = {"initial", "initial_only", "no_data", "when_needed", NULL};
const char *const mr_operation_letters[] = {"c", "u", "d", "t", "none", NULL};

const struct mr_option mr_heartbeat_option_table[] = {
    {.key = "interval",
     .type = MR_OPTION_DURATION,
     .offset = AT(interval),
     .standard = "0",
     .min = 0,
     .max = 86400LL * 1000000000,
     .doc = "How often; 0 sends none. Once the tables are read, and not while the sink takes "
            "nothing."},
    {.key = "topic",
     .type = MR_OPTION_STRING,
     .offset = AT(topic),
     .standard = "__debezium-heartbeat.{name}",
     .doc = "Their topic. {name} is the source's logical name; there are no other placeholders."},
    {.key = "action_query",
     .type = MR_OPTION_STRING,
     .offset = AT(query),
     .doc = "SQL to run with each of them, such as UPDATE public.beat SET at = now(); names with "
            "their schema. For databases whose own writing shall be seen; the position moves "
            "without it. It is ended after 5s, and a failure is noted and no more."},
    {0},
};

const char *mr_capture_select_of(const struct mr_capture_options *options, const char *full)
{
    const struct mr_option_map *map = &options->snapshot_selects;

    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i], full) == 0)
            return map->values[i];
    }
    return NULL;
}
