/* json_get.c - asking a JSON value, without first asking whether it is there. */
#include "wire/json.h"

const struct pl_json *pl_json_get(const struct pl_json *object, const char *key)
{
	if (!pl_json_is(object, PL_JSON_OBJECT))
		return NULL;
	size_t len = strlen(key);
	PL_JSON_EACH(member, object)
	{
		if (member->key.len == len && !memcmp(member->key.at, key, len))
			return member;
	}
	return NULL;
}

struct pl_slice pl_json_str(const struct pl_json *v)
{
	return pl_json_is(v, PL_JSON_STRING) ? v->str : pl_slice(NULL, 0);
}

struct pl_slice pl_json_get_str(const struct pl_json *object, const char *key)
{
	return pl_json_str(pl_json_get(object, key));
}

int64_t pl_json_i64(const struct pl_json *v, int64_t otherwise)
{
	return pl_json_is(v, PL_JSON_INT) ? v->integer : otherwise;
}

double pl_json_f64(const struct pl_json *v, double otherwise)
{
	if (pl_json_is(v, PL_JSON_INT))
		return (double)v->integer;
	return pl_json_is(v, PL_JSON_NUMBER) ? v->number : otherwise;
}

bool pl_json_bool(const struct pl_json *v, bool otherwise)
{
	return pl_json_is(v, PL_JSON_BOOL) ? v->boolean : otherwise;
}

bool pl_json_is(const struct pl_json *v, enum pl_json_type type)
{
	return v && v->type == type;
}

bool pl_json_is_absent(const struct pl_json *v)
{
	return !v || v->type == PL_JSON_NULL;
}

uint32_t pl_json_line(struct pl_slice text, uint32_t offset)
{
	uint32_t line = 1;
	for (size_t i = 0; i < offset && i < text.len; i++)
		line += text.at[i] == '\n';
	return line;
}
