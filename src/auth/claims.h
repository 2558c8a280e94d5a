/* claims.h - what the claims of a token whose signature holds say; used by auth.c alone. */
#ifndef PL_AUTH_CLAIMS_H
#define PL_AUTH_CLAIMS_H

#include "auth/auth.h"
#include "wire/json.h"

struct pl_claim_rules {
	struct pl_slice issuer, audience; /* at == NULL: any */
	uint64_t leeway_s, max_lifetime_s;
};

/* exp, nbf, iat, iss, aud. 0, PL_EDENIED or PL_EEXPIRED and a reason. */
int pl_claims_check(const struct pl_claim_rules *, const struct pl_json *claims, uint64_t now_s,
		    uint64_t *expires_s, const char **why) PL_MUST_CHECK;
/* After the check: who it is, but expires_s. 0, PL_EDENIED, PL_ENOMEM. */
int pl_claims_identity(const struct pl_json *claims, struct pl_arena *, struct pl_identity *out,
		       const char **why) PL_MUST_CHECK;

#endif
