/* Any bytes as a JSON string: jansson must read back what was written, if they are UTF-8 at all. And any eight
 * bytes as a double: strtod must read back the same number. */
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(const uint8_t *data, size_t size)
{
    char *text = malloc(2 + 6 * size);
    size_t written = (size_t)(mr_json_put_str(text, mr_slice(data, size)) - text);
    json_t *read = json_loadb(text, written, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    json_t *direct = json_stringn((const char *)data, size); /* NULL: not UTF-8 */

    if (direct && (!read || json_string_length(read) != size ||
                   memcmp(json_string_value(read), data, size) != 0))
        abort();
    json_decref(read);
    json_decref(direct);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[33];
    double value;

    check_string(data, size);
    if (size < sizeof value)
        return 0;
    memcpy(&value, data, sizeof value);
    *mr_json_put_f64(text, value) = 0;
    if (isfinite(value) && strtod(text, NULL) != value)
        abort();
    return 0;
}
