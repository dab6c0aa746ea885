/* sink_file by hand: what stands on disk, who is fenced, what a crash leaves and the next start mends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connectors/sink_file/store/archive.h"
#include "connectors/sink_file/store/commit.h"
#include "test/connector/sink_file/fixture.h"
#include "plug/plug.h"

static char *read_text(const char *name)
{
    static char text[1 << 16];
    char path[800];
    FILE *file;
    size_t size;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "r");
    if (!file)
        return NULL;
    size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = 0;
    fclose(file);
    return text;
}

static void files_and_checkpoint_appear_together(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, "s.a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_write(&bench, "s.b", 3, 1, NOON, &err), 0);
    assert_int_equal(mr_bench_write(&bench, "s.a", 4, 1, NOON, &err), 0);
    assert_null(read_text("s.a/2026-11-21/s.a+00000000000000000001.jsonl"));
    assert_int_equal(
        mr_bench_commit(&bench, false, "{\"at\": \"here\",\"u\":18446744073709551615}", &err), 0);
    assert_string_equal(read_text("s.a/2026-11-21/s.a+00000000000000000001.jsonl"),
                        "{\"n\":1}\n{\"n\":2}\n{\"n\":4}\n");
    assert_string_equal(read_text("s.b/2026-11-21/s.b+00000000000000000003.jsonl"), "{\"n\":3}\n");
    assert_int_equal(bench.released, 3);
    assert_int_equal(count_items("_millrace/tmp"), 0);
    mr_bench_close(&bench);
    /* the text comes back byte for byte, numbers beyond 2^63 too */
    open_and_claim(&bench, "two", "{\"at\": \"here\",\"u\":18446744073709551615}");
    mr_bench_close(&bench);
    must_verify(0, "3 commits, 2 files, 4 records");
}

static void uncommitted_rows_leave_nothing(void **unused)
{
    struct mr_bench bench;
    struct mr_batch *batch = NULL;
    struct mr_err err;

    (void)unused;
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, "a", 1, 20000, NOON, &err), 0);
    assert_int_equal(bench.sink->abort(bench.state, &batch, &err), 0);
    assert_int_equal(count_items("_millrace/tmp"), 0);
    mr_batch_free(batch);
    assert_int_equal(mr_bench_write(&bench, "a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), 0);
    assert_int_equal(mr_bench_write(&bench, "a", 3, 20000, NOON, &err), 0);
    mr_bench_close(&bench);
    assert_int_equal(count_items("_millrace/tmp"), 0);
    must_verify(0, "2 commits, 1 files, 2 records");
}

static void the_loser_is_fenced_and_changes_nothing(void **unused)
{
    struct mr_bench old, new;
    struct mr_err err;

    (void)unused;
    open_and_claim(&old, "old", "");
    assert_int_equal(mr_bench_write(&old, "a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&old, false, "{\"p\":2}", &err), 0);
    assert_int_equal(mr_bench_write(&old, "a", 3, 20000, NOON, &err), 0);
    open_and_claim(&new, "new", "{\"p\":2}");
    assert_int_equal(mr_bench_write(&new, "a", 3, 5, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&old, false, "{\"p\":20002}", &err), MR_FENCED);
    assert_string_equal(err.code, "sink.file.fenced");
    assert_int_equal(mr_bench_commit(&new, false, "{\"p\":7}", &err), 0);
    mr_bench_close(&old);
    mr_bench_close(&new);
    assert_int_equal(count_items("_millrace/tmp"), 0);
    must_verify(0, "4 commits, 2 files, 7 records");
}

static void a_claim_that_lost_a_race_looks_again(void **unused)
{
    struct mr_bench one, two;
    struct mr_err err;

    (void)unused;
    assert_int_equal(mr_bench_open(&one, mr_plug_sink("file"), &config, "one", &err), 0);
    assert_int_equal(mr_bench_open(&two, mr_plug_sink("file"), &config, "two", &err), 0);
    assert_int_equal(mr_bench_commit(&two, true, "{\"p\":1}", &err), 0);
    assert_int_equal(mr_bench_commit(&one, true, "{\"p\":1}", &err), MR_RETRY);
    assert_string_equal(err.code, "sink.file.claim_raced");
    mr_bench_close(&one);
    mr_bench_close(&two);
}

static void remove_file(const char *name)
{
    char path[800];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    assert_int_equal(remove(path), 0);
}

/* A crash after the link: the commit is published, its file still has its temporary name. */
static void renames_are_redone_after_a_crash(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    char from[800], to[800];

    (void)unused;
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, "a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), 0);
    mr_bench_close(&bench);
    snprintf(from, sizeof(from), "%s/a/2026-11-21/a+00000000000000000001.jsonl", directory);
    snprintf(to, sizeof(to), "%s/_millrace/tmp/one-1.segment", directory);
    assert_int_equal(rename(from, to), 0);
    must_verify(0, "WARN files.unplaced"); /* a reader finds it on its way */
    must_verify(0, "2 records");
    open_and_claim(&bench, "two", "{\"p\":2}");
    assert_int_equal(access(to, F_OK), -1);
    assert_string_equal(read_text("a/2026-11-21/a+00000000000000000001.jsonl"),
                        "{\"n\":1}\n{\"n\":2}\n");
    mr_bench_close(&bench);
    must_verify(0, NULL);
}

/* ... and somebody took the file away meanwhile: no reason to stop, but it is said. */
static void a_published_file_that_is_taken_away_is_told(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, "a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), 0);
    mr_bench_close(&bench);
    remove_file("a/2026-11-21/a+00000000000000000001.jsonl");
    open_and_claim(&bench, "two", "{\"p\":2}");
    assert_non_null(strstr(bench.notes, "sink.file.segment_missing "));
    mr_bench_close(&bench);
}

static void make_file(const char *name, const char *text)
{
    char path[800];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void temporaries_go_after_the_claim_and_not_before(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    open_and_claim(&bench, "one", "");
    mr_bench_close(&bench);
    make_file("_millrace/tmp/zombie-1.segment", "x");
    assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), &config, "two", &err), 0);
    assert_int_equal(count_items("_millrace/tmp"), 1);
    assert_int_equal(mr_bench_commit(&bench, true, "{\"p\":1}", &err), 0);
    assert_int_equal(count_items("_millrace/tmp"), 0);
    mr_bench_close(&bench);
}

