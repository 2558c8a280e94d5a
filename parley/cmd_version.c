/* cmd_version.c - parley version. */
#include "cmd.h"

#include <openssl/crypto.h>
#include <sqlite3.h>
#include <zlib.h>

static int run(const struct args *a)
{
	(void)a;
	int n = printf("parley %s\nopenssl %s\nsqlite %s\nzlib %s\nsimdjson %s\nengines %s\n",
		       PARLEY_VERSION, OpenSSL_version(OPENSSL_VERSION_STRING),
		       sqlite3_libversion(), zlibVersion(), PARLEY_SIMDJSON_VERSION,
#ifdef PL_HAVE_URING
		       "epoll io_uring"
#else
		       "epoll"
#endif
	);
	return n < 0 || fflush(stdout) ? EXIT_FAILED : EXIT_FINE;
}

const struct command cmd_version = {
	.name = "version",
	.args = "",
	.doc = "Print the versions of the program and its libraries.",
	.run = run,
};
