/* Arenas: what a piece is worth, what a reset keeps, and that a warm cycle asks the heap for nothing. */
#include "base/arena.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "test/support/counting.h"

#define KIB ((size_t)1024)

static void pieces_are_aligned_and_apart(void **state)
{
    static const size_t aligns[] = {1, 2, 4, 8, 16};
    struct mr_arena arena;
    char *pieces[2000];

    (void)state;
    mr_arena_init(&arena, 4 * KIB, 0);
    for (size_t i = 0; i < 2000; i++) {
        size_t align = aligns[i % 5], size = i % 97;
        pieces[i] = mr_arena_alloc(&arena, size, align);
        assert_int_equal((uintptr_t)pieces[i] % align, 0);
        memset(pieces[i], (int)(i & 0xff), size);
    }
    for (size_t i = 0; i < 2000; i++)
        for (size_t j = 0; j < i % 97; j++)
            assert_int_equal((unsigned char)pieces[i][j], i & 0xff);
    assert_true(arena.used >= 2000 * 48 - 97);
    assert_true(arena.held >= arena.used);
    mr_arena_done(&arena);
    assert_int_equal(arena.held, 0);
    assert_null(arena.first);
}

static void a_large_piece_does_not_waste_the_block_in_use(void **state)
{
    struct mr_arena arena;
    char *before, *after;

    (void)state;
    mr_arena_init(&arena, 4 * KIB, 0);
    before = mr_arena_alloc(&arena, 10, 1);
    memset(mr_arena_alloc(&arena, 100 * KIB, 16), 7, 100 * KIB);
    after = mr_arena_alloc(&arena, 10, 1);
    assert_ptr_equal(after, before + 10);
    mr_arena_done(&arena);
}

static void a_large_piece_first_is_fine(void **state)
{
    struct mr_arena arena;

    (void)state;
    mr_arena_init(&arena, 4 * KIB, 0);
    memset(mr_arena_alloc(&arena, 100 * KIB, 16), 7, 100 * KIB);
    memset(mr_arena_alloc(&arena, 100, 16), 8, 100);
    mr_arena_done(&arena);
}

static void a_reset_keeps_no_more_than_it_may(void **state)
{
    struct mr_arena arena;

    (void)state;
    mr_arena_init(&arena, 4 * KIB, 16 * KIB);
    for (int i = 0; i < 100; i++)
        mr_arena_alloc(&arena, 3 * KIB, 8);
    mr_arena_alloc(&arena, 1024 * KIB, 8);
    assert_true(arena.held > 1400 * KIB);
    mr_arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    assert_int_equal(arena.held, 16 * KIB);
    mr_arena_init(&(struct mr_arena){0}, 1, 0);
    mr_arena_done(&arena);
}

/* A mix of small and large pieces and reservations, the same in every cycle. */
static void use(struct mr_arena *arena)
{
    for (size_t i = 0; i < 500; i++) {
        size_t room, least = 50 + i % 300;
        char *at;
        memset(mr_arena_alloc(arena, 1 + i % 211, 8), 1, 1 + i % 211);
        if (i % 50 == 49)
            memset(mr_arena_alloc(arena, 20 * KIB + i * 8, 16), 2, 20 * KIB + i * 8);
        at = mr_arena_reserve(arena, least, NULL, 0, &room);
        memset(at, 3, least);
        mr_arena_commit(arena, least / 2);
    }
}

static void a_warm_cycle_makes_no_malloc(void **state)
{
    struct mr_arena arena;
    uint64_t before;
    size_t held;

    (void)state;
    MR_COUNTING_OR_SKIP();
    mr_arena_init(&arena, 8 * KIB, 1024 * KIB);
    before = mr_counting_calls_here();
    use(&arena);
    assert_true(mr_counting_calls_here() > before); /* it does count */
    held = arena.held;
    for (int cycle = 0; cycle < 20; cycle++) {
        mr_arena_reset(&arena);
        before = mr_counting_calls_here();
        use(&arena);
        assert_int_equal(mr_counting_calls_here() - before, 0);
        assert_int_equal(arena.held, held);
    }
    mr_arena_done(&arena);
}

static void a_reservation_grows_and_keeps_what_was_written(void **state)
{
    struct mr_arena arena;
    size_t room, written = 0;
    char *at;

    (void)state;
    mr_arena_init(&arena, 4 * KIB, 0);
    mr_arena_alloc(&arena, 100, 1);
    at = mr_arena_reserve(&arena, 10, NULL, 0, &room);
    assert_true(room >= 10);
    while (written < 3000 * KIB) {
        if (written == room)
            at = mr_arena_reserve(&arena, 2 * written, at, written, &room);
        at[written] = (char)(written * 7);
        written++;
    }
    mr_arena_commit(&arena, written);
    for (size_t i = 0; i < written; i++)
        assert_int_equal(at[i], (char)(i * 7));
    /* Doubling leaves no trail of dead blocks: the first block and the last one are all there is. */
    assert_true(arena.held <= 2 * 3000 * KIB + 8 * KIB + 4 * KIB);
    assert_ptr_equal(mr_arena_alloc(&arena, 1, 1), at + written);
    mr_arena_done(&arena);
}

static void a_reservation_not_committed_costs_nothing(void **state)
{
    struct mr_arena arena;
    size_t room;
    char *at;

    (void)state;
    mr_arena_init(&arena, 4 * KIB, 0);
    at = mr_arena_reserve(&arena, 100, NULL, 0, &room);
    mr_arena_commit(&arena, 0);
    assert_int_equal(arena.used, 0);
    assert_ptr_equal(mr_arena_alloc(&arena, 1, 1), at);
    mr_arena_done(&arena);
}

static void copies(void **state)
{
    struct mr_arena arena;
    struct mr_slice copy, bytes = {"a\0b", 3};

    (void)state;
    mr_arena_init(&arena, 4 * KIB, 0);
    copy = mr_arena_copy(&arena, bytes);
    assert_true(mr_slice_equal(copy, bytes));
    assert_ptr_not_equal(copy.data, bytes.data);
    assert_null(mr_arena_copy(&arena, (struct mr_slice){NULL, 0}).data);
    assert_non_null(mr_arena_copy(&arena, mr_slice("", 0)).data);
    assert_string_equal(mr_arena_str(&arena, mr_slice("xyz", 2)), "xy");
    assert_string_equal(mr_arena_printf(&arena, "%d-%s", 42, "x"), "42-x");
    assert_int_equal(strlen(mr_arena_printf(&arena, "%9000d", 1)), 9000);
    mr_arena_done(&arena);
}

static void out_of_memory_aborts(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        mr_out_of_memory(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(a_large_piece_does_not_waste_the_block_in_use),
        cmocka_unit_test(a_large_piece_first_is_fine),
        cmocka_unit_test(a_reset_keeps_no_more_than_it_may),
        cmocka_unit_test(a_warm_cycle_makes_no_malloc),
        cmocka_unit_test(a_reservation_grows_and_keeps_what_was_written),
        cmocka_unit_test(a_reservation_not_committed_costs_nothing),
        cmocka_unit_test(copies),
        cmocka_unit_test(out_of_memory_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
