/*
 * jwt_key.h - a key that verifies tokens. What kind of key it is decides which algorithms it can
 * stand for, when it is made and again at each use; a token never chooses.
 *
 * Immutable once made: any number of threads may verify with it at once. OpenSSL's methods are
 * fetched here, once.
 */
#ifndef PL_WIRE_JWT_KEY_H
#define PL_WIRE_JWT_KEY_H

#include "wire/jwt.h"

struct pl_jwt_key;

/* What a key is for. kid.at == NULL: it has no id; algs: a set of PL_JWT_BIT, 0: all that fit. */
struct pl_jwt_use {
	struct pl_slice kid;
	uint32_t algs;
};

#define PL_JWT_BIT(alg) (1u << (alg))

enum {
	PL_JWT_SECRET_MIN = 32, /* bytes of an HMAC key */
	PL_JWT_RSA_MIN = 2048,  /* bits */
	PL_JWT_RSA_MAX = 8192,  /* bits */
};

/*
 * The constructors copy what they are given. PL_EINVAL: not such a key, a weak one, a kid of more
 * than 64 bytes, or algorithms that do not fit it; PL_ENOMEM.
 */
int pl_jwt_key_hmac(struct pl_slice secret, struct pl_jwt_use,
		    struct pl_jwt_key **out) PL_MUST_CHECK;
/* One "PUBLIC KEY": RSA, EC on P-256, P-384 or P-521, Ed25519. */
int pl_jwt_key_pem(struct pl_slice pem, struct pl_jwt_use, struct pl_jwt_key **out) PL_MUST_CHECK;
/* The numbers of RFC 7518, section 6.3.1, big endian. */
int pl_jwt_key_rsa(struct pl_slice n, struct pl_slice e, struct pl_jwt_use,
		   struct pl_jwt_key **out) PL_MUST_CHECK;
/* crv as in RFC 7518, section 6.2.1; x and y of the full length of the curve. */
int pl_jwt_key_ec(struct pl_slice crv, struct pl_slice x, struct pl_slice y, struct pl_jwt_use,
		  struct pl_jwt_key **out) PL_MUST_CHECK;
int pl_jwt_key_ed25519(struct pl_slice x, struct pl_jwt_use, struct pl_jwt_key **out) PL_MUST_CHECK;
/* NULL is fine. */
void pl_jwt_key_free(struct pl_jwt_key *);

/* at == NULL: none. */
struct pl_slice pl_jwt_key_kid(const struct pl_jwt_key *);
bool pl_jwt_key_fits(const struct pl_jwt_key *, enum pl_jwt_alg);
/* 0, or PL_EDENIED for whatever reason. Any thread. */
int pl_jwt_verify(const struct pl_jwt_key *, const struct pl_jwt *) PL_MUST_CHECK;

#endif
