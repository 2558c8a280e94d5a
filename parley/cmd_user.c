/*
 * cmd_user.c - parley user: the people who may come in.
 *
 * A server that runs on the data directory is asked to do it (user_remote.c), so that it happens at
 * once and closes connections; without one the store is opened here (user_local.c). A password is
 * hashed here (read_password.c) and never stands in a command line.
 */
#include "cmd_user.h"
#include "read_password.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <string.h>

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
