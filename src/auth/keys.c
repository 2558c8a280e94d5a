/* keys.c - reading keys from the options and their files, and choosing one for a token. */
#include "auth/keys.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

/* Secrets that everybody knows: from manuals and sample configurations. */
static const char *const known[] = {
	"secret",
	"changeme",
	"password",
	"your-secret-key",
	"your_jwt_secret",
	"your-256-bit-secret",
	"your-384-bit-secret",
	"your-512-bit-secret",
	"your_jwt_token_here",
	"a-string-secret-at-least-256-bits-long",
	"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
	"super-secret-jwt-token-with-at-least-32-characters-long",
	"your-super-secret-jwt-token-with-at-least-32-characters-long",
};

const char *pl_secret_fault(struct pl_slice secret)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (pl_slice_eq_nocase(pl_slice_trim(secret), pl_slice_str(known[i])))
			return "the secret is a well-known sample: make one of your own";
	if (!secret.at || secret.len < PL_SECRET_MIN)
		return "the secret is shorter than 32 bytes";
	return NULL;
}

/* All of it, into a buffer that does not move (it may hold a secret that is to be wiped). */
static int read_all(int fd, struct pl_buf *out)
{
	int err = pl_buf_reserve(out, PL_KEYS_FILE_MAX + 1);
	while (!err && out->len <= PL_KEYS_FILE_MAX) {
		ssize_t n = read(fd, out->at + out->len, PL_KEYS_FILE_MAX + 1 - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? PL_EIO : 0;
		out->len += (size_t)n;
	}
	return err ? err : PL_ETOOBIG;
}

/* A regular file of at most PL_KEYS_FILE_MAX bytes. */
static int read_file(const char *path, struct pl_buf *out, struct pl_buf *why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err = fd < 0 || fstat(fd, &st) ? PL_EIO : 0;
	if (!err && (!S_ISREG(st.st_mode) || st.st_size > PL_KEYS_FILE_MAX))
		err = PL_EINVAL;
	if (!err)
		err = read_all(fd, out);
	if (fd >= 0)
		close(fd);
	if (err == PL_EIO)
		pl_buf_printf(why, "cannot read %s", path);
	else if (err != PL_ENOMEM && err)
		pl_buf_printf(why, "%s is not a file of at most 64 KiB", path);
	return err;
}

static int add(struct pl_keys *keys, struct pl_jwt_key *key)
{
	if (keys->count == PL_KEYS_MAX) {
		pl_jwt_key_free(key);
		return PL_ELIMIT;
	}
	keys->keys[keys->count++] = key;
	return 0;
}

static int load_secret(struct pl_keys *keys, struct pl_slice secret, struct pl_buf *why)
{
	const char *fault = pl_secret_fault(secret);
	if (fault) {
		pl_buf_puts(why, pl_slice_str(fault));
		return PL_EINVAL;
	}
	struct pl_jwt_key *key = NULL;
	int err = pl_jwt_key_hmac(secret, (struct pl_jwt_use){0}, &key);
	return err ? err : add(keys, key);
}

static int load_pem(struct pl_keys *keys, const struct pl_auth_pem *pem, struct pl_buf *why)
{
	struct pl_jwt_use use = {.kid = pem->kid};
	enum pl_jwt_alg alg;
	if (pem->alg.at) {
		if (pl_jwt_alg_parse(pem->alg, &alg)) {
			pl_buf_printf(why, "%s: unknown algorithm", pem->path);
			return PL_EINVAL;
		}
		use.algs = PL_JWT_BIT(alg);
	}
	struct pl_buf text;
	pl_buf_init(&text, PL_KEYS_FILE_MAX + 1);
	struct pl_jwt_key *key = NULL;
	int err = read_file(pem->path, &text, why);
	if (!err) {
		err = pl_jwt_key_pem(pl_buf_slice(&text), use, &key);
		if (err)
			pl_buf_printf(why,
				      "%s: not one public key (RSA of 2048 to 8192 bits, EC, "
				      "Ed25519) that fits its algorithm",
				      pem->path);
	}
	pl_buf_fini(&text);
	return err ? err : add(keys, key);
}

/* The file may hold oct keys: its text is wiped. */
static int load_jwks(struct pl_keys *keys, const char *path, struct pl_buf *why)
{
	struct pl_buf text;
	pl_buf_init(&text, PL_KEYS_FILE_MAX + 1);
	int err = read_file(path, &text, why);
	size_t before = keys->count;
	if (!err) {
		err = pl_jwks_read(keys, pl_buf_slice(&text), why);
		if (err)
			pl_buf_printf(why, " (%s)", path);
	}
	if (text.at)
		OPENSSL_cleanse(text.at, text.cap);
	pl_buf_fini(&text);
	if (!err && keys->count == before) {
		pl_buf_printf(why, "%s: no key in it can be used", path);
		return PL_EINVAL;
	}
	return err;
}

static int load(struct pl_keys *keys, const struct pl_auth_options *o, struct pl_buf *why)
{
	int err = o->secret.at ? load_secret(keys, o->secret, why) : 0;
	for (size_t i = 0; !err && i < o->pem_count; i++)
		err = load_pem(keys, &o->pems[i], why);
	if (!err && o->jwks_path)
		err = load_jwks(keys, o->jwks_path, why);
	if (!err && !keys->count) {
		pl_buf_puts(why, PL_S("no key to check tokens with"));
		err = PL_EINVAL;
	}
	return err;
}

int pl_keys_load(struct pl_keys *keys, const struct pl_auth_options *o, struct pl_buf *why)
{
	*keys = (struct pl_keys){.count = 0};
	int err = load(keys, o, why);
	if (!err)
		return 0;
	if (!why->len)
		pl_buf_puts(why, pl_slice_str(pl_strerror(err)));
	pl_keys_fini(keys);
	return err;
}

void pl_keys_fini(struct pl_keys *keys)
{
	while (keys->count)
		pl_jwt_key_free(keys->keys[--keys->count]);
}

/* Tries the keys whose kid is this (at == NULL: which have none; `any`: all). */
static int try_keys(const struct pl_keys *keys, const struct pl_jwt *jwt, struct pl_slice kid,
		    bool any, size_t *matched)
{
	size_t tried = 0;
	*matched = 0;
	for (size_t i = 0; i < keys->count && tried < PL_KEYS_TRIED; i++) {
		const struct pl_jwt_key *key = keys->keys[i];
		struct pl_slice own = pl_jwt_key_kid(key);
		if (!any && ((own.at == NULL) != (kid.at == NULL) || !pl_slice_eq(own, kid)))
			continue;
		++*matched;
		if (!pl_jwt_key_fits(key, jwt->alg))
			continue;
		tried++;
		if (!pl_jwt_verify(key, jwt))
			return 0;
	}
	return PL_EDENIED;
}

int pl_keys_verify(const struct pl_keys *keys, const struct pl_jwt *jwt)
{
	size_t matched = 0;
	if (!jwt->has_kid)
		return try_keys(keys, jwt, pl_slice(NULL, 0), true, &matched);
	int err = try_keys(keys, jwt, jwt->kid, false, &matched);
	if (!err || matched)
		return err;
	return try_keys(keys, jwt, pl_slice(NULL, 0), false, &matched);
}

bool pl_keys_accept(const struct pl_keys *keys, enum pl_jwt_alg alg)
{
	for (size_t i = 0; i < keys->count; i++)
		if (pl_jwt_key_fits(keys->keys[i], alg))
			return true;
	return false;
}
