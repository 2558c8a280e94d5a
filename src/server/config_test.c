/*
 * config_test.c - proves that a later level wins over an earlier one, that all mistakes are
 * reported, and that secrets are never printed.
 */
#include "server/config_test.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_a_safe_development_server),
		cmocka_unit_test(the_environment_wins_over_defaults_and_flags_over_it),
		cmocka_unit_test(names_that_others_made_common_are_read),
		cmocka_unit_test(an_unknown_variable_of_ours_is_a_warning),
		cmocka_unit_test(websocket_port_moves_the_first_listener),
		cmocka_unit_test(repeated_listen_flags_add_and_set_replaces),
		cmocka_unit_test(of_a_secret_and_its_file_the_stronger_source_counts),
		cmocka_unit_test(every_bad_flag_is_reported),
		cmocka_unit_test(secrets_are_never_printed),
		cmocka_unit_test(secrets_leave_the_environment),
		cmocka_unit_test(a_load_survives_each_failing_allocation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
