/*
 * turn.h - passwords for a relay of sound and pictures (TURN) that end by themselves, of the form
 * that draft-uberti-behave-turn-rest describes and coturn calls use-auth-secret: the relay knows
 * the secret and needs to know nobody.
 */
#ifndef PL_AUTH_TURN_H
#define PL_AUTH_TURN_H

#include "base/buf.h"

/* The owner's; immutable while in use, by any thread. */
struct pl_turn {
	const struct pl_slice *urls; /* "turn:…", "turns:…", "stun:…" */
	size_t nurls;                /* 0: there are no relays */
	struct pl_slice secret;      /* that the relays know; empty: the urls need no password */
	uint64_t lifetime_s;
};

enum { PL_TURN_USERNAME_MAX = 128, PL_TURN_CREDENTIAL = 28 };

/* "<when it ends>:<user>" and base64(HMAC-SHA1(secret, that)), of 28 characters. */
struct pl_turn_pass {
	char username[PL_TURN_USERNAME_MAX];
	size_t username_len;
	char credential[PL_TURN_CREDENTIAL + 1];
};
/* PL_ETOOBIG: the user's name; PL_ENOMEM: OpenSSL could not. */
int pl_turn_pass(const struct pl_turn *, struct pl_slice user, uint64_t now_s,
		 struct pl_turn_pass *) PL_MUST_CHECK;

/* What RTCPeerConnection calls iceServers: [{urls, username, credential}]; without urls []. */
int pl_turn_put_servers(const struct pl_turn *, struct pl_slice user, uint64_t now_s,
			struct pl_buf *) PL_MUST_CHECK;
/* That, and beside it the answer of the draft: {iceServers, username, password, ttl, uris}. */
int pl_turn_put_answer(const struct pl_turn *, struct pl_slice user, uint64_t now_s,
		       struct pl_buf *) PL_MUST_CHECK;

/* NULL, or what is wrong with an address of a relay. */
const char *pl_turn_url_fault(struct pl_slice);

#endif
