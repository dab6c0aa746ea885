/* A mapping against a table of the test's own: what is filled, what is found, where, and what is hidden. */
#include "config/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct settings {
    bool binary;
    int64_t port, size, wait;
    const char *dsn, *password;
    int mode;
    struct mr_option_list tables;
    struct mr_option_map properties;
    struct {
        const char *name;
        int64_t parts;
    } publication;
};

static const char *const modes[] = {"initial", "no_data", NULL};
static const struct mr_option publication[] = {
    {.key = "name", .type = MR_OPTION_STRING, .standard = "all"},
    {.key = "parts", .type = MR_OPTION_INT, .offset = sizeof(char *), .standard = "3"},
    {0}};
#define AT(field) .offset = offsetof(struct settings, field)
static const struct mr_option options[] = {
    {.key = "dsn",
     .type = MR_OPTION_STRING,
     .flags = MR_OPTION_REQUIRED,
     AT(dsn),
     .doc = "How to connect. Never empty."},
    {.key = "password", .type = MR_OPTION_STRING, .flags = MR_OPTION_SECRET, AT(password)},
    {.key = "binary", .type = MR_OPTION_BOOL, AT(binary), .standard = "true"},
    {.key = "port", .type = MR_OPTION_INT, AT(port), .standard = "5432", .min = 1, .max = 65535},
    {.key = "size", .type = MR_OPTION_SIZE, AT(size), .standard = "1MiB"},
    {.key = "wait", .type = MR_OPTION_DURATION, AT(wait), .standard = "10s"},
    {.key = "mode", .type = MR_OPTION_ENUM, AT(mode), .choices = modes, .standard = "initial"},
    {.key = "tables", .type = MR_OPTION_LIST, AT(tables)},
    {.key = "properties", .type = MR_OPTION_MAP, AT(properties)},
    {.key = "publication",
     .type = MR_OPTION_GROUP,
     .flags = MR_OPTION_SHORT,
     AT(publication),
     .group = publication},
    {0}};

struct run {
    struct mr_config_load *load;
    struct settings settings;
    struct mr_buf text;
};

static void run(struct run *run, const char *yaml)
{
    struct mr_config_set set = {options, &run->settings};

    memset(&run->settings, 0, sizeof(run->settings));
    run->load = mr_config_load_new();
    mr_config_add_text(run->load, "t.yaml", mr_slice_str(yaml));
    if (run->load->unparsed)
        run->load->files[0]->unparsed = true;
    else
        mr_config_fill(run->load, &set, 1, "", run->load->root);
    mr_diag_sort(&run->load->diag);
    mr_buf_init(&run->text, 1 << 20);
    mr_diag_render(&run->load->diag, &run->text);
}

static void done(struct run *run)
{
    mr_buf_done(&run->text);
    mr_config_load_free(run->load);
}

static void fills_every_type(void **state)
{
    struct run r;

    (void)state;
    run(&r, "dsn: host=db\nport: 6000\nbinary: false\nsize: 2KiB\nwait: 1m\nmode: no_data\n"
            "tables: [public.a, \"!public.b\"]\nproperties: {linger.ms: 5, x: y}\n"
            "publication: {name: p}\n");
    assert_int_equal(r.load->diag.count, 0);
    assert_string_equal(r.settings.dsn, "host=db");
    assert_int_equal(r.settings.port, 6000);
    assert_false(r.settings.binary);
    assert_int_equal(r.settings.size, 2048);
    assert_int_equal(r.settings.wait, 60000000000LL);
    assert_int_equal(r.settings.mode, 1);
    assert_int_equal(r.settings.tables.count, 2);
    assert_string_equal(r.settings.tables.items[1], "!public.b");
    assert_int_equal(r.settings.properties.count, 2);
    assert_string_equal(r.settings.properties.keys[0], "linger.ms");
    assert_string_equal(r.settings.properties.values[1], "y");
    assert_string_equal(r.settings.publication.name, "p");
    assert_int_equal(r.settings.publication.parts, 3);
    done(&r);
}

