/*
 * cmd_user.c - parley user: the people who may come in.
 *
 * A server that runs on the data directory is asked to do it (user_remote.c), so that it happens at
 * once and closes connections; without one the store is opened here (user_local.c). Passwords are
 * typed without an echo or come by standard input, are hashed here, and never stand in a command
 * line.
 */
#include "cmd_user.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const struct verb {
	const char *name;
	enum user_verb verb;
	bool wants_name, wants_password;
} verbs[] = {
	{"add", USER_ADD, true, true},          {"passwd", USER_PASSWD, true, true},
	{"disable", USER_DISABLE, true, false}, {"enable", USER_ENABLE, true, false},
	{"list", USER_LIST, false, false},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/* ---- the password ---- */

enum { CTRL_C = 3 };

static int read_line(char *to, size_t size, size_t *len)
{
	size_t n = 0;
	int c;
	(void)setvbuf(stdin, NULL, _IONBF, 0); /* no copy of it in a buffer */
	while ((c = getchar()) != EOF && c != '\n' && c != CTRL_C)
		if (n < size)
			to[n++] = (char)c;
	*len = n;
	return c == CTRL_C || (c == EOF && !n) ? EXIT_FAILED : EXIT_FINE;
}

/* A line from the terminal that is not shown while it is typed. */
static int ask_line(const char *prompt, char *to, size_t size, size_t *len)
{
	struct termios before, quiet;
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before))
		return read_line(to, size, len);
	quiet = before;
	/* Ctrl-C must not leave the terminal without its echo: it ends the line instead. */
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	quiet.c_cc[VEOL] = CTRL_C;
	(void)fputs(prompt, stderr);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	int code = read_line(to, size, len);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	(void)fputc('\n', stderr);
	return code;
}

/* Room for one byte too many, by which a password that is too long shows. */
enum { PASSWORD_ROOM = PL_PASSWORD_MAX + 1 };

static int check_password(const char *password, size_t len)
{
	char again[PASSWORD_ROOM];
	size_t n = 0;
	if (len < PL_PASSWORD_MIN || len > PL_PASSWORD_MAX)
		return fail("a password has %d to %d bytes", PL_PASSWORD_MIN, PL_PASSWORD_MAX);
	if (!isatty(STDIN_FILENO))
		return EXIT_FINE;
	int code = ask_line("Password again: ", again, sizeof(again), &n);
	if (!code && (n != len || CRYPTO_memcmp(again, password, len)))
		code = fail("the two are not the same");
	OPENSSL_cleanse(again, sizeof(again));
	return code;
}

static int read_password(char hash[PL_PASSWORD_HASH])
{
	char password[PASSWORD_ROOM];
	size_t len = 0;
	int code = ask_line("Password: ", password, sizeof(password), &len);
	if (code)
		return fail("no password was given");
	code = check_password(password, len);
	if (!code && pl_password_hash(pl_slice(password, len), hash))
		code = fail("out of memory");
	OPENSSL_cleanse(password, sizeof(password));
	return code;
}

/* ---- what to do ---- */

static int carry_out(const struct args *a, const struct user_task *t)
{
	struct pl_config *c = NULL;
	int code = args_config(a, false, stderr, &c);
	if (!code) {
		bool is_running = false;
		code = user_remote(c, t, &is_running);
		if (!is_running)
			code = user_local(c, t);
	}
	pl_config_free(c);
	return code;
}

static int run(const struct args *a)
{
	const struct verb *v = find_verb(a->words[0]);
	struct user_task t = {.name = a->nwords > 1 ? a->words[1] : NULL};
	if (!v)
		return fail_usage(a->command, "what is \"%s\"?", a->words[0]);
	if (v->wants_name != (t.name != NULL))
		return fail_usage(a->command, v->wants_name ? "whom?" : "list takes no name");
	t.verb = v->verb;
	const char *fault =
		v->verb == USER_ADD ? pl_account_name_fault(pl_slice_str(t.name)) : NULL;
	if (fault)
		return fail("%s", fault);
	int code = v->wants_password ? read_password(t.hash) : EXIT_FINE;
	if (!code)
		code = carry_out(a, &t);
	OPENSSL_cleanse(t.hash, sizeof(t.hash));
	return code;
}

int user_say(const struct user_task *t, int err, struct pl_slice username)
{
	static const char *const done[] = {[USER_ADD] = "added",
					   [USER_PASSWD] = "has a new password",
					   [USER_DISABLE] = "is disabled",
					   [USER_ENABLE] = "is enabled"};
	switch (err) {
	case 0: return printf("%.*s %s\n", PL_FMT(username), done[t->verb]) < 0 || fflush(stdout);
	case PL_EEXISTS: return fail("%s: the name is taken", t->name);
	case PL_ENOTFOUND:
		return fail("%s: no such %s", t->name, t->verb == USER_PASSWD ? "account" : "user");
	default: return fail("%s: %s", t->name, pl_strerror(err));
	}
}

int user_say_row(struct pl_slice id, struct pl_slice username, bool has_account, bool is_disabled)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 16);
	pl_buf_puts(&b, id);
	pl_buf_printf(&b, "  %-8s  %-8s  ", has_account ? "account" : "token",
		      is_disabled ? "disabled" : "enabled");
	/* From the network: it must not drive the terminal. */
	chat_put_safe(&b, username);
	pl_buf_putc(&b, '\n');
	int code = put_buf(stdout, &b);
	pl_buf_fini(&b);
	return code;
}

const struct command cmd_user = {
	.name = "user",
	.args = "add|passwd|disable|enable NAME [--data DIR], or: list [--data DIR]",
	.doc = "Add people with a password, change it, lock users out and let them in again.",
	.takes_config = true,
	.min_words = 1,
	.max_words = 2,
	.run = run,
};
