/*
 * auth.h - from a token to an identity: JSON Web Tokens (RFC 7519) in the compact JWS form,
 * checked against keys that are read once, at start or reload.
 *
 * Fails closed: without a usable key there is no struct pl_auth. Nothing here logs a token.
 */
#ifndef PL_AUTH_AUTH_H
#define PL_AUTH_AUTH_H

#include "base/arena.h"
#include "base/buf.h"

struct pl_auth;
struct pl_json_parser;

enum {
	PL_TOKEN_MAX = 8192, /* bytes of a token */
	PL_SUBJECT_MAX = 255,
	PL_SECRET_MIN = 32,
	PL_LEEWAY_MAX_S = 60,
};

/* Who a verified token speaks for. at == NULL: the token does not say. */
struct pl_identity {
	struct pl_slice subject; /* never empty: claim sub, else userId, else username */
	bool subject_is_number;  /* that claim is one; subject is its text */
	struct pl_slice user_id; /* claim userId (or user_id) */
	struct pl_slice username, name, email, phone;
	uint64_t expires_s; /* Unix time of the claim exp, without leeway */
	uint64_t issued_s;  /* of the claim iat; 0: there is none */
};

/* A PEM file with one public key ("BEGIN PUBLIC KEY"). */
struct pl_auth_pem {
	const char *path;
	struct pl_slice kid; /* at == NULL: for tokens of any kid */
	struct pl_slice alg; /* "PS256" ...; at == NULL: all that fit the type of the key */
};

/* Borrowed during pl_auth_new() only. At least one of secret, pems, jwks_path. */
struct pl_auth_options {
	struct pl_slice secret; /* HS256/384/512: the bytes as they are, 32 or more */
	const struct pl_auth_pem *pems;
	size_t pem_count;
	const char *jwks_path;    /* a JWK set (RFC 7517) of at most 64 KiB */
	struct pl_slice issuer;   /* at != NULL: the claim iss must be this */
	struct pl_slice audience; /* at != NULL: the claim aud must be or contain this */
	uint32_t leeway_s;        /* for exp, nbf and iat; at most PL_LEEWAY_MAX_S */
	uint64_t max_lifetime_s;  /* exp - iat (or exp - now) at most this; 0: any */
};

/* What an operator who says nothing gets: no keys, leeway 30 s. */
#define PL_AUTH_DEFAULTS ((struct pl_auth_options){.leeway_s = 30})

/*
 * Reads the keys (blocks on files). One reference. On failure `why` got a sentence for the
 * operator, free of secrets. The result never changes: any number of threads may check at once.
 */
int pl_auth_new(const struct pl_auth_options *, struct pl_buf *why,
		struct pl_auth **out) PL_MUST_CHECK;
/* Any thread. The last release frees; release of NULL is fine. */
struct pl_auth *pl_auth_retain(struct pl_auth *);
void pl_auth_release(struct pl_auth *);

/*
 * Verifies the signature, then the claims. The identity is copied to the arena (at most 2 KiB).
 * The parser is the calling thread's, for texts of PL_TOKEN_MAX or more; what it held is gone.
 * `why` may be NULL; on failure it gets a constant sentence that may be logged and shown.
 * PL_EDENIED: not a token that we trust; PL_EEXPIRED: trusted, but its time is over; PL_ENOMEM.
 * Never blocks.
 */
int pl_auth_check(const struct pl_auth *, struct pl_json_parser *, struct pl_slice token,
		  uint64_t now_s, struct pl_arena *, struct pl_identity *out,
		  const char **why) PL_MUST_CHECK;

/* token.c: the token of a request, and tokens of our own. */

/* "Bearer x" -> x; at == NULL when the value is something else. */
struct pl_slice pl_token_bearer(struct pl_slice authorization);
/* The value of a cookie by its exact name in a Cookie header; at == NULL: none. */
struct pl_slice pl_token_cookie(struct pl_slice cookie_header, const char *name);
/*
 * Looks at the Authorization header, then the (decoded) query parameter `token`, then the cookie
 * sb-access-token. at == NULL: there is none. Each argument may have at == NULL.
 */
struct pl_slice pl_token_find(struct pl_slice authorization, struct pl_slice query_token,
			      struct pl_slice cookie_header);

struct pl_token_claims {
	struct pl_slice subject;                 /* required */
	struct pl_slice user_id, username, name; /* at == NULL: left out */
	struct pl_slice issuer, audience;        /* at == NULL: left out */
	uint64_t now_s, ttl_s;                   /* ttl 1 s to 10 years */
};

/* Appends a token signed with HS256, with iat, exp and a random jti. PL_EINVAL: secret or claims.
 */
int pl_token_sign(struct pl_slice secret, const struct pl_token_claims *,
		  struct pl_buf *out) PL_MUST_CHECK;

/* keyfile.c: the data directory's own secret. */

enum { PL_KEYFILE_SECRET = 43 };
/*
 * Reads DIR/jwt.key, or creates it (32 random bytes as 43 characters of base64url, mode 0600,
 * durable). The secret is those characters. A file that others can read, that belongs to another
 * user, or that is damaged is refused with a sentence in `why` (PL_EDENIED, PL_ECORRUPT, PL_EIO).
 */
int pl_keyfile_load(const char *dir, struct pl_buf *why,
		    char secret[PL_KEYFILE_SECRET + 1]) PL_MUST_CHECK;

#endif
