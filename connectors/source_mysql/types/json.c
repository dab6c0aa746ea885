/* Binary JSON, walked where it lies.
 *
 *     object   count, size, count * (key offset, u16 key length), count * (u8 type, offset or value), keys, values
 *     array    count, size, count * (u8 type, offset or value), values
 *              counts, sizes and offsets are u16 in the small form and u32 in the large one, and count from the
 *              container's first byte
 *     inline   literals and 16-bit integers; 32-bit ones, too, in the large form
 *     string   length in groups of seven bits, lowest first; UTF-8
 *     opaque   u8 type of a column, length as a string's, bytes: decimals, dates and times; others print as base64
 *
 * Members come in the order in which they are stored: shorter keys first. Text is the server's own: ": " and ", ",
 * doubles with a point or an exponent, times with six digits of fraction. */
#include "connectors/source_mysql/types/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/json.h"
#include "connectors/source_mysql/types/charset.h"
#include "connectors/source_mysql/types/values.h"
#include "connectors/source_mysql/wire/tablemap.h"

bool mr_my_json_root(struct mr_slice bytes, struct mr_my_json *ret_json)
{
    if (bytes.size == 0)
        return false;
    *ret_json =
        (struct mr_my_json){(uint8_t)bytes.data[0], mr_slice(bytes.data + 1, bytes.size - 1)};
    return true;
}

static bool large(const struct mr_my_json *json)
{
    return json->type == MR_MY_JSON_LARGE_OBJECT || json->type == MR_MY_JSON_LARGE_ARRAY;
}

bool mr_my_json_count(const struct mr_my_json *json, bool *ret_object, uint32_t *ret_count)
{
    size_t width = large(json) ? 4 : 2, head;
    struct mr_cur cur = mr_cur(json->bytes);
    uint64_t count = mr_cur_le(&cur, width), size = mr_cur_le(&cur, width);

    if (json->type > MR_MY_JSON_LARGE_ARRAY || cur.failed || size > json->bytes.size)
        return false;
    *ret_object = json->type <= MR_MY_JSON_LARGE_OBJECT;
    head = 2 * width + (*ret_object ? count * (width + 2) : 0) + count * (width + 1);
    if (head > size)
        return false;
    *ret_count = (uint32_t)count;
    return true;
}

static bool inlined(uint8_t type, bool is_large)
{
    switch (type) {
    case MR_MY_JSON_LITERAL:
    case MR_MY_JSON_INT16:
    case MR_MY_JSON_UINT16: return true;
    case MR_MY_JSON_INT32:
    case MR_MY_JSON_UINT32: return is_large;
    default: return false;
    }
}

bool mr_my_json_member(const struct mr_my_json *json, uint32_t i, struct mr_slice *ret_key,
                       struct mr_my_json *ret_member)
{
    size_t width = large(json) ? 4 : 2, at = 2 * width, offset, length;
    bool object = json->type <= MR_MY_JSON_LARGE_OBJECT;
    struct mr_cur cur = mr_cur(json->bytes);
    uint64_t count = mr_cur_le(&cur, width), size = mr_cur_le(&cur, width);

    if (i >= count || size > json->bytes.size)
        return false;
    *ret_key = mr_slice("", 0);
    if (object) {
        cur = mr_cur(mr_slice(json->bytes.data, size));
        (void)mr_cur_take(&cur, at + i * (width + 2));
        offset = (size_t)mr_cur_le(&cur, width);
        length = mr_cur_le16(&cur);
        if (cur.failed || offset > size || length > size - offset)
            return false;
        *ret_key = mr_slice(json->bytes.data + offset, length);
        at += count * (width + 2);
    }
    cur = mr_cur(mr_slice(json->bytes.data, size));
    (void)mr_cur_take(&cur, at + i * (width + 1));
    ret_member->type = mr_cur_u8(&cur);
    if (inlined(ret_member->type, width == 4)) {
        ret_member->bytes = mr_cur_bytes(&cur, width);
        return !cur.failed;
    }
    offset = (size_t)mr_cur_le(&cur, width);
    if (cur.failed || offset > size)
        return false;
    ret_member->bytes = mr_slice(json->bytes.data + offset, size - offset);
    return true;
}

