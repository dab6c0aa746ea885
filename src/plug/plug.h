/* How a connector is found by name.
 *
 * connectors/connectors.def lists them, one line each; a line makes CMake add the folder and plug.c list the
 * symbol. Each folder exports exactly one symbol, a const struct with designated initialisers, last thing in
 * its file: `const struct mr_sink mr_sink_kafka = {...}`. */
#pragma once

struct mr_source;
struct mr_transform;
struct mr_encoder;
struct mr_sink;

const struct mr_source *mr_plug_source(const char *name); /* NULL when there is none */
const struct mr_transform *mr_plug_transform(const char *name);
const struct mr_encoder *mr_plug_encoder(const char *name);
const struct mr_sink *mr_plug_sink(const char *name);
/* NULL-terminated lists in the order of connectors.def, for help, schema and contract tests. */
const struct mr_source *const *mr_plug_sources(void);
const struct mr_transform *const *mr_plug_transforms(void);
const struct mr_encoder *const *mr_plug_encoders(void);
const struct mr_sink *const *mr_plug_sinks(void);
