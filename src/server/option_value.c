/*
 * option_value.c - one value of one option: from text, to text, compared, freed. What each type
 * accepts is decided here and nowhere else.
 */
#include "server/options.h"

#include "base/mem.h"

#include <openssl/crypto.h>

struct unit {
	const char *name;
	uint64_t scale;
};

/* The largest unit first: the printer takes the first that divides; the bare number is last. */
static const struct unit millis_units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000},
					   {"ms", 1},      {"", 1},      {NULL, 0}};
static const struct unit bytes_units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
					  {"G", 1 << 30},   {"M", 1 << 20},   {"k", 1 << 10},
					  {"K", 1 << 10},   {"", 1},          {NULL, 0}};
static const struct unit plain_units[] = {{"", 1}, {NULL, 0}};

static void *member(const struct pl_config *c, const struct pl_option *o)
{
	return (char *)(uintptr_t)c + o->at;
}

static const struct unit *units_of(enum pl_option_type type)
{
	if (type == PL_OPT_MILLIS)
		return millis_units;
	return type == PL_OPT_BYTES ? bytes_units : plain_units;
}

static void put_number(struct pl_buf *b, const struct unit *units, uint64_t v)
{
	const struct unit *u = units;
	while (u[1].name && v % u->scale)
		u++;
	pl_buf_put_u64(b, v / u->scale);
	if (v)
		pl_buf_puts(b, pl_slice_str(u->name));
}

static int parse_number(const struct unit *units, struct pl_slice text, uint64_t *out)
{
	size_t digits = 0;
	while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
		digits++;
	struct pl_slice unit = pl_slice(text.at + digits, text.len - digits);
	while (units->name && !pl_slice_is(unit, units->name))
		units++;
	uint64_t v;
	if (!units->name || pl_slice_u64(pl_slice(text.at, digits), UINT64_MAX / units->scale, &v))
		return PL_EINVAL;
	*out = v * units->scale;
	return 0;
}

int pl_config_millis(struct pl_slice text, uint64_t *out)
{
	return parse_number(millis_units, text, out);
}

static int set_number(struct pl_config *c, const struct pl_option *o, struct pl_slice text,
		      struct pl_buf *why)
{
	static const char *const wanted[] = {
		[PL_OPT_INT] = "a whole number",
		[PL_OPT_MILLIS] = "a time such as \"250ms\", \"30s\", \"5m\" or \"1h\"",
		[PL_OPT_BYTES] = "a size such as \"64KiB\" or \"1MiB\"",
	};
	const struct unit *units = units_of(o->type);
	uint64_t v;
	if (parse_number(units, text, &v)) {
		pl_buf_printf(why, "must be %s", wanted[o->type]);
		return PL_EINVAL;
	}
	if (v < o->min || v > o->max) {
		PL_PUT(why, "must be from ");
		put_number(why, units, o->min);
		PL_PUT(why, " to ");
		put_number(why, units, o->max);
		return PL_EINVAL;
	}
	if (o->type == PL_OPT_INT)
		*(uint32_t *)member(c, o) = (uint32_t)v;
	else if (o->type == PL_OPT_MILLIS)
		*(uint64_t *)member(c, o) = v;
	else
		*(size_t *)member(c, o) = v;
	return 0;
}

static int set_bool(struct pl_config *c, const struct pl_option *o, struct pl_slice text,
		    struct pl_buf *why)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (pl_slice_is(text, words[i])) {
			*(bool *)member(c, o) = i & 1;
			return 0;
		}
	PL_PUT(why, "must be true or false");
	return PL_EINVAL;
}

static int set_enum(struct pl_config *c, const struct pl_option *o, struct pl_slice text,
		    struct pl_buf *why)
{
	for (unsigned int i = 0; o->words[i]; i++)
		if (pl_slice_is(text, o->words[i])) {
			*(unsigned int *)member(c, o) = i;
			return 0;
		}
	PL_PUT(why, "must be one of");
	for (size_t i = 0; o->words[i]; i++)
		pl_buf_printf(why, "%s %s", i ? "," : "", o->words[i]);
	return PL_EINVAL;
}

/* Text that goes to the kernel or into a header: no control bytes, so no NUL either. */
static int text_check(struct pl_slice s, size_t max, struct pl_buf *why)
{
	if (s.len > max) {
		pl_buf_printf(why, "must be at most %zu bytes", max);
		return PL_EINVAL;
	}
	for (size_t i = 0; i < s.len; i++)
		if ((uint8_t)s.at[i] < 0x20 || s.at[i] == 0x7f) {
			PL_PUT(why, "must not contain control characters");
			return PL_EINVAL;
		}
	return 0;
}

