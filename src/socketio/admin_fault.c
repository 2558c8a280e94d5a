/* admin_fault.c - whether a login is one that anybody could guess, before it is put into force. */
#include "socketio/admin.h"

/* The first that are tried everywhere; "admin" stood in the original's configuration. */
static const char *const well_known[] = {"admin", "password"};

static bool fits(const char *hash, const char *password)
{
	return !pl_password_check(hash, pl_slice_str(password));
}

const char *pl_sio_admin_fault(const char *user, const char *hash)
{
	struct pl_argon cost;
	if (!user && !hash)
		return NULL;
	if (!hash)
		return "socketio.admin_user needs socketio.admin_password_hash";
	if (!user)
		return "socketio.admin_password_hash needs socketio.admin_user";
	if (pl_argon_read(pl_slice_str(hash), &cost))
		return "socketio.admin_password_hash is not an argon2id hash: `parley hash` makes "
		       "one";
	if (fits(hash, user))
		return "socketio.admin_password_hash: the password is the user's name";
	for (size_t i = 0; i < sizeof(well_known) / sizeof(*well_known); i++)
		if (fits(hash, well_known[i]))
			return "socketio.admin_password_hash: the password is one that everybody "
			       "tries first, such as admin";
	return NULL;
}
