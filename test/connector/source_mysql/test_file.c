/* Files of the binary log: whole, torn, and things that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "connectors/source_mysql/wire/file.h"
#include "test/connector/source_mysql/wire.h"

static struct mr_err err;

static void write_file(const char *path, struct mr_slice bytes)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

/* A file of XIDs 1 and 2 and, between them, a text of 3 MiB that does not fit into the reader's buffer. */
static void make(struct mr_buf *buf)
{
    static char text[3 << 20];
    char format[2 + 50 + 4 + 1 + 42 + 1] = {4, 0, '9', '.', '7', '.', '4'};

    format[56] = 19;
    format[57 + MR_MY_QUERY - 1] = 13;
    format[57 + 42] = 1;
    memset(text, 'x', sizeof text);
    mr_buf_add(buf,
               "\xfe"
               "bin",
               4);
    wire_event(buf, MR_MY_FORMAT, MR_MY_FLAG_IN_USE, 127, mr_slice(format, sizeof format), true);
    wire_event(buf, MR_MY_XID, 0, 0, mr_slice("\1\0\0\0\0\0\0\0", 8), true);
    wire_event(buf, MR_MY_ROWS_QUERY, 0, 0, mr_slice(text, sizeof text), true);
    wire_event(buf, MR_MY_XID, 0, 0, mr_slice("\2\0\0\0\0\0\0\0", 8), true);
}

static int read_file(const char *path, uint64_t *ret_sum, uint64_t *ret_end)
{
    struct mr_my_file file;
    struct mr_my_event event;
    int rc = mr_my_file_open(&file, path, 8 << 20, true, &err);

    *ret_sum = 0;
    if (rc < 0)
        return rc;
    while ((rc = mr_my_file_next(&file, &event, &err)) > 0) {
        if (event.header.type == MR_MY_XID)
            *ret_sum += event.xid;
        if (event.header.type == MR_MY_ROWS_QUERY)
            assert_int_equal(event.text.size, (3 << 20) - 1);
        *ret_end = event.next;
    }
    mr_my_file_close(&file);
    return rc;
}

static void files(void **state)
{
    char path[] = "/tmp/millrace-binlog-XXXXXX";
    uint64_t sum, end = 0;
    struct mr_buf buf;

    (void)state;
    assert_int_not_equal(mkstemp(path), -1);
    mr_buf_init(&buf, 8 << 20);
    make(&buf);
    write_file(path, mr_buf_slice(&buf));
    assert_int_equal(read_file(path, &sum, &end), 0);
    assert_int_equal(sum, 3);
    assert_int_equal(end, buf.size);
    write_file(path, mr_slice(buf.data, buf.size - 1));
    assert_int_equal(read_file(path, &sum, &end), MR_CONFIG);
    assert_string_equal(err.code, "source.file");
    assert_non_null(strstr(err.text, "ends inside the event"));
    assert_int_equal(sum, 1);
    buf.data[0] = (char)0xfd;
    write_file(path, mr_buf_slice(&buf));
    assert_int_equal(read_file(path, &sum, &end), MR_CONFIG);
    assert_non_null(strstr(err.text, "encrypted"));
    write_file(path, mr_slice("SQLite format 3", 15));
    assert_int_equal(read_file(path, &sum, &end), MR_CONFIG);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(read_file(path, &sum, &end), MR_CONFIG);
    mr_buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(files)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
