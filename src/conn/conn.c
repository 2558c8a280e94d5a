/*
 * conn.c - the life of a connection: its phases, readiness, and how it ends.
 *
 * on_close runs at the end of a turn and never inside another callback, so whoever calls us may go
 * on using what belongs to the connection until it returns.
 */
#include "conn/internal.h"

#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void *pl_conn_user(const struct pl_conn *c)
{
	return c->user;
}

void pl_conn_set_user(struct pl_conn *c, void *user)
{
	c->user = user;
}

void *pl_conn_ctx(const struct pl_conn *c)
{
	return c->endpoint ? c->endpoint->ctx : NULL;
}

uint64_t pl_conn_id(const struct pl_conn *c)
{
	return c->id;
}

const struct pl_ip *pl_conn_from(const struct pl_conn *c)
{
	return &c->from;
}

bool pl_conn_is_open(const struct pl_conn *c)
{
	return c->phase == PL_PH_OPEN;
}

int pl_conn_fault(const struct pl_conn *c)
{
	return !c->fault && c->close_code == 1006 ? PL_ECLOSED : c->fault;
}

void pl_conn_heard(struct pl_conn *c)
{
	c->heard_tick = pl_conns_tick(c->set);
}

void pl_conn_enter(struct pl_conn *c, enum pl_phase phase, uint32_t deadline_ms)
{
	c->phase = (uint8_t)phase;
	pl_conn_set_deadline(c, deadline_ms);
}

uint32_t pl_conn_interest(const struct pl_conn *c)
{
	/* Who hung up cannot become a WebSocket; a plain request may still be answered then. */
	bool is_watched = c->phase == PL_PH_OWED && (c->is_upgrade || c->is_watched);
	return (c->is_reading ? EPOLLIN : 0) | (c->is_blocked ? EPOLLOUT : 0) |
	       (is_watched ? EPOLLRDHUP : 0);
}

/* With a request: what is said now waits. */
static bool is_busy(const struct pl_conn *c)
{
	return c->phase >= PL_PH_OWED && c->phase < PL_PH_OPEN;
}

static bool has_early_frames(const struct pl_conn *c)
{
	return c->is_ws && c->is_http;
}

void pl_conn_read_on(struct pl_conn *c, bool on)
{
	if (c->is_reading == on || c->phase == PL_PH_DEAD || (on && has_early_frames(c)))
		return;
	c->is_reading = on;
	if (pl_io_change(c->set->loop, &c->io, pl_conn_interest(c)))
		pl_conn_break(c, 1006, PL_S("out of memory"));
}

void pl_conn_read_as_due(struct pl_conn *c)
{
	/* Who waits for an answer says nothing, as a rule: it is time to stop when he does. */
	bool may_wait = c->phase == PL_PH_OWED && !c->is_upgrade && c->is_reading;
	if (c->phase < PL_PH_LAST && !may_wait)
		pl_conn_read_on(c, c->phase == PL_PH_CLOSING || pl_conn_may_read(c));
}

void pl_conn_watch(struct pl_conn *c)
{
	c->is_watched = true;
	/* Else the end of his words wakes us, and then he is watched. */
	if (!c->is_reading && pl_io_change(c->set->loop, &c->io, pl_conn_interest(c)))
		pl_conn_break(c, 1006, PL_S("out of memory"));
}

uint32_t pl_conn_time_to_leave(const struct pl_conn *c, uint32_t ms)
{
	return ms + (uint32_t)(pl_conn_unsent(c) / PL_SLOWEST);
}

bool pl_conn_may_read(const struct pl_conn *c)
{
	return !is_busy(c) && pl_conn_unsent(c) <= pl_conn_ws(c)->out_soft;
}

/* ---- the end ---- */

static void settle(struct pl_conn *c)
{
	bool was_owed = !c->is_ws && c->is_owed;
	c->is_settling = false;
	if (c->phase == PL_PH_LEAVING) {
		pl_conn_depart(c);
		return;
	}
	if (c->phase == PL_PH_PIECES) {
		pl_pieces_resume(c);
		return;
	}
	if (c->phase < PL_PH_LAST) {
		pl_http_resume(c);
		return;
	}
	if (c->in_pieces)
		pl_pieces_end(c, false);
	if ((c->is_ws || was_owed) && c->endpoint && c->endpoint->on_close) {
		char *reason = c->is_ws ? c->reason : NULL;
		if (c->is_ws)
			pl_metric_add(c->set->metrics, PL_M_WS_OPEN, -1);
		c->endpoint->on_close(c, was_owed ? 0 : c->close_code, pl_slice_str(reason));
	}
	if (c->is_ws) {
		pl_free(c->reason);
		pl_ws_reader_fini(&c->ws);
	}
	pl_http_fini(c);
	c->is_ws = c->is_owed = false;
	if (c->phase != PL_PH_DEAD)
		return;
	pl_tls_free(c->tls);
	pl_free(c);
}

