/*
 * engineio.c - the life of an Engine.IO session: its birth, its name, its end.
 *
 * A session ends once, in pl_eio_end or pl_eio_close. From then on it has no connection, but for
 * one that was given the last packets; on_close and the free come at the end of the turn.
 */
#include "conn/engineio_internal.h"

#include "base/id.h"
#include "base/mem.h"
#include "wire/base64url.h"

const char *pl_eio_reason_text(enum pl_eio_reason why)
{
	static const char *const texts[] = {
		[PL_EIO_CLIENT_LEFT] = "transport close",
		[PL_EIO_TRANSPORT_ERROR] = "transport error",
		[PL_EIO_PING_TIMEOUT] = "ping timeout",
		[PL_EIO_PARSE_ERROR] = "parse error",
		[PL_EIO_FORCED] = "forced close",
		[PL_EIO_SHUTTING_DOWN] = "server shutting down",
	};
	return texts[why];
}

/* ---- birth ---- */

static void make_sid(struct pl_eio *e)
{
	uint8_t bytes[PL_EIO_SID_BYTES];
	struct pl_buf text;
	pl_random_bytes(bytes, PL_EIO_SID_BYTES - 2);
	bytes[PL_EIO_SID_BYTES - 2] = (uint8_t)(e->set->worker >> 8);
	bytes[PL_EIO_SID_BYTES - 1] = (uint8_t)e->set->worker;
	/* Its own memory: nothing is allocated. */
	text = (struct pl_buf){.at = e->sid, .cap = sizeof(e->sid), .max = sizeof(e->sid)};
	pl_base64url_encode(&text, pl_slice(bytes, sizeof(bytes)));
}

struct pl_eio_polling *pl_eio_polling_new(struct pl_eio *e)
{
	struct pl_eio_polling *p = PL_NEW(struct pl_eio_polling);
	if (!p)
		return NULL;
	p->session = e;
	p->cors = PL_EIO_NO_CORS;
	pl_list_init(&p->answer);
	pl_list_init(&p->probing);
	/* One packet more than fits makes it end; the goodbye comes on top. */
	pl_buf_init(&p->queue, (size_t)e->set->o->out_hard + 16);
	return p;
}

void pl_eio_polling_free(struct pl_eio *e)
{
	struct pl_eio_polling *p = e->polling;
	e->polling = NULL;
	if (!p)
		return;
	if (p->get) /* it broke in this very turn */
		pl_conn_set_user(p->get, NULL);
	if (p->is_counted)
		pl_gate_leave(e->set->gate, &p->site);
	pl_list_remove(&p->answer);
	pl_list_remove(&p->probing);
	pl_buf_fini(&p->queue);
	pl_free(p);
}

/* A session that polls holds a place at the gate: it may have no connection that does. */
static int count_in(struct pl_eio *e, const struct pl_conn *c)
{
	struct pl_eio_polling *p = e->polling = pl_eio_polling_new(e);
	if (!p)
		return PL_ENOMEM;
	p->site = pl_conn_site(c);
	int err = pl_gate_enter(e->set->gate, &p->site, pl_loop_now_ms(e->set->loop));
	p->is_counted = !err;
	return err == PL_ELIMIT ? PL_EBUSY : err;
}

int pl_eio_new(struct pl_eios *set, struct pl_conn *c, const struct pl_eio_query *q,
	       struct pl_eio **out)
{
	struct pl_eio *e = PL_NEW(struct pl_eio);
	if (!e)
		return PL_ENOMEM;
	e->set = set;
	e->number = (uint64_t)set->worker << 48 | ++set->last_number;
	e->from = *pl_conn_from(c);
	e->transport = (uint8_t)q->transport;
	e->is_base64 = q->is_base64;
	e->is_secure = c->tls != NULL;
	pl_list_init(&e->beat);
	make_sid(e);
	int err = q->transport == PL_EIO_POLLING ? count_in(e, c) : 0;
	if (!err)
		err = pl_map_put(&set->sids, pl_eio_sid(e), e);
	if (err) {
		pl_eio_polling_free(e);
		pl_free(e);
		return err;
	}
	*out = e;
	return 0;
}

void pl_eio_open(struct pl_eio *e)
{
	struct pl_eios *set = e->set;
	e->is_opened = true;
	set->nopen++;
	if (e->transport == PL_EIO_POLLING)
		pl_eios_count_polling(set, 1);
	if (e->state != PL_EIO_NEW)
		return; /* closed inside on_open */
	e->state = PL_EIO_IS_OPEN;
	pl_eio_beat_begin(e);
}

void pl_eio_put_hello(struct pl_buf *b, const struct pl_eio *e)
{
	const struct pl_eio_options *o = e->set->o;
	bool can_upgrade = e->transport == PL_EIO_POLLING && !o->no_upgrade && !o->no_websocket;
	struct pl_eio_hello hello = {.sid = pl_eio_sid(e),
				     .may_upgrade = can_upgrade,
				     .ping_interval_ms = o->ping_interval_ms,
				     .ping_timeout_ms = o->ping_timeout_ms,
				     .max_payload = o->max_payload};
	pl_eio_put_open(b, &hello);
}

