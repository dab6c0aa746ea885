/* One HTTP call to a registry: URLs in turn, credentials, TLS, limits. The part below registry.h that knows curl. */
#pragma once

#include "base/buf.h"
#include "schema/registry/registry.h"

struct mr_registry_http;

int mr_registry_http_open(const struct mr_registry_options *options, const atomic_bool *stopping,
                          struct mr_registry_http **ret_http, struct mr_err *err) MR_MUST_CHECK;
void mr_registry_http_close(struct mr_registry_http *http);

/* method is GET, POST or PUT; path starts with '/', already percent-encoded; body {NULL, 0} for none. Any HTTP status
 * is a success of this call, 5xx only when no URL gives another: *ret_status says which, ret_body holds the answer (at
 * most 16 MiB). MR_RETRY when no URL gives one; the URL that answered is asked first the next time. */
int mr_registry_http_call(struct mr_registry_http *http, const char *method, const char *path,
                          struct mr_slice body, long *ret_status, struct mr_buf *ret_body,
                          struct mr_err *err) MR_MUST_CHECK;
/* Until then (monotonic) calls may last; later ones fail at once. INT64_MAX, as at first: the options' timeout. */
void mr_registry_http_wait_until(struct mr_registry_http *http, int64_t deadline_ns);
/* That time has come. */
bool mr_registry_http_late(const struct mr_registry_http *http);
/* Appends text percent-encoded as one path segment. */
void mr_registry_http_escape(struct mr_buf *buf, struct mr_slice text);