/* The end of the turn; whoever is added meanwhile is settled, too. */
static void settle_all(struct pl_reap *r)
{
	struct pl_conns *set = PL_CONTAINER(r, struct pl_conns, reap);
	struct pl_conn *c;
	while ((c = set->settling)) {
		set->settling = c->next;
		settle(c);
	}
	set->is_settling = false;
}

static void settle_later(struct pl_conn *c)
{
	struct pl_conns *set = c->set;
	if (c->is_settling)
		return;
	c->is_settling = true;
	c->next = set->settling;
	set->settling = c;
	if (set->is_settling)
		return;
	set->is_settling = true;
	set->reap.reap = settle_all;
	pl_loop_reap(set->loop, &set->reap);
}

void pl_conn_resume_later(struct pl_conn *c)
{
	settle_later(c);
}

void pl_conn_note_end(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	if (!c->is_ws || c->close_code)
		return;
	c->close_code = code;
	c->reason = reason.len ? pl_memdup0(reason.at, reason.len) : NULL;
}

void pl_conn_tell_closed(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	pl_conn_note_end(c, code, reason);
	settle_later(c);
}

void pl_conn_break(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	if (c->phase == PL_PH_DEAD)
		return;
	if (c->phase == PL_PH_LEAVING)
		pl_conn_cancel_move(c);
	c->is_owed = c->phase == PL_PH_OWED;
	c->phase = PL_PH_DEAD;
	pl_conn_drop_output(c);
	pl_io_remove(c->set->loop, &c->io);
	close(c->io.fd);
	pl_conns_remove(c);
	struct pl_ip site = pl_conn_site(c);
	pl_gate_leave(c->set->gate, &site);
	pl_conn_tell_closed(c, code, reason);
}

/* A TLS peer tells an end from a connection that was cut by this. */
static void notify_close(struct pl_conn *c)
{
	struct pl_buf *out = &c->set->cipher;
	c->is_notified = true;
	pl_buf_clear(out);
	pl_tls_shutdown(c->tls, out);
	pl_conn_put_cipher(c, pl_buf_slice(out));
}

void pl_conn_finish(struct pl_conn *c)
{
	if (c->phase == PL_PH_DEAD)
		return; /* the last words could not even be queued */
	if (c->is_ws)
		pl_conn_tell_closed(c, c->close_code ? c->close_code : 1006, PL_S(""));
	if (c->tls && !c->is_notified && !pl_conn_unsent(c))
		notify_close(c);
	if (c->phase == PL_PH_DEAD)
		return;
	if (pl_conn_unsent(c)) {
		pl_conn_enter(c, PL_PH_LAST, pl_conn_time_to_leave(c, c->set->options->close_ms));
		return;
	}
	/* FIN, then wait for the peer's: closing with unread input would reset what is in flight.
	 */
	shutdown(c->io.fd, SHUT_WR);
	pl_conn_enter(c, PL_PH_LINGER, c->set->options->close_ms);
	pl_conn_read_on(c, true);
}

/* ---- input ---- */

static void input(struct pl_conn *c, char *at, size_t n)
{
	switch ((enum pl_phase)c->phase) {
	case PL_PH_HEAD:
	case PL_PH_BODY:
	case PL_PH_OWED:
	case PL_PH_LEAVING:
	case PL_PH_PIECES: pl_http_input(c, at, n); break;
	case PL_PH_OPEN:
	case PL_PH_CLOSING: pl_ws_input(c, at, n); break;
	case PL_PH_LAST:
	case PL_PH_LINGER:
	case PL_PH_DEAD: break; /* nobody listens any more */
	}
}

static void end_of_input(struct pl_conn *c)
{
	bool may_still_send =
		c->phase == PL_PH_LAST || (c->phase == PL_PH_HEAD && pl_conn_unsent(c));
	if (!may_still_send) {
		pl_conn_break(c, 1006, PL_S("connection lost"));
		return;
	}
	pl_conn_enter(c, PL_PH_LAST, pl_conn_time_to_leave(c, c->set->options->close_ms));
	pl_conn_read_on(c, false);
}

static bool has_room_for_plain(struct pl_conns *set)
{
	if (!set->plain)
		set->plain = pl_alloc(PL_HOT_BYTES);
	return set->plain != NULL;
}

static void decrypt(struct pl_conn *c, struct pl_slice in)
{
	struct pl_conns *set = c->set;
	ssize_t got = has_room_for_plain(set) ? 1 : PL_ENOMEM;
	while (got > 0) {
		pl_buf_clear(&set->cipher);
		got = pl_tls_read(c->tls, &in, set->plain, PL_HOT_BYTES, &set->cipher);
		pl_conn_put_cipher(c, pl_buf_slice(&set->cipher));
		if (got > 0)
			input(c, set->plain, (size_t)got);
		if (c->phase == PL_PH_DEAD)
			return;
	}
	if (got == PL_ECLOSED)
		end_of_input(c);
	else if (got < 0)
		pl_conn_break(c, 1006, PL_S("TLS failed"));
	else if (!pl_conn_may_read(c))
		pl_conn_read_as_due(c); /* also TLS's own answers want to be read */
}

