/* libmicrohttpd with one thread: requests come one after another, as our client sends them, so the script needs no
 * lock; the test looks at the counters only between its calls. */
#include "test/support/fake_registry.h"

#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request {
    char *body;
    size_t size;
};

static enum MHD_Result add_query(void *state, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    char *url = state;
    size_t used = strlen(url);

    (void)kind;
    snprintf(url + used, 512 - used, "%c%s=%s", strchr(url, '?') ? '&' : '?', key,
             value ? value : "");
    return MHD_YES;
}

static enum MHD_Result answer(struct fake_registry *fake, struct MHD_Connection *connection,
                              const char *method, const char *path)
{
    const struct fake_answer *row = &fake->answers[fake->next];
    struct MHD_Response *response;
    unsigned status = 599;
    const char *body = "no such row";
    enum MHD_Result result;

    if (row->status != 0 && (!row->method || strcmp(row->method, method) == 0) &&
        (!row->path || strcmp(row->path, path) == 0)) {
        status = row->status;
        body = row->body;
        fake->next++;
    } else {
        fake->wrong++;
        fprintf(stderr, "fake registry: unexpected %s %s\n", method, path);
    }
    response = MHD_create_response_from_buffer(strlen(body), (void *)(uintptr_t)body,
                                               MHD_RESPMEM_PERSISTENT);
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *state, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **slot)
{
    struct fake_registry *fake = state;
    struct request *request = *slot;
    const char *authorization;
    char path[512];

    (void)version;
    if (!request) {
        *slot = calloc(1, sizeof *request);
        return MHD_YES;
    }
    if (*size > 0) {
        request->body = realloc(request->body, request->size + *size + 1);
        memcpy(request->body + request->size, data, *size);
        request->size += *size;
        request->body[request->size] = '\0';
        *size = 0;
        return MHD_YES;
    }
    fake->requests++;
    authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    snprintf(fake->authorization, sizeof fake->authorization, "%s",
             authorization ? authorization : "");
    snprintf(fake->last_body, sizeof fake->last_body, "%s", request->body ? request->body : "");
    snprintf(path, sizeof path, "%s", url);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_query, path);
    return answer(fake, connection, method, path);
}

static void completed(void *state, struct MHD_Connection *connection, void **slot,
                      enum MHD_RequestTerminationCode code)
{
    struct request *request = *slot;

    (void)state;
    (void)connection;
    (void)code;
    if (request)
        free(request->body);
    free(request);
    *slot = NULL;
}

/* Paths stay as they were sent, so that a test sees the escaping. */
static size_t keep_escaped(void *state, struct MHD_Connection *connection, char *text)
{
    (void)state;
    (void)connection;
    return strlen(text);
}

void fake_registry_start(struct fake_registry *fake, const struct fake_answer *answers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const union MHD_DaemonInfo *info;

    memset(fake, 0, sizeof *fake);
    fake->answers = answers;
    fake->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, fake,
                                    MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
                                    MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, NULL,
                                    MHD_OPTION_NOTIFY_COMPLETED, completed, fake, MHD_OPTION_END);
    assert(fake->daemon);
    info = MHD_get_daemon_info(fake->daemon, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(fake->url, sizeof fake->url, "http://127.0.0.1:%u", info->port);
}

void fake_registry_stop(struct fake_registry *fake)
{
    MHD_stop_daemon(fake->daemon);
}