static void a_name_that_is_taken_is_not_replaced(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    config.path = "{sequence}.jsonl";
    open_and_claim(&bench, "one", "");
    make_file("00000000000000000007.jsonl", "mine\n");
    assert_int_equal(mr_bench_write(&bench, "a", 7, 1, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":7}", &err), 0);
    mr_bench_close(&bench);
    assert_string_equal(read_text("00000000000000000007.jsonl"), "mine\n");
    assert_string_equal(read_text("00000000000000000007-1.jsonl"), "{\"n\":7}\n");
    must_verify(1, "FAIL files.unnamed 00000000000000000007.jsonl");
}

static void a_taken_name_stops_the_redo(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    char from[800], to[800];

    (void)unused;
    config.path = "{sequence}.jsonl";
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, "a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), 0);
    mr_bench_close(&bench);
    snprintf(from, sizeof(from), "%s/00000000000000000001.jsonl", directory);
    snprintf(to, sizeof(to), "%s/_millrace/tmp/one-1.segment", directory);
    assert_int_equal(rename(from, to), 0);
    make_file("00000000000000000001.jsonl", "another\n");
    assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), &config, "two", &err), MR_CONFIG);
    assert_string_equal(err.code, "sink.file.name_taken");
    mr_bench_close(&bench);
    assert_string_equal(read_text("00000000000000000001.jsonl"), "another\n");
}

/* Names of 60 bytes, three of them in one part of the path: found before the link, so nothing is published that cannot
 * get its name, and a shorter path goes on from there. */
static void a_name_too_long_is_found_before_anything_is_published(void **unused)
{
    static const char topic[] =
        "a_topic_with_a_name_of_a_little_more_than_sixty_bytes_as_some_have_them_and_more";
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    config.path = "{topic}/{date}-{topic}-{topic}-{topic}+{sequence}.jsonl";
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, topic, 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), MR_CONFIG);
    assert_string_equal(err.code, "sink.file.name");
    mr_bench_close(&bench);
    must_verify(0, "1 commits, 0 files");
    config.path = "{topic}/{sequence}.jsonl";
    open_and_claim(&bench, "two", "{\"claim\":1}");
    assert_int_equal(mr_bench_write(&bench, topic, 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), 0);
    mr_bench_close(&bench);
    must_verify(0, "3 commits, 1 files, 2 records");
}

