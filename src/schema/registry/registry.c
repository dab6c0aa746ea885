/* The registry client: what is known, what has to be asked, and what an answer means.
 *
 *     (subject, type, schema) --hash--> known id? --yes--> done, nobody is asked
 *                                           no --> POST /subjects/S/versions  (auto_register)
 *                                                  POST /subjects/S           (otherwise: look-up only)
 *
 * Answers are judged by the HTTP status first; error_code may be 0, missing or text, depending on whose registry it
 * is. 409 is a decision for people: the refusal is explained once by the kind's own comparison of the two schemas,
 * kept, and repeated without asking for ASK_AGAIN_NS, so that a pipeline that waits for a
 * human does not hammer the registry; after that it is asked again, and goes on by itself when the level or the subject
 * was mended. A 500 that comes three times for the same body is an answer too, unless its error_code says that the
 * registry's own store is away.
 *
 * What is remembered is the id by subject and a 128-bit hash of the schema's text, not the text: it is looked up, never
 * read back. An id means something in one registry only, so where they are from is remembered with them, as hashes of
 * the URLs: when none of these is configured any more, the ids are forgotten, and asked for in the new place. They are
 * written with every commit, so there is a limit: those that were not used for longest are left out, and asked for when
 * they are needed after a restart. */
#include "schema/registry/registry.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "client/http/http.h"

#define ANSWER_LIMIT (16u << 20)
#define ASK_AGAIN_NS (10 * MR_SECOND_NS)
#define SAME_FAULTS  3
#define KNOWN_MAX    100000       /* ids read back from a checkpoint */
#define REMEMBERED   (512u << 10) /* bytes of a checkpoint; brokers take 1 MiB in all */

struct known {
    uint32_t id;
    uint32_t faults; /* 500s in a row for this body */
    uint64_t used;   /* when it was last asked for, in order */
    int64_t ask_again_ns;
    struct mr_err refused; /* what is said again until then; class 0: nothing */
};

struct mr_registry {
    const struct mr_registry_options *options;
    const struct mr_context *context;
    struct mr_http_options http_options;
    struct mr_http *http;
    struct mr_map known; /* "hash subject" -> struct known */
    struct mr_buf answer, body, path;
    struct mr_buf remembered; /* as of `rendered` changes */
    uint64_t changed, rendered, uses;
};

static void key_of(const char *subject, const struct mr_schema *schema, struct mr_buf *ret_key)
{
    uint64_t seed = mr_hash(mr_slice_str(schema->kind->type), 0);

    for (uint32_t i = 0; i < schema->reference_count; i++)
        seed = mr_hash(mr_slice_str(schema->references[i].subject),
                       seed + (uint64_t)schema->references[i].version);
    mr_buf_printf(ret_key, "%016llx%016llx %s", (unsigned long long)mr_hash(schema->text, seed),
                  (unsigned long long)mr_hash(schema->text, ~seed), subject);
}

static struct known *know(struct mr_registry *registry, struct mr_slice key)
{
    struct known *known = mr_map_get(&registry->known, key);

    if (!known) {
        known = mr_alloc_zero(sizeof *known);
        mr_map_put(&registry->known, key, known);
    }
    return known;
}

/* The URL's host, port and path, as a hash; user and password may change. */
static void add_place(struct mr_buf *buf, const char *url)
{
    const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
    const char *at = memrchr(host, '@', strcspn(host, "/"));
    size_t size;

    host = at ? at + 1 : host;
    for (size = strlen(host); size > 0 && host[size - 1] == '/';)
        size--;
    mr_buf_printf(buf, "%016llx", (unsigned long long)mr_hash(mr_slice(host, size), 0));
}

/* Whether one of the places is among our URLs; without any they are from before places were told. */
static bool is_from_here(const struct mr_registry *registry, json_t *places)
{
    bool found = !json_is_array(places);
    json_t *place;
    size_t index;

    for (size_t i = 0; i < registry->options->urls.count; i++) {
        struct mr_buf ours;
        mr_buf_init(&ours, 100);
        add_place(&ours, registry->options->urls.items[i]);
        json_array_foreach(places, index, place)
        {
            found |= json_string_value(place) &&
                     strcmp(json_string_value(place), mr_buf_cstr(&ours)) == 0;
        }
        mr_buf_done(&ours);
    }
    return found;
}

