/*
 * jwt_key.c - a key and its algorithms, from the forms that keys come in.
 *
 * OpenSSL's error queue is left as it was found: TLS on the same thread reads it.
 */
#include "wire/jwt_key_impl.h"

#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

const struct pl_jwt_scheme pl_jwt_schemes[PL_JWT_ALG_COUNT] = {
	[PL_JWT_HS256] = {PL_KIND_HMAC, 0, 0, NULL, NULL},
	[PL_JWT_HS384] = {PL_KIND_HMAC, 1, 0, NULL, NULL},
	[PL_JWT_HS512] = {PL_KIND_HMAC, 2, 0, NULL, NULL},
	[PL_JWT_RS256] = {PL_KIND_RSA, 0, 0, NULL, NULL},
	[PL_JWT_RS384] = {PL_KIND_RSA, 1, 0, NULL, NULL},
	[PL_JWT_RS512] = {PL_KIND_RSA, 2, 0, NULL, NULL},
	[PL_JWT_PS256] = {PL_KIND_PSS, 0, 0, NULL, NULL},
	[PL_JWT_PS384] = {PL_KIND_PSS, 1, 0, NULL, NULL},
	[PL_JWT_PS512] = {PL_KIND_PSS, 2, 0, NULL, NULL},
	[PL_JWT_ES256] = {PL_KIND_EC, 0, 32, "prime256v1", "P-256"},
	[PL_JWT_ES384] = {PL_KIND_EC, 1, 48, "secp384r1", "P-384"},
	[PL_JWT_ES512] = {PL_KIND_EC, 2, 66, "secp521r1", "P-521"},
	[PL_JWT_EDDSA] = {PL_KIND_ED25519, -1, 0, NULL, NULL},
};

enum { ED25519_KEY = 32 };

static const char *const digest_names[PL_JWT_DIGESTS] = {"SHA256", "SHA384", "SHA512"};

struct pl_slice pl_jwt_key_kid(const struct pl_jwt_key *k)
{
	return pl_slice(k->has_kid ? k->kid : NULL, k->kid_len);
}

bool pl_jwt_key_fits(const struct pl_jwt_key *k, enum pl_jwt_alg alg)
{
	return (k->algs & PL_JWT_BIT(alg)) != 0;
}

void pl_jwt_key_free(struct pl_jwt_key *k)
{
	if (!k)
		return;
	for (int i = 0; i < PL_JWT_DIGESTS; i++) {
		EVP_MAC_CTX_free(k->macs[i]);
		EVP_MD_free(k->digests[i]);
	}
	EVP_PKEY_free(k->pkey);
	pl_free(k);
}

/* possible: what this sort of key can stand for. */
static int new_key(struct pl_jwt_use use, uint32_t possible, struct pl_jwt_key **out)
{
	uint32_t algs = use.algs ? use.algs : possible;
	if (!algs || (algs & ~possible) || use.kid.len > PL_JWT_KID_MAX)
		return PL_EINVAL;
	struct pl_jwt_key *k = PL_NEW(struct pl_jwt_key);
	if (!k)
		return PL_ENOMEM;
	k->algs = algs;
	k->has_kid = use.kid.at != NULL;
	k->kid_len = use.kid.len;
	if (use.kid.len)
		memcpy(k->kid, use.kid.at, use.kid.len);
	*out = k;
	return 0;
}

static uint32_t algs_of(enum pl_jwt_kind kind)
{
	uint32_t algs = 0;
	for (int alg = 0; alg < PL_JWT_ALG_COUNT; alg++)
		if (pl_jwt_schemes[alg].kind == kind)
			algs |= PL_JWT_BIT(alg);
	return algs;
}

