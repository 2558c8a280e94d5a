/* cmd_chat.c - parley chat: its flags, its address, its token. */
#include "cmd.h"

#include "base/mem.h"
#include "chat_client.h"
#include "chat_outbox.h"
#include "wire/utf8.h"

#include <openssl/crypto.h>
#include <stdlib.h>

enum { USER_BYTES_MAX = 256, TOKEN_BYTES_MAX = 16 << 10 };

static const struct flag flags[] = {
	{"--token", "T", "Who you are; without it, the environment's PARLEY_TOKEN."},
	{"--with", "USER", "Talk with one person: an id or a username."},
	{"--conversation", "ID", "Join this conversation; without it, the most recent one."},
	{"--insecure", NULL, "Accept any certificate of the server (wss)."},
	{NULL, NULL, NULL},
};

/* "ws://host" means the path that the server answers clients at. */
static int read_url(const struct command *c, const char *text, struct pl_url *out)
{
	if (pl_url_parse(pl_slice_str(text), out))
		return fail_usage(c, "\"%s\" is no address like ws://127.0.0.1:8080", text);
	if (!memchr(out->authority.at, '/', strlen(out->authority.at)))
		out->path = PL_S("/ws");
	return EXIT_FINE;
}

static bool is_loopback(struct pl_slice host)
{
	return pl_slice_starts(host, PL_S("127.")) || pl_slice_is(host, "::1") ||
	       pl_slice_eq_nocase(host, PL_S("localhost"));
}

/* A copy, and none left in the environment that other processes may read. */
static char *take_token(const struct args *a)
{
	const char *flag = args_flag(a, "--token");
	char *env = getenv("PARLEY_TOKEN");
	char *token = flag ? pl_strdup(flag) : env ? pl_strdup(env) : NULL;
	if (env)
		OPENSSL_cleanse(env, strlen(env));
	return token;
}

static bool is_text(const char *s, size_t max)
{
	return !s || (*s && strlen(s) <= max && pl_utf8_valid(pl_slice_str(s)));
}

static int check(const struct args *a, const struct chat_options *o)
{
	if (!o->token || !is_text(o->token, TOKEN_BYTES_MAX))
		return fail_usage(a->command, "a token is needed: --token or PARLEY_TOKEN");
	if (o->with && o->conversation)
		return fail_usage(a->command, "--with or --conversation, not both");
	if (!is_text(o->with, USER_BYTES_MAX))
		return fail_usage(a->command, "--with is no name of a user");
	if (!is_text(o->conversation, CHAT_ID_MAX))
		return fail_usage(a->command, "--conversation is no id");
	return EXIT_FINE;
}

static int talk(const struct args *a, struct chat_options *o)
{
	if (o->target.url.is_tls &&
	    pl_tls_context_client(args_has(a, "--insecure"), &o->target.tls))
		return fail("TLS cannot be used");
	if (!o->target.url.is_tls && !is_loopback(o->target.url.host))
		(void)fail("warning: everybody on the way can read the token; use wss://");
	int code = chat_run(o);
	pl_tls_context_release(o->target.tls);
	return code;
}

static int run(const struct args *a)
{
	char *token = take_token(a);
	struct chat_options o = {
		.url = a->words[0],
		.token = token,
		.with = args_flag(a, "--with"),
		.conversation = args_flag(a, "--conversation"),
	};
	int code = read_url(a->command, o.url, &o.target.url);
	if (!code)
		code = check(a, &o);
	if (!code)
		code = talk(a, &o);
	if (token)
		OPENSSL_cleanse(token, strlen(token));
	pl_free(token);
	return code;
}

const struct command cmd_chat = {
	.name = "chat",
	.args = "URL --token T [--conversation ID | --with USER] [--insecure]",
	.doc = "Talk in a terminal, or send and receive lines in a script.",
	.flags = flags,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
