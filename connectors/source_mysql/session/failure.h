/* What a server's (or the client library's) error number means to us. */
#pragma once

#include "base/err.h"

/* Writes the error: class and code by the number, native "1045" or "1045/28000", the server's words in the text behind
 * "cannot <what>". */
int mr_my_failure(struct mr_err *err, unsigned number, const char *sqlstate, const char *message,
                  const char *what);

/* The same of an error that ends a dump: 1236 means many things, told apart by its text; 1227, 4052 and others. */
int mr_my_dump_failure(struct mr_err *err, unsigned number, const char *sqlstate,
                       const char *message);
