/* public.c - the life of an embedded server: parley_create to parley_free (parley.h). */
#include "server/internal.h"

#include "base/mem.h"
#include "server/options.h"

enum { WHY_MAX = 1 << 16, SETTINGS_MAX = 256 };

/* One list of errors, two sets of names. */
#define SAME(a, b) _Static_assert((int)PARLEY_##a == (int)PL_##b, #a)
SAME(ENOMEM, ENOMEM);
SAME(EINVAL, EINVAL);
SAME(ESTATE, ESTATE);
SAME(ECLOSED, ECLOSED);
SAME(EBUSY, EBUSY);
SAME(ETOO_BIG, ETOOBIG);
SAME(EADDR, EADDR);
SAME(ETLS, ETLS);
SAME(ESTORE, ESTORE);
SAME(EDENIED, EDENIED);
SAME(ENOT_FOUND, ENOTFOUND);
SAME(EEXISTS, EEXISTS);
SAME(EIO, EIO);
SAME(EPROTO, EPROTO);
SAME(ELIMIT, ELIMIT);
SAME(EEXPIRED, EEXPIRED);
#undef SAME

/* What an embedder is not told apart. */
static int to_public(int err)
{
	return err == PL_ELOCKED || err == PL_ECORRUPT ? PARLEY_ESTORE
	       : err == PL_EAGAIN                      ? PARLEY_EBUSY
						       : err;
}

/* ---- log ---- */

static enum parley_log_level level_of(enum pl_log_level level)
{
	switch (level) {
	case PL_DEBUG: return PARLEY_LOG_DEBUG;
	case PL_WARN: return PARLEY_LOG_WARN;
	case PL_ERROR: return PARLEY_LOG_ERROR;
	case PL_INFO:
	case PL_ALWAYS: break;
	}
	return PARLEY_LOG_INFO;
}

/* Outlives the server: the log's thread ends last. */
struct pl_log_to {
	void (*line)(enum parley_log_level, const char *line, void *user);
	void *user;
};

static void on_line(void *ctx, enum pl_log_level level, const char *text)
{
	const struct pl_log_to *to = ctx;
	to->line(level_of(level), text, to->user);
}

/* Each line of a text, to a function that is there. Before there is a log. */
static void tell(const struct parley_options *o, enum parley_log_level level, struct pl_slice text)
{
	while (o->log && text.len) {
		struct pl_slice line = pl_slice_cut(text, '\n', &text);
		char *copy = line.len ? pl_memdup0(line.at, line.len) : NULL;
		if (copy)
			o->log(level, copy, o->user);
		pl_free(copy);
	}
}

static int open_log(struct parley_server *s, const struct parley_options *o)
{
	if (!o->log)
		return 0;
	s->own_log_to = PL_NEW(struct pl_log_to);
	if (!s->own_log_to)
		return PL_ENOMEM;
	*s->own_log_to = (struct pl_log_to){.line = o->log, .user = o->user};
	struct pl_log_options lo = {
		.level = s->own_config->log_level, .line = on_line, .ctx = s->own_log_to};
	int err = pl_log_new(&lo, &s->own_log);
	s->log = s->own_log;
	return err;
}

/* ---- options ---- */

/* Bigger than ours: by a newer caller, who may not ask for what we do not know. */
static int adopt(const struct parley_options *given, size_t size, struct parley_options *o)
{
	size_t known = size < sizeof(*o) ? size : sizeof(*o);
	*o = (struct parley_options){.config_file = NULL};
	if (!given)
		return 0;
	memcpy(o, given, known);
	for (size_t i = known; i < size; i++)
		if (((const char *)given)[i])
			return PL_EINVAL;
	return 0;
}

struct settings {
	struct pl_config_flag at[SETTINGS_MAX];
	size_t n;
};

static void add(struct settings *s, struct pl_slice key, const char *value, const char *shown)
{
	s->at[s->n++] =
		(struct pl_config_flag){.key = key, .value = pl_slice_str(value), .shown = shown};
}

static int collect(const struct parley_options *o, struct settings *s)
{
	for (size_t i = 0; o->set && o->set[i]; i++) {
		const char *equals = strchr(o->set[i], '=');
		if (!equals || s->n == SETTINGS_MAX - 1) {
			tell(o, PARLEY_LOG_ERROR,
			     equals ? PL_S("set: too many settings")
				    : PL_S("set: each must be option=value"));
			return PL_EINVAL;
		}
		add(s, pl_slice(o->set[i], (size_t)(equals - o->set[i])), equals + 1, "set");
	}
	if (o->listen)
		add(s, PL_S("listen"), o->listen, "listen");
	return 0;
}

static int load(const struct parley_options *o, struct pl_config **out)
{
	struct settings *s = PL_NEW(struct settings);
	struct pl_findings f;
	if (!s)
		return PL_ENOMEM;
	pl_findings_init(&f);
	int err = collect(o, s);
	struct pl_config_input in = {
		.file = o->config_file, .flags = s->at, .nflags = s->n, .check = true};
	if (!err)
		err = pl_config_load(&in, &f, out);
	if (err || (*out)->log_level <= PL_WARN)
		tell(o, err ? PARLEY_LOG_ERROR : PARLEY_LOG_WARN, pl_buf_slice(&f.text));
	pl_findings_fini(&f);
	if (!err)
		/* They point into what is about to go. */
		for (size_t i = 0; i < PL_CONFIG_OPTIONS_MAX; i++)
			(*out)->from[i].name = NULL;
	pl_free(s);
	return err;
}

