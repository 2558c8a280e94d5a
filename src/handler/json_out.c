/* json_out.c - an object from a list of fields. */
#include "handler/internal.h"

#include "wire/json_write.h"

enum { FIELD_STR = 1, FIELD_INT, FIELD_NUM, FIELD_BOOL, FIELD_RAW, FIELD_OBJ };
/* Objects in each other. */
enum { DEPTH_MAX = 8 };

struct parley_field parley_kstr(const char *key, struct parley_slice value)
{
	return (struct parley_field){.key = key, .type = FIELD_STR, .str = value};
}

struct parley_field parley_kint(const char *key, int64_t value)
{
	return (struct parley_field){.key = key, .type = FIELD_INT, .u.integer = value};
}

struct parley_field parley_knum(const char *key, double value)
{
	return (struct parley_field){.key = key, .type = FIELD_NUM, .u.number = value};
}

struct parley_field parley_kbool(const char *key, bool value)
{
	return (struct parley_field){.key = key, .type = FIELD_BOOL, .u.integer = value};
}

struct parley_field parley_kraw(const char *key, struct parley_slice json)
{
	return (struct parley_field){.key = key, .type = FIELD_RAW, .str = json};
}

struct parley_field parley_kjson(const char *key, const parley_json *value)
{
	return parley_kraw(key, parley_raw(value));
}

struct parley_field parley_kobj(const char *key, const struct parley_field *fields)
{
	return (struct parley_field){.key = key, .type = FIELD_OBJ, .u.fields = fields};
}

static void put_text(struct pl_buf *b, struct pl_slice s)
{
	if (!s.at) {
		PL_PUT(b, "null");
		return;
	}
	pl_buf_putc(b, '"');
	pl_text_put(b, s);
	pl_buf_putc(b, '"');
}

static int put_object(struct pl_buf *b, const struct parley_field *f, unsigned depth);

static int put_value(struct pl_buf *b, const struct parley_field *f, unsigned depth)
{
	switch (f->type) {
	case FIELD_STR: put_text(b, pl_in(f->str)); return 0;
	case FIELD_INT: pl_buf_put_i64(b, f->u.integer); return 0;
	case FIELD_NUM: pl_json_put_f64(b, f->u.number); return 0;
	case FIELD_BOOL: pl_json_put_bool(b, f->u.integer != 0); return 0;
	case FIELD_RAW: pl_json_put_raw(b, pl_in(f->str)); return 0;
	case FIELD_OBJ: return put_object(b, f->u.fields, depth + 1);
	default: return PL_EINVAL;
	}
}

static int put_object(struct pl_buf *b, const struct parley_field *f, unsigned depth)
{
	if (!f || depth > DEPTH_MAX)
		return PL_EINVAL;
	pl_buf_putc(b, '{');
	for (size_t i = 0; f[i].key; i++) {
		if (i == PARLEY_FIELDS_MAX)
			return PL_ELIMIT;
		if (i)
			pl_buf_putc(b, ',');
		put_text(b, pl_slice_str(f[i].key));
		pl_buf_putc(b, ':');
		int err = put_value(b, &f[i], depth);
		if (err || b->err)
			return err ? err : b->err;
	}
	pl_buf_putc(b, '}');
	return b->err;
}

int pl_fields_write(struct pl_buf *b, const struct parley_field *f)
{
	return put_object(b, f, 1);
}

int pl_object_make(struct pl_handler_site *s, const struct parley_field *f, struct pl_slice *out)
{
	pl_buf_clear(&s->out);
	int err = pl_fields_write(&s->out, f);
	if (!err)
		*out = pl_buf_slice(&s->out);
	return err;
}

void pl_object_done(struct pl_handler_site *s)
{
	if (s->out.cap <= SCRATCH_KEPT)
		return;
	pl_buf_fini(&s->out);
	pl_buf_init(&s->out, OBJECT_MAX);
}
