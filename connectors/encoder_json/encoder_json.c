/* JSON events: Debezium's envelope, as Kafka Connect's JsonConverter prints it, or the row alone.
 *
 *     envelope: debezium   {"before":..,"after":..,"source":..,"transaction":null,"op":"c","ts_ms":..,..}
 *     envelope: flat       {"id":1,"name":"Ada"}      a delete is a tombstone, or the old row with __deleted
 *     schemas: true        {"schema":{...},"payload":...} around keys and values
 *     schemas: registry    00 | id, then the JSON: the id of a JSON Schema in a registry
 *
 * describe() compiles a plan per table version (schema/encode/codec.c, plan.c); encode() walks a batch once (events.c)
 * and writes straight into its arena, rows by schema/json/row.c. */
#include "plug/encoder.h"

#include "connectors/encoder_json/events.h"

static const char *const schemas[] = {"false", "true", "registry", NULL};
static const char *const decimal_formats[] = {"base64", "numeric", NULL};

static const struct mr_option options[] = {
    {.key = "schemas",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct json_config, schemas),
     .standard = "false",
     .choices = schemas,
     .doc = "true: put the Kafka Connect schema beside every key and value, for consumers that use "
            "JsonConverter with schemas.enable=true. registry: register JSON Schemas, as "
            "Confluent's JsonSchemaConverter does, and put five bytes with the schema's id before "
            "every key and value."},
    {.key = "decimal_format",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct json_config, decimal_format),
     .standard = "base64",
     .choices = decimal_formats,
     .doc = "How decimals in mode precise are printed: base64 of the unscaled number, or numeric: "
            "as JSON numbers. JsonConverter's decimal.format."},
    {.key = "object_additional_properties",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct json_config, additional_properties),
     .standard = "true",
     .doc = "Whether registered JSON Schemas let objects have fields that they do not name. With "
            "true, registries take a new column as a breaking change under BACKWARD; with false, "
            "they take a dropped one so. JsonSchemaConverter's object.additional.properties."},
    MR_CODEC_OPTIONS(struct json_config, common, "none", 0),
    {0},
};

static int json_open(void *memory, const struct mr_encoder_args *args, struct mr_err *err)
{
    struct json_state *state = memory;
    struct mr_row_writer *writer = &state->codec.writer;

    state->config = *(const struct json_config *)args->config;
    writer->numeric = state->config.decimal_format != 0;
    writer->nested = state->config.schemas == JSON_SCHEMAS_NONE;
    writer->strict = state->config.schemas == JSON_SCHEMAS_REGISTRY;
    return mr_codec_open(&state->codec, &json_format, &state->config.common, args,
                         state->config.schemas == JSON_SCHEMAS_REGISTRY, err);
}

const struct mr_encoder mr_encoder_json = {
    .name = "json",
    .summary = "JSON, in Debezium's envelope or flat, with or without Connect schemas",
    .options = options,
    .config_size = sizeof(struct json_config),
    .state_size = sizeof(struct json_state),
    MR_CODEC_MEMBERS,
    .open = json_open,
    .encode = json_encode,
    .close = mr_codec_close,
};
