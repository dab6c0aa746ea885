/* From a value in the model's kinds to a value of a form's Connect type.
 *
 * This is the readable way through all conversions, one function per family; encoders take short cuts for the
 * commonest kinds and come here for the rest. Whatever cannot be held by the target type is an error with a
 * reason, never a null in silence: the encoder's policy decides what becomes of it.
 *
 *     kind of the form        result
 *     *_MS, *_US, *_NS, DATE  INT, rounded down; infinities as Java's extreme values
 *     *_ISO, TIMETZ, ...      TEXT in scratch
 *     DECIMAL_*, BITS         BYTES, FLOAT or TEXT in scratch
 *
 * A TEXT value given for a form that makes text passes through as it is: that is how placeholders and fillers,
 * whose text is fixed, come here. */
#include "schema/form/form.h"

#include <math.h>

#include "base/clock.h"
#include "base/json.h"
#include "schema/form/decimal.h"

/* java.time's last and first instants, as Debezium sends infinite timestamps in milliseconds. */
#define INFINITY_MS      9223372036825200000LL
#define NEG_INFINITY_MS  (-9223372036832400000LL)
#define INFINITY_DAY     2146033979
#define NEG_INFINITY_DAY (-2147472691)

static int bad(struct mr_err *err, const char *why)
{
    return mr_err_set(err, MR_DATA, "encode.value", "%s", why);
}

static void set_int(struct mr_value *ret_plain, int64_t number)
{
    *ret_plain = (struct mr_value){.kind = MR_INT, .i = number};
}

static void set_bytes(struct mr_value *ret_plain, enum mr_kind kind, struct mr_slice bytes)
{
    *ret_plain = (struct mr_value){
        .kind = (uint8_t)kind, .size = (uint32_t)bytes.size, .p = bytes.data ? bytes.data : ""};
}

/* Text that a function wrote at scratch->data up to end. */
static void set_text(struct mr_value *ret_plain, struct mr_buf *scratch, const char *end)
{
    scratch->size = (size_t)(end - scratch->data);
    set_bytes(ret_plain, MR_TEXT, mr_buf_slice(scratch));
}

#define DAY_US                                                                                     \
    INT64_C(86400000000) /* 24:00 is a time of its own for the server, and 00:00 in an ISO text */

