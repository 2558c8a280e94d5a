/* cmd_backup.c - parley backup FILE: a consistent copy of the store, also beside a running server.
 */
#include "cmd.h"

#include "base/mem.h"
#include "store/store.h"

#include <unistd.h>

static int copy(const char *from, const char *to)
{
	struct pl_log_options to_terminal = {
		.fd = STDERR_FILENO, .level = PL_WARN, .readable = true};
	struct pl_log *log;
	int err = pl_log_new(&to_terminal, &log);
	if (err)
		return fail("%s", pl_strerror(err));
	err = pl_store_backup(from, to, log);
	pl_log_free(log);
	return err ? fail("no backup of %s in %s: %s", from, to, pl_strerror(err)) : EXIT_FINE;
}

static int run(const struct args *a)
{
	struct pl_config *c = NULL;
	char *path = NULL;
	int code = args_config(a, false, stderr, &c);
	if (!code && c->store_kind != PL_STORE_SQLITE)
		code = fail("store.kind is not sqlite: there is nothing to copy");
	if (!code && pl_config_path(c, PL_DATABASE_NAME, &path))
		code = fail("out of memory");
	if (!code)
		code = copy(path, a->words[0]);
	pl_free(path);
	pl_config_free(c);
	return code;
}

const struct command cmd_backup = {
	.name = "backup",
	.args = "FILE [--data DIR]",
	.doc = "Write a consistent copy of the store to a new file.",
	.takes_config = true,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
