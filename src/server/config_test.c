/*
 * config_test.c - proves that each kind of value is read or refused as documented, that a later
 * level wins over an earlier one, that secrets are never printed, and that unsafe settings are
 * found.
 */
#include "server/options.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SECRET_32 "0123456789abcdefghijklmnopqrstuv"
#define COUNT(a)  (sizeof(a) / sizeof(*(a)))

static struct pl_config_flag set(const char *key, const char *value)
{
	return (struct pl_config_flag){
		.key = pl_slice_str(key), .value = pl_slice_str(value), .shown = "--set"};
}

static struct pl_config_flag listen_flag(const char *value)
{
	return (struct pl_config_flag){.key = PL_S("listen"),
				       .value = pl_slice_str(value),
				       .shown = "--listen",
				       .append = true};
}

/* The result of one load; must be freed. */
struct loaded {
	struct pl_config *config; /* NULL: refused */
	struct pl_findings findings;
	int err;
};

static struct loaded load(const char *const *env, const struct pl_config_flag *flags, size_t n)
{
	struct pl_config_input in = {.env = env, .flags = flags, .nflags = n};
	struct loaded l = {.config = NULL};
	pl_findings_init(&l.findings);
	l.err = pl_config_load(&in, &l.findings, &l.config);
	return l;
}

static void unload(struct loaded *l)
{
	pl_config_free(l->config);
	pl_findings_fini(&l->findings);
}

static bool says(const struct loaded *l, const char *words)
{
	const struct pl_buf *b = &l->findings.text;
	return b->len && memmem(b->at, b->len, words, strlen(words));
}

static void assert_value(const struct pl_config *c, const char *name, const char *want)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 16);
	pl_option_print(c, pl_option_find(pl_slice_str(name)), &b);
	pl_buf_putc(&b, '\0');
	assert_string_equal(b.at, want);
	pl_buf_fini(&b);
}

static void every_row_is_well_formed(void **state)
{
	(void)state;
	for (size_t i = 0; i < pl_option_count; i++) {
		const struct pl_option *o = &pl_options[i];
		char env[PL_OPTION_ENV_MAX];
		pl_option_env_name(o, env);
		assert_int_equal(strlen(env), strlen("PARLEY_") + strlen(o->name));
		assert_ptr_equal(pl_option_find(pl_slice_str(o->name)), o); /* no name twice */
		assert_non_null(o->def);
		assert_true(strlen(o->doc) > 10 && o->doc[strlen(o->doc) - 1] == '.');
		assert_true((o->type == PL_OPT_ENUM) == (o->words != NULL));
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(o->at, pl_options[j].at);
	}
}

static void defaults_are_a_safe_development_server(void **state)
{
	(void)state;
	struct loaded l = load(NULL, NULL, 0);
	assert_int_equal(l.err, 0);
	assert_int_equal(l.findings.text.len, 0);
	const struct pl_config *c = l.config;
	assert_string_equal(c->data, "./parley-data");
	assert_int_equal(c->listen.n, 1);
	assert_string_equal(c->listen.at[0].host, "127.0.0.1");
	assert_int_equal(c->listen.at[0].port, 8080);
	assert_int_equal(c->listen.at[0].speaks, PL_SPEAKS_ALL);
	assert_false(pl_listen_is_public(&c->listen.at[0]));
	assert_true(c->limits_enabled);
	assert_int_equal(c->limits_messages_per_minute, 100);
	assert_int_equal(c->limits_burst, 20);
	assert_int_equal(c->limits_max_message, 1048576);
	assert_int_equal(c->heartbeat_interval_ms, 30000);
	assert_int_equal(c->auth_deadline_ms, 60000);
	assert_null(c->admin_key);
	assert_int_equal(c->origins.n, 0);
	unload(&l);
}

struct sample {
	const char *key, *value;
	const char *printed; /* NULL: refused */
};