/* The option's, else what somebody configured, else one. */
static uint32_t workers(const struct parley_options *o, const struct pl_config *c)
{
	const struct pl_option *row = pl_option_find(PL_S("workers"));
	if (o->workers)
		return o->workers;
	return pl_origin_of(c, row).level == PL_FROM_DEFAULT ? 1 : c->workers;
}

/* ---- from create to start ---- */

static void on_fatal(void *ctx, const char *why)
{
	struct parley_server *s = ctx;
	pl_log(s->log, PL_ERROR, "store", "%s: stopping, because nothing more can be promised",
	       why);
	atomic_store(&s->is_fatal, true);
	pl_server_stop(s);
}

static int create(const struct parley_options *o, struct parley_server **out)
{
	struct pl_config *config = NULL;
	struct parley_server *s = NULL;
	int err = load(o, &config);
	if (err)
		return err;
	struct pl_server_options so = {.config = config,
				       .prefix = o->prefix,
				       .is_driven = true,
				       .workers = workers(o, config)};
	err = pl_server_new(&so, &s);
	if (err) {
		if (err == PL_EINVAL)
			tell(o, PARLEY_LOG_ERROR, PL_S("prefix: not a path such as /api"));
		pl_config_free(config);
		return err;
	}
	s->own_config = config;
	s->events = (struct pl_server_events){.on_fatal = on_fatal, .ctx = s};
	pl_buf_init(&s->why, WHY_MAX);
	err = open_log(s, o);
	if (err)
		parley_free(s);
	else
		*out = s;
	return err;
}

int parley_create_sized(parley_server **out, const struct parley_options *given, size_t size)
{
	struct parley_options o;
	int err = out ? adopt(given, size, &o) : PL_EINVAL;
	if (err && out)
		tell(&o, PARLEY_LOG_ERROR,
		     PL_S("options: a member that this library is too old for"));
	return err ? err : create(&o, out);
}

/* The last failure's words: replaced by each call that can fail. */
int pl_server_because(parley_server *s, int err, const char *why)
{
	pl_buf_clear(&s->why);
	if (err)
		pl_buf_printf(&s->why, "%s", why ? why : pl_strerror(err));
	if (err)
		pl_buf_putc(&s->why, '\0');
	return to_public(err);
}

int parley_serve_sized(parley_server *s, const struct parley_endpoint *e, size_t size)
{
	const char *why = NULL;
	if (!s || !e)
		return PARLEY_EINVAL;
	int err = pl_server_serve(s, e, size, &why);
	return pl_server_because(s, err, why);
}

int parley_mount(parley_server *s, const char *pattern, const char *dialect)
{
	const char *why = NULL;
	if (!s)
		return PARLEY_EINVAL;
	int err = pl_server_mount(s, pattern, dialect, &why);
	return pl_server_because(s, err, why);
}

int parley_start(parley_server *s)
{
	if (!s)
		return PARLEY_EINVAL;
	pl_buf_clear(&s->why);
	if (pl_server_is_running(s) || pl_server_has_ended(s))
		return pl_server_because(s, PL_ESTATE, NULL);
	int err = pl_server_start(s, &s->why);
	/* Warnings are no reason; of a failure the lines become one. */
	struct pl_slice text = pl_buf_slice(&s->why);
	while (text.len) {
		struct pl_slice line = pl_slice_cut(text, '\n', &text);
		if (line.len)
			pl_log(s->log, err ? PL_ERROR : PL_WARN, "server", "%.*s", PL_FMT(line));
	}
	if (!err) {
		pl_buf_clear(&s->why);
		return 0;
	}
	while (s->why.len && s->why.at[s->why.len - 1] == '\n')
		s->why.len--;
	pl_buf_putc(&s->why, '\0');
	return to_public(err);
}

const char *parley_why(const parley_server *s)
{
	return s && s->why.len && !s->why.err ? s->why.at : "";
}

uint16_t parley_port(const parley_server *s, size_t index)
{
	return s ? pl_server_port(s, index) : 0;
}

/* ---- from start to free ---- */

static int start_if_new(parley_server *s)
{
	return pl_server_is_running(s) || pl_server_has_ended(s) ? 0 : parley_start(s);
}

static int after(parley_server *s, int err)
{
	return err == PL_ESTORE
		       ? pl_server_because(s, err, "store: the disk can no longer be trusted")
		       : err;
}

int parley_run(parley_server *s)
{
	if (!s)
		return PARLEY_EINVAL;
	if (pl_server_has_ended(s))
		return pl_server_because(s, PL_ESTATE, "run: it has ended");
	int err = start_if_new(s);
	return err ? err : after(s, pl_server_run(s));
}

int parley_turn(parley_server *s, int timeout_ms)
{
	if (!s)
		return PARLEY_EINVAL;
	int err = start_if_new(s);
	return err ? err : after(s, pl_server_turn(s, timeout_ms));
}

int parley_fd(const parley_server *s)
{
	return s ? pl_server_fd(s) : -1;
}

void parley_stop(parley_server *s)
{
	if (s)
		pl_server_stop(s);
}

int parley_post(parley_server *s, void (*fn)(void *), void *arg)
{
	return s && fn ? pl_server_post(s, fn, arg) : PARLEY_EINVAL;
}

void parley_free(parley_server *s)
{
	if (!s)
		return;
	struct pl_config *config = s->own_config;
	struct pl_log *log = s->own_log;
	struct pl_buf why = s->why;
	struct pl_log_to *to = s->own_log_to;
	/* The log last: the end is worth a line too. */
	pl_server_free(s);
	pl_log_free(log);
	pl_free(to);
	pl_buf_fini(&why);
	pl_config_free(config);
}
