/* cmd_help.c - parley help [COMMAND|options]. */
#include "cmd.h"

#include <string.h>

static int run(const struct args *a)
{
	const char *topic = a->nwords ? a->words[0] : NULL;
	const struct command *c = topic ? find_command(topic) : NULL;
	if (c)
		print_command_help(stdout, c);
	else if (!topic)
		print_help(stdout);
	else if (strcmp(topic, "options"))
		return fail_usage(a->command, "no help about \"%s\"", topic);
	if (c || !topic)
		return EXIT_FINE;
	struct pl_buf b;
	pl_buf_init(&b, 1 << 18);
	pl_config_help_options(&b);
	int code = put_buf(stdout, &b);
	pl_buf_fini(&b);
	return code;
}

const struct command cmd_help = {
	.name = "help",
	.args = "[COMMAND | options]",
	.doc = "Tell about a command, or list every option.",
	.max_words = 1,
	.run = run,
};