static EVP_MAC_CTX *keyed_mac(EVP_MAC *hmac, const char *digest, struct pl_slice secret)
{
	char name[16];
	size_t len = strlen(digest);
	memcpy(name, digest, len + 1); /* OpenSSL wants to be able to write */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, len),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
	if (!ctx)
		return NULL;
	if (EVP_MAC_init(ctx, (const uint8_t *)secret.at, secret.len, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

int pl_jwt_key_hmac(struct pl_slice secret, struct pl_jwt_use use, struct pl_jwt_key **out)
{
	if (!secret.at || secret.len < PL_JWT_SECRET_MIN)
		return PL_EINVAL;
	struct pl_jwt_key *k = NULL;
	int err = new_key(use, algs_of(PL_KIND_HMAC), &k);
	if (err)
		return err;
	ERR_set_mark();
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	for (int i = 0; i < PL_JWT_DIGESTS; i++) {
		k->macs[i] = hmac ? keyed_mac(hmac, digest_names[i], secret) : NULL;
		err = k->macs[i] ? err : PL_ENOMEM;
	}
	EVP_MAC_free(hmac);
	ERR_pop_to_mark();
	if (err)
		pl_jwt_key_free(k);
	else
		*out = k;
	return err;
}

static uint32_t algs_of_rsa(EVP_PKEY *pkey)
{
	int bits = EVP_PKEY_get_bits(pkey);
	if (bits < PL_JWT_RSA_MIN || bits > PL_JWT_RSA_MAX)
		return 0;
	BIGNUM *e = NULL;
	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		return 0;
	/* With e = 1 everybody can sign; a long e makes each verification dear. */
	bool sound = BN_is_odd(e) && BN_num_bits(e) >= 2 && BN_num_bits(e) <= 64;
	BN_free(e);
	return sound ? algs_of(PL_KIND_RSA) | algs_of(PL_KIND_PSS) : 0;
}

static uint32_t algs_of_curve(EVP_PKEY *pkey)
{
	char name[64];
	size_t len = 0;
	if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), &len) != 1)
		return 0;
	for (int alg = PL_JWT_ES256; alg <= PL_JWT_ES512; alg++)
		if (pl_slice_eq_nocase(pl_slice(name, len),
				       pl_slice_str(pl_jwt_schemes[alg].curve)))
			return PL_JWT_BIT(alg);
	return 0;
}

/* 0: a key that we do not take. */
static uint32_t algs_of_public(EVP_PKEY *pkey)
{
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return algs_of_rsa(pkey);
	if (EVP_PKEY_is_a(pkey, "EC"))
		return algs_of_curve(pkey);
	return EVP_PKEY_is_a(pkey, "ED25519") ? algs_of(PL_KIND_ED25519) : 0;
}

/* Is the point on the curve? An RSA modulus cannot be checked as cheaply, nor need it be. */
static bool is_sound(EVP_PKEY *pkey)
{
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return true;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool sound = ctx && EVP_PKEY_public_check(ctx) == 1;
	EVP_PKEY_CTX_free(ctx);
	return sound;
}

/* Takes the pkey (NULL: none was made), also on failure. */
static int public_key(EVP_PKEY *pkey, struct pl_jwt_use use, struct pl_jwt_key **out)
{
	struct pl_jwt_key *k = NULL;
	int err = pkey && is_sound(pkey) ? new_key(use, algs_of_public(pkey), &k) : PL_EINVAL;
	if (err) {
		EVP_PKEY_free(pkey);
		return err;
	}
	k->pkey = pkey;
	for (int i = 0; i < PL_JWT_DIGESTS; i++) {
		k->digests[i] = EVP_MD_fetch(NULL, digest_names[i], NULL);
		err = k->digests[i] ? err : PL_ENOMEM;
	}
	if (err)
		pl_jwt_key_free(k);
	else
		*out = k;
	return err;
}

/* A PEM file that wants a password gets none: nobody sits at a terminal here. */
static int no_password(char *to, int size, int writing, void *user)
{
	(void)to, (void)size, (void)writing, (void)user;
	return -1;
}

