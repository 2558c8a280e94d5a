/*
 * chat_link.h - a client's WebSocket connection: TCP, TLS, handshake, frames. It never waits,
 * except for the name to be resolved when it is opened.
 *
 * Use: poll link_fd for link_wants; link_pump; then link_next until it says LINK_NOTHING.
 */
#ifndef PARLEY_CHAT_LINK_H
#define PARLEY_CHAT_LINK_H

#include "net/tls.h"
#include "wire/url.h"

struct link;

struct link_target {
	struct pl_url url;
	struct pl_tls_context *tls; /* NULL: plain; outlives the link */
};

enum link_kind {
	LINK_NOTHING,
	LINK_OPEN, /* messages may be sent */
	LINK_TEXT,
	LINK_DOWN, /* the end; link_free is all that is left to do */
};

struct link_event {
	enum link_kind kind;
	struct pl_slice text; /* TEXT: the message. DOWN: why. Valid until the next link_next. */
	bool is_refusal;      /* DOWN: the server does not want us; trying again will not help */
	bool is_untrusted;    /* DOWN: TLS failed before anything was said */
};

/* The target outlives the link. PL_ENOTFOUND: the name has no address. PL_ENOMEM. */
int link_open(const struct link_target *, uint64_t now_ms, struct link **out) PL_MUST_CHECK;
void link_free(struct link *); /* NULL is fine; closes abruptly */

int link_fd(const struct link *);
short link_wants(const struct link *);
/* Receives and sends what is possible without waiting. `revents` as from poll; 0: only the clock.
 */
void link_pump(struct link *, short revents, uint64_t now_ms);
void link_next(struct link *, struct link_event *);
/* When link_pump should be called although nothing happened. */
uint64_t link_due(const struct link *);

/* Queues a text message. PL_ESTATE: not open. PL_ETOOBIG: too much waits to be sent. */
int link_send(struct link *, struct pl_slice text) PL_MUST_CHECK;
/* Says goodbye (1000) and sends what is queued; waits for that, at most wait_ms. */
void link_close(struct link *, int wait_ms);

#endif
