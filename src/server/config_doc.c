/* config_doc.c - the table of options as prose: docs/configuration.md and --help. */
#include "server/options.h"

static const char preamble[] =
	"# Configuration\n"
	"\n"
	"<!-- Printed from the table in src/server/options.c by `parley docs configuration`. -->\n"
	"\n"
	"Without any configuration `parley serve` is a safe development server on 127.0.0.1:8080\n"
	"with its store in `./parley-data`. Everything below can be changed.\n"
	"\n"
	"An option gets its value from the first of these that names it:\n"
	"\n"
	"1. a flag: `--set limits.burst=50`, or an alias such as `--data DIR`. Given twice, the "
	"last\n"
	"   one counts; `--listen` given twice adds up;\n"
	"2. the environment: `PARLEY_LIMITS_BURST=50`, or one of the names in the tables. An "
	"empty\n"
	"   variable counts as not set;\n"
	"3. the file of `--config FILE`: JSON, with nested objects or dotted keys:\n"
	"   `{\"limits\": {\"burst\": 50}}` is `{\"limits.burst\": 50}`;\n"
	"4. the default.\n"
	"\n"
	"An unknown option, an option given twice in the file, and a value of the wrong type or "
	"out\n"
	"of range stop the start; every such mistake is reported with its line. `parley check\n"
	"--config FILE` reports them without starting, and unsafe settings too; `--print` adds "
	"the\n"
	"values in force, secrets masked. On SIGHUP the file is read again and the options marked\n"
	"*SIGHUP* take their new values; with a mistake in the file the old ones stay.\n"
	"\n"
	"| Type | In the file | As text |\n"
	"| --- | --- | --- |\n"
	"| switch | `true`, `false` | also `on`, `off`, `yes`, `no`, `1`, `0` |\n"
	"| number | `50` | `50` |\n"
	"| time | `\"30s\"`, or milliseconds: `30000` | with `ms`, `s`, `m`, `h`; bare: "
	"milliseconds |\n"
	"| size | `\"64KiB\"`, or bytes: `65536` | with `KiB`, `MiB`, `GiB` (or `k`, `M`, `G`); "
	"bare: "
	"bytes |\n"
	"| text, path, secret, word | a string | as it is |\n"
	"| list | an array of strings, or as text | items between commas |\n"
	"\n"
	"A path is relative to the directory where the program was started. Secrets belong in a\n"
	"file that only the server can read, or in the environment, not in a flag.\n";

struct section {
	const char *prefix, *title;
};

static const struct section sections[] = {
	{"", "The server"},
	{"log", "Log"},
	{"store", "Store"},
	{"tls", "TLS"},
	{"auth", "Signing in"},
	{"accounts", "Accounts"},
	{"limits", "Limits"},
	{"compression", "Compression"},
	{"heartbeat", "Heartbeat"},
	{"presence", "Presence"},
	{"typing", "Typing"},
	{"history", "History"},
	{"rooms", "Rooms"},
	{"calls", "Calls"},
	{"native", "Native clients"},
	{"realtime", "Chat and presence clients"},
	{"socketio", "Socket.IO"},
	{"files", "Files"},
	{"handler", "Sample endpoints"},
	{"admin", "Administration"},
	{"drain", "Stopping"},
};

static bool is_in(const struct pl_option *o, const struct section *s)
{
	struct pl_slice rest;
	struct pl_slice head = pl_slice_cut(pl_slice_str(o->name), '.', &rest);
	return pl_slice_is(rest.at ? head : PL_S(""), s->prefix);
}

static void put_words(const struct pl_option *o, struct pl_buf *b)
{
	for (size_t i = 0; o->words[i]; i++)
		pl_buf_printf(b, "%s`%s`", i ? ", " : "", o->words[i]);
}

