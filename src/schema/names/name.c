/* Names that Avro allows, in Debezium's two ways.
 *
 *     avro          every character that is not allowed becomes _, a leading digit gets _ before it:
 *                   my-server.2fa -> my_server.2fa      1a -> _1a
 *     avro_unicode  every such UTF-16 unit, and the underscore itself, becomes _u and four hex digits:
 *                   my_t -> my_u005ft      1a -> _u0031a      \u00fc -> _u00fc
 *
 * Only the first character of the whole name counts as a first one; dots are legal in schema names only. In mode
 * avro a character is a UTF-16 unit too, so one beyond the basic plane becomes two underscores. */
#include "schema/form/form.h"

const char *const mr_name_modes[] = {"none", "avro", "avro_unicode", NULL};

/* Reads one code point of UTF-8; a broken byte counts as itself. */
static uint32_t next(const char **at, const char *end)
{
    unsigned char first = (unsigned char)*(*at)++;
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t point = more == 0 ? first : first & (0x3fu >> more);

    for (; more > 0 && *at < end && ((unsigned char)**at & 0xc0) == 0x80; more--)
        point = point << 6 | ((unsigned char)*(*at)++ & 0x3f);
    return point;
}

static bool letter(uint32_t point)
{
    return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z');
}

static void add_escaped(struct mr_buf *buf, uint32_t point, enum mr_name_mode mode)
{
    if (mode == MR_NAME_AVRO)
        mr_buf_add_str(buf, point > 0xffff ? "__" : "_");
    else if (point > 0xffff)
        mr_buf_printf(buf, "_u%04x_u%04x", 0xd800 + ((point - 0x10000) >> 10),
                      0xdc00 + ((point - 0x10000) & 0x3ff));
    else
        mr_buf_printf(buf, "_u%04x", point);
}

struct mr_slice mr_name_adjust(struct mr_arena *arena, struct mr_slice name, enum mr_name_mode mode,
                               bool dots)
{
    const char *at = name.data, *end = name.data + name.size;
    struct mr_slice adjusted;
    struct mr_buf buf;

    if (mode == MR_NAME_NONE)
        return name;
    mr_buf_init(&buf, SIZE_MAX / 2);
    while (at < end) {
        bool first = at == name.data;
        uint32_t point = next(&at, end);
        bool digit = point >= '0' && point <= '9';

        if (letter(point) || (digit && !first) || (point == '.' && dots && !first) ||
            (point == '_' && mode == MR_NAME_AVRO)) {
            mr_buf_add_char(&buf, (char)point);
        } else if (digit && mode == MR_NAME_AVRO) {
            mr_buf_printf(&buf, "_%c", (int)point);
        } else {
            add_escaped(&buf, point, mode);
        }
    }
    adjusted = mr_arena_copy(arena, mr_buf_slice(&buf));
    mr_buf_done(&buf);
    return adjusted;
}
