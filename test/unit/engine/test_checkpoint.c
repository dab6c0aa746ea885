/* The checkpoint object: what is rendered is read back, and what is not ours is refused with a reason. */
#include "engine/progress/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "engine/write/encode.h"
#include "plug/encoder.h"

static void comes_back_as_it_went(void **state)
{
    struct mr_checkpoint out, in;
    struct mr_buf text;
    struct mr_err err;

    (void)state;
    mr_checkpoint_init(&out);
    mr_checkpoint_init(&in);
    mr_buf_init(&text, 1 << 20);
    strcpy(out.pipeline, "sh\"op");
    strcpy(out.owner, "abc123");
    out.start = 7;
    out.number = 1795224661438080;
    mr_buf_add_str(&out.source, "{\"resume\":\"16/B374D848\",\"n\":0,\"list\":[1,2]}");
    mr_buf_add_str(&out.encoder, "{\"ids\":{\"a\":7}}");
    mr_buf_add_str(&out.kept, "{\"numbers\":{\"id\":1}}");
    assert_int_equal(mr_checkpoint_render(&out, &text, &err), 0);
    assert_int_equal(mr_checkpoint_parse(mr_buf_slice(&text), &in, &err), 0);
    assert_string_equal(in.pipeline, out.pipeline);
    assert_string_equal(in.owner, out.owner);
    assert_int_equal(in.start, 7);
    assert_true(in.number == out.number);
    assert_string_equal(mr_buf_cstr(&in.source), mr_buf_cstr(&out.source));
    assert_string_equal(mr_buf_cstr(&in.encoder), mr_buf_cstr(&out.encoder));
    assert_string_equal(mr_buf_cstr(&in.kept), mr_buf_cstr(&out.kept));
    mr_buf_done(&text);
    mr_checkpoint_done(&out);
    mr_checkpoint_done(&in);
}

static void a_first_claim_has_no_source(void **state)
{
    struct mr_checkpoint out, in;
    struct mr_buf text;
    struct mr_err err;

    (void)state;
    mr_checkpoint_init(&out);
    mr_checkpoint_init(&in);
    mr_buf_init(&text, 1 << 20);
    strcpy(out.pipeline, "p");
    strcpy(out.owner, "o");
    assert_int_equal(mr_checkpoint_render(&out, &text, &err), 0);
    assert_non_null(strstr(mr_buf_cstr(&text), "\"source\":null"));
    mr_buf_add_str(&in.source, "old");
    assert_int_equal(mr_checkpoint_parse(mr_buf_slice(&text), &in, &err), 0);
    assert_int_equal(in.source.size, 0);
    mr_buf_done(&text);
    mr_checkpoint_done(&out);
    mr_checkpoint_done(&in);
}

static void what_is_not_ours_is_refused(void **state)
{
    static const char *const broken[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"format\":2,\"pipeline\":\"p\",\"owner\":\"o\",\"source\":null}",
        "{\"format\":1,\"owner\":\"o\",\"source\":null}",
        "{\"format\":1,\"pipeline\":\"p\",\"source\":null}",
        "{\"format\":1,\"pipeline\":\"p\",\"owner\":\"o\",\"source\":3}",
        "{\"format\":1,\"format\":1,\"pipeline\":\"p\",\"owner\":\"o\",\"source\":null}",
        "{\"format\":1,\"pipeline\":\"p\",\"owner\":\"0123456789012345678901234567890123456789\"}",
    };
    struct mr_checkpoint in;
    struct mr_err err;

    (void)state;
    mr_checkpoint_init(&in);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        assert_int_equal(mr_checkpoint_parse(mr_slice_str(broken[i]), &in, &err), MR_CONFIG);
        assert_string_equal(err.code, "checkpoint.unreadable");
        assert_true(err.hint[0] != '\0');
    }
    mr_checkpoint_done(&in);
}

/* A full buffer keeps what it has and refuses the rest: that is half a position. */
static void what_would_be_cut_is_an_error(void **state)
{
    static const struct {
        size_t source, encoder, text; /* limits */
        bool fits;
    } cases[] = {{4096, 4096, 8192, true},
                 {1999, 4096, 8192, false},
                 {4096, 1999, 8192, false},
                 {4096, 4096, 4000, false},
                 {4096, 4096, 0, false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mr_checkpoint out = {.pipeline = "p", .owner = "o"};
        struct mr_err err = {0};
        struct mr_buf text;

        mr_buf_init(&out.source, cases[i].source);
        mr_buf_init(&out.encoder, cases[i].encoder);
        mr_buf_init(&text, cases[i].text);
        mr_buf_printf(&out.source, "{\"a\":%1995d}", 1);
        mr_buf_printf(&out.encoder, "{\"b\":%1995d}", 1);
        assert_int_equal(mr_checkpoint_render(&out, &text, &err), cases[i].fits ? 0 : MR_CONFIG);
        if (!cases[i].fits)
            assert_string_equal(err.code, "checkpoint.too_large");
        mr_buf_done(&text);
        mr_checkpoint_done(&out);
    }
}

static struct mr_slice says_more(void *state)
{
    return mr_slice_str(state);
}

static struct mr_slice says_nothing(void *state)
{
    (void)state;
    return (struct mr_slice){NULL, 0};
}

/* What an encoder must never forget stays through starts with one that keeps nothing; what it remembers does not. */
static void what_is_kept_outlives_other_encoders(void **unused)
{
    static const struct {
        struct mr_encoder encoder;
        const char *remembered, *kept;
    } cases[] = {{{.name = "a", .remember = says_more, .keep = says_more}, "{}", "{}"},
                 {{.name = "b", .remember = says_nothing, .keep = says_nothing}, "", "{\"n\":1}"},
                 {{.name = "c", .remember = says_nothing}, "", "{\"n\":1}"}};

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct mr_pipeline_config config = {.encoder = &cases[i].encoder};
        struct mr_encoding encoding = {.config = &config, .state = "{}"};
        struct mr_checkpoint checkpoint;

        mr_checkpoint_init(&checkpoint);
        mr_buf_add_str(&checkpoint.encoder, "{\"id\":7}");
        mr_buf_add_str(&checkpoint.kept, "{\"n\":1}");
        mr_encoding_remember(&encoding, &checkpoint);
        assert_string_equal(mr_buf_cstr(&checkpoint.encoder), cases[i].remembered);
        assert_string_equal(mr_buf_cstr(&checkpoint.kept), cases[i].kept);
        mr_checkpoint_done(&checkpoint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(a_first_claim_has_no_source),
        cmocka_unit_test(what_is_not_ours_is_refused),
        cmocka_unit_test(what_would_be_cut_is_an_error),
        cmocka_unit_test(what_is_kept_outlives_other_encoders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
