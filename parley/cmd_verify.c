/* cmd_verify.c - parley verify: whether the store is whole. */
#include "cmd.h"

#include "base/mem.h"
#include "store/store.h"

enum { FINDINGS_MAX = 1 << 20 };

static int verify(const char *path)
{
	struct pl_buf findings;
	pl_buf_init(&findings, FINDINGS_MAX);
	int err = pl_store_verify(path, &findings);
	int code = findings.len || err ? EXIT_FAILED : EXIT_FINE;
	if (findings.len)
		(void)put_buf(stdout, &findings);
	if (err)
		code = fail("%s: %s", path, pl_strerror(err));
	else if (!code && (printf("%s: whole\n", path) < 0 || fflush(stdout)))
		code = EXIT_FAILED;
	pl_buf_fini(&findings);
	return code;
}

static int run(const struct args *a)
{
	struct pl_config *c = NULL;
	char *path = NULL;
	int code = args_config(a, false, stderr, &c);
	if (!code && c->store_kind != PL_STORE_SQLITE)
		code = fail("store.kind is not sqlite: there is nothing to verify");
	if (!code && pl_config_path(c, PL_DATABASE_NAME, &path))
		code = fail("out of memory");
	if (!code)
		code = verify(path);
	pl_free(path);
	pl_config_free(c);
	return code;
}

const struct command cmd_verify = {
	.name = "verify",
	.args = "[--data DIR]",
	.doc = "Check the store: structure, references, gap-free sequences.",
	.takes_config = true,
	.run = run,
};
