/* What is made from the option tables besides a filled struct: the effective configuration, the JSON schema for
 * editors, the reference page and the commented example. */
#pragma once

#include "base/buf.h"
#include "config/config.h"

/* The effective configuration as YAML, defaults included, secrets as ***; with `origin`, each line ends in the
 * file and line its value came from. */
void mr_config_show(const struct mr_config *config, bool origin, struct mr_buf *ret_text);
/* The same as one JSON object {path: {value, origin}}. */
void mr_config_show_json(const struct mr_config *config, struct mr_buf *ret_json);
/* JSON Schema 2020-12 of the file. */
void mr_config_schema(struct mr_buf *ret_json);
/* docs/reference/configuration.md */
void mr_config_reference(struct mr_buf *ret_text);
/* config/millrace.yaml: every option with its explanation, commented out where it has a default. */
void mr_config_example(struct mr_buf *ret_text);
