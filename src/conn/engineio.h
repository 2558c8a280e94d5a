/*
 * engineio.h - Engine.IO 4 sessions: long-polling, WebSocket, and the way from one to the other.
 * Whoever speaks through a session hears and sends messages and need not know what carries them.
 *
 * Threads     A session belongs to one worker's loop. A request for it that comes in on another
 *             worker is handed over with its connection (pl_conn_move): the sid says whose it is.
 * Lifetime    A session is valid from on_open until its on_close returns, and is freed at the end
 *             of a turn, never inside. on_close never comes inside a call on the session.
 * Heartbeat   The server pings. The timer owns the session, whatever requests are open: a client
 *             that is gone is gone after ping_interval + ping_timeout.
 */
#ifndef PL_CONN_ENGINEIO_H
#define PL_CONN_ENGINEIO_H

#include "conn/conn.h"
#include "wire/engineio.h"

struct pl_eio;  /* a session */
struct pl_eios; /* those of one path and worker */

/* Must outlive the sessions; immutable while in use. */
struct pl_eio_options {
	uint32_t ping_interval_ms, ping_timeout_ms; /* 25,000 and 20,000 */
	uint32_t upgrade_timeout_ms;                /* 10,000: from the probe to the upgrade */
	uint32_t max_payload; /* of a POST (413), and of a WebSocket's message (1009); told to the
				 client */
	/* Unsent bytes of a session: above `out_soft` volatile packets are dropped; above
	 * `out_hard` it is closed. */
	uint32_t out_soft, out_hard;
	uint32_t sessions_max; /* of a worker; then 503 */
	bool no_polling, no_websocket, no_upgrade;
	bool compress; /* permessage-deflate */
	uint32_t
		compress_above; /* polling bodies too (gzip), where the client takes it; 0: never */
	/*
	 * CORS: exact origins that pages may come from, besides the host itself; "*" alone: any.
	 * Without one no header is sent, and pages of other origins are refused (HTTP 403 code 4).
	 */
	const struct pl_slice *origins;
	size_t norigins;
	bool no_credentials; /* Access-Control-Allow-Credentials is left out; so it is for "*" */
	/*
	 * While it polls, a session is bound to the Origin, the Authorization and this cookie of
	 * its handshake: a request with another one does not find it. at == NULL: no cookie says
	 * who somebody is.
	 */
	struct pl_slice cookie;
};

enum pl_eio_reason { /* why a session ended; texts as clients and the admin UI know them */
		     PL_EIO_CLIENT_LEFT, /* "transport close": a close packet, or the line went */
		     PL_EIO_TRANSPORT_ERROR, /* "transport error" */
		     PL_EIO_PING_TIMEOUT,    /* "ping timeout" */
		     PL_EIO_PARSE_ERROR,     /* "parse error" */
		     PL_EIO_FORCED,          /* "forced close": we closed it */
		     PL_EIO_SHUTTING_DOWN,   /* "server shutting down" */
};
const char *pl_eio_reason_text(enum pl_eio_reason);

struct pl_eio_ops {
	/*
	 * A handshake that is in order; the open packet is queued already. 0; PL_EDENIED: 403 with
	 * code 4; any other error: 503.
	 */
	int (*on_open)(struct pl_eio *, const struct pl_request *);
	/* data: valid for the length of the call, may be changed. kind: text or binary. */
	void (*on_message)(struct pl_eio *, enum pl_ws_op kind, struct pl_slice data);
	/* It is a WebSocket now. May be NULL. */
	void (*on_upgrade)(struct pl_eio *);
	/* A pong came: the client has had all that was sent before the ping. May be NULL. */
	void (*on_pong)(struct pl_eio *);
	/* Once, last, at the end of a turn. Nothing can be sent any more. */
	void (*on_close)(struct pl_eio *, enum pl_eio_reason);
};

/* worker: its number, below 4,096. ctx: see pl_eios_ctx. */
int pl_eios_new(struct pl_loop *, struct pl_conns *, uint32_t worker, const struct pl_eio_options *,
		const struct pl_eio_ops *, void *ctx, struct pl_eios **out) PL_MUST_CHECK;
/* Where requests for sessions of other workers go: conns of all workers by number. Before the
 * threads start; the array must outlive the sets. */
void pl_eios_set_siblings(struct pl_eios *, struct pl_conns *const *conns, uint32_t n);
/*
 * Ends what is still open (on_close as due). After the connections were freed, which point to the
 * endpoints, and before the loop. NULL is fine.
 */
void pl_eios_free(struct pl_eios *);
/* Tells all sessions goodbye: polls are answered, WebSockets closed; no new sessions (503). */
void pl_eios_drain(struct pl_eios *);
void *pl_eios_ctx(const struct pl_eios *);
size_t pl_eios_count(const struct pl_eios *);
size_t pl_eios_polling(const struct pl_eios *);

/* For the router: requests of any method, and upgrades. ctx is the set. */
const struct pl_endpoint *pl_eios_http(const struct pl_eios *);
const struct pl_endpoint *pl_eios_upgrade(const struct pl_eios *);

/* ---- one session ---- */

struct pl_eios *pl_eio_set(const struct pl_eio *);
void *pl_eio_user(const struct pl_eio *);
void pl_eio_set_user(struct pl_eio *, void *);
struct pl_slice pl_eio_sid(const struct pl_eio *); /* secret: it is the session */
uint64_t pl_eio_number(const struct pl_eio *);     /* unique in the process; for logs */
const struct pl_ip *pl_eio_from(const struct pl_eio *);
enum pl_eio_transport pl_eio_transport(const struct pl_eio *);
bool pl_eio_is_secure(const struct pl_eio *); /* it began over TLS of our own */
bool pl_eio_is_open(const struct pl_eio *);
/* What leaves now leaves at the end of this turn: a WebSocket with nothing unsent, or a poll that
 * hangs. */
bool pl_eio_is_writable(const struct pl_eio *);
size_t pl_eio_backlog(const struct pl_eio *);

/*
 * One message for many sessions: what a WebSocket and what a poll carries are made when the first
 * session that needs it comes.
 */
struct pl_eio_shared {
	bool is_binary;
	bool is_volatile;        /* dropped where it cannot leave now */
	struct pl_slice payload; /* without the type's digit; valid while the struct is in use */
	/* private: */
	struct pl_shared ws;
	struct pl_frame *packet; /* as it stands in a payload */
};
void pl_eio_push(struct pl_eio *, struct pl_eio_shared *);
void pl_eio_shared_fini(struct pl_eio_shared *);
/*
 * One message to one session. PL_ECLOSED; PL_EBUSY: too slow, it ends; PL_ENOMEM: it ends;
 * PL_EINVAL: a text with the byte 0x1e, which a poll cannot carry.
 */
int pl_eio_send(struct pl_eio *, enum pl_ws_op kind, struct pl_slice payload);
/* A ping now, and not when it is due: the pong that follows shows that all before it has arrived.
 * False: one is on its way, or it is not open. */
bool pl_eio_ping(struct pl_eio *);
/*
 * Ends it after what is queued: a WebSocket by a close frame (code 0: without a code), polling by a
 * close packet, which the poll after that gets. on_close follows with `why`. Twice is fine.
 */
void pl_eio_close(struct pl_eio *, enum pl_eio_reason why, uint16_t code);

#endif
