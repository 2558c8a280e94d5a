/* cmd_check.c - parley check: every mistake and unsafe setting of a configuration. */
#include "cmd.h"

enum { PRINT_MAX = 1 << 20 };

static const struct flag flags[] = {
	{"--print", NULL, "Also print the values in force and where they come from."},
	{NULL, NULL, NULL},
};

static int print_values(const struct pl_config *c)
{
	struct pl_buf b;
	pl_buf_init(&b, PRINT_MAX);
	pl_config_print(c, &b);
	int code = put_buf(stdout, &b);
	pl_buf_fini(&b);
	return code;
}

static int run(const struct args *a)
{
	struct pl_config *c = NULL;
	struct pl_findings f;
	pl_findings_init(&f);
	int err = args_load(a, true, &f, &c);
	int code = f.errors ? EXIT_FAILED : EXIT_FINE;
	if (err && err != PL_EINVAL)
		code = fail("%s", pl_strerror(err));
	if (f.text.len && put_buf(stdout, &f.text))
		code = EXIT_FAILED;
	if (c && args_has(a, "--print") && print_values(c))
		code = EXIT_FAILED;
	if (printf("%u errors, %u warnings\n", f.errors, f.warnings) < 0 || fflush(stdout))
		code = EXIT_FAILED;
	pl_findings_fini(&f);
	pl_config_free(c);
	return code;
}

const struct command cmd_check = {
	.name = "check",
	.args = "[--config FILE] [--print]",
	.doc = "Report every mistake and unsafe setting of a configuration, with its line.",
	.flags = flags,
	.takes_config = true,
	.run = run,
};