static const struct sample samples[] = {
	{"limits.enabled", "false", "false"},
	{"limits.enabled", "on", "true"},
	{"limits.enabled", "0", "false"},
	{"limits.enabled", "False", NULL},
	{"limits.enabled", "", NULL},
	{"limits.burst", "1", "1"},
	{"limits.burst", "1000000", "1000000"},
	{"limits.burst", "0", NULL},
	{"limits.burst", "1000001", NULL},
	{"limits.burst", "4294967297", NULL},
	{"limits.burst", "99999999999999999999999", NULL},
	{"limits.burst", "-1", NULL},
	{"limits.burst", "+1", NULL},
	{"limits.burst", " 1", NULL},
	{"limits.burst", "1.0", NULL},
	{"limits.burst", "1s", NULL},
	{"limits.burst", "", NULL},
	{"heartbeat.interval", "250ms", "250ms"},
	{"heartbeat.interval", "90s", "90s"},
	{"heartbeat.interval", "5m", "5m"},
	{"heartbeat.interval", "60m", "1h"},
	{"heartbeat.interval", "1500", "1500ms"},
	{"heartbeat.interval", "61m", NULL},
	{"heartbeat.interval", "99ms", NULL},
	{"heartbeat.interval", "30 s", NULL},
	{"heartbeat.interval", "30S", NULL},
	{"heartbeat.interval", "s", NULL},
	{"heartbeat.interval", "18446744073709551615h", NULL},
	{"auth.leeway", "0", "0"},
	{"auth.leeway", "60s", "1m"},
	{"auth.leeway", "61s", NULL},
	{"limits.max_message", "64k", "64KiB"},
	{"limits.max_message", "2MiB", "2MiB"},
	{"limits.max_message", "1025", "1025"},
	{"limits.max_message", "1023", NULL},
	{"limits.max_message", "65MiB", NULL},
	{"limits.max_message", "1MB", NULL},
	{"limits.max_message", "17179869184G", NULL}, /* 2^64 bytes */
	{"engine", "epoll", "epoll"},
	{"engine", "io_uring", "io_uring"},
	{"engine", "uring", NULL},
	{"engine", "", NULL},
	{"log.level", "warn", "warn"},
	{"auth.issuer", "https://x.example/auth", "https://x.example/auth"},
	{"auth.issuer", "", ""},
	{"auth.issuer", "a\nb", NULL},
	{"auth.issuer", "a\x7f", NULL},
	{"auth.secret", SECRET_32, "***"},
	{"origins", "https://a.example, https://b.example", "https://a.example,https://b.example"},
	{"origins", "", ""},
	{"origins", "a,,b", NULL},
	{"origins", "a,", NULL},
	{"origins", ",", NULL},
	{"listen", "127.0.0.1:0", "127.0.0.1:0"},
	{"listen", "localhost:80", "127.0.0.1:80"},
	{"listen", "[::1]:65535=native", "[::1]:65535=native"},
	{"listen", "tls:0.0.0.0:8443=all", "tls:0.0.0.0:8443"},
	{"listen", "tls:[::]:443=socketio", "tls:[::]:443=socketio"},
	{"listen", "unix:/run/p.sock=realtime-chat", "unix:/run/p.sock=realtime-chat"},
	{"listen", "unix:./a=b=qrypt", "unix:./a=b=qrypt"},
	{"listen", "127.0.0.1:1=handler,127.0.0.1:2=realtime-presence",
	 "127.0.0.1:1=handler,127.0.0.1:2=realtime-presence"},
	{"listen", "8080", NULL},
	{"listen", ":8080", NULL},
	{"listen", "127.0.0.1:", NULL},
	{"listen", "127.0.0.1:65536", NULL},
	{"listen", "127.0.0.1:80=http", NULL},
	{"listen", "127.0.0.1:80=", NULL},
	{"listen", "127.0.0.256:80", NULL},
	{"listen", "::1:80", NULL},
	{"listen", "[::1:80", NULL},
	{"listen", "[]:80", NULL},
	{"listen", "[127.0.0.1]:80", NULL},
	{"listen", "example.org:80", NULL},
	{"listen", "unix:", NULL},
	{"listen", "tls:unix:/run/p.sock", NULL},
	{"listen", "tls:", NULL},
	{"listen", "=", NULL},
};

static void each_type_takes_what_it_says_and_no_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(samples); i++) {
		struct pl_config_flag flag = set(samples[i].key, samples[i].value);
		struct loaded l = load(NULL, &flag, 1);
		if (samples[i].printed) {
			assert_int_equal(l.err, 0);
			assert_value(l.config, samples[i].key, samples[i].printed);
		} else {
			if (l.err != PL_EINVAL)
				fail_msg("accepted %s=%s", samples[i].key, samples[i].value);
			assert_int_equal(l.findings.errors, 1);
			assert_true(says(&l, "--set: error: "));
			assert_true(says(&l, samples[i].key));
		}
		unload(&l);
	}
}

