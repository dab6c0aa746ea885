/* `files verify` is proven by planted faults: each line of the table damages a good directory in one way, and the
 * verification must find it; the undamaged directory must pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plug/plug.h"
#include "base/clock.h"
#include "connectors/sink_file/config.h"
#include "../../support/sink_bench.h"

struct verify_case {
    const char *name;
    /* shell, run in the directory; $FIRST, $SECOND: data files; $META: commit directory */
    const char *damage;
    const char *expected;
};

/* The directory: commit 1 is a claim; 2 names $FIRST (changes 1..3) and b's file; 3 names $SECOND (5..6). */
static const struct verify_case cases[] = {
    {"nothing", "true", "PASS files.verified"},
    {"a row removed", "sed -i 2d $FIRST", "FAIL files.changed"},
    {"a row doubled", "sed -i 2p $FIRST", "FAIL files.changed"},
    {"two rows swapped", "sed -i '2{h;d};3{G}' $FIRST", "FAIL files.changed"},
    {"two rows swapped and the checksum made to fit",
     "old=$(sha256sum <$FIRST | cut -c1-64); sed -i '2{h;d};3{G}' $FIRST; new=$(sha256sum <$FIRST "
     "| cut -c1-64); "
     "sed -i s/$old/$new/ $META/00000000000000000002.json",
     "FAIL files.order"},
    {"the end cut off", "truncate -s -1 $SECOND", "FAIL files.changed"},
    {"a byte changed", "sed -i 's/\"n\":2/\"n\":7/' $FIRST", "FAIL files.changed"},
    {"a file gone", "rm $SECOND", "FAIL files.missing"},
    {"a file too many", "cp $FIRST a/copy.jsonl", "FAIL files.unnamed a/copy.jsonl"},
    {"a commit gone in the middle", "rm $META/00000000000000000002.json",
     "FAIL files.chain_broken"},
    {"the first commit gone", "rm $META/00000000000000000001.json", "FAIL files.chain_broken"},
    {"a commit changed", "sed -i 's/\"p\":4/\"p\":5/' $META/00000000000000000002.json",
     "FAIL files.chain_broken commit 3"},
    {"a commit cut off", "truncate -s 100 $META/00000000000000000002.json",
     "FAIL files.chain_broken"},
    {"an older commit put last",
     "cp $META/00000000000000000002.json $META/00000000000000000004.json",
     "FAIL files.chain_broken"},
};

static void run(const char *directory, const char *command)
{
    char line[2000];

    snprintf(line, sizeof(line),
             "cd %s && META=_millrace; FIRST=$(ls a/*001.jsonl); SECOND=$(ls a/*005.jsonl); %s",
             directory, command);
    assert_int_equal(system(line), 0);
}

static void deliver(const struct mr_file_config *config)
{
    struct mr_bench bench;
    struct mr_err err;

    assert_int_equal(mr_bench_open(&bench, mr_plug_sink("file"), config, "one", &err), 0);
    assert_int_equal(mr_bench_commit(&bench, true, "{\"p\":0}", &err), 0);
    assert_int_equal(mr_bench_write(&bench, "a", 1, 3, 0, &err), 0);
    assert_int_equal(mr_bench_write(&bench, "b", 4, 1, 0, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":4}", &err), 0);
    assert_int_equal(mr_bench_write(&bench, "a", 5, 2, 0, &err), 0);
    assert_int_equal(mr_bench_commit(&bench, false, "{\"p\":6}", &err), 0);
    mr_bench_close(&bench);
}

static void every_planted_fault_is_found(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char directory[] = "/tmp/sink-verify-XXXXXX", command[100];
        struct mr_file_config config = {
            .directory = directory, .path = "{topic}/{sequence}.jsonl", .content = MR_FILE_RECORD};
        struct mr_bench_findings list;
        struct mr_findings findings = mr_bench_findings_init(&list);
        struct mr_err err;

        assert_non_null(mkdtemp(directory));
        deliver(&config);
        run(directory, cases[i].damage);
        assert_int_equal(mr_plug_sink("file")->files->verify(directory, &findings, &err), 0);
        if (!strstr(mr_buf_cstr(&list.text), cases[i].expected) || (i > 0) != (list.failures > 0))
            fail_msg("%s: expected \"%s\", found: %s", cases[i].name, cases[i].expected,
                     mr_buf_cstr(&list.text));
        if (!strstr(mr_buf_cstr(&list.text), i > 0 ? "WARN files.problems" : "PASS files.verified"))
            fail_msg("%s: no conclusion: %s", cases[i].name, mr_buf_cstr(&list.text));
        mr_buf_done(&list.text);
        snprintf(command, sizeof(command), "rm -r %s", directory);
        assert_int_equal(system(command), 0);
    }
}

static void a_directory_that_is_none_is_refused(void **unused)
{
    struct mr_bench_findings list;
    struct mr_findings findings = mr_bench_findings_init(&list);
    struct mr_err err;

    (void)unused;
    assert_int_equal(mr_plug_sink("file")->files->verify("/proc", &findings, &err), MR_CONFIG);
    assert_string_equal(err.code, "files.no_commits");
    mr_buf_done(&list.text);
}

static void a_preflight_tells_what_is_wrong(void **unused)
{
    char directory[] = "/tmp/sink-verify-XXXXXX";
    struct mr_file_config config = {.directory = directory, .path = "{sequence}"};
    struct mr_sink_args args = {.config = &config};
    struct mr_bench_findings list;
    struct mr_findings findings = mr_bench_findings_init(&list);
    struct mr_err err;
    const char *key = NULL;

    (void)unused;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(mr_plug_sink("file")->check(&config, &key, &err), 0);
    config.path = "no-number.jsonl"; /* needs no server: told while the file is read */
    assert_int_equal(mr_plug_sink("file")->check(&config, &key, &err), MR_CONFIG);
    assert_string_equal(err.code, "config.path_template");
    assert_string_equal(key, "path");
    assert_int_equal(mr_plug_sink("file")->preflight(&args, &findings, &err), 0);
    assert_int_equal(list.failures, 0);
    assert_non_null(strstr(mr_buf_cstr(&list.text), "sink.file.disk_space"));
    config.directory = "/proc/self";
    assert_int_equal(mr_plug_sink("file")->preflight(&args, &findings, &err), 0);
    assert_non_null(strstr(mr_buf_cstr(&list.text), "FAIL sink.file.directory"));
    assert_int_equal(remove(directory), 0); /* and left nothing in it */
    mr_buf_done(&list.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_planted_fault_is_found),
        cmocka_unit_test(a_directory_that_is_none_is_refused),
        cmocka_unit_test(a_preflight_tells_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
