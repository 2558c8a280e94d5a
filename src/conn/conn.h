/*
 * conn.h - one client line from accept to close, whatever is spoken on it, and the set of all
 * lines of a worker.
 *
 * Threads     Everything here belongs to the worker's loop thread, unless marked [any thread].
 * Lifetime    A connection is valid from the first callback on it until its on_close returns (for
 *             plain HTTP: until it is answered). It is freed at the end of a turn, never inside.
 */
#ifndef PL_CONN_CONN_H
#define PL_CONN_CONN_H

#include "base/frame.h"
#include "base/metrics.h"
#include "conn/endpoint.h"
#include "loop/loop.h"
#include "net/gate.h"
#include "net/tls.h"

struct pl_conns;

/* Limits and habits of all connections of a server. Must outlive the set; immutable while in use.
 */
struct pl_conn_options {
	struct pl_http_limits http;
	uint32_t header_ms; /* from accept, or the first byte of a later request, to the end of the
			       head */
	uint32_t keep_alive_ms; /* idle between requests */
	size_t body_bytes;
	uint32_t close_ms; /* to wait for the peer's close frame, or for the last bytes to leave */
	/* Of endpoints that have none of their own. out_soft is also where the answers that nobody
	 * reads make requests wait. */
	struct pl_ws_options ws;
	/* Of all endpoints that compress; the threshold is theirs (compress_above). */
	struct pl_deflate_options deflate;
	/* Exact origins that browsers may come from, besides the host itself. "null" is never
	 * allowed. */
	const struct pl_slice *origins;
	size_t norigins;
	/* Whose X-Forwarded-For is believed: the caller is then who stands there. */
	const struct pl_ip *proxies;
	size_t nproxies;
};

int pl_conns_new(struct pl_loop *, struct pl_gate *, const struct pl_conn_options *,
		 struct pl_conns **out) PL_MUST_CHECK;
/* Drops what is still open without a word (on_close: 1006). NULL is fine. */
void pl_conns_free(struct pl_conns *);
/* From now on these options hold, for open connections too. */
void pl_conns_set_options(struct pl_conns *, const struct pl_conn_options *);
size_t pl_conns_count(const struct pl_conns *);

/*
 * Takes over an accepted descriptor. Closes it when a limit or memory forbids. tls: NULL for plain.
 */
void pl_conns_accept(struct pl_conns *, int fd, const struct pl_ip *from, const struct pl_router *,
		     struct pl_tls_context *tls);
/*
 * Closes all: idle HTTP at once, WebSockets with 1001, each after what is queued for it. Accepts
 * nothing any more.
 */
void pl_conns_drain(struct pl_conns *, const char *reason);

/*
 * The routers of this worker's listeners, in the same order on every worker: where a connection
 * goes on that comes from another one. Before the threads start; the array must outlive the set.
 */
void pl_conns_set_routers(struct pl_conns *, const struct pl_router *routers, size_t n);

/* ---- one connection ---- */

void *pl_conn_user(const struct pl_conn *);
/*
 * What pl_conn_user returns from now on: of a WebSocket until it ends, of a request until the next
 * one. So whoever answers later finds his state again in on_close.
 */
void pl_conn_set_user(struct pl_conn *, void *user);
void *pl_conn_ctx(const struct pl_conn *);   /* the endpoint's */
uint64_t pl_conn_id(const struct pl_conn *); /* unique in the process; for logs */
const struct pl_ip *pl_conn_from(const struct pl_conn *);
bool pl_conn_is_open(const struct pl_conn *); /* a WebSocket that has not begun to close */
/*
 * In on_close of a WebSocket: what broke it. 0: nothing; PL_EPROTO, PL_ETOOBIG, PL_ENOMEM: why the
 * peer's words could not be taken; PL_ECLOSED: it went away without a goodbye.
 */
int pl_conn_fault(const struct pl_conn *);

/*
 * Whether a page in a browser may ask this: its origin is allowed, or it is none (see origin.c).
 * The same rule as for WebSockets.
 */
bool pl_conn_origin_allowed(const struct pl_conn *, const struct pl_http_request *);

/*
 * Answers the request that is owed one. reply->keep_alive and is_head are set here. With
 * compress_above, a body of a type that packs well is compressed for who takes that.
 */
void pl_conn_respond(struct pl_conn *, struct pl_http_reply *reply);
/* Short form: a status and a text. */
void pl_conn_respond_text(struct pl_conn *, unsigned status, const char *type,
			  struct pl_slice body);
