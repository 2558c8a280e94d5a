/*
 * config_env.c - the levels outside the file: environment variables, then flags.
 *
 * PARLEY_<NAME> reaches every option and wins over the names that other programs made common.
 */
#include "server/options.h"

#include <openssl/crypto.h>

/* "NAME=value" for a name that is set and not empty, else NULL. */
static const char *find_variable(const char *const *env, struct pl_slice name)
{
	for (; *env; env++)
		if (!strncmp(*env, name.at, name.len) && (*env)[name.len] == '=' &&
		    (*env)[name.len + 1])
			return *env;
	return NULL;
}

static struct pl_slice value_of(const char *variable)
{
	return pl_slice_str(strchr(variable, '=') + 1);
}

/* SUPABASE_URL is the address of a project; its tokens are issued below it. */
static int assign_with_suffix(struct pl_config *c, const struct pl_option *o, const char *variable,
			      const char *suffix, struct pl_findings *f)
{
	struct pl_config_origin from = {.level = PL_FROM_ENV, .name = variable};
	struct pl_slice value = value_of(variable);
	struct pl_buf text;
	pl_buf_init(&text, PL_CONFIG_VALUE_MAX * 2);
	while (suffix && value.len && value.at[value.len - 1] == '/')
		value.len--;
	pl_buf_puts(&text, value);
	pl_buf_puts(&text, pl_slice_str(suffix));
	int err = text.err == PL_ENOMEM ? PL_ENOMEM : 0;
	/* Too long for the buffer is too long for the option too: let it say so. */
	if (!err)
		err = pl_config_assign(c, o, text.err ? value : pl_buf_slice(&text), from, false,
				       f);
	if (text.at)
		OPENSSL_cleanse(text.at, text.cap);
	pl_buf_fini(&text);
	return err;
}

static int assign_option(struct pl_config *c, const struct pl_option *o, const char *const *env,
			 struct pl_findings *f)
{
	char generic[PL_OPTION_ENV_MAX];
	pl_option_env_name(o, generic);
	const char *variable = find_variable(env, pl_slice_str(generic));
	const char *suffix = NULL;
	for (size_t i = 0; !variable && i < 2 && o->env[i].name; i++) {
		variable = find_variable(env, pl_slice_str(o->env[i].name));
		suffix = o->env[i].suffix;
	}
	return variable ? assign_with_suffix(c, o, variable, suffix, f) : 0;
}

static bool is_generic_name(struct pl_slice name)
{
	char generic[PL_OPTION_ENV_MAX];
	for (size_t i = 0; i < pl_option_count; i++) {
		pl_option_env_name(&pl_options[i], generic);
		if (pl_slice_is(name, generic))
			return true;
	}
	return false;
}

static void warn_of_unknown(struct pl_config *c, const char *const *env, struct pl_findings *f)
{
	for (; *env; env++) {
		struct pl_slice name = pl_slice(*env, strcspn(*env, "="));
		struct pl_config_origin from = {.level = PL_FROM_ENV, .name = *env};
		if (pl_slice_starts(name, PL_S("PARLEY_")) && !is_generic_name(name))
			pl_findings_add(f, false, c, from, "is no option");
	}
}

int pl_config_env(struct pl_config *c, const char *const *env, struct pl_findings *f)
{
	int err = 0;
	for (size_t i = 0; i < pl_option_count && !err; i++)
		err = assign_option(c, &pl_options[i], env, f);
	if (!err)
		warn_of_unknown(c, env, f);
	return err;
}

static int assign_flag(struct pl_config *c, const struct pl_config_flag *flag,
		       struct pl_findings *f)
{
	struct pl_config_origin from = {.level = PL_FROM_FLAG, .name = flag->shown};
	const struct pl_option *o = pl_option_find(flag->key);
	if (!o) {
		pl_findings_add(f, true, c, from, "unknown option \"%.*s\"", PL_FMT(flag->key));
		return 0;
	}
	if (o->type == PL_OPT_SECRET)
		pl_findings_add(f, false, c, from,
				"%s: other users of this machine can see it; use a file or the "
				"environment",
				o->name);
	bool append =
		flag->append && pl_option_is_list(o) && pl_origin_of(c, o).level == PL_FROM_FLAG;
	return pl_config_assign(c, o, flag->value, from, append, f);
}

int pl_config_flags(struct pl_config *c, const struct pl_config_flag *flags, size_t n,
		    struct pl_findings *f)
{
	int err = 0;
	for (size_t i = 0; i < n && !err; i++)
		err = assign_flag(c, &flags[i], f);
	return err;
}

static void scrub(char *variable, const char *name)
{
	size_t n = strlen(name);
	if (!strncmp(variable, name, n) && variable[n] == '=')
		OPENSSL_cleanse(variable + n + 1, strlen(variable + n + 1));
}

void pl_config_scrub_env(char **env)
{
	char generic[PL_OPTION_ENV_MAX];
	for (size_t i = 0; i < pl_option_count; i++) {
		const struct pl_option *o = &pl_options[i];
		if (o->type != PL_OPT_SECRET)
			continue;
		pl_option_env_name(o, generic);
		for (char **e = env; *e; e++) {
			scrub(*e, generic);
			for (size_t k = 0; k < 2 && o->env[k].name; k++)
				scrub(*e, o->env[k].name);
		}
	}
}
