/*
 * public_socketio_test.c - proves that an embedded server speaks Socket.IO with several workers and
 * threads: events, acknowledgements and rooms across them, answers from any thread, recovery on
 * whichever worker, its own endpoints beside it, and an orderly end.
 */
#include "server/testing.h"

#include "parley/socketio.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { WORKERS = 3, PEOPLE = 18 };

static struct watch {
	atomic_int connected, disconnected, freed, opened, closed;
	atomic_int answered;
	_Atomic(parley_handshake *) asks;
	_Atomic(parley_reply *) owed;
	_Atomic(const char *) reason;
} seen;

static void count_free(void *data)
{
	atomic_fetch_add((atomic_int *)data, 1);
}

static void authorize(parley_handshake *h, void *user)
{
	struct parley_identity who;
	parley_server *s = user;
	const parley_json *auth = parley_handshake_auth(h);
	/* It is a callback: tokens can be checked in it. No key is configured. */
	assert_int_equal(parley_verify_token(s, parley_str(auth, "token"), &who),
			 PARLEY_ENOT_FOUND);
	if (parley_is(auth, "token", "later"))
		atomic_store(&seen.asks, h);
	else
		parley_admit(h, &seen.freed, count_free);
}

static int on_connect(parley_socket *k)
{
	atomic_fetch_add(&seen.connected, 1);
	return parley_emit(k, PARLEY_S("hello"), PARLEY_NO_ARGS);
}

static void on_disconnect(parley_socket *k, const char *reason)
{
	(void)k;
	atomic_fetch_add(&seen.disconnected, 1);
	atomic_store(&seen.reason, reason);
}

static int on_echo(parley_socket *k, const parley_packet *p)
{
	(void)k;
	return parley_ack(p, PARLEY_ARGS(parley_apacket(p, 0)));
}

static int on_join(parley_socket *k, const parley_packet *p)
{
	int err = parley_socket_join(k, parley_arg_str(p, 0));
	return err ? err : parley_ack(p, PARLEY_NO_ARGS);
}

static int on_say(parley_socket *k, const parley_packet *p)
{
	struct parley_slice room = parley_arg_str(p, 0);
	struct parley_target t = {.rooms = &room, .nrooms = 1, .but = k};
	return parley_emit_to(parley_socket_server(k), "/", &t, PARLEY_S("said"),
			      PARLEY_ARGS(parley_apacket(p, 1)));
}

static int on_find(parley_socket *k, const parley_packet *p)
{
	parley_server *s = parley_socket_server(k);
	bool is_here = parley_socket_find(s, "/", parley_arg_str(p, 0)) != NULL;
	return parley_ack(p, PARLEY_ARGS(parley_abool(is_here)));
}

static int on_later(parley_socket *k, const parley_packet *p)
{
	(void)k;
	atomic_store(&seen.owed, parley_ack_later(p));
	return 0;
}

static void on_answer(parley_socket *k, int err, const parley_packet *answer, void *ctx)
{
	(void)answer;
	(void)ctx;
	atomic_fetch_add(&seen.answered, 1);
	(void)parley_emit(k, PARLEY_S("answered"), PARLEY_ARGS(parley_aint(err)));
}

static int on_ask(parley_socket *k, const parley_packet *p)
{
	(void)p;
	return parley_emit_with_ack(k, PARLEY_S("ask"), PARLEY_NO_ARGS, 0, on_answer, NULL);
}

static const struct parley_on events[] = {{"echo", on_echo},   {"join", on_join}, {"say", on_say},
					  {"later", on_later}, {"find", on_find}, {"ask", on_ask},
					  {NULL, NULL}};

static parley_server *make(uint32_t workers, uint32_t recovery_ms)
{
	parley_server *s = make_server(workers);
	struct parley_namespace n = {.name = "/",
				     .events = events,
				     .recovery_ms = recovery_ms,
				     .authorize = authorize,
				     .on_connect = on_connect,
				     .on_disconnect = on_disconnect};
	n.user = s;
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(parley_namespace(s, &n), 0);
	return s;
}

/* A session; the open packet was read. */
static int engine(uint16_t port)
{
	char text[1024];
	int fd = ws_open(port, "/socket.io/?EIO=4&transport=websocket");
	assert_int_equal(ws_get(fd, text, sizeof(text)), 1);
	assert_memory_equal(text, "0{\"sid\":\"", 9);
	return fd;
}

/* What stands behind this key in the reply to CONNECT. */
static void find_value(const char *text, const char *key, char *out, size_t n)
{
	const char *at = strstr(text, key);
	assert_non_null(at);
	memcpy(out, at + strlen(key), n);
	out[n] = '\0';
}