static void remember_places(struct mr_registry *registry)
{
    struct mr_buf *buf = &registry->remembered;

    mr_buf_add_str(buf, "\"registries\":[");
    for (size_t i = 0; i < registry->options->urls.count; i++) {
        mr_buf_add_str(buf, i ? ",\"" : "\"");
        add_place(buf, registry->options->urls.items[i]);
        mr_buf_add_char(buf, '"');
    }
    mr_buf_add_char(buf, ']');
}

/* They were written in the order of their use. */
static void read_known(struct mr_registry *registry, struct mr_slice key, uint32_t id)
{
    struct known *known = know(registry, key);

    known->id = id;
    known->used = ++registry->uses;
}

static int read_back(struct mr_registry *registry, struct mr_slice text, struct mr_err *err)
{
    json_t *object = text.size ? json_loadb(text.data, text.size, 0, NULL) : json_object();
    const char *key;
    json_t *id;

    if (!json_is_object(object) || json_object_size(object) > KNOWN_MAX) {
        json_decref(object);
        return mr_err_set(err, MR_CONFIG, "checkpoint.unreadable",
                          "the schema ids in the checkpoint are not a JSON object");
    }
    if (!is_from_here(registry, json_object_get(object, "registries")))
        json_object_clear(object);
    json_object_foreach(object, key, id)
    {
        if (json_integer_value(id) > 0 && json_integer_value(id) <= UINT32_MAX)
            read_known(registry, mr_slice_str(key), (uint32_t)json_integer_value(id));
    }
    json_decref(object);
    return 0;
}

static int open_http(struct mr_registry *registry, struct mr_err *err)
{
    static const char *const headers[] = {
        "Content-Type: application/vnd.schemaregistry.v1+json",
        "Accept: application/vnd.schemaregistry.v1+json, application/json", NULL};
    const struct mr_registry_options *options = registry->options;

    if (options->urls.count == 0) {
        mr_err_set(err, MR_CONFIG, "registry.no_url", "no schema registry is named");
        mr_err_hint(err, "Set format.registry.urls, for example [http://registry:8081].");
        return MR_CONFIG;
    }
    registry->http_options = (struct mr_http_options){
        .urls = &options->urls,
        .user = options->user,
        .password = options->password,
        .token = options->token,
        .ca = options->ca,
        .certificate = options->certificate,
        .key = options->key,
        .timeout_ns = options->timeout_ns,
        .headers = headers,
        .what = "schema registry",
        .unreachable = "registry.unreachable",
    };
    registry->http = mr_http_open(&registry->http_options, registry->context->stopping);
    return 0;
}

int mr_registry_open(const struct mr_registry_options *options, const struct mr_context *context,
                     struct mr_slice remembered, struct mr_registry **ret_registry,
                     struct mr_err *err)
{
    struct mr_registry *registry = mr_alloc_zero(sizeof *registry);
    int rc;

    registry->options = options;
    registry->context = context;
    mr_map_init(&registry->known);
    mr_buf_init(&registry->answer, ANSWER_LIMIT);
    mr_buf_init(&registry->body, ANSWER_LIMIT);
    mr_buf_init(&registry->path, 1 << 16);
    mr_buf_init(&registry->remembered, ANSWER_LIMIT);
    rc = open_http(registry, err);
    if (rc == 0)
        rc = read_back(registry, remembered, err);
    if (rc < 0) {
        mr_registry_close(registry);
        return rc;
    }
    *ret_registry = registry;
    return 0;
}

void mr_registry_close(struct mr_registry *registry)
{
    struct known *known;
    size_t at = 0;

    if (!registry)
        return;
    while ((known = mr_map_next(&registry->known, &at, NULL, NULL)))
        free(known);
    mr_map_done(&registry->known);
    mr_http_close(registry->http);
    mr_buf_done(&registry->answer);
    mr_buf_done(&registry->body);
    mr_buf_done(&registry->path);
    mr_buf_done(&registry->remembered);
    free(registry);
}

