/* Reading one setting by its table line.
 *
 * YAML gives every scalar as text, and the text means what the option's type says and nothing else: `no` is not
 * false, `012` is twelve, `1e3` is no integer. Numbers with a unit have one form,
 *
 *     64MiB   1.5GiB   10s   500ms   2h        number, then unit, no space, no bare number (0 of a duration excepted)
 *
 * A fraction is allowed where the result is a whole number of bytes or nanoseconds. Overflow is a range fault,
 * never a wrap. Nothing here prints or collects findings: the caller knows file and line, this file only says
 * what was expected. */
#include "base/option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit sizes[] = {{"B", 1},           {"KiB", 1LL << 10}, {"MiB", 1LL << 20},
                                    {"GiB", 1LL << 30}, {"TiB", 1LL << 40}, {"kB", 1000},
                                    {"MB", 1000000},    {"GB", 1000000000}, {NULL, 0}};
static const struct unit durations[] = {{"us", 1000},
                                        {"ms", 1000000},
                                        {"s", 1000000000LL},
                                        {"m", 60 * 1000000000LL},
                                        {"h", 3600 * 1000000000LL},
                                        {"d", 86400 * 1000000000LL},
                                        {NULL, 0}};

const struct mr_option *mr_option_find(const struct mr_option *options, const char *key)
{
    for (; options && options->type != MR_OPTION_END; options++) {
        if (strcmp(options->key, key) == 0)
            return options;
    }
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits into *ret_value; moves *at behind them. False on overflow. */
static bool read_digits(const char **at, int64_t *ret_value)
{
    int64_t value = 0;

    for (; is_digit(**at); (*at)++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, **at - '0', &value))
            return false;
    }
    *ret_value = value;
    return true;
}

static enum mr_option_fault read_int(const char *text, int64_t *ret_value)
{
    bool negative = *text == '-';
    const char *at = negative ? text + 1 : text;
    int64_t value;

    if (!is_digit(*at))
        return MR_OPTION_FAULT_TYPE;
    if (!read_digits(&at, &value)) {
        at += strspn(at, "0123456789");
        return *at ? MR_OPTION_FAULT_TYPE : MR_OPTION_FAULT_RANGE;
    }
    if (*at)
        return MR_OPTION_FAULT_TYPE;
    *ret_value = negative ? -value : value;
    return MR_OPTION_OK;
}

/* The digits after a point: fraction / scale < 1. At most twelve of them matter to anybody. */
static bool read_fraction(const char **at, int64_t *ret_fraction, int64_t *ret_scale)
{
    *ret_fraction = 0;
    *ret_scale = 1;
    if (**at != '.')
        return true;
    (*at)++;
    if (!is_digit(**at))
        return false;
    for (; is_digit(**at); (*at)++) {
        if (*ret_scale >= 1000000000000LL)
            return false;
        *ret_fraction = *ret_fraction * 10 + (**at - '0');
        *ret_scale *= 10;
    }
    return true;
}

static enum mr_option_fault read_with_unit(const char *text, const struct unit *units,
                                           bool zero_is_bare, int64_t *ret_value)
{
    const char *at = text;
    int64_t whole, fraction, scale, value;
    __int128 part;

    if (!is_digit(*at))
        return MR_OPTION_FAULT_TYPE;
    if (!read_digits(&at, &whole))
        return MR_OPTION_FAULT_RANGE;
    if (!read_fraction(&at, &fraction, &scale))
        return MR_OPTION_FAULT_TYPE;
    if (*at == '\0') {
        if (!zero_is_bare || whole != 0 || fraction != 0)
            return MR_OPTION_FAULT_UNIT;
        *ret_value = 0;
        return MR_OPTION_OK;
    }
    for (; units->name && strcmp(units->name, at) != 0; units++)
        ;
    if (!units->name)
        return MR_OPTION_FAULT_TYPE;
    part = (__int128)fraction * units->factor;
    if (part % scale != 0)
        return MR_OPTION_FAULT_TYPE;
    if (__builtin_mul_overflow(whole, units->factor, &value) ||
        __builtin_add_overflow(value, (int64_t)(part / scale), &value))
        return MR_OPTION_FAULT_RANGE;
    *ret_value = value;
    return MR_OPTION_OK;
}

static enum mr_option_fault read_number(const struct mr_option *option, const char *text,
                                        int64_t *ret_value)
{
    enum mr_option_fault fault;
    int64_t value = 0;

    if (option->type == MR_OPTION_INT)
        fault = read_int(text, &value);
    else if (option->type == MR_OPTION_SIZE)
        fault = read_with_unit(text, sizes, false, &value);
    else
        fault = read_with_unit(text, durations, true, &value);
    if (fault != MR_OPTION_OK)
        return fault;
    if ((option->min != 0 || option->max != 0) && (value < option->min || value > option->max))
        return MR_OPTION_FAULT_RANGE;
    *ret_value = value;
    return MR_OPTION_OK;
}

