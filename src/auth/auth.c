/* auth.c - the one way from a token to an identity: parts, signature, claims, in this order. */
#include "auth/auth.h"

#include "auth/claims.h"
#include "auth/keys.h"
#include "base/mem.h"

#include <stdatomic.h>

struct pl_auth {
	_Atomic uint32_t refs;
	struct pl_keys keys;
	struct pl_claim_rules rules; /* its slices point into texts */
	struct pl_arena texts;
};

_Static_assert((int)PL_TOKEN_MAX == (int)PL_JWT_MAX, "one limit");
_Static_assert((int)PL_SECRET_MIN == (int)PL_JWT_SECRET_MIN, "one limit");

enum { TEXTS_MAX = 8192 };

static void free_auth(struct pl_auth *a)
{
	pl_keys_fini(&a->keys);
	pl_arena_fini(&a->texts);
	pl_free(a);
}

static int copy_rules(struct pl_auth *a, const struct pl_auth_options *o)
{
	a->rules.leeway_s = o->leeway_s;
	a->rules.max_lifetime_s = o->max_lifetime_s;
	int err = pl_arena_copy(&a->texts, o->issuer, &a->rules.issuer);
	return err ? err : pl_arena_copy(&a->texts, o->audience, &a->rules.audience);
}

/* An empty issuer or audience is a configuration that went wrong, not one that wants no check. */
static const char *option_fault(const struct pl_auth_options *o)
{
	if (o->leeway_s > PL_LEEWAY_MAX_S)
		return "the leeway is more than 60 s";
	if (o->issuer.at && !o->issuer.len)
		return "the issuer is empty";
	return o->audience.at && !o->audience.len ? "the audience is empty" : NULL;
}

int pl_auth_new(const struct pl_auth_options *o, struct pl_buf *why, struct pl_auth **out)
{
	const char *fault = option_fault(o);
	if (fault) {
		pl_buf_puts(why, pl_slice_str(fault));
		return PL_EINVAL;
	}
	struct pl_auth *a = PL_NEW(struct pl_auth);
	if (!a) {
		pl_buf_puts(why, PL_S("out of memory"));
		return PL_ENOMEM;
	}
	atomic_init(&a->refs, 1);
	pl_arena_init(&a->texts, TEXTS_MAX);
	int err = copy_rules(a, o);
	if (err)
		pl_buf_puts(why, PL_S("issuer or audience: out of memory, or too long"));
	else
		err = pl_keys_load(&a->keys, o, why);
	if (err)
		free_auth(a);
	else
		*out = a;
	return err;
}

struct pl_auth *pl_auth_retain(struct pl_auth *a)
{
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return a;
}

void pl_auth_release(struct pl_auth *a)
{
	if (a && atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1)
		free_auth(a);
}

static int check(const struct pl_auth *a, struct pl_json_parser *parser, struct pl_slice token,
		 uint64_t now_s, struct pl_arena *arena, struct pl_identity *out, const char **why)
{
	struct pl_jwt jwt;
	int err = pl_jwt_read(parser, token, &jwt, why);
	if (err)
		return err;
	if (pl_keys_verify(&a->keys, &jwt)) {
		*why = pl_keys_accept(&a->keys, jwt.alg)
			       ? "no key of ours made the token's signature"
			       : "the algorithm of the token is not accepted";
		return PL_EDENIED;
	}
	const struct pl_json *claims = NULL;
	err = pl_jwt_claims(&jwt, parser, &claims, why);
	if (err)
		return err;
	uint64_t expires_s = 0;
	err = pl_claims_check(&a->rules, claims, now_s, &expires_s, why);
	if (!err)
		err = pl_claims_identity(claims, arena, out, why);
	if (!err)
		out->expires_s = expires_s;
	return err;
}

int pl_auth_check(const struct pl_auth *a, struct pl_json_parser *parser, struct pl_slice token,
		  uint64_t now_s, struct pl_arena *arena, struct pl_identity *out, const char **why)
{
	const char *reason = NULL;
	int err = check(a, parser, token, now_s, arena, out, &reason);
	if (err && why)
		*why = reason;
	return !err || err == PL_ENOMEM || err == PL_EEXPIRED ? err : PL_EDENIED;
}
