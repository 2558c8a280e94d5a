/*
 * command.h - the sub-commands of the program and what they are called with.
 *
 * A command is a row of the table in main.c; --help is printed from it. What a command produces
 * goes to standard output, everything else to standard error.
 */
#ifndef PARLEY_COMMAND_H
#define PARLEY_COMMAND_H

#include "server/config.h"

#include <stdio.h>

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct flag {
	const char *name;  /* "--user" */
	const char *value; /* placeholder; NULL: a switch */
	const char *doc;
};

struct args;

struct command {
	const char *name, *args, *doc;
	const struct flag *flags; /* ends with a row without name; NULL: none */
	bool takes_config;        /* --config, --set and the aliases of the table of options */
	bool is_hidden;           /* not in the list of commands */
	size_t min_words, max_words;
	int (*run)(const struct args *);
};

extern const struct command *const commands[]; /* ends with NULL */

enum { FLAGS_MAX = 16, WORDS_MAX = 8, SETTINGS_MAX = 256 };

struct args {
	const struct command *command;
	const char
		*values[FLAGS_MAX]; /* by row of command->flags; "" for a switch; NULL: not given */
	const char *words[WORDS_MAX];
	size_t nwords;
	const char *config_file;
	struct pl_config_flag settings[SETTINGS_MAX];
	size_t nsettings;
	const char *const *env; /* ours: secrets are wiped from the process's own */
	bool wants_help;
};

/* argv without the program and the command. 0, or EXIT_USAGE after saying why. */
int args_parse(struct args *, const struct command *, char **argv);
/* NULL when not given. */
const char *args_flag(const struct args *, const char *name);
bool args_has(const struct args *, const char *name);

/*
 * The configuration that the flags describe. Findings go to `to`. Returns EXIT_FINE, or what to
 * exit with. `checked`: with the search for unsafe settings.
 */
int args_config(const struct args *, bool checked, FILE *to, struct pl_config **out);
int args_load(const struct args *, bool checked, struct pl_findings *, struct pl_config **out);

/* "parley: ..." on standard error; returns EXIT_FAILED / EXIT_USAGE. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int fail_usage(const struct command *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A buffer to a stream. EXIT_FAILED when it could not be made or written. */
int put_buf(FILE *, const struct pl_buf *);
void print_command_help(FILE *, const struct command *);
void print_help(FILE *);

/* A copy of the environment without which nothing is left of its secrets. NULL: no memory. */
char **environment_take(char **from);
void environment_free(char **);

#endif