static void fills_defaults_and_short_forms(void **state)
{
    struct run r;

    (void)state;
    run(&r, "dsn: x\ntables: one\npublication: short\n");
    assert_int_equal(r.load->diag.count, 0);
    assert_true(r.settings.binary);
    assert_int_equal(r.settings.port, 5432);
    assert_int_equal(r.settings.tables.count, 1);
    assert_string_equal(r.settings.publication.name, "short");
    assert_int_equal(r.settings.publication.parts, 3);
    done(&r);
    run(&r, "dsn: x\n");
    assert_string_equal(r.settings.publication.name, "all");
    assert_int_equal(r.settings.tables.count, 0);
    done(&r);
}

/* Each text has one finding, whose rendering is this, to the letter. */
static const struct {
    const char *yaml, *code, *wanted;
} cases[] = {
    {"dsn: x\nport: abc\n", "config.type",
     "t.yaml:2:7 port: expected an integer from 1 to 65535, got \"abc\"\n"
     "   2 | port: abc\n     |       ^\n"},
    {"dsn: x\nport: 70000\n", "config.range",
     "t.yaml:2:7 port: expected an integer from 1 to 65535, got \"70000\"\n"
     "   2 | port: 70000\n     |       ^\n"},
    {"dsn: x\nwait: 10\n", "config.unit",
     "t.yaml:2:7 wait: expected a duration with a unit, such as 10s or 500ms, got \"10\"\n"
     "   2 | wait: 10\n     |       ^\n  add the unit: 10s, ...ms, ...m\n"},
    {"dsn: x\nmode: initail\n", "config.choice",
     "t.yaml:2:7 mode: expected one of initial, no_data, got \"initail\"\n"
     "   2 | mode: initail\n     |       ^\n  did you mean \"initial\"?\n"},
    {"dsn: x\ntabels: [a]\n", "config.unknown_key",
     "t.yaml:2:1 tabels: unknown key\n   2 | tabels: ***\n     | ^\n  did you mean "
     "\"tables\"?\n"},
    {"dsn: x\npasword: hunter2\n", "config.unknown_key",
     "t.yaml:2:1 pasword: unknown key\n   2 | pasword: ***\n     | ^\n  did you mean "
     "\"password\"?\n"},
    {"dsn: x\ndsn: \"password=hunter2\"\n", "config.duplicate_key",
     "t.yaml:2:1 dsn: given twice; the first is in line 1\n   2 | dsn: ***\n     | ^\n"},
    {"{dsn: x, password: hunter2, port: abc}\n", "config.type",
     "t.yaml:1:35 port: expected an integer from 1 to 65535, got \"abc\"\n"
     "   1 | {dsn: x, password: ***, port: abc}\n     |                               ^\n"},
    {"{dsn: \"a password='it is hunter2' b\", port: abc}\n", "config.type",
     "t.yaml:1:45 port: expected an integer from 1 to 65535, got \"abc\"\n"
     "   1 | {dsn: \"a password=*** b\", port: abc}\n     |                                 "
     "^\n"},
    {"dsn: x\npassword: [hunter2]\n", "config.type",
     "t.yaml:2:11 password: expected a text, got a list\n   2 | password: ***\n     |          "
     " ^\n"},
    {"port: 1\n", "config.missing",
     "t.yaml:1:1 dsn: missing: expected a text\n   1 | port: 1\n     | ^\n  How to connect.\n"},
    {"dsn:\n", "config.type",
     "t.yaml:1:5 dsn: expected a text, got nothing\n   1 | dsn:\n     |     ^\n"},
    {"dsn: &a x\n", "config.alias",
     "t.yaml:1:6 dsn: anchors (&name) are not used here: write the value out where it is "
     "needed\n"
     "   1 | dsn: &a x\n     |      ^\n"},
    {"dsn: !!str x\n", "config.tag",
     "t.yaml:1:6 dsn: tags (!name) are not used here: each option knows its own type\n"
     "   1 | dsn: !!str x\n     |      ^\n"},
    {"dsn: x\n---\ndsn: y\n", "config.syntax",
     "t.yaml:2:1 a second document (---) begins here: one file holds one document\n"
     "   2 | ---\n     | ^\n"},
    {"dsn: x\n? [a]\n: b\n", "config.key",
     "t.yaml:2:3 a key must be a plain name\n   2 | ? [a]\n     |   ^\n"},
    {"dsn: \"a\\0b\"\n", "config.value",
     "t.yaml:1:6 dsn: a value cannot contain a NUL byte\n   1 | dsn: \"a\\0b\"\n     |      "
     "^\n"},
    {"dsn: ${env:MR_TEST_NOT_SET}\n", "config.undefined_variable",
     "t.yaml:1:6 dsn: the environment has no variable MR_TEST_NOT_SET\n"
     "   1 | dsn: ${env:MR_TEST_NOT_SET}\n     |      ^\n"
     "  set it, or give a default: ${env:MR_TEST_NOT_SET:-value}\n"},
    {"dsn: ${HOME}\n", "config.substitution",
     "t.yaml:1:6 dsn: unknown substitution: expected ${env:NAME}, ${env:NAME:-default} or "
     "${file:/path}\n   1 | dsn: ${HOME}\n     |      ^\n  write $$ for a literal dollar "
     "sign\n"},
    {"dsn: ${env:HOME\n", "config.substitution",
     "t.yaml:1:6 dsn: a ${ without its } \n   1 | dsn: ${env:HOME\n     |      ^\n"},
    {"dsn: ${file:/nonexistent/pw}\n", "config.file",
     "t.yaml:1:6 dsn: cannot read the file /nonexistent/pw: No such file or directory\n"
     "   1 | dsn: ${file:/nonexistent/pw}\n     |      ^\n"},
    {"dsn: postgres://me:hunter2@db/shop\nport: postgres://me:hunter2@db/shop\n", "config.type",
     "t.yaml:2:7 port: expected an integer from 1 to 65535, got \"postgres://me:***@db/shop\"\n"
     "   2 | port: postgres://me:***@db/shop\n     |       ^\n"},
};

