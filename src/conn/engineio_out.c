/*
 * engineio_out.c - from a session to what carries it: a WebSocket's queue, or the payload of the
 * next poll. A poll that hangs is answered once per turn, with all that the turn brought.
 */
#include "conn/engineio_internal.h"

#include "base/mem.h"

/* ---- polls ---- */

bool pl_eio_has_poll(const struct pl_eio *e)
{
	return e->polling && e->polling->get && e->polling->get->phase == PL_PH_OWED;
}

void pl_eio_answer(struct pl_eio *e)
{
	struct pl_eio_polling *p = e->polling;
	if (!pl_eio_has_poll(e))
		return;
	struct pl_conn *c = p->get;
	struct pl_buf queue = p->queue;
	struct pl_slice body = queue.len ? pl_buf_slice(&queue) : PL_S("6");
	pl_buf_init(&p->queue, queue.max);
	pl_list_remove(&p->answer);
	p->get = NULL;
	pl_conn_set_user(c, NULL);
	pl_eio_reply(e->set, c, p->cors, 200, "text/plain; charset=UTF-8", body);
	pl_buf_fini(&queue);
}

void pl_eios_on_answer(struct pl_task *t)
{
	struct pl_eios *set = PL_CONTAINER(t, struct pl_eios, answer);
	struct pl_list batch, *node;
	set->is_answering = false;
	pl_list_take(&batch, &set->answers);
	while ((node = pl_list_shift(&batch)))
		pl_eio_answer(PL_CONTAINER(node, struct pl_eio_polling, answer)->session);
}

static void answer_later(struct pl_eio *e)
{
	struct pl_eios *set = e->set;
	if (!pl_eio_has_poll(e) || !pl_list_empty(&e->polling->answer))
		return;
	pl_list_append(&set->answers, &e->polling->answer);
	if (set->is_answering)
		return;
	set->is_answering = true;
	pl_loop_post(set->loop, &set->answer);
}

/* ---- the queue ---- */

/* 0: another n bytes have room. A turn that says much does not make a slow reader. */
static int make_room(struct pl_eio *e, size_t n)
{
	struct pl_eio_polling *p = e->polling;
	size_t most = e->set->o->out_hard;
	if (p->queue.len + n > most)
		pl_eio_answer(e);
	if (p->queue.len + n <= most)
		return 0;
	pl_metric_add(pl_loop_metrics(e->set->loop), PL_M_SLOW_CLOSED, 1);
	pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
	return PL_EBUSY;
}

/* The queue is there from the handshake on, but a WebSocket that is not accepted yet has none. */
static int want_queue(struct pl_eio *e)
{
	if (!e->polling)
		e->polling = pl_eio_polling_new(e);
	return e->polling ? 0 : PL_ENOMEM;
}

/* mark: where the queue ended before the packet, of which there must not be a part. */
static int queued(struct pl_eio *e, size_t mark)
{
	struct pl_buf *q = &e->polling->queue;
	if (!q->err) {
		answer_later(e);
		return 0;
	}
	q->len = mark;
	q->err = 0;
	pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
	return PL_ENOMEM;
}

static int put_packet(struct pl_eio *e, const struct pl_eio_packet *packet)
{
	if (!packet->is_binary && packet->data.len &&
	    memchr(packet->data.at, PL_EIO_SEPARATOR, packet->data.len))
		return PL_EINVAL;
	int err = want_queue(e);
	if (!err)
		err = make_room(e, pl_eio_size(packet));
	if (err)
		return err;
	size_t mark = e->polling->queue.len;
	pl_eio_put(&e->polling->queue, packet);
	return queued(e, mark);
}

/* One that stands already as it does in a payload. */
static int put_encoded(struct pl_eio *e, struct pl_slice packet)
{
	int err = want_queue(e);
	if (!err)
		err = make_room(e, packet.len + 1);
	if (err)
		return err;
	struct pl_buf *q = &e->polling->queue;
	size_t mark = q->len;
	if (q->len)
		pl_buf_putc(q, PL_EIO_SEPARATOR);
	pl_buf_puts(q, packet);
	return queued(e, mark);
}

/* ---- the WebSocket ---- */

/* What a WebSocket's `err` means for the session: it is never slow or broken for itself. */
static int sent(struct pl_eio *e, int err)
{
	if (err)
		pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
	return err;
}

