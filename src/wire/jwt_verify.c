/*
 * jwt_verify.c - does this key's owner stand behind this token? The one answer that counts is
 * OpenSSL's exact 1.
 *
 * OpenSSL's error queue is left as it was found: TLS on the same thread reads it.
 */
#include "wire/jwt_key_impl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

enum { ED25519_SIGNATURE = 64 };

static bool verify_mac(const struct pl_jwt_key *k, const struct pl_jwt_scheme *s,
		       const struct pl_jwt *jwt)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t len = 0;
	EVP_MAC_CTX *ctx = k->macs[s->digest] ? EVP_MAC_CTX_dup(k->macs[s->digest]) : NULL;
	bool done = ctx &&
		    EVP_MAC_update(ctx, (const uint8_t *)jwt->signed_text.at,
				   jwt->signed_text.len) == 1 &&
		    EVP_MAC_final(ctx, mac, &len, sizeof(mac)) == 1;
	EVP_MAC_CTX_free(ctx);
	return done && len >= PL_JWT_SECRET_MIN && jwt->signature_len == len &&
	       CRYPTO_memcmp(mac, jwt->signature, len) == 0;
}

/* INTEGER of X.690, from an unsigned number; at most 2 + 1 + 66 bytes. */
static size_t put_integer(uint8_t *to, const uint8_t *number, size_t len)
{
	while (len > 1 && !*number) {
		number++;
		len--;
	}
	size_t sign = *number >> 7;
	to[0] = 2;
	to[1] = (uint8_t)(len + sign);
	to[2] = 0;
	memcpy(to + 2 + sign, number, len);
	return 2 + sign + len;
}

enum { DER_MAX = 3 + 2 * (3 + PL_JWT_COORDINATE_MAX) };

/* r | s of RFC 7518, section 3.4 -> SEQUENCE { r, s }; n bytes each, at most 66. */
static size_t put_der(uint8_t to[DER_MAX], const uint8_t *rs, size_t n)
{
	uint8_t body[DER_MAX];
	size_t len = put_integer(body, rs, n);
	len += put_integer(body + len, rs + n, n);
	size_t head = 0;
	to[head++] = 0x30;
	if (len >= 0x80)
		to[head++] = 0x81;
	to[head++] = (uint8_t)len;
	memcpy(to + head, body, len);
	return head + len;
}

static bool set_padding(EVP_PKEY_CTX *ctx, const struct pl_jwt_scheme *s)
{
	if (s->kind == PL_KIND_RSA)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (s->kind != PL_KIND_PSS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool verify_digest(const struct pl_jwt_key *k, const struct pl_jwt_scheme *s,
			  const uint8_t *sig, size_t sig_len, struct pl_slice text)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *params = NULL; /* the ctx owns it */
	const EVP_MD *digest = s->digest < 0 ? NULL : k->digests[s->digest];
	bool good = ctx && EVP_DigestVerifyInit(ctx, &params, digest, NULL, k->pkey) == 1 &&
		    set_padding(params, s) &&
		    EVP_DigestVerify(ctx, sig, sig_len, (const uint8_t *)text.at, text.len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

static bool verify_public(const struct pl_jwt_key *k, const struct pl_jwt_scheme *s,
			  const struct pl_jwt *jwt)
{
	uint8_t der[DER_MAX];
	const uint8_t *sig = jwt->signature;
	size_t len = jwt->signature_len;
	if (s->kind == PL_KIND_EC) {
		if (len != 2 * s->coordinate)
			return false;
		len = put_der(der, sig, s->coordinate);
		sig = der;
	} else if (s->kind == PL_KIND_ED25519) {
		if (len != ED25519_SIGNATURE)
			return false;
	} else if (len != (size_t)EVP_PKEY_get_size(k->pkey)) {
		return false;
	}
	return verify_digest(k, s, sig, len, jwt->signed_text);
}

/* Asked again at each use, whatever the set says: a public key never serves as a secret. */
static bool is_kind(const struct pl_jwt_key *k, enum pl_jwt_kind kind)
{
	static const char *const types[] = {[PL_KIND_RSA] = "RSA",
					    [PL_KIND_PSS] = "RSA",
					    [PL_KIND_EC] = "EC",
					    [PL_KIND_ED25519] = "ED25519"};
	if (kind == PL_KIND_HMAC)
		return !k->pkey;
	return k->pkey && EVP_PKEY_is_a(k->pkey, types[kind]);
}

int pl_jwt_verify(const struct pl_jwt_key *k, const struct pl_jwt *jwt)
{
	if ((unsigned)jwt->alg >= PL_JWT_ALG_COUNT || !pl_jwt_key_fits(k, jwt->alg))
		return PL_EDENIED;
	const struct pl_jwt_scheme *s = &pl_jwt_schemes[jwt->alg];
	ERR_set_mark();
	bool good = is_kind(k, s->kind) &&
		    (s->kind == PL_KIND_HMAC ? verify_mac(k, s, jwt) : verify_public(k, s, jwt));
	ERR_pop_to_mark();
	return good ? 0 : PL_EDENIED;
}
