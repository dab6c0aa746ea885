/* The replication stream: frames, keepalives, status, reading in bursts. Reader thread. */
#pragma once

#include "connectors/source_postgres/source.h"

/* Opens the replication session and asks who the server is (IDENTIFY_SYSTEM). */
int mr_pg_stream_connect(struct mr_pg_source *source, struct mr_err *err) MR_MUST_CHECK;

/* START_REPLICATION at the feed's position. MR_RETRY source.slot_in_use; MR_GAP source.slot_missing, ... */
int mr_pg_stream_start(struct mr_pg_source *source, struct mr_err *err) MR_MUST_CHECK;

/* Whether it is a Unix-domain socket, which holds little. */
bool mr_pg_stream_is_shallow(int fd);

/* As struct mr_source's read() and tend(), once streaming. */
int mr_pg_stream_read(struct mr_pg_source *source, struct mr_batch *batch, int64_t deadline_ns,
                      struct mr_err *err) MR_MUST_CHECK;
int mr_pg_stream_tend(struct mr_pg_source *source, struct mr_err *err) MR_MUST_CHECK;

/* Sends the last confirmed position if that does not block, and closes the session. */
void mr_pg_stream_close(struct mr_pg_source *source);

/* A standby status update: 'r', write, flush, apply, time, reply (34 bytes). */
#define MR_PG_STATUS_SIZE 34
void mr_pg_status_frame(uint64_t flush, int64_t wall_us, bool reply,
                        char ret_frame[MR_PG_STATUS_SIZE]);
