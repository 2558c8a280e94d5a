/*
 * jwt_key.c - a key, its algorithms, and the one answer that counts: OpenSSL's exact 1.
 *
 * OpenSSL's error queue is left as it was found: TLS on the same thread reads it.
 */
#include "wire/jwt_key.h"

#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

enum kind { KIND_HMAC, KIND_RSA, KIND_PSS, KIND_EC, KIND_ED25519 };

/* What each algorithm asks for. */
static const struct scheme {
	enum kind kind;
	int digest;	   /* index in digest_names; -1: none */
	size_t coordinate; /* bytes of r and of s */
	const char *curve; /* OpenSSL's name */
	const char *crv;   /* RFC 7518's name */
} schemes[PL_JWT_ALG_COUNT] = {
	[PL_JWT_HS256] = {KIND_HMAC, 0, 0, NULL, NULL},
	[PL_JWT_HS384] = {KIND_HMAC, 1, 0, NULL, NULL},
	[PL_JWT_HS512] = {KIND_HMAC, 2, 0, NULL, NULL},
	[PL_JWT_RS256] = {KIND_RSA, 0, 0, NULL, NULL},
	[PL_JWT_RS384] = {KIND_RSA, 1, 0, NULL, NULL},
	[PL_JWT_RS512] = {KIND_RSA, 2, 0, NULL, NULL},
	[PL_JWT_PS256] = {KIND_PSS, 0, 0, NULL, NULL},
	[PL_JWT_PS384] = {KIND_PSS, 1, 0, NULL, NULL},
	[PL_JWT_PS512] = {KIND_PSS, 2, 0, NULL, NULL},
	[PL_JWT_ES256] = {KIND_EC, 0, 32, "prime256v1", "P-256"},
	[PL_JWT_ES384] = {KIND_EC, 1, 48, "secp384r1", "P-384"},
	[PL_JWT_ES512] = {KIND_EC, 2, 66, "secp521r1", "P-521"},
	[PL_JWT_EDDSA] = {KIND_ED25519, -1, 0, NULL, NULL},
};

enum { DIGESTS = 3, ED25519_KEY = 32, ED25519_SIGNATURE = 64, MAX_COORDINATE = 66 };

static const char *const digest_names[DIGESTS] = {"SHA256", "SHA384", "SHA512"};

/*
 * Either macs (HMAC) or pkey, never both. The macs hold the secret; each is a template that a
 * verification copies, as is cheaper than to begin anew and safe for many threads.
 */
struct pl_jwt_key {
	uint32_t algs; /* never empty */
	bool has_kid;
	size_t kid_len;
	char kid[PL_JWT_KID_MAX];
	EVP_MAC_CTX *macs[DIGESTS];
	EVP_PKEY *pkey;
	EVP_MD *digests[DIGESTS];
};

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
	for (int i = 0; i < DIGESTS; i++) {
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

static uint32_t algs_of(enum kind kind)
{
	uint32_t algs = 0;
	for (int alg = 0; alg < PL_JWT_ALG_COUNT; alg++)
		if (schemes[alg].kind == kind)
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
	int err = new_key(use, algs_of(KIND_HMAC), &k);
	if (err)
		return err;
	ERR_set_mark();
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	for (int i = 0; i < DIGESTS; i++) {
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
	return sound ? algs_of(KIND_RSA) | algs_of(KIND_PSS) : 0;
}

static uint32_t algs_of_curve(EVP_PKEY *pkey)
{
	char name[64];
	size_t len = 0;
	if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), &len) != 1)
		return 0;
	for (int alg = PL_JWT_ES256; alg <= PL_JWT_ES512; alg++)
		if (pl_slice_eq_nocase(pl_slice(name, len), pl_slice_str(schemes[alg].curve)))
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
	return EVP_PKEY_is_a(pkey, "ED25519") ? algs_of(KIND_ED25519) : 0;
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
	for (int i = 0; i < DIGESTS; i++) {
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
	while (alg <= PL_JWT_ES512 && !pl_slice_is(crv, schemes[alg].crv))
		alg++;
	if (alg > PL_JWT_ES512 || x.len != schemes[alg].coordinate || y.len != x.len)
		return PL_EINVAL;
	uint8_t point[1 + 2 * MAX_COORDINATE] = {4}; /* uncompressed: SEC 1, section 2.3.3 */
	memcpy(point + 1, x.at, x.len);
	memcpy(point + 1 + x.len, y.at, y.len);
	char curve[16];
	size_t len = strlen(schemes[alg].curve);
	memcpy(curve, schemes[alg].curve, len + 1);
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

static bool verify_mac(const struct pl_jwt_key *k, const struct scheme *s, const struct pl_jwt *jwt)
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

enum { DER_MAX = 3 + 2 * (3 + MAX_COORDINATE) };

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

static bool set_padding(EVP_PKEY_CTX *ctx, const struct scheme *s)
{
	if (s->kind == KIND_RSA)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (s->kind != KIND_PSS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool verify_digest(const struct pl_jwt_key *k, const struct scheme *s, const uint8_t *sig,
			  size_t sig_len, struct pl_slice text)
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

static bool verify_public(const struct pl_jwt_key *k, const struct scheme *s,
			  const struct pl_jwt *jwt)
{
	uint8_t der[DER_MAX];
	const uint8_t *sig = jwt->signature;
	size_t len = jwt->signature_len;
	if (s->kind == KIND_EC) {
		if (len != 2 * s->coordinate)
			return false;
		len = put_der(der, sig, s->coordinate);
		sig = der;
	} else if (s->kind == KIND_ED25519) {
		if (len != ED25519_SIGNATURE)
			return false;
	} else if (len != (size_t)EVP_PKEY_get_size(k->pkey)) {
		return false;
	}
	return verify_digest(k, s, sig, len, jwt->signed_text);
}

/* Asked again at each use, whatever the set says: a public key never serves as a secret. */
static bool is_kind(const struct pl_jwt_key *k, enum kind kind)
{
	static const char *const types[] = {[KIND_RSA] = "RSA",
					    [KIND_PSS] = "RSA",
					    [KIND_EC] = "EC",
					    [KIND_ED25519] = "ED25519"};
	if (kind == KIND_HMAC)
		return !k->pkey;
	return k->pkey && EVP_PKEY_is_a(k->pkey, types[kind]);
}

int pl_jwt_verify(const struct pl_jwt_key *k, const struct pl_jwt *jwt)
{
	if ((unsigned)jwt->alg >= PL_JWT_ALG_COUNT || !pl_jwt_key_fits(k, jwt->alg))
		return PL_EDENIED;
	const struct scheme *s = &schemes[jwt->alg];
	ERR_set_mark();
	bool good = is_kind(k, s->kind) &&
		    (s->kind == KIND_HMAC ? verify_mac(k, s, jwt) : verify_public(k, s, jwt));
	ERR_pop_to_mark();
	return good ? 0 : PL_EDENIED;
}
