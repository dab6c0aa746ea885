/* The queue: order, the limit in bytes, the one item that always passes, deadlines, and closing from each side. */
#include "base/queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

static int things[8];

static void keeps_order_and_counts_bytes(void **state)
{
    struct mr_queue queue;
    void *item = NULL;

    (void)state;
    mr_queue_init(&queue, 4, 100);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(mr_queue_push(&queue, &things[i], 10, 0), MR_QUEUE_OK);
        assert_int_equal(mr_queue_bytes(&queue), 30);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(mr_queue_pop(&queue, &item, 0), MR_QUEUE_OK);
            assert_ptr_equal(item, &things[i]);
        }
    }
    assert_int_equal(mr_queue_bytes(&queue), 0);
    item = &things[7];
    assert_int_equal(mr_queue_pop(&queue, &item, 0), MR_QUEUE_TIMEOUT);
    assert_ptr_equal(item, &things[7]);
    mr_queue_done(&queue);
}

static void is_bounded_in_bytes_and_slots(void **state)
{
    struct mr_queue queue;
    void *item;

    (void)state;
    mr_queue_init(&queue, 4, 100);
    assert_int_equal(mr_queue_push(&queue, &things[0], 60, 0), MR_QUEUE_OK);
    assert_int_equal(mr_queue_push(&queue, &things[1], 41, 0), MR_QUEUE_TIMEOUT);
    assert_int_equal(mr_queue_push(&queue, &things[1], 40, 0), MR_QUEUE_OK);
    assert_int_equal(mr_queue_push(&queue, &things[2], 1, 0), MR_QUEUE_TIMEOUT);
    assert_int_equal(mr_queue_push(&queue, &things[2], 0, 0), MR_QUEUE_OK);
    assert_int_equal(mr_queue_push(&queue, &things[3], 0, 0), MR_QUEUE_OK);
    assert_int_equal(mr_queue_push(&queue, &things[4], 0, 0), MR_QUEUE_TIMEOUT);
    assert_int_equal(mr_queue_pop(&queue, &item, 0), MR_QUEUE_OK);
    assert_int_equal(mr_queue_push(&queue, &things[4], 60, 0), MR_QUEUE_OK);
    mr_queue_done(&queue);
}

static void one_item_always_passes(void **state)
{
    struct mr_queue queue;

    (void)state;
    mr_queue_init(&queue, 4, 100);
    assert_int_equal(mr_queue_push(&queue, &things[0], 1000000, 0), MR_QUEUE_OK);
    assert_int_equal(mr_queue_push(&queue, &things[1], 0, 0), MR_QUEUE_TIMEOUT);
    assert_int_equal(mr_queue_push(&queue, &things[1], SIZE_MAX, 0), MR_QUEUE_TIMEOUT);
    mr_queue_done(&queue);
}

static void a_deadline_is_kept(void **state)
{
    struct mr_queue queue;
    int64_t start = mr_clock_mono_ns(), took;
    void *item;

    (void)state;
    mr_queue_init(&queue, 4, 100);
    assert_int_equal(mr_queue_pop(&queue, &item, start + 30 * MR_MS_NS), MR_QUEUE_TIMEOUT);
    took = mr_clock_mono_ns() - start;
    assert_true(took >= 30 * MR_MS_NS);
    start = mr_clock_mono_ns();
    assert_int_equal(mr_queue_pop(&queue, &item, start - MR_SECOND_NS), MR_QUEUE_TIMEOUT);
    mr_queue_done(&queue);
}

static void a_closed_queue_drains(void **state)
{
    struct mr_queue queue;
    void *item;

    (void)state;
    mr_queue_init(&queue, 4, 100);
    mr_queue_push(&queue, &things[0], 1, 0);
    mr_queue_close(&queue);
    assert_int_equal(mr_queue_push(&queue, &things[1], 1, 0), MR_QUEUE_CLOSED);
    assert_int_equal(mr_queue_pop(&queue, &item, 0), MR_QUEUE_OK);
    assert_ptr_equal(item, &things[0]);
    assert_int_equal(mr_queue_pop(&queue, &item, INT64_MAX), MR_QUEUE_CLOSED);
    mr_queue_done(&queue);
}

#define PASSED 20000

static void *push_all(void *argument)
{
    struct mr_queue *queue = argument;

    for (uintptr_t i = 1; i <= PASSED; i++)
        if (mr_queue_push(queue, (void *)i, i % 50, INT64_MAX) != MR_QUEUE_OK)
            return argument;
    mr_queue_close(queue);
    return NULL;
}

static void two_threads(void **state)
{
    struct mr_queue queue;
    pthread_t thread;
    uintptr_t next = 1;
    void *item, *failed;

    (void)state;
    mr_queue_init(&queue, 8, 100);
    assert_int_equal(pthread_create(&thread, NULL, push_all, &queue), 0);
    while (mr_queue_pop(&queue, &item, INT64_MAX) == MR_QUEUE_OK)
        assert_int_equal((uintptr_t)item, next++);
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_int_equal(next, PASSED + 1);
    mr_queue_done(&queue);
}

static void *pop_until_closed(void *argument)
{
    void *item;

    return (void *)(uintptr_t)mr_queue_pop(argument, &item, INT64_MAX);
}

static void *push_until_closed(void *argument)
{
    return (void *)(uintptr_t)mr_queue_push(argument, &things[1], 100, INT64_MAX);
}

static void closing_wakes_either_side(void **state)
{
    struct mr_queue queue;
    pthread_t thread;
    void *result;

    (void)state;
    mr_queue_init(&queue, 8, 100);
    pthread_create(&thread, NULL, pop_until_closed, &queue);
    mr_queue_close(&queue);
    pthread_join(thread, &result);
    assert_int_equal((uintptr_t)result, MR_QUEUE_CLOSED);
    mr_queue_done(&queue);

    mr_queue_init(&queue, 8, 100);
    mr_queue_push(&queue, &things[0], 100, 0);
    pthread_create(&thread, NULL, push_until_closed, &queue);
    mr_queue_close(&queue);
    pthread_join(thread, &result);
    assert_int_equal((uintptr_t)result, MR_QUEUE_CLOSED);
    mr_queue_done(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order_and_counts_bytes),
        cmocka_unit_test(is_bounded_in_bytes_and_slots),
        cmocka_unit_test(one_item_always_passes),
        cmocka_unit_test(a_deadline_is_kept),
        cmocka_unit_test(a_closed_queue_drains),
        cmocka_unit_test(two_threads),
        cmocka_unit_test(closing_wakes_either_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
