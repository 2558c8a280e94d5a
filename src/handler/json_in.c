/* json_in.c - reading what came in; a parley_json is a pl_json by another name. */
#include "handler/internal.h"

#define SAME(a, b) _Static_assert((int)(a) == (int)(b), "the public names are ours")
SAME(PARLEY_JSON_NULL, PL_JSON_NULL);
SAME(PARLEY_JSON_BOOL, PL_JSON_BOOL);
SAME(PARLEY_JSON_INT, PL_JSON_INT);
SAME(PARLEY_JSON_NUMBER, PL_JSON_NUMBER);
SAME(PARLEY_JSON_STRING, PL_JSON_STRING);
SAME(PARLEY_JSON_ARRAY, PL_JSON_ARRAY);
SAME(PARLEY_JSON_OBJECT, PL_JSON_OBJECT);
SAME(PARLEY_ENOMEM, PL_ENOMEM);
SAME(PARLEY_EINVAL, PL_EINVAL);
SAME(PARLEY_ESTATE, PL_ESTATE);
SAME(PARLEY_ECLOSED, PL_ECLOSED);
SAME(PARLEY_EBUSY, PL_EBUSY);
SAME(PARLEY_ETOO_BIG, PL_ETOOBIG);
SAME(PARLEY_EADDR, PL_EADDR);
SAME(PARLEY_ETLS, PL_ETLS);
SAME(PARLEY_ESTORE, PL_ESTORE);
SAME(PARLEY_EDENIED, PL_EDENIED);
SAME(PARLEY_ENOT_FOUND, PL_ENOTFOUND);
SAME(PARLEY_EEXISTS, PL_EEXISTS);
SAME(PARLEY_EIO, PL_EIO);
SAME(PARLEY_EPROTO, PL_EPROTO);
SAME(PARLEY_ELIMIT, PL_ELIMIT);
SAME(PARLEY_EEXPIRED, PL_EEXPIRED);

static const struct pl_json *of(const parley_json *v)
{
	return (const struct pl_json *)(const void *)v;
}

static const parley_json *as(const struct pl_json *v)
{
	return (const parley_json *)(const void *)v;
}

static const struct pl_json *get(const parley_json *object, const char *key)
{
	return key ? pl_json_get(of(object), key) : NULL;
}

enum parley_json_type parley_json_type(const parley_json *v)
{
	return v ? (enum parley_json_type)of(v)->type : PARLEY_JSON_NULL;
}

const parley_json *parley_get(const parley_json *object, const char *key)
{
	return as(get(object, key));
}

const parley_json *parley_first(const parley_json *container)
{
	return container ? as(of(container)->child) : NULL;
}

const parley_json *parley_next(const parley_json *v)
{
	return v ? as(of(v)->next) : NULL;
}

struct parley_slice parley_key(const parley_json *member)
{
	return member ? pl_out(of(member)->key) : parley_slice(NULL, 0);
}

struct parley_slice parley_text(const parley_json *v)
{
	return pl_out(pl_json_str(of(v)));
}

struct parley_slice parley_raw(const parley_json *v)
{
	return v ? pl_out(of(v)->raw) : parley_slice(NULL, 0);
}

struct parley_slice parley_str(const parley_json *object, const char *key)
{
	return pl_out(pl_json_str(get(object, key)));
}

bool parley_i64(const parley_json *object, const char *key, int64_t *out)
{
	const struct pl_json *v = get(object, key);
	if (!pl_json_is(v, PL_JSON_INT))
		return false;
	*out = v->integer;
	return true;
}

bool parley_f64(const parley_json *object, const char *key, double *out)
{
	const struct pl_json *v = get(object, key);
	if (!pl_json_is(v, PL_JSON_INT) && !pl_json_is(v, PL_JSON_NUMBER))
		return false;
	*out = pl_json_f64(v, 0);
	return true;
}

bool parley_bool(const parley_json *object, const char *key, bool otherwise)
{
	return pl_json_bool(get(object, key), otherwise);
}

bool parley_is(const parley_json *object, const char *key, const char *value)
{
	struct pl_slice s = pl_json_str(get(object, key));
	return value && s.at && pl_slice_is(s, value);
}