static int64_t floor_div(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

static int infinite(enum mr_form_kind kind, bool negative, struct mr_value *ret_plain)
{
    static const struct {
        const char *low, *high;
    } texts[] = {
        [MR_FORM_DATE_ISO] = {"-5877611-06-22Z", "+5877611-06-21Z"},
        [MR_FORM_TIMESTAMP_ISO] = {"-292275055-05-16T23:00:00Z", "+292278994-08-16T23:00:00Z"},
        [MR_FORM_TIMESTAMPTZ] = {"-infinity", "infinity"},
    };

    switch (kind) {
    case MR_FORM_DATE: set_int(ret_plain, negative ? NEG_INFINITY_DAY : INFINITY_DAY); break;
    case MR_FORM_TIMESTAMP_MS: set_int(ret_plain, negative ? NEG_INFINITY_MS : INFINITY_MS); break;
    case MR_FORM_TIMESTAMP_US:
    case MR_FORM_TIMESTAMP_NS: set_int(ret_plain, negative ? INT64_MIN : INT64_MAX); break;
    default:
        set_bytes(ret_plain, MR_TEXT, mr_slice_str(negative ? texts[kind].low : texts[kind].high));
        break;
    }
    return 0;
}

static int plain_timestamp(const struct mr_form *form, int64_t micros, struct mr_buf *scratch,
                           struct mr_day_cache *cache, struct mr_value *ret_plain,
                           struct mr_err *err)
{
    int64_t nanos, whole;
    char *at;

    switch (form->kind) {
    case MR_FORM_TIMESTAMP_MS: set_int(ret_plain, floor_div(micros, 1000)); return 0;
    case MR_FORM_TIMESTAMP_US: set_int(ret_plain, micros); return 0;
    case MR_FORM_TIMESTAMP_NS:
        /* Debezium multiplies the whole seconds below first, and gives up where those do not fit: the last fraction of
         * a second that would fit is refused, too. */
        if (__builtin_mul_overflow(floor_div(micros, 1000000), 1000000000, &whole) ||
            __builtin_mul_overflow(micros, 1000, &nanos))
            return bad(err, "a timestamp outside 1677..2262 does not fit nanoseconds");
        set_int(ret_plain, nanos);
        return 0;
    default: break;
    }
    at = mr_time_put_timestamp(scratch->data, micros,
                               form->kind == MR_FORM_TIMESTAMPTZ ? form->digits : -1, cache);
    set_text(ret_plain, scratch, at);
    return 0;
}

/* Zero and partial dates: 1970 where null has no place, which mr_form_value sees to. */
static void plain_no_date(const struct mr_form *form, const struct mr_value *value,
                          struct mr_buf *scratch, struct mr_value *ret_plain)
{
    if (form->kind == MR_FORM_STRING)
        set_text(ret_plain, scratch, mr_time_put_parts(scratch->data, value));
    else if (form->base == MR_CONNECT_STRING)
        set_bytes(
            ret_plain, MR_TEXT,
            mr_slice_str(form->kind == MR_FORM_DATE_ISO ? "1970-01-01Z" : "1970-01-01T00:00:00Z"));
    else
        set_int(ret_plain, 0);
}

/* In the value's unit, days or microseconds. */
static int64_t long_year(const struct mr_form *form, int64_t number)
{
    int64_t day;

    if (number >= form->least)
        return number;
    if (form->column->type == MR_TYPE_DATE)
        return mr_time_long_year(number);
    day = floor_div(number, DAY_US);
    return number + (mr_time_long_year(day) - day) * DAY_US;
}

static int plain_moment(const struct mr_form *form, const struct mr_value *value,
                        struct mr_buf *scratch, struct mr_day_cache *cache,
                        struct mr_value *ret_plain, struct mr_err *err)
{
    int64_t number;
    char *at;

    if (value->i == MR_TIME_INFINITY || value->i == MR_TIME_NEG_INFINITY)
        return infinite(form->kind, value->i == MR_TIME_NEG_INFINITY, ret_plain);
    number = long_year(form, value->i);
    if (form->kind == MR_FORM_DATE) {
        set_int(ret_plain, number);
        return 0;
    }
    if (value->kind == MR_DATE) {
        at = mr_time_put_day(scratch->data, number);
        if (form->kind == MR_FORM_DATE_ISO)
            *at++ = 'Z';
        set_text(ret_plain, scratch, at);
        return 0;
    }
    return plain_timestamp(form, number, scratch, cache, ret_plain, err);
}

static int plain_clock(const struct mr_form *form, const struct mr_value *value,
                       struct mr_buf *scratch, struct mr_value *ret_plain, struct mr_err *err)
{
    char *at;

    if ((value->i < 0 || value->i > DAY_US) &&
        (form->kind == MR_FORM_TIME_MS || form->kind == MR_FORM_TIME_ISO))
        return bad(err, "a time outside 00:00:00..24:00:00 is no time of a day");
    switch (form->kind) {
    case MR_FORM_TIME_MS: set_int(ret_plain, value->i / 1000); return 0;
    case MR_FORM_TIME_US: set_int(ret_plain, value->i); return 0;
    case MR_FORM_TIME_NS: set_int(ret_plain, value->i * 1000); return 0;
    case MR_FORM_STRING: at = mr_time_put_clock(scratch->data, value->i, -1); break;
    case MR_FORM_TIMETZ: at = mr_time_put_timetz(scratch->data, value->i, value->zone); break;
    default: at = mr_time_put_timetz(scratch->data, value->i % DAY_US, 0); break;
    }
    set_text(ret_plain, scratch, at);
    return 0;
}

/* A decimal of an unsigned number that a signed one cannot hold. */
static int plain_unsigned(const struct mr_form *form, uint64_t number, struct mr_buf *scratch,
                          struct mr_value *ret_plain)
{
    char text[24];
    struct mr_value value = {.kind = MR_DECIMAL_TEXT, .p = text};

    if (form->kind != MR_FORM_DECIMAL_BYTES) {
        set_int(ret_plain, (int64_t)number); /* it wraps, as Debezium's does */
        return 0;
    }
    value.size = (uint32_t)(mr_json_put_u64(text, number) - text);
    (void)mr_decimal_bytes(&value, 0, scratch);
    set_bytes(ret_plain, MR_BYTES, mr_buf_slice(scratch));
    return 0;
}

static int plain_decimal(const struct mr_form *form, const struct mr_value *value,
                         struct mr_buf *scratch, struct mr_value *ret_plain, struct mr_err *err)
{
    switch (form->kind) {
    case MR_FORM_DECIMAL_FLOAT:
        *ret_plain = (struct mr_value){.kind = MR_FLOAT, .f = mr_decimal_double(value, scratch)};
        return 0;
    case MR_FORM_DECIMAL_TEXT:
        mr_decimal_text(value, scratch);
        set_bytes(ret_plain, MR_TEXT, mr_buf_slice(scratch));
        return 0;
    default:
        if (!mr_decimal_bytes(value, form->scale, scratch))
            return bad(err, "NaN and infinities have no place in a precise decimal");
        set_bytes(ret_plain, MR_BYTES, mr_buf_slice(scratch));
        return 0;
    }
}

/* The bits as a number, least significant byte first, without zero bytes at the high end. */
static int plain_bits(const struct mr_form *form, const struct mr_bits *bits,
                      struct mr_buf *scratch, struct mr_value *ret_plain, struct mr_err *err)
{
    size_t size = ((size_t)bits->count + 7) / 8;

    if (form->kind == MR_FORM_BIT) {
        *ret_plain = bits->count == 0
                         ? (struct mr_value){.kind = MR_NULL}
                         : (struct mr_value){.kind = MR_BOOL, .i = bits->bytes[0] >> 7};
        return 0;
    }
    if (!mr_buf_room(scratch, size + 1))
        return bad(err, "the bit string is too large");
    memset(scratch->data, 0, size + 1);
    for (uint32_t i = 0; i < bits->count; i++) {
        uint32_t place = bits->count - 1 - i;
        if (bits->bytes[i / 8] & (0x80 >> (i % 8)))
            scratch->data[place / 8] = (char)(scratch->data[place / 8] | 1 << (place % 8));
    }
    while (size > 0 && scratch->data[size - 1] == 0)
        size--;
    scratch->size = size;
    set_bytes(ret_plain, MR_BYTES, mr_buf_slice(scratch));
    return 0;
}

/* Bits that came as a number: as many bytes as were declared. */
static void plain_bit_number(const struct mr_form *form, uint64_t number, struct mr_buf *scratch,
                             struct mr_value *ret_plain)
{
    size_t size = ((size_t)form->column->length + 7) / 8;

    if (form->kind == MR_FORM_BIT) {
        *ret_plain = (struct mr_value){.kind = MR_BOOL, .i = number & 1};
        return;
    }
    for (size_t i = 0; i < size && i < sizeof(number); i++)
        scratch->data[i] = (char)(number >> (8 * i));
    scratch->size = size;
    set_bytes(ret_plain, MR_BYTES, mr_buf_slice(scratch));
}

/* A number that was not written the short way. */
static int plain_number(const struct mr_form *form, const struct mr_value *value,
                        struct mr_buf *scratch, struct mr_value *ret_plain)
{
    if (form->kind == MR_FORM_BIT || form->kind == MR_FORM_BITS) {
        plain_bit_number(form, value->u, scratch, ret_plain);
        return 0;
    }
    if (form->kind == MR_FORM_BOOLEAN && value->kind == MR_INT) {
        *ret_plain = (struct mr_value){.kind = MR_BOOL, .i = value->i > 0};
        return 0;
    }
    if (value->kind == MR_UINT)
        return plain_unsigned(form, value->u, scratch, ret_plain);
    *ret_plain = *value;
    return 0;
}

static void put_base64(struct mr_slice bytes, bool url, struct mr_buf *scratch)
{
    char *end = mr_json_put_base64(scratch->data, bytes);

    scratch->size = (size_t)(end - scratch->data) - 2;
    memmove(scratch->data, scratch->data + 1, scratch->size);
    for (size_t i = 0; url && i < scratch->size; i++) {
        char byte = scratch->data[i];
        scratch->data[i] = (char)(byte == '+' ? '-' : byte == '/' ? '_' : byte);
    }
}

static int plain_binary(const struct mr_form *form, const struct mr_value *value,
                        struct mr_buf *scratch, struct mr_value *ret_plain, struct mr_err *err)
{
    struct mr_slice bytes = mr_value_slice(value);

    if (!mr_buf_room(scratch, 2 * bytes.size + 8))
        return bad(err, "the binary value is too large to be sent as text");
    if (form->kind == MR_FORM_HEX)
        scratch->size = (size_t)(mr_put_hex(scratch->data, bytes) - scratch->data);
    else
        put_base64(bytes, form->kind == MR_FORM_BASE64_URL, scratch);
    set_bytes(ret_plain, MR_TEXT, mr_buf_slice(scratch));
    return 0;
}

static void plain_uuid(const struct mr_value *value, struct mr_buf *scratch,
                       struct mr_value *ret_plain)
{
    static const uint8_t runs[] = {4, 2, 2, 2, 6};
    const char *from = value->p;
    char *at = scratch->data;

    for (size_t i = 0; i < sizeof(runs); i++) {
        if (i > 0)
            *at++ = '-';
        at = mr_put_hex(at, mr_slice(from, runs[i]));
        from += runs[i];
    }
    set_text(ret_plain, scratch, at);
}

int mr_form_plain(const struct mr_form *form, const struct mr_value *value, struct mr_buf *scratch,
                  struct mr_day_cache *cache, struct mr_value *ret_plain, struct mr_err *err)
{
    mr_buf_clear(scratch);
    if (!mr_buf_room(scratch, MR_TIME_TEXT))
        return bad(err, "no room to convert a value");
    switch ((enum mr_kind)value->kind) {
    case MR_INT:
    case MR_UINT: return plain_number(form, value, scratch, ret_plain);
    case MR_BOOL:
    case MR_FLOAT:
    case MR_TEXT: *ret_plain = *value; return 0;
    case MR_BYTES:
        if (form->base == MR_CONNECT_STRING)
            return plain_binary(form, value, scratch, ret_plain, err);
        *ret_plain = *value;
        return 0;
    case MR_DECIMAL:
    case MR_DECIMAL_TEXT: return plain_decimal(form, value, scratch, ret_plain, err);
    case MR_UUID: plain_uuid(value, scratch, ret_plain); return 0;
    case MR_DATE:
    case MR_TIMESTAMP: return plain_moment(form, value, scratch, cache, ret_plain, err);
    case MR_TIME:
    case MR_TIMETZ: return plain_clock(form, value, scratch, ret_plain, err);
    case MR_NO_DATE: plain_no_date(form, value, scratch, ret_plain); return 0;
    case MR_INTERVAL:
        if (form->kind == MR_FORM_INTERVAL_TEXT)
            set_text(ret_plain, scratch, mr_time_put_interval(scratch->data, value->interval));
        else
            set_int(ret_plain, mr_time_interval_micros(value->interval));
        return 0;
    case MR_BITS: return plain_bits(form, value->bits, scratch, ret_plain, err);
    default: return bad(err, "the value's kind does not fit the column's type");
    }
}

int mr_form_content(const struct mr_form_options *options, struct mr_slice content,
                    struct mr_buf *scratch, struct mr_value *ret_plain, struct mr_err *err)
{
    static const enum mr_form_kind kinds[] = {[MR_BINARY_BYTES] = MR_FORM_BYTES,
                                              [MR_BINARY_BASE64] = MR_FORM_BASE64,
                                              [MR_BINARY_BASE64_URL] = MR_FORM_BASE64_URL,
                                              [MR_BINARY_HEX] = MR_FORM_HEX};
    struct mr_form form = {.kind = kinds[options->binary]};
    struct mr_value value;

    set_bytes(&value, MR_BYTES, content);
    mr_buf_clear(scratch);
    if (form.kind != MR_FORM_BYTES)
        return plain_binary(&form, &value, scratch, ret_plain, err);
    *ret_plain = value;
    return 0;
}
