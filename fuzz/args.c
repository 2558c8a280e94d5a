/*
 * fuzz/args.c - a packet of any text with any attachments, handed on in the arguments of another:
 * what is written must parse, and what a reader finds in it must be what was there. The first byte
 * says how many attachments came, and the second from which argument on.
 */
#include "fuzz.h"

#include "socketio/args.h"

static struct pl_json_parser *parser, *again;
static const char bytes[PL_SIO_ATTACHMENTS_MAX] = {0};

/* The same value twice, but for its placeholders, which stand for the same bytes. */
static void same(const struct pl_json *a, const struct pl_sio_in *was, const struct pl_json *b,
		 const struct pl_sio_in *is)
{
	struct parley_slice x = parley_binary((const void *)was, (const void *)a);
	struct parley_slice y = parley_binary((const void *)is, (const void *)b);
	MUST(x.at == y.at && x.len == y.len);
	if (x.at)
		return;
	MUST(a->type == b->type && a->count == b->count && pl_slice_eq(a->key, b->key));
	if (a->type != PL_JSON_ARRAY && a->type != PL_JSON_OBJECT)
		MUST(pl_slice_eq(a->raw, b->raw));
	for (a = a->child, b = b->child; a && b; a = a->next, b = b->next)
		same(a, was, b, is);
	MUST(!a && !b);
}

static void hand_on(const struct pl_sio_in *in, size_t first, bool with_own, struct pl_buf *b)
{
	struct pl_sio_attached out;
	const parley_packet *packet = (const void *)in;
	const struct parley_field mine =
		with_own ? parley_abin(PARLEY_S("own")) : parley_astr(PARLEY_S("own"));
	int err = pl_sio_args_put(b, PL_S("back"), PARLEY_ARGS(mine, parley_apacket(packet, first)),
				  &out);
	if (err) {
		MUST(err == PL_ELIMIT || (err == PL_EINVAL && with_own && !in->nattachments));
		return;
	}
	struct pl_sio_in is = {.attachments = out.at, .nattachments = out.n};
	MUST(!pl_json_parse(again, pl_buf_slice(b), &is.json));
	MUST(!out.n || pl_sio_placeholders_fit(is.json, out.n));
	size_t n = parley_nargs(packet);
	MUST(parley_nargs((const void *)&is) == 1 + (n > first ? n - first : 0));
	for (size_t i = first; i < n; i++)
		same((const void *)parley_arg(packet, i), in,
		     (const void *)parley_arg((const void *)&is, 1 + i - first), &is);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_slice attachments[PL_SIO_ATTACHMENTS_MAX];
	struct pl_sio_head h = {.type = PL_SIO_EVENT};
	struct pl_sio_in in = {.attachments = attachments};
	struct pl_buf b;
	if (size < 2 || size > 65536)
		return 0;
	if (!parser &&
	    (pl_json_parser_new(1 << 16, &parser) || pl_json_parser_new(1 << 22, &again)))
		return 0;
	in.nattachments = data[0] % (PL_SIO_ATTACHMENTS_MAX + 1);
	for (uint32_t i = 0; i < in.nattachments; i++)
		attachments[i] = pl_slice(bytes + i, 1);
	if (pl_json_parse(parser, pl_slice(data + 2, size - 2), &in.json) ||
	    !pl_sio_payload_fits(&h, in.json) ||
	    (in.nattachments && !pl_sio_placeholders_fit(in.json, in.nattachments)))
		return 0;
	pl_buf_init(&b, 1 << 22);
	hand_on(&in, data[1] % 4, false, &b);
	pl_buf_clear(&b);
	hand_on(&in, data[1] % 4, true, &b);
	pl_buf_fini(&b);
	return 0;
}
