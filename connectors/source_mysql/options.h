/* The settings of the MySQL and MariaDB source, as the engine fills them from the option table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/option.h"
#include "capture/options.h"

enum mr_my_words { MR_MY_WORDS_FAIL, MR_MY_WORDS_WARN };

struct mr_my_config {
    const char *dsn, *password;
    struct mr_capture_options capture;
    const char *server_id; /* "auto", or a number */
    int words;             /* enum mr_my_words */
    int64_t largest_event;
};

extern const struct mr_option mr_my_options[];
