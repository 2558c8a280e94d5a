/*
 * config_file_test.c - proves that the file is read at its own level, that every mistake in it is
 * reported at its line and column, and that no cut of a file and no failing allocation does harm.
 */
#include "server/config_test.h"

static struct loaded load_with(struct pl_config_input in, const char *json, size_t n)
{
	struct loaded l = {.config = NULL};
	pl_findings_init(&l.findings);
	l.err = pl_config_load_text(&in, "f.json", pl_slice(json, n), &l.findings, &l.config);
	return l;
}

static struct loaded load_json(const char *json)
{
	return load_with((struct pl_config_input){.file = NULL}, json, strlen(json));
}

static void assert_findings(const char *json, const char *want)
{
	struct loaded l = load_json(json);
	pl_buf_putc(&l.findings.text, '\0');
	assert_string_equal(l.findings.text.at, want);
	assert_int_equal(l.err, PL_EINVAL);
	assert_null(l.config);
	unload(&l);
}

static const char full[] =
	"{\n"
	"  \"data\": \"/var/lib/parley\",\n"
	"  \"listen\": [\"127.0.0.1:8080=qrypt\", \"unix:/run/a,b.sock\"],\n"
	"  \"limits\": {\"burst\": 5, \"enabled\": false, \"max_message\": \"2MiB\",\n"
	"    \"out_soft\": 65536},\n"
	"  \"heartbeat.interval\": \"10s\", \"heartbeat\": {\"timeout\": 20000},\n"
	"  \"origins\": \"https://a.example,https://b.example\",\n"
	"  \"trusted_proxies\": [],\n"
	"  \"engine\": \"epoll\"\n"
	"}\n";

static void nested_and_dotted_keys_mean_the_same(void **state)
{
	(void)state;
	struct loaded l = load_json(full);
	assert_int_equal(l.err, 0);
	assert_int_equal(l.findings.text.len, 0);
	const struct pl_config *c = l.config;
	assert_string_equal(c->data, "/var/lib/parley");
	assert_int_equal(c->listen.n, 2);
	assert_int_equal(c->listen.at[0].speaks, PL_SPEAKS_QRYPT);
	assert_string_equal(c->listen.at[1].host, "/run/a,b.sock"); /* no cut at commas */
	assert_int_equal(c->limits_burst, 5);
	assert_false(c->limits_enabled);
	assert_int_equal(c->limits_max_message, 2097152);
	assert_int_equal(c->limits_out_soft, 65536);
	assert_int_equal(c->heartbeat_interval_ms, 10000);
	assert_int_equal(c->heartbeat_timeout_ms, 20000);
	assert_int_equal(c->origins.n, 2);
	assert_int_equal(c->trusted_proxies.n, 0);
	assert_int_equal(c->engine, PL_ENGINE_EPOLL);
	assert_int_equal(c->limits_messages_per_minute, 100); /* not named: the default */
	unload(&l);
}

static void the_file_stands_between_defaults_and_environment(void **state)
{
	(void)state;
	static const char json[] = "{\"limits\": {\"burst\": 5, \"history_per_minute\": 6},"
				   "\"listen\": [\"127.0.0.1:1\", \"127.0.0.1:2\"], \"port\": 3}";
	const char *const env[] = {"PARLEY_LIMITS_BURST=7", NULL};
	struct pl_config_flag flag = {.key = PL_S("listen"),
				      .value = PL_S("127.0.0.1:9"),
				      .shown = "--listen",
				      .append = true};
	struct pl_config_input in = {.env = env, .flags = &flag, .nflags = 1};
	struct loaded l = load_with(in, json, strlen(json));
	assert_int_equal(l.err, 0);
	assert_int_equal(l.config->limits_burst, 7);
	assert_int_equal(l.config->limits_history_per_minute, 6);
	assert_int_equal(l.config->listen.n, 1); /* the flag adds to flags, not to the file */
	assert_int_equal(l.config->listen.at[0].port, 9);
	unload(&l);

	l = load_json(json);
	assert_int_equal(l.config->listen.at[0].port, 3);
	assert_int_equal(l.config->listen.at[1].port, 2);
	unload(&l);
}

