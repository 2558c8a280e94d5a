/*
 * fuzz/jwt.c - any bytes as a token. The keys are real, so nothing may ever be accepted but what
 * this target signs itself: input that starts with '!' is taken as claims and signed, so that the
 * reading of claims is reached too.
 */
#include "fuzz.h"

#include "auth/auth.h"
#include "wire/jwt.h"

#define SECRET "a secret of this fuzz target alone, long enough"

static struct pl_auth *auth;
static struct pl_json_parser *parser;

static int check(struct pl_slice token)
{
	struct pl_arena arena;
	struct pl_identity who = {.expires_s = 0};
	const char *why = NULL;
	pl_arena_init(&arena, 4096);
	int err = pl_auth_check(auth, parser, token, 1700000000, &arena, &who, &why);
	MUST((err != 0) == (why != NULL));
	MUST(!err == (who.subject.len > 0 && who.subject.len <= PL_SUBJECT_MAX));
	MUST(err || who.expires_s > 1700000000 - 60);
	pl_arena_fini(&arena);
	return err;
}

static void check_signed(struct pl_slice claims)
{
	struct pl_buf token;
	pl_buf_init(&token, 1 << 20);
	if (!pl_jwt_sign_hs256(PL_S(SECRET), claims, &token))
		(void)!check(pl_buf_slice(&token));
	pl_buf_fini(&token);
}

static bool start(void)
{
	struct pl_buf why;
	struct pl_auth_options o = PL_AUTH_DEFAULTS;
	o.secret = PL_S(SECRET);
	pl_buf_init(&why, 1024);
	bool good = auth ||
		    (!pl_auth_new(&o, &why, &auth) && !pl_json_parser_new(PL_TOKEN_MAX, &parser));
	pl_buf_fini(&why);
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!start())
		return 0;
	if (size && data[0] == '!')
		check_signed(pl_slice(data + 1, size - 1));
	else
		MUST(check(pl_slice(data, size)));
	return 0;
}
