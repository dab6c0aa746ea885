/* Finding a connector by its name.
 *
 * connectors.def is included once per kind and list; each inclusion turns the lines of one kind into extern
 * declarations or array elements and the others into nothing. The order of the file is the order of the lists.
 * There is no registration at run time: what is linked is what exists. */
#include "plug/plug.h"

#include <string.h>

#include "plug/encoder.h"
#include "plug/sink.h"
#include "plug/source.h"
#include "plug/transform.h"

#define MR_SOURCE(name)    extern const struct mr_source mr_source_##name;
#define MR_TRANSFORM(name) extern const struct mr_transform mr_transform_##name;
#define MR_ENCODER(name)   extern const struct mr_encoder mr_encoder_##name;
#define MR_SINK(name)      extern const struct mr_sink mr_sink_##name;
#include "connectors/connectors.def"
#undef MR_SOURCE
#undef MR_TRANSFORM
#undef MR_ENCODER
#undef MR_SINK

#define MR_SOURCE(name) &mr_source_##name,
#define MR_TRANSFORM(name)
#define MR_ENCODER(name)
#define MR_SINK(name)
static const struct mr_source *const sources[] = {
#include "connectors/connectors.def"
    NULL};
#undef MR_SOURCE
#define MR_SOURCE(name)
#undef MR_TRANSFORM
#define MR_TRANSFORM(name) &mr_transform_##name,
static const struct mr_transform *const transforms[] = {
#include "connectors/connectors.def"
    NULL};
#undef MR_TRANSFORM
#define MR_TRANSFORM(name)
#undef MR_ENCODER
#define MR_ENCODER(name) &mr_encoder_##name,
static const struct mr_encoder *const encoders[] = {
#include "connectors/connectors.def"
    NULL};
#undef MR_ENCODER
#define MR_ENCODER(name)
#undef MR_SINK
#define MR_SINK(name) &mr_sink_##name,
static const struct mr_sink *const sinks[] = {
#include "connectors/connectors.def"
    NULL};

#define FIND(list, wanted)                                                                         \
    for (size_t i = 0; (list)[i]; i++) {                                                           \
        if (strcmp((list)[i]->name, (wanted)) == 0)                                                \
            found = (list)[i];                                                                     \
    }

const struct mr_source *mr_plug_source(const char *name)
{
    const struct mr_source *found = NULL;
    FIND(sources, name)
    return found;
}

const struct mr_transform *mr_plug_transform(const char *name)
{
    const struct mr_transform *found = NULL;
    FIND(transforms, name)
    return found;
}

const struct mr_encoder *mr_plug_encoder(const char *name)
{
    const struct mr_encoder *found = NULL;
    FIND(encoders, name)
    return found;
}

const struct mr_sink *mr_plug_sink(const char *name)
{
    const struct mr_sink *found = NULL;
    FIND(sinks, name)
    return found;
}

const struct mr_source *const *mr_plug_sources(void)
{
    return sources;
}

const struct mr_transform *const *mr_plug_transforms(void)
{
    return transforms;
}

const struct mr_encoder *const *mr_plug_encoders(void)
{
    return encoders;
}

const struct mr_sink *const *mr_plug_sinks(void)
{
    return sinks;
}
