/*
 * rest.h - what is asked by plain HTTP: whether the server lives, whether it may be given traffic,
 * what it counts, and who is there; accounts: registration, login, and their administration.
 *
 * Access      Every route but those marked is_open needs the admin key as a bearer token. The check
 *             is made in one place, before the route's own code; without a configured key nobody
 *             passes it.
 * Threads     A struct pl_rest belongs to its worker's loop. What it shares with its siblings is
 *             immutable, but for the hubs: each is looked at on its own worker's thread only.
 */
#ifndef PL_REST_REST_H
#define PL_REST_REST_H

#include "auth/auth.h"
#include "auth/hasher.h"
#include "auth/turn.h"
#include "chat/hub.h"
#include "conn/conn.h"
#include "files/files.h"
#include "wire/json.h"

struct pl_rest;
struct pl_rest_row;

/* The key of the admin routes. All zero: there is none, and nobody is let in. */
struct pl_admin_key {
	uint8_t digest[32]; /* SHA-256: the key itself is not kept */
	bool is_set;
};

/* An empty slice: no key. PL_ENOMEM: OpenSSL could not, and nobody is let in. */
int pl_admin_key_set(struct pl_admin_key *, struct pl_slice key) PL_MUST_CHECK;
/* In a time that tells nothing about the key. False without a key. */
bool pl_admin_key_fits(const struct pl_admin_key *, struct pl_slice given);

/* What the routes of all workers share. The owner's; outlives them. */
struct pl_rest_shared {
	const char *version;
	uint64_t born_ms; /* pl_now_ms() of the start */
	const struct pl_metrics *const *sets;
	size_t nsets;
	struct pl_hub *const *hubs; /* one for each worker */
	size_t nhubs;
	/* [any thread] NULL: may be given traffic; else a constant sentence why not. */
	const char *(*why_not_ready)(void *ctx);
	/* [any thread] Days until the certificate expires; false: there is none. May be NULL. */
	bool (*certificate_days)(void *ctx, int64_t *days);
	/*
	 * Emits an event to every Socket.IO socket of "/", on all workers. NULL: there are none.
	 * data: of the asker's parser, or NULL. 0; PL_EINVAL: a name that may not be sent;
	 * PL_ENOTFOUND: there is no such namespace; PL_ETOOBIG; PL_EBUSY, PL_ENOMEM.
	 */
	int (*broadcast)(void *ctx, struct pl_slice event, const struct pl_json *data);
	void *ctx;
};

enum { PL_REST_ROUTES_MAX = 40 };

/* What accounts are like. Immutable while in use. */
struct pl_account_options {
	bool is_enabled;
	bool may_register;
	struct pl_slice secret; /* tokens are signed with; what verifies them knows it too */
	struct pl_slice issuer, audience; /* that tokens must have; at == NULL: any */
	uint64_t lifetime_s;              /* of a token */
};

/* What the routes for accounts need of their worker; all of it is the owner's. */
struct pl_accounts {
	const struct pl_account_options *options; /* exchanged on the worker's thread */
	struct pl_hasher *hasher;                 /* NULL: accounts are off */
	struct pl_auth *const *auth;              /* where the worker's verifier is */
	struct pl_json_parser *parser;            /* for PL_TOKEN_MAX bytes; the worker's scratch */
	uint32_t calls;                           /* logins and such that are not answered yet */
};

struct pl_rest {
	const struct pl_rest_shared *shared;
	struct pl_hub *hub;            /* of this worker */
	struct pl_admin_key key;       /* written on the worker's thread, or before it starts */
	uint32_t gathers;              /* answers that wait for the other workers */
	struct pl_files *files;        /* NULL: there are none. Set after pl_rest_init */
	uint32_t downloads;            /* under way */
	struct pl_accounts accounts;   /* zero: there are none. Set after pl_rest_init */
	const struct pl_turn *turn;    /* relays for calls; NULL: none. As accounts->options */
	struct pl_json_parser *bodies; /* for bodies that may be large; the worker's scratch */
	bool is_open; /* what its row says may be open asks for no key. On the worker's thread */
	/* Who can ask here has the data directory's files: the admin key is not asked for. */
	bool is_trusted;
	struct pl_rest_door {
		struct pl_endpoint endpoint;
		struct pl_rest *rest;
		const struct pl_rest_row *row;
	} doors[PL_REST_ROUTES_MAX];
};

/* Must not move afterwards. It owns nothing: there is no fini. */
void pl_rest_init(struct pl_rest *, const struct pl_rest_shared *, struct pl_hub *);
/*
 * Writes a row for each route, at most PL_REST_ROUTES_MAX; returns how many.
 *
 * An answer may be gathered from all workers by a task that travels from loop to loop, or wait for
 * the hasher and the store. It survives its connection, so the loops must be turned, in the order
 * of shared->hubs and then once more, between the end of the last connection and the end of the
 * first hub; the hasher stops before the store.
 */
size_t pl_rest_routes(struct pl_rest *, struct pl_route *out);

/* docs/metrics.md */
void pl_rest_metrics_markdown(struct pl_buf *);

#endif
