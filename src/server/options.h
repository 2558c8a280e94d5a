/*
 * options.h - the table of options, and values by row of it. For the files of config only.
 *
 * A value is written as text everywhere: in the table's defaults, the environment, the flags and
 * (through config_file.c) the file. One parser per type, one printer per type.
 */
#ifndef PL_SERVER_OPTIONS_H
#define PL_SERVER_OPTIONS_H

#include "server/config.h"

enum pl_option_type {
	PL_OPT_BOOL,   /* bool */
	PL_OPT_INT,    /* uint32_t */
	PL_OPT_MILLIS, /* uint64_t: "250ms", "30s", "5m", "1h" */
	PL_OPT_BYTES,  /* size_t: "64KiB", "1MiB", "64k" */
	PL_OPT_STRING, /* char *, NULL when empty */
	PL_OPT_PATH,   /* char * */
	PL_OPT_SECRET, /* char *, cleansed, never printed */
	PL_OPT_ENUM,   /* int-sized enum, index into words */
	PL_OPT_LIST,   /* struct pl_string_list; max is the number of items */
	PL_OPT_LISTEN, /* struct pl_listen_list */
};

struct pl_option_env {
	const char *name;
	const char *suffix; /* appended to the value: SUPABASE_URL gives an issuer */
};

struct pl_option {
	const char *name;
	enum pl_option_type type;
	size_t at; /* in struct pl_config */
	const char *def;
	uint64_t min, max;
	const char *const *words;    /* ENUM: ends with NULL */
	bool reload;                 /* SIGHUP brings a new value into force */
	struct pl_option_env env[2]; /* besides PARLEY_<NAME>; the first that is set counts */
	const char *flag;            /* alias of --set */
	const char *doc;             /* one sentence */
};

extern const struct pl_option pl_options[];
extern const size_t pl_option_count;

/* NULL when there is none. */
const struct pl_option *pl_option_find(struct pl_slice name);
static inline size_t pl_option_row(const struct pl_option *o)
{
	return (size_t)(o - pl_options);
}

/*
 * Replaces the value (lists: items between commas). PL_EINVAL: `why` says what is wrong, the old
 * value stays; PL_ENOMEM.
 */
int pl_option_set(struct pl_config *, const struct pl_option *, struct pl_slice text,
		  struct pl_buf *why) PL_MUST_CHECK;
/* Adds one item, which may hold commas, to a LIST or LISTEN. */
int pl_option_append(struct pl_config *, const struct pl_option *, struct pl_slice item,
		     struct pl_buf *why) PL_MUST_CHECK;
/* Back to nothing; frees. */
void pl_option_clear(struct pl_config *, const struct pl_option *);
/* As it could be written; secrets as *** (unset: empty). */
void pl_option_print(const struct pl_config *, const struct pl_option *, struct pl_buf *);
/* "1 to 300", of a number. */
void pl_option_print_range(const struct pl_option *, struct pl_buf *);
/* Whether both hold the same value, secrets included. */
bool pl_option_same(const struct pl_config *, const struct pl_config *, const struct pl_option *);
static inline bool pl_option_is_list(const struct pl_option *o)
{
	return o->type == PL_OPT_LIST || o->type == PL_OPT_LISTEN;
}
enum { PL_OPTION_ENV_MAX = 64 };
/* "PARLEY_LIMITS_BURST". */
void pl_option_env_name(const struct pl_option *, char out[PL_OPTION_ENV_MAX]);

/* One item of `listen`. Sets *out (its host is the caller's to free) or says why not. */
int pl_listen_parse(struct pl_slice, struct pl_listen_at *out, struct pl_buf *why) PL_MUST_CHECK;
extern const char *const pl_speaks_words[];

/*
 * Sets (or appends to) an option and notes where the value came from. A refused value becomes a
 * finding: 0 all the same. PL_ENOMEM.
 */
int pl_config_assign(struct pl_config *, const struct pl_option *, struct pl_slice text,
		     struct pl_config_origin, bool append, struct pl_findings *) PL_MUST_CHECK;

/* Where a finding is: how the option got its value. */
struct pl_config_origin pl_origin_of(const struct pl_config *, const struct pl_option *);
void pl_findings_add(struct pl_findings *, bool is_error, const struct pl_config *,
		     struct pl_config_origin, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* Sets options from a JSON text; at the file's level. Reports all; PL_ENOMEM, else 0. */
int pl_config_file(struct pl_config *, struct pl_slice json, struct pl_findings *) PL_MUST_CHECK;
/* The environment's level, then the flags'. As above. */
int pl_config_env(struct pl_config *, const char *const *env, struct pl_findings *) PL_MUST_CHECK;
int pl_config_flags(struct pl_config *, const struct pl_config_flag *, size_t,
		    struct pl_findings *) PL_MUST_CHECK;

#endif