/* Straight into the unfinished message where there is one: its bytes need not be copied. */
static bool receive_into_message(struct pl_conn *c, ssize_t *got)
{
	char *at;
	size_t n;
	if (c->tls || c->phase != PL_PH_OPEN)
		return false;
	struct pl_ws_limits limits = pl_ws_limits_of(c);
	if (!pl_ws_want(&c->ws, &limits, &at, &n))
		return false;
	*got = recv(c->io.fd, at, n, MSG_DONTWAIT);
	if (*got > 0) {
		pl_ws_filled(&c->ws, (size_t)*got);
		pl_metric_add(c->set->metrics, PL_M_BYTES_IN, *got);
		pl_ws_input(c, NULL, 0);
	}
	return true;
}

static void receive(struct pl_conn *c)
{
	char *hot = pl_loop_hot(c->set->loop);
	ssize_t got;
	if (!receive_into_message(c, &got)) {
		got = recv(c->io.fd, hot, PL_HOT_BYTES, MSG_DONTWAIT);
		if (got > 0) {
			pl_metric_add(c->set->metrics, PL_M_BYTES_IN, got);
			if (c->tls)
				decrypt(c, pl_slice(hot, (size_t)got));
			else
				input(c, hot, (size_t)got);
		}
	}
	if (got == 0)
		end_of_input(c);
	else if (got < 0 && errno != EAGAIN && errno != EINTR)
		pl_conn_break(c, 1006, PL_S("connection lost"));
}

static void hung_up(struct pl_conn *c, uint32_t events)
{
	bool may_still_send = !(events & (EPOLLHUP | EPOLLERR)) && c->phase != PL_PH_OWED;
	/* The answer was given meanwhile: that is no reason any more to be woken. */
	if (!may_still_send || pl_io_change(c->set->loop, &c->io, pl_conn_interest(c)))
		pl_conn_break(c, 1006, PL_S("connection lost"));
}

static void on_ready(struct pl_io *io, uint32_t events)
{
	struct pl_conn *c = PL_CONTAINER(io, struct pl_conn, io);
	if (events & EPOLLOUT) {
		c->is_blocked = false;
		if (pl_io_change(c->set->loop, io, pl_conn_interest(c))) {
			pl_conn_break(c, 1006, PL_S("out of memory"));
			return;
		}
		if (c->queue)
			pl_loop_want_flush(c->set->loop, &c->queue->out);
	}
	if (is_busy(c))
		pl_conn_read_on(c, false); /* what is said now waits for the answer */
	if (c->is_reading && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		receive(c);
	else if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP))
		hung_up(c, events);
}

/* ---- birth ---- */

static int start(struct pl_conns *set, struct pl_conn *c)
{
	int err = pl_conns_insert(set, c);
	if (err)
		return err;
	err = pl_io_add(set->loop, &c->io, EPOLLIN);
	if (err)
		pl_conns_remove(c);
	else
		pl_conn_enter(c, PL_PH_HEAD, set->options->header_ms);
	return err;
}

static struct pl_conn *new_conn(struct pl_conns *set, int fd, const struct pl_ip *from,
				struct pl_tls_context *tls)
{
	struct pl_conn *c = PL_NEW(struct pl_conn);
	if (!c)
		return NULL;
	if (tls && pl_tls_new(tls, NULL, &c->tls)) {
		pl_free(c);
		return NULL;
	}
	c->io = (struct pl_io){.fd = fd, .on_ready = on_ready};
	c->set = set;
	c->from = *from;
	c->id = ++set->next_id;
	c->is_reading = c->is_http = true;
	return c;
}

static void refuse(struct pl_conns *set, int fd)
{
	close(fd);
	pl_metric_add(set->metrics, PL_M_REFUSED, 1);
}

void pl_conns_accept(struct pl_conns *set, int fd, const struct pl_ip *from,
		     const struct pl_router *router, struct pl_tls_context *tls)
{
	bool is_proxy = pl_conn_is_proxy(set->options, from);
	struct pl_ip site = is_proxy ? (struct pl_ip){{0}} : *from;
	if (set->is_draining || pl_gate_enter(set->gate, &site, pl_loop_now_ms(set->loop))) {
		refuse(set, fd);
		return;
	}
	/* A peer that vanished without a word is found out even when we have something to send. */
	unsigned timeout_ms = set->options->ws.silence_ms;
	if (timeout_ms)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	struct pl_conn *c = new_conn(set, fd, from, tls);
	if (c) {
		c->router = router;
		c->is_uncounted = is_proxy;
	}
	if (!c || start(set, c)) {
		if (c)
			pl_tls_free(c->tls);
		pl_free(c);
		pl_gate_leave(set->gate, &site);
		refuse(set, fd);
		return;
	}
	pl_metric_add(set->metrics, PL_M_ACCEPTED, 1);
}
