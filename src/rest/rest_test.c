/*
 * Proves that health alone is open, that every other route answers only to the right key, and what
 * the answers look like to a load balancer and to Prometheus.
 */
#include "rest/testing.h"

#include "base/log.h"

static const char *const closed[] = {"/ready", "/metrics", "/ws/stats"};
#define EACH_CLOSED(path)                                                                        \
	for (const char *const *path = closed; path < closed + sizeof(closed) / sizeof(*closed); \
	     path++)

static const struct pl_json *parse(struct pl_json_parser **p, struct pl_slice text)
{
	const struct pl_json *root;
	assert_int_equal(pl_json_parser_new(ANSWER_MAX, p), 0);
	assert_int_equal(pl_json_parse(*p, text, &root), 0);
	return root;
}

static void test_health_is_open(void **state)
{
	struct rig *r = rig_new();
	struct pl_json_parser *p;
	struct heard h;
	(void)state;
	r->why_not_ready = "whatever"; /* it lives all the same */
	ask(r, "/health", "", &h);
	assert_int_equal(h.head.status, 200);
	assert_header(&h, "Content-Type", "application/json; charset=utf-8");
	assert_header(&h, "Cache-Control", "no-store");
	assert_header(&h, "X-Content-Type-Options", "nosniff");
	const struct pl_json *root = parse(&p, h.body);
	assert_int_equal(root->count, 7);
	assert_true(pl_json_bool(pl_json_get(root, "success"), false));
	assert_true(pl_slice_is(pl_json_get_str(root, "message"), "Server is healthy"));
	assert_int_equal(pl_json_get_str(root, "timestamp").len, PL_ISO_TEXT);
	assert_in_range((int)pl_json_f64(pl_json_get(root, "uptime"), -1), 5, 60);
	assert_true(pl_slice_is(pl_json_get_str(root, "status"), "ok"));
	assert_true(pl_slice_is(pl_json_get_str(root, "version"), "1.2.3"));
	assert_in_range(pl_json_i64(pl_json_get(root, "uptime_s"), -1), 5, 60);
	pl_json_parser_free(p);
	pl_buf_fini(&h.text);
	rig_free(r);
}

static void refused(struct rig *r, const char *path, const char *headers)
{
	struct heard h;
	int64_t before = pl_metric_sum(r->sets, WORKERS, PL_M_AUTH_FAILED);
	ask(r, path, headers, &h);
	if (h.head.status != 401)
		fail_msg("%s with \"%s\": %u", path, headers, h.head.status);
	assert_header(&h, "WWW-Authenticate", "Bearer");
	assert_header(&h, "Cache-Control", "no-store");
	assert_header(&h, "X-Content-Type-Options", "nosniff");
	assert_int_equal(pl_metric_sum(r->sets, WORKERS, PL_M_AUTH_FAILED), before + 1);
	pl_buf_fini(&h.text);
}

static void test_all_else_needs_the_key(void **state)
{
	static const char *const wrong[] = {
		"",
		"Authorization: Bearer\r\n",
		"Authorization: Bearer \r\n",
		"Authorization: Bearer a key of sixteen bytes or mor\r\n",
		"Authorization: Bearer a key of sixteen bytes or more!\r\n",
		"Authorization: Bearer A key of sixteen bytes or more\r\n",
		"Authorization: Basic " KEY "\r\n",
		"Authorization: " KEY "\r\n",
		"X-Authorization: Bearer " KEY "\r\n",
		"Cookie: token=" KEY "\r\n",
		WITH_KEY "Authorization: Bearer other\r\n",
		"Authorization: Bearer other\r\n" WITH_KEY,
	};
	struct rig *r = rig_new();
	(void)state;
	EACH_CLOSED(path)
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		refused(r, *path, wrong[i]);
	rig_free(r);
}

static void test_right_key(void **state)
{
	struct rig *r = rig_new();
	struct heard h;
	(void)state;
	post_start(&r->posts[1]);
	EACH_CLOSED(path)
	{
		ask(r, *path, WITH_KEY, &h);
		assert_int_equal(h.head.status, 200);
		assert_header(&h, "Cache-Control", "no-store");
		assert_header(&h, "X-Content-Type-Options", "nosniff");
		pl_buf_fini(&h.text);
	}
	rig_free(r);
}

/* No default key, and not the empty one either. */
static void test_without_a_key_nobody(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	assert_int_equal(pl_admin_key_set(&r->posts[0].rest.key, PL_S("")), 0);
	EACH_CLOSED(path)
	{
		refused(r, *path, "");
		refused(r, *path, "Authorization: Bearer \r\n");
		refused(r, *path, WITH_KEY);
	}
	rig_free(r);
}

