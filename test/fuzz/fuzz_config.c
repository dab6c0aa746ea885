/* Any bytes as a configuration file: it is loaded or refused with findings, shown, and freed.
 *
 * Inputs that would read other files (include, ${file:}) are left out: the fuzzer is not to open what it invents. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/read.h"
#include "config/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_config_input input = {.label = "fuzz.yaml", .text = mr_slice(data, size)};
    struct mr_config *config;
    struct mr_buf text, json;
    struct mr_err err;

    if (memmem(data, size, "include", 7) || memmem(data, size, "file:", 5))
        return 0;
    mr_buf_init(&text, 64 << 20);
    mr_buf_init(&json, 64 << 20);
    if (mr_config_read(&input, &config, &text, &json, &err) == 0) {
        mr_config_show(config, true, &text);
        mr_config_show_json(config, &json);
        mr_config_free(config);
    } else if (err.code[0] == '\0' || text.size == 0) {
        abort();
    }
    mr_buf_done(&text);
    mr_buf_done(&json);
    return 0;
}
