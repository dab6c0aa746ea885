/* Avro events with schemas in a registry.
 *
 *     describe()   plan of the version -> schema texts -> parsed by avro-c -> ids from the registry
 *     encode()     rows by the plan straight into the batch's arena; no registry, no malloc
 *
 * Schemas equal, letter by letter, what Debezium with Confluent's AvroConverter registers (logical_types:
 * debezium), so that a pipeline takes over without new versions; or they are Avro's own (native). Ids are known
 * before a batch is encoded. What is not Avro's is schema/encode's. */
#include "plug/encoder.h"

#include "connectors/encoder_avro/events.h"

static const char *const logical_types[] = {"debezium", "native", NULL};

static const struct mr_option options[] = {
    {.key = "logical_types",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(struct avro_config, logical_types),
     .standard = "debezium",
     .choices = logical_types,
     .doc = "debezium: the schemas that Debezium with Confluent's converter registers, letter by "
            "letter. native: Avro's own logical types (decimal, date, timestamp-micros, uuid), "
            "for who starts fresh."},
    MR_CODEC_OPTIONS(struct avro_config, common, "avro", MR_OPTION_REQUIRED),
    {0},
};

static int avro_open(void *memory, const struct mr_encoder_args *args, struct mr_err *err)
{
    struct avro_state *state = memory;

    state->config = *(const struct avro_config *)args->config;
    state->config.common.forms.native = state->config.logical_types == AVRO_TYPES_NATIVE;
    state->config.common.forms.whole_scales = true;
    return mr_codec_open(&state->codec, &avro_format, &state->config.common, args, true, err);
}

const struct mr_encoder mr_encoder_avro = {
    .name = "avro",
    .summary = "Avro with Confluent's frame, schemas registered as Debezium's converter does",
    .options = options,
    .config_size = sizeof(struct avro_config),
    .state_size = sizeof(struct avro_state),
    MR_CODEC_MEMBERS,
    .open = avro_open,
    .encode = avro_encode,
    .close = mr_codec_close,
};
