/* The life of a pipeline, on its writer thread. */
#pragma once

struct mr_pipeline;

/* The body of the writer thread: returns when the pipeline is over; the final state is set. */
void mr_pipeline_supervise(struct mr_pipeline *pipeline);
