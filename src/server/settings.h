/*
 * settings.h - from the configuration to the plain option structs of each layer. Immutable once in
 * use; a reload makes a new set and keeps the old ones until the end, because workers may be
 * looking.
 */
#ifndef PL_SERVER_SETTINGS_H
#define PL_SERVER_SETTINGS_H

#include "auth/auth.h"
#include "chat/hub.h"
#include "conn/conn.h"
#include "dialect/session.h"
#include "server/config.h"

struct pl_settings {
	struct pl_settings *older;
	struct pl_conn_options conn;
	struct pl_chat_options chat;
	struct pl_gateway_options gateway;
	struct pl_rate rates[PL_LIMIT__COUNT];
	struct pl_gate_options gate;
	struct pl_slice *origins;
};

int pl_settings_new(const struct pl_config *, struct pl_settings **out) PL_MUST_CHECK;
void pl_settings_free(struct pl_settings *); /* and the older ones */

/* The verifier of tokens: configured keys, or the data directory's own. */
int pl_settings_auth(const struct pl_config *, struct pl_buf *why,
		     struct pl_auth **out) PL_MUST_CHECK;

#endif