/* Text. Escapes make six bytes of one, and the smallest element of a container takes three bytes and prints seven. */
void mr_my_json_begin(struct mr_my_json_out *out, struct mr_arena *arena, size_t bytes,
                      bool compact)
{
    *out = (struct mr_my_json_out){
        .arena = arena, .most = 6 * bytes + 64, .visits = bytes, .compact = compact};
}

static char *room(struct mr_my_json_out *out, size_t size)
{
    size_t written = (size_t)(out->at - out->begin), got;

    if (out->failed || size > out->most - written) {
        out->failed = true;
        return NULL;
    }
    if (size > (size_t)(out->end - out->at)) {
        size_t least = written + (size > written ? size : written);
        out->begin =
            mr_arena_reserve(out->arena, least < 64 ? 64 : least, out->begin, written, &got);
        out->at = out->begin + written;
        out->end = out->begin + got;
    }
    return out->at;
}

void mr_my_json_add(struct mr_my_json_out *out, const char *text)
{
    size_t size = strlen(text);
    char *at = room(out, size);

    if (at) {
        memcpy(at, text, size);
        out->at += size;
    }
}

void mr_my_json_add_separator(struct mr_my_json_out *out)
{
    mr_my_json_add(out, out->compact ? "," : ", ");
}

/* Characters that need an escape are counted first, so that room for six times the text is not asked for in vain. */
static void add_string(struct mr_my_json_out *out, struct mr_slice text)
{
    size_t size = text.size + 2;
    char *at;

    if (!mr_my_utf8_valid(text)) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        if ((uint8_t)text.data[i] < 0x20)
            size += 5;
        else if (text.data[i] == '"' || text.data[i] == '\\')
            size++;
    }
    at = room(out, size);
    if (at)
        out->at = mr_json_put_str(at, text);
}

void mr_my_json_add_key(struct mr_my_json_out *out, struct mr_slice key)
{
    add_string(out, key);
    mr_my_json_add(out, out->compact ? ":" : ": ");
}

bool mr_my_json_end(struct mr_my_json_out *out, struct mr_value *ret_value)
{
    size_t size = (size_t)(out->at - out->begin);

    if (out->failed || size > UINT32_MAX)
        return false;
    mr_arena_commit(out->arena, size);
    *ret_value = (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)size, .p = out->begin};
    return true;
}

/* A length in groups of seven bits. */
static size_t length(struct mr_cur *cur)
{
    uint64_t size = 0;

    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = mr_cur_u8(cur);
        size |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return (size_t)size;
    }
    cur->failed = true;
    return 0;
}

static void print_decimal(struct mr_my_json_out *out, struct mr_slice bytes)
{
    char text[MR_MY_DECIMAL_TEXT];
    size_t size;

    if (bytes.size < 3 ||
        (size = mr_my_decimal_print((uint8_t)bytes.data[0], (uint8_t)bytes.data[1],
                                    mr_slice(bytes.data + 2, bytes.size - 2), text)) == 0) {
        out->failed = true;
        return;
    }
    text[size] = 0;
    mr_my_json_add(out, text);
}

