/* Structs, arrays and maps as JSON. */
#pragma once

#include "schema/json/row.h"

/* A present value of a form whose base is STRUCT, ARRAY or MAP. */
int mr_row_compound(struct mr_row_writer *writer, const struct mr_form *form,
                    const struct mr_value *value, struct mr_err *err) MR_MUST_CHECK;
