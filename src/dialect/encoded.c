/* encoded.c - the message for an event, and its frames as they come to be needed. */
#include "dialect/encoded.h"

#include "base/mem.h"

enum { FRAME_MAX = 32 << 20 };

struct pl_encoded *pl_encoded_new(const struct pl_event *e, enum pl_ws_op kind,
				  void (*write)(const struct pl_event *, struct pl_buf *))
{
	struct pl_encoded *x = PL_NEW(struct pl_encoded);
	if (!x)
		return NULL;
	pl_buf_init(&x->text, FRAME_MAX);
	write(e, &x->text);
	if (x->text.err) {
		pl_buf_fini(&x->text);
		pl_free(x);
		return NULL;
	}
	x->shared = (struct pl_shared){
		.kind = kind, .payload = pl_buf_slice(&x->text), .is_volatile = e->is_volatile};
	return x;
}

void pl_encoded_free(struct pl_encoded *x)
{
	pl_shared_fini(&x->shared);
	pl_buf_fini(&x->text);
	pl_free(x);
}

static void push_copy(struct pl_session *s, const struct pl_event *e,
		      void (*write)(const struct pl_event *, struct pl_slice, struct pl_buf *))
{
	for (size_t i = 0; i < e->ncopies; i++) {
		if (!pl_uuid_eq(&e->copy_users[i], &s->peer.user.id))
			continue;
		struct pl_buf *b = pl_session_out(s);
		write(e, e->copies[i], b);
		pl_session_send(s, b);
		return;
	}
}

void pl_encoded_push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x,
		     void (*write)(const struct pl_event *, struct pl_slice, struct pl_buf *))
{
	struct pl_session *s = PL_CONTAINER(p, struct pl_session, peer);
	if (!s->conn)
		return;
	if (e->kind == PL_EV_MESSAGE && e->message.per_recipient)
		push_copy(s, e, write);
	else
		pl_conn_push(s->conn, &x->shared);
}
