/* One event a line on standard error: logfmt on a terminal, JSON lines otherwise.
 *
 * `msg` is constant text; what varies goes into key=value fields. Control characters are escaped in both
 * forms. Each call site lets ten lines a minute through, then one a minute with suppressed=N. Thread safe.
 * Only engine/ and above log above debug (layer rule); connectors report through struct mr_err and notes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum mr_log_level { MR_LOG_TRACE, MR_LOG_DEBUG, MR_LOG_INFO, MR_LOG_WARN, MR_LOG_ERROR };
enum mr_log_format { MR_LOG_AUTO, MR_LOG_LOGFMT, MR_LOG_JSON };

/* Before the first thread starts. fd is 2 outside tests. */
void mr_log_setup(int fd, enum mr_log_level level, enum mr_log_format format);
void mr_log_set_level(enum mr_log_level level);
bool mr_log_enabled(enum mr_log_level level);

struct mr_log_site {
    _Atomic int64_t window_ns;
    _Atomic uint32_t count;
    _Atomic uint32_t suppressed;
};

/* A field of a log line. Make them with MR_S, MR_I, MR_U, MR_F; end of list is added by the macro. */
struct mr_log_field {
    const char *key;
    char type; /* 's' text (NULL is left out), 'i' int64, 'u' uint64, 'f' double, 0 end */
    union {
        const char *s;
        int64_t i;
        uint64_t u;
        double f;
    };
};
#define MR_S(k, v) ((struct mr_log_field){.key = (k), .type = 's', .s = (v)})
#define MR_I(k, v) ((struct mr_log_field){.key = (k), .type = 'i', .i = (v)})
#define MR_U(k, v) ((struct mr_log_field){.key = (k), .type = 'u', .u = (v)})
#define MR_F(k, v) ((struct mr_log_field){.key = (k), .type = 'f', .f = (v)})

void mr_log_write(struct mr_log_site *site, enum mr_log_level level, const char *pipeline,
                  const char *msg, const struct mr_log_field *fields);

/* mr_log(MR_LOG_INFO, "shop", "slot created", MR_S("slot", name), MR_U("lsn", lsn)); pipeline may be NULL. */
#define mr_log(level, pipeline, msg, ...)                                                          \
    do {                                                                                           \
        static struct mr_log_site mr_log_here;                                                     \
        if (mr_log_enabled(level))                                                                 \
            mr_log_write(&mr_log_here, (level), (pipeline), (msg),                                 \
                         (const struct mr_log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}});            \
    } while (0)

/* Fields code, class, native, err (text) and hint of an error, as a list for mr_log. */
#define MR_ERR_FIELDS(e)                                                                           \
    MR_S("code", (e)->code), MR_S("class", mr_class_name((e)->class)),                             \
        MR_S("native", (e)->native[0] ? (e)->native : NULL), MR_S("err", (e)->text),               \
        MR_S("hint", (e)->hint[0] ? (e)->hint : NULL)

/* Totals since start, for metrics. */
uint64_t mr_log_suppressed_total(void);
