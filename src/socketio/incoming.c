/*
 * incoming.c - what a client says: the head of a packet, its JSON, its attachments, and whose it
 * is. What may not be said ends the connection, as in the original.
 */
#include "socketio/internal.h"

#include "wire/json_mend.h"

static bool is_binary(enum pl_sio_type type)
{
	return type == PL_SIO_BINARY_EVENT || type == PL_SIO_BINARY_ACK;
}

/* For a namespace that it has not joined, or has left. */
static int not_joined(struct pl_sio_client *c)
{
	pl_client_refuse(c);
	return 0;
}

static int hear_connect(struct pl_sio_client *c, const struct pl_sio_head *head,
			const struct pl_json *auth)
{
	if (pl_client_socket(c, head->nsp) || pl_handshake_is_asking(c, head->nsp))
		return not_joined(c);
	pl_handshake_ask(c, head->nsp, auth);
	return 0;
}

static int hear_disconnect(struct pl_sio_client *c, const struct pl_sio_head *head)
{
	parley_socket *k = pl_client_socket(c, head->nsp);
	if (!k)
		return not_joined(c);
	pl_socket_end(k, "client namespace disconnect", false);
	return 0;
}

/* An event or an answer, with all that belongs to it. */
static int hear_packet(struct pl_sio_client *c, const struct pl_sio_head *head,
		       const struct pl_json *json, const struct pl_slice *attachments)
{
	parley_socket *k = pl_client_socket(c, head->nsp);
	bool is_acked = false;
	if (!k)
		return not_joined(c);
	struct parley_packet p = {
		.in = {.json = json,
		       .attachments = attachments,
		       .nattachments = head->attachments,
		       .is_answer = head->type == PL_SIO_ACK || head->type == PL_SIO_BINARY_ACK},
		.socket = k,
		.has_id = head->has_id,
		.id = head->id,
		.is_acked = &is_acked};
	if (p.in.is_answer)
		pl_ack_hear(k, &p);
	else if (json)
		pl_socket_hear(k, &p);
	return 0;
}

/* As JavaScript, whose strings may end within a character. */
static int parse_mended(struct pl_json_parser *parser, struct pl_slice text,
			const struct pl_json **out)
{
	struct pl_buf mended;
	int err = PL_EINVAL;
	pl_buf_init(&mended, text.len);
	if (pl_json_mend(text, &mended))
		err = mended.err ? mended.err : pl_json_parse(parser, pl_buf_slice(&mended), out);
	pl_buf_fini(&mended);
	return err;
}

static int parse(struct pl_sio_site *s, const struct pl_sio_head *head, const struct pl_json **out)
{
	bool is_auth = head->type == PL_SIO_CONNECT;
	int err = 0;
	*out = NULL;
	if (!head->json.len)
		return 0;
	if (is_auth && !s->auths)
		err = pl_json_parser_new(AUTH_MAX, &s->auths);
	if (err)
		return err;
	struct pl_json_parser *parser = is_auth ? s->auths : s->messages;
	err = pl_json_parse(parser, head->json, out);
	return err == PL_EINVAL ? parse_mended(parser, head->json, out) : err;
}

/* The original lets events and answers without anything pass. */
static bool fits(const struct pl_sio_head *head, const struct pl_json *json)
{
	bool is_nothing = !json && (head->type == PL_SIO_EVENT || head->type == PL_SIO_ACK);
	return is_nothing || pl_sio_payload_fits(head, json);
}

static int dispatch(struct pl_sio_client *c, const struct pl_sio_head *head,
		    const struct pl_json *json)
{
	switch (head->type) {
	case PL_SIO_CONNECT: return hear_connect(c, head, json);
	case PL_SIO_DISCONNECT: return hear_disconnect(c, head);
	default: return hear_packet(c, head, json, NULL);
	}
}

static int hear_text(struct pl_sio_client *c, struct pl_slice text)
{
	struct pl_sio_site *s = c->site;
	struct pl_sio_head head;
	const struct pl_json *json;
	int err = c->assembly ? PL_EPROTO
			      : pl_sio_read_head(text, s->sio->path->server.max_attachments, &head);
	if (!err)
		err = parse(s, &head, &json);
	if (!err && !fits(&head, json))
		err = PL_EPROTO;
	if (err || !is_binary(head.type))
		return err ? err : dispatch(c, &head, json);
	/* It is read again when it is whole: meanwhile others use the parser. */
	return pl_sio_placeholders_fit(json, head.attachments) ? pl_assembly_begin(c, text, &head)
							       : PL_EPROTO;
}

static int hear_whole(struct pl_sio_client *c, const struct pl_sio_assembly *a)
{
	struct pl_slice attachments[PL_SIO_ATTACHMENTS_MAX];
	const struct pl_json *json;
	int err = parse(c->site, &a->head, &json);
	if (err)
		return err;
	pl_assembly_slices(a, attachments);
	return hear_packet(c, &a->head, json, attachments);
}

static int hear_bytes(struct pl_sio_client *c, struct pl_slice bytes)
{
	struct pl_sio_assembly *a = c->assembly;
	int err = a ? pl_assembly_add(a, bytes) : PL_EPROTO;
	if (err || !pl_assembly_is_whole(a))
		return err;
	c->assembly = NULL;
	err = hear_whole(c, a);
	pl_assembly_free(a);
	return err;
}

void pl_sio_hear(struct pl_eio *eio, enum pl_ws_op kind, struct pl_slice data)
{
	struct pl_sio_client *c = pl_eio_user(eio);
	if (!pl_eio_is_open(eio))
		return;
	c->site->counts.packets_in++;
	c->site->counts.bytes_in += data.len;
	int err = kind == PL_WS_BINARY ? hear_bytes(c, data) : hear_text(c, data);
	if (err)
		pl_client_break(c);
}