static int set_text(struct pl_config *c, const struct pl_option *o, struct pl_slice text,
		    struct pl_buf *why)
{
	int err = text_check(text, o->max, why);
	if (err)
		return err;
	char *copy = text.len ? pl_memdup0(text.at, text.len) : NULL;
	if (text.len && !copy)
		return PL_ENOMEM;
	pl_option_clear(c, o);
	*(char **)member(c, o) = copy;
	return 0;
}

static int append_string(struct pl_string_list *l, struct pl_slice item, struct pl_buf *why)
{
	int err = text_check(item, PL_CONFIG_VALUE_MAX, why);
	if (err)
		return err;
	char **at = pl_realloc(l->at, (l->n + 1) * sizeof(*at));
	if (!at)
		return PL_ENOMEM;
	l->at = at;
	char *copy = pl_memdup0(item.at, item.len);
	if (!copy)
		return PL_ENOMEM;
	l->at[l->n++] = copy;
	return 0;
}

static int append_listen(struct pl_listen_list *l, struct pl_slice item, struct pl_buf *why)
{
	struct pl_listen_at *at = pl_realloc(l->at, (l->n + 1) * sizeof(*at));
	if (!at)
		return PL_ENOMEM;
	l->at = at;
	int err = pl_listen_parse(item, &l->at[l->n], why);
	if (!err)
		l->n++;
	return err;
}

int pl_option_append(struct pl_config *c, const struct pl_option *o, struct pl_slice item,
		     struct pl_buf *why)
{
	bool is_listen = o->type == PL_OPT_LISTEN;
	struct pl_string_list *strings = is_listen ? NULL : member(c, o);
	struct pl_listen_list *listens = is_listen ? member(c, o) : NULL;
	if ((is_listen ? listens->n : strings->n) >= o->max) {
		pl_buf_printf(why, "must have at most %llu items", (unsigned long long)o->max);
		return PL_EINVAL;
	}
	item = pl_slice_trim(item);
	if (!item.len) {
		PL_PUT(why, "has an empty item");
		return PL_EINVAL;
	}
	return is_listen ? append_listen(listens, item, why) : append_string(strings, item, why);
}

/* Built aside, so that the old list stays when an item is bad. */
static int set_list(struct pl_config *c, const struct pl_option *o, struct pl_slice text,
		    struct pl_buf *why)
{
	struct pl_config fresh = {0};
	int err = 0;
	while (text.len && !err) {
		struct pl_slice rest;
		err = pl_option_append(&fresh, o, pl_slice_cut(text, ',', &rest), why);
		if (!err && rest.at && !rest.len) {
			PL_PUT(why, "has an empty item");
			err = PL_EINVAL;
		}
		text = rest;
	}
	if (err) {
		pl_option_clear(&fresh, o);
		return err;
	}
	pl_option_clear(c, o);
	size_t size = o->type == PL_OPT_LISTEN ? sizeof(fresh.listen) : sizeof(fresh.origins);
	memcpy(member(c, o), member(&fresh, o), size);
	return 0;
}

int pl_option_set(struct pl_config *c, const struct pl_option *o, struct pl_slice text,
		  struct pl_buf *why)
{
	switch (o->type) {
	case PL_OPT_BOOL: return set_bool(c, o, text, why);
	case PL_OPT_INT:
	case PL_OPT_MILLIS:
	case PL_OPT_BYTES: return set_number(c, o, text, why);
	case PL_OPT_STRING:
	case PL_OPT_PATH:
	case PL_OPT_SECRET: return set_text(c, o, text, why);
	case PL_OPT_ENUM: return set_enum(c, o, text, why);
	case PL_OPT_LIST:
	case PL_OPT_LISTEN: return set_list(c, o, text, why);
	}
	return PL_EINVAL;
}

static void clear_strings(struct pl_string_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		pl_free(l->at[i]);
	pl_free(l->at);
	*l = (struct pl_string_list){0};
}

static void clear_listens(struct pl_listen_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		pl_free(l->at[i].host);
	pl_free(l->at);
	*l = (struct pl_listen_list){0};
}

static void clear_text(char **text, bool is_secret)
{
	if (*text && is_secret)
		OPENSSL_cleanse(*text, strlen(*text));
	pl_free(*text);
	*text = NULL;
}

