/*
 * server.h - the whole server, put together from a configuration: store, bus, workers, dialects,
 * listeners; its start, reload, drain and end.
 *
 * Threads     One thread (the program's main one) calls these; they are not safe from elsewhere.
 * The server sets no signal handlers, prints nothing and never exits: it tells by its callbacks.
 */
#ifndef PL_SERVER_SERVER_H
#define PL_SERVER_SERVER_H

#include "base/log.h"
#include "server/config.h"

struct pl_server;

struct pl_server_events {
	/* The store cannot be trusted any more: the process must stop. Any thread, once. */
	void (*on_fatal)(void *ctx, const char *why);
	void *ctx;
};

/*
 * Opens the store, binds the listeners and starts the workers: it serves when this returns. The
 * configuration is not needed afterwards. Reasons are appended to `why`, a line each.
 */
int pl_server_start(const struct pl_config *, struct pl_log *, const struct pl_server_events *,
		    struct pl_buf *why, struct pl_server **out) PL_MUST_CHECK;

/*
 * Certificates, keys and the options that may change while running: read and checked first, then
 * exchanged as a whole; on failure everything stays as it was and `why` tells.
 */
int pl_server_reload(struct pl_server *, const struct pl_config *,
		     struct pl_buf *why) PL_MUST_CHECK;

/* Stops accepting and says goodbye to everybody (1001), each after what is queued for him. Does not
 * wait. */
void pl_server_drain(struct pl_server *);
/* Whether everybody has left. */
bool pl_server_is_empty(const struct pl_server *);
/* Finishes what the store was given, then frees everything. NULL is fine. */
void pl_server_free(struct pl_server *);

/* A line for each listener, for people: "ws://127.0.0.1:8080 (all)". */
void pl_server_describe(const struct pl_server *, struct pl_buf *);
const char *pl_server_engine(const struct pl_server *);
uint32_t pl_server_workers(const struct pl_server *);

#endif