static void sizes_of_strings_and_lists_are_bounded(void **state)
{
	(void)state;
	char text[PL_CONFIG_VALUE_MAX + 2];
	memset(text, 'a', sizeof(text));
	text[PL_CONFIG_VALUE_MAX] = '\0';
	struct pl_config_flag flags[40] = {set("auth.issuer", text)};
	struct loaded l = load(NULL, flags, 1);
	assert_int_equal(l.err, 0);
	assert_int_equal(strlen(l.config->auth_issuer), PL_CONFIG_VALUE_MAX);
	unload(&l);

	text[PL_CONFIG_VALUE_MAX] = 'a';
	text[PL_CONFIG_VALUE_MAX + 1] = '\0';
	flags[0] = set("auth.issuer", text);
	l = load(NULL, flags, 1);
	assert_int_equal(l.err, PL_EINVAL);
	unload(&l);

	/* sun_path holds 107 bytes and a NUL */
	text[PL_CONFIG_VALUE_MAX] = '\0';
	memcpy(text, "unix:", 5);
	text[5 + 107] = '\0';
	flags[0] = set("listen", text);
	l = load(NULL, flags, 1);
	assert_int_equal(l.err, 0);
	unload(&l);
	text[5 + 107] = 'a';
	text[5 + 108] = '\0';
	flags[0] = set("listen", text);
	l = load(NULL, flags, 1);
	assert_int_equal(l.err, PL_EINVAL);
	unload(&l);

	for (size_t i = 0; i < COUNT(flags); i++)
		flags[i] = listen_flag("127.0.0.1:0");
	l = load(NULL, flags, 32);
	assert_int_equal(l.err, 0);
	assert_int_equal(l.config->listen.n, 32);
	unload(&l);
	l = load(NULL, flags, 33);
	assert_int_equal(l.err, PL_EINVAL);
	assert_true(says(&l, "at most 32 items"));
	unload(&l);
}

static void a_refused_value_leaves_the_old_one(void **state)
{
	(void)state;
	struct pl_config c = {0};
	struct pl_buf why;
	pl_buf_init(&why, 256);
	const struct pl_option *o = pl_option_find(PL_S("listen"));
	assert_int_equal(pl_option_set(&c, o, PL_S("127.0.0.1:1,[::1]:2"), &why), 0);
	assert_int_equal(pl_option_set(&c, o, PL_S("127.0.0.1:3,nonsense"), &why), PL_EINVAL);
	assert_value(&c, "listen", "127.0.0.1:1,[::1]:2");
	pl_option_clear(&c, o);
	pl_buf_fini(&why);
}

static void the_environment_wins_over_defaults_and_flags_over_it(void **state)
{
	(void)state;
	const char *const env[] = {"PARLEY_LIMITS_BURST=7", "PARLEY_ENGINE=epoll",
				   "PARLEY_LOG_LEVEL=", "HOME=/root", NULL};
	struct pl_config_flag flags[] = {set("limits.burst", "8"), set("limits.burst", "9")};
	struct loaded l = load(env, NULL, 0);
	assert_int_equal(l.config->limits_burst, 7);
	assert_int_equal(l.config->engine, PL_ENGINE_EPOLL);
	assert_int_equal(l.config->log_level, PL_INFO); /* empty: not set */
	unload(&l);
	l = load(env, flags, 2);
	assert_int_equal(l.config->limits_burst, 9); /* the last one */
	assert_int_equal(pl_origin_of(l.config, pl_option_find(PL_S("limits.burst"))).level,
			 PL_FROM_FLAG);
	unload(&l);
}

