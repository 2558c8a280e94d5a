/*
 * args.c - arguments out and in. Bytes are numbered in the order in which they stand in the text;
 * what a packet brought is handed on as it was written, its placeholders numbered anew.
 */
#include "socketio/args.h"

#include "handler/fields.h"

struct parley_field parley_kbin(const char *key, struct parley_slice bytes)
{
	return (struct parley_field){.key = key, .type = PL_FIELD_BYTES, .str = bytes};
}

struct parley_field parley_apacket(const parley_packet *packet, size_t first)
{
	return (struct parley_field){.key = "",
				     .type = PL_FIELD_PACKET,
				     .str = parley_slice((const void *)packet, first)};
}

static const struct pl_sio_in *of(const parley_packet *packet)
{
	return (const struct pl_sio_in *)(const void *)packet;
}

static const struct pl_json *value_of(const parley_json *v)
{
	return (const struct pl_json *)(const void *)v;
}

/* The first argument from number `first` on. */
static const struct pl_json *arg(const struct pl_sio_in *in, size_t first)
{
	const struct pl_json *v = in->json ? in->json->child : NULL;
	if (v && !in->is_answer)
		v = v->next;
	for (; v && first; first--)
		v = v->next;
	return v;
}

/* ---- in ---- */

struct parley_slice parley_packet_event(const parley_packet *packet)
{
	const struct pl_sio_in *in = of(packet);
	const struct pl_json *name = in->is_answer || !in->json ? NULL : in->json->child;
	if (!name)
		return parley_slice("", 0);
	struct pl_slice text = name->type == PL_JSON_STRING ? name->str : name->raw;
	return parley_slice(text.at, text.len);
}

size_t parley_nargs(const parley_packet *packet)
{
	const struct pl_sio_in *in = of(packet);
	size_t n = in->json ? in->json->count : 0;
	return n && !in->is_answer ? n - 1 : n;
}

const parley_json *parley_arg(const parley_packet *packet, size_t i)
{
	return (const parley_json *)(const void *)arg(of(packet), i);
}

struct parley_slice parley_arg_str(const parley_packet *packet, size_t i)
{
	return parley_text(parley_arg(packet, i));
}

struct parley_slice parley_binary(const parley_packet *packet, const parley_json *value)
{
	const struct pl_sio_in *in = of(packet);
	uint32_t num;
	if (pl_sio_placeholder(value_of(value), in->nattachments, &num))
		return parley_slice(NULL, 0);
	struct pl_slice bytes = in->attachments[num];
	return parley_slice(bytes.at ? bytes.at : "", bytes.len);
}

/* ---- out ---- */

static int attach(struct pl_sio_attached *out, struct pl_slice bytes)
{
	if (out->n == PL_SIO_ATTACHMENTS_MAX)
		return PL_ELIMIT;
	out->at[out->n++] = bytes;
	return 0;
}

struct sink {
	struct pl_field_sink base;
	struct pl_sio_attached *out;
	bool has_any; /* a value, before the next one */
};

static void separate(struct sink *s, struct pl_buf *b)
{
	if (s->has_any)
		pl_buf_putc(b, ',');
	s->has_any = true;
}

static int put_bytes(struct pl_field_sink *base, struct pl_buf *b, struct pl_slice bytes)
{
	struct sink *s = (struct sink *)base;
	pl_sio_put_placeholder(b, s->out->n);
	return attach(s->out, bytes);
}

/* A packet that is handed on: its text up to `copied` stands in the buffer. */
struct handing_on {
	const struct pl_sio_in *in;
	struct pl_buf *b;
	struct pl_sio_attached *out;
	const char *copied;
	uint8_t numbers[PL_SIO_ATTACHMENTS_MAX]; /* of its attachments in ours, plus 1; 0: none */
};

static void copy_until(struct handing_on *h, const char *at)
{
	pl_buf_put(h->b, h->copied, (size_t)(at - h->copied));
	h->copied = at;
}

/* What two placeholders share stays shared: a few of them cannot make a packet many times larger.
 */
static int renumber(void *ctx, const struct pl_json *v, uint32_t num)
{
	struct handing_on *h = ctx;
	if (!h->numbers[num]) {
		int err = attach(h->out, h->in->attachments[num]);
		if (err)
			return err;
		h->numbers[num] = (uint8_t)h->out->n;
	}
	copy_until(h, v->raw.at);
	pl_sio_put_placeholder(h->b, h->numbers[num] - 1u);
	h->copied = v->raw.at + v->raw.len;
	return 0;
}

static int put_packet(struct pl_buf *b, const struct pl_sio_in *in, size_t first, struct sink *sink)
{
	const struct pl_json *v = arg(in, first), *last = v;
	if (!v)
		return 0;
	struct handing_on h = {.in = in, .b = b, .out = sink->out, .copied = v->raw.at};
	separate(sink, b);
	for (; v; v = v->next) {
		int err = in->nattachments
				  ? pl_sio_each_placeholder(v, in->nattachments, renumber, &h)
				  : 0;
		if (err)
			return err == PL_EPROTO ? PL_EINVAL : err;
		last = v;
	}
	copy_until(&h, last->raw.at + last->raw.len);
	return 0;
}

static const struct pl_sio_in *packet_of(const struct parley_field *f)
{
	return (const struct pl_sio_in *)(const void *)f->str.at;
}

static int put_arg(struct pl_buf *b, const struct parley_field *f, struct sink *sink)
{
	if (f->type == PL_FIELD_PACKET)
		return f->str.at ? put_packet(b, packet_of(f), f->str.len, sink) : PL_EINVAL;
	separate(sink, b);
	return pl_field_put(b, f, &sink->base);
}

static bool packet_has_lookalike(const struct pl_sio_in *in, size_t first)
{
	if (in->nattachments)
		return false;
	for (const struct pl_json *v = arg(in, first); v; v = v->next)
		if (!pl_sio_placeholders_fit(v, 0))
			return true;
	return false;
}

/* In a list that was written: its depth is known to be small. */
static bool has_lookalike(const struct parley_field *f)
{
	for (; f->key; f++) {
		if (f->type == PL_FIELD_JSON &&
		    !pl_sio_placeholders_fit((const void *)f->u.fields, 0))
			return true;
		if (f->type == PL_FIELD_PACKET && packet_has_lookalike(packet_of(f), f->str.len))
			return true;
		if (f->type == PL_FIELD_OBJ && has_lookalike(f->u.fields))
			return true;
	}
	return false;
}

static int put_args(struct pl_buf *b, const struct parley_field *args, struct sink *sink)
{
	for (size_t i = 0; args[i].key; i++) {
		int err = i < PARLEY_FIELDS_MAX ? put_arg(b, &args[i], sink) : PL_ELIMIT;
		if (err || b->err)
			return err ? err : b->err;
	}
	return sink->out->n && has_lookalike(args) ? PL_EINVAL : 0;
}

int pl_sio_args_put(struct pl_buf *b, struct pl_slice event, const struct parley_field *args,
		    struct pl_sio_attached *out)
{
	struct sink sink = {.base.put_bytes = put_bytes, .out = out};
	out->n = 0;
	if (!args || pl_sio_is_reserved(event))
		return PL_EINVAL;
	pl_buf_putc(b, '[');
	if (event.at) {
		struct parley_field name = parley_kstr("", parley_slice(event.at, event.len));
		separate(&sink, b);
		int err = pl_field_put(b, &name, NULL);
		if (err)
			return err;
	}
	int err = put_args(b, args, &sink);
	pl_buf_putc(b, ']');
	return err ? err : b->err;
}
