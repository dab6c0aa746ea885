/* Values of SQL results, in text form: what a snapshot reads, equal to what the log would have said.
 *
 * Under the pinned session the server sends stored bytes (character_set_results = NULL), times in UTC and numbers in
 * decimal. Most types are the same bytes as in the log (text, bytes, bits, geometry, vectors) and go the same way;
 * numbers and times are parsed. Compressed columns come unpacked, binary ones padded.
 *
 * Two texts are not exact. A FLOAT is printed with six digits, so that it must be asked for as `c`+0e0; and
 * FLOAT(M,D) is rounded to D digits in print only. mr_my_reader_suffix says what is asked for. A label of ENUM or
 * SET needs no number: converted from the column's character set its text is the value. */
#include <stdlib.h>
#include <string.h>

#include "connectors/source_mysql/types/reader.h"
#include "connectors/source_mysql/types/values.h"
#include "connectors/source_mysql/wire/gtid.h"

const char *mr_my_reader_suffix(const struct mr_my_reader *reader)
{
    return reader->how == MR_MY_READ_FLOAT ? "+0e0" : "";
}

static bool whole_number(struct mr_slice text, bool *ret_negative, uint64_t *ret_number)
{
    size_t i = text.size > 0 && text.data[0] == '-';

    *ret_negative = i == 1;
    *ret_number = 0;
    if (i == text.size)
        return false;
    for (; i < text.size; i++) {
        unsigned digit = (unsigned char)text.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(*ret_number, 10, ret_number) ||
            __builtin_add_overflow(*ret_number, digit, ret_number))
            return false;
    }
    return true;
}

static bool integer(const struct mr_my_reader *reader, struct mr_slice text,
                    struct mr_value *ret_value)
{
    bool negative, wide = reader->how == MR_MY_READ_UINT && reader->column->type == MR_MY_LONGLONG;
    uint64_t number;

    if (!whole_number(text, &negative, &number) || (negative && wide) ||
        (!wide && number > (uint64_t)INT64_MAX + negative))
        return false;
    *ret_value =
        (struct mr_value){.kind = wide ? MR_UINT : MR_INT, .u = negative ? 0 - number : number};
    return true;
}

static bool real(bool narrow, struct mr_slice text, struct mr_value *ret_value)
{
    char copy[512], *end;
    double number;

    if (text.size == 0 || text.size >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    number = strtod(copy, &end);
    *ret_value = (struct mr_value){.kind = MR_FLOAT, .f = narrow ? (double)(float)number : number};
    return end == copy + text.size;
}

/* ZEROFILL prints zeros that the number does not have. */
static bool decimal(struct mr_slice text, struct mr_value *ret_value)
{
    while (text.size > 1 && text.data[0] == '0' && text.data[1] != '.') {
        text.data++;
        text.size--;
    }
    return mr_my_decimal_text(text, ret_value);
}

static bool uuid(struct mr_my_reading *reading, struct mr_slice text, struct mr_value *ret_value)
{
    uint8_t bytes[16];

    return mr_my_uuid_parse(text, bytes) &&
           mr_my_uuid(reading->arena, mr_slice(bytes, 16), ret_value);
}

/* The server's JSON text without the blanks between its tokens. */
static struct mr_slice compacted(struct mr_arena *arena, struct mr_slice text)
{
    char *begin = mr_arena_alloc(arena, text.size + 1, 1), *out = begin;
    bool quoted = false;

    for (size_t i = 0; i < text.size; i++) {
        if (!quoted && text.data[i] == ' ')
            continue;
        *out++ = text.data[i];
        if (quoted && text.data[i] == '\\' && i + 1 < text.size)
            *out++ = text.data[++i];
        else if (text.data[i] == '"')
            quoted = !quoted;
    }
    return mr_slice(begin, (size_t)(out - begin));
}

static bool characters(const struct mr_my_charset *charset, struct mr_my_reading *reading,
                       struct mr_slice text, struct mr_value *ret_value)
{
    struct mr_slice utf8 = text;

    if (reading->utf8 || !charset) {
        if (!mr_my_utf8_valid(text))
            return false;
    } else if (!mr_my_charset_utf8(charset, reading->arena, text, &utf8)) {
        if (!reading->replace)
            return false;
        reading->replaced++;
        utf8 = mr_my_charset_replace(charset, reading->arena, text);
    }
    *ret_value = (struct mr_value){.kind = MR_TEXT, .size = (uint32_t)utf8.size, .p = utf8.data};
    return true;
}

static bool time_of(const struct mr_my_reader *reader, struct mr_slice text,
                    struct mr_value *ret_value)
{
    switch (reader->how) {
    case MR_MY_READ_DATE: return mr_my_date_text(text, ret_value);
    case MR_MY_READ_TIME:
    case MR_MY_READ_TIME2: return mr_my_time_text(text, ret_value);
    default: return mr_my_datetime_text(text, ret_value);
    }
}

bool mr_my_read_text(const struct mr_my_reader *reader, struct mr_my_reading *reading,
                     struct mr_slice text, struct mr_value *ret_value)
{
    struct mr_my_reader plain;

    if (!text.data) {
        *ret_value = (struct mr_value){.kind = MR_NULL};
        return true;
    }
    if (text.size > UINT32_MAX)
        return false;
    switch (reader->how) {
    case MR_MY_READ_INT:
    case MR_MY_READ_UINT:
    case MR_MY_READ_YEAR: return integer(reader, text, ret_value);
    case MR_MY_READ_FLOAT: return real(true, text, ret_value);
    case MR_MY_READ_DOUBLE: return real(false, text, ret_value);
    case MR_MY_READ_DECIMAL: return decimal(text, ret_value);
    case MR_MY_READ_DATE:
    case MR_MY_READ_TIME:
    case MR_MY_READ_TIME2:
    case MR_MY_READ_DATETIME:
    case MR_MY_READ_DATETIME2:
    case MR_MY_READ_TIMESTAMP:
    case MR_MY_READ_TIMESTAMP2: return time_of(reader, text, ret_value);
    case MR_MY_READ_JSON: text = reading->compact ? compacted(reading->arena, text) : text; break;
    case MR_MY_READ_UUID: return uuid(reading, text, ret_value);
    case MR_MY_READ_TEXT:
    case MR_MY_READ_ENUM:
    case MR_MY_READ_SET: return characters(reader->charset, reading, text, ret_value);
    case MR_MY_READ_INET4:
    case MR_MY_READ_INET6: break;
    default:
        plain = *reader;
        plain.compressed = false;
        return mr_my_read(&plain, reading, text, MR_NULL, ret_value);
    }
    return characters(NULL, reading, text, ret_value);
}
