/* What a registry would say to a schema, asked without registering anything.
 *
 *     latest version of the subject     none: it would become version 1, whatever the level
 *     the same text                     nothing would change
 *     mode READONLY                     it would be refused, whatever the level
 *     level, and the compatibility      what a registration would be judged by
 *     check against the latest version
 *
 * A registry may rewrite the text it keeps (Apicurio sorts, Confluent can normalize), so "same" means that the text is
 * equal; a schema that is equal in meaning shows as compatible instead, and registers no new version. */
#include "schema/registry/registry.h"

#include <string.h>

#include "plug/encoder.h"

enum { LARGEST_SCHEMA = 8 << 20 };

int mr_registry_plan(struct mr_registry *registry, const char *subject,
                     const struct mr_schema *schema, struct mr_subject_plan *ret_plan,
                     struct mr_err *err)
{
    struct mr_subject_plan plan = {
        .subject = subject, .type = schema->kind->type, .schema = schema->text, .compatible = true};
    char mode[32] = "";
    struct mr_buf latest;
    uint32_t id = 0;
    int rc;

    mr_buf_init(&latest, LARGEST_SCHEMA);
    rc = mr_registry_latest(registry, subject, &latest, &plan.version, &id, err);
    plan.same = rc == 0 && plan.version > 0 && mr_slice_equal(mr_buf_slice(&latest), schema->text);
    mr_buf_done(&latest);
    if (rc == 0)
        rc = mr_registry_level(registry, subject, plan.level, err);
    if (rc == 0 && !plan.same)
        rc = mr_registry_mode(registry, subject, mode, err);
    plan.read_only = strncmp(mode, "READONLY", 8) == 0;
    plan.compatible = !plan.read_only;
    if (rc == 0 && plan.version > 0 && !plan.same && !plan.read_only)
        rc = mr_registry_compatible(registry, subject, schema, &plan.compatible, err);
    if (rc == 0)
        *ret_plan = plan;
    return rc;
}
