/* The table of options of a registry.
 *
 *     registry: {urls: [...], user: ..., ca: ..., auto_register: true, ...}      the same below every format
 *
 * Its rows stand in the reference and in every example; what they do is registry.c's and http.c's business. TLS files
 * are read by curl, and a password in a URL is refused where the URL is used. */
#include "schema/registry/options.h"

#include <stddef.h>

#include "base/clock.h"

const struct mr_option mr_registry_option_table[] = {
    {.key = "urls",
     .type = MR_OPTION_LIST,
     .offset = offsetof(struct mr_registry_options, urls),
     .doc = "Base URLs of the schema registry, tried in turn. Apicurio's Confluent API is below "
            "/apis/ccompat/v7."},
    {.key = "user",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct mr_registry_options, user),
     .doc = "User name for basic authentication."},
    {.key = "password",
     .type = MR_OPTION_STRING,
     .flags = MR_OPTION_SECRET,
     .offset = offsetof(struct mr_registry_options, password),
     .doc = "Password for basic authentication."},
    {.key = "token",
     .type = MR_OPTION_STRING,
     .flags = MR_OPTION_SECRET,
     .offset = offsetof(struct mr_registry_options, token),
     .doc = "Bearer token, instead of user and password."},
    {.key = "ca",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct mr_registry_options, ca),
     .doc = "PEM file of the certificate authorities that sign the registry's certificate."},
    {.key = "certificate",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct mr_registry_options, certificate),
     .doc = "PEM file of our certificate, for mutual TLS."},
    {.key = "key",
     .type = MR_OPTION_STRING,
     .offset = offsetof(struct mr_registry_options, key),
     .doc = "PEM file of its private key."},
    {.key = "auto_register",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct mr_registry_options, auto_register),
     .standard = "true",
     .doc = "Register new schemas. When false, every schema has to be registered already, and one "
            "that is not stops "
            "the pipeline."},
    {.key = "normalize",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(struct mr_registry_options, normalize),
     .standard = "false",
     .doc = "Ask the registry to normalize schemas before it compares them."},
    {.key = "timeout",
     .type = MR_OPTION_DURATION,
     .offset = offsetof(struct mr_registry_options, timeout_ns),
     .standard = "10s",
     .min = 100 * MR_MS_NS,
     .max = 300 * MR_SECOND_NS,
     .doc = "How long one request may take."},
    {0}};
