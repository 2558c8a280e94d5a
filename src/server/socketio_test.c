/*
 * socketio_test.c - proves that the chat of Socket.IO can be mounted in an embedded server: at its
 * path, with the options of the configuration, beside other dialects and namespaces, but not beside
 * another namespace "/".
 */
#include "server/testing.h"

#include "auth/auth.h"
#include "base/clock.h"
#include "parley/socketio.h"

#define SECRET "0123456789abcdef0123456789abcdef0"

static parley_server *make(const char *listen)
{
	static const char *const set[] = {"store.kind=memory",
					  "auth.secret=" SECRET,
					  "limits.enabled=false",
					  "socketio.ping_interval=7s",
					  "socketio.ping_timeout=9s",
					  "socketio.max_payload=12345",
					  NULL};
	struct parley_options o = {.listen = listen, .set = set};
	parley_server *s = NULL;
	assert_int_equal(parley_create(&s, &o), 0);
	return s;
}

static void expect_frame(int fd, const char *begin, const char *part)
{
	char text[65536];
	assert_int_equal(ws_get(fd, text, sizeof(text)), 1);
	if (strncmp(text, begin, strlen(begin)) || !strstr(text, part))
		fail_msg("%s ... %s, not %s", begin, part, text);
}

static int come(uint16_t port, const char *path, const char *name)
{
	struct pl_token_claims claims = {
		.subject = pl_slice_str(name), .now_s = pl_wall_ms() / 1000, .ttl_s = 60};
	char text[4096];
	struct pl_buf token;
	pl_buf_init(&token, 4096);
	assert_int_equal(pl_token_sign(PL_S(SECRET), &claims, &token), 0);
	snprintf(text, sizeof(text), "%s?EIO=4&transport=websocket", path);
	int fd = ws_open(port, text);
	expect_frame(fd, "0{\"sid\":\"",
		     "\"upgrades\":[],\"pingInterval\":7000,\"pingTimeout\":9000,"
		     "\"maxPayload\":12345}");
	snprintf(text, sizeof(text), "40{\"token\":\"%.*s\"}", PL_FMT(pl_buf_slice(&token)));
	ws_put(fd, 1, text);
	expect_frame(fd, "40{\"sid\":", "\"pid\":");
	expect_frame(fd, "42[\"connected\",", name);
	pl_buf_fini(&token);
	return fd;
}

static void test_it_is_at_its_path(void **state)
{
	static const char *const mounts[] = {NULL, "/chat.io/"};
	static const char *const paths[] = {"/socket.io/", "/chat.io/"};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		parley_server *s = make("127.0.0.1:0,127.0.0.1:0=socketio");
		assert_int_equal(parley_mount(s, mounts[i], "socketio"), 0);
		assert_int_equal(parley_mount(s, "/ws", "qrypt"), 0);
		struct running r = run_on_thread(s);
		uint16_t port = parley_port(s, i);
		int a = come(port, paths[i], "alice"), b = come(port, paths[i], "bob");
		ws_put(a, 1, "421[\"join-room\",\"lobby\"]");
		expect_frame(a, "431[{\"success\":true", "\"members\":[\"alice\"]");
		ws_put(b, 1,
		       "421[\"private-message\",{\"targetUserId\":\"alice\",\"content\":\"hi\"}]");
		expect_frame(a, "42[\"private-message\"", "\"content\":\"hi\"");
		expect_frame(b, "431[{\"success\":true", "\"delivered\":true");
		close(a);
		close(b);
		int q = ws_open(port, "/ws"), other = dial(port);
		close(q);
		ask_upgrade(other, paths[!i]);
		assert_int_equal(read_status(other), 404);
		close(other);
		stop_and_free(&r);
	}
}

static void test_a_listener_that_speaks_it_needs_no_mount(void **state)
{
	(void)state;
	parley_server *s = make("127.0.0.1:0=socketio");
	struct running r = run_on_thread(s);
	int fd = dial(r.port);
	ask_upgrade(fd, "/");
	assert_int_equal(read_status(fd), 404);
	close(fd);
	fd = come(r.port, "/socket.io/", "alice");
	close(fd);
	stop_and_free(&r);
}

static int on_connect(parley_socket *s)
{
	return parley_emit(s, PARLEY_S("welcome"), PARLEY_NO_ARGS);
}

static void test_other_namespaces_are_the_embedders(void **state)
{
	const struct parley_namespace orders = {.name = "/orders", .on_connect = on_connect};
	const struct parley_namespace root = {.name = "/"};
	const struct parley_socketio options = {.path = "/mine/",
						.ping_interval_ms = 7000,
						.ping_timeout_ms = 9000,
						.max_payload = 12345};
	(void)state;
	parley_server *s = make("127.0.0.1:0");
	assert_int_equal(parley_socketio(s, &options), 0);
	assert_int_equal(parley_namespace(s, &orders), 0);
	assert_int_equal(parley_mount(s, NULL, "socketio"), 0);
	struct running r = run_on_thread(s);
	int fd = come(r.port, "/mine/", "alice");
	ws_put(fd, 1, "40/orders,");
	expect_frame(fd, "40/orders,{", "sid");
	expect_frame(fd, "42/orders,[\"welcome\"]", "");
	close(fd);
	stop_and_free(&r);
	/* There is one namespace of this name. */
	s = make("127.0.0.1:0");
	assert_int_equal(parley_namespace(s, &root), 0);
	assert_int_equal(parley_mount(s, NULL, "socketio"), 0);
	assert_int_equal(parley_start(s), PARLEY_EINVAL);
	assert_non_null(strstr(parley_why(s), "namespace"));
	parley_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_at_its_path),
		cmocka_unit_test(test_a_listener_that_speaks_it_needs_no_mount),
		cmocka_unit_test(test_other_namespaces_are_the_embedders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
