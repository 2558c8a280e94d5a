/*
 * keys.h - the keys that tokens are checked against: a secret, PEM files, a JWK set. Read once,
 * then unchanged.
 */
#ifndef PL_AUTH_KEYS_H
#define PL_AUTH_KEYS_H

#include "auth/auth.h"
#include "wire/jwt_key.h"

enum {
	PL_KEYS_MAX = 64,
	PL_KEYS_TRIED = 8,           /* keys that one token is tried against */
	PL_KEYS_FILE_MAX = 64 << 10, /* bytes of a PEM file or a JWK set */
};

struct pl_keys {
	struct pl_jwt_key *keys[PL_KEYS_MAX];
	size_t count;
};

/* Reads what the options name. On failure nothing is left and `why` got a sentence. */
int pl_keys_load(struct pl_keys *, const struct pl_auth_options *,
		 struct pl_buf *why) PL_MUST_CHECK;
void pl_keys_fini(struct pl_keys *);
/*
 * The keys with the token's kid; when no key has it, those without a kid; for a token without a
 * kid, all. Of these only those of the token's algorithm. 0 or PL_EDENIED.
 */
int pl_keys_verify(const struct pl_keys *, const struct pl_jwt *) PL_MUST_CHECK;
/* Whether there is a key for this algorithm at all. */
bool pl_keys_accept(const struct pl_keys *, enum pl_jwt_alg);

/* Why a secret is refused, or NULL. */
const char *pl_secret_fault(struct pl_slice secret);

/*
 * jwks.c: adds the keys of a JWK set (RFC 7517). Keys that we cannot or must not use are passed
 * over, as its section 5 says: other types and curves, use=enc, private parts, weak ones.
 * PL_EINVAL: no JWK set; PL_ELIMIT: too many keys; PL_ENOMEM. `why` gets a sentence.
 */
int pl_jwks_read(struct pl_keys *, struct pl_slice text, struct pl_buf *why) PL_MUST_CHECK;

#endif
