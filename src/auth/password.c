/* password.c - argon2id by the library, the costs by the header. */
#include "auth/password.h"

#include "base/id.h"

#include <argon2.h>
#include <openssl/crypto.h>

enum {
	SALT = 16,
	TAG = 32,
	KIB_MAX = 1 << 20,
	PASSES_MAX = 64,
	LANES_MAX = 16,
	PART_MAX = 86, /* 64 bytes in base64 */
};

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

/* Of nobody: no password gives this tag, and looking for one costs what it costs for all. */
static const char nobody[] = "$argon2id$v=19$m=" TEXT(PL_ARGON_KIB) ",t=" TEXT(
	PL_ARGON_PASSES) ",p=" TEXT(PL_ARGON_LANES) "$AAAAAAAAAAAAAAAAAAAAAA$"
						    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static bool take(struct pl_slice *rest, struct pl_slice prefix)
{
	if (!pl_slice_starts(*rest, prefix))
		return false;
	*rest = pl_slice(rest->at + prefix.len, rest->len - prefix.len);
	return true;
}

static int take_number(struct pl_slice *rest, char end, uint64_t max, uint32_t *out)
{
	struct pl_slice behind;
	uint64_t v = 0;
	int err = pl_slice_u64(pl_slice_cut(*rest, end, &behind), max, &v);
	if (err || !v || !behind.at)
		return PL_EINVAL;
	*rest = behind;
	*out = (uint32_t)v;
	return 0;
}

static bool is_base64(struct pl_slice s, size_t min)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789+/";
	for (size_t i = 0; i < s.len; i++)
		if (!s.at[i] || !strchr(letters, s.at[i]))
			return false;
	return s.len >= min && s.len <= PART_MAX;
}

int pl_argon_read(struct pl_slice hash, struct pl_argon *out)
{
	struct pl_argon a;
	struct pl_slice rest = hash, tag;
	if (hash.len >= PL_PASSWORD_HASH || !take(&rest, PL_S("$argon2id$v=19$m=")))
		return PL_EINVAL;
	if (take_number(&rest, ',', KIB_MAX, &a.kib) || !take(&rest, PL_S("t=")) ||
	    take_number(&rest, ',', PASSES_MAX, &a.passes) || !take(&rest, PL_S("p=")) ||
	    take_number(&rest, '$', LANES_MAX, &a.lanes))
		return PL_EINVAL;
	struct pl_slice salt = pl_slice_cut(rest, '$', &tag);
	if (!is_base64(salt, 11) || !is_base64(tag, 16))
		return PL_EINVAL;
	*out = a;
	return 0;
}

int pl_password_hash(struct pl_slice password, char out[PL_PASSWORD_HASH])
{
	uint8_t salt[SALT];
	char text[PL_PASSWORD_HASH];
	if (password.len > PL_PASSWORD_MAX)
		return PL_EINVAL;
	pl_random_bytes(salt, sizeof(salt));
	if (argon2id_hash_encoded(PL_ARGON_PASSES, PL_ARGON_KIB, PL_ARGON_LANES, password.at,
				  password.len, salt, sizeof(salt), TAG, text, sizeof(text)))
		return PL_ENOMEM;
	memcpy(out, text, sizeof(text));
	OPENSSL_cleanse(text, sizeof(text));
	return 0;
}

int pl_password_check(const char *hash, struct pl_slice password)
{
	struct pl_argon cost;
	bool is_nobody = !*hash;
	const char *against = is_nobody ? nobody : hash;
	if (pl_argon_read(pl_slice_str(against), &cost))
		return PL_ECORRUPT;
	switch (argon2id_verify(against, password.at, password.len)) {
	case ARGON2_OK: return is_nobody ? PL_EDENIED : 0;
	case ARGON2_VERIFY_MISMATCH: return PL_EDENIED;
	case ARGON2_MEMORY_ALLOCATION_ERROR:
	case ARGON2_THREAD_FAIL: return PL_ENOMEM;
	default: return PL_ECORRUPT;
	}
}

bool pl_password_is_dated(const char *hash)
{
	struct pl_argon a;
	if (pl_argon_read(pl_slice_str(hash), &a))
		return true;
	return a.kib != PL_ARGON_KIB || a.passes != PL_ARGON_PASSES || a.lanes != PL_ARGON_LANES;
}
