/* jwt_key_impl.h - what a key is made of; between jwt_key.c and jwt_verify.c only. */
#ifndef PL_WIRE_JWT_KEY_IMPL_H
#define PL_WIRE_JWT_KEY_IMPL_H

#include "wire/jwt_key.h"

#include <openssl/evp.h>

enum pl_jwt_kind { PL_KIND_HMAC, PL_KIND_RSA, PL_KIND_PSS, PL_KIND_EC, PL_KIND_ED25519 };

enum { PL_JWT_DIGESTS = 3, PL_JWT_COORDINATE_MAX = 66 };

/* What each algorithm asks for. */
struct pl_jwt_scheme {
	enum pl_jwt_kind kind;
	int digest;        /* 0, 1, 2: SHA-256, 384, 512; -1: none */
	size_t coordinate; /* bytes of r and of s */
	const char *curve; /* OpenSSL's name */
	const char *crv;   /* RFC 7518's name */
};

extern const struct pl_jwt_scheme pl_jwt_schemes[PL_JWT_ALG_COUNT];

/*
 * Either macs (HMAC) or pkey, never both. The macs hold the secret; each is a template that a
 * verification copies, as is cheaper than to begin anew and safe for many threads.
 */
struct pl_jwt_key {
	uint32_t algs; /* never empty */
	bool has_kid;
	size_t kid_len;
	char kid[PL_JWT_KID_MAX];
	EVP_MAC_CTX *macs[PL_JWT_DIGESTS];
	EVP_PKEY *pkey;
	EVP_MD *digests[PL_JWT_DIGESTS];
};

#endif