static void names_that_others_made_common_are_read(void **state)
{
	(void)state;
	const char *const supabase[] = {"SUPABASE_URL=https://p.supabase.co/",
					"SUPABASE_JWT_SECRET=" SECRET_32, NULL};
	struct loaded l = load(supabase, NULL, 0);
	assert_int_equal(l.err, 0);
	assert_string_equal(l.config->auth_issuer, "https://p.supabase.co/auth/v1");
	assert_string_equal(l.config->auth_secret, SECRET_32);
	unload(&l);

	const char *const both[] = {"SUPABASE_JWT_SECRET=second", "JWT_SECRET=first", NULL};
	l = load(both, NULL, 0);
	assert_string_equal(l.config->auth_secret, "first");
	unload(&l);

	const char *const generic[] = {"JWT_SECRET=first", "PARLEY_AUTH_SECRET=ours",
				       "PARLEY_ADMIN_KEY=abc", NULL};
	l = load(generic, NULL, 0);
	assert_string_equal(l.config->auth_secret, "ours");
	assert_string_equal(l.config->admin_key, "abc");
	unload(&l);
}

static void an_unknown_variable_of_ours_is_a_warning(void **state)
{
	(void)state;
	const char *const env[] = {"PARLEY_LIMITS_BRUST=7", "PARLEYX=1", NULL};
	struct loaded l = load(env, NULL, 0);
	assert_int_equal(l.err, 0);
	assert_int_equal(l.findings.warnings, 1);
	assert_true(says(&l, "environment PARLEY_LIMITS_BRUST: warning: "));
	assert_false(says(&l, "=7"));
	unload(&l);
}

static void websocket_port_moves_the_first_listener(void **state)
{
	(void)state;
	const char *const env[] = {"WEBSOCKET_PORT=9001", NULL};
	struct loaded l = load(env, NULL, 0);
	assert_value(l.config, "listen", "127.0.0.1:9001");
	unload(&l);

	const char *const two[] = {"WEBSOCKET_PORT=9001",
				   "PARLEY_LISTEN=unix:/run/p,[::1]:1=qrypt,127.0.0.1:2", NULL};
	l = load(two, NULL, 0);
	assert_value(l.config, "listen", "unix:/run/p,[::1]:9001=qrypt,127.0.0.1:2");
	unload(&l);

	struct pl_config_flag flag = listen_flag("127.0.0.1:7");
	l = load(env, &flag, 1); /* a flag is stronger than the environment */
	assert_value(l.config, "listen", "127.0.0.1:7");
	unload(&l);

	const char *const bad[] = {"WEBSOCKET_PORT=http", NULL};
	l = load(bad, NULL, 0);
	assert_int_equal(l.err, PL_EINVAL);
	assert_true(says(&l, "environment WEBSOCKET_PORT: error: port must be"));
	unload(&l);
}

static void repeated_listen_flags_add_and_set_replaces(void **state)
{
	(void)state;
	const char *const env[] = {"PARLEY_LISTEN=127.0.0.1:1", NULL};
	struct pl_config_flag flags[] = {listen_flag("127.0.0.1:2"), listen_flag("[::1]:3"),
					 set("listen", "127.0.0.1:4")};
	struct loaded l = load(env, flags, 2);
	assert_value(l.config, "listen", "127.0.0.1:2,[::1]:3");
	unload(&l);
	l = load(env, flags, 3);
	assert_value(l.config, "listen", "127.0.0.1:4");
	unload(&l);
}

static void of_a_secret_and_its_file_the_stronger_source_counts(void **state)
{
	(void)state;
	const char *const env[] = {"JWT_SECRET=" SECRET_32, NULL};
	struct pl_config_flag file = set("auth.secret_file", "/nowhere");
	struct loaded l = load(env, &file, 1);
	assert_int_equal(l.err, 0);
	assert_null(l.config->auth_secret);
	assert_string_equal(l.config->auth_secret_file, "/nowhere");
	unload(&l);

	const char *const both[] = {"JWT_SECRET=" SECRET_32, "PARLEY_AUTH_SECRET_FILE=/x", NULL};
	l = load(both, NULL, 0);
	assert_int_equal(l.err, PL_EINVAL);
	assert_true(says(&l, "only one may be set"));
	unload(&l);
}

