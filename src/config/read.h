/* From files to a configuration.
 *
 * mr_config_load reads the files, resolves ${env:} and ${file:}, checks every key against the option tables and
 * returns plain structs. All findings are collected (up to 50), not only the first. Everything returned lives
 * until mr_config_free. */
#pragma once

#include "base/buf.h"
#include "config/config.h"

/* 0 and *ret_config, or MR_CONFIG with every finding as text in *ret_findings (rendered with source line and
 * caret, secrets masked) and the first of them in err. */
int mr_config_load(const char *const *paths, size_t count, struct mr_config **ret_config,
                   struct mr_buf *ret_findings, struct mr_err *err) MR_MUST_CHECK;
/* The same with more to say: files, or a text that stands for one (`tail` makes its own), and the findings as a
 * JSON array too. Either buffer may be NULL. */
struct mr_config_input {
    const char *const *paths;
    size_t count;
    const char *label; /* shown as the text's path */
    struct mr_slice text;
};
int mr_config_read(const struct mr_config_input *input, struct mr_config **ret_config,
                   struct mr_buf *ret_findings, struct mr_buf *ret_json,
                   struct mr_err *err) MR_MUST_CHECK;
void mr_config_free(struct mr_config *config);
