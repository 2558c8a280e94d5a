/* engineio.c - Engine.IO packets, payloads, queries and errors. Every loop takes each byte once. */
#include "wire/engineio.h"

#include "wire/base64.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

int pl_eio_read(struct pl_slice frame, struct pl_eio_packet *out)
{
	if (!frame.len || frame.at[0] < '0' || frame.at[0] > '0' + PL_EIO_NOOP)
		return PL_EPROTO;
	*out = (struct pl_eio_packet){.type = (enum pl_eio_type)(frame.at[0] - '0'),
				      .data = pl_slice(frame.at + 1, frame.len - 1)};
	return 0;
}

/* In place: the payload's bytes are ours to change, as the header says. */
static int read_binary(struct pl_slice text, struct pl_eio_packet *out)
{
	size_t n;
	if (pl_base64_decode(text, (void *)(uintptr_t)text.at, text.len, &n))
		return PL_EPROTO;
	*out = (struct pl_eio_packet){
		.type = PL_EIO_MESSAGE, .is_binary = true, .data = pl_slice(text.at, n)};
	return 0;
}

static int read_one(struct pl_slice packet, struct pl_eio_packet *out)
{
	if (packet.len && packet.at[0] == 'b')
		return read_binary(pl_slice(packet.at + 1, packet.len - 1), out);
	return pl_utf8_valid(packet) ? pl_eio_read(packet, out) : PL_EPROTO;
}

int pl_eio_next(struct pl_eio_payload *p, struct pl_eio_packet *out)
{
	if (p->is_over)
		return PL_ENOTFOUND;
	struct pl_slice rest, packet = pl_slice_cut(p->rest, PL_EIO_SEPARATOR, &rest);
	int err = p->count < PL_EIO_PACKETS_MAX ? read_one(packet, out) : PL_ELIMIT;
	p->rest = rest;
	p->is_over = err || !rest.at;
	if (!err)
		p->count++;
	return err;
}

void pl_eio_put(struct pl_buf *b, const struct pl_eio_packet *p)
{
	if (b->len)
		pl_buf_putc(b, PL_EIO_SEPARATOR);
	pl_buf_putc(b, p->is_binary ? 'b' : (char)('0' + p->type));
	if (p->is_binary)
		pl_base64_encode(b, p->data);
	else
		pl_buf_puts(b, p->data);
}

size_t pl_eio_size(const struct pl_eio_packet *p)
{
	return 2 + (p->is_binary ? pl_base64_size(p->data.len) : p->data.len);
}

void pl_eio_put_open(struct pl_buf *b, const struct pl_eio_hello *h)
{
	PL_PUT(b, "0{\"sid\":");
	pl_json_put_str(b, h->sid);
	pl_buf_puts(b, h->may_upgrade ? PL_S(",\"upgrades\":[\"websocket\"]")
				      : PL_S(",\"upgrades\":[]"));
	PL_PUT(b, ",\"pingInterval\":");
	pl_buf_put_u64(b, h->ping_interval_ms);
	PL_PUT(b, ",\"pingTimeout\":");
	pl_buf_put_u64(b, h->ping_timeout_ms);
	PL_PUT(b, ",\"maxPayload\":");
	pl_buf_put_u64(b, h->max_payload);
	pl_buf_putc(b, '}');
}

/* The value of a parameter that may be given once: twice is an empty value. */
static void read_once(struct pl_slice value, struct pl_slice *out)
{
	*out = out->at ? pl_slice("", 0) : value;
}

static enum pl_eio_transport transport_of(struct pl_slice name)
{
	if (pl_slice_is(name, "polling"))
		return PL_EIO_POLLING;
	return pl_slice_is(name, "websocket") ? PL_EIO_WEBSOCKET : PL_EIO_NO_TRANSPORT;
}

void pl_eio_read_query(struct pl_slice query, struct pl_eio_query *out)
{
	struct pl_eio_query q = {0};
	struct pl_slice transport = {0}, version = {0}, base64 = {0};
	for (struct pl_slice rest = query; rest.at;) {
		struct pl_slice value, name, field = pl_slice_cut(rest, '&', &rest);
		name = pl_slice_cut(field, '=', &value);
		if (!value.at)
			value = pl_slice(name.at + name.len, 0);
		if (pl_slice_is(name, "transport"))
			read_once(value, &transport);
		else if (pl_slice_is(name, "EIO"))
			read_once(value, &version);
		else if (pl_slice_is(name, "sid"))
			read_once(value, &q.sid);
		else if (pl_slice_is(name, "b64"))
			read_once(value, &base64);
		else if (pl_slice_is(name, "j"))
			q.is_jsonp = true;
	}
	q.transport = transport_of(transport);
	q.version = pl_slice_is(version, "4") ? 4 : 3;
	q.is_base64 = base64.len > 0;
	*out = q;
}

const char *pl_eio_error_text(enum pl_eio_error e)
{
	static const char *const texts[PL_EIO__ERRORS] = {
		[PL_EIO_UNKNOWN_TRANSPORT] = "Transport unknown",
		[PL_EIO_UNKNOWN_SID] = "Session ID unknown",
		[PL_EIO_BAD_HANDSHAKE_METHOD] = "Bad handshake method",
		[PL_EIO_BAD_REQUEST] = "Bad request",
		[PL_EIO_FORBIDDEN] = "Forbidden",
		[PL_EIO_UNSUPPORTED_PROTOCOL] = "Unsupported protocol version",
	};
	return texts[e];
}

void pl_eio_put_error(struct pl_buf *b, enum pl_eio_error e, struct pl_slice text)
{
	PL_PUT(b, "{\"code\":");
	pl_buf_put_u64(b, e);
	PL_PUT(b, ",\"message\":");
	pl_json_put_str(b, text.at ? text : pl_slice_str(pl_eio_error_text(e)));
	pl_buf_putc(b, '}');
}