void pl_option_clear(struct pl_config *c, const struct pl_option *o)
{
	if (o->type == PL_OPT_LIST)
		clear_strings(member(c, o));
	else if (o->type == PL_OPT_LISTEN)
		clear_listens(member(c, o));
	else if (o->type == PL_OPT_STRING || o->type == PL_OPT_PATH || o->type == PL_OPT_SECRET)
		clear_text(member(c, o), o->type == PL_OPT_SECRET);
}

static void print_strings(const struct pl_string_list *l, struct pl_buf *b)
{
	for (size_t i = 0; i < l->n; i++)
		pl_buf_printf(b, "%s%s", i ? "," : "", l->at[i]);
}

static void print_listens(const struct pl_listen_list *l, struct pl_buf *b)
{
	for (size_t i = 0; i < l->n; i++) {
		if (i)
			pl_buf_putc(b, ',');
		pl_listen_print(&l->at[i], b);
		if (l->at[i].speaks != PL_SPEAKS_ALL)
			pl_buf_printf(b, "=%s", pl_speaks_name(l->at[i].speaks));
	}
}

static void print_value(const struct pl_config *c, const struct pl_option *o, struct pl_buf *b)
{
	const void *at = member(c, o);
	switch (o->type) {
	case PL_OPT_BOOL: pl_buf_puts(b, pl_slice_str(*(const bool *)at ? "true" : "false")); break;
	case PL_OPT_INT: pl_buf_put_u64(b, *(const uint32_t *)at); break;
	case PL_OPT_MILLIS: put_number(b, millis_units, *(const uint64_t *)at); break;
	case PL_OPT_BYTES: put_number(b, bytes_units, *(const size_t *)at); break;
	case PL_OPT_STRING:
	case PL_OPT_PATH:
	case PL_OPT_SECRET: pl_buf_puts(b, pl_slice_str(*(char *const *)at)); break;
	case PL_OPT_ENUM: pl_buf_puts(b, pl_slice_str(o->words[*(const unsigned int *)at])); break;
	case PL_OPT_LIST: print_strings(at, b); break;
	case PL_OPT_LISTEN: print_listens(at, b); break;
	}
}

void pl_option_print(const struct pl_config *c, const struct pl_option *o, struct pl_buf *b)
{
	if (o->type != PL_OPT_SECRET)
		print_value(c, o, b);
	else if (*(char *const *)member(c, o))
		PL_PUT(b, "***");
}

void pl_option_print_range(const struct pl_option *o, struct pl_buf *b)
{
	put_number(b, units_of(o->type), o->min);
	PL_PUT(b, " to ");
	put_number(b, units_of(o->type), o->max);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_strings(const struct pl_string_list *a, const struct pl_string_list *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++)
		same = same_text(a->at[i], b->at[i]);
	return same;
}

static bool same_listens(const struct pl_listen_list *a, const struct pl_listen_list *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++) {
		const struct pl_listen_at *x = &a->at[i], *y = &b->at[i];
		same = x->kind == y->kind && x->speaks == y->speaks && x->tls == y->tls &&
		       x->port == y->port && same_text(x->host, y->host);
	}
	return same;
}

bool pl_option_same(const struct pl_config *a, const struct pl_config *b, const struct pl_option *o)
{
	const void *x = member(a, o), *y = member(b, o);
	switch (o->type) {
	case PL_OPT_BOOL: return *(const bool *)x == *(const bool *)y;
	case PL_OPT_INT:
	case PL_OPT_ENUM: return *(const uint32_t *)x == *(const uint32_t *)y;
	case PL_OPT_MILLIS: return *(const uint64_t *)x == *(const uint64_t *)y;
	case PL_OPT_BYTES: return *(const size_t *)x == *(const size_t *)y;
	case PL_OPT_STRING:
	case PL_OPT_PATH:
	case PL_OPT_SECRET: return same_text(*(char *const *)x, *(char *const *)y);
	case PL_OPT_LIST: return same_strings(x, y);
	case PL_OPT_LISTEN: return same_listens(x, y);
	}
	return false;
}

static char env_letter(char c)
{
	if (c == '.')
		return '_';
	return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

void pl_option_env_name(const struct pl_option *o, char out[PL_OPTION_ENV_MAX])
{
	static const char prefix[] = "PARLEY_";
	size_t n = sizeof(prefix) - 1;
	memcpy(out, prefix, n);
	for (const char *p = o->name; *p && n < PL_OPTION_ENV_MAX - 1; p++)
		out[n++] = env_letter(*p);
	out[n] = '\0';
}
