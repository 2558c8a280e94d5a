/* chat_link_events.c - what came in becomes events: the answer to the handshake, then messages. */
#include "chat_link_internal.h"

#include "base/clock.h"

#include <poll.h>

enum { MESSAGE_MAX = 32 << 20, FRAMES_MAX = 4096 };

/* A status that will not be another one the next time. */
static bool is_final_status(unsigned status)
{
	return status != 408 && status != 425 && status != 429 && status < 500;
}

static void refuse(struct link *l, const struct pl_http_response *r)
{
	struct pl_buf what;
	pl_buf_init(&what, 128);
	pl_buf_printf(&what, "it answered %u", r->status);
	pl_buf_putc(&what, 0);
	l->is_refusal = is_final_status(r->status);
	link_end(l, what.err ? "refused" : what.at, r->reason);
	pl_buf_fini(&what);
}

/* We offered no extension and no protocol: an answer that has one speaks of something else. */
static bool is_our_answer(const struct link *l, const struct pl_http_response *r)
{
	struct pl_slice accept;
	if (pl_http_header_one(&r->head, "Sec-WebSocket-Accept", &accept))
		return false;
	if (pl_http_header(&r->head, "Sec-WebSocket-Extensions").len ||
	    pl_http_header(&r->head, "Sec-WebSocket-Protocol").len)
		return false;
	return !pl_ws_answer_check(pl_slice(l->key, sizeof(l->key)),
				   pl_http_header(&r->head, "Upgrade"),
				   pl_http_header(&r->head, "Connection"), accept);
}

static bool read_answer(struct link *l)
{
	struct pl_http_response r;
	size_t used = 0;
	struct pl_slice in = pl_slice(l->in.at, l->in.len);
	int err = pl_http_parse_response(&l->http, &pl_http_default_limits, in, &used, &r);
	if (err == PL_EAGAIN)
		return false;
	if (!err && r.status == 101 && is_our_answer(l, &r)) {
		l->phase = IS_OPEN;
		l->used = used;
		return true;
	}
	if (!err && r.status != 101) {
		refuse(l, &r);
	} else {
		l->is_refusal = true;
		link_end(l, "the server does not speak WebSocket there", pl_slice(NULL, 0));
	}
	pl_buf_clear(&l->in);
	return false;
}

static void on_close(struct link *l, const struct pl_ws_event *e)
{
	char payload[PL_WS_CONTROL_MAX], code[32];
	size_t n = pl_ws_close_payload(payload, e->close_code, pl_slice(NULL, 0));
	struct pl_buf what;
	link_put_frame(l, PL_WS_CLOSE, pl_slice(payload, n));
	link_flush(l);
	pl_buf_init(&what, sizeof(code));
	pl_buf_printf(&what, "closed (%u)", e->close_code);
	pl_buf_putc(&what, 0);
	l->is_refusal = e->close_code == 1008;
	link_end(l, what.err ? "closed" : what.at, e->reason);
	pl_buf_fini(&what);
}

static void on_fault(struct link *l, const struct pl_ws_event *e)
{
	char payload[PL_WS_CONTROL_MAX];
	size_t n = pl_ws_close_payload(payload, e->close_code, e->reason);
	link_put_frame(l, PL_WS_CLOSE, pl_slice(payload, n));
	link_flush(l);
	link_end(l, "the server broke the protocol", e->reason);
}

/* True: *out is a message. False: all is read, or the link ended. */
static bool read_message(struct link *l, struct link_event *out)
{
	static const struct pl_ws_limits limits = {.max_message = MESSAGE_MAX,
						   .max_frames = FRAMES_MAX};
	for (;;) {
		struct pl_ws_event e;
		char *at = l->in.at ? l->in.at + l->used : NULL;
		size_t n = l->in.len - l->used;
		int got = pl_ws_read(&l->reader, &limits, NULL, &at, &n, &e);
		l->used = l->in.len - n;
		if (got < 0)
			on_fault(l, &e);
		if (got <= 0) {
			pl_buf_clear(&l->in);
			l->used = 0;
			return false;
		}
		if (e.op == PL_WS_TEXT) {
			*out = (struct link_event){.kind = LINK_TEXT, .text = e.data};
			return true;
		}
		if (e.op == PL_WS_PING)
			link_put_frame(l, PL_WS_PONG, e.data);
		else if (e.op == PL_WS_CLOSE)
			on_close(l, &e);
	}
}

void link_next(struct link *l, struct link_event *out)
{
	*out = (struct link_event){.kind = LINK_NOTHING};
	if (l->is_told)
		return;
	if (l->phase == UPGRADING && l->in.len && read_answer(l)) {
		out->kind = LINK_OPEN;
		return;
	}
	if (l->phase == IS_OPEN && read_message(l, out))
		return;
	link_flush(l);
	if (!l->is_ended)
		return;
	l->is_told = true;
	*out = (struct link_event){.kind = LINK_DOWN,
				   .text = pl_buf_slice(&l->why),
				   .is_refusal = l->is_refusal,
				   .is_untrusted = l->is_untrusted};
}

int link_send(struct link *l, struct pl_slice text)
{
	if (l->phase != IS_OPEN || l->is_ended)
		return PL_ESTATE;
	link_put_frame(l, PL_WS_TEXT, text);
	link_flush(l);
	return l->is_ended ? PL_ETOOBIG : 0;
}

void link_close(struct link *l, int wait_ms)
{
	char payload[PL_WS_CONTROL_MAX];
	uint64_t until = pl_now_ms() + (uint64_t)wait_ms;
	if (l->phase != IS_OPEN || l->is_ended)
		return;
	size_t n = pl_ws_close_payload(payload, 1000, pl_slice(NULL, 0));
	link_put_frame(l, PL_WS_CLOSE, pl_slice(payload, n));
	if (l->tls)
		pl_tls_shutdown(l->tls, &l->out);
	link_flush(l);
	for (uint64_t now = pl_now_ms(); l->out.len && !l->is_ended && now < until;
	     now = pl_now_ms()) {
		struct pollfd p = {.fd = link_fd(l), .events = POLLOUT};
		(void)poll(&p, 1, (int)(until - now));
		link_flush(l);
	}
}
