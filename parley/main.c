/* main.c - finds the sub-command in the table and runs it. */
#include "cmd.h"

#include "base/mem.h"

#include <string.h>

extern char **environ;

const struct command *const commands[] = {
	&cmd_serve,  &cmd_chat,   &cmd_token,   &cmd_user, &cmd_hash, &cmd_check,
	&cmd_backup, &cmd_verify, &cmd_version, &cmd_docs, &cmd_help, NULL,
};

const struct command *find_command(const char *name)
{
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	else if (!strcmp(name, "--version"))
		name = "version";
	for (const struct command *const *c = commands; *c; c++)
		if (!strcmp(name, (*c)->name))
			return *c;
	return NULL;
}

static int run(const struct command *c, char **argv)
{
	struct args *a = PL_NEW(struct args);
	if (!a)
		return fail("out of memory");
	char **env = NULL;
	int code = args_parse(a, c, argv);
	if (!code && !a->wants_help && c->takes_config) {
		env = environment_take(environ);
		a->env = (const char *const *)env;
		code = env ? 0 : fail("out of memory");
	}
	if (!code && a->wants_help)
		print_command_help(stdout, c);
	else if (!code)
		code = c->run(a);
	environment_free(env);
	pl_free(a);
	return code;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	const struct command *c = find_command(argv[1]);
	return c ? run(c, argv + 2) : fail_usage(NULL, "unknown command \"%s\"", argv[1]);
}
