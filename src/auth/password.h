/*
 * password.h - from a password to what may be kept of it: argon2id (RFC 9106) in the PHC text form,
 * and back to the question whether a password fits.
 *
 * Both take some 30 ms of a core and PL_ARGON_KIB of memory, on purpose: never call them on a loop
 * or a store thread (hasher.h). Any other thread; nothing is logged.
 */
#ifndef PL_AUTH_PASSWORD_H
#define PL_AUTH_PASSWORD_H

#include "base/err.h"
#include "base/slice.h"

/*
 * What a hash costs, here and nowhere else: the least that OWASP recommends for argon2id. Raise
 * them and passwords are hashed anew, each at its owner's next login.
 */
#define PL_ARGON_KIB    19456
#define PL_ARGON_PASSES 2
#define PL_ARGON_LANES  1

enum {
	PL_PASSWORD_MIN = 6, /* bytes */
	PL_PASSWORD_MAX = 1024,
	PL_PASSWORD_HASH = 160, /* room for a hash as text, with its NUL */
};

struct pl_argon {
	uint32_t kib, passes, lanes;
};
/*
 * Reads what a hash says of itself. PL_EINVAL: it is not argon2id in the PHC form, or costs so much
 * that checking it would be an attack (over 1 GiB, 64 passes, 16 lanes).
 */
int pl_argon_read(struct pl_slice hash, struct pl_argon *out) PL_MUST_CHECK;

/* With a fresh salt. PL_EINVAL: longer than PL_PASSWORD_MAX; PL_ENOMEM. */
int pl_password_hash(struct pl_slice password, char out[PL_PASSWORD_HASH]) PL_MUST_CHECK;
/*
 * 0: it fits. PL_EDENIED: it does not; PL_ECORRUPT: not a hash that we could have made; PL_ENOMEM.
 * An empty hash (of nobody) costs the same time as any other and is PL_EDENIED.
 */
int pl_password_check(const char *hash, struct pl_slice password) PL_MUST_CHECK;
/* Made with other costs than ours: worth making anew. */
bool pl_password_is_dated(const char *hash);

#endif
