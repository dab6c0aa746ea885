/* A schema registry of a script, for what a real one will not do on demand: Confluent's answers where Apicurio's
 * differ, faults, silence. Each request takes the next row of the table; one that does not fit the row is answered
 * with 599 and counted in `wrong`. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct fake_answer {
    const char *method, *path; /* with the query string; NULL matches any */
    unsigned status;
    const char *body;
};

struct fake_registry {
    /* ends with method == NULL and path == NULL and status == 0 */
    const struct fake_answer *answers;
    size_t next, wrong, requests;
    char authorization[256]; /* header of the last request */
    char last_body[65536];
    char url[64]; /* "http://127.0.0.1:PORT" */
    void *daemon;
};

/* Starts it on a free port of loopback. */
void fake_registry_start(struct fake_registry *fake, const struct fake_answer *answers);
void fake_registry_stop(struct fake_registry *fake);
