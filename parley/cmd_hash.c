/* cmd_hash.c - parley hash: what may be kept of a password, alone on standard output. */
#include "cmd.h"
#include "read_password.h"

#include <openssl/crypto.h>

static int run(const struct args *a)
{
	char hash[PL_PASSWORD_HASH];
	(void)a;
	int code = read_password(hash);
	if (!code)
		code = printf("%s\n", hash) < 0 || fflush(stdout) ? EXIT_FAILED : EXIT_FINE;
	OPENSSL_cleanse(hash, sizeof(hash));
	return code;
}

const struct command cmd_hash = {
	.name = "hash",
	.args = "",
	.doc = "Read a password from standard input and print its hash, as "
	       "socketio.admin_password_hash wants it.",
	.run = run,
};
