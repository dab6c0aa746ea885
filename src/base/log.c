/* Log lines: one event, one line, one write.
 *
 *     ts=2026-11-21T09:05:01.123456Z level=info pipeline=shop msg="slot created" slot=millrace_shop lsn=22879
 *     {"ts":"2026-11-21T09:05:01.123456Z","level":"info","pipeline":"shop","msg":"slot created", ...}
 *
 * A line is built in memory and handed to the kernel by one write(2), so that lines of two threads, and of two
 * processes on one pipe, do not mix (up to PIPE_BUF). Texts may come from a database or a broker: control
 * characters, DEL, C1 controls and bytes that are no UTF-8 are escaped in both forms, so that no row can forge a
 * line, drive a terminal or break a JSON parser. A text is cut after 4096 bytes.
 *
 * Rate limit, per call site: a window is a minute. Ten lines pass in the first; while lines were held back in a
 * window, the next window lets only one pass, which carries suppressed=N. A quiet minute resets it to ten. The
 * counters are atomics: two threads may disagree by a line at a window's edge, which harms nobody.
 *
 * A write that fails is given up: a daemon must not stop because nobody reads its log. */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"

#define WINDOW_NS   (60 * MR_SECOND_NS)
#define WINDOW_FULL 10
#define TEXT_MAX    4096
#define LINE_MAX    (1 << 20)

static int log_fd = STDERR_FILENO;
static bool log_json;
static _Atomic int log_level = MR_LOG_INFO;
static _Atomic uint64_t suppressed_total;

void mr_log_setup(int fd, enum mr_log_level level, enum mr_log_format format)
{
    log_fd = fd;
    log_json = format == MR_LOG_JSON || (format == MR_LOG_AUTO && !isatty(fd));
    mr_log_set_level(level);
}

void mr_log_set_level(enum mr_log_level level)
{
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool mr_log_enabled(enum mr_log_level level)
{
    return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

uint64_t mr_log_suppressed_total(void)
{
    return atomic_load(&suppressed_total);
}

static const char *level_name(enum mr_log_level level)
{
    static const char *const names[] = {"trace", "debug", "info", "warn", "error"};

    return names[level];
}

/* Whether this line passes; *ret_suppressed is how many before it did not. */
static bool admit(struct mr_log_site *site, uint32_t *ret_suppressed)
{
    int64_t now = mr_clock_mono_ns(), start = atomic_load(&site->window_ns);
    uint32_t allowed = WINDOW_FULL;

    *ret_suppressed = 0;
    if (start == 0 || now - start >= WINDOW_NS) {
        if (atomic_compare_exchange_strong(&site->window_ns, &start, now ? now : 1)) {
            *ret_suppressed = atomic_exchange(&site->suppressed, 0);
            /* Start the count at the limit: this line is the only one of its window. */
            atomic_store(&site->count, *ret_suppressed ? allowed : 1);
            return true;
        }
    }
    if (atomic_fetch_add(&site->count, 1) < allowed)
        return true;
    atomic_fetch_add(&site->suppressed, 1);
    atomic_fetch_add(&suppressed_total, 1);
    return false;
}

/* Length of the well-formed UTF-8 character at `at` (RFC 3629), or 0. *ret_code is its code point. */
static size_t utf8(const unsigned char *at, size_t left, uint32_t *ret_code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    uint32_t code = at[0];

    if (size == 0 || size > left || at[0] > 0xf4)
        return 0;
    if (size > 1)
        code &= 0x7fu >> size;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fu);
    }
    if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *ret_code = code;
    return size;
}

static void put_escaped(struct mr_buf *buf, struct mr_slice text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.size;

    while (left) {
        uint32_t code = 0;
        size_t size = utf8(at, left, &code);
        if (size == 0)
            mr_buf_add_str(buf, "\\ufffd");
        else if (code == '"' || code == '\\')
            mr_buf_printf(buf, "\\%c", (int)code);
        else if (code == '\n')
            mr_buf_add_str(buf, "\\n");
        else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029)
            mr_buf_printf(buf, "\\u%04x", (unsigned)code);
        else
            mr_buf_add(buf, at, size);
        at += size ? size : 1;
        left -= size ? size : 1;
    }
}

static bool is_bare(struct mr_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c >= 0x7f)
            return false;
    }
    return text.size > 0;
}

static void put_text(struct mr_buf *buf, const char *text)
{
    struct mr_slice bytes = mr_slice(text, strnlen(text, TEXT_MAX));

    if (!log_json && is_bare(bytes)) {
        mr_buf_add_slice(buf, bytes);
        return;
    }
    mr_buf_add_char(buf, '"');
    put_escaped(buf, bytes);
    mr_buf_add_char(buf, '"');
}

static void put_key(struct mr_buf *buf, const char *key)
{
    if (log_json)
        mr_json_add_key(buf, key);
    else
        mr_buf_printf(buf, "%s%s=", buf->size ? " " : "", key);
}

static void put_field(struct mr_buf *buf, const struct mr_log_field *field)
{
    if (field->type == 's' && !field->s)
        return;
    put_key(buf, field->key);
    switch (field->type) {
    case 's': put_text(buf, field->s); break;
    case 'i': mr_json_add_i64(buf, field->i); break;
    case 'u': mr_json_add_u64(buf, field->u); break;
    default: mr_json_add_f64(buf, field->f); break;
    }
}

static void put_line(const struct mr_buf *buf)
{
    const char *at = buf->data;
    size_t left = buf->size;

    while (left) {
        ssize_t done = write(log_fd, at, left);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        at += done;
        left -= (size_t)done;
    }
}

void mr_log_write(struct mr_log_site *site, enum mr_log_level level, const char *pipeline,
                  const char *msg, const struct mr_log_field *fields)
{
    struct mr_buf line;
    uint32_t suppressed;
    char time[32];

    if (!admit(site, &suppressed))
        return;
    mr_buf_init(&line, LINE_MAX);
    if (log_json)
        mr_buf_add_char(&line, '{');
    mr_clock_format(mr_clock_wall_us(), time);
    put_field(&line, &MR_S("ts", time));
    put_field(&line, &MR_S("level", level_name(level)));
    put_field(&line, &MR_S("pipeline", pipeline));
    put_field(&line, &MR_S("msg", msg));
    for (; fields->type; fields++)
        put_field(&line, fields);
    if (suppressed)
        put_field(&line, &MR_U("suppressed", suppressed));
    mr_buf_add_str(&line, log_json ? "}\n" : "\n");
    put_line(&line);
    mr_buf_done(&line);
}