void mr_registry_wait_until(struct mr_registry *registry, int64_t deadline_ns)
{
    mr_http_wait_until(registry->http, deadline_ns);
}

static void set_path(struct mr_registry *registry, const char *before, const char *subject,
                     const char *after)
{
    mr_buf_clear(&registry->path);
    mr_buf_add_str(&registry->path, before);
    if (subject)
        mr_http_escape(&registry->path, mr_slice_str(subject));
    mr_buf_add_str(&registry->path, after);
}

static void add_references(struct mr_buf *body, const struct mr_schema *schema)
{
    for (uint32_t i = 0; i < schema->reference_count; i++) {
        mr_buf_add_str(body, i == 0 ? ",\"references\":[{\"name\":" : ",{\"name\":");
        mr_json_add_str(body, mr_slice_str(schema->references[i].name));
        mr_buf_add_str(body, ",\"subject\":");
        mr_json_add_str(body, mr_slice_str(schema->references[i].subject));
        mr_buf_printf(body, ",\"version\":%d}", schema->references[i].version);
    }
    if (schema->reference_count > 0)
        mr_buf_add_char(body, ']');
}

static void set_body(struct mr_registry *registry, const struct mr_schema *schema)
{
    mr_buf_clear(&registry->body);
    mr_buf_add_str(&registry->body, "{\"schema\":");
    mr_json_add_str(&registry->body, schema->text);
    if (strcmp(schema->kind->type, "AVRO") != 0) {
        mr_buf_add_str(&registry->body, ",\"schemaType\":");
        mr_json_add_str(&registry->body, mr_slice_str(schema->kind->type));
    }
    add_references(&registry->body, schema);
    mr_buf_add_char(&registry->body, '}');
}

static int call(struct mr_registry *registry, const char *method, bool with_body, long *ret_status,
                struct mr_err *err)
{
    struct mr_slice body = with_body ? mr_buf_slice(&registry->body) : (struct mr_slice){NULL, 0};

    int rc = mr_http_call(registry->http, method, mr_buf_cstr(&registry->path), body, ret_status,
                          &registry->answer, err);

    if (rc == MR_RETRY)
        mr_err_hint(err, "Events of tables whose schema is known go on; new schemas wait until it "
                         "is back.");
    return rc;
}

/* The answer's message, or its text cut short, for ours. */
static void quote_answer(struct mr_registry *registry, char *ret_text, size_t room)
{
    json_t *object = json_loadb(registry->answer.data ? registry->answer.data : "",
                                registry->answer.size, 0, NULL);
    const char *message = json_string_value(json_object_get(object, "message"));

    snprintf(ret_text, room, "%.300s", message ? message : mr_buf_cstr(&registry->answer));
    json_decref(object);
}

static bool transient(long status)
{
    return status == 408 || status == 429 || status >= 500;
}

/* What any status other than success means where nothing special is expected. */
static int judge(struct mr_registry *registry, long status, const char *subject, struct mr_err *err)
{
    char said[320];

    quote_answer(registry, said, sizeof said);
    if (status == 401 || status == 403) {
        mr_err_set(err, MR_CONFIG, "registry.unauthorized",
                   "the schema registry refuses us for subject %s: HTTP %ld %s", subject, status,
                   said);
        mr_err_hint(
            err,
            "Check format.registry user and password, token or certificate, and their rights.");
        err->exit_code = 77;
    } else if (transient(status)) {
        mr_err_set(err, MR_RETRY, "registry.busy",
                   "the schema registry cannot answer for subject %s: HTTP %ld %s", subject, status,
                   said);
    } else if (status == 422) {
        mr_err_set(err, MR_CONFIG, "registry.invalid_schema",
                   "the schema registry does not take the schema of subject %s: %s", subject, said);
        mr_err_hint(err, "If a name is illegal, set format.schema_name_adjustment_mode: avro.");
    } else {
        mr_err_set(err, MR_CONFIG, "registry.unexpected",
                   "the schema registry answered HTTP %ld to %s: %s", status,
                   mr_buf_cstr(&registry->path), said);
        mr_err_hint(
            err,
            "Is the URL the base of a Confluent-compatible API (Apicurio: .../apis/ccompat/v7)?");
    }
    return err->class;
}