static int send_base64(struct pl_eio *e, const struct pl_eio_packet *packet)
{
	struct pl_buf text;
	pl_buf_init(&text, pl_eio_size(packet));
	pl_eio_put(&text, packet);
	int err = text.err ? PL_ENOMEM : pl_conn_send(e->line, PL_WS_TEXT, pl_buf_slice(&text));
	pl_buf_fini(&text);
	return sent(e, err);
}

static int send_packet(struct pl_eio *e, const struct pl_eio_packet *packet)
{
	if (packet->is_binary && e->is_base64)
		return send_base64(e, packet);
	if (packet->is_binary)
		return sent(e, pl_conn_send(e->line, PL_WS_BINARY, packet->data));
	return sent(e, pl_conn_send_tagged(e->line, PL_WS_TEXT, (char)('0' + packet->type),
					   packet->data));
}

void pl_eio_move_queue(struct pl_eio *e, struct pl_eio_polling *from)
{
	struct pl_eio_payload payload = {.rest = pl_buf_slice(&from->queue)};
	struct pl_eio_packet packet;
	/* In place, and all of it our own words: nothing can be wrong with them. */
	while (from->queue.len && e->line && !pl_eio_next(&payload, &packet))
		(void)send_packet(e, &packet);
	pl_buf_clear(&from->queue);
}

/* ---- what others call ---- */

int pl_eio_say(struct pl_eio *e, const struct pl_eio_packet *packet)
{
	if (!pl_eio_is_open(e))
		return PL_ECLOSED;
	return e->line ? send_packet(e, packet) : put_packet(e, packet);
}

int pl_eio_send(struct pl_eio *e, enum pl_ws_op kind, struct pl_slice payload)
{
	struct pl_eio_packet packet = {
		.type = PL_EIO_MESSAGE, .is_binary = kind == PL_WS_BINARY, .data = payload};
	return pl_eio_say(e, &packet);
}

bool pl_eio_is_writable(const struct pl_eio *e)
{
	if (e->line)
		return pl_conn_is_open(e->line) && !e->line->is_blocked;
	return pl_eio_is_open(e) && pl_eio_has_poll(e);
}

size_t pl_eio_backlog(const struct pl_eio *e)
{
	if (e->line)
		return pl_conn_backlog(e->line);
	return e->polling ? e->polling->queue.len : 0;
}

/* ---- one for many ---- */

static struct pl_frame *packet_of(struct pl_eio_shared *s)
{
	struct pl_eio_packet packet = {
		.type = PL_EIO_MESSAGE, .is_binary = s->is_binary, .data = s->payload};
	struct pl_buf text;
	if (s->packet)
		return s->packet;
	pl_buf_init(&text, pl_eio_size(&packet));
	pl_eio_put(&text, &packet);
	s->packet = text.err ? NULL : pl_frame_copy(pl_buf_slice(&text));
	pl_buf_fini(&text);
	return s->packet;
}

static void push_line(struct pl_eio *e, struct pl_eio_shared *s)
{
	s->ws.kind = s->is_binary ? PL_WS_BINARY : PL_WS_TEXT;
	s->ws.tag = s->is_binary ? 0 : '0' + PL_EIO_MESSAGE;
	s->ws.payload = s->payload;
	s->ws.is_volatile = s->is_volatile;
	pl_conn_push(e->line, &s->ws);
	(void)sent(e, pl_conn_is_open(e->line) ? 0 : PL_ECLOSED);
}

static void push_encoded(struct pl_eio *e, struct pl_eio_shared *s)
{
	struct pl_frame *f = packet_of(s);
	if (!f)
		pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
	else if (e->line)
		(void)sent(e, pl_conn_send(e->line, PL_WS_TEXT, pl_frame_slice(f)));
	else
		(void)put_encoded(e, pl_frame_slice(f));
}

static bool has_separator(const struct pl_eio_shared *s)
{
	return !s->is_binary && s->payload.len &&
	       memchr(s->payload.at, PL_EIO_SEPARATOR, s->payload.len);
}

void pl_eio_push(struct pl_eio *e, struct pl_eio_shared *s)
{
	if (!pl_eio_is_open(e))
		return;
	if (e->line && !(s->is_binary && e->is_base64))
		push_line(e, s);
	else if (s->is_volatile && !pl_eio_is_writable(e))
		pl_metric_add(pl_loop_metrics(e->set->loop), PL_M_VOLATILE_DROPPED, 1);
	else if (s->packet || !has_separator(s))
		push_encoded(e, s);
}

void pl_eio_shared_fini(struct pl_eio_shared *s)
{
	pl_shared_fini(&s->ws);
	pl_frame_release(s->packet);
	s->packet = NULL;
}