static void put_accepts(const struct pl_option *o, struct pl_buf *b)
{
	static const char *const names[] = {
		[PL_OPT_BOOL] = "switch",         [PL_OPT_INT] = "number, ",
		[PL_OPT_MILLIS] = "time, ",       [PL_OPT_BYTES] = "size, ",
		[PL_OPT_STRING] = "text",         [PL_OPT_PATH] = "path",
		[PL_OPT_SECRET] = "secret",       [PL_OPT_ENUM] = "",
		[PL_OPT_LIST] = "list, at most ", [PL_OPT_LISTEN] = "list, at most ",
	};
	pl_buf_puts(b, pl_slice_str(names[o->type]));
	if (o->type == PL_OPT_ENUM)
		put_words(o, b);
	else if (pl_option_is_list(o))
		pl_buf_put_u64(b, o->max);
	else if (o->type == PL_OPT_INT || o->type == PL_OPT_MILLIS || o->type == PL_OPT_BYTES)
		pl_option_print_range(o, b);
}

static void put_row(const struct pl_option *o, struct pl_buf *b)
{
	pl_buf_printf(b, o->def[0] ? "| `%s` | `%s` | " : "| `%s` | %s | ", o->name,
		      o->def[0] ? o->def : "–");
	put_accepts(o, b);
	pl_buf_printf(b, " | %s", o->doc);
	if (o->flag)
		pl_buf_printf(b, " Flag `%s`.", o->flag);
	for (size_t i = 0; i < 2 && o->env[i].name; i++)
		pl_buf_printf(b, " Environment `%s`%s%s%s.", o->env[i].name,
			      o->env[i].suffix ? " with `" : "",
			      o->env[i].suffix ? o->env[i].suffix : "",
			      o->env[i].suffix ? "` added" : "");
	if (o->reload)
		PL_PUT(b, " *SIGHUP*");
	PL_PUT(b, " |\n");
}

void pl_config_markdown(struct pl_buf *b)
{
	pl_buf_put(b, preamble, sizeof(preamble) - 1);
	for (size_t s = 0; s < sizeof(sections) / sizeof(*sections); s++) {
		pl_buf_printf(b, "\n## %s\n\n", sections[s].title);
		PL_PUT(b, "| Option | Default | Accepts | Meaning |\n| --- | --- | --- | --- |\n");
		for (size_t i = 0; i < pl_option_count; i++)
			if (is_in(&pl_options[i], &sections[s]))
				put_row(&pl_options[i], b);
	}
}

void pl_config_help_options(struct pl_buf *b)
{
	for (size_t i = 0; i < pl_option_count; i++) {
		const struct pl_option *o = &pl_options[i];
		pl_buf_printf(b, "%s = %s\n    %s\n    ", o->name, o->def, o->doc);
		put_accepts(o, b);
		PL_PUT(b, "\n");
	}
}

/* Words for the flags' values; the rest is VALUE. */
static const char *placeholder(const struct pl_option *o)
{
	if (!strcmp(o->name, "data"))
		return "DIR";
	if (o->type == PL_OPT_LISTEN)
		return "ADDR:PORT[=DIALECT]";
	if (o->type == PL_OPT_PATH)
		return "FILE";
	return o->type == PL_OPT_INT ? "N" : "WORD";
}

void pl_config_help_flags(struct pl_buf *b)
{
	PL_PUT(b, "  --config FILE\n        Read this configuration file.\n"
		  "  --set KEY=VALUE\n        Set any option; `parley help options` lists them.\n");
	for (size_t i = 0; i < pl_option_count; i++) {
		const struct pl_option *o = &pl_options[i];
		if (o->flag)
			pl_buf_printf(b, "  %s %s\n        %s (%s)\n", o->flag, placeholder(o),
				      o->doc, o->def[0] ? o->def : "not set");
	}
}

const char *pl_config_flag_option(struct pl_slice flag, bool *is_list)
{
	for (size_t i = 0; i < pl_option_count; i++)
		if (pl_options[i].flag && pl_slice_is(flag, pl_options[i].flag)) {
			*is_list = pl_option_is_list(&pl_options[i]);
			return pl_options[i].name;
		}
	return NULL;
}