/* A file where a folder should be: likewise. */
static void a_file_in_the_way_of_a_folder_is_found_before_anything_is_published(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    config.path = "{topic}/{sequence}.jsonl";
    open_and_claim(&bench, "one", "");
    make_file("a", "mine\n");
    assert_int_equal(mr_bench_write(&bench, "a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), MR_CONFIG);
    assert_string_equal(err.code, "sink.file.name");
    mr_bench_close(&bench);
    must_verify(1, "1 commits, 0 files");
    remove_file("a");
    open_and_claim(&bench, "two", "{\"claim\":1}");
    mr_bench_close(&bench);
}

/* The folder became a file between the link and the rename, as after a crash: a human must act, is told how, and both
 * ways of acting lead on. */
static void a_commit_that_cannot_be_completed_has_a_way_out(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    char from[900], to[800], folder[800];

    (void)unused;
    config.path = "{topic}/{sequence}.jsonl";
    for (int way = 0; way < 2; way++) {
        open_and_claim(&bench, "one", way ? "{\"p\":2}" : "");
        assert_int_equal(mr_bench_write(&bench, "a", way ? 5 : 1, 2, NOON, &err), 0);
        assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), 0);
        mr_bench_close(&bench);
        snprintf(folder, sizeof(folder), "%s/a", directory);
        snprintf(from, sizeof(from), "%s/0000000000000000000%d.jsonl", folder, way ? 5 : 1);
        snprintf(to, sizeof(to), "%s/_millrace/tmp/one-1.segment", directory);
        assert_int_equal(rename(from, to), 0);
        if (way) {
            snprintf(from, sizeof(from), "%s/aside", directory);
            assert_int_equal(rename(folder, from), 0);
        } else {
            assert_int_equal(rmdir(folder), 0);
        }
        make_file("a", "in the way\n");
        assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), &config, "two", &err),
                         MR_CONFIG);
        assert_string_equal(err.code, "sink.file.cannot_place");
        assert_non_null(strstr(err.hint, "_millrace/tmp/one-1.segment"));
        mr_bench_close(&bench);
        if (way) /* the file is moved away */
            remove_file("_millrace/tmp/one-1.segment");
        else /* what is in the way is */
            remove_file("a");
        open_and_claim(&bench, "two", "{\"p\":2}");
        assert_int_equal(strstr(bench.notes, "sink.file.segment_missing ") != NULL, way);
        mr_bench_close(&bench);
        if (!way)
            must_verify(0, "1 files, 2 records");
    }
}

/* link(2) of a file system that has none: as FAT and some of FUSE answer it. */
static int link_fails;

int linkat(int from, const char *old, int to, const char *new, int flags)
{
    if (link_fails) {
        errno = link_fails;
        return -1;
    }
    return (int)syscall(SYS_linkat, from, old, to, new, flags);
}

static void a_file_system_without_links_is_told_and_not_tried_for_ever(void **unused)
{
    static const int answers[] = {EPERM, EOPNOTSUPP};
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), &config, "one", &err), 0);
        link_fails = answers[i];
        assert_int_equal(mr_bench_commit(&bench, true, "{\"claim\":1}", &err), MR_CONFIG);
        link_fails = 0;
        assert_string_equal(err.code, "sink.file.no_links");
        mr_bench_close(&bench);
    }
    open_and_claim(&bench, "one", "");
    mr_bench_close(&bench);
}

static void midnight_is_crossed_once(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, "a", 1, 1, NOON, &err), 0);
    assert_int_equal(mr_bench_write(&bench, "a", 2, 1, NOON + DAY_US, &err), 0);
    assert_int_equal(mr_bench_write(&bench, "a", 3, 1, NOON, &err),
                     0); /* an earlier commit time, later in order */
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":3}", &err), 0);
    mr_bench_close(&bench);
    assert_string_equal(read_text("a/2026-11-21/a+00000000000000000001.jsonl"), "{\"n\":1}\n");
    assert_string_equal(read_text("a/2026-11-22/a+00000000000000000002.jsonl"),
                        "{\"n\":2}\n{\"n\":3}\n");
    must_verify(0, NULL);
}

