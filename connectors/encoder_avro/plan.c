/* The compiled plan of a table version, as far as it is Avro.
 *
 *     key      00 | id        columns of the key
 *     value    00 | id        before, after: columns[] behind a branch, and the source block by event/source.c's pieces
 *
 * The texts of both schemas are made here, and parsed once by avro-c before they are registered: a text that our own
 * renderer got wrong must not reach a registry, which keeps it for ever. */
#include "connectors/encoder_avro/plan.h"

#include <avro.h>

#include "schema/avro/diff.h"
#include "schema/avro/text.h"

static void plan_columns(struct avro_plan *plan)
{
    struct mr_codec_plan *common = &plan->common;
    const struct mr_table *table = common->table;
    const struct mr_form *forms = common->envelope.forms;

    plan->columns = MR_ARENA_ARRAY(&common->arena, struct avro_column, table->column_count);
    plan->keys = MR_ARENA_ARRAY(&common->arena, struct avro_column, table->key_count);
    plan->column_count = avro_plan_columns(forms, NULL, table->column_count, plan->columns);
    plan->key_count = avro_plan_columns(forms, table->key_columns, table->key_count, plan->keys);
}

static void plan_schema(struct mr_codec *codec, struct mr_codec_plan *plan,
                        const struct mr_connect *schema, bool key)
{
    enum mr_avro_profile profile = codec->config->forms.native ? MR_AVRO_NATIVE : MR_AVRO_CONFLUENT;
    struct mr_buf buf;

    mr_buf_init(&buf, SIZE_MAX / 2);
    mr_avro_text(schema, profile, &buf);
    mr_codec_subject(codec, plan, schema, key, mr_buf_slice(&buf));
    mr_buf_done(&buf);
}

static void complete(struct mr_codec *codec, struct mr_codec_plan *common)
{
    if (common->table)
        plan_columns((struct avro_plan *)common);
    if (common->key_schema)
        plan_schema(codec, common, common->key_schema, true);
    plan_schema(codec, common, common->value_schema, false);
}

static bool legal_part(struct mr_slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.size > 0;
}

/* avro-c does not look at the names of fields, and registries differ. */
static int check_names(const struct mr_codec_plan *plan, struct mr_err *err)
{
    for (uint32_t i = 0; plan->table && i < plan->table->column_count; i++) {
        const struct mr_form *form = &plan->envelope.forms[i];

        if (form->kind == MR_FORM_DROPPED || legal_part(form->name))
            continue;
        mr_err_set(err, MR_CONFIG, "schema.invalid",
                   "column \"%.*s\" of table %.*s.%.*s is no name that Avro allows",
                   MR_SLICE_ARG(form->name), MR_SLICE_ARG(mr_table_space(plan->table)),
                   MR_SLICE_ARG(plan->table->name));
        mr_err_hint(err, "set format.field_name_adjustment_mode to avro or avro_unicode");
        return MR_CONFIG;
    }
    return 0;
}

/* avro-c must be able to parse what is about to be registered. */
static int parse(const struct mr_subject *subject, struct mr_err *err)
{
    avro_schema_t parsed;

    if (!subject->name)
        return 0;
    if (avro_schema_from_json_length(subject->schema.text.data, subject->schema.text.size,
                                     &parsed) != 0) {
        mr_err_set(err, MR_CONFIG, "schema.invalid",
                   "the schema of subject %s is no valid Avro: %s", subject->name, avro_strerror());
        mr_err_hint(err,
                    "names that Avro does not allow are the usual reason: set "
                    "format.schema_name_adjustment_mode and format.field_name_adjustment_mode to "
                    "avro or avro_unicode");
        return MR_CONFIG;
    }
    avro_schema_decref(parsed);
    return 0;
}

static int check(const struct mr_codec_plan *plan, struct mr_err *err)
{
    int rc = check_names(plan, err);

    if (rc == 0)
        rc = parse(&plan->key, err);
    return rc < 0 ? rc : parse(&plan->value, err);
}

const struct mr_codec_format avro_format = {.plan_size = sizeof(struct avro_plan),
                                            .kind = &mr_schema_avro,
                                            .complete = complete,
                                            .source = mr_source_plan_avro,
                                            .check = check};