/* i64: sign, then the bits of a DATETIME2 or TIME2 above 24 bits of microseconds. */
static void print_time(struct mr_my_json_out *out, uint8_t type, struct mr_slice bytes)
{
    struct mr_cur cur = mr_cur(bytes);
    int64_t packed = (int64_t)mr_cur_le64(&cur);
    uint64_t number = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
    unsigned micros = number & 0xffffff, second = number >> 24 & 63, minute = number >> 30 & 63;
    unsigned day = number >> 41 & 31, months = (unsigned)(number >> 46 & 0x1ffff);
    char text[64];

    if (cur.failed || mr_cur_left(&cur) != 0) {
        out->failed = true;
        return;
    }
    if (type == MR_MY_TIME)
        (void)snprintf(text, sizeof text, "\"%s%02u:%02u:%02u.%06u\"", packed < 0 ? "-" : "",
                       (unsigned)(number >> 36 & 0x3ff), minute, second, micros);
    else if (type == MR_MY_DATE)
        (void)snprintf(text, sizeof text, "\"%04u-%02u-%02u\"", months / 13, months % 13, day);
    else
        (void)snprintf(text, sizeof text, "\"%04u-%02u-%02u %02u:%02u:%02u.%06u\"", months / 13,
                       months % 13, day, (unsigned)(number >> 36 & 31), minute, second, micros);
    mr_my_json_add(out, text);
}

/* With a line end every 76 characters, which the text then has as an escape. */
static void print_base64(struct mr_my_json_out *out, uint8_t type, struct mr_slice bytes)
{
    char line[80];

    (void)snprintf(line, sizeof line, "\"base64:type%u:", type);
    mr_my_json_add(out, line);
    for (size_t i = 0; i < bytes.size && !out->failed; i += 57) {
        char *end = mr_json_put_base64(
            line, mr_slice(bytes.data + i, bytes.size - i < 57 ? bytes.size - i : 57));
        end[-1] = 0;
        if (i > 0)
            mr_my_json_add(out, "\\n");
        mr_my_json_add(out, line + 1);
    }
    mr_my_json_add(out, "\"");
}

static void print_opaque(struct mr_my_json_out *out, struct mr_slice bytes)
{
    struct mr_cur cur = mr_cur(bytes);
    uint8_t type = mr_cur_u8(&cur);
    struct mr_slice data = mr_cur_bytes(&cur, length(&cur));

    if (cur.failed) {
        out->failed = true;
        return;
    }
    switch (type) {
    case MR_MY_NEWDECIMAL: print_decimal(out, data); break;
    case MR_MY_DATE:
    case MR_MY_TIME:
    case MR_MY_DATETIME:
    case MR_MY_TIMESTAMP: print_time(out, type, data); break;
    default: print_base64(out, type, data); break;
    }
}

/* The shortest digits, laid out as the server does: up to 15 places on either side of the point, else an exponent
 * without sign or leading zeros. */
