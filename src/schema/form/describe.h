/* The Connect schema of a form whose kind, base and numbers are chosen. */
#pragma once

#include "schema/form/form.h"

/* The Connect type of a kind, where the column does not say otherwise. */
enum mr_connect_type mr_form_base(enum mr_form_kind kind);
/* The schema without its default, in the arena. */
struct mr_connect *mr_form_describe(struct mr_arena *arena, const struct mr_form *form,
                                    const struct mr_form_options *options);