static void every_bad_flag_is_reported(void **state)
{
	(void)state;
	struct pl_config_flag flags[60];
	for (size_t i = 0; i < COUNT(flags); i++)
		flags[i] = set(i % 2 ? "nonsense\x1b[2J" : "limits.burst", "x");
	struct loaded l = load(NULL, flags, 3);
	assert_int_equal(l.findings.errors, 3);
	assert_true(says(&l, "unknown option \"nonsense?[2J\"")); /* no escape sequence gets out */
	unload(&l);

	l = load(NULL, flags, COUNT(flags));
	assert_int_equal(l.findings.errors, COUNT(flags));
	size_t lines = 0;
	for (size_t i = 0; i < l.findings.text.len; i++)
		lines += l.findings.text.at[i] == '\n';
	assert_int_equal(lines, PL_FINDINGS_MAX + 1);
	unload(&l);
}

static void secrets_are_never_printed(void **state)
{
	(void)state;
	const char *const env[] = {"JWT_SECRET=" SECRET_32, "PARLEY_ADMIN_KEY=topsecretkey", NULL};
	struct pl_config_flag flag = set("auth.secret", "hush-hush-hush");
	struct loaded l = load(env, &flag, 1);
	assert_int_equal(l.err, 0);
	assert_int_equal(l.findings.warnings, 1); /* argv is public */
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	pl_config_print(l.config, &b);
	assert_int_equal(b.err, 0);
	assert_null(memmem(b.at, b.len, "hush", 4));
	assert_null(memmem(b.at, b.len, "topsecret", 9));
	assert_non_null(memmem(b.at, b.len, "*** (flag)", 10));
	assert_non_null(memmem(b.at, b.len, "*** (environment)", 17));
	assert_false(says(&l, "hush"));
	assert_int_equal(pl_config_check(l.config, &l.findings), PL_EINVAL); /* both are short */
	assert_false(says(&l, "hush"));
	assert_false(says(&l, "topsecret"));
	pl_buf_fini(&b);
	unload(&l);
}

static void secrets_leave_the_environment(void **state)
{
	(void)state;
	char secret[] = "JWT_SECRET=abcdef", admin[] = "PARLEY_ADMIN_KEY=xyz",
	     other[] = "JWT_SECRETS=keep", port[] = "WEBSOCKET_PORT=80";
	char *env[] = {secret, admin, other, port, NULL};
	pl_config_scrub_env(env);
	assert_memory_equal(secret, "JWT_SECRET=\0\0\0\0\0\0", sizeof(secret));
	assert_memory_equal(admin, "PARLEY_ADMIN_KEY=\0\0\0", sizeof(admin));
	assert_string_equal(other, "JWT_SECRETS=keep");
	assert_string_equal(port, "WEBSOCKET_PORT=80");
}

/* One unsafe setting (or two) and the words that must be said about it. */
struct unsafe {
	const char *key, *value, *key2, *value2;
	bool is_error;
	const char *words;
};

static const struct unsafe unsafes[] = {
	{"listen", "0.0.0.0:80", NULL, NULL, false, "without TLS"},
	{"listen", "[::]:80", NULL, NULL, false, "generated development key"},
	{"listen", "", NULL, NULL, true, "nobody could connect"},
	{"listen", "127.0.0.1:1,127.0.0.1:1", NULL, NULL, true, "twice"},
	{"listen", "tls:127.0.0.1:1", NULL, NULL, true, "needs tls.certificate"},
	{"tls.key", "/dev/null", NULL, NULL, true, "needed together"},
	{"tls.certificate", "/nonexistent", "tls.key", "/nonexistent", true, "no such file"},
	{"auth.secret", "0123456789abcdefghijklmnopqrstu", NULL, NULL, true, "at least 32"},
	{"auth.secret", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL, NULL, false, "sample"},
	{"auth.secret", "super-secret-jwt-token-with-at-least-32-characters-long", "listen",
	 "0.0.0.0:1", true, "sample"},
	{"auth.secret_file", "/nonexistent", NULL, NULL, true, "cannot read"},
	{"auth.secret_file", "/dev/zero", NULL, NULL, true, "cannot read"},
	{"auth.keys", "/nonexistent", NULL, NULL, true, "no such file"},
	{"auth.jwks", "/", NULL, NULL, true, "no such file"},
	{"auth.deadline", "0", "listen", "0.0.0.0:1", false, "strangers"},
	{"admin.key", "fifteen bytes!!", NULL, NULL, true, "at least 16"},
	{"limits.enabled", "false", NULL, NULL, false, "limits.enabled"},
	{"limits.out_hard", "4k", NULL, NULL, true, "below limits.out_soft"},
	{"limits.out_hard", "512k", NULL, NULL, false, "below limits.max_message"},
	{"heartbeat.timeout", "29s", NULL, NULL, true, "below heartbeat.interval"},
	{"origins", "https://a.example,*", NULL, NULL, true, "every web page"},
	{"origins", "a.example", NULL, NULL, true, "not an origin"},
	{"origins", "https://a.example/", NULL, NULL, true, "not an origin"},
	{"trusted_proxies", "10.0.0.1,proxy", NULL, NULL, true, "\"proxy\" is not an IP"},
	{"store.kind", "memory", NULL, NULL, false, "lost"},
};

