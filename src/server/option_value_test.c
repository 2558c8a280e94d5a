/*
 * option_value_test.c - proves that the table is well formed and the committed page its image,
 * and that each type of value takes what the page says and nothing else.
 */
#include "server/config_test.h"

#include "base/file.h"

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
		cmocka_unit_test(each_type_takes_what_it_says_and_no_more),
		cmocka_unit_test(sizes_of_strings_and_lists_are_bounded),
		cmocka_unit_test(a_refused_value_leaves_the_old_one),
		cmocka_unit_test(the_committed_page_is_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