static void each_mistake_is_reported_at_its_place(void **state)
{
	(void)state;
	assert_findings(
		"{\n"
		"  \"limts\": {\"burst\": 1},\n"
		"  \"limits\": {\n"
		"    \"burst\": 0,\n"
		"\t\"brust\" :\n  5, \"enabled\": \"yes\",\n"
		"    \"max_message\": \"1MB\"\n"
		"  },\n"
		"  \"listen\": [\"127.0.0.1:1\", 7,\n    \"nowhere\"],\n"
		"  \"engine\": null, \"workers\": 1.5, \"data\": 3,\n"
		"  \"heartbeat\": 30,\n"
		"  \"limits.burst\": 2\n"
		"}\n",
		"f.json:2:3: error: unknown option \"limts\"\n"
		"f.json:4:14: error: limits.burst must be from 1 to 1000000\n"
		"f.json:5:2: error: unknown option \"limits.brust\"\n"
		"f.json:6:17: error: limits.enabled must be true or false, not a string\n"
		"f.json:7:20: error: limits.max_message must be a size such as \"64KiB\" or "
		"\"1MiB\"\n"
		"f.json:9:29: error: listen: an item must be a string, not a number\n"
		"f.json:10:5: error: listen \"nowhere\" is not ADDR:PORT\n"
		"f.json:11:13: error: engine must be a string, not null\n"
		"f.json:11:30: error: workers must be a whole number, not a fraction\n"
		"f.json:11:43: error: data must be a string, not a number\n"
		"f.json:12:3: error: \"heartbeat\" must be an object\n"
		"f.json:13:19: error: limits.burst is given twice, first on line 4\n");
}

static void columns_count_characters_and_keys_may_hold_quotes(void **state)
{
	(void)state;
	assert_findings("{\"d\\\"\xc3\xa4ta\\\\\": 1}",
			"f.json:1:2: error: unknown option \"d\"\xc3\xa4ta\\\"\n");
	assert_findings("{\"data\": \"\xc3\xa4\xc3\xb6\", \"\\u001b[2J\\u0000\": 1}",
			"f.json:1:16: error: unknown option \"?[2J\"\n");
	assert_findings("{\"data\": \"a\\u0000b\"}",
			"f.json:1:10: error: data must not contain control characters\n");
}

static void what_is_no_object_is_refused(void **state)
{
	(void)state;
	assert_findings("[]", "f.json:1:1: error: the file must hold an object, not an array\n");
	const char *bad[] = {
		"", " ", "{", "{}x", "{\"data\": \"x\",}", "// note\n{}", "\xef\xbb\xbf{}"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct loaded l = load_json(bad[i]);
		assert_int_equal(l.err, PL_EINVAL);
		assert_int_equal(l.findings.errors, 1);
		unload(&l);
	}
}

static void a_key_twice_is_an_error(void **state)
{
	(void)state;
	struct loaded l = load_json("{\n\"workers\": 1,\n\"workers\": 2}");
	assert_int_equal(l.err, PL_EINVAL);
	assert_non_null(memmem(l.findings.text.at, l.findings.text.len, "f.json:3:", 9));
	assert_non_null(memmem(l.findings.text.at, l.findings.text.len, "twice", 5));
	unload(&l);
}

static void mistakes_of_all_levels_are_reported_together(void **state)
{
	(void)state;
	const char *const env[] = {"PARLEY_WORKERS=many", NULL};
	struct pl_config_flag flag = {.key = PL_S("enigne"), .value = PL_S("x"), .shown = "--set"};
	struct pl_config_input in = {.env = env, .flags = &flag, .nflags = 1, .check = true};
	static const char json[] = "{\"x\": 1, \"origins\": [\"*\"]}";
	struct loaded l = load_with(in, json, strlen(json));
	assert_int_equal(l.findings.errors, 4);
	pl_buf_putc(&l.findings.text, '\0');
	assert_non_null(strstr(l.findings.text.at, "f.json:1:2: error: unknown option \"x\"\n"));
	assert_non_null(strstr(l.findings.text.at, "environment PARLEY_WORKERS: error: "));
	assert_non_null(strstr(l.findings.text.at, "--set: error: unknown option \"enigne\"\n"));
	assert_non_null(strstr(l.findings.text.at, "f.json:1:21: error: origins: \"*\""));
	unload(&l);
}

