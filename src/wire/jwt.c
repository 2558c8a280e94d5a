/* jwt.c - the three parts of a token; and making one. */
#include "wire/jwt.h"

#include "wire/base64url.h"

#include <openssl/err.h>
#include <openssl/evp.h>

static const char *const names[PL_JWT_ALG_COUNT] = {
	[PL_JWT_HS256] = "HS256", [PL_JWT_HS384] = "HS384", [PL_JWT_HS512] = "HS512",
	[PL_JWT_RS256] = "RS256", [PL_JWT_RS384] = "RS384", [PL_JWT_RS512] = "RS512",
	[PL_JWT_PS256] = "PS256", [PL_JWT_PS384] = "PS384", [PL_JWT_PS512] = "PS512",
	[PL_JWT_ES256] = "ES256", [PL_JWT_ES384] = "ES384", [PL_JWT_ES512] = "ES512",
	[PL_JWT_EDDSA] = "EdDSA",
};

int pl_jwt_alg_parse(struct pl_slice name, enum pl_jwt_alg *out)
{
	for (int i = 0; i < PL_JWT_ALG_COUNT; i++) {
		if (pl_slice_is(name, names[i])) {
			*out = (enum pl_jwt_alg)i;
			return 0;
		}
	}
	return PL_EINVAL;
}

static int refuse(const char **why, const char *reason)
{
	*why = reason;
	return PL_EINVAL;
}

/* A part of the token that is base64url of a JSON object. */
static int read_object(struct pl_json_parser *parser, struct pl_slice part,
		       const struct pl_json **out, const char **why)
{
	char json[PL_JWT_MAX / 4 * 3];
	size_t len = 0;
	if (pl_base64url_decode(part, json, sizeof(json), &len))
		return refuse(why, "a part of the token is not base64url");
	const struct pl_json *root = NULL;
	int err = pl_json_parse(parser, pl_slice(json, len), &root);
	if (err) {
		*why = err == PL_ENOMEM ? "out of memory" : "a part of the token is not JSON";
		return err == PL_ENOMEM ? err : PL_EINVAL;
	}
	if (root->type != PL_JSON_OBJECT)
		return refuse(why, "a part of the token is not a JSON object");
	*out = root;
	return 0;
}

/* RFC 8725, section 3.11: a token of another profile is none of ours. */
static bool is_our_type(const struct pl_json *typ)
{
	static const char *const types[] = {"JWT", "application/jwt", "at+jwt",
					    "application/at+jwt"};
	if (!typ)
		return true;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (pl_slice_eq_nocase(pl_json_str(typ), pl_slice_str(types[i])))
			return true;
	return false;
}

static int read_kid(const struct pl_json *kid, struct pl_jwt *out, const char **why)
{
	out->has_kid = kid != NULL;
	if (!kid)
		return 0;
	struct pl_slice text = pl_json_str(kid);
	if (!text.at)
		return refuse(why, "the key id is not a string");
	if (text.len > PL_JWT_KID_MAX)
		return refuse(why, "the key id is too long");
	memcpy(out->kid_text, text.at, text.len);
	out->kid = pl_slice(out->kid_text, text.len);
	return 0;
}

static int read_header(const struct pl_json *header, struct pl_jwt *out, const char **why)
{
	if (pl_json_get(header, "crit"))
		return refuse(why, "the token has critical extensions");
	if (pl_json_get(header, "enc") || pl_json_get(header, "zip"))
		return refuse(why, "the token is encrypted or compressed");
	if (pl_jwt_alg_parse(pl_json_get_str(header, "alg"), &out->alg))
		return refuse(why, "the algorithm of the token is not accepted");
	if (!is_our_type(pl_json_get(header, "typ")))
		return refuse(why, "the token is of another type");
	return read_kid(pl_json_get(header, "kid"), out, why);
}

int pl_jwt_read(struct pl_json_parser *parser, struct pl_slice token, struct pl_jwt *out,
		const char **why)
{
	if (token.len > PL_JWT_MAX)
		return refuse(why, "the token is too long");
	struct pl_slice rest, tail;
	struct pl_slice head = pl_slice_cut(token, '.', &rest);
	struct pl_slice payload = pl_slice_cut(rest, '.', &tail);
	bool is_unsigned = head.len && payload.len && rest.len > payload.len && !tail.len;
	if (is_unsigned)
		return refuse(why, "the token is not signed");
	if (!head.len || !payload.len || !tail.len || memchr(tail.at, '.', tail.len))
		return refuse(why, "the token does not have three parts");
	const struct pl_json *header = NULL;
	int err = read_object(parser, head, &header, why);
	if (!err)
		err = read_header(header, out, why);
	if (err)
		return err;
	if (pl_base64url_decode(tail, out->signature, sizeof(out->signature), &out->signature_len))
		return refuse(why, "the signature is not base64url, or too long");
	out->payload = payload;
	out->signed_text = pl_slice(token.at, head.len + 1 + payload.len);
	return 0;
}

int pl_jwt_claims(const struct pl_jwt *jwt, struct pl_json_parser *parser,
		  const struct pl_json **out, const char **why)
{
	return read_object(parser, jwt->payload, out, why);
}

int pl_jwt_sign_hs256(struct pl_slice secret, struct pl_slice claims, struct pl_buf *out)
{
	size_t start = out->len;
	pl_base64url_encode(out, PL_S("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
	pl_buf_putc(out, '.');
	pl_base64url_encode(out, claims);
	if (out->err)
		return out->err;
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t len = 0;
	ERR_set_mark();
	const void *done = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret.at, secret.len,
				     (const uint8_t *)out->at + start, out->len - start, mac,
				     sizeof(mac), &len);
	ERR_pop_to_mark();
	if (!done)
		return PL_ENOMEM;
	pl_buf_putc(out, '.');
	pl_base64url_encode(out, pl_slice(mac, len));
	return out->err;
}