static void topics_cannot_lead_outside(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    const char *const topics[] = {"../../x", "..", "a/b", "_millrace", ".hidden", "\xc3\xa4\n"};

    (void)unused;
    config.path = "{topic}/{sequence}.jsonl";
    config.content = MR_FILE_RECORD;
    open_and_claim(&bench, "one", "");
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(mr_bench_write(&bench, topics[i], i + 1, 1, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":6}", &err), 0);
    mr_bench_close(&bench);
    assert_non_null(read_text("_.._.._x/00000000000000000001.jsonl"));
    assert_non_null(read_text("_../00000000000000000002.jsonl"));
    assert_non_null(read_text("a_b/00000000000000000003.jsonl"));
    assert_non_null(read_text("__millrace/00000000000000000004.jsonl"));
    assert_non_null(read_text("_.hidden/00000000000000000005.jsonl"));
    assert_non_null(read_text("___/00000000000000000006.jsonl"));
    must_verify(0, "6 files");
}

static void more_topics_than_files_may_be_open(void **compression)
{
    struct mr_bench bench;
    struct mr_err err;
    char topic[32];

    config.compression = *(int *)*compression;
    config.content = MR_FILE_RECORD;
    open_and_claim(&bench, "one", "");
    for (uint64_t i = 0; i < 900; i++) {
        snprintf(topic, sizeof(topic), "t%d", (int)(i % 450));
        assert_int_equal(mr_bench_write(&bench, topic, 1 + i * 500, 500, NOON, &err), 0);
    }
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":6}", &err), 0);
    mr_bench_close(&bench);
    must_verify(0, "450 files, 450000 records");
}

static void a_large_table_is_one_commit_of_many_files(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    config.content = MR_FILE_RECORD;
    config.roll.bytes = 1 << 20;
    open_and_claim(&bench, "one", "");
    bench.snapshot = true;
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(mr_bench_write(&bench, i % 2 ? "a" : "b", 1 + i * 1000, 1000, NOON, &err),
                         0);
    bench.snapshot = false; /* a transaction that follows is not parted */
    assert_int_equal(mr_bench_write(&bench, "c", 100001, 50000, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":6}", &err), 0);
    mr_bench_close(&bench);
    must_verify(0, "2 commits, 7 files, 150000 records");
}

static void old_commits_are_archived_and_guarded(void **unused)
{
    struct mr_bench sleeper, bench;
    struct mr_err err;

    (void)unused;
    config.path = "{topic}/{sequence}.jsonl";
    open_and_claim(&sleeper, "sleeper", "");
    assert_int_equal(mr_bench_write(&sleeper, "a", 2, 2, NOON, &err), 0);
    open_and_claim(&bench, "one", "{\"claim\":1}");
    for (uint64_t i = 3; i <= 2004; i++) {
        if (i % 100 == 0)
            assert_int_equal(mr_bench_write(&bench, "a", i, 1, NOON, &err), 0);
        assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":6}", &err), 0);
    }
    assert_non_null(read_text("_millrace/00000000000000000001-00000000000000001000.jsonl.gz"));
    assert_null(read_text("_millrace/00000000000000000002.json"));
    assert_non_null(read_text("_millrace/00000000000000001001.json"));
    must_verify(0, "2004 commits, 20 files, 20 records");
    make_file("_millrace/00000000000000000002.json", "{}\n");
    must_verify(0, "WARN files.stray_commit 00000000000000000002.json");
    remove_file("_millrace/00000000000000000002.json");
    /* commit 2 is free to be linked again: the sleeper must not get away with it */
    assert_int_equal(mr_bench_commit(&sleeper, false, "{\"p\":3}", &err), MR_FENCED);
    mr_bench_close(&sleeper);
    assert_null(read_text("_millrace/00000000000000000002.json"));
    assert_null(read_text("a/00000000000000000002.jsonl"));
    mr_bench_close(&bench);
    must_verify(0, NULL);
}

static void another_pipeline_is_refused(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    struct mr_buf text;

    (void)unused;
    open_and_claim(&bench, "one", "");
    mr_bench_close(&bench);
    bench.context.pipeline = "other";
    mr_buf_init(&text, 1000);
    assert_int_equal(bench.sink->checkpoint_read(&bench.args, &text, &err), MR_CONFIG);
    assert_string_equal(err.code, "sink.file.another_pipeline");
    mr_buf_done(&text);
}

