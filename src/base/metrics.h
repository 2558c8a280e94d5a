/*
 * metrics.h - every number the server tells about itself is one row of this table.
 *
 * Each worker (and the store's writer) has its own set and adds to it without locks; a reader
 * sums the sets. Counters only grow; gauges go both ways and may be negative in one set.
 */
#ifndef PL_BASE_METRICS_H
#define PL_BASE_METRICS_H

#include "base/buf.h"

#include <stdatomic.h>

#define PL_METRICS_MAP(X)                                                                          \
	X(CONNECTIONS, gauge, "connections", "Open connections")                                   \
	X(ACCEPTED, counter, "connections_accepted_total", "Connections accepted")                 \
	X(REFUSED, counter, "connections_refused_total", "Connections refused by a limit")         \
	X(ACCEPT_PAUSED, counter, "accept_paused_total", "Times accepting paused: no descriptors") \
	X(WS_OPEN, gauge, "websocket_connections", "Open WebSocket connections")                   \
	X(WS_OPENED, counter, "websocket_opened_total", "WebSocket handshakes completed")          \
	X(POLLING, gauge, "polling_sessions", "Engine.IO sessions that poll")                      \
	X(SIGNED_IN, gauge, "authenticated_connections", "Connections with a verified user")       \
	X(AUTH_FAILED, counter, "auth_failures_total", "Tokens refused")                           \
	X(AUTH_EXPIRED, counter, "auth_expired_total",                                             \
	  "Connections closed when the token expired")                                             \
	X(REGISTERED, counter, "accounts_registered_total", "Accounts created by registration")    \
	X(LOGINS, counter, "logins_total", "Logins with a password that succeeded")                \
	X(LOGINS_REFUSED, counter, "logins_refused_total",                                         \
	  "Logins with a wrong name or password, or of a disabled account")                        \
	X(HTTP_REQUESTS, counter, "http_requests_total", "HTTP requests answered")                 \
	X(HTTP_REFUSED, counter, "http_malformed_total", "HTTP requests refused as malformed")     \
	X(BYTES_IN, counter, "received_bytes_total", "Bytes received")                             \
	X(BYTES_OUT, counter, "sent_bytes_total", "Bytes sent")                                    \
	X(FRAMES_IN, counter, "messages_received_total", "WebSocket messages received")            \
	X(FRAMES_OUT, counter, "messages_sent_total", "WebSocket messages queued for sending")     \
	X(PROTOCOL_ERRORS, counter, "protocol_errors_total", "WebSocket protocol violations")      \
	X(HEARTBEAT_LOST, counter, "heartbeat_lost_total", "Connections that stopped answering")   \
	X(SLOW_CLOSED, counter, "slow_readers_closed_total",                                       \
	  "Connections closed by back-pressure")                                                   \
	X(VOLATILE_DROPPED, counter, "volatile_dropped_total",                                     \
	  "Events and messages not sent to slow readers")                                          \
	X(ADMIN_DROPPED, counter, "admin_events_dropped_total",                                    \
	  "Events that the Admin UI was not told of")                                              \
	X(RATE_LIMITED, counter, "rate_limited_total", "Requests refused by a rate limit")         \
	X(STORED, counter, "messages_stored_total", "Messages committed")                          \
	X(DUPLICATES, counter, "messages_duplicate_total", "Retries recognised")                   \
	X(UPLOADS, counter, "uploads_total", "Files that arrived completely")                      \
	X(DOWNLOADS, counter, "downloads_total", "Files that were asked for and sent")             \
	X(COMMITS, counter, "store_commits_total", "Transactions committed")                       \
	X(STORE_ERRORS, counter, "store_errors_total", "Store operations that failed")             \
	X(STORE_WAITING, gauge, "store_queue", "Operations waiting for the store")                 \
	X(EVENTS, counter, "events_published_total", "Events published on the bus")                \
	X(ROOMS, gauge, "rooms", "Rooms with a listener, per worker")                              \
	X(CALLS, gauge, "calls", "Calls that ring or are connected")                               \
	X(CALLS_BEGUN, counter, "calls_begun_total", "Calls that somebody began")                  \
	X(TURNS, counter, "loop_turns_total", "Turns of the loops")                                \
	X(SENDS, counter, "sends_total", "Gathered sends")

enum pl_metric {
#define X(id, kind, name, help) PL_M_##id,
	PL_METRICS_MAP(X)
#undef X
		PL_M__COUNT
};

struct pl_metrics {
	_Atomic int64_t v[PL_M__COUNT];
};

/* NULL metrics: does nothing. Cheap: the set has one writer, so there is no locked instruction. */
static inline void pl_metric_add(struct pl_metrics *m, enum pl_metric id, int64_t n)
{
	if (!m)
		return;
	int64_t v = atomic_load_explicit(&m->v[id], memory_order_relaxed);
	atomic_store_explicit(&m->v[id], v + n, memory_order_relaxed);
}

/* The sum over n sets. Any thread. */
int64_t pl_metric_sum(const struct pl_metrics *const *sets, size_t n, enum pl_metric id);
/* The Prometheus text format 0.0.4 of all rows, names prefixed "parley_". */
void pl_metrics_write(struct pl_buf *out, const struct pl_metrics *const *sets, size_t n);
/* The table as rows of Markdown: name, type, meaning. */
void pl_metrics_markdown(struct pl_buf *out);

#endif
