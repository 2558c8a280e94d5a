/* Proves that the stock client's files are served as the Node server does, where they are
 * installed, and that whoever asks elsewhere is told how to get them. */
#include "socketio/testing.h"

#include <sys/stat.h>

static char root[64];

static void write_file(const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) < 0, 0);
	assert_int_equal(fclose(f), 0);
}

static void remove_file(const char *name)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	(void)unlink(path);
	(void)rmdir(path);
}

/* As npm lays it out. */
static int install(void **state)
{
	char path[256];
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/parley-bundle-XXXXXX");
	assert_non_null(mkdtemp(root));
	(void)snprintf(path, sizeof(path), "%s/dist", root);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file("package.json", "{\"name\":\"socket.io-client\",\"version\":\"4.8.1\"}");
	write_file("dist/socket.io.js", "the client");
	write_file("dist/socket.io.min.js", "small");
	write_file("dist/socket.io.esm.min.js", "module");
	write_file("dist/socket.io.min.js.map", "{}");
	return 0;
}

static int uninstall(void **state)
{
	static const char *const names[] = {"package.json",
					    "dist/socket.io.js",
					    "dist/socket.io.min.js",
					    "dist/socket.io.esm.min.js",
					    "dist/socket.io.min.js.map",
					    "dist",
					    ""};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		remove_file(names[i]);
	return 0;
}

static void open_world(struct sio_world *s, const struct parley_socketio *o)
{
	char dir[80];
	struct parley_socketio with = *o;
	(void)snprintf(dir, sizeof(dir), "%s/dist", root);
	if (!with.client_dir)
		with.client_dir = dir;
	sio_new(s, 1);
	sio_options(s, &with);
	sio_namespace(s, &(struct parley_namespace){.name = "/"});
	sio_start(s);
}

/* The whole answer, until the next call. */
static const char *ask(struct sio_world *s, const char *method, const char *name, const char *more)
{
	static const struct pl_ip ip = {{[10] = 0xff, [11] = 0xff, 192, 0, 2, 1}};
	static char answer[8192];
	char head[512];
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	pl_conns_accept(s->w.sets[0], pair[1], &ip, &s->w.routers[0], NULL);
	int n = snprintf(head, sizeof(head),
			 "%s /socket.io/%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n",
			 method, name, more);
	assert_int_equal(send(pair[0], head, (size_t)n, 0), n);
	settle(&s->w);
	ssize_t got = recv(pair[0], answer, sizeof(answer) - 1, MSG_DONTWAIT);
	assert_true(got > 0);
	answer[got] = '\0';
	close(pair[0]);
	settle(&s->w);
	return answer;
}

static void expect_answer(const char *answer, const char *status, const char *body)
{
	assert_memory_equal(answer + 9, status, 3);
	const char *at = strstr(answer, "\r\n\r\n");
	assert_non_null(at);
	assert_string_equal(at + 4, body);
}

static bool has(const char *answer, const char *line)
{
	return strstr(answer, line) != NULL;
}

static void files_are_served(void **state)
{
	struct sio_world s;
	(void)state;
	open_world(&s, &(struct parley_socketio){.path = NULL});
	const char *a = ask(&s, "GET", "socket.io.js", "");
	expect_answer(a, "200", "the client");
	assert_true(has(a, "\r\nContent-Type: application/javascript; charset=utf-8\r\n"));
	assert_true(has(a, "\r\nETag: \"4.8.1\"\r\n"));
	assert_true(has(a, "\r\nCache-Control: public, max-age=0\r\n"));
	assert_false(has(a, "Access-Control"));
	expect_answer(ask(&s, "GET", "socket.io.min.js?v=1", ""), "200", "small");
	expect_answer(ask(&s, "GET", "socket.io.esm.min.js", ""), "200", "module");
	a = ask(&s, "GET", "socket.io.min.js.map", "");
	expect_answer(a, "200", "{}");
	assert_true(has(a, "\r\nContent-Type: application/json; charset=utf-8\r\n"));
	a = ask(&s, "HEAD", "socket.io.js", "");
	expect_answer(a, "200", "");
	assert_true(has(a, "\r\nContent-Length: 10\r\n"));
	expect_answer(ask(&s, "POST", "socket.io.js", "Content-Length: 0\r\n"), "405", "");
	/* What was read once is kept. */
	remove_file("dist/socket.io.js");
	expect_answer(ask(&s, "GET", "socket.io.js", ""), "200", "the client");
	/* The rest of the path is the engine's. */
	a = ask(&s, "GET", "other.js", "");
	expect_answer(a, "400", "{\"code\":0,\"message\":\"Transport unknown\"}");
	sio_end(&s);
}