static void a_checkpoint_that_is_set_fences_who_runs(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    struct mr_buf text;

    (void)unused;
    mr_buf_init(&text, 1000);
    open_and_claim(&bench, "one", "");
    bench.args.owner = "admin";
    assert_int_equal(bench.sink->checkpoint_write(&bench.args, mr_slice_str("{\"set\":9}"), &err),
                     0);
    assert_int_equal(bench.sink->checkpoint_read(&bench.args, &text, &err), 0);
    assert_string_equal(mr_buf_cstr(&text), "{\"set\":9}");
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":6}", &err), MR_FENCED);
    mr_bench_close(&bench);
    must_verify(0, "WARN files.position_set");
    mr_buf_done(&text);
}

static void a_directory_that_cannot_be_used_says_how_to_make_it(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    make_file("file", "x");
    config.directory = "/dev/null/x";
    assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), &config, "one", &err), MR_CONFIG);
    assert_string_equal(err.code, "sink.file.directory");
    assert_non_null(strstr(err.hint, "install -d"));
    mr_bench_close(&bench);
}

static void a_damaged_commit_stops_with_a_gap(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":6}", &err), 0);
    mr_bench_close(&bench);
    make_file("_millrace/00000000000000000001.json", "{}\n");
    assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), &config, "two", &err), MR_GAP);
    assert_string_equal(err.code, "sink.file.commit_damaged");
    mr_bench_close(&bench);
    make_file("_millrace/00000000000000000002.json", "{\"format\":1,");
    assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), &config, "two", &err), MR_GAP);
    mr_bench_close(&bench);
}

/* fdatasync of this program: fails with this errno when it is not 0. */
static int sync_errno;

int fdatasync(int fd)
{
    if (sync_errno) {
        errno = sync_errno;
        return -1;
    }
    return fsync(fd);
}

static void a_sync_that_fails_loses_nothing(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_write(&bench, "a", 1, 2, NOON, &err), 0);
    sync_errno = EIO;
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), MR_RETRY);
    sync_errno = 0;
    assert_string_equal(err.code, "sink.file.sync");
    assert_string_equal(err.native, "EIO");
    mr_bench_close(&bench);
    assert_int_equal(count_items("_millrace/tmp"), 0);
    open_and_claim(&bench, "two", "{\"claim\":1}"); /* as if it had never been tried */
    assert_int_equal(mr_bench_write(&bench, "a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), 0);
    mr_bench_close(&bench);
    must_verify(0, "2 records");
}

static void a_directory_that_is_taken_away_is_told(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    char path[800];

    (void)unused;
    open_and_claim(&bench, "one", "");
    snprintf(path, sizeof(path), "%s/_millrace/tmp", directory);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mr_bench_write(&bench, "a", 1, 2, NOON, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":2}", &err), MR_RETRY);
    assert_string_equal(err.code, "sink.file.write");
    mr_bench_close(&bench);
}

static void a_commit_file_that_cannot_be_read_is_told(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    char path[800];

    (void)unused;
    open_and_claim(&bench, "one", "");
    mr_bench_close(&bench);
    snprintf(path, sizeof(path), "%s/_millrace/00000000000000000002.json", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), &config, "two", &err), MR_RETRY);
    assert_string_equal(err.code, "sink.file.read");
    mr_bench_close(&bench);
}

static void a_commit_beyond_all_bounds_is_refused(void **unused)
{
    struct mr_bench bench;
    struct mr_err err;
    size_t size = MR_FILE_COMMIT_MAX + 1;
    char *text = malloc(size + 1);

    (void)unused;
    memset(text, ' ', size);
    text[0] = '{';
    text[size - 1] = '}';
    text[size] = 0;
    open_and_claim(&bench, "one", "");
    assert_int_equal(mr_bench_commit(&bench, false, text, &err), MR_BUG);
    assert_string_equal(err.code, "sink.file.commit_too_large");
    mr_bench_close(&bench);
    free(text);
}

static void a_thread_that_cannot_be_had_is_told(void **unused)
{
    pthread_attr_t before, huge;
    struct mr_bench bench;
    struct mr_err err;

    (void)unused;
    pthread_getattr_default_np(&before);
    pthread_attr_init(&huge);
    pthread_attr_setstacksize(&huge, (size_t)1 << 46);
    pthread_setattr_default_np(&huge);
    assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), &config, "one", &err), MR_RETRY);
    pthread_setattr_default_np(&before);
    assert_string_equal(err.code, "sink.file.thread");
    mr_bench_close(&bench);
}