static int take_id(struct mr_registry *registry, uint32_t *ret_id, struct mr_err *err)
{
    json_t *object = json_loadb(registry->answer.data ? registry->answer.data : "",
                                registry->answer.size, 0, NULL);
    json_int_t id = json_integer_value(json_object_get(object, "id"));

    json_decref(object);
    if (id <= 0 || id > UINT32_MAX)
        return mr_err_set(err, MR_RETRY, "registry.busy",
                          "the schema registry's answer to %s has no id",
                          mr_buf_cstr(&registry->path));
    *ret_id = (uint32_t)id;
    return 0;
}

/* A 409, in words: subject, level, and what our own comparison finds. */
static int explain(struct mr_registry *registry, const char *subject,
                   const struct mr_schema *schema, struct mr_err *err)
{
    char level[32] = "its level", said[320];
    struct mr_buf latest, findings;
    struct mr_err ignored;
    int version = 0;
    uint32_t id;

    quote_answer(registry, said, sizeof said);
    mr_buf_init(&latest, ANSWER_LIMIT);
    mr_buf_init(&findings, 1 << 20);
    if (mr_registry_level(registry, subject, level, &ignored) == 0 &&
        mr_registry_latest(registry, subject, &latest, &version, &id, &ignored) == 0 && version > 0)
        schema->kind->diff(mr_buf_slice(&latest), schema->text, level, &findings);
    mr_err_set(err, MR_RETRY, "registry.incompatible",
               "subject %s does not take the new schema, because it keeps %s with version %d: %s",
               subject, level, version, findings.size > 0 ? mr_buf_cstr(&findings) : said);
    mr_err_trait(err, MR_TRAIT_REFUSED);
    mr_err_hint(err,
                "Nothing is lost: the pipeline waits before this change and goes on by itself once "
                "the subject "
                "takes the schema. Undo the change of the table, or allow it: "
                "curl -X PUT -H 'Content-Type: application/json' -d '{\"compatibility\":\"NONE\"}' "
                "REGISTRY/config/%s",
                subject);
    mr_buf_done(&latest);
    mr_buf_done(&findings);
    return MR_RETRY;
}

static int not_registered(const char *subject, struct mr_err *err)
{
    mr_err_set(
        err, MR_CONFIG, "registry.not_registered",
        "the schema is not registered under subject %s, and format.registry.auto_register is false",
        subject);
    mr_err_hint(err,
                "Register it (millrace schema plan shows the text), or set auto_register: true.");
    return MR_CONFIG;
}

/* Confluent's codes for a registry that cannot reach its store or its leader: whatever the body, so no answer to it. */
static bool is_store_fault(struct mr_registry *registry)
{
    json_t *object = json_loadb(registry->answer.data ? registry->answer.data : "",
                                registry->answer.size, 0, NULL);
    json_int_t code = json_integer_value(json_object_get(object, "error_code"));

    json_decref(object);
    return code >= 50001 && code <= 50004;
}

/* Three equal faults for the same body are the registry's way to say no. */
static int count_fault(struct known *known, const char *subject, struct mr_err *err)
{
    char said[400];

    if (++known->faults < SAME_FAULTS)
        return err->class;
    snprintf(said, sizeof said, "%.399s", err->text);
    mr_err_set(err, MR_CONFIG, "registry.refused",
               "the schema registry fails each time it is given the schema of subject %s: %s",
               subject, said);
    mr_err_hint(err, "It fails for this body, so it is an answer. Look into the registry's log.");
    return MR_CONFIG;
}

/* Registers the schema, or looks it up. */
static int post(struct mr_registry *registry, const char *subject, const struct mr_schema *schema,
                bool registers, long *ret_status, struct mr_err *err)
{
    char after[40];

    snprintf(after, sizeof after, "%s%s", registers ? "/versions" : "",
             registry->options->normalize ? "?normalize=true" : "");
    set_path(registry, "/subjects/", subject, after);
    set_body(registry, schema);
    return call(registry, "POST", true, ret_status, err);
}

