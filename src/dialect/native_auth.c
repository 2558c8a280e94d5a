/* native_auth.c - who is speaking: by a token of the handshake, or as a guest. */
#include "dialect/native_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"
#include "wire/url.h"

#include <stdio.h>

enum { CLIENT_ID = 16, GUEST_SUBJECT = 6 + PL_UUID_TEXT };

/* As the original: the parameter, if it is not empty, else the header without "Bearer ". */
struct pl_slice pl_native_find_token(const struct pl_request *q, struct pl_arena *a)
{
	struct pl_slice token = {NULL, 0};
	if (!pl_query_get(q->http->query, "token", a, &token) && token.len)
		return token;
	struct pl_slice header = pl_http_header(&q->http->head, "Authorization");
	struct pl_slice bearer = PL_S("Bearer ");
	if (pl_slice_starts(header, bearer))
		header = pl_slice(header.at + bearer.len, header.len - bearer.len);
	return pl_slice_trim(header);
}

void pl_native_refuse(struct pl_session *s)
{
	if (s->conn)
		pl_conn_close(s->conn, 1008, PL_S("Unauthorized"));
}

static void greet(struct pl_session *s)
{
	uint8_t id[CLIENT_ID];
	char hex[2 * CLIENT_ID];
	pl_native_of(s)->window_ms = pl_now_ms();
	pl_random_bytes(id, sizeof(id));
	for (size_t i = 0; i < sizeof(hex); i++)
		hex[i] = "0123456789abcdef"[id[i / 2] >> (i % 2 ? 0 : 4) & 15];
	struct pl_buf *b = pl_session_out(s);
	PL_PUT(b, "{\"type\":\"connected\",\"clientId\":");
	pl_json_put_str(b, pl_slice(hex, sizeof(hex)));
	PL_PUT(b, ",\"timestamp\":");
	pl_buf_put_u64(b, pl_wall_ms());
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

void pl_native_on_signed_in(struct pl_session *s, struct pl_slice ref, bool was_asked, int err)
{
	(void)ref;
	(void)was_asked;
	if (err)
		pl_native_refuse(s);
	else
		greet(s);
}

/* The dialect has no word for it: the close says it. */
void pl_native_on_expiry(struct pl_session *s, uint64_t expires_s, bool is_over)
{
	(void)s;
	(void)expires_s;
	(void)is_over;
}

void pl_native_welcome_guest(struct pl_session *s)
{
	char name[sizeof("Guest-0000")];
	struct pl_uuid id = pl_uuid_v4();
	snprintf(name, sizeof(name), "Guest-%02x%02x", id.b[14], id.b[15]);
	struct pl_user guest = {
		.id = id, .username = pl_slice_str(name), .display_name = pl_slice_str(name)};
	if (pl_session_be_guest(s, &guest))
		pl_conn_close(s->conn, 1011, PL_S("out of memory"));
	else
		greet(s);
}

static void written_down(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	if (s && op->err)
		pl_native_of(s)->has_row = false; /* the next message tries again */
	pl_session_done(op);
}

int pl_native_write_down(struct native *n)
{
	struct pl_session *s = &n->session;
	char subject[GUEST_SUBJECT];
	if (!s->peer.is_guest || n->has_row)
		return 0;
	struct pl_op *op =
		pl_session_op(s, PL_OP_SIGN_IN, written_down, (struct pl_slice){NULL, 0});
	if (!op)
		return PL_ENOMEM;
	memcpy(subject, "guest:", 6);
	pl_uuid_format(&s->peer.user.id, subject + 6);
	struct pl_user *claims = &op->sign_in.claims;
	int err = pl_user_copy(&op->arena, &s->peer.user, claims);
	if (!err)
		err = pl_arena_copy(&op->arena, pl_slice(subject, sizeof(subject)),
				    &claims->subject);
	if (err) {
		pl_session_done(op);
		return err;
	}
	op->sign_in.provision = true;
	n->has_row = true;
	pl_session_submit(s, op);
	return 0;
}