int pl_jwt_key_pem(struct pl_slice pem, struct pl_jwt_use use, struct pl_jwt_key **out)
{
	static const struct pl_slice begin = {"-----BEGIN PUBLIC KEY-----", 26};
	const char *at = pem.len ? memmem(pem.at, pem.len, begin.at, begin.len) : NULL;
	if (!at || pem.len > INT32_MAX)
		return PL_EINVAL;
	size_t before = (size_t)(at - pem.at), rest = pem.len - before - begin.len;
	if (memmem(pem.at, before, "-----BEGIN", 10) ||
	    memmem(at + begin.len, rest, "-----BEGIN", 10))
		return PL_EINVAL; /* which of them is meant? */
	ERR_set_mark();
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL) : NULL;
	BIO_free(bio);
	int err = public_key(pkey, use, out);
	ERR_pop_to_mark();
	return err;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM params[])
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static struct pl_slice without_zeros(struct pl_slice s)
{
	while (s.len && !*s.at)
		s = pl_slice(s.at + 1, s.len - 1);
	return s;
}

/* OSSL_PARAM wants numbers in the order of the machine. */
static OSSL_PARAM number_param(const char *name, struct pl_slice big_endian, uint8_t *room,
			       size_t size)
{
	BIGNUM *n = BN_bin2bn((const uint8_t *)big_endian.at, (int)big_endian.len, NULL);
	if (!n || BN_bn2nativepad(n, room, (int)size) < 0)
		size = 0;
	BN_free(n);
	return OSSL_PARAM_construct_BN(name, room, size);
}

int pl_jwt_key_rsa(struct pl_slice n, struct pl_slice e, struct pl_jwt_use use,
		   struct pl_jwt_key **out)
{
	uint8_t modulus[PL_JWT_RSA_MAX / 8], exponent[8];
	n = without_zeros(n);
	e = without_zeros(e);
	if (n.len < PL_JWT_RSA_MIN / 8 || n.len > sizeof(modulus) || !e.len ||
	    e.len > sizeof(exponent))
		return PL_EINVAL;
	if (!(n.at[n.len - 1] & 1))
		return PL_EINVAL;
	ERR_set_mark();
	OSSL_PARAM params[] = {
		number_param(OSSL_PKEY_PARAM_RSA_N, n, modulus, n.len),
		number_param(OSSL_PKEY_PARAM_RSA_E, e, exponent, e.len),
		OSSL_PARAM_construct_end(),
	};
	int err = public_key(from_params("RSA", params), use, out);
	ERR_pop_to_mark();
	return err;
}

int pl_jwt_key_ec(struct pl_slice crv, struct pl_slice x, struct pl_slice y, struct pl_jwt_use use,
		  struct pl_jwt_key **out)
{
	int alg = PL_JWT_ES256;
	while (alg <= PL_JWT_ES512 && !pl_slice_is(crv, pl_jwt_schemes[alg].crv))
		alg++;
	if (alg > PL_JWT_ES512 || x.len != pl_jwt_schemes[alg].coordinate || y.len != x.len)
		return PL_EINVAL;
	uint8_t point[1 + 2 * PL_JWT_COORDINATE_MAX] = {4}; /* uncompressed: SEC 1, section 2.3.3 */
	memcpy(point + 1, x.at, x.len);
	memcpy(point + 1 + x.len, y.at, y.len);
	char curve[16];
	size_t len = strlen(pl_jwt_schemes[alg].curve);
	memcpy(curve, pl_jwt_schemes[alg].curve, len + 1);
	ERR_set_mark();
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, len),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * x.len),
		OSSL_PARAM_construct_end(),
	};
	int err = public_key(from_params("EC", params), use, out);
	ERR_pop_to_mark();
	return err;
}

int pl_jwt_key_ed25519(struct pl_slice x, struct pl_jwt_use use, struct pl_jwt_key **out)
{
	if (x.len != ED25519_KEY)
		return PL_EINVAL;
	ERR_set_mark();
	EVP_PKEY *pkey =
		EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, (const uint8_t *)x.at, x.len);
	int err = public_key(pkey, use, out);
	ERR_pop_to_mark();
	return err;
}
