/* Where a table's events go: a template such as "{name}.{schema}.{table}".
 *
 * Expanded once per table version by the engine, which stores the result in table->topic; never per row.
 * Placeholders: {name} logical server name, {database}, {schema}, {table}; where the database has no schemas, {schema}
 * is the database too, unless the template names that. What a name may be made of, its sink says; `names` NULL: as
 * Kafka's topics, [A-Za-z0-9._-] and 249 bytes, others being replaced by _ as Debezium does. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "model/table.h"
#include "plug/sink.h"

/* Whether Kafka allows the character in a topic's name. */
bool mr_topic_legal(char c);
/* Checks a template at start: unknown placeholder, unbalanced brace, empty result -> MR_CONFIG. */
int mr_topic_check(const char *template, struct mr_err *err) MR_MUST_CHECK;
/* Expands it into the table's arena and sets table->topic. MR_CONFIG config.topic_name: too long, empty, or it begins
 * with what it may not. */
int mr_topic_assign(const char *template, const struct mr_sink_names *names, struct mr_table *table,
                    struct mr_err *err) MR_MUST_CHECK;
/* "{name}.{schema}.{table}" of a table, whatever topic it has, in the arena: what its schemas are named by, so that
 * tables that share a topic do not share names. */
struct mr_slice mr_topic_logical(struct mr_arena *arena, const struct mr_table *table);
/* Appends what each placeholder of the template stands for, unaltered, with a NUL behind each. */
void mr_topic_parts(const char *template, const struct mr_table *table, struct mr_buf *buf);
