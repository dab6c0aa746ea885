/* When two values are the same to every encoder. */
#include "model/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TEXT(kind_, literal)                                                                       \
    {                                                                                              \
        .kind = (kind_), .size = sizeof(literal) - 1, .p = (literal)                               \
    }

static const double numbers[] = {1, 2}, others[] = {1, 3};
static const uint32_t places[] = {1, 4}, elsewhere[] = {1, 5};
static struct mr_value items[] = {{.kind = MR_INT, .i = 1}, {.kind = MR_NULL}};
static struct mr_value other_items[] = {{.kind = MR_INT, .i = 1}, {.kind = MR_INT, .i = 0}};
static const struct mr_array row = {1, 2, {2}, items, {NULL, 0}};
static const struct mr_array column = {2, 2, {2, 1}, items, {NULL, 0}};
static const struct mr_array line = {2, 2, {1, 2}, items, {NULL, 0}};
static const struct mr_array other_row = {1, 2, {2}, other_items, {NULL, 0}};
static const struct mr_interval month = {1, 0, 0}, day = {0, 1, 0}, micro = {0, 0, 1};
static const struct mr_bits five = {5, (const uint8_t *)"\xa8"};
static const struct mr_bits six = {6, (const uint8_t *)"\xa8"};
static const struct mr_bits other_five = {5, (const uint8_t *)"\xb0"};
static const struct mr_geometry point = {0, -1, 2, numbers, {NULL, 0}};
static const struct mr_geometry other_point = {0, -1, 2, others, {NULL, 0}};
static const struct mr_geometry closed = {1, -1, 2, numbers, {NULL, 0}};
static const struct mr_geometry wkb = {0, 4326, 0, NULL, MR_SLICE("wkb")};
static const struct mr_geometry other_wkb = {0, 4326, 0, NULL, MR_SLICE("wkc")};
static const struct mr_vector dense = {2, 2, NULL, numbers};
static const struct mr_vector other_dense = {2, 2, NULL, others};
static const struct mr_vector sparse = {9, 2, places, numbers};
static const struct mr_vector other_sparse = {9, 2, elsewhere, numbers};

/* All of them differ from each other. */
static const struct mr_value values[] = {
    {.kind = MR_NULL},
    {.kind = MR_UNCHANGED},
    {.kind = MR_ABSENT},
    {.kind = MR_BOOL, .i = 0},
    {.kind = MR_BOOL, .i = 1},
    {.kind = MR_INT, .i = 1},
    {.kind = MR_INT, .i = -1},
    {.kind = MR_UINT, .u = UINT64_MAX},
    {.kind = MR_FLOAT, .f = 0.0},
    {.kind = MR_FLOAT, .f = -0.0},
    {.kind = MR_FLOAT, .f = __builtin_nan("")},
    {.kind = MR_DECIMAL, .i = 10, .scale = 1},
    {.kind = MR_DECIMAL, .i = 10, .scale = 2},
    TEXT(MR_DECIMAL_TEXT, "NaN"),
    TEXT(MR_TEXT, "NaN"),
    TEXT(MR_TEXT, ""),
    TEXT(MR_TEXT, "nan"),
    TEXT(MR_BYTES, "nan"),
    TEXT(MR_UUID, "0123456789abcdef"),
    {.kind = MR_DATE, .i = 1},
    {.kind = MR_TIME, .i = 1},
    {.kind = MR_TIMETZ, .i = 1, .zone = 0},
    {.kind = MR_TIMETZ, .i = 1, .zone = 3600},
    {.kind = MR_TIMESTAMP, .i = 1},
    {.kind = MR_NO_DATE, .i = 1},
    {.kind = MR_INTERVAL, .interval = &month},
    {.kind = MR_INTERVAL, .interval = &day},
    {.kind = MR_INTERVAL, .interval = &micro},
    {.kind = MR_BITS, .bits = &five},
    {.kind = MR_BITS, .bits = &six},
    {.kind = MR_BITS, .bits = &other_five},
    {.kind = MR_ARRAY, .array = &row},
    {.kind = MR_ARRAY, .array = &column},
    {.kind = MR_ARRAY, .array = &line},
    {.kind = MR_ARRAY, .array = &other_row},
    {.kind = MR_GEOMETRY, .geometry = &point},
    {.kind = MR_GEOMETRY, .geometry = &other_point},
    {.kind = MR_GEOMETRY, .geometry = &closed},
    {.kind = MR_GEOMETRY, .geometry = &wkb},
    {.kind = MR_GEOMETRY, .geometry = &other_wkb},
    {.kind = MR_VECTOR, .vector = &dense},
    {.kind = MR_VECTOR, .vector = &other_dense},
    {.kind = MR_VECTOR, .vector = &sparse},
    {.kind = MR_VECTOR, .vector = &other_sparse},
};

static void each_equals_itself_alone(void **state)
{
    const size_t count = sizeof values / sizeof values[0];

    (void)state;
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            struct mr_value copy = values[b];
            if (mr_value_equal(&values[a], &copy) != (a == b))
                fail_msg("values %zu and %zu", a, b);
        }
    }
}

/* The largest of every part, and parts that are none of the calendar's, come back as they went. */
static void parts_of_a_date_that_is_none_come_back(void **state)
{
    static const struct mr_parts all[] = {{0, 0, 0, 0, 0, 0, 0},
                                          {2024, 2, 31, 0, 0, 0, 0},
                                          {2024, 0, 5, 23, 59, 59, 999999},
                                          {9999, 15, 31, 31, 63, 63, 1048575}};

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct mr_value value = {.kind = MR_NO_DATE, .i = mr_parts_pack(all[i])};
        struct mr_parts parts = mr_parts_of(&value);
        assert_memory_equal(&parts, &all[i], sizeof parts);
        assert_true(value.i >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_equals_itself_alone),
        cmocka_unit_test(parts_of_a_date_that_is_none_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