static void connected(int fd, char id[32])
{
	char text[1024];
	assert_int_equal(ws_get(fd, text, sizeof(text)), 1);
	assert_memory_equal(text, "40{\"sid\":\"", 10);
	find_value(text, "\"sid\":\"", id, 20);
}

static int enter(uint16_t port, char id[32])
{
	int fd = engine(port);
	ws_put(fd, 1, "40");
	connected(fd, id);
	ws_expect(fd, "42[\"hello\"]");
	return fd;
}

/* A close frame without a code. */
static void expect_quiet_close(int fd)
{
	char got[256];
	assert_int_equal(ws_get(fd, got, sizeof(got)), 8);
	assert_string_equal(got, "");
}

static void test_workers_hear_each_other(void **state)
{
	parley_server *s = make(WORKERS, 0);
	struct running r = run_on_thread(s);
	int fd[PEOPLE], here = 0;
	char id[PEOPLE][32], text[128];
	(void)state;
	for (int i = 0; i < PEOPLE; i++) {
		fd[i] = enter(r.port, id[i]);
		ws_put(fd[i], 1, i % 2 ? "421[\"join\",\"odd\"]" : "421[\"join\",\"even\"]");
		ws_expect(fd[i], "431[]");
	}
	ws_put(fd[0], 1, "42[\"say\",\"odd\",7]");
	for (int i = 1; i < PEOPLE; i += 2)
		ws_expect(fd[i], "42[\"said\",7]");
	ws_put(fd[0], 1, "42[\"say\",\"even\",8]");
	for (int i = 2; i < PEOPLE; i += 2)
		ws_expect(fd[i], "42[\"said\",8]");
	/* From a thread that is no worker's. */
	struct parley_slice odd = PARLEY_S("odd");
	struct parley_target t = {.rooms = &odd, .nrooms = 1};
	assert_int_equal(parley_emit_to(s, "/", &t, PARLEY_S("news"), PARLEY_ARGS(parley_aint(1))),
			 0);
	assert_int_equal(parley_sockets_join(s, "/", &t, PARLEY_S("x")), 0);
	assert_int_equal(parley_sockets_leave(s, "/", &t, PARLEY_S("odd")), 0);
	struct parley_slice x = PARLEY_S("x");
	t.rooms = &x;
	assert_int_equal(parley_emit_to(s, "/", &t, PARLEY_S("news"), PARLEY_ARGS(parley_aint(2))),
			 0);
	assert_null(parley_socket_find(s, "/", parley_cstr(id[0])));
	for (int i = 1; i < PEOPLE; i += 2) {
		ws_expect(fd[i], "42[\"news\",1]");
		ws_expect(fd[i], "42[\"news\",2]");
	}
	/* Each is on one worker. */
	for (int i = 0; i < PEOPLE; i++) {
		(void)snprintf(text, sizeof(text), "425[\"find\",\"%s\"]", id[i]);
		ws_put(fd[i], 1, text);
		ws_expect(fd[i], "435[true]");
		ws_put(fd[0], 1, text);
		assert_int_equal(ws_get(fd[0], text, sizeof(text)), 1);
		here += !strcmp(text, "435[true]");
	}
	assert_in_range(here, 1, PEOPLE);
	/* By its id, whichever worker has it. */
	for (int i = 0; i < PEOPLE; i++) {
		struct parley_slice to = parley_cstr(id[i]);
		t.rooms = &to;
		assert_int_equal(parley_emit_to(s, "/", &t, PARLEY_S("psst"), PARLEY_NO_ARGS), 0);
		ws_expect(fd[i], "42[\"psst\"]");
	}
	assert_int_equal(parley_sockets_disconnect(s, "/", NULL, true), 0);
	for (int i = 0; i < PEOPLE; i++) {
		ws_expect(fd[i], "41");
		expect_quiet_close(fd[i]);
		close(fd[i]);
	}
	stop_and_free(&r);
	assert_int_equal(seen.connected, PEOPLE);
	assert_int_equal(seen.disconnected, PEOPLE);
	assert_int_equal(seen.freed, PEOPLE);
}

/* A thread that answers whatever is owed an answer. */
static void *answer_all(void *stop)
{
	while (!atomic_load((atomic_bool *)stop)) {
		parley_handshake *h = atomic_exchange(&seen.asks, NULL);
		parley_reply *owed = atomic_exchange(&seen.owed, NULL);
		if (h) {
			assert_true(parley_is(parley_handshake_auth(h), "token", "later"));
			assert_true(parley_slice_eq(
				parley_request_query(parley_handshake_request(h), "EIO"),
				PARLEY_S("4")));
			parley_admit(h, &seen.freed, count_free);
		}
		if (owed)
			assert_int_equal(parley_reply_send(owed, PARLEY_ARGS(parley_aint(5))), 0);
		usleep(200);
	}
	return NULL;
}

