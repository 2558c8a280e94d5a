/*
 * admin.c - the key of the admin routes: bearer only, so that no page in a browser can use it
 * behind its owner's back, and no key until one was configured.
 */
#include "rest/internal.h"

#include "auth/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

_Static_assert(sizeof(((struct pl_admin_key *)0)->digest) == 32, "SHA-256");

static int digest_of(struct pl_slice key, uint8_t out[32])
{
	return EVP_Digest(key.at, key.len, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : PL_ENOMEM;
}

int pl_admin_key_set(struct pl_admin_key *k, struct pl_slice key)
{
	*k = (struct pl_admin_key){0};
	if (!key.len)
		return 0;
	int err = digest_of(key, k->digest);
	k->is_set = !err;
	return err;
}

bool pl_admin_key_fits(const struct pl_admin_key *k, struct pl_slice given)
{
	uint8_t digest[32];
	/* Digests have one length: not even that of the key shows in the time. */
	if (!k->is_set || !given.len || digest_of(given, digest))
		return false;
	return !CRYPTO_memcmp(digest, k->digest, sizeof(digest));
}

bool pl_admin_allows(const struct pl_admin_key *k, const struct pl_http_request *q)
{
	struct pl_slice value;
	/* Two of them: whoever stands between may have believed the other one. */
	if (pl_http_header_one(&q->head, "Authorization", &value))
		return false;
	return pl_admin_key_fits(k, pl_token_bearer(value));
}