struct pl_eio *pl_eio_find(struct pl_eios *set, struct pl_slice sid)
{
	return sid.len == PL_EIO_SID_TEXT ? pl_map_get(&set->sids, sid) : NULL;
}

/* ---- one session ---- */

struct pl_eios *pl_eio_set(const struct pl_eio *e)
{
	return e->set;
}

void *pl_eio_user(const struct pl_eio *e)
{
	return e->user;
}

void pl_eio_set_user(struct pl_eio *e, void *user)
{
	e->user = user;
}

struct pl_slice pl_eio_sid(const struct pl_eio *e)
{
	return pl_slice(e->sid, sizeof(e->sid));
}

uint64_t pl_eio_number(const struct pl_eio *e)
{
	return e->number;
}

const struct pl_ip *pl_eio_from(const struct pl_eio *e)
{
	return &e->from;
}

bool pl_eio_is_secure(const struct pl_eio *e)
{
	return e->is_secure;
}

enum pl_eio_transport pl_eio_transport(const struct pl_eio *e)
{
	return e->transport;
}

bool pl_eio_is_open(const struct pl_eio *e)
{
	return e->state <= PL_EIO_IS_OPEN;
}

/* ---- the end ---- */

/* Nothing is told to anybody any more; the name is free. */
static void bury(struct pl_eio *e)
{
	if (e->state == PL_EIO_OVER)
		return;
	e->state = PL_EIO_OVER;
	pl_list_remove(&e->beat);
	(void)pl_map_remove(&e->set->sids, pl_eio_sid(e));
}

static void end_later(struct pl_eio *e)
{
	struct pl_eios *set = e->set;
	if (e->is_ended)
		return;
	e->is_ended = true;
	e->next = set->ended;
	set->ended = e;
	if (set->is_reaping)
		return;
	set->is_reaping = true;
	pl_loop_reap(set->loop, &set->reap);
}

static void tell_closed(struct pl_eio *e)
{
	struct pl_eios *set = e->set;
	if (!e->is_opened)
		return;
	e->is_opened = false;
	set->nopen--;
	if (e->transport == PL_EIO_POLLING)
		pl_eios_count_polling(set, -1);
	set->ops->on_close(e, (enum pl_eio_reason)e->reason);
	e->user = NULL;
}

void pl_eios_reap(struct pl_reap *r)
{
	struct pl_eios *set = PL_CONTAINER(r, struct pl_eios, reap);
	struct pl_eio *e;
	while ((e = set->ended)) {
		set->ended = e->next;
		e->is_ended = false;
		tell_closed(e);
		if (e->state != PL_EIO_OVER)
			continue; /* its last packets wait */
		pl_eio_polling_free(e);
		pl_free(e);
	}
	set->is_reaping = false;
}

static void let_go(struct pl_conn **held, uint16_t code)
{
	struct pl_conn *c = *held;
	*held = NULL;
	if (!c)
		return;
	pl_conn_set_user(c, NULL);
	pl_conn_close(c, code, PL_S(""));
}

void pl_eio_drop_probe(struct pl_eio *e)
{
	struct pl_eio_polling *p = e->polling;
	if (!p || !p->probe)
		return;
	pl_list_remove(&p->probing);
	p->is_probed = false;
	let_go(&p->probe, 0);
}

void pl_eio_end(struct pl_eio *e, enum pl_eio_reason why, enum pl_eio_type last)
{
	const struct pl_eio_packet goodbye = {.type = PL_EIO_CLOSE};
	if (!pl_eio_is_open(e))
		return;
	e->reason = (uint8_t)why;
	bury(e);
	let_go(&e->line, 0);
	pl_eio_drop_probe(e);
	if (pl_eio_has_poll(e) && last == PL_EIO_CLOSE)
		pl_eio_put(&e->polling->queue, &goodbye);
	pl_eio_answer(e);
	end_later(e);
}

/*
 * A client that finds the goodbye in one payload with what was said before it thinks that the line
 * broke, before it has looked at that. So it comes alone, with the next poll - unless no next one
 * may come, because the server goes.
 */
bool pl_eio_say_goodbye(struct pl_eio *e)
{
	const struct pl_eio_packet goodbye = {.type = PL_EIO_CLOSE};
	struct pl_eio_polling *p = e->polling;
	if (!p->has_goodbye && (!p->queue.len || e->set->is_draining)) {
		pl_eio_put(&p->queue, &goodbye);
		p->has_goodbye = true;
	}
	return p->has_goodbye;
}

void pl_eio_close(struct pl_eio *e, enum pl_eio_reason why, uint16_t code)
{
	if (!pl_eio_is_open(e))
		return;
	e->reason = (uint8_t)why;
	e->close_code = code;
	if (e->transport == PL_EIO_WEBSOCKET) {
		bury(e);
		let_go(&e->line, code);
		end_later(e);
		return;
	}
	e->state = PL_EIO_LEAVING;
	pl_eio_drop_probe(e);
	pl_eio_beat_leave(e);
	bool is_last = pl_eio_say_goodbye(e);
	if (pl_eio_has_poll(e)) {
		pl_eio_answer(e);
		if (is_last)
			bury(e);
	}
	end_later(e);
}

void pl_eio_gone(struct pl_eio *e)
{
	bury(e);
	end_later(e);
}