static void test_any_thread_may_answer(void **state)
{
	parley_server *s = make(WORKERS, 0);
	struct running r = run_on_thread(s);
	atomic_bool stop = false;
	pthread_t thread;
	char id[32];
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, answer_all, &stop), 0);
	for (int i = 0; i < 20; i++) {
		int fd = engine(r.port);
		ws_put(fd, 1, "40{\"token\":\"later\"}");
		if (i % 4 == 3) { /* it does not wait */
			close(fd);
			usleep(2000);
			continue;
		}
		connected(fd, id);
		ws_expect(fd, "42[\"hello\"]");
		ws_put(fd, 1, "423[\"later\"]");
		ws_expect(fd, "433[5]");
		ws_put(fd, 1, "42[\"ask\"]");
		char text[64];
		assert_int_equal(ws_get(fd, text, sizeof(text)), 1);
		text[1] = '3'; /* the same id comes back */
		(void)snprintf(strchr(text, '['), 8, "[]");
		ws_put(fd, 1, text);
		ws_expect(fd, "42[\"answered\",0]");
		close(fd);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	stop_and_free(&r);
	assert_int_equal(seen.connected, seen.disconnected);
	assert_in_range(seen.freed, 15, 20);
}

static void *publish_much(void *server)
{
	struct parley_slice all = PARLEY_S("all");
	struct parley_target t = {.rooms = &all, .nrooms = 1};
	for (int i = 0; i < 300; i++) {
		int err =
			parley_emit_to(server, "/", &t, PARLEY_S("n"), PARLEY_ARGS(parley_aint(i)));
		assert_int_equal(err, 0);
		usleep(100);
	}
	return NULL;
}

/* The number in 42["n",NUMBER,"offset"]; -1: another event. */
static long number_of(const char *text)
{
	return strncmp(text, "42[\"n\",", 7) ? -1 : strtol(text + 7, NULL, 10);
}

/* One that loses its line again and again, while two threads and a worker publish. */
static void test_nothing_is_lost_on_the_way_back(void **state)
{
	parley_server *s = make(WORKERS, 60000);
	struct running r = run_on_thread(s);
	pthread_t thread;
	char text[1024], offset[64] = "", id[32] = "", pid[32] = "";
	long next = 0;
	int returns = 0;
	(void)state;
	int fd = engine(r.port);
	ws_put(fd, 1, "40");
	assert_int_equal(ws_get(fd, text, sizeof(text)), 1);
	find_value(text, "\"sid\":\"", id, 20);
	find_value(text, "\"pid\":\"", pid, 24);
	ws_put(fd, 1, "421[\"join\",\"all\"]");
	do
		assert_int_equal(ws_get(fd, text, sizeof(text)), 1);
	while (strcmp(text, "431[]") != 0);
	assert_int_equal(pthread_create(&thread, NULL, publish_much, s), 0);
	while (next < 300) {
		assert_int_equal(ws_get(fd, text, sizeof(text)), 1);
		if (number_of(text) >= 0) {
			assert_int_equal(number_of(text), next);
			next++;
			char *last = strrchr(text, '"'), *from = last;
			while (from[-1] != '"')
				from--;
			memcpy(offset, from, (size_t)(last - from));
			offset[last - from] = '\0';
		}
		if (number_of(text) % 7 != 6 || next == 300)
			continue;
		close(fd);
		fd = engine(r.port);
		(void)snprintf(text, sizeof(text), "40{\"pid\":\"%s\",\"offset\":\"%s\"}", pid,
			       offset);
		ws_put(fd, 1, text);
		returns++;
	}
	pthread_join(thread, NULL);
	close(fd);
	stop_and_free(&r);
	assert_in_range(returns, 30, 60);
	assert_int_equal(seen.connected, returns + 1);
}

static int opened(parley_engine *e, const parley_request *q)
{
	(void)q;
	atomic_fetch_add(&seen.opened, 1);
	return parley_engine_send(e, PARLEY_TEXT, PARLEY_S("bare"));
}

static void closed(parley_engine *e, const char *reason)
{
	(void)e;
	(void)reason;
	atomic_fetch_add(&seen.closed, 1);
}

static int to_sockets(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		      const parley_json *json)
{
	(void)kind;
	(void)json;
	/* Between an endpoint and a namespace. */
	return parley_emit_to(parley_conn_server(c), "/", NULL, PARLEY_S("from"),
			      PARLEY_ARGS(parley_astr(raw)));
}

