/*
 * endpoint.h - the port upward: what a layer above says happens at a path, and the table of paths.
 */
#ifndef PL_CONN_ENDPOINT_H
#define PL_CONN_ENDPOINT_H

#include "base/err.h"
#include "base/slice.h"
#include "wire/http.h"
#include "wire/ws.h"

struct pl_conn;

/*
 * Limits and habits of the WebSockets of an endpoint. Must outlive them; immutable while in use.
 */
struct pl_ws_options {
	uint32_t max_message, max_frames;
	/* A ping every so often; 0: none. `beat` is what it carries; NULL: nothing. */
	uint32_t heartbeat_ms;
	const char *beat;
	uint32_t silence_ms;  /* not a byte for longer: dropped without a word; 0: never */
	uint32_t missed_max;  /* the beat after so many unanswered pings ends it ...; 0: not counted
			       */
	bool missed_is_final; /* ... at once (1006), instead of a close with 1000 "No pong received"
			       */
	/* Without a message or a ping for so long: closed with 1000 "Inactivity timeout"; 0: never
	 */
	uint32_t idle_ms;
	/*
	 * Unsent bytes: above soft volatile events are dropped and nothing is read; above hard, or
	 * above soft for slow_ms, the connection is closed (1013) - or, with drop_when_slow, every
	 * message is dropped until there is room.
	 */
	uint32_t out_soft, out_hard, slow_ms;
	bool drop_when_slow;
	bool compress;
	uint32_t compress_above; /* bytes; smaller messages are sent as they are */
};

/* A complete request. Everything in it is valid for the length of the callback. */
struct pl_request {
	const struct pl_http_request *http;
	struct pl_slice body;
};

struct pl_endpoint {
	/*
	 * Plain HTTP. Must be answered exactly once with pl_conn_respond, now or later on the same
	 * worker, or be moved to another (pl_conn_move). While an answer is owed nothing more is
	 * read from the connection.
	 */
	void (*on_request)(struct pl_conn *, const struct pl_request *);
	/*
	 * A WebSocket handshake that is in order. Answer exactly once with pl_conn_upgrade or
	 * pl_conn_respond, now or later on the same worker, or move it; for later, keep the request
	 * with pl_request_keep. Frames that come early wait.
	 */
	void (*on_upgrade)(struct pl_conn *, const struct pl_request *);
	/* A whole text or binary message; data is valid for the length of the callback, and may be
	 * changed. */
	void (*on_message)(struct pl_conn *, enum pl_ws_op kind, struct pl_slice data);
	/*
	 * Once, last, for what was upgraded, and for a connection that went away while its answer
	 * was owed (then code is 0). code: the peer's, 1005 for none, 1006 for a connection that
	 * broke. Nothing can be sent any more.
	 */
	void (*on_close)(struct pl_conn *, uint16_t code, struct pl_slice reason);
	/* Pings and pongs of an open WebSocket. With on_ping, pings are not answered by
	 * themselves. */
	void (*on_ping)(struct pl_conn *, struct pl_slice payload);
	void (*on_pong)(struct pl_conn *, struct pl_slice payload);
	/*
	 * A request whose body is, or announces to be, longer than body_bytes; without it. Must be
	 * answered in the callback (413); the connection is closed after that. NULL: 413 and a line
	 * of text.
	 */
	void (*on_too_large)(struct pl_conn *, const struct pl_request *);
	uint32_t body_bytes;            /* of a request; 0: the set's */
	bool checks_origin;             /* on_upgrade does: pages of any origin get there */
	const struct pl_ws_options *ws; /* NULL: the set's */
	void *ctx;                      /* see pl_conn_ctx */
};

struct pl_route {
	/* PL_HTTP_OTHER: an upgrade; PL_HTTP_ANY: every method, also those that we do not know. */
	enum pl_http_method method;
	const char *path; /* an Ant pattern, see wire/pattern.h */
	const struct pl_endpoint *endpoint;
};

/* The paths of a listener. Plain data of the upper layer; the first that fits counts: `find`, the
 * rows, `fallback`. */
struct pl_router {
	const struct pl_route *routes;
	size_t count;
	/* Upgrades that no row takes; NULL: 404. */
	const struct pl_endpoint *fallback;
	/*
	 * Asked first, for upgrades; may be NULL. NULL with *status set: refused with that. What it
	 * finds must have on_upgrade, or on_request for who does not want one (wants_upgrade).
	 */
	const struct pl_endpoint *(*find)(void *ctx, const struct pl_http_request *,
					  unsigned *status);
	void *find_ctx;
	bool finds_plain; /* it is asked for plain requests, too, of every method */
};

/* A copy for whoever answers later, without the body, in one block: pl_free it. NULL: no memory. */
struct pl_request *pl_request_keep(const struct pl_request *);

/*
 * The endpoint, or NULL and in *status what to answer: 404, 405 (path exists, method not), 426 (a
 * path for WebSockets asked without an upgrade), 400 (an upgrade of a path that has none).
 */
const struct pl_endpoint *pl_router_find(const struct pl_router *, const struct pl_http_request *,
					 unsigned *status);

#endif
