/* A temporary table can have the name of a real one, and hides it from its session. MariaDB in mixed format logs what
 * is done to it in words: CREATE TEMPORARY TABLE t, INSERT INTO t, TRUNCATE TABLE t, DROP TEMPORARY TABLE t. The
 * header's flag for such statements stands on DROPs of real tables, too, so who lives is remembered by thread and
 * name, from the CREATE to the DROP that the server logs at the latest when the session ends.
 *
 * Nothing of this outlives a connection of ours: a statement on a temporary table that was made before is then taken
 * for one on the real table, and stops the pipeline, which is the safe side. */
#include "connectors/source_mysql/read/temporary.h"

#include <string.h>

#define ROOM 600

void mr_my_temporaries_init(struct mr_my_temporaries *temporaries)
{
    mr_map_init(&temporaries->names);
}

void mr_my_temporaries_done(struct mr_my_temporaries *temporaries)
{
    mr_map_done(&temporaries->names);
}

/* thread, database, NUL, table; data NULL: it is longer than a name can be. */
static struct mr_slice key_of(uint32_t thread, struct mr_slice database, struct mr_slice table,
                              char room[ROOM])
{
    size_t size = 4;

    if (database.size + table.size + 5 > ROOM)
        return (struct mr_slice){NULL, 0};
    memcpy(room, &thread, 4);
    if (database.size > 0)
        memcpy(room + size, database.data, database.size);
    size += database.size;
    room[size++] = 0;
    if (table.size > 0)
        memcpy(room + size, table.data, table.size);
    return mr_slice(room, size + table.size);
}

void mr_my_temporaries_set(struct mr_my_temporaries *temporaries, uint32_t thread,
                           struct mr_slice database, struct mr_slice table, bool lives)
{
    char room[ROOM];
    struct mr_slice key = key_of(thread, database, table, room);

    if (!key.data)
        return;
    if (lives)
        (void)mr_map_put(&temporaries->names, key, temporaries);
    else
        (void)mr_map_remove(&temporaries->names, key);
}

bool mr_my_temporaries_live(const struct mr_my_temporaries *temporaries, uint32_t thread,
                            struct mr_slice database, struct mr_slice table)
{
    char room[ROOM];
    struct mr_slice key = key_of(thread, database, table, room);

    return key.data && mr_map_get(&temporaries->names, key) != NULL;
}