/* Known answer: SHA-256("abc") of FIPS 180-4. */
static void test_key(void **state)
{
	static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
					0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
					0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
					0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	struct pl_admin_key k = {0};
	(void)state;
	assert_false(pl_admin_key_fits(&k, PL_S("")));
	assert_false(pl_admin_key_fits(&k, PL_S("abc")));
	assert_int_equal(pl_admin_key_set(&k, PL_S("abc")), 0);
	assert_memory_equal(k.digest, abc, sizeof(abc));
	assert_true(pl_admin_key_fits(&k, PL_S("abc")));
	assert_false(pl_admin_key_fits(&k, PL_S("abC")));
	assert_false(pl_admin_key_fits(&k, PL_S("ab")));
	assert_false(pl_admin_key_fits(&k, PL_S("")));
	assert_false(pl_admin_key_fits(&k, pl_slice("abc\0", 4)));
	assert_int_equal(pl_admin_key_set(&k, PL_S("")), 0);
	assert_false(pl_admin_key_fits(&k, PL_S("abc")));
	assert_false(pl_admin_key_fits(&k, PL_S("")));
}

static void test_readiness(void **state)
{
	struct rig *r = rig_new();
	struct pl_json_parser *p;
	struct heard h;
	(void)state;
	ask(r, "/ready", WITH_KEY, &h);
	assert_true(pl_slice_is(h.body, "{\"status\":\"ready\"}\n"));
	pl_buf_fini(&h.text);
	r->why_not_ready = "the disk is \"full\"";
	ask(r, "/ready", WITH_KEY, &h);
	assert_int_equal(h.head.status, 503);
	assert_header(&h, "Cache-Control", "no-store");
	const struct pl_json *root = parse(&p, h.body);
	assert_true(pl_slice_is(pl_json_get_str(root, "status"), "not ready"));
	assert_true(pl_slice_is(pl_json_get_str(root, "reason"), "the disk is \"full\""));
	pl_json_parser_free(p);
	pl_buf_fini(&h.text);
	rig_free(r);
}

static void test_head_and_other_methods(void **state)
{
	struct rig *r = rig_new();
	struct heard h;
	int fd = call(r, 0);
	(void)state;
	say(fd, "HEAD", "/health", "");
	hear(r, 0, fd, true, &h);
	assert_int_equal(h.head.status, 200);
	assert_true(h.head.head.content_length > 0);
	assert_int_equal(h.body.len, 0);
	pl_buf_fini(&h.text);
	say(fd, "HEAD", "/metrics", ""); /* the same connection */
	hear(r, 0, fd, true, &h);
	assert_int_equal(h.head.status, 401);
	pl_buf_fini(&h.text);
	say(fd, "POST", "/ready", WITH_KEY "Content-Length: 0\r\n");
	hear(r, 0, fd, false, &h);
	assert_int_equal(h.head.status, 405);
	pl_buf_fini(&h.text);
	close(fd);
	rig_free(r);
}

static void test_qrypt_info(void **state)
{
	struct rig *r = rig_new();
	struct heard h;
	(void)state;
	ask(r, "/api/websocket", "", &h);
	assert_int_equal(h.head.status, 426);
	assert_header(&h, "Upgrade", "websocket");
	pl_buf_fini(&h.text);
	rig_free(r);
}

/* ---- metrics ---- */

static bool is_name(struct pl_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz_:", s.at[i]) &&
		    !(i && strchr("0123456789", s.at[i])))
			return false;
	return s.len > 0;
}

static bool is_number(struct pl_slice s)
{
	uint64_t n;
	if (s.len && s.at[0] == '-')
		s = pl_slice(s.at + 1, s.len - 1);
	return !pl_slice_u64(s, UINT64_MAX, &n);
}