static void test_everything_beside_each_other(void **state)
{
	parley_server *s = make(2, 0);
	struct parley_endpoint e = PARLEY_ENDPOINT("/ws");
	char id[32], text[256];
	(void)state;
	e.on_message = to_sockets;
	assert_int_equal(parley_serve(s, &e), 0);
	assert_int_equal(parley_engineio(s, &(struct parley_engineio){.on_open = opened,
								      .on_close = closed}),
			 0);
	struct running r = run_on_thread(s);
	int k = enter(r.port, id), ws = ws_open(r.port, "/ws");
	int bare = ws_open(r.port, "/engine.io/?EIO=4&transport=websocket");
	assert_int_equal(ws_get(bare, text, sizeof(text)), 1);
	ws_expect(bare, "4bare");
	ws_put(ws, 1, "the endpoint");
	ws_expect(k, "42[\"from\",\"the endpoint\"]");
	int none = dial(r.port);
	ask_upgrade(none, "/nothing");
	assert_int_equal(read_status(none), 404);
	close(none);
	/* Goodbye to all. */
	parley_stop(s);
	assert_int_equal(ws_closed(k), 1001);
	assert_int_equal(ws_closed(bare), 1001);
	assert_int_equal(ws_closed(ws), 1001);
	close(k);
	close(bare);
	close(ws);
	assert_int_equal(wait_for_end(&r), 0);
	assert_string_equal(seen.reason, "server shutting down");
	parley_free(s);
	assert_int_equal(seen.opened, 1);
	assert_int_equal(seen.closed, 1);
}

static void test_it_is_told_what_is_wrong(void **state)
{
	parley_server *s = make_server(1);
	struct parley_namespace n = {.name = "orders"};
	(void)state;
	assert_int_equal(parley_namespace(s, &n), PARLEY_EINVAL);
	assert_string_equal(parley_why(s), "a namespace is called /something: at most 255 bytes, "
					   "without a comma");
	assert_int_equal(parley_socketio(s, &(struct parley_socketio){.max_attachments = 65}),
			 PARLEY_EINVAL);
	assert_int_equal(parley_engineio(s, &(struct parley_engineio){.path = "x"}), PARLEY_EINVAL);
	assert_int_equal(parley_namespace(NULL, &n), PARLEY_EINVAL);
	assert_int_equal(parley_namespace(s, NULL), PARLEY_EINVAL);
	assert_int_equal(parley_socketio(NULL, NULL), PARLEY_EINVAL);
	assert_int_equal(parley_engineio(NULL, NULL), PARLEY_EINVAL);
	assert_int_equal(parley_socketio(s, NULL), 0);
	assert_int_equal(parley_socketio(s, NULL), PARLEY_EEXISTS);
	assert_int_equal(parley_emit_to(s, "/", NULL, PARLEY_S("x"), PARLEY_NO_ARGS),
			 PARLEY_ESTATE);
	assert_int_equal(parley_emit_to(NULL, "/", NULL, PARLEY_S("x"), PARLEY_NO_ARGS),
			 PARLEY_EINVAL);
	assert_int_equal(parley_start(s), 0);
	n.name = "/late";
	assert_int_equal(parley_namespace(s, &n), PARLEY_ESTATE);
	assert_int_equal(parley_emit_to(s, "/", NULL, PARLEY_S("x"), PARLEY_NO_ARGS),
			 PARLEY_ENOT_FOUND);
	parley_free(s);
}

/* Who is still there when it is freed: on this thread, without a goodbye. */
static void test_it_is_freed_at_once(void **state)
{
	parley_server *s = make(2, 0);
	char id[32];
	(void)state;
	struct running r = run_on_thread(s);
	int fd = enter(r.port, id), waits = engine(r.port);
	ws_put(waits, 1, "40{\"token\":\"later\"}");
	while (!atomic_load(&seen.asks))
		usleep(1000);
	parley_stop(s);
	assert_int_equal(wait_for_end(&r), 0);
	parley_free(s);
	assert_int_equal(seen.disconnected, 1);
	parley_handshake *h = atomic_load(&seen.asks);
	assert_null(parley_request_server(parley_handshake_request(h)));
	parley_admit(h, &seen.freed, count_free);
	assert_int_equal(seen.freed, 2);
	close(fd);
	close(waits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workers_hear_each_other),
		cmocka_unit_test(test_any_thread_may_answer),
		cmocka_unit_test(test_nothing_is_lost_on_the_way_back),
		cmocka_unit_test(test_everything_beside_each_other),
		cmocka_unit_test(test_it_is_told_what_is_wrong),
		cmocka_unit_test(test_it_is_freed_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