/* Confluent's code for "not in this mode". */
static bool is_read_only(struct mr_registry *registry, long status)
{
    json_t *object = json_loadb(registry->answer.data ? registry->answer.data : "",
                                registry->answer.size, 0, NULL);
    bool found =
        status == 422 && json_integer_value(json_object_get(object, "error_code")) == 42205;

    json_decref(object);
    return found;
}

static int read_only(const char *subject, struct mr_err *err)
{
    mr_err_set(err, MR_CONFIG, "registry.read_only",
               "subject %s is in mode READONLY and does not have the schema yet", subject);
    mr_err_hint(err,
                "Register it by other means (millrace schema plan --show prints it), or end the "
                "mode: curl -X PUT -H 'Content-Type: application/json' -d "
                "'{\"mode\":\"READWRITE\"}' REGISTRY/mode/%s",
                subject);
    return MR_CONFIG;
}

static int ask(struct mr_registry *registry, struct known *known, const char *subject,
               const struct mr_schema *schema, struct mr_err *err)
{
    bool registers = registry->options->auto_register;
    long status;
    int rc = post(registry, subject, schema, registers, &status, err);

    if (rc < 0)
        return rc;
    if (registers && is_read_only(registry, status)) { /* what it has, it still tells */
        rc = post(registry, subject, schema, false, &status, err);
        if (rc < 0 || status == 404)
            return rc < 0 ? rc : read_only(subject, err);
    }
    if (status == 200)
        return take_id(registry, &known->id, err);
    if (status == 409)
        return explain(registry, subject, schema, err);
    if (status == 404 && !registers)
        return not_registered(subject, err);
    rc = judge(registry, status, subject, err);
    return status == 500 && !is_store_fault(registry) ? count_fault(known, subject, err) : rc;
}

int mr_registry_id(struct mr_registry *registry, const char *subject,
                   const struct mr_schema *schema, uint32_t *ret_id, struct mr_err *err)
{
    struct known *known;
    struct mr_buf key;
    int rc = 0;

    mr_buf_init(&key, 1 << 16);
    key_of(subject, schema, &key);
    known = know(registry, mr_buf_slice(&key));
    mr_buf_done(&key);
    if (known->id == 0 && known->refused.class != MR_OK &&
        mr_clock_mono_ns() < known->ask_again_ns) {
        *err = known->refused;
        return err->class;
    }
    if (known->id == 0) {
        rc = ask(registry, known, subject, schema, err);
        known->refused.class = MR_OK;
        if (rc == 0) {
            known->faults = 0;
            registry->changed++;
        } else if (err->trait == MR_TRAIT_REFUSED && !mr_http_late(registry->http)) {
            known->refused = *err;
            known->ask_again_ns = mr_clock_mono_ns() + ASK_AGAIN_NS;
        }
    }
    known->used = ++registry->uses;
    if (rc == 0)
        *ret_id = known->id;
    return rc;
}

int mr_registry_latest(struct mr_registry *registry, const char *subject, struct mr_buf *ret_schema,
                       int *ret_version, uint32_t *ret_id, struct mr_err *err)
{
    json_t *object;
    long status;
    int rc;

    set_path(registry, "/subjects/", subject, "/versions/latest");
    rc = call(registry, "GET", false, &status, err);
    if (rc < 0)
        return rc;
    mr_buf_clear(ret_schema);
    if (status == 404) {
        *ret_version = 0;
        return 0;
    }
    if (status != 200)
        return judge(registry, status, subject, err);
    object = json_loadb(registry->answer.data, registry->answer.size, 0, NULL);
    *ret_version = (int)json_integer_value(json_object_get(object, "version"));
    *ret_id = (uint32_t)json_integer_value(json_object_get(object, "id"));
    if (json_string_value(json_object_get(object, "schema")))
        mr_buf_add_str(ret_schema, json_string_value(json_object_get(object, "schema")));
    json_decref(object);
    return 0;
}

