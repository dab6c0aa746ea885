/* Whether two values are the same.
 *
 * Not on every row's path: it decides whether an update changed a key that the user chose. Same means that every
 * encoder would write the same: a decimal's scale counts (1.0 and 1.00 are two texts), a NaN equals itself. Values
 * behind a pointer are compared member by member, since structs have holes. */
#include "model/value.h"

static bool arrays_equal(const struct mr_array *a, const struct mr_array *b)
{
    if (a->dimensions != b->dimensions || a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->dimensions && i < 6; i++) {
        if (a->sizes[i] != b->sizes[i])
            return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!mr_value_equal(&a->items[i], &b->items[i]))
            return false;
    }
    return true;
}

static bool doubles_equal(const double *a, const double *b, uint32_t count)
{
    return count == 0 || memcmp(a, b, count * sizeof *a) == 0;
}

static bool vectors_equal(const struct mr_vector *a, const struct mr_vector *b)
{
    if (a->dimensions != b->dimensions || a->count != b->count || !a->indexes != !b->indexes)
        return false;
    if (a->indexes && a->count &&
        memcmp(a->indexes, b->indexes, a->count * sizeof *a->indexes) != 0)
        return false;
    return doubles_equal(a->numbers, b->numbers, a->count);
}

static bool geometries_equal(const struct mr_geometry *a, const struct mr_geometry *b)
{
    return a->closed == b->closed && a->srid == b->srid && a->count == b->count &&
           mr_slice_equal(a->wkb, b->wkb) && doubles_equal(a->numbers, b->numbers, a->count);
}

static bool bits_equal(const struct mr_bits *a, const struct mr_bits *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->bytes, b->bytes, ((size_t)a->count + 7) / 8) == 0);
}

bool mr_value_equal(const struct mr_value *a, const struct mr_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch ((enum mr_kind)a->kind) {
    case MR_NULL:
    case MR_UNCHANGED:
    case MR_ABSENT: return true;
    case MR_DECIMAL: return a->i == b->i && a->scale == b->scale;
    case MR_DECIMAL_TEXT:
    case MR_TEXT:
    case MR_BYTES:
    case MR_UUID: return mr_slice_equal(mr_value_slice(a), mr_value_slice(b));
    case MR_TIMETZ: return a->i == b->i && a->zone == b->zone;
    case MR_INTERVAL:
        return a->interval->months == b->interval->months &&
               a->interval->days == b->interval->days && a->interval->micros == b->interval->micros;
    case MR_BITS: return bits_equal(a->bits, b->bits);
    case MR_ARRAY: return arrays_equal(a->array, b->array);
    case MR_GEOMETRY: return geometries_equal(a->geometry, b->geometry);
    case MR_VECTOR: return vectors_equal(a->vector, b->vector);
    default: return a->u == b->u; /* numbers and times: the same bits */
    }
}
