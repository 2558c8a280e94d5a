/*
 * fuzz/socketio.c - any bytes as the text of a Socket.IO packet: its head, its JSON, and the
 * placeholders in that. A head that was read, written again, must read the same.
 */
#include "fuzz.h"

#include "wire/socketio.h"

static struct pl_json_parser *parser;

static void write_and_read(const struct pl_sio_head *h)
{
	struct pl_sio_head back;
	struct pl_buf b;
	pl_buf_init(&b, 1 << 17);
	pl_sio_put_head(&b, h);
	pl_buf_puts(&b, h->json);
	MUST(!b.err && !pl_sio_read_head(pl_buf_slice(&b), PL_SIO_ATTACHMENTS_MAX, &back));
	MUST(back.type == h->type && back.attachments == h->attachments);
	MUST(pl_slice_eq(back.nsp, h->nsp) && pl_slice_eq(back.json, h->json));
	MUST(back.has_id == h->has_id && back.id == h->id);
	pl_buf_fini(&b);
}

/* The slow and plain way, to compare with. */
static bool all_fit(const struct pl_json *v, uint32_t attachments)
{
	uint32_t num;
	int err = pl_sio_placeholder(v, attachments, &num);
	MUST(err || num < attachments);
	if (err != PL_ENOTFOUND)
		return !err;
	PL_JSON_EACH(child, v)
	{
		if (!all_fit(child, attachments))
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl_json *json = NULL;
	struct pl_slice in = pl_slice(data, size);
	struct pl_sio_head h;
	if (size > 65536 || (!parser && pl_json_parser_new(1 << 16, &parser)))
		return 0;
	if (pl_sio_read_head(in, PL_SIO_ATTACHMENTS_MAX, &h))
		return 0;
	MUST(h.attachments <= PL_SIO_ATTACHMENTS_MAX && h.nsp.len <= PL_SIO_NAMESPACE_MAX);
	MUST((h.type == PL_SIO_BINARY_EVENT || h.type == PL_SIO_BINARY_ACK) == !!h.attachments);
	MUST(h.nsp.len && h.nsp.at[0] == '/' && !memchr(h.nsp.at, ',', h.nsp.len));
	MUST(h.id < (uint64_t)1 << 53 && h.json.at + h.json.len == in.at + in.len);
	/* A '/' begins no JSON, but a name, where "/" was left out. */
	if (!h.json.len || h.json.at[0] != '/')
		write_and_read(&h);
	if (h.json.len && pl_json_parse(parser, h.json, &json))
		return 0;
	(void)pl_sio_payload_fits(&h, json);
	if (json)
		MUST(pl_sio_placeholders_fit(json, h.attachments) == all_fit(json, h.attachments));
	return 0;
}
