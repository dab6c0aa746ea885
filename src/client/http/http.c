/* HTTP to a server that may stand at several URLs, by libcurl.
 *
 * One easy handle per client, so that connections are kept. A call goes to the URL that answered last; when there is no
 * HTTP answer at all (refused, timed out, TLS), or 5xx from a node that is sick, the next URL is tried, each once. Any
 * other HTTP status comes from a server that is alive and is the caller's to judge, and so is 5xx when nobody does
 * better. The progress callback ends a call when the pipeline is stopping, so SIGTERM never waits for a server.
 *
 * Credentials go into curl's own options and are never part of a message; a URL with user:password in it is shown
 * without them. Bodies are limited to 16 MiB. Redirects are not followed: they would carry credentials away. */
#include "client/http/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"

#define BODY_LIMIT (16u << 20)

struct mr_http {
    const struct mr_http_options *options;
    const atomic_bool *stopping;
    CURL *curl;
    struct curl_slist *headers;
    int64_t deadline_ns;       /* mr_http_wait_until */
    size_t first;              /* index of the URL that answered last */
    char why[CURL_ERROR_SIZE]; /* what curl says of the last call that failed */
};

static size_t take_body(char *data, size_t size, size_t count, void *state)
{
    struct mr_buf *body = state;

    mr_buf_add(body, data, size * count);
    return body->failed ? 0 : size * count;
}

static int watch_stop(void *state, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct mr_http *http = state;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return http->stopping && atomic_load(http->stopping);
}

static void set_credentials(struct mr_http *http)
{
    const struct mr_http_options *options = http->options;
    CURL *curl = http->curl;

    if (options->user) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, options->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, options->password ? options->password : "");
    } else if (options->token) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, options->token);
    }
    if (options->ca)
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca);
    if (options->certificate)
        curl_easy_setopt(curl, CURLOPT_SSLCERT, options->certificate);
    if (options->key)
        curl_easy_setopt(curl, CURLOPT_SSLKEY, options->key);
}

struct mr_http *mr_http_open(const struct mr_http_options *options, const atomic_bool *stopping)
{
    struct mr_http *http = mr_alloc_zero(sizeof *http);

    http->options = options;
    http->stopping = stopping;
    http->deadline_ns = INT64_MAX;
    http->curl = curl_easy_init();
    if (!http->curl)
        mr_out_of_memory(0);
    for (const char *const *header = options->headers; *header; header++)
        http->headers = curl_slist_append(http->headers, *header);
    http->headers = curl_slist_append(http->headers, "Expect:");
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(http->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(http->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(http->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(http->curl, CURLOPT_XFERINFOFUNCTION, watch_stop);
    curl_easy_setopt(http->curl, CURLOPT_XFERINFODATA, http);
    curl_easy_setopt(http->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, http->why);
    set_credentials(http);
    return http;
}

void mr_http_close(struct mr_http *http)
{
    if (!http)
        return;
    curl_slist_free_all(http->headers);
    curl_easy_cleanup(http->curl);
    free(http);
}

void mr_http_wait_until(struct mr_http *http, int64_t deadline_ns)
{
    http->deadline_ns = deadline_ns;
}

bool mr_http_late(const struct mr_http *http)
{
    return http->deadline_ns < INT64_MAX && mr_clock_mono_ns() >= http->deadline_ns;
}

/* A call that the deadline cuts has to end behind it, however curl rounds: who asks then knows why it was cut. */
static void limit_time(struct mr_http *http)
{
    long most_ms = (long)(http->options->timeout_ns / MR_MS_NS);
    long connect_ms;

    most_ms = most_ms > 0 ? most_ms : 10000L;
    connect_ms = most_ms / 2;
    if (http->deadline_ns < INT64_MAX) {
        int64_t left_ms = (http->deadline_ns - mr_clock_mono_ns()) / MR_MS_NS + 2;
        most_ms = left_ms < most_ms ? (long)left_ms : most_ms;
        connect_ms = most_ms < connect_ms ? most_ms : connect_ms;
    }
    curl_easy_setopt(http->curl, CURLOPT_TIMEOUT_MS, most_ms);
    curl_easy_setopt(http->curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
}

void mr_http_escape(struct mr_buf *buf, struct mr_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
            (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' ||
            byte == '~')
            mr_buf_add_char(buf, (char)byte);
        else
            mr_buf_printf(buf, "%%%02X", byte);
    }
}

/* The URL without user:password@, for messages. */
static void hide_credentials(const char *url, char *ret_text, size_t room)
{
    const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
    size_t authority = strcspn(host, "/");
    const char *at = memrchr(host, '@', authority);

    if (at)
        snprintf(ret_text, room, "%.*s%s", (int)(host - url), url, at + 1);
    else
        snprintf(ret_text, room, "%s", url);
}

static void choose_method(CURL *curl, const char *method, struct mr_slice body)
{
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, NULL);
    if (body.data) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    } else {
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    }
    if (strcmp(method, body.data ? "POST" : "GET") != 0)
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

static CURLcode call_one(struct mr_http *http, const char *base, const char *method,
                         const char *path, struct mr_slice body, long *ret_status,
                         struct mr_buf *ret_body)
{
    struct mr_buf url;
    size_t size = strlen(base);
    CURLcode code;

    while (size > 0 && base[size - 1] == '/')
        size--;
    mr_buf_init(&url, 1 << 16);
    mr_buf_add(&url, base, size);
    mr_buf_add_str(&url, path);
    mr_buf_clear(ret_body);
    choose_method(http->curl, method, body);
    curl_easy_setopt(http->curl, CURLOPT_URL, mr_buf_cstr(&url));
    curl_easy_setopt(http->curl, CURLOPT_WRITEDATA, ret_body);
    limit_time(http);
    code = curl_easy_perform(http->curl);
    if (code == CURLE_OK)
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, ret_status);
    mr_buf_done(&url);
    return code;
}

int mr_http_call(struct mr_http *http, const char *method, const char *path, struct mr_slice body,
                 long *ret_status, struct mr_buf *ret_body, struct mr_err *err)
{
    const struct mr_option_list *urls = http->options->urls;
    size_t sick = urls->count;
    char shown[512];
    CURLcode code = CURLE_OPERATION_TIMEDOUT;

    http->why[0] = '\0';
    for (size_t i = 0; i <= urls->count; i++) {
        size_t index = i < urls->count ? (http->first + i) % urls->count : sick;

        if (index == urls->count || (http->stopping && atomic_load(http->stopping)) ||
            mr_http_late(http))
            break;
        code = call_one(http, urls->items[index], method, path, body, ret_status, ret_body);
        if (code == CURLE_OK && (*ret_status < 500 || i + 1 >= urls->count)) {
            http->first = index;
            return 0;
        }
        if (code == CURLE_OK)
            sick = index;
    }
    hide_credentials(urls->items[http->first], shown, sizeof shown);
    return mr_err_set(err, MR_RETRY, http->options->unreachable,
                      "no %s answers (%zu tried, first %s): %s", http->options->what, urls->count,
                      shown, http->why[0] ? http->why : curl_easy_strerror(code));
}