/* "# HELP name text", "# TYPE name counter|gauge", "name number": the exposition format 0.0.4. */
static void check_group(struct pl_slice *rest)
{
	struct pl_slice word, line = pl_slice_cut(*rest, '\n', rest);
	assert_true(pl_slice_starts(line, PL_S("# HELP ")));
	struct pl_slice name = pl_slice_cut(pl_slice(line.at + 7, line.len - 7), ' ', &word);
	assert_true(is_name(name));
	assert_true(word.len > 0);
	line = pl_slice_cut(*rest, '\n', rest);
	assert_true(pl_slice_starts(line, PL_S("# TYPE ")));
	assert_true(
		pl_slice_eq(pl_slice_cut(pl_slice(line.at + 7, line.len - 7), ' ', &word), name));
	bool is_total = name.len > 6 && !memcmp(name.at + name.len - 6, "_total", 6);
	assert_true(pl_slice_is(word, is_total ? "counter" : "gauge"));
	line = pl_slice_cut(*rest, '\n', rest);
	assert_true(pl_slice_eq(pl_slice_cut(line, ' ', &word), name));
	assert_true(is_number(word));
}

static int64_t metric(struct pl_slice text, const char *name)
{
	struct pl_slice value, rest = text;
	while (rest.len) {
		struct pl_slice line = pl_slice_cut(rest, '\n', &rest);
		if (pl_slice_is(pl_slice_cut(line, ' ', &value), name))
			return strtoll(value.at, NULL, 10);
	}
	return INT64_MIN;
}

static void test_metrics(void **state)
{
	struct rig *r = rig_new();
	struct heard h;
	(void)state;
	pl_metric_add(&r->posts[0].metrics, PL_M_STORED, 40);
	pl_metric_add(&r->posts[1].metrics, PL_M_STORED, 2);
	pl_metric_add(&r->posts[0].metrics, PL_M_STORE_WAITING, -3);
	r->certificate_days = -1; /* it has expired */
	ask(r, "/metrics", WITH_KEY, &h);
	assert_header(&h, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
	assert_int_equal(h.body.at[h.body.len - 1], '\n');
	for (struct pl_slice rest = h.body; rest.len;)
		check_group(&rest);
	assert_int_equal(metric(h.body, "parley_messages_stored_total"), 42);
	assert_int_equal(metric(h.body, "parley_store_queue"), -3);
	assert_int_equal(metric(h.body, "parley_connections"), 1);
	assert_int_equal(metric(h.body, "parley_workers"), WORKERS);
	assert_int_equal(metric(h.body, "parley_ready"), 1);
	assert_int_equal(metric(h.body, "parley_certificate_days_left"), -1);
	assert_in_range(metric(h.body, "parley_uptime_seconds"), 5, 60);
	assert_in_range(metric(h.body, "process_resident_memory_bytes"), 1 << 20, 1LL << 40);
	pl_buf_fini(&h.text);
	r->why_not_ready = "no";
	r->certificate_days = 0;
	ask(r, "/metrics", WITH_KEY, &h);
	assert_int_equal(metric(h.body, "parley_ready"), 0);
	assert_int_equal(metric(h.body, "parley_certificate_days_left"), INT64_MIN);
	pl_buf_fini(&h.text);
	rig_free(r);
}

/* The gauge follows what the process really has open. */
static void test_open_files(void **state)
{
	struct rig *r = rig_new();
	struct heard h;
	int more[5];
	(void)state;
	ask(r, "/metrics", WITH_KEY, &h);
	int64_t before = metric(h.body, "process_open_fds");
	pl_buf_fini(&h.text);
	for (int i = 0; i < 5; i++)
		assert_true((more[i] = dup(STDERR_FILENO)) >= 0);
	ask(r, "/metrics", WITH_KEY, &h);
	assert_int_equal(metric(h.body, "process_open_fds"), before + 5);
	pl_buf_fini(&h.text);
	for (int i = 0; i < 5; i++)
		close(more[i]);
	rig_free(r);
}

static void test_page_is_the_table(void **state)
{
	struct pl_buf want;
	char *have = pl_zalloc(1, 1 << 16);
	(void)state;
	pl_buf_init(&want, 1 << 16);
	pl_rest_metrics_markdown(&want);
	FILE *f = fopen(PL_SOURCE_DIR "/docs/metrics.md", "r");
	assert_non_null(f);
	size_t n = fread(have, 1, (1 << 16) - 1, f);
	fclose(f);
	if (!pl_slice_eq(pl_slice(have, n), pl_buf_slice(&want)))
		fail_msg("run: parley docs metrics > docs/metrics.md");
	pl_free(have);
	pl_buf_fini(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health_is_open),
		cmocka_unit_test(test_all_else_needs_the_key),
		cmocka_unit_test(test_right_key),
		cmocka_unit_test(test_without_a_key_nobody),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_readiness),
		cmocka_unit_test(test_head_and_other_methods),
		cmocka_unit_test(test_qrypt_info),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_open_files),
		cmocka_unit_test(test_page_is_the_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
