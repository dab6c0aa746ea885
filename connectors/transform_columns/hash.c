/* Hashes as Debezium makes them, and cuts as Java counts them.
 *
 * Version 2 is digest(salt, bytes of the text): any language can repeat it. Version 1 digests what Java's
 * ObjectOutputStream makes of the string instead:
 *
 *     AC ED 00 05 74 <length: 2 bytes> <modified UTF-8>          up to 65535 bytes
 *     AC ED 00 05 7C <length: 8 bytes> <modified UTF-8>          above
 *
 * Modified UTF-8 differs from UTF-8 twice: U+0000 is C0 80, and a character above U+FFFF is its two UTF-16
 * surrogates with three bytes each. So a text is fed to the digest in runs, and only those two are converted. Both
 * versions were compared with recorded output (test/connector/transform_columns).
 *
 * The digest's context is made once, but OpenSSL (3.0 to 3.5 were read) allocates the algorithm's state anew at
 * each start of a digest: one small malloc and free inside the library per hashed value, about 20 ns, which no call
 * of its interface avoids. It is the price of not writing SHA-256 ourselves. */
#include "connectors/transform_columns/columns.h"

#include <assert.h>
#include <string.h>

#include "base/json.h"

int mr_columns_digest_init(struct mr_columns_digest *digest, const char *algorithm,
                           const char *salt, bool java, struct mr_err *err)
{
    digest->salt = mr_slice_str(salt);
    digest->java = java;
    digest->algorithm = EVP_MD_fetch(NULL, algorithm, NULL);
    digest->context = EVP_MD_CTX_new();
    if (!digest->context)
        mr_out_of_memory(sizeof(void *));
    if (digest->algorithm && EVP_MD_get_size(digest->algorithm) > 0 &&
        EVP_DigestInit_ex2(digest->context, digest->algorithm, NULL) == 1)
        return 0;
    mr_err_set(err, MR_CONFIG, "transform.columns.algorithm",
               "the hash algorithm \"%s\" is not known here", algorithm);
    mr_err_hint(err, "Use SHA-256, SHA-512, SHA3-256, SHA-1 or MD5.");
    return MR_CONFIG;
}

void mr_columns_digest_done(struct mr_columns_digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    EVP_MD_free(digest->algorithm);
    digest->context = NULL;
    digest->algorithm = NULL;
}

uint32_t mr_columns_digest_size(const struct mr_columns_digest *digest)
{
    return 2 * (uint32_t)EVP_MD_get_size(digest->algorithm);
}

static void feed(struct mr_columns_digest *digest, const void *bytes, size_t size)
{
    int done = size == 0 ? 1 : EVP_DigestUpdate(digest->context, bytes, size);

    assert(done == 1);
    (void)done;
}

static bool is_wide(const uint8_t *at, const uint8_t *end)
{
    return *at >= 0xf0 && end - at >= 4;
}

static size_t put_surrogate(uint8_t *at, uint32_t unit)
{
    at[0] = (uint8_t)(0xe0 | unit >> 12);
    at[1] = (uint8_t)(0x80 | (unit >> 6 & 0x3f));
    at[2] = (uint8_t)(0x80 | (unit & 0x3f));
    return 3;
}

static void feed_wide(struct mr_columns_digest *digest, const uint8_t *at)
{
    uint32_t code = (uint32_t)(at[0] & 7) << 18 | (uint32_t)(at[1] & 0x3f) << 12 |
                    (uint32_t)(at[2] & 0x3f) << 6 | (uint32_t)(at[3] & 0x3f);
    uint8_t pair[6];

    code -= 0x10000;
    put_surrogate(pair, 0xd800 | code >> 10);
    put_surrogate(pair + 3, 0xdc00 | (code & 0x3ff));
    feed(digest, pair, sizeof pair);
}

static uint64_t modified_size(struct mr_slice text)
{
    const uint8_t *at = (const uint8_t *)text.data, *end = at + text.size;
    uint64_t size = text.size;

    for (; at < end; at++)
        size += *at == 0 ? 1 : is_wide(at, end) ? 2 : 0;
    return size;
}

static void feed_modified(struct mr_columns_digest *digest, struct mr_slice text)
{
    const uint8_t *at = (const uint8_t *)text.data, *end = at + text.size, *run = at;

    while (at < end) {
        bool wide = is_wide(at, end);
        if (*at != 0 && !wide) {
            at++;
            continue;
        }
        feed(digest, run, (size_t)(at - run));
        if (wide)
            feed_wide(digest, at);
        else
            feed(digest, "\xc0\x80", 2);
        run = at += wide ? 4 : 1;
    }
    feed(digest, run, (size_t)(at - run));
}

static void feed_java(struct mr_columns_digest *digest, struct mr_slice text)
{
    uint64_t size = modified_size(text);
    uint64_t wire = __builtin_bswap64(size);
    uint8_t head[13] = {0xac, 0xed, 0x00, 0x05, 0x74};

    if (size > 0xffff) {
        head[4] = 0x7c;
        memcpy(head + 5, &wire, 8);
        feed(digest, head, 13);
    } else {
        memcpy(head + 5, (const char *)&wire + 6, 2);
        feed(digest, head, 7);
    }
    feed_modified(digest, text);
}

struct mr_slice mr_columns_digest_hex(struct mr_columns_digest *digest, struct mr_slice text,
                                      uint32_t most, struct mr_arena *arena)
{
    uint32_t digits = mr_columns_digest_size(digest);
    unsigned char bytes[EVP_MAX_MD_SIZE];
    char *hex = mr_arena_alloc(arena, digits, 1);
    int done = EVP_DigestInit_ex2(digest->context, NULL, NULL);

    assert(done == 1);
    feed(digest, digest->salt.data, digest->salt.size);
    if (digest->java)
        feed_java(digest, text);
    else
        feed(digest, text.data, text.size);
    done = EVP_DigestFinal_ex(digest->context, bytes, NULL);
    assert(done == 1);
    (void)done;
    mr_put_hex(hex, mr_slice(bytes, digits / 2));
    return mr_slice(hex, most > 0 && most < digits ? most : digits);
}

struct mr_slice mr_columns_cut(struct mr_slice text, uint32_t units)
{
    const uint8_t *start = (const uint8_t *)text.data, *at = start, *end = at + text.size;
    uint64_t used = 0;

    if (text.size <= units)
        return text;
    while (at < end) {
        uint64_t next = used + (*at >= 0xf0 ? 2 : (*at & 0xc0) != 0x80);
        if (next > units)
            break;
        used = next;
        at++;
    }
    return mr_slice(text.data, (size_t)(at - start));
}
