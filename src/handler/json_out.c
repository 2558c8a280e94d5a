/* json_out.c - fields, and an object from a list of them. */
#include "handler/internal.h"

#include "wire/json_write.h"

/* Objects in each other. */
enum { DEPTH_MAX = 8 };

struct parley_field parley_kstr(const char *key, struct parley_slice value)
{
	return (struct parley_field){.key = key, .type = PL_FIELD_STR, .str = value};
}

struct parley_field parley_kint(const char *key, int64_t value)
{
	return (struct parley_field){.key = key, .type = PL_FIELD_INT, .u.integer = value};
}

struct parley_field parley_knum(const char *key, double value)
{
	return (struct parley_field){.key = key, .type = PL_FIELD_NUM, .u.number = value};
}

struct parley_field parley_kbool(const char *key, bool value)
{
	return (struct parley_field){.key = key, .type = PL_FIELD_BOOL, .u.integer = value};
}

struct parley_field parley_kraw(const char *key, struct parley_slice json)
{
	return (struct parley_field){.key = key, .type = PL_FIELD_RAW, .str = json};
}

struct parley_field parley_kjson(const char *key, const parley_json *value)
{
	return (struct parley_field){.key = key,
				     .type = PL_FIELD_JSON,
				     .str = parley_raw(value),
				     .u.fields = (const void *)value};
}

struct parley_field parley_kobj(const char *key, const struct parley_field *fields)
{
	return (struct parley_field){.key = key, .type = PL_FIELD_OBJ, .u.fields = fields};
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

static int put_object(struct pl_buf *, const struct parley_field *, unsigned depth,
		      struct pl_field_sink *);

static int put_bytes(struct pl_buf *b, struct pl_slice bytes, struct pl_field_sink *sink)
{
	if (!sink)
		return PL_EINVAL;
	if (bytes.at)
		return sink->put_bytes(sink, b, bytes);
	PL_PUT(b, "null");
	return 0;
}

static int put_value(struct pl_buf *b, const struct parley_field *f, unsigned depth,
		     struct pl_field_sink *sink)
{
	switch (f->type) {
	case PL_FIELD_STR: put_text(b, pl_in(f->str)); return 0;
	case PL_FIELD_INT: pl_buf_put_i64(b, f->u.integer); return 0;
	case PL_FIELD_NUM: pl_json_put_f64(b, f->u.number); return 0;
	case PL_FIELD_BOOL: pl_json_put_bool(b, f->u.integer != 0); return 0;
	case PL_FIELD_RAW:
	case PL_FIELD_JSON: pl_json_put_raw(b, pl_in(f->str)); return 0;
	case PL_FIELD_OBJ: return put_object(b, f->u.fields, depth + 1, sink);
	case PL_FIELD_BYTES: return put_bytes(b, pl_in(f->str), sink);
	default: return PL_EINVAL;
	}
}

static int put_object(struct pl_buf *b, const struct parley_field *f, unsigned depth,
		      struct pl_field_sink *sink)
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
		int err = put_value(b, &f[i], depth, sink);
		if (err || b->err)
			return err ? err : b->err;
	}
	pl_buf_putc(b, '}');
	return b->err;
}

int pl_fields_write(struct pl_buf *b, const struct parley_field *f)
{
	return put_object(b, f, 1, NULL);
}

int pl_field_put(struct pl_buf *b, const struct parley_field *f, struct pl_field_sink *sink)
{
	int err = put_value(b, f, 0, sink);
	return err ? err : b->err;
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