static void findings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct run r;
        run(&r, cases[i].yaml);
        assert_string_equal(mr_buf_cstr(&r.text), cases[i].wanted);
        assert_int_equal(r.load->diag.count, 1);
        assert_string_equal(r.load->diag.items[0].code, cases[i].code);
        done(&r);
    }
}

static void syntax_errors_hide_what_looks_secret(void **state)
{
    static const char *const texts[] = {
        "dsn: x\npassword: \"hunter2\n",       "dsn: x\npassword: hunter2: 5\n",
        "dsn: x\n\"password\" : hunter2: 5\n", "dsn: x\npassword:\n  hunter2: 5: 3\n",
        "{dsn: x, my_token: hunter2\n",        "dsn: password=hunter2: 5\n",
        "dsn: \"://me:hunter2@h\": 5: 3\n",    "\tpassword: hunter2\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct run r;
        run(&r, texts[i]);
        assert_true(r.load->unparsed);
        assert_int_equal(r.load->diag.count, 1);
        assert_string_equal(r.load->diag.items[0].code, "config.syntax");
        if (strstr(mr_buf_cstr(&r.text), "hunter2"))
            fail_msg("secret in: %s", mr_buf_cstr(&r.text));
        done(&r);
    }
}

static void substitutes_after_parsing(void **state)
{
    char path[] = "/tmp/mr-config-XXXXXX", yaml[400];
    int fd = mkstemp(path);
    struct run r;

    (void)state;
    assert_int_equal(write(fd, "se: cret\n\n", 10), 10);
    close(fd);
    setenv("MR_TEST_PORT", "77", 1);
    setenv("MR_TEST_TEXT", "a: [b]\n# c", 1);
    snprintf(yaml, sizeof(yaml),
             "dsn: \"${env:MR_TEST_TEXT} $$x $y ${env:MR_TEST_NONE:-d:e}\"\n"
             "port: ${env:MR_TEST_PORT}\npassword: ${file:%s}\nproperties: {a: \"${file:%s}\"}\n",
             path, path);
    run(&r, yaml);
    unlink(path);
    assert_string_equal(mr_buf_cstr(&r.text), "");
    assert_string_equal(r.settings.dsn, "a: [b]\n# c $x $y d:e");
    assert_int_equal(r.settings.port, 77);
    assert_string_equal(r.settings.password, "se: cret\n");
    assert_true(mr_yaml_get(r.load->root, "password")->tainted);
    assert_true(mr_yaml_get(mr_yaml_get(r.load->root, "properties"), "a")->tainted);
    done(&r);
}