static enum mr_option_fault read_choice(const struct mr_option *option, const char *text,
                                        int *ret_index)
{
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *ret_index = i;
            return MR_OPTION_OK;
        }
    }
    return MR_OPTION_FAULT_CHOICE;
}

enum mr_option_fault mr_option_set(const struct mr_option *option, const char *text, void *config)
{
    void *field = (char *)config + option->offset;

    switch (option->type) {
    case MR_OPTION_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return MR_OPTION_FAULT_TYPE;
        *(bool *)field = text[0] == 't';
        return MR_OPTION_OK;
    case MR_OPTION_INT:
    case MR_OPTION_SIZE:
    case MR_OPTION_DURATION: return read_number(option, text, field);
    case MR_OPTION_STRING: *(const char **)field = text; return MR_OPTION_OK;
    case MR_OPTION_ENUM: return read_choice(option, text, field);
    default: return MR_OPTION_FAULT_TYPE;
    }
}

void mr_option_format(enum mr_option_type type, int64_t value, char *ret_text, size_t size)
{
    const struct unit *units = type == MR_OPTION_SIZE ? sizes : durations, *best = NULL;

    if (type == MR_OPTION_INT || (type == MR_OPTION_DURATION && value == 0)) {
        snprintf(ret_text, size, "%" PRId64, value);
        return;
    }
    for (; units->name; units++) {
        if (value % units->factor == 0 && (!best || units->factor > best->factor) &&
            (value >= units->factor || !best))
            best = units;
    }
    snprintf(ret_text, size, "%" PRId64 "%s", best ? value / best->factor : value,
             best ? best->name : "");
}

static void add_range(const struct mr_option *option, char *text, size_t size)
{
    char least[40], most[40];
    size_t used = strlen(text);

    if (option->min == 0 && option->max == 0)
        return;
    mr_option_format(option->type, option->min, least, sizeof(least));
    mr_option_format(option->type, option->max, most, sizeof(most));
    if (option->min == option->max)
        snprintf(text, size, "%s", least);
    else if (option->max == INT64_MAX)
        snprintf(text + used, size - used, ", at least %s", least);
    else
        snprintf(text + used, size - used, "%s from %s to %s",
                 option->type == MR_OPTION_INT ? "" : ",", least, most);
}

static void list_choices(const struct mr_option *option, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s", option->choices[1] ? "one of " : "");

    for (int i = 0; option->choices[i] && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", option->choices[i]);
}

void mr_option_expected(const struct mr_option *option, char *ret_text, size_t size)
{
    static const char *const names[] = {
        [MR_OPTION_END] = "nothing",
        [MR_OPTION_BOOL] = "true or false",
        [MR_OPTION_INT] = "an integer",
        [MR_OPTION_SIZE] = "a size with a unit, such as 64MiB",
        [MR_OPTION_DURATION] = "a duration with a unit, such as 10s or 500ms",
        [MR_OPTION_STRING] = "a text",
        [MR_OPTION_ENUM] = "",
        [MR_OPTION_LIST] = "a list",
        [MR_OPTION_MAP] = "a mapping of names to values",
        [MR_OPTION_GROUP] = "a mapping",
    };

    if (option->type == MR_OPTION_ENUM) {
        list_choices(option, ret_text, size);
        return;
    }
    if (option->type == MR_OPTION_LIST && option->choices) {
        int used = snprintf(ret_text, size, "a list, each of it ");
        list_choices(option, ret_text + used, size - (size_t)used);
        return;
    }
    snprintf(ret_text, size, "%s", names[option->type]);
    add_range(option, ret_text, size);
}

/* "[a, b]", or "a", as written in a table. Only plain items: no quotes, no nesting. */
static void default_list(const char *text, struct mr_option_list *list, struct mr_arena *arena)
{
    size_t count = 1, length = strlen(text);
    bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    char *copy;

    if (length == 0 || (bracketed && length == 2))
        return;
    copy = mr_arena_str(arena, bracketed ? mr_slice(text + 1, length - 2) : mr_slice_str(text));
    for (const char *at = copy; *at; at++)
        count += *at == ',';
    list->items = MR_ARENA_ARRAY(arena, const char *, count);
    list->count = 0;
    for (char *rest = copy, *item; (item = strsep(&rest, ",")) != NULL;)
        list->items[list->count++] = item + strspn(item, " ");
}

void mr_option_default(const struct mr_option *option, void *config, struct mr_arena *arena)
{
    if (option->type == MR_OPTION_GROUP) {
        if (option->group)
            mr_option_defaults(option->group, (char *)config + option->offset, arena);
        return;
    }
    if (!option->standard)
        return;
    if (option->type == MR_OPTION_LIST) {
        default_list(option->standard,
                     (struct mr_option_list *)(void *)((char *)config + option->offset), arena);
        return;
    }
    (void)mr_option_set(option, option->standard, config);
}

void mr_option_defaults(const struct mr_option *options, void *config, struct mr_arena *arena)
{
    for (; options && options->type != MR_OPTION_END; options++)
        mr_option_default(options, config, arena);
}
