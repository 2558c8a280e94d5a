/* admin_key.c - where the admin key comes from: the option, its file, or the data directory. */
#include "server/settings.h"

#include "base/mem.h"

#include <openssl/crypto.h>

static int read_file(const char *path, struct pl_buf *key, struct pl_buf *why)
{
	int err = pl_config_read_secret(path, key);
	if (err && err != PL_ENOTFOUND)
		pl_buf_printf(why, "admin key in %s: %s\n", path, pl_strerror(err));
	return err;
}

static int find(const struct pl_config *c, struct pl_buf *key, struct pl_buf *why)
{
	char *path;
	if (c->admin_key) {
		pl_buf_puts(key, pl_slice_str(c->admin_key));
		return key->err;
	}
	if (c->admin_key_file) {
		int err = read_file(c->admin_key_file, key, why);
		if (err == PL_ENOTFOUND)
			pl_buf_printf(why, "admin.key_file %s: not found\n", c->admin_key_file);
		return err;
	}
	int err = pl_config_path(c, PL_ADMIN_KEY_NAME, &path);
	if (err)
		return err;
	err = read_file(path, key, why);
	pl_free(path);
	return err == PL_ENOTFOUND ? 0 : err; /* nobody wants one */
}

int pl_settings_admin(const struct pl_config *c, struct pl_buf *why, struct pl_admin_key *out)
{
	struct pl_admin_key made = {0};
	struct pl_buf key;
	pl_buf_init(&key, PL_CONFIG_VALUE_MAX);
	int err = find(c, &key, why);
	if (!err && key.len && key.len < PL_ADMIN_KEY_MIN) {
		pl_buf_printf(why, "the admin key is shorter than %d bytes\n", PL_ADMIN_KEY_MIN);
		err = PL_EINVAL;
	}
	if (!err)
		err = pl_admin_key_set(&made, pl_buf_slice(&key));
	if (!err)
		*out = made;
	if (key.at)
		OPENSSL_cleanse(key.at, key.cap);
	pl_buf_fini(&key);
	return err;
}
