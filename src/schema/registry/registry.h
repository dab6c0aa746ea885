/* A schema registry that speaks Confluent's REST API (Confluent, Apicurio's ccompat, Karapace).
 *
 * Called by encoders from describe(), on the writer thread. Each call blocks for at most the options' timeout, with a
 * transaction open in the sink no longer than to its commit (mr_registry_wait_until), and returns early when the
 * pipeline is stopping. What was answered once is kept: a (subject, schema) pair is asked for once in the life of the
 * client, and what mr_registry_remember() wrote into the checkpoint is known again after a restart, with the registry
 * away.
 *
 * Errors: MR_RETRY when no URL answers, or with 408, 429, 5xx, or refuses a schema as incompatible (409): then a
 * human changes the subject, its level or the table, and the next try goes through; the caller keeps its batch
 * meanwhile. MR_CONFIG when asking again cannot help: credentials, an invalid schema, a schema that a read-only
 * registry does not have, and a 500 that came three times for the same body and is no fault of its store. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "plug/context.h"
#include "schema/form/schema.h"
#include "schema/registry/options.h"

struct mr_registry;

/* remembered: what mr_registry_remember wrote once ({NULL, 0}: nothing). Talks to nobody. */
int mr_registry_open(const struct mr_registry_options *options, const struct mr_context *context,
                     struct mr_slice remembered, struct mr_registry **ret_registry,
                     struct mr_err *err) MR_MUST_CHECK;
void mr_registry_close(struct mr_registry *registry);

/* Until when (monotonic) the calls that follow may wait, all together; INT64_MAX, as at first: each for its timeout.
 * Later ones ask nobody and are MR_RETRY, and what a call that was cut found out is not kept. */
void mr_registry_wait_until(struct mr_registry *registry, int64_t deadline_ns);

/* The id of a schema under a subject: known, or looked up and, with auto_register, registered. A refusal explains
 * itself by the kind's own comparison with the subject's latest version. */
int mr_registry_id(struct mr_registry *registry, const char *subject,
                   const struct mr_schema *schema, uint32_t *ret_id,
                   struct mr_err *err) MR_MUST_CHECK;

/* The latest version of a subject; *ret_version is 0 and the text empty when there is no such subject. */
int mr_registry_latest(struct mr_registry *registry, const char *subject, struct mr_buf *ret_schema,
                       int *ret_version, uint32_t *ret_id, struct mr_err *err) MR_MUST_CHECK;
/* Whether the registry would take the schema as the subject's next version. */
int mr_registry_compatible(struct mr_registry *registry, const char *subject,
                           const struct mr_schema *schema, bool *ret_compatible,
                           struct mr_err *err) MR_MUST_CHECK;
/* The subject's compatibility level, its own or the global one: "BACKWARD" and so on. */
int mr_registry_level(struct mr_registry *registry, const char *subject, char ret_level[32],
                      struct mr_err *err) MR_MUST_CHECK;

/* The subject's mode, its own or the global one: "READWRITE", "READONLY". Registries without modes: READWRITE. */
int mr_registry_mode(struct mr_registry *registry, const char *subject, char ret_mode[32],
                     struct mr_err *err) MR_MUST_CHECK;

/* What would become of the schema: fills *ret_plan for an encoder's plan(). Registers nothing. */
struct mr_subject_plan;
int mr_registry_plan(struct mr_registry *registry, const char *subject,
                     const struct mr_schema *schema, struct mr_subject_plan *ret_plan,
                     struct mr_err *err) MR_MUST_CHECK;

/* Ids in use and the registry they are from as a JSON object, for the checkpoint; the slice lives until the next call
 * of this client. `changed` counts up whenever there is more to remember. */
struct mr_slice mr_registry_remember(struct mr_registry *registry);
uint64_t mr_registry_changed(const struct mr_registry *registry);

/* Confluent's frame: byte 0 and the id, big-endian. */
static inline char *mr_registry_frame(char *at, uint32_t id)
{
    at[0] = 0;
    at[1] = (char)(id >> 24);
    at[2] = (char)(id >> 16);
    at[3] = (char)(id >> 8);
    at[4] = (char)id;
    return at + 5;
}
