/* PostgreSQL's own geometric types as well-known binary, the way Debezium sends them.
 *
 *     point    01 | 1 | x y
 *     lseg     01 | 2 | 2 | x y x y                 a line string
 *     path     01 | 2 | n | x y ...                 a line string; closed or not is told beside it
 *     box      01 | 3 | 1 | 5 | the ring            from the upper right corner by (high x, low y)
 *     polygon  01 | 3 | 1 | n | the ring            closed with its first point
 *
 * Byte order 01 is little-endian, numbers are u32 and double. Values of PostGIS, MySQL and MariaDB are WKB already. */
#include "schema/form/form.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers of WKB are read as they stand");

struct ring {
    const double *points;
    uint32_t count; /* points */
    bool close;     /* the first point once more */
};

static void add_u32(struct mr_buf *buf, uint32_t number)
{
    const unsigned char bytes[4] = {(unsigned char)number, (unsigned char)(number >> 8),
                                    (unsigned char)(number >> 16), (unsigned char)(number >> 24)};

    mr_buf_add(buf, bytes, sizeof(bytes));
}

static void add_double(struct mr_buf *buf, double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof(bits));
    add_u32(buf, (uint32_t)bits);
    add_u32(buf, (uint32_t)(bits >> 32));
}

static void add_points(struct mr_buf *buf, const struct ring *ring)
{
    add_u32(buf, ring->count + ring->close);
    for (uint32_t i = 0; i < 2 * ring->count; i++)
        add_double(buf, ring->points[i]);
    for (uint32_t i = 0; ring->close && i < 2; i++)
        add_double(buf, ring->points[i]);
}

/* 01 | 1 | x y, in byte order 01, which is the machine's. */
static bool read_point(struct mr_slice wkb, double *ret_x, double *ret_y)
{
    static const char head[5] = {1, 1, 0, 0, 0};

    if (wkb.size < 21 || memcmp(wkb.data, head, sizeof(head)) != 0)
        return false;
    memcpy(ret_x, wkb.data + 5, sizeof(*ret_x));
    memcpy(ret_y, wkb.data + 13, sizeof(*ret_y));
    return true;
}

struct mr_form_point mr_form_point(const struct mr_geometry *geometry, struct mr_buf *scratch)
{
    struct mr_form_point point = {.wkb = geometry->wkb};

    if (read_point(geometry->wkb, &point.x, &point.y)) {
        point.srid = geometry->srid > 0 ? geometry->srid : 0;
        return point;
    }
    if (geometry->count >= 2) {
        point.x = geometry->numbers[0];
        point.y = geometry->numbers[1];
    }
    mr_buf_clear(scratch);
    mr_buf_add_char(scratch, 1);
    add_u32(scratch, 1);
    add_double(scratch, point.x);
    add_double(scratch, point.y);
    point.wkb = mr_buf_slice(scratch);
    return point;
}

static bool is_box(const struct mr_column *column)
{
    return mr_slice_is(column->native_type, "box");
}

static bool is_polygon(const struct mr_column *column)
{
    return mr_slice_is(column->native_type, "polygon");
}

struct mr_slice mr_form_shape(const struct mr_column *column)
{
    return column->native_type;
}

struct mr_slice mr_form_wkb(const struct mr_column *column, const struct mr_geometry *geometry,
                            struct mr_buf *scratch)
{
    const double *n = geometry->numbers;
    struct ring ring = {n, geometry->count / 2, false};
    double corners[8];

    if (geometry->wkb.data)
        return geometry->wkb;
    if (is_box(column) && geometry->count == 4) {
        memcpy(corners, (const double[]){n[0], n[1], n[0], n[3], n[2], n[3], n[2], n[1]},
               sizeof(corners));
        ring = (struct ring){corners, 4, true};
    } else if (is_polygon(column) && ring.count > 0) {
        ring.close = memcmp(n, n + 2 * (ring.count - 1), 2 * sizeof(*n)) != 0;
    }
    mr_buf_clear(scratch);
    mr_buf_add_char(scratch, 1);
    if (is_box(column) || is_polygon(column)) {
        add_u32(scratch, 3);
        add_u32(scratch, 1);
    } else {
        add_u32(scratch, 2);
    }
    add_points(scratch, &ring);
    return mr_buf_slice(scratch);
}

int32_t mr_form_srid(const struct mr_form *form, const struct mr_geometry *geometry)
{
    if (form->column->type == MR_TYPE_SHAPE)
        return -1;
    return form->kind == MR_FORM_SPATIAL && geometry->srid == 0 ? -1 : geometry->srid;
}
