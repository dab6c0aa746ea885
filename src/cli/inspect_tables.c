/* Will the transforms take the tables there are?
 *
 * A transform decides per table version and refuses there, with table and column. The source shows a version of
 * every table it would capture; each goes through the transforms in a batch of its own that has the table and no row.
 * So `check` says exactly what a run would say, by the same code, before anything was made or sent. */
#include <stdlib.h>

#include "cli/inspect.h"

struct trial {
    const struct mr_pipeline_config *config;
    void **transforms;
    struct mr_inspect_tables *tried;
};

static void try_table(void *user, struct mr_table *table)
{
    struct trial *trial = user;
    const struct mr_findings *findings = trial->tried->findings;
    struct mr_batch *batch = mr_batch_new(4096, 0);
    struct mr_err err;
    int rc = 0;

    mr_err_clear(&err);
    mr_batch_use_table(batch, table);
    for (size_t i = 0; i < trial->config->transform_count && rc == 0; i++)
        rc = trial->config->transforms[i]->apply(trial->transforms[i], batch, &err);
    trial->tried->count++;
    trial->tried->fit += rc == 0;
    if (rc < 0)
        findings->add(findings->state, MR_FINDING_FAIL, err.code, err.text,
                      err.hint[0] ? err.hint : NULL);
    mr_batch_free(batch);
}

static int open_transforms(const struct mr_inspect *inspect, void **transforms, struct mr_err *err)
{
    const struct mr_pipeline_config *config = inspect->config;
    int rc = 0;

    for (size_t i = 0; i < config->transform_count && rc == 0; i++) {
        struct mr_transform_args args = {&inspect->context, config->transform_configs[i]};
        transforms[i] = mr_alloc_zero(config->transforms[i]->state_size);
        rc = config->transforms[i]->open(transforms[i], &args, err);
    }
    return rc;
}

int mr_inspect_tables(struct mr_inspect *inspect, struct mr_inspect_tables *tried,
                      struct mr_err *err)
{
    const struct mr_pipeline_config *config = inspect->config;
    struct mr_source_args args = inspect->source;
    struct trial trial = {config, NULL, tried};
    int rc;

    if (config->transform_count == 0 || !config->source->tables)
        return 0;
    args.adopt = config->sink->delivery == MR_SINK_AT_LEAST_ONCE;
    trial.transforms = mr_alloc_zero(config->transform_count * sizeof *trial.transforms);
    rc = open_transforms(inspect, trial.transforms, err);
    if (rc == 0)
        rc = config->source->tables(&args, try_table, &trial, err);
    for (size_t i = 0; i < config->transform_count; i++) {
        if (trial.transforms[i])
            config->transforms[i]->close(trial.transforms[i]);
        free(trial.transforms[i]);
    }
    free(trial.transforms);
    return rc;
}