static void who_has_it_is_told_so(void **state)
{
	struct sio_world s;
	(void)state;
	open_world(&s, &(struct parley_socketio){.path = NULL});
	static const char *const known[] = {
		"If-None-Match: \"4.8.1\"\r\n", "If-None-Match: W/\"4.8.1\"\r\n",
		"If-None-Match: \"1\", \"4.8.1\"\r\n", "If-None-Match: *\r\n"};
	for (size_t i = 0; i < 4; i++) {
		const char *a = ask(&s, "GET", "socket.io.js", known[i]);
		expect_answer(a, "304", "");
		assert_true(has(a, "\r\nETag: \"4.8.1\"\r\n"));
	}
	expect_answer(ask(&s, "GET", "socket.io.js", "If-None-Match: \"4.8.2\"\r\n"), "200",
		      "the client");
	sio_end(&s);
}

static void other_origins_may_have_it_if_they_may_come(void **state)
{
	static const char *const origins[] = {"https://a.example", NULL}, *const any[] = {"*",
											  NULL};
	struct sio_world s;
	(void)state;
	open_world(&s, &(struct parley_socketio){.origins = origins});
	const char *a = ask(&s, "GET", "socket.io.js", "Origin: https://a.example\r\n");
	assert_true(has(a, "\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
	assert_true(has(a, "\r\nVary: Origin\r\n"));
	a = ask(&s, "GET", "socket.io.js", "Origin: https://b.example\r\n");
	assert_false(has(a, "Access-Control"));
	assert_true(has(a, "\r\nVary: Origin\r\n"));
	sio_end(&s);
	open_world(&s, &(struct parley_socketio){.origins = any});
	assert_true(
		has(ask(&s, "GET", "socket.io.js", ""), "\r\nAccess-Control-Allow-Origin: *\r\n"));
	sio_end(&s);
}

static void what_is_not_installed_is_not_found(void **state)
{
	struct sio_world s;
	(void)state;
	open_world(&s, &(struct parley_socketio){.client_dir = "/nowhere"});
	const char *a = ask(&s, "GET", "socket.io.js", "");
	assert_memory_equal(a + 9, "404", 3);
	assert_true(has(a, "npm install socket.io-client"));
	sio_end(&s);
	/* A part of it is. */
	open_world(&s, &(struct parley_socketio){.path = NULL});
	assert_memory_equal(ask(&s, "GET", "socket.io.msgpack.min.js", "") + 9, "404", 3);
	sio_end(&s);
	/* Nobody wants it served. */
	open_world(&s, &(struct parley_socketio){.no_client = true});
	expect_answer(ask(&s, "GET", "socket.io.js", ""), "400",
		      "{\"code\":0,\"message\":\"Transport unknown\"}");
	sio_end(&s);
}

static void a_strange_version_is_none(void **state)
{
	static const char *const packages[] = {"{", "{\"version\":17}", "{\"version\":\"a\\\"b\"}",
					       "{\"version\":\"\"}"};
	struct sio_world s;
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		write_file("package.json", packages[i]);
		open_world(&s, &(struct parley_socketio){.path = NULL});
		assert_true(has(ask(&s, "GET", "socket.io.js", ""), "\r\nETag: \"0\"\r\n"));
		sio_end(&s);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, install, uninstall)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_are_served),
		TEST(who_has_it_is_told_so),
		TEST(other_origins_may_have_it_if_they_may_come),
		TEST(what_is_not_installed_is_not_found),
		TEST(a_strange_version_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