static void every_cut_of_a_file_is_refused_or_read(void **state)
{
	(void)state;
	size_t whole = strlen(full);
	for (size_t n = 0; n < whole; n++) {
		char *cut = pl_memdup0(full, n); /* its own block: reading behind it is seen */
		struct loaded l = load_with((struct pl_config_input){.file = NULL}, cut, n);
		assert_int_equal(l.err, n >= whole - 1 ? 0 : PL_EINVAL);
		unload(&l);
		pl_free(cut);
	}
}

/* Each allocation of a load fails once, alone and with all after it. */
static void sweep(const char *json, int want)
{
	pl_mem_fail_at(0, false);
	struct loaded l = load_json(json);
	unsigned long total = pl_mem_count();
	assert_int_equal(l.err, want);
	assert_true(total > 5);
	unload(&l);
	for (unsigned long n = 1; n <= total * 2; n++) {
		pl_mem_fail_at((n + 1) / 2, n % 2);
		l = load_json(json);
		pl_mem_fail_at(0, false);
		assert_int_equal(l.err, PL_ENOMEM);
		assert_null(l.config);
		unload(&l);
	}
}

static void a_file_survives_each_failing_allocation(void **state)
{
	(void)state;
	static const char bad[] = "{\"listen\": [\"x\", \"y\"], \"z\": 1, \"engine\": \"w\"}";
	sweep(full, 0);
	sweep(bad, PL_EINVAL);
}

static int load_file(const char *path, struct loaded *l)
{
	struct pl_config_input in = {.file = path, .check = true};
	*l = (struct loaded){.config = NULL};
	pl_findings_init(&l->findings);
	return l->err = pl_config_load(&in, &l->findings, &l->config);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	const char *bad[] = {"/nonexistent/f.json", "/tmp", "/dev/zero"};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct loaded l;
		assert_int_equal(load_file(bad[i], &l), PL_EINVAL);
		assert_non_null(memmem(l.findings.text.at, l.findings.text.len, "cannot read", 11));
		unload(&l);
	}
}

static void a_secret_in_a_readable_file_is_noticed(void **state)
{
	(void)state;
	char path[] = "/tmp/parley-file-XXXXXX";
	int fd = mkstemp(path);
	static const char text[] = "{\"auth\":\n{\"secret\": "
				   "\"0123456789abcdefghijklmnopqrstuv\"}, \"allow_root\": true}";
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, 0644), 0);
	struct loaded l;
	assert_int_equal(load_file(path, &l), 0);
	assert_int_equal(l.findings.warnings, 1);
	assert_non_null(
		memmem(l.findings.text.at, l.findings.text.len, ":2:12: warning: auth.secret", 27));
	unload(&l);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(load_file(path, &l), 0);
	assert_int_equal(l.findings.warnings, 0);
	unload(&l);
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

static void the_example_has_no_mistake(void **state)
{
	(void)state;
	struct loaded l;
	assert_int_equal(load_file(PL_SOURCE_DIR "/config/websocket.json", &l), 0);
	/* The ports that the clients of the documents have built in. */
	static const struct pl_listen_at expected[] = {
		{.port = 8080, .speaks = PL_SPEAKS_QRYPT},
		{.port = 3000, .speaks = PL_SPEAKS_NATIVE},
		{.port = 3001, .speaks = PL_SPEAKS_NATIVE},
		{.port = 4000, .speaks = PL_SPEAKS_REALTIME_CHAT},
		{.port = 5000, .speaks = PL_SPEAKS_REALTIME_PRESENCE},
		{.port = 5173, .speaks = PL_SPEAKS_HANDLER}};
	assert_int_equal(l.config->listen.n, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(l.config->listen.at[i].port, expected[i].port);
		assert_int_equal(l.config->listen.at[i].speaks, expected[i].speaks);
	}
	unload(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nested_and_dotted_keys_mean_the_same),
		cmocka_unit_test(the_file_stands_between_defaults_and_environment),
		cmocka_unit_test(each_mistake_is_reported_at_its_place),
		cmocka_unit_test(columns_count_characters_and_keys_may_hold_quotes),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(a_key_twice_is_an_error),
		cmocka_unit_test(mistakes_of_all_levels_are_reported_together),
		cmocka_unit_test(every_cut_of_a_file_is_refused_or_read),
		cmocka_unit_test(a_file_survives_each_failing_allocation),
		cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
		cmocka_unit_test(a_secret_in_a_readable_file_is_noticed),
		cmocka_unit_test(the_example_has_no_mistake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