int mr_registry_compatible(struct mr_registry *registry, const char *subject,
                           const struct mr_schema *schema, bool *ret_compatible, struct mr_err *err)
{
    json_t *object;
    long status;
    int rc;

    set_path(registry, "/compatibility/subjects/", subject, "/versions/latest");
    set_body(registry, schema);
    rc = call(registry, "POST", true, &status, err);
    if (rc < 0)
        return rc;
    if (status == 404) { /* no such subject: anything goes */
        *ret_compatible = true;
        return 0;
    }
    if (status != 200)
        return judge(registry, status, subject, err);
    object = json_loadb(registry->answer.data, registry->answer.size, 0, NULL);
    *ret_compatible = json_is_true(json_object_get(object, "is_compatible"));
    json_decref(object);
    return 0;
}

int mr_registry_level(struct mr_registry *registry, const char *subject, char ret_level[32],
                      struct mr_err *err)
{
    json_t *object;
    const char *level;
    long status;
    int rc;

    set_path(registry, "/config/", subject, "?defaultToGlobal=true");
    rc = call(registry, "GET", false, &status, err);
    if (rc == 0 && status == 404) {
        set_path(registry, "/config", NULL, "");
        rc = call(registry, "GET", false, &status, err);
    }
    if (rc < 0)
        return rc;
    if (status != 200)
        return judge(registry, status, subject, err);
    object = json_loadb(registry->answer.data, registry->answer.size, 0, NULL);
    level = json_string_value(json_object_get(object, "compatibilityLevel"));
    snprintf(ret_level, 32, "%s", level ? level : "NONE");
    json_decref(object);
    return 0;
}

int mr_registry_mode(struct mr_registry *registry, const char *subject, char ret_mode[32],
                     struct mr_err *err)
{
    json_t *object;
    const char *mode;
    long status;
    int rc;

    set_path(registry, "/mode/", subject, "?defaultToGlobal=true");
    rc = call(registry, "GET", false, &status, err);
    if (rc == 0 && status == 404) {
        set_path(registry, "/mode", NULL, "");
        rc = call(registry, "GET", false, &status, err);
    }
    if (rc < 0)
        return rc;
    object =
        status == 200 ? json_loadb(registry->answer.data, registry->answer.size, 0, NULL) : NULL;
    mode = json_string_value(json_object_get(object, "mode"));
    snprintf(ret_mode, 32, "%s", mode ? mode : "READWRITE");
    json_decref(object);
    return 0;
}

struct use {
    const struct known *known;
    struct mr_slice key;
};

static int compare_uses(const void *a, const void *b)
{
    uint64_t left = ((const struct use *)a)->known->used;
    uint64_t right = ((const struct use *)b)->known->used;

    return (left > right) - (left < right);
}

/* Those with an id, in the order of their use; the caller frees them. */
static struct use *list_uses(const struct mr_registry *registry, size_t *ret_count)
{
    struct use *uses = mr_alloc(registry->known.count * sizeof *uses);
    struct known *known;
    struct mr_slice key;
    size_t at = 0, count = 0;

    while ((known = mr_map_next(&registry->known, &at, &key, NULL))) {
        if (known->id)
            uses[count++] = (struct use){known, key};
    }
    qsort(uses, count, sizeof *uses, compare_uses);
    *ret_count = count;
    return uses;
}

struct mr_slice mr_registry_remember(struct mr_registry *registry)
{
    size_t count, first, bytes = 0;
    struct use *uses;

    if (registry->remembered.size > 0 && registry->rendered == registry->changed)
        return mr_buf_slice(&registry->remembered);
    registry->rendered = registry->changed;
    mr_buf_clear(&registry->remembered);
    mr_buf_add_char(&registry->remembered, '{');
    remember_places(registry);
    uses = list_uses(registry, &count);
    for (first = count; first > 0 && bytes < REMEMBERED; first--)
        bytes += uses[first - 1].key.size + 14; /* ,"":4294967295 */
    for (size_t i = first; i < count; i++) {
        mr_buf_add_char(&registry->remembered, ',');
        mr_json_add_str(&registry->remembered, uses[i].key);
        mr_buf_printf(&registry->remembered, ":%u", uses[i].known->id);
    }
    free(uses);
    mr_buf_add_char(&registry->remembered, '}');
    return mr_buf_slice(&registry->remembered);
}

uint64_t mr_registry_changed(const struct mr_registry *registry)
{
    return registry->changed;
}
