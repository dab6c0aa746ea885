/* A schema under its subject: how the subject is named, and the id that the registry gave it. What every format with
 * registered schemas shares: Avro, JSON Schema. */
#pragma once

#include "base/arena.h"
#include "plug/encoder.h"
#include "schema/registry/registry.h"

/* How the subject of a schema is named: Confluent's TopicNameStrategy and its two sisters. */
enum mr_strategy { MR_STRATEGY_TOPIC, MR_STRATEGY_RECORD, MR_STRATEGY_TOPIC_RECORD };
extern const char *const mr_strategies[];

/* A part of an encoder's configuration; MR_SUBJECT_OPTIONS lists it in the encoder's option table. */
struct mr_subject_options {
    struct mr_registry_options registry;
    int key_strategy, value_strategy; /* enum mr_strategy */
};

#define MR_FRAME_SIZE 5 /* 00 and the id, big-endian */

/* name is NULL where there is no schema (the key of a table without one). In the arena it was made in. */
struct mr_subject {
    char *name;
    const char *type; /* "AVRO", "JSON" */
    struct mr_slice text;
    uint32_t id; /* 0: not known yet */
    char frame[MR_FRAME_SIZE];
};

/* `record` is the schema's full name. Copies the text. */
void mr_subject_make(struct mr_arena *arena, const struct mr_subject_options *options,
                     const char *type, struct mr_slice topic, struct mr_slice record, bool key,
                     struct mr_slice text, struct mr_subject *ret_subject);
/* Asks for the id unless it is known, and fills the frame. Errors as of mr_registry_id. */
int mr_subject_resolve(struct mr_subject *subject, struct mr_registry *registry,
                       struct mr_err *err) MR_MUST_CHECK;
/* For an encoder's plan(): what would become of the schema. Does nothing where there is none. */
int mr_subject_plan(const struct mr_subject *subject, struct mr_registry *registry,
                    void (*each)(void *user, const struct mr_subject_plan *subject), void *user,
                    struct mr_err *err) MR_MUST_CHECK;

/* Rows for an encoder's option table; `member` is its struct mr_subject_options, registry_flags are the flags of
 * the group `registry`. */
#define MR_SUBJECT_OPTIONS(config, member, registry_flags)                                         \
    {.key = "registry",                                                                            \
     .type = MR_OPTION_GROUP,                                                                      \
     .flags = registry_flags,                                                                      \
     .offset = offsetof(config, member.registry),                                                  \
     .group = mr_registry_option_table,                                                            \
     .doc = "Where schemas are registered."},                                                      \
        {.key = "key_subject_name_strategy",                                                       \
         .type = MR_OPTION_ENUM,                                                                   \
         .offset = offsetof(config, member.key_strategy),                                          \
         .standard = "topic_name",                                                                 \
         .choices = mr_strategies,                                                                 \
         .doc = "The subject of key schemas: <topic>-key, the record's full name, or "             \
                "<topic>-<record>."},                                                              \
    {                                                                                              \
        .key = "value_subject_name_strategy", .type = MR_OPTION_ENUM,                              \
        .offset = offsetof(config, member.value_strategy), .standard = "topic_name",               \
        .choices = mr_strategies,                                                                  \
        .doc = "The subject of value schemas. When several tables share a topic, topic_name "      \
               "makes their schemas fight; choose topic_record_name."                              \
    }
