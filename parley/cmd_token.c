/* cmd_token.c - parley token: a token to try the server with, alone on standard output. */
#include "cmd.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <string.h>

enum { WHY_MAX = 512, SECRET_FILE_MAX = 64 << 10, TTL_MAX_S = 10 * 365 * 24 * 3600 };

static const struct flag flags[] = {
	{"--user", "NAME", "Whom the token speaks for (claims sub, userId and username)."},
	{"--name", "DISPLAY", "The name that others see."},
	{"--ttl", "TIME", "How long it is valid, as in 30m, 1h or 24h (1h)."},
	{NULL, NULL, NULL},
};

/* The server's rule for a secret in a file: its bytes without the newline at the end. */
static int secret_from_file(const char *path, struct pl_buf *out)
{
	int err = pl_config_read_secret(path, out);
	return err ? fail("cannot read %s: %s", path, pl_strerror(err)) : EXIT_FINE;
}

static int secret_from_data(const struct pl_config *c, struct pl_buf *out)
{
	struct pl_buf why;
	char secret[PL_KEYFILE_SECRET + 1];
	pl_buf_init(&why, WHY_MAX);
	const char *dir = c->data ? c->data : ".";
	if (pl_config_make_data(c))
		return fail("cannot make the directory %s", dir);
	int err = pl_keyfile_load(dir, &why, secret);
	int code = EXIT_FINE;
	if (err)
		code = fail("%s: %.*s", pl_strerror(err), PL_FMT(pl_buf_slice(&why)));
	else
		pl_buf_put(out, secret, PL_KEYFILE_SECRET);
	OPENSSL_cleanse(secret, sizeof(secret));
	pl_buf_fini(&why);
	return code;
}

/* The secret that a server with this configuration verifies with. */
static int find_secret(const struct pl_config *c, struct pl_buf *out)
{
	if (c->auth_secret_file)
		return secret_from_file(c->auth_secret_file, out);
	if (c->auth_secret)
		pl_buf_puts(out, pl_slice_str(c->auth_secret));
	else if (c->auth_keys.n || c->auth_jwks)
		return fail("tokens are signed elsewhere: only public keys are configured");
	else
		return secret_from_data(c, out);
	return EXIT_FINE;
}

static int print_token(const struct args *a, const struct pl_config *c, struct pl_slice secret,
		       uint64_t ttl_ms)
{
	struct pl_slice user = pl_slice_str(args_flag(a, "--user"));
	struct pl_token_claims claims = {
		.subject = user,
		.user_id = user,
		.username = user,
		.name = pl_slice_str(args_flag(a, "--name")),
		.issuer = pl_slice_str(c->auth_issuer),
		.audience = pl_slice_str(c->auth_audience),
		.now_s = pl_wall_ms() / 1000,
		.ttl_s = ttl_ms / 1000,
	};
	struct pl_buf token;
	pl_buf_init(&token, PL_TOKEN_MAX + 1);
	int err = pl_token_sign(secret, &claims, &token);
	pl_buf_putc(&token, '\n');
	int code = EXIT_FINE;
	if (err == PL_EINVAL)
		code = fail("the secret must have at least %d bytes, the user at most %d",
			    PL_SECRET_MIN, PL_SUBJECT_MAX);
	else if (err)
		code = fail("%s", pl_strerror(err));
	else
		code = put_buf(stdout, &token);
	pl_buf_fini(&token);
	return code;
}

static int run(const struct args *a)
{
	const char *user = args_flag(a, "--user"), *ttl = args_flag(a, "--ttl");
	uint64_t ttl_ms = 3600 * 1000;
	if (!user || !*user)
		return fail_usage(a->command, "--user is needed");
	if (ttl && (pl_config_millis(pl_slice_str(ttl), &ttl_ms) || ttl_ms < 1000 ||
		    ttl_ms / 1000 > TTL_MAX_S))
		return fail_usage(a->command, "--ttl must be from 1s to 87600h");
	struct pl_config *c = NULL;
	struct pl_buf secret;
	pl_buf_init(&secret, SECRET_FILE_MAX);
	int code = args_config(a, false, stderr, &c);
	if (!code)
		code = find_secret(c, &secret);
	if (!code)
		code = print_token(a, c, pl_buf_slice(&secret), ttl_ms);
	if (secret.at)
		OPENSSL_cleanse(secret.at, secret.cap);
	pl_buf_fini(&secret);
	pl_config_free(c);
	return code;
}

const struct command cmd_token = {
	.name = "token",
	.args = "--user NAME [--name DISPLAY] [--ttl 1h] [--data DIR] [--secret-file FILE]",
	.doc = "Sign a token with the server's secret and print it.",
	.flags = flags,
	.takes_config = true,
	.run = run,
};
