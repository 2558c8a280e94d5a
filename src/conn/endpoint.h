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

/* A complete request. Everything in it is valid for the length of the callback. */
struct pl_request {
	const struct pl_http_request *http;
	struct pl_slice body;
};

struct pl_endpoint {
	/*
	 * Plain HTTP. Must be answered exactly once with pl_conn_respond, now or later on the same
	 * worker. While an answer is owed nothing more is read from the connection.
	 */
	void (*on_request)(struct pl_conn *, const struct pl_request *);
	/* A WebSocket handshake that is in order. Answer inside the callback: pl_conn_upgrade or
	 * pl_conn_respond. */
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
	void *ctx; /* see pl_conn_ctx */
};

struct pl_route {
	enum pl_http_method method; /* PL_HTTP_OTHER: an upgrade */
	const char *path;           /* exact; ending in '*': everything that begins so */
	const struct pl_endpoint *endpoint;
};

/* The paths of a listener. Plain data of the upper layer; the first row that fits counts. */
struct pl_router {
	const struct pl_route *routes;
	size_t count;
	/* Upgrades that no row takes; NULL: 404. */
	const struct pl_endpoint *fallback;
};

/*
 * The endpoint, or NULL and in *status what to answer: 404, 405 (path exists, method not), 426 (a
 * path for WebSockets asked without an upgrade), 400 (an upgrade of a path that has none).
 */
const struct pl_endpoint *pl_router_find(const struct pl_router *, const struct pl_http_request *,
					 unsigned *status);

#endif
