/* token.c - where a request carries its token; and a token of our own making. */
#include "auth/auth.h"

#include "auth/keys.h"
#include "base/id.h"
#include "wire/json_write.h"

enum { TTL_MAX_S = 10 * 366 * 24 * 3600, CLAIMS_MAX = PL_TOKEN_MAX / 4 * 3 - 128 };

static const struct pl_slice none = {NULL, 0};

struct pl_slice pl_token_bearer(struct pl_slice authorization)
{
	struct pl_slice rest;
	struct pl_slice value = pl_slice_trim(authorization);
	struct pl_slice scheme = pl_slice_cut(value, ' ', &rest);
	struct pl_slice token = pl_slice_trim(rest);
	return pl_slice_eq_nocase(scheme, PL_S("Bearer")) && token.len ? token : none;
}

struct pl_slice pl_token_cookie(struct pl_slice header, const char *name)
{
	while (header.len) {
		struct pl_slice value;
		struct pl_slice pair = pl_slice_cut(header, ';', &header);
		struct pl_slice key = pl_slice_trim(pl_slice_cut(pair, '=', &value));
		if (!pl_slice_is(key, name))
			continue;
		value = pl_slice_trim(value);
		/* RFC 6265, section 4.1.1: the value may stand in quotes. */
		if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
			value = pl_slice(value.at + 1, value.len - 2);
		return value.len ? value : none;
	}
	return none;
}

struct pl_slice pl_token_find(struct pl_slice authorization, struct pl_slice query_token,
			      struct pl_slice cookie_header)
{
	struct pl_slice token = pl_token_bearer(authorization);
	if (token.at)
		return token;
	if (query_token.len)
		return query_token;
	return pl_token_cookie(cookie_header, "sb-access-token");
}

static void put_claim(struct pl_buf *b, const char *name, struct pl_slice value)
{
	if (!value.at)
		return;
	pl_buf_putc(b, ',');
	pl_json_put_key(b, pl_slice_str(name));
	pl_json_put_str(b, value);
}

static void put_claims(struct pl_buf *b, const struct pl_token_claims *c)
{
	char jti[PL_UUID_TEXT];
	struct pl_uuid id = pl_uuid_v4();
	pl_uuid_format(&id, jti);
	PL_PUT(b, "{\"iat\":");
	pl_buf_put_u64(b, c->now_s);
	PL_PUT(b, ",\"exp\":");
	pl_buf_put_u64(b, c->now_s + c->ttl_s);
	put_claim(b, "jti", pl_slice(jti, sizeof(jti)));
	put_claim(b, "sub", c->subject);
	put_claim(b, "userId", c->user_id);
	put_claim(b, "username", c->username);
	put_claim(b, "name", c->name);
	put_claim(b, "iss", c->issuer);
	put_claim(b, "aud", c->audience);
	pl_buf_putc(b, '}');
}

/* What we sign must pass our own check: names may come from a command line, as any bytes. */
static int check_claims(struct pl_slice json)
{
	struct pl_json_parser *parser = NULL;
	const struct pl_json *root = NULL;
	int err = pl_json_parser_new(CLAIMS_MAX, &parser);
	if (err)
		return err;
	err = pl_json_parse(parser, json, &root);
	pl_json_parser_free(parser);
	return err == 0 || err == PL_ENOMEM ? err : PL_EINVAL;
}

static int sign(struct pl_slice secret, struct pl_buf *claims, struct pl_buf *out)
{
	if (claims->err)
		return claims->err == PL_ENOMEM ? PL_ENOMEM : PL_EINVAL;
	int err = check_claims(pl_buf_slice(claims));
	return err ? err : pl_jwt_sign_hs256(secret, pl_buf_slice(claims), out);
}

int pl_token_sign(struct pl_slice secret, const struct pl_token_claims *c, struct pl_buf *out)
{
	if (pl_secret_fault(secret) || !c->subject.len || c->subject.len > PL_SUBJECT_MAX)
		return PL_EINVAL;
	if (!c->ttl_s || c->ttl_s > TTL_MAX_S || c->now_s > (uint64_t)1 << 52)
		return PL_EINVAL;
	struct pl_buf claims;
	pl_buf_init(&claims, CLAIMS_MAX);
	put_claims(&claims, c);
	int err = sign(secret, &claims, out);
	pl_buf_fini(&claims);
	return err;
}
