/*
 * settings.h - from the configuration to the plain option structs of each layer.
 *
 * Immutable once in use and refcounted: a reload makes a new set, each worker exchanges it on its
 * own loop, and the last one to let go frees the old. Nothing in here points into the
 * configuration.
 */
#ifndef PL_SERVER_SETTINGS_H
#define PL_SERVER_SETTINGS_H

#include "auth/auth.h"
#include "auth/turn.h"
#include "chat/hub.h"
#include "conn/conn.h"
#include "dialect/session.h"
#include "dialect/upload.h"
#include "rest/rest.h"
#include "server/config.h"

/* Passwords for relays, where calls ask for them. */
struct pl_settings_turn {
	struct pl_ice ice;
	struct pl_turn turn;
};

struct pl_settings {
	_Atomic uint32_t refs;
	struct pl_conn_options conn;
	struct pl_chat_options chat;
	struct pl_gateway_options gateway;
	struct pl_gate_options gate;
	struct pl_admin_key admin;
	bool open_rest;
	struct pl_account_options accounts;
	struct pl_upload_options uploads;
	uint64_t upload_expiry_ms;
	struct pl_settings_turn calls;
	struct pl_rate rates[PL_LIMIT__COUNT];
	struct pl_rate_limits
		*limits; /* the buckets; shared with the set before when the rates are the same */
	struct pl_arena memory;
};

/* One reference. before: whose buckets to keep, may be NULL. */
int pl_settings_new(const struct pl_config *, const struct pl_settings *before, struct pl_buf *why,
		    struct pl_settings **out) PL_MUST_CHECK;
struct pl_settings *pl_settings_retain(struct pl_settings *); /* any thread */
void pl_settings_release(struct pl_settings *);               /* any thread; NULL is fine */
/* The WebSockets of the native dialect. */
struct pl_ws_options pl_settings_native(const struct pl_config *);
/* Of the sockets for presence of the chat+presence dialect. */
struct pl_ws_options pl_settings_presence(const struct pl_config *);
struct pl_limits *pl_settings_limits(const struct pl_settings *);

/* The verifier of tokens: configured keys, or the data directory's own. */
int pl_settings_auth(const struct pl_config *, struct pl_buf *why,
		     struct pl_auth **out) PL_MUST_CHECK;
/* The admin key: configured, else what the data directory holds, else none. */
int pl_settings_admin(const struct pl_config *, struct pl_buf *why,
		      struct pl_admin_key *out) PL_MUST_CHECK;

#endif
