/* router_test.c - proves which endpoint a path has, what is answered where there is none, and which
 * pages may open a WebSocket. */
#include "conn/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct pl_http_request parsed(const char *text)
{
	struct pl_http_parser p = {0};
	struct pl_http_request q;
	size_t used;
	assert_int_equal(
		pl_http_parse_head(&p, &pl_http_default_limits, pl_slice_str(text), &used, &q), 0);
	return q;
}

#define PLAIN(method, path) method " " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define UPGRADE(path)                                             \
	"GET " path " HTTP/1.1\r\nHost: h\r\nConnection: Upgrade" \
	"\r\nUpgrade: websocket\r\n\r\n"

static void a_path_has_an_endpoint_or_a_status(void **state)
{
	(void)state;
	static const struct pl_endpoint health, ws, files, post, any, all;
	static const struct pl_route routes[] = {
		{PL_HTTP_GET, "/health", &health},  {PL_HTTP_OTHER, "/ws", &ws},
		{PL_HTTP_GET, "/files/**", &files}, {PL_HTTP_POST, "/files/**", &post},
		{PL_HTTP_GET, "/both", &health},    {PL_HTTP_OTHER, "/both", &ws},
		{PL_HTTP_ANY, "/all", &all},        {PL_HTTP_POST, "/all", &post},
	};
	static const struct {
		const char *text;
		const struct pl_endpoint *endpoint, *with_fallback;
		unsigned status, status_with_fallback;
	} cases[] = {
		{PLAIN("GET", "/health"), &health, &health, 0, 0},
		{PLAIN("HEAD", "/health"), &health, &health, 0, 0},
		{PLAIN("GET", "/health?x=/ws"), &health, &health, 0, 0},
		{PLAIN("POST", "/health"), NULL, NULL, 405, 405},
		{PLAIN("GET", "/healthy"), NULL, NULL, 404, 404},
		{PLAIN("GET", "/Health"), NULL, NULL, 404, 404},
		{PLAIN("GET", "/health/"), NULL, NULL, 404, 404},
		{PLAIN("GET", "/files/"), &files, &files, 0, 0},
		{PLAIN("GET", "/files/a/b"), &files, &files, 0, 0},
		{PLAIN("GET", "/files"), &files, &files, 0, 0},
		{PLAIN("GET", "/filesystem"), NULL, NULL, 404, 404},
		{PLAIN("POST", "/files/a"), &post, &post, 0, 0},
		{PLAIN("BREW", "/files/a"), NULL, NULL, 405, 405},
		{PLAIN("BREW", "/ws"), NULL, NULL, 426, 426}, /* "other" is no method of a row */
		{PLAIN("GET", "/ws"), NULL, NULL, 426, 426},
		{PLAIN("GET", "/"), NULL, NULL, 404, 426},
		{PLAIN("GET", "/both"), &health, &health, 0, 0},
		{PLAIN("GET", "/all"), &all, &all, 0, 0},
		{PLAIN("HEAD", "/all"), &all, &all, 0, 0},
		{PLAIN("POST", "/all"), &all, &all, 0, 0}, /* the first that fits */
		{PLAIN("OPTIONS", "/all"), &all, &all, 0, 0},
		{PLAIN("BREW", "/all"), &all, &all, 0, 0},
		{UPGRADE("/all"), NULL, NULL, 400, 400}, /* a method is no upgrade */
		{UPGRADE("/both"), &ws, &ws, 0, 0},
		{UPGRADE("/ws"), &ws, &ws, 0, 0},
		{UPGRADE("/health"), NULL, NULL, 400, 400},
		{UPGRADE("/nowhere"), NULL, &any, 404, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pl_router r = {.routes = routes, .count = 8};
		struct pl_http_request q = parsed(cases[i].text);
		unsigned status = 0;
		assert_ptr_equal(pl_router_find(&r, &q, &status), cases[i].endpoint);
		assert_int_equal(status, cases[i].status);
		r.fallback = &any;
		status = 0;
		assert_ptr_equal(pl_router_find(&r, &q, &status), cases[i].with_fallback);
		assert_int_equal(status, cases[i].status_with_fallback);
	}
}

static const struct pl_endpoint *find(void *ctx, const struct pl_http_request *q, unsigned *status)
{
	if (pl_slice_starts(q->path, PL_S("/api/")))
		*status = 418;
	return pl_slice_is(q->path, "/api/ws") ? ctx : NULL;
}

static void whoever_finds_is_asked_first(void **state)
{
	(void)state;
	static const struct pl_endpoint found, ws, plain;
	static const struct pl_route routes[] = {{PL_HTTP_OTHER, "/**", &ws},
						 {PL_HTTP_GET, "/api/ws", &plain}};
	static const struct {
		const char *text;
		const struct pl_endpoint *endpoint, *of_plain; /* when asked for plain ones, too */
		unsigned status, status_of_plain;
	} cases[] = {
		{UPGRADE("/api/ws"), &found, &found, 0, 0},
		{UPGRADE("/api/other"), NULL, NULL, 418, 418}, /* refused, though a row has it */
		{UPGRADE("/other"), &ws, &ws, 0, 0},
		{PLAIN("GET", "/api/ws"), &plain, &found, 0, 0},
		{PLAIN("PUT", "/api/ws"), NULL, &found, 405, 0},
		{PLAIN("BREW", "/api/ws"), NULL, &found, 405, 0},
		{PLAIN("GET", "/api/other"), NULL, NULL, 426, 418},
		{PLAIN("GET", "/other"), NULL, NULL, 426, 426},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pl_endpoint *ctx = (struct pl_endpoint *)(uintptr_t)&found;
		struct pl_router r = {.routes = routes, .count = 2, .find = find, .find_ctx = ctx};
		struct pl_http_request q = parsed(cases[i].text);
		unsigned status = 0;
		assert_ptr_equal(pl_router_find(&r, &q, &status), cases[i].endpoint);
		assert_int_equal(status, cases[i].status);
		r.finds_plain = true;
		status = 0;
		assert_ptr_equal(pl_router_find(&r, &q, &status), cases[i].of_plain);
		assert_int_equal(status, cases[i].status_of_plain);
	}
}

static void only_known_pages_may_connect(void **state)
{
	(void)state;
	static const struct pl_slice known[] = {{"https://app.example", 19},
						{"http://localhost:5173", 21}};
	static const struct {
		const char *host, *origin;
		bool is_allowed;
	} cases[] = {
		{"chat.example", NULL, true}, /* no browser */
		{"chat.example", "https://chat.example", true},
		{"chat.example:8080", "http://chat.example", true},
		{"chat.example", "http://CHAT.example:5173", true},
		{"[::1]:8080", "http://[::1]", true},
		{"chat.example", "https://app.example", true},
		{"chat.example", "http://localhost:5173", true},
		{"chat.example", "http://localhost:5174", false},
		{"chat.example", "https://app.example:443", false}, /* exactly */
		{"chat.example", "http://app.example", false},
		{"chat.example", "https://app.example.evil.example", false},
		{"chat.example", "https://evil.example", false},
		{"chat.example", "https://chat.example.evil.example", false},
		{"chat.example", "https://evilchat.example", false},
		{"chat.example", "https://chat.example@evil.example", false},
		{"chat.example", "https://evil.example/chat.example", false},
		{"chat.example", "https://chat.example/", false},
		{"chat.example", "null", false},
		{"null", "null", false},
		{"chat.example", "", false},
		{"chat.example", "chat.example", false},
		{"chat.example", "file://chat.example", false},
		{"chat.example", "https://chat.example\r\nOrigin: https://evil.example", false},
		{"chat.example", "https://chat.example https://evil.example", false},
	};
	struct pl_conn_options o = {.origins = known, .norigins = 2};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[512];
		const char *origin = cases[i].origin;
		snprintf(text, sizeof(text), "GET /ws HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n",
			 cases[i].host, origin ? "Origin: " : "", origin ? origin : "",
			 origin ? "\r\n" : "");
		struct pl_http_request q = parsed(text);
		if (pl_origin_allowed(&o, &q) != cases[i].is_allowed)
			fail_msg("%s", text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_has_an_endpoint_or_a_status),
		cmocka_unit_test(whoever_finds_is_asked_first),
		cmocka_unit_test(only_known_pages_may_connect),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
