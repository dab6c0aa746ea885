/* The bodies of events: one reader per type. */
#pragma once

#include "connectors/source_mysql/wire/event.h"

/* Fills the union of an event whose header and body are set. False: the body is too short, or nonsense. */
bool mr_my_body_parse(const struct mr_my_format *format, struct mr_my_event *event);