static void a_file_is_a_secret_wherever_it_stands(void **state)
{
    char path[] = "/tmp/mr-config-XXXXXX", yaml[200];
    int fd = mkstemp(path);
    struct run r;

    (void)state;
    assert_int_equal(write(fd, "hunter2\n", 8), 8);
    close(fd);
    snprintf(yaml, sizeof(yaml), "dsn: x\nport: ${file:%s}\n", path);
    run(&r, yaml);
    unlink(path);
    assert_int_equal(r.load->diag.count, 1);
    assert_non_null(strstr(mr_buf_cstr(&r.text), "got *** (a secret)"));
    assert_null(strstr(mr_buf_cstr(&r.text), "hunter2"));
    done(&r);
}

static void fifty_findings_and_a_count(void **state)
{
    struct mr_buf yaml;
    struct run r;

    (void)state;
    mr_buf_init(&yaml, 10000);
    mr_buf_add_str(&yaml, "dsn: x\n");
    for (int i = 0; i < 60; i++)
        mr_buf_printf(&yaml, "unknown%d: 1\n", i);
    run(&r, mr_buf_cstr(&yaml));
    assert_int_equal(r.load->diag.count, 50);
    assert_non_null(strstr(mr_buf_cstr(&r.text), "\nand 10 more\n"));
    done(&r);
    mr_buf_done(&yaml);
}

static void limits(void **state)
{
    struct mr_buf yaml;
    struct run r;

    (void)state;
    mr_buf_init(&yaml, 3 << 20);
    for (int i = 0; i < 100; i++)
        mr_buf_add_str(&yaml, "[");
    run(&r, mr_buf_cstr(&yaml));
    assert_string_equal(r.load->diag.items[0].code, "config.limit");
    done(&r);
    mr_buf_clear(&yaml);
    for (int i = 0; i < 5000; i++)
        mr_buf_printf(&yaml, "k%d: 1\n", i);
    run(&r, mr_buf_cstr(&yaml));
    assert_string_equal(r.load->diag.items[0].code, "config.limit");
    done(&r);
    mr_buf_clear(&yaml);
    for (int i = 0; i < 200000; i++)
        mr_buf_add_str(&yaml, "# 3456789\n");
    run(&r, mr_buf_cstr(&yaml));
    assert_string_equal(r.load->diag.items[0].code, "config.limit");
    done(&r);
    mr_buf_done(&yaml);
}

static void long_lines_are_cut_around_the_caret(void **state)
{
    char yaml[600] = "{dsn: \"";
    struct run r;

    (void)state;
    for (int i = 0; i < 200; i++)
        strcat(yaml, "\xc3\xa4");
    strcat(yaml, "\", port: abc}\n");
    run(&r, yaml);
    assert_non_null(strstr(mr_buf_cstr(&r.text), "   1 | ...\xc3\xa4"));
    assert_non_null(strstr(mr_buf_cstr(&r.text), "port: abc}\n"));
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_every_type),
        cmocka_unit_test(fills_defaults_and_short_forms),
        cmocka_unit_test(findings),
        cmocka_unit_test(syntax_errors_hide_what_looks_secret),
        cmocka_unit_test(substitutes_after_parsing),
        cmocka_unit_test(a_file_is_a_secret_wherever_it_stands),
        cmocka_unit_test(fifty_findings_and_a_count),
        cmocka_unit_test(limits),
        cmocka_unit_test(long_lines_are_cut_around_the_caret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