static void unsafe_settings_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(unsafes); i++) {
		const struct unsafe *u = &unsafes[i];
		struct pl_config_flag flags[] = {set("allow_root", "true"),
						 set("data", "/nonexistent"), set(u->key, u->value),
						 u->key2 ? set(u->key2, u->value2)
							 : set("workers", "1")};
		struct loaded l = load(NULL, flags, COUNT(flags));
		assert_int_equal(l.err, 0);
		uint32_t before = l.findings.warnings;
		int err = pl_config_check(l.config, &l.findings);
		if (!says(&l, u->words) || err != (u->is_error ? PL_EINVAL : 0))
			fail_msg("%s=%s: %d, %.*s", u->key, u->value, err,
				 PL_FMT(pl_buf_slice(&l.findings.text)));
		assert_true(u->is_error || l.findings.warnings > before);
		unload(&l);
	}
}

static void safe_settings_are_not_blamed(void **state)
{
	(void)state;
	struct pl_config_flag flags[] = {
		set("allow_root", "true"),
		set("data", "/nonexistent"),
		set("auth.secret", SECRET_32),
		set("admin.key", "sixteen bytes!!!"),
		set("origins", "https://a.example:8443,http://[::1]:80"),
		set("trusted_proxies", "10.0.0.1,fd00::1"),
		set("listen", "127.0.0.1:0,127.0.0.1:0,[::1]:0,unix:/run/p"),
	};
	struct loaded l = load(NULL, flags, COUNT(flags));
	l.findings.text.len = 0; /* two secrets in flags */
	assert_int_equal(pl_config_check(l.config, &l.findings), 0);
	assert_int_equal(l.findings.text.len, 0);
	unload(&l);
}

