/* One librdkafka handle, its events, and what they say of the brokers.
 *
 * Delivery reports and errors are taken as events from the main queue by whoever calls serve(). Errors that an event
 * tells are kept as the present trouble: the call that fails afterwards mostly says no more than that time ran out.
 *
 * Whether something may still be on its way to a broker (doubt) is told by error events and by connections that ended:
 * the one that is opened again at once raises no event.
 *
 * Log lines of librdkafka come from its own threads. Those that a user should see (warnings and worse) become notes;
 * chatter on connections and on properties meant for the other kind of client is dropped. */
#include "client/kafka/handle.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define THROTTLE_LASTS_NS (5 * MR_SECOND_NS)

bool mr_kafka_handle_closing(const struct mr_kafka_handle *handle)
{
    return handle->closing && atomic_load_explicit(handle->closing, memory_order_relaxed);
}

bool mr_kafka_throttled(const struct mr_kafka_handle *handle)
{
    int64_t ago = mr_clock_mono_ns() - handle->throttled_ns;

    return handle->throttled_ns && ago < handle->throttle_ms * MR_MS_NS + THROTTLE_LASTS_NS;
}

static int throttled(struct mr_err *err, const struct mr_kafka_handle *handle, const char *doing)
{
    mr_err_set(err, MR_RETRY, "kafka.throttled",
               "cannot %s yet: a quota of the brokers holds this client back (broker %s, by %d ms "
               "at its last answer)",
               doing, handle->throttled_by, handle->throttle_ms);
    mr_err_hint(err, "raise producer_byte_rate or request_percentage of this user or client.id: "
                     "kafka-configs --describe --entity-type users --entity-type clients shows "
                     "them");
    return MR_RETRY;
}

int mr_kafka_unreachable(struct mr_err *err, const struct mr_kafka_handle *handle,
                         const char *doing)
{
    if (handle->denied)
        return mr_kafka_fail(err, handle->errors, handle->trouble, handle->trouble_text, "%s",
                             doing);
    if (mr_kafka_throttled(handle))
        return throttled(err, handle, doing);
    mr_err_set(err, MR_RETRY, "kafka.unreachable", "cannot %s: %s", doing,
               handle->trouble_text[0] ? handle->trouble_text : "no broker answers");
    if (handle->trouble)
        mr_err_native(err, rd_kafka_err2name(handle->trouble));
    mr_err_hint(err, "check `brokers`, and that this machine reaches their advertised listeners");
    return MR_RETRY;
}

static void take_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const struct mr_kafka_handle *handle = rd_kafka_opaque(rk);
    const struct mr_notes *notes = handle->notes;

    if (level > 4 || strcmp(facility, "CONFWARN") == 0 || strcmp(facility, "FAIL") == 0 || !notes ||
        !notes->note)
        return;
    notes->note(notes->state, MR_LOG_DEBUG, "kafka.client", "%s: %s", facility, text);
}

/* Called by serve(): a quota makes the broker answer late, or answer no more for a while. */
static void take_throttle(rd_kafka_t *rk, const char *broker, int32_t id, int delay_ms,
                          void *opaque)
{
    struct mr_kafka_handle *handle = opaque;

    (void)rk;
    (void)id;
    if (delay_ms <= 0)
        return;
    handle->throttled_ns = mr_clock_mono_ns();
    handle->throttle_ms = delay_ms;
    snprintf(handle->throttled_by, sizeof handle->throttled_by, "%s", broker);
}

/* A connection that ends and is made again at once raises no error event, but what was sent on it may still be on its
 * way, while librdkafka sends it again on the next one. Called by its broker threads, before they do. */
static int close_socket(int sock, void *opaque)
{
    struct mr_kafka_handle *handle = opaque;

    atomic_fetch_add(&handle->closed, 1);
    return close(sock);
}

bool mr_kafka_handle_doubts(const struct mr_kafka_handle *handle)
{
    return handle->lost || atomic_load(&handle->closed) != handle->closed_known;
}

int mr_kafka_handle_open(struct mr_kafka_handle *handle, rd_kafka_type_t type,
                         rd_kafka_conf_t *conf, struct mr_err *err)
{
    char why[512] = "";

    handle->patience_ns = MR_KAFKA_PATIENCE_NS;
    handle->throttled_ns = 0;
    mr_kafka_handle_forget(handle);
    rd_kafka_conf_set_opaque(conf, handle);
    rd_kafka_conf_set_log_cb(conf, take_log);
    rd_kafka_conf_set_throttle_cb(conf, take_throttle);
    rd_kafka_conf_set_closesocket_cb(conf, close_socket);
    rd_kafka_conf_set_events(conf,
                             RD_KAFKA_EVENT_ERROR | (handle->reported ? RD_KAFKA_EVENT_DR : 0));
    handle->rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!handle->rk) {
        rd_kafka_conf_destroy(conf);
        return mr_err_set(err, MR_CONFIG, "kafka.client_property",
                          "librdkafka refuses `client`: %s", why);
    }
    handle->main = rd_kafka_queue_get_main(handle->rk);
    return 0;
}

void mr_kafka_handle_close(struct mr_kafka_handle *handle)
{
    if (!handle->rk)
        return;
    rd_kafka_queue_destroy(handle->main);
    rd_kafka_destroy_flags(handle->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    handle->rk = NULL;
    handle->main = NULL;
}

static void take_error(struct mr_kafka_handle *handle, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);

    /* a fatal error comes back from the next call with its text */
    if (code == RD_KAFKA_RESP_ERR__FATAL)
        return;
    handle->lost = true;
    /* "all brokers down" follows the error that says why: keep that */
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && handle->trouble)
        return;
    handle->trouble = code;
    handle->denied = mr_kafka_error_denies(handle->errors, code);
    snprintf(handle->trouble_text, sizeof handle->trouble_text, "%s",
             rd_kafka_event_error_string(event));
}

void mr_kafka_handle_serve(struct mr_kafka_handle *handle, int wait_ms)
{
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(handle->main, wait_ms))) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
            take_error(handle, event);
        else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR && handle->reported)
            handle->reported(handle->reported_state, event);
        rd_kafka_event_destroy(event);
        wait_ms = 0;
    }
}

void mr_kafka_handle_forget(struct mr_kafka_handle *handle)
{
    handle->lost = false;
    handle->closed_known = atomic_load(&handle->closed);
    handle->denied = false;
    handle->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    handle->trouble_text[0] = 0;
}