/* On a file system of 1 MiB: fills it, waits, sees that nothing is lost when there is room again. */
static int fill_a_disk(void)
{
    struct mr_bench bench;
    struct mr_err err;
    struct mr_sink_result result;
    size_t released = 0;
    bool full = false;
    int64_t deadline_ns = mr_clock_mono_ns() + 30 * MR_SECOND_NS;

    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", directory, "tmpfs", 0, "size=1m") < 0)
        return 77;
    open_and_claim(&bench, "one", "");
    for (uint64_t i = 0; i < 20 && !full; i++) {
        if (mr_bench_write(&bench, "a", 1 + i * 10000, 10000, NOON, &err) < 0)
            return 1;
        if (bench.sink->poll(bench.state, mr_clock_mono_ns() + 500 * MR_MS_NS, &result, &err) < 0)
            return 1;
        full = result.full;
        for (; result.released; released++)
            result.released = result.released->next; /* kept: the process ends soon */
    }
    if (!full || !strstr(bench.notes, "sink.file.disk_full"))
        return 2;
    if (mount("none", directory, "tmpfs", MS_REMOUNT, "size=32m") < 0)
        return 77;
    while (full && mr_clock_mono_ns() < deadline_ns) {
        if (bench.sink->poll(bench.state, mr_clock_mono_ns() + 100 * MR_MS_NS, &result, &err) < 0)
            return 1;
        full = result.full;
    }
    if (full || mr_bench_commit(&bench, false, "{\"p\":6}", &err) < 0)
        return 3;
    mr_bench_close(&bench);
    must_verify(0, "1 files");
    return 0;
}

static void a_full_disk_is_waited_for(void **unused)
{
    int status;
    pid_t pid = fork();

    (void)unused;
    if (pid == 0)
        _exit(fill_a_disk());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("SKIPPED: a file system of 1 MiB cannot be mounted here (needs root)\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static int plain = MR_FILE_PLAIN, gzip = MR_FILE_GZIP, zstd = MR_FILE_ZSTD;
    static int *const how[] = {&plain, &gzip, &zstd};
    const struct CMUnitTest tests[] = {
        CASE(files_and_checkpoint_appear_together),
        CASE(uncommitted_rows_leave_nothing),
        CASE(the_loser_is_fenced_and_changes_nothing),
        CASE(a_claim_that_lost_a_race_looks_again),
        CASE(renames_are_redone_after_a_crash),
        CASE(a_published_file_that_is_taken_away_is_told),
        CASE(temporaries_go_after_the_claim_and_not_before),
        CASE(a_name_that_is_taken_is_not_replaced),
        CASE(a_taken_name_stops_the_redo),
        CASE(a_name_too_long_is_found_before_anything_is_published),
        CASE(a_file_in_the_way_of_a_folder_is_found_before_anything_is_published),
        CASE(a_commit_that_cannot_be_completed_has_a_way_out),
        CASE(a_file_system_without_links_is_told_and_not_tried_for_ever),
        CASE(midnight_is_crossed_once),
        CASE(topics_cannot_lead_outside),
        CASE(a_large_table_is_one_commit_of_many_files),
        CASE(old_commits_are_archived_and_guarded),
        CASE(another_pipeline_is_refused),
        CASE(a_checkpoint_that_is_set_fences_who_runs),
        CASE(a_directory_that_cannot_be_used_says_how_to_make_it),
        CASE(a_damaged_commit_stops_with_a_gap),
        CASE(a_full_disk_is_waited_for),
        CASE(a_sync_that_fails_loses_nothing),
        CASE(a_directory_that_is_taken_away_is_told),
        CASE(a_commit_file_that_cannot_be_read_is_told),
        CASE(a_commit_beyond_all_bounds_is_refused),
        CASE(a_thread_that_cannot_be_had_is_told),
        cmocka_unit_test_prestate_setup_teardown(more_topics_than_files_may_be_open, set_up,
                                                 tear_down, how[0]),
        cmocka_unit_test_prestate_setup_teardown(more_topics_than_files_may_be_open, set_up,
                                                 tear_down, how[1]),
        cmocka_unit_test_prestate_setup_teardown(more_topics_than_files_may_be_open, set_up,
                                                 tear_down, how[2]),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
