/* schema.c - reading a message's fields by their table. */
#include "dialect/schema.h"

static int read_str(const struct pl_field *f, const struct pl_json *v, void *to)
{
	if (!pl_json_is(v, PL_JSON_STRING) || v->str.len > f->max)
		return PL_EINVAL;
	*(struct pl_slice *)to = v->str;
	return 0;
}

static int read_name(const struct pl_field *f, const struct pl_json *v, void *to)
{
	if (!pl_json_is(v, PL_JSON_INT))
		return read_str(f, v, to);
	if (v->raw.len > f->max)
		return PL_EINVAL;
	*(struct pl_slice *)to = v->raw;
	return 0;
}

static int read_int(const struct pl_field *f, const struct pl_json *v, void *to)
{
	if (!pl_json_is(v, PL_JSON_INT) || v->integer < 0)
		return PL_EINVAL;
	*(int64_t *)to = v->integer < f->max ? v->integer : f->max;
	return 0;
}

static int read_one(const struct pl_field *f, const struct pl_json *v, void *to)
{
	switch (f->type) {
	case PL_STR: return read_str(f, v, to);
	case PL_INT: return read_int(f, v, to);
	case PL_NAME: return read_name(f, v, to);
	case PL_BOOL:
		if (!pl_json_is(v, PL_JSON_BOOL))
			return PL_EINVAL;
		*(bool *)to = v->boolean;
		return 0;
	case PL_NODE: *(const struct pl_json **)to = v; return 0;
	}
	return PL_EINVAL;
}

static bool is_there(const struct pl_field *f, const char *at)
{
	if (f->type == PL_STR || f->type == PL_NAME)
		return ((const struct pl_slice *)(const void *)at)->len > 0;
	return f->type != PL_NODE || *(const struct pl_json *const *)(const void *)at;
}

/* Into its place in `out`; whether it is there decides the caller. */
static int read_field(const struct pl_field *f, const struct pl_json *v, void *out,
		      const char **bad)
{
	if (!v || (v->type == PL_JSON_NULL && !(f->flags & PL_NULL_TOO)) ||
	    !read_one(f, v, (char *)out + f->offset))
		return 0;
	*bad = f->name;
	/* A text that is too long is not a missing one. */
	bool is_text = f->type == PL_STR || f->type == PL_NAME;
	bool is_long = is_text && pl_json_is(v, PL_JSON_STRING);
	return f->flags & (PL_REQUIRED | PL_NEEDED) && !is_long ? PL_ENOTFOUND : PL_EINVAL;
}

static int check_there(const struct pl_field *f, const void *out, const char **bad)
{
	if (!(f->flags & PL_REQUIRED) || is_there(f, (const char *)out + f->offset))
		return 0;
	*bad = f->name;
	return PL_ENOTFOUND;
}

int pl_schema_read(const struct pl_field *fields, const struct pl_json *object, void *out,
		   const char **bad)
{
	int err = 0;
	for (const struct pl_field *f = fields; !err && f && f->name; f++)
		err = read_field(f, pl_json_get(object, f->name), out, bad);
	/* Only now: an alternative name may have come later. */
	for (const struct pl_field *f = fields; !err && f && f->name; f++)
		err = check_there(f, out, bad);
	return err;
}

int pl_schema_read_bare(const struct pl_field *f, const struct pl_json *value, void *out,
			const char **bad)
{
	int err = read_field(f, value, out, bad);
	return err ? err : check_there(f, out, bad);
}
