/* A binary log's file, read as the events in it: offline, for people who look into one.
 *
 *     fe 62 69 6e, then events back to back; each one's header tells its size
 *
 * Pieces go through wire/events.h as those of a connection do, so that a file of any size, and a compressed
 * transaction of any size in it, is read in little memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "connectors/source_mysql/wire/events.h"

struct mr_my_file {
    struct mr_my_events events;
    FILE *file;
    char *buffer;
    size_t begin, end; /* bytes read and not handed on */
    uint64_t left;     /* bytes of the event in hand that were not handed on */
    bool inside;       /* an event was begun */
    uint64_t at;       /* where the event in hand begins in the file */
};

/* MR_CONFIG source.file: it cannot be read, is no binary log, or is encrypted. `name` is the file's, without its
 * folder, as ROTATE would say it. */
int mr_my_file_open(struct mr_my_file *file, const char *path, size_t limit, bool verify,
                    struct mr_err *err) MR_MUST_CHECK;
void mr_my_file_close(struct mr_my_file *file);
/* 1: an event, its bytes valid until the next call; 0: the end. MR_CONFIG source.file: it ends inside an event; the
 * errors of wire/events.h. */
int mr_my_file_next(struct mr_my_file *file, struct mr_my_event *ret_event,
                    struct mr_err *err) MR_MUST_CHECK;
