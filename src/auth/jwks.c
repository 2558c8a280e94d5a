/* jwks.c - keys out of a JWK set. */
#include "auth/keys.h"

#include "wire/base64url.h"

#include <openssl/crypto.h>

enum { MEMBER_MAX = 1026 }; /* bytes of one number: RSA with 8192 bits, and leading zeros */

/* A decoded member of a key. */
struct part {
	size_t len;
	char at[MEMBER_MAX];
};

static bool decode(const struct pl_json *jwk, const char *name, struct part *out)
{
	struct pl_slice text = pl_json_get_str(jwk, name);
	return text.at && !pl_base64url_decode(text, out->at, sizeof(out->at), &out->len) &&
	       out->len;
}

static struct pl_slice bytes(const struct part *p)
{
	return pl_slice(p->at, p->len);
}

static int read_oct(const struct pl_json *jwk, struct pl_jwt_use use, struct pl_jwt_key **out)
{
	struct part k;
	int err = PL_EINVAL;
	if (decode(jwk, "k", &k) && !pl_secret_fault(bytes(&k)))
		err = pl_jwt_key_hmac(bytes(&k), use, out);
	OPENSSL_cleanse(&k, sizeof(k));
	return err;
}

static int read_rsa(const struct pl_json *jwk, struct pl_jwt_use use, struct pl_jwt_key **out)
{
	struct part n, e;
	if (!decode(jwk, "n", &n) || !decode(jwk, "e", &e))
		return PL_EINVAL;
	return pl_jwt_key_rsa(bytes(&n), bytes(&e), use, out);
}

static int read_ec(const struct pl_json *jwk, struct pl_jwt_use use, struct pl_jwt_key **out)
{
	struct part x, y;
	if (!decode(jwk, "x", &x) || !decode(jwk, "y", &y))
		return PL_EINVAL;
	return pl_jwt_key_ec(pl_json_get_str(jwk, "crv"), bytes(&x), bytes(&y), use, out);
}

static int read_okp(const struct pl_json *jwk, struct pl_jwt_use use, struct pl_jwt_key **out)
{
	struct part x;
	if (!pl_slice_is(pl_json_get_str(jwk, "crv"), "Ed25519") || !decode(jwk, "x", &x))
		return PL_EINVAL;
	return pl_jwt_key_ed25519(bytes(&x), use, out);
}

static const struct {
	const char *kty;
	int (*read)(const struct pl_json *, struct pl_jwt_use, struct pl_jwt_key **);
} types[] = {{"oct", read_oct}, {"RSA", read_rsa}, {"EC", read_ec}, {"OKP", read_okp}};

/* RFC 7517, section 4.3: key_ops; absent: all. */
static bool may_verify(const struct pl_json *jwk)
{
	const struct pl_json *use = pl_json_get(jwk, "use"), *ops = pl_json_get(jwk, "key_ops");
	if (use && !pl_slice_is(pl_json_str(use), "sig"))
		return false;
	if (!ops)
		return true;
	PL_JSON_EACH(op, ops)
	{
		if (pl_slice_is(pl_json_str(op), "verify"))
			return true;
	}
	return false;
}

/* kid and alg; false: a key that is not for us. */
static bool read_use(const struct pl_json *jwk, struct pl_jwt_use *out)
{
	const struct pl_json *kid = pl_json_get(jwk, "kid"), *alg = pl_json_get(jwk, "alg");
	enum pl_jwt_alg only;
	if (!may_verify(jwk) || pl_json_get(jwk, "d"))
		return false;
	if (kid && (!pl_json_str(kid).at || kid->str.len > PL_JWT_KID_MAX))
		return false;
	if (alg && pl_jwt_alg_parse(pl_json_str(alg), &only))
		return false;
	out->kid = pl_json_str(kid);
	out->algs = alg ? PL_JWT_BIT(only) : 0;
	return true;
}

/* PL_EINVAL: pass it over. */
static int read_key(const struct pl_json *jwk, struct pl_jwt_key **out)
{
	struct pl_jwt_use use = {.algs = 0};
	struct pl_slice kty = pl_json_get_str(jwk, "kty");
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (pl_slice_is(kty, types[i].kty))
			return read_use(jwk, &use) ? types[i].read(jwk, use, out) : PL_EINVAL;
	return PL_EINVAL;
}

static int read_set(struct pl_keys *keys, const struct pl_json *root, struct pl_buf *why)
{
	const struct pl_json *set = pl_json_get(root, "keys");
	if (!pl_json_is(set, PL_JSON_ARRAY)) {
		pl_buf_puts(why, PL_S("not a JWK set: it has no array \"keys\""));
		return PL_EINVAL;
	}
	PL_JSON_EACH(jwk, set)
	{
		if (keys->count == PL_KEYS_MAX) {
			pl_buf_puts(why, PL_S("more than 64 keys"));
			return PL_ELIMIT;
		}
		int err = read_key(jwk, &keys->keys[keys->count]);
		if (err && err != PL_EINVAL)
			return err;
		keys->count += !err;
	}
	return 0;
}

int pl_jwks_read(struct pl_keys *keys, struct pl_slice text, struct pl_buf *why)
{
	struct pl_json_parser *parser = NULL;
	const struct pl_json *root = NULL;
	int err = pl_json_parser_new(PL_KEYS_FILE_MAX, &parser);
	if (err)
		return err;
	err = pl_json_parse(parser, text, &root);
	if (err)
		pl_buf_printf(why, "not a JWK set: %s in line %u", pl_strerror(err),
			      pl_json_line(text, pl_json_error_at(parser)));
	else
		err = read_set(keys, root, why);
	pl_json_parser_free(parser);
	return err;
}
