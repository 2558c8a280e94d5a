/*
 * config.c - the life of a configuration: the levels laid over each other, what they decide
 * together, and the end of its secrets.
 */
#include "server/options.h"

#include "base/file.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <sys/stat.h>

enum { WHY_MAX = 512 };

struct pl_config_origin pl_origin_of(const struct pl_config *c, const struct pl_option *o)
{
	return c->from[pl_option_row(o)];
}

int pl_config_assign(struct pl_config *c, const struct pl_option *o, struct pl_slice text,
		     struct pl_config_origin from, bool append, struct pl_findings *f)
{
	struct pl_buf why;
	pl_buf_init(&why, WHY_MAX);
	int err = append ? pl_option_append(c, o, text, &why) : pl_option_set(c, o, text, &why);
	if (!err)
		c->from[pl_option_row(o)] = from;
	if (err == PL_EINVAL) {
		pl_findings_add(f, true, c, from, "%s %.*s", o->name, PL_FMT(pl_buf_slice(&why)));
		err = why.err == PL_ENOMEM ? PL_ENOMEM : 0;
	}
	pl_buf_fini(&why);
	return err;
}

static int set_defaults(struct pl_config *c, struct pl_findings *f)
{
	struct pl_config_origin from = {.level = PL_FROM_DEFAULT};
	int err = 0;
	for (size_t i = 0; i < pl_option_count && !err; i++)
		err = pl_config_assign(c, &pl_options[i], pl_slice_str(pl_options[i].def), from,
				       false, f);
	return err;
}

/* Of a value and the file that may hold it, the stronger source counts. */
static void settle_secret(struct pl_config *c, const char *value, const char *file,
			  struct pl_findings *f)
{
	const struct pl_option *v = pl_option_find(pl_slice_str(value));
	const struct pl_option *p = pl_option_find(pl_slice_str(file));
	char *const *at_v = (char *const *)(void *)((char *)c + v->at);
	char *const *at_p = (char *const *)(void *)((char *)c + p->at);
	if (!*at_v || !*at_p)
		return;
	enum pl_config_level lv = pl_origin_of(c, v).level, lp = pl_origin_of(c, p).level;
	if (lv == lp)
		pl_findings_add(f, true, c, pl_origin_of(c, p), "%s and %s: only one may be set",
				v->name, p->name);
	pl_option_clear(c, lv > lp ? p : v);
}

static void settle_port(struct pl_config *c)
{
	const struct pl_option *port = pl_option_find(PL_S("port"));
	const struct pl_option *listen = pl_option_find(PL_S("listen"));
	if (!c->port || pl_origin_of(c, port).level < pl_origin_of(c, listen).level)
		return;
	for (size_t i = 0; i < c->listen.n; i++)
		if (c->listen.at[i].kind != PL_LISTEN_UNIX) {
			c->listen.at[i].port = (uint16_t)c->port;
			return;
		}
}

static int lay_levels(struct pl_config *c, const struct pl_config_input *in, struct pl_slice json,
		      struct pl_findings *f)
{
	int err = set_defaults(c, f);
	if (!err && json.at)
		err = pl_config_file(c, json, f);
	if (!err && in->env)
		err = pl_config_env(c, in->env, f);
	if (!err)
		err = pl_config_flags(c, in->flags, in->nflags, f);
	if (err)
		return err;
	settle_secret(c, "auth.secret", "auth.secret_file", f);
	settle_secret(c, "admin.key", "admin.key_file", f);
	settle_secret(c, "calls.turn_secret", "calls.turn_secret_file", f);
	settle_port(c);
	return f->text.err == PL_ENOMEM ? PL_ENOMEM : 0;
}

int pl_config_load_text(const struct pl_config_input *in, const char *name, struct pl_slice json,
			struct pl_findings *f, struct pl_config **out)
{
	struct pl_config *c = PL_NEW(struct pl_config);
	if (!c)
		return PL_ENOMEM;
	int err = 0;
	if (name && !(c->file = pl_strdup(name)))
		err = PL_ENOMEM;
	if (!err)
		err = lay_levels(c, in, json, f);
	if (!err && in->check && pl_config_check(c, f) == PL_ENOMEM)
		err = PL_ENOMEM;
	if (!err && f->errors)
		err = PL_EINVAL;
	if (err) {
		pl_config_free(c);
		return err;
	}
	*out = c;
	return 0;
}

int pl_config_load(const struct pl_config_input *in, struct pl_findings *f, struct pl_config **out)
{
	struct pl_buf text;
	pl_buf_init(&text, PL_CONFIG_FILE_MAX);
	int err = in->file ? pl_file_read(in->file, &text, NULL) : 0;
	if (err && err != PL_ENOMEM) {
		struct pl_config unread = {.file = NULL};
		pl_findings_add(f, true, &unread, (struct pl_config_origin){0},
				"cannot read %s: %s", in->file, pl_strerror(err));
	}
	struct pl_slice json =
		in->file && !err ? pl_slice(text.at ? text.at : "", text.len) : pl_slice(NULL, 0);
	if (err != PL_ENOMEM)
		err = pl_config_load_text(in, in->file, json, f, out);
	if (text.at)
		OPENSSL_cleanse(text.at, text.cap);
	pl_buf_fini(&text);
	return err;
}

void pl_config_free(struct pl_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < pl_option_count; i++)
		pl_option_clear(c, &pl_options[i]);
	pl_free(c->file);
	pl_free(c);
}

static const char *data_dir(const struct pl_config *c)
{
	return c->data ? c->data : ".";
}

int pl_config_make_data(const struct pl_config *c)
{
	struct stat st;
	if (!mkdir(data_dir(c), 0700))
		return 0;
	return !stat(data_dir(c), &st) && S_ISDIR(st.st_mode) ? 0 : PL_EIO;
}

int pl_config_path(const struct pl_config *c, const char *name, char **out)
{
	struct pl_buf b;
	pl_buf_init(&b, PL_CONFIG_VALUE_MAX + 256);
	pl_buf_printf(&b, "%s/%s", data_dir(c), name);
	char *path = b.err ? NULL : pl_memdup0(b.at, b.len);
	pl_buf_fini(&b);
	if (!path)
		return PL_ENOMEM;
	*out = path;
	return 0;
}

int pl_config_reload_check(const struct pl_config *now, const struct pl_config *next,
			   struct pl_findings *f)
{
	for (size_t i = 0; i < pl_option_count; i++) {
		const struct pl_option *o = &pl_options[i];
		if (!o->reload && !pl_option_same(now, next, o))
			pl_findings_add(f, false, next, pl_origin_of(next, o),
					"%s changed; it counts from the next start", o->name);
	}
	return f->text.err == PL_ENOMEM ? PL_ENOMEM : 0;
}

void pl_config_print(const struct pl_config *c, struct pl_buf *b)
{
	static const char *const levels[] = {
		[PL_FROM_DEFAULT] = "default",
		[PL_FROM_FILE] = "file",
		[PL_FROM_ENV] = "environment",
		[PL_FROM_FLAG] = "flag",
	};
	for (size_t i = 0; i < pl_option_count; i++) {
		pl_buf_printf(b, "%-36s = ", pl_options[i].name);
		pl_option_print(c, &pl_options[i], b);
		pl_buf_printf(b, " (%s)\n", levels[c->from[i].level]);
	}
}
