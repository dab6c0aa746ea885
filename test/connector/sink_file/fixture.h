/* A directory of sink_file and its configuration: what the tests of its commits and of its owners share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "connectors/sink_file/config.h"
#include "connectors/sink_file/content/contents.h"
#include "test/support/sink_bench.h"
#include "plug/plug.h"

#define DAY_US (24 * 3600 * MR_SECOND_US)
#define NOON   ((int64_t)20778 * DAY_US + DAY_US / 2) /* 2026-11-21 12:00 */

static char directory[300];
static struct mr_file_config config;

static inline int set_up(void **unused)
{
    (void)unused;
    strcpy(directory,
           access("/dev/shm", W_OK) == 0 ? "/dev/shm/sink-file-XXXXXX" : "/tmp/sink-file-XXXXXX");
    assert_non_null(mkdtemp(directory));
    config = (struct mr_file_config){.directory = directory,
                                     .path = "{topic}/{date}/{topic}+{sequence}.jsonl",
                                     .roll = {64 << 20, 10 * MR_SECOND_NS, 1000000}};
    return 0;
}

static inline int remove_item(const char *path, const struct stat *info, int type,
                              struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static inline int tear_down(void **unused)
{
    (void)unused;
    return nftw(directory, remove_item, 16, FTW_DEPTH | FTW_PHYS);
}

/* Of a folder in the directory; 0 when there is none. */
static inline size_t count_items(const char *name)
{
    char path[800];
    DIR *list;
    size_t count = 0;
    struct dirent *item;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    list = opendir(path);
    if (!list)
        return 0;
    while ((item = readdir(list)) != NULL)
        count += item->d_name[0] != '.';
    closedir(list);
    return count;
}

/* expected: the checkpoint that open() is to answer. */
static inline void open_and_claim(struct mr_bench *bench, const char *owner, const char *expected)
{
    struct mr_err err = {0};

    assert_int_equal(mr_bench_open(bench, mr_plug_sink("file"), &config, owner, &err), 0);
    assert_string_equal(mr_buf_cstr(&bench->checkpoint), expected);
    assert_int_equal(mr_bench_commit(bench, true, expected[0] ? expected : "{\"claim\":1}", &err),
                     0);
}

static inline void must_verify(size_t failures, const char *needle)
{
    struct mr_bench_findings list;
    struct mr_findings findings = mr_bench_findings_init(&list);
    struct mr_err err;

    assert_int_equal(mr_plug_sink("file")->files->verify(directory, &findings, &err), 0);
    if (failures == 0 ? list.failures != 0 : list.failures == 0)
        fail_msg("findings: %s", mr_buf_cstr(&list.text));
    if (needle && !strstr(mr_buf_cstr(&list.text), needle))
        fail_msg("no %s in: %s", needle, mr_buf_cstr(&list.text));
    mr_buf_done(&list.text);
}