static char *put_double(char *at, double number)
{
    char text[40], digits[40];
    char *end = mr_json_put_f64(text, number), *e = memchr(text, 'e', (size_t)(end - text));
    int count = 0, point = 0, exponent;
    bool seen = false;

    if (!(number - number == 0.0))
        return NULL;
    *end = 0;
    for (const char *c = text + (*text == '-'); c < (e ? e : end); c++) {
        if (*c == '.')
            seen = true;
        else if (count > 0 || *c != '0')
            digits[count++] = *c, point += !seen;
        else
            point -= seen;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (e)
        point += (int)strtol(e + 1, NULL, 10);
    if (count == 0)
        digits[count++] = '0', point = 1;
    if (*text == '-')
        *at++ = '-';
    if (point < -14 || (point > 15 && count <= point)) {
        *at++ = digits[0];
        if (count > 1) {
            *at++ = '.';
            memcpy(at, digits + 1, (size_t)count - 1);
            at += count - 1;
        }
        *at++ = 'e';
        exponent = point - 1;
        return mr_json_put_i64(at, exponent);
    }
    if (point <= 0)
        *at++ = '0';
    for (int i = point < 0 ? point : 0; i < count || i < point; i++) {
        if (i == point)
            *at++ = '.';
        *at++ = i < 0 || i >= count ? '0' : digits[i];
    }
    if (point >= count)
        *at++ = '.', *at++ = '0';
    return at;
}

static void print_number(struct mr_my_json_out *out, const struct mr_my_json *json)
{
    struct mr_cur cur = mr_cur(json->bytes);
    char *at = room(out, 48);
    uint64_t bits;
    double number;

    if (!at)
        return;
    switch (json->type) {
    case MR_MY_JSON_INT16: out->at = mr_json_put_i64(at, (int16_t)mr_cur_le16(&cur)); break;
    case MR_MY_JSON_UINT16: out->at = mr_json_put_u64(at, mr_cur_le16(&cur)); break;
    case MR_MY_JSON_INT32: out->at = mr_json_put_i64(at, (int32_t)mr_cur_le32(&cur)); break;
    case MR_MY_JSON_UINT32: out->at = mr_json_put_u64(at, mr_cur_le32(&cur)); break;
    case MR_MY_JSON_INT64: out->at = mr_json_put_i64(at, (int64_t)mr_cur_le64(&cur)); break;
    case MR_MY_JSON_UINT64: out->at = mr_json_put_u64(at, mr_cur_le64(&cur)); break;
    default:
        bits = mr_cur_le64(&cur);
        memcpy(&number, &bits, sizeof number);
        at = put_double(at, number);
        if (at)
            out->at = at;
        out->failed |= !at;
        break;
    }
    out->failed |= cur.failed;
}

static void print_literal(struct mr_my_json_out *out, struct mr_slice bytes)
{
    static const char *const words[] = {"null", "true", "false"};

    if (bytes.size < 1 || (uint8_t)bytes.data[0] > 2)
        out->failed = true;
    else
        mr_my_json_add(out, words[(uint8_t)bytes.data[0]]);
}

static void print_container(struct mr_my_json_out *out, const struct mr_my_json *json,
                            unsigned depth)
{
    uint32_t count;
    bool object;

    if (depth >= MR_MY_JSON_DEPTH || !mr_my_json_count(json, &object, &count)) {
        out->failed = true;
        return;
    }
    mr_my_json_add(out, object ? "{" : "[");
    for (uint32_t i = 0; i < count && !out->failed; i++) {
        struct mr_my_json member;
        struct mr_slice key;
        if (!mr_my_json_member(json, i, &key, &member)) {
            out->failed = true;
            return;
        }
        if (i > 0)
            mr_my_json_add_separator(out);
        if (object)
            mr_my_json_add_key(out, key);
        mr_my_json_print(out, &member, depth + 1);
    }
    mr_my_json_add(out, object ? "}" : "]");
}

void mr_my_json_print(struct mr_my_json_out *out, const struct mr_my_json *json, unsigned depth)
{
    struct mr_cur cur = mr_cur(json->bytes);

    if (out->visits == 0 || out->failed) {
        out->failed = true;
        return;
    }
    out->visits--;
    switch (json->type) {
    case MR_MY_JSON_SMALL_OBJECT:
    case MR_MY_JSON_LARGE_OBJECT:
    case MR_MY_JSON_SMALL_ARRAY:
    case MR_MY_JSON_LARGE_ARRAY: print_container(out, json, depth); break;
    case MR_MY_JSON_LITERAL: print_literal(out, json->bytes); break;
    case MR_MY_JSON_STRING: {
        struct mr_slice text = mr_cur_bytes(&cur, length(&cur));
        out->failed |= cur.failed;
        add_string(out, text);
        break;
    }
    case MR_MY_JSON_OPAQUE: print_opaque(out, json->bytes); break;
    default:
        if (json->type < MR_MY_JSON_INT16 || json->type > MR_MY_JSON_DOUBLE)
            out->failed = true;
        else
            print_number(out, json);
    }
}

bool mr_my_json_value(struct mr_slice bytes, bool compact, struct mr_arena *arena,
                      struct mr_value *ret_value)
{
    struct mr_my_json_out out;
    struct mr_my_json root;

    mr_my_json_begin(&out, arena, bytes.size, compact);
    if (!mr_my_json_root(bytes, &root))
        mr_my_json_add(&out, "null");
    else
        mr_my_json_print(&out, &root, 0);
    return mr_my_json_end(&out, ret_value);
}
