/* HTTP calls to one kind of server: URLs in turn, credentials, TLS, limits. Only this knows curl. One thread. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/option.h"

/* Outlives the client. */
struct mr_http_options {
    const struct mr_option_list *urls;  /* at least one; tried in turn */
    const char *user, *password;        /* basic; NULL: none */
    const char *token;                  /* bearer; NULL: none */
    const char *ca, *certificate, *key; /* PEM files; NULL: the system's, none */
    int64_t timeout_ns;                 /* of a call; 0: ten seconds */
    const char *const *headers;         /* sent with each call; ends in NULL */
    const char *what;                   /* as in "no <what> answers" */
    const char *unreachable;            /* the code of that error */
};

struct mr_http;

/* Talks to nobody. */
struct mr_http *mr_http_open(const struct mr_http_options *options, const atomic_bool *stopping);
void mr_http_close(struct mr_http *http);

/* method is GET, POST or PUT; path starts with '/', already percent-encoded; body {NULL, 0} for none. Any HTTP status
 * is a success of this call, 5xx only when no URL gives another: *ret_status says which, ret_body holds the answer (at
 * most 16 MiB). MR_RETRY when no URL gives one; the URL that answered is asked first the next time. */
int mr_http_call(struct mr_http *http, const char *method, const char *path, struct mr_slice body,
                 long *ret_status, struct mr_buf *ret_body, struct mr_err *err) MR_MUST_CHECK;
/* Until then (monotonic) calls may last; later ones fail at once. INT64_MAX, as at first: the options' timeout. */
void mr_http_wait_until(struct mr_http *http, int64_t deadline_ns);
/* That time has come. */
bool mr_http_late(const struct mr_http *http);
/* Appends text percent-encoded as one path segment. */
void mr_http_escape(struct mr_buf *buf, struct mr_slice text);
