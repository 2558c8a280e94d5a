/*
 * jwt.h - a JSON Web Token in the compact JWS form (RFC 7515, 7519), taken apart. Nothing here
 * believes what it reads: jwt_key.h verifies, and only then the claims mean something.
 *
 * Three parts, strict base64url. Keys and addresses of keys in the header (jwk, jku, x5u, x5c)
 * are ignored; whatever would change how the rest is to be read (crit, enc, zip) is refused.
 */
#ifndef PL_WIRE_JWT_H
#define PL_WIRE_JWT_H

#include "base/buf.h"
#include "wire/json.h"

enum {
	PL_JWT_MAX = 8192,           /* bytes of a token */
	PL_JWT_KID_MAX = 64,         /* bytes of a key id */
	PL_JWT_SIGNATURE_MAX = 1024, /* bytes: RSA with 8192 bits */
};

/* The algorithms of RFC 7518, section 3.1 (without "none") and RFC 8037, section 3.1. */
enum pl_jwt_alg {
	PL_JWT_HS256,
	PL_JWT_HS384,
	PL_JWT_HS512,
	PL_JWT_RS256,
	PL_JWT_RS384,
	PL_JWT_RS512,
	PL_JWT_PS256,
	PL_JWT_PS384,
	PL_JWT_PS512,
	PL_JWT_ES256,
	PL_JWT_ES384,
	PL_JWT_ES512,
	PL_JWT_EDDSA,
	PL_JWT_ALG_COUNT
};

struct pl_jwt {
	enum pl_jwt_alg alg;
	bool has_kid;
	struct pl_slice kid; /* points into kid_text */
	char kid_text[PL_JWT_KID_MAX];
	struct pl_slice signed_text; /* header.payload, in the token */
	struct pl_slice payload;     /* still base64url, in the token */
	uint8_t signature[PL_JWT_SIGNATURE_MAX];
	size_t signature_len;
};

/* The exact name, as in the header. 0 or PL_EINVAL. */
int pl_jwt_alg_parse(struct pl_slice name, enum pl_jwt_alg *out) PL_MUST_CHECK;

/*
 * Reads header and signature; the token must outlive the result, which must not be moved. The
 * parser (for PL_JWT_MAX or more) is free again afterwards. PL_EINVAL, PL_ETOOBIG, PL_ENOMEM; why
 * gets a constant sentence.
 */
int pl_jwt_read(struct pl_json_parser *, struct pl_slice token, struct pl_jwt *out,
		const char **why) PL_MUST_CHECK;
/* The claims, an object that lives until the parser's next parse. As pl_jwt_read. */
int pl_jwt_claims(const struct pl_jwt *, struct pl_json_parser *, const struct pl_json **out,
		  const char **why) PL_MUST_CHECK;
/* Appends a token over this JSON object, signed with HS256. */
int pl_jwt_sign_hs256(struct pl_slice secret, struct pl_slice claims,
		      struct pl_buf *out) PL_MUST_CHECK;

#endif