static char *write_secret(const char *dir, const char *name, const char *text, mode_t mode)
{
	char *path = NULL;
	struct pl_config c = {.data = (char *)(uintptr_t)dir};
	assert_int_equal(pl_config_path(&c, name, &path), 0);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static int check_with(const char *dir, const char *key, const char *value, const char *words)
{
	struct pl_config_flag flags[] = {set("allow_root", "true"), set("data", dir),
					 set(key, value)};
	struct loaded l = load(NULL, flags, COUNT(flags));
	assert_int_equal(l.err, 0);
	int err = pl_config_check(l.config, &l.findings);
	assert_true(!words || says(&l, words));
	assert_true(words || !l.findings.text.len);
	unload(&l);
	return err;
}

static void files_of_secrets_are_looked_at(void **state)
{
	(void)state;
	char dir[] = "/tmp/parley-config-XXXXXX";
	assert_non_null(mkdtemp(dir));
	char *open_file = write_secret(dir, "open", SECRET_32 "\n", 0644);
	char *closed = write_secret(dir, "closed", SECRET_32 "\n", 0600);
	char *brief = write_secret(dir, "brief", "too short for a secret, and a line\n" + 4, 0600);
	assert_int_equal(check_with(dir, "auth.secret_file", open_file, "everybody can read"),
			 PL_EINVAL);
	assert_int_equal(check_with(dir, "auth.secret_file", closed, NULL), 0);
	assert_int_equal(check_with(dir, "auth.secret_file", brief, "is 30 bytes"), PL_EINVAL);
	char *admin = write_secret(dir, "admin.key", "short\n", 0600);
	assert_int_equal(check_with(dir, "workers", "1", "admin.key is 5 bytes"), PL_EINVAL);
	assert_int_equal(unlink(admin), 0);
	char *key = write_secret(dir, "jwt.key", SECRET_32, 0604);
	assert_int_equal(check_with(dir, "workers", "1", "everybody can read"), PL_EINVAL);
	char *made[] = {open_file, closed, brief, key, admin};
	for (size_t i = 0; i < COUNT(made); i++) {
		(void)unlink(made[i]);
		pl_free(made[i]);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void a_reload_names_what_it_cannot_change(void **state)
{
	(void)state;
	struct pl_config_flag flags[] = {set("workers", "3"), set("listen", "127.0.0.1:1"),
					 set("limits.burst", "3"), set("auth.secret", SECRET_32),
					 set("log.level", "debug")};
	struct loaded now = load(NULL, NULL, 0), next = load(NULL, flags, COUNT(flags));
	next.findings.text.len = 0;
	assert_int_equal(pl_config_reload_check(now.config, next.config, &next.findings), 0);
	assert_true(says(&next, "workers changed"));
	assert_true(says(&next, "listen changed"));
	assert_false(says(&next, "limits.burst"));
	assert_false(says(&next, "auth.secret"));
	assert_false(says(&next, "log.level"));
	unload(&now);
	unload(&next);
}

static void a_load_survives_each_failing_allocation(void **state)
{
	(void)state;
	const char *const env[] = {"SUPABASE_URL=https://p.supabase.co", "JWT_SECRET=x",
				   "PARLEY_ORIGINS=a,b", "PARLEY_NOTHING=1", NULL};
	struct pl_config_flag flags[] = {listen_flag("127.0.0.1:2"), listen_flag("[::1]:3=x"),
					 set("origins", "c,d")};
	int err = PL_ENOMEM;
	unsigned long n = 1;
	for (; err == PL_ENOMEM && n < 1000; n++) {
		pl_mem_fail_at(n, false);
		struct loaded l = load(env, flags, COUNT(flags));
		err = l.err;
		pl_mem_fail_at(0, false);
		if (err == PL_ENOMEM)
			assert_null(l.config);
		unload(&l);
	}
	assert_int_equal(err, PL_EINVAL); /* "x" is no dialect */
	assert_true(n > 20);
}

static void the_committed_page_is_the_table(void **state)
{
	(void)state;
	struct pl_buf want, have;
	pl_buf_init(&want, 1 << 20);
	pl_buf_init(&have, 1 << 20);
	pl_config_markdown(&want);
	assert_int_equal(want.err, 0);
	for (size_t i = 0; i < pl_option_count; i++) /* no option without a section */
		assert_non_null(
			memmem(want.at, want.len, pl_options[i].doc, strlen(pl_options[i].doc)));
	assert_int_equal(pl_file_read(PL_SOURCE_DIR "/docs/configuration.md", &have, NULL), 0);
	if (!pl_slice_eq(pl_buf_slice(&want), pl_buf_slice(&have)))
		fail_msg("docs/configuration.md is old: parley docs configuration > it");
	pl_buf_fini(&want);
	pl_buf_fini(&have);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_well_formed),
		cmocka_unit_test(defaults_are_a_safe_development_server),
		cmocka_unit_test(each_type_takes_what_it_says_and_no_more),
		cmocka_unit_test(sizes_of_strings_and_lists_are_bounded),
		cmocka_unit_test(a_refused_value_leaves_the_old_one),
		cmocka_unit_test(the_environment_wins_over_defaults_and_flags_over_it),
		cmocka_unit_test(names_that_others_made_common_are_read),
		cmocka_unit_test(an_unknown_variable_of_ours_is_a_warning),
		cmocka_unit_test(websocket_port_moves_the_first_listener),
		cmocka_unit_test(repeated_listen_flags_add_and_set_replaces),
		cmocka_unit_test(of_a_secret_and_its_file_the_stronger_source_counts),
		cmocka_unit_test(every_bad_flag_is_reported),
		cmocka_unit_test(secrets_are_never_printed),
		cmocka_unit_test(secrets_leave_the_environment),
		cmocka_unit_test(unsafe_settings_are_found),
		cmocka_unit_test(safe_settings_are_not_blamed),
		cmocka_unit_test(files_of_secrets_are_looked_at),
		cmocka_unit_test(a_reload_names_what_it_cannot_change),
		cmocka_unit_test(a_load_survives_each_failing_allocation),
		cmocka_unit_test(the_committed_page_is_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
