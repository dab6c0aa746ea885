/* millrace version: what was built, and what it can do.
 *
 * The connectors are those linked in: plug.c lists them from connectors.def. With --json the same as an object
 * {version, compiler, sources, transforms, formats, sinks}, which is what a bug report and a deployment tool
 * want to know. */
#include "base/json.h"
#include "cli/cli.h"
#include "plug/plug.h"
#include "plug/encoder.h"
#include "plug/sink.h"
#include "plug/source.h"
#include "plug/transform.h"

/* One kind of connector as a line of text and a JSON array. */
static void begin_kind(struct mr_cli *cli, const char *kind)
{
    mr_json_add_key(&cli->result, kind);
    mr_buf_add_str(&cli->result, "[");
    mr_buf_printf(&cli->text, "%-11s", kind);
}

static void add_name(struct mr_cli *cli, size_t i, const char *name)
{
    mr_buf_printf(&cli->text, "%s%s", i ? ", " : "", name);
    mr_buf_add_str(&cli->result, i ? "," : "");
    mr_json_add_str(&cli->result, mr_slice_str(name));
}

static void end_kind(struct mr_cli *cli)
{
    mr_buf_add_str(&cli->result, "]");
    mr_buf_add_char(&cli->text, '\n');
}

static int run(struct mr_cli *cli)
{
    mr_buf_add_str(&cli->result, "{");
    mr_cli_json_str(&cli->result, "version", MR_VERSION);
    mr_cli_json_str(&cli->result, "compiler", __VERSION__);
    mr_buf_printf(&cli->text, "millrace %s\n", MR_VERSION);
    begin_kind(cli, "sources");
    for (size_t i = 0; mr_plug_sources()[i]; i++)
        add_name(cli, i, mr_plug_sources()[i]->name);
    end_kind(cli);
    begin_kind(cli, "transforms");
    for (size_t i = 0; mr_plug_transforms()[i]; i++)
        add_name(cli, i, mr_plug_transforms()[i]->name);
    end_kind(cli);
    begin_kind(cli, "formats");
    for (size_t i = 0; mr_plug_encoders()[i]; i++)
        add_name(cli, i, mr_plug_encoders()[i]->name);
    end_kind(cli);
    begin_kind(cli, "sinks");
    for (size_t i = 0; mr_plug_sinks()[i]; i++)
        add_name(cli, i, mr_plug_sinks()[i]->name);
    end_kind(cli);
    mr_buf_add_str(&cli->result, "}");
    return MR_EXIT_OK;
}

const struct mr_verb mr_verb_version = {
    .name = "version",
    .arguments = "",
    .summary = "print the version and the connectors that are built in",
    .run = run,
};