/* Where the body of an answer comes from, piece by piece. */
struct pl_body_source {
	uint64_t length; /* of all of it */
	/*
	 * To be answered by one pl_conn_body, now or later on this worker: 1 to max bytes from
	 * `offset` on. The next is wanted when these have left, or nearly. Called at the end of a
	 * turn.
	 */
	void (*want)(struct pl_conn *, void *ctx, uint64_t offset, size_t max);
	/*
	 * Once, last, at the end of a turn: all was given (also where HEAD was asked and nothing
	 * wanted), or the connection ended. After it nothing may be given; a piece that is awaited
	 * is not wanted any more.
	 */
	void (*done)(void *ctx, bool is_whole);
	void *ctx;
};
/*
 * As pl_conn_respond, without reply->body, which comes from the source (copied): at most 256 KiB
 * wait to be sent, and who takes less than 16 KB in a second is let go of. PL_ESTATE: no answer is
 * owed; PL_EINVAL, PL_ENOMEM. After a failure it is still owed, and the source hears nothing.
 */
int pl_conn_respond_from(struct pl_conn *, struct pl_http_reply *reply,
			 const struct pl_body_source *) PL_MUST_CHECK;
/* The piece that was wanted; takes its own reference. NULL: it cannot be had; that breaks it. */
void pl_conn_body(struct pl_conn *, struct pl_frame *piece);
/*
 * Answers the upgrade that is owed with 101; `user` is what pl_conn_user returns from now on.
 * protocol.at NULL: none. PL_ESTATE: no upgrade is owed (any more); PL_ECLOSED: the set is
 * draining; PL_EINVAL: a bad Sec-WebSocket-Extensions; PL_ENOMEM. After a failure answer with
 * pl_conn_respond, which does nothing where the connection broke: no on_close comes then.
 */
int pl_conn_upgrade(struct pl_conn *, const struct pl_request *, struct pl_slice protocol,
		    void *user) PL_MUST_CHECK;

/*
 * Hands a connection whose answer is owed (or whose upgrade is) to the set of another worker. There
 * the request is served as if it had come in there, by that worker's router of the same listener,
 * and the connection stays; what was sent early and what is still to be sent go along. Here it is
 * over: after 0 nobody may use the connection any more, and no on_close comes. q: the request, with
 * its body, of the callback or from pl_request_keep. A worker that drains answers 503.
 * PL_ESTATE: no answer is owed, it is the same set, or a listener has no number; PL_ELIMIT: the
 * request was moved three times; PL_ENOMEM. After a failure it is to be answered here.
 */
int pl_conn_move(struct pl_conn *, const struct pl_request *q, struct pl_conns *to) PL_MUST_CHECK;

/* Bytes that were queued and have not left. */
size_t pl_conn_backlog(const struct pl_conn *);
/* The payload is cut at 125 bytes; nothing happens on a connection that is not open. */
void pl_conn_ping(struct pl_conn *, struct pl_slice payload);
void pl_conn_pong(struct pl_conn *, struct pl_slice payload);

/*
 * Queues a message; it leaves at the end of the turn. PL_ECLOSED: not open; PL_EBUSY: dropped, or
 * the connection is being closed as too slow; PL_ENOMEM: it broke. Nobody has to look: on_close
 * tells.
 */
int pl_conn_send(struct pl_conn *, enum pl_ws_op kind, struct pl_slice payload);
/* The same for a message that begins with one more byte. */
int pl_conn_send_tagged(struct pl_conn *, enum pl_ws_op kind, char tag, struct pl_slice payload);
/*
 * Starts the close handshake after what is queued; on_close follows. Twice is fine. On a plain HTTP
 * connection: closes after what is queued.
 */
void pl_conn_close(struct pl_conn *, uint16_t code, struct pl_slice reason);
/* The application heard from the peer in its own way: counts as a sign of life. */
void pl_conn_heard(struct pl_conn *);

/*
 * One message for many: the frames are built once, the compressed one when the first listener that
 * negotiated compression comes.
 */
struct pl_shared {
	enum pl_ws_op kind;
	struct pl_slice payload; /* valid while the struct is in use */
	bool is_volatile;        /* may be dropped for a slow reader */
	char tag;                /* a byte of the message before the payload; 0: none */
	struct pl_frame *plain, *packed;
};
void pl_conn_push(struct pl_conn *, struct pl_shared *);
void pl_shared_fini(struct pl_shared *);

#endif
