/*
 * server.h - the whole server, put together from a configuration: store, bus, workers, dialects,
 * endpoints, listeners; its start, turns, reload, drain and end. The program and the library
 * (public.c) use it alike.
 *
 * Threads     One thread calls these, and that one turns the first worker, where the caller does;
 *             what is marked [any thread] may be called from anywhere.
 * The server sets no signal handlers, prints nothing and never exits: it tells by its callbacks.
 */
#ifndef PL_SERVER_SERVER_H
#define PL_SERVER_SERVER_H

#include "base/log.h"
#include "handler/handler.h"
#include "server/config.h"

struct pl_server_events {
	/* The store cannot be trusted any more: the server must not go on. Any thread, once. */
	void (*on_fatal)(void *ctx, const char *why);
	void *ctx;
};

struct pl_server_options {
	/* Read until the server runs; of a driven server and while it may reload, as long as it
	 * lives. */
	const struct pl_config *config;
	struct pl_log *log; /* may be NULL */
	struct pl_server_events events;
	const char *prefix; /* of all endpoints and mounts; NULL: none */
	/* The chat's usual places: each dialect's own paths, health and metrics. Without, there is
	 * a chat only where a dialect is mounted or a listener speaks one. */
	bool is_chat;
	/* The caller turns the first worker: pl_server_turn. Otherwise it has a thread too. */
	bool is_driven;
	uint32_t workers; /* 0: as the configuration says */
};

/* It does nothing yet. */
int pl_server_new(const struct pl_server_options *, struct parley_server **out) PL_MUST_CHECK;
/* Before the start. PL_EINVAL and *why (a literal), PL_ESTATE, PL_ELIMIT, PL_ENOMEM. */
int pl_server_serve(struct parley_server *, const struct parley_endpoint *, size_t size,
		    const char **why) PL_MUST_CHECK;
/* Before the start. As above. pattern NULL: every path that nothing else takes. */
int pl_server_mount(struct parley_server *, const char *pattern, const char *dialect,
		    const char **why) PL_MUST_CHECK;
/*
 * Opens what is needed, binds the listeners and starts the workers: it serves when this returns.
 * Reasons are appended to `why`, a line each. After a failure everything is as before.
 */
int pl_server_start(struct parley_server *, struct pl_buf *why) PL_MUST_CHECK;

/*
 * Certificates, keys and the options that may change while running: read and checked first, then
 * exchanged as a whole; on failure everything stays as it was and `why` tells.
 */
int pl_server_reload(struct parley_server *, const struct pl_config *,
		     struct pl_buf *why) PL_MUST_CHECK;

/* Stops accepting and says goodbye to everybody (1001), each after what is queued for him. Does not
 * wait. Once. */
void pl_server_drain(struct parley_server *);
/* After a drain: whether everybody has left. */
bool pl_server_is_empty(const struct parley_server *);
/* In every state. Finishes what the store was given, then frees everything. NULL is fine. */
void pl_server_free(struct parley_server *);

/* ---- driven by the caller (turn.c) ---- */

/* [any thread, signal handler] The next turns drain, wait for the end, and are the last. */
void pl_server_stop(struct parley_server *);
/* [any thread] Runs fn on the first worker. PL_ENOMEM; PL_ELIMIT: too many wait; PL_ESTATE: it has
 * ended. */
int pl_server_post(struct parley_server *, void (*fn)(void *), void *arg) PL_MUST_CHECK;
/* Of a started server. 1: goes on; 0: it has ended; PL_ESTORE: it had to, see on_fatal; PL_ESTATE:
 * not started, or inside a turn. */
int pl_server_turn(struct parley_server *, int timeout_ms) PL_MUST_CHECK;
/* Turns until it has ended. As the last turn. */
int pl_server_run(struct parley_server *) PL_MUST_CHECK;
/* Readable when a turn is due, timers included. -1: not started. */
int pl_server_fd(const struct parley_server *);
/* [any thread] */
bool pl_server_is_running(const struct parley_server *);
bool pl_server_has_ended(const struct parley_server *);

/* ---- for people ---- */

/* A line for each listener: "ws://127.0.0.1:8080 (all)". */
void pl_server_describe(const struct parley_server *, struct pl_buf *);
/* 0: there is no such listener, or it has no port. */
uint16_t pl_server_port(const struct parley_server *, size_t index);
const char *pl_server_engine(const struct parley_server *);
uint32_t pl_server_workers(const struct parley_server *);

#endif
