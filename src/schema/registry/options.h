/* Where a registry is and how it is spoken to: a part of the configuration of encoders with registered schemas. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/option.h"

struct mr_registry_options {
    struct mr_option_list urls;         /* tried in turn; count 0: no registry */
    const char *user, *password;        /* basic */
    const char *token;                  /* bearer */
    const char *ca, *certificate, *key; /* PEM files */
    bool auto_register;
    bool normalize;
    int64_t timeout_ns;
};

/* The GROUP below an encoder's `registry:`; its config is a struct mr_registry_options. */
extern const struct mr_option mr_registry_option_table[];
