/* args.c - the command line of a sub-command: its own flags, the configuration's, and words. */
#include "command.h"

#include <string.h>

/* "--name=value" or "--name value". */
struct written {
	struct pl_slice name;
	const char *value; /* behind '=', or NULL */
};

static struct written split(const char *arg)
{
	size_t n = strcspn(arg, "=");
	return (struct written){pl_slice(arg, n), arg[n] ? arg + n + 1 : NULL};
}

static int own_row(const struct command *c, struct pl_slice name)
{
	for (int i = 0; c->flags && c->flags[i].name; i++)
		if (pl_slice_is(name, c->flags[i].name))
			return i;
	return -1;
}

static int take_own(struct args *a, int row, struct written w, char ***argv)
{
	const struct flag *f = &a->command->flags[row];
	if (!f->value && w.value)
		return fail_usage(a->command, "%s takes no value", f->name);
	if (f->value && !w.value)
		w.value = *++*argv;
	if (f->value && !w.value)
		return fail_usage(a->command, "%s needs a value: %s", f->name, f->value);
	a->values[row] = f->value ? w.value : "";
	return 0;
}

static int add_setting(struct args *a, struct pl_slice key, const char *value, const char *shown,
		       bool append)
{
	if (a->nsettings == SETTINGS_MAX)
		return fail_usage(a->command, "more than %d settings", SETTINGS_MAX);
	a->settings[a->nsettings++] = (struct pl_config_flag){
		.key = key, .value = pl_slice_str(value), .shown = shown, .append = append};
	return 0;
}

static int take_set(struct args *a, const char *text)
{
	const char *eq = strchr(text, '=');
	if (!eq)
		return fail_usage(a->command, "--set needs KEY=VALUE");
	return add_setting(a, pl_slice(text, (size_t)(eq - text)), eq + 1, "--set", false);
}

static int take_config(struct args *a, struct written w, char ***argv)
{
	bool is_list = false;
	const char *shown = **argv;
	const char *option = pl_config_flag_option(w.name, &is_list);
	bool is_file = pl_slice_is(w.name, "--config"), is_set = pl_slice_is(w.name, "--set");
	if (!a->command->takes_config || (!option && !is_file && !is_set))
		return fail_usage(a->command, "unknown flag %.*s", PL_FMT(w.name));
	if (!w.value && !(w.value = *++*argv))
		return fail_usage(a->command, "%.*s needs a value", PL_FMT(w.name));
	if (is_set)
		return take_set(a, w.value);
	if (!is_file)
		return add_setting(a, pl_slice_str(option), w.value, shown, is_list);
	if (a->config_file)
		return fail_usage(a->command, "--config is given twice");
	a->config_file = w.value;
	return 0;
}

static int take_word(struct args *a, const char *word)
{
	size_t max = a->command->max_words < WORDS_MAX ? a->command->max_words : WORDS_MAX;
	if (a->nwords == max)
		return fail_usage(a->command, "what is \"%s\"?", word);
	a->words[a->nwords++] = word;
	return 0;
}

static int take(struct args *a, char ***argv)
{
	struct written w = split(**argv);
	int row = own_row(a->command, w.name);
	if (pl_slice_is(w.name, "--help") || pl_slice_is(w.name, "-h")) {
		a->wants_help = true;
		return 0;
	}
	return row >= 0 ? take_own(a, row, w, argv) : take_config(a, w, argv);
}

int args_parse(struct args *a, const struct command *c, char **argv)
{
	bool only_words = false;
	int code = 0;
	a->command = c;
	for (; *argv && !code && !a->wants_help; argv++) {
		if (only_words || (*argv)[0] != '-' || !(*argv)[1])
			code = take_word(a, *argv);
		else if (!strcmp(*argv, "--"))
			only_words = true;
		else
			code = take(a, &argv);
		if (!*argv)
			break;
	}
	if (!code && !a->wants_help && a->nwords < c->min_words)
		code = fail_usage(c, "something is missing: %s", c->args);
	return code;
}

const char *args_flag(const struct args *a, const char *name)
{
	int row = own_row(a->command, pl_slice_str(name));
	return row < 0 ? NULL : a->values[row];
}

bool args_has(const struct args *a, const char *name)
{
	return args_flag(a, name) != NULL;
}

int args_load(const struct args *a, bool checked, struct pl_findings *f, struct pl_config **out)
{
	struct pl_config_input in = {
		.file = a->config_file,
		.env = a->env,
		.flags = a->settings,
		.nflags = a->nsettings,
		.check = checked,
	};
	return pl_config_load(&in, f, out);
}

int args_config(const struct args *a, bool checked, FILE *to, struct pl_config **out)
{
	struct pl_findings f;
	pl_findings_init(&f);
	int err = args_load(a, checked, &f, out);
	if (f.text.len)
		(void)put_buf(to, &f.text);
	pl_findings_fini(&f);
	if (err == PL_EINVAL)
		return EXIT_FAILED;
	return err ? fail("%s", pl_strerror(err)) : EXIT_FINE;
}
