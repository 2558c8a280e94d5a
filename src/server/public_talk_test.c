/* public_talk_test.c - proves that embedded servers serve: endpoints and mounted dialects side by
 * side, several workers and several servers, the caller's own loop, and the end with people inside.
 */
#include "server/testing.h"

#include "auth/auth.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SECRET "0123456789abcdef0123456789abcdef0"

/* ---- an endpoint that tells what happened to it ---- */

struct watch {
	atomic_int opened, closed, freed;
	atomic_int last_code;
	_Atomic(parley_request *) pending;
	atomic_bool is_slow;
	atomic_int hears; /* 1: found on this worker, 2: not */
};

static int on_connect(parley_conn *c)
{
	struct watch *w = parley_conn_user(c);
	atomic_fetch_add(&w->opened, 1);
	return parley_send(c, parley_conn_id(c));
}

/* "join X", "all X", "in ROOM X", "find ID"; everything else comes back. */
static int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		      const parley_json *json)
{
	(void)json;
	if (kind == PARLEY_TEXT && raw.len > 5 && !memcmp(raw.at, "join ", 5)) {
		int err = parley_join(c, parley_slice(raw.at + 5, raw.len - 5));
		return err ? err : parley_send(c, PARLEY_S("joined"));
	}
	if (kind == PARLEY_TEXT && raw.len > 4 && !memcmp(raw.at, "all ", 4))
		return parley_broadcast(c, parley_slice(raw.at + 4, raw.len - 4),
					&(struct parley_to){.include_self = true});
	if (kind == PARLEY_TEXT && raw.len == 5 + 36 && !memcmp(raw.at, "find ", 5)) {
		parley_conn *found =
			parley_find(parley_conn_server(c), parley_slice(raw.at + 5, 36));
		return parley_send(c, found ? PARLEY_S("here") : PARLEY_S("elsewhere"));
	}
	return kind == PARLEY_TEXT ? parley_send(c, raw) : parley_send_binary(c, raw);
}

static void on_close(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	struct watch *w = parley_conn_user(c);
	(void)reason;
	atomic_store(&w->last_code, code);
	atomic_fetch_add(&w->closed, 1);
	/* What is said in the end must hurt nobody. */
	(void)parley_broadcast(c, PARLEY_S("bye"), NULL);
}

static void on_authenticate(parley_request *q, void *user)
{
	struct watch *w = user;
	atomic_store(&w->pending, q);
}

static struct parley_endpoint endpoint_for(struct watch *w, const char *pattern)
{
	struct parley_endpoint e = PARLEY_ENDPOINT(pattern);
	e.user = w;
	e.on_connect = on_connect;
	e.on_message = on_message;
	e.on_close = on_close;
	return e;
}

/* As ws_open, and what on_connect sends: the id. */
static int enter(uint16_t port, const char *path, char id[64])
{
	int fd = ws_open(port, path);
	assert_int_equal(ws_get(fd, id, 64), 1);
	assert_int_equal(strlen(id), 36);
	return fd;
}

/* ---- paths ---- */

static int status_of(uint16_t port, const char *path)
{
	int fd = dial(port);
	ask_upgrade(fd, path);
	int status = read_status(fd);
	close(fd);
	return status;
}

static parley_server *make_mixed(struct watch *w, const char *listen, const char *prefix)
{
	static const char *const set[] = {"limits.enabled=false", "store.kind=memory",
					  "auth.secret=" SECRET, NULL};
	struct parley_options o = {.listen = listen, .set = set, .prefix = prefix};
	struct parley_endpoint e = endpoint_for(w, "/ws/{name}");
	parley_server *s = NULL;
	assert_int_equal(parley_create(&s, &o), 0);
	assert_int_equal(parley_serve(s, &e), 0);
	return s;
}

static void test_paths_lead_where_they_should(void **state)
{
	struct watch w = {0};
	(void)state;
	parley_server *s = make_mixed(&w, "127.0.0.1:0,127.0.0.1:0=handler", "/api");
	assert_int_equal(parley_mount(s, "/chat", "qrypt"), 0);
	struct running r = run_on_thread(s);
	for (size_t i = 0; i < 2; i++) {
		uint16_t port = parley_port(s, i);
		assert_int_equal(status_of(port, "/api/ws/a"), 101);
		assert_int_equal(status_of(port, "/api/ws/a/b"), 404);
		assert_int_equal(status_of(port, "/ws/a"), 404);
		assert_int_equal(status_of(port, "/api/chat"), 101);
		assert_int_equal(status_of(port, "/chat"), 404);
		assert_int_equal(status_of(port, "/ws"), 404);
		assert_int_equal(status_of(port, "/"), 404);
	}
	stop_and_free(&r);

	/* A mount without a pattern takes the rest, but nothing under the prefix. */
	s = make_mixed(&w, "127.0.0.1:0", "/api");
	assert_int_equal(parley_mount(s, NULL, "qrypt"), 0);
	r = run_on_thread(s);
	assert_int_equal(status_of(r.port, "/api/ws/a"), 101);
	assert_int_equal(status_of(r.port, "/api/nothing"), 404);
	assert_int_equal(status_of(r.port, "/anything"), 101);
	stop_and_free(&r);

	/* So does a listener's dialect; endpoints come first. */
	s = make_mixed(&w, "127.0.0.1:0=qrypt,127.0.0.1:0", NULL);
	r = run_on_thread(s);
	assert_int_equal(status_of(r.port, "/ws/a"), 101);
	assert_int_equal(status_of(r.port, "/anything"), 101);
	assert_int_equal(status_of(parley_port(s, 1), "/anything"), 404);
	stop_and_free(&r);
	assert_int_equal(w.opened, w.closed);
}

/* ---- a mounted chat ---- */

static void test_a_mounted_chat_answers(void **state)
{
	static const char *const set[] = {"store.kind=memory", "auth.secret=" SECRET, NULL};
	struct parley_options o = {.listen = "127.0.0.1:0", .set = set};
	struct pl_token_claims claims = {.subject = PL_S("ada"),
					 .username = PL_S("ada"),
					 .now_s = pl_wall_ms() / 1000,
					 .ttl_s = 60};
	struct pl_buf token;
	char text[2048];
	parley_server *s = NULL;
	(void)state;
	pl_buf_init(&token, 4096);
	assert_int_equal(pl_token_sign(PL_S(SECRET), &claims, &token), 0);
	assert_int_equal(parley_create(&s, &o), 0);
	assert_int_equal(parley_mount(s, "/chat/{any}", "qrypt"), 0);
	struct running r = run_on_thread(s);
	int fd = ws_open(r.port, "/chat/here");
	snprintf(text, sizeof(text),
		 "{\"type\":\"auth\",\"payload\":{\"token\":\"%.*s\"},\"requestId\":\"r1\","
		 "\"timestamp\":\"2025-01-01T00:00:00.000Z\"}",
		 PL_FMT(pl_buf_slice(&token)));
	ws_put(fd, 1, text);
	assert_int_equal(ws_get(fd, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "\"auth_success\""));
	assert_non_null(strstr(text, "\"r1\""));
	parley_stop(s);
	assert_int_equal(ws_closed(fd), 1001);
	close(fd);
	assert_int_equal(wait_for_end(&r), 0);
	parley_free(s);
	pl_buf_fini(&token);
}

/* ---- tokens ---- */

static atomic_int verdict;

static void verify(parley_request *q, void *user)
{
	struct parley_identity who = {.expires_s = 1};
	int err = parley_verify_token(parley_request_server(q), parley_request_query(q, "token"),
				      &who);
	(void)user;
	if (!err && !parley_slice_eq(who.subject, PARLEY_S("ada")))
		err = 1;
	atomic_store(&verdict, err);
	if (err)
		parley_reject(q, 401, "who?");
	else
		parley_accept(q, NULL, NULL);
}

/* Many posts of one turn: what each learns of a token is gone with it. */
#define LONG_NAME "Augusta Ada King, Countess of Lovelace, of Ockham Park in the county of Surrey"

struct verifier {
	parley_server *server;
	struct parley_slice token;
	int right;
};

static void verify_in_a_post(void *arg)
{
	struct verifier *v = arg;
	struct parley_identity who;
	v->right += !parley_verify_token(v->server, v->token, &who) &&
		    parley_slice_eq(who.subject, PARLEY_S(LONG_NAME));
}

static void test_tokens_in_many_posts(void **state)
{
	enum { MANY = 3000 };
	static const char *const set[] = {"auth.secret=" SECRET, NULL};
	struct parley_options o = {.listen = "127.0.0.1:0", .set = set};
	struct parley_endpoint e = PARLEY_ENDPOINT("/x");
	struct pl_token_claims claims = {
		.subject = PL_S(LONG_NAME), .now_s = pl_wall_ms() / 1000, .ttl_s = 60};
	struct verifier v = {.server = NULL};
	struct pl_buf token;
	(void)state;
	pl_buf_init(&token, 1024);
	assert_int_equal(pl_token_sign(PL_S(SECRET), &claims, &token), 0);
	v.token = parley_slice(token.at, token.len);
	assert_int_equal(parley_create(&v.server, &o), 0);
	assert_int_equal(parley_serve(v.server, &e), 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(parley_post(v.server, verify_in_a_post, &v), 0);
	assert_int_equal(parley_turn(v.server, 1000), 1);
	assert_int_equal(v.right, MANY);
	parley_free(v.server);
	pl_buf_fini(&token);
}

static void test_tokens_need_a_configured_key(void **state)
{
	static const char *const with[] = {"auth.secret=" SECRET, NULL};
	struct pl_token_claims claims = {
		.subject = PL_S("ada"), .now_s = pl_wall_ms() / 1000, .ttl_s = 60};
	char path[2048];
	struct pl_buf token;
	(void)state;
	pl_buf_init(&token, 1024);
	assert_int_equal(pl_token_sign(PL_S(SECRET), &claims, &token), 0);
	snprintf(path, sizeof(path), "/x?token=%.*s", PL_FMT(pl_buf_slice(&token)));
	pl_buf_fini(&token);
	for (int i = 0; i < 2; i++) {
		struct parley_options o = {.listen = "127.0.0.1:0", .set = i ? with : NULL};
		struct parley_endpoint e = {.pattern = "/x", .authenticate = verify};
		struct parley_identity who;
		parley_server *s = NULL;
		assert_int_equal(parley_create(&s, &o), 0);
		assert_int_equal(parley_serve(s, &e), 0);
		struct running r = run_on_thread(s);
		assert_int_equal(status_of(r.port, path), i ? 101 : 401);
		assert_int_equal(verdict, i ? 0 : PARLEY_ENOT_FOUND);
		assert_int_equal(status_of(r.port, "/x?token=no"), 401);
		assert_int_equal(verdict, i ? PARLEY_EDENIED : PARLEY_ENOT_FOUND);
		/* Not a callback. */
		assert_int_equal(parley_verify_token(s, PARLEY_S("x"), &who), PARLEY_ESTATE);
		stop_and_free(&r);
	}
}

/* ---- several workers ---- */

enum { WORKERS = 3, PEOPLE = 24 };

static void test_workers_hear_each_other(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = make_server(WORKERS);
	int fd[PEOPLE], here = 0;
	char id[PEOPLE][64], text[128];
	(void)state;
	assert_int_equal(parley_serve(s, &e), 0);
	struct running r = run_on_thread(s);
	for (int i = 0; i < PEOPLE; i++) {
		fd[i] = enter(r.port, "/ws", id[i]);
		ws_put(fd[i], 1, i % 2 ? "join odd" : "join even");
		ws_expect(fd[i], "joined");
	}
	ws_put(fd[0], 1, "all hello");
	for (int i = 0; i < PEOPLE; i++)
		ws_expect(fd[i], "hello");
	assert_int_equal(parley_publish(s, "/ws", PARLEY_S("odd"), PARLEY_S("1")), 0);
	assert_int_equal(
		parley_publish_object(s, "/ws", PARLEY_S("even"), PARLEY_OBJ(parley_kint("n", 2))),
		0);
	assert_int_equal(parley_publish(s, "/no", PARLEY_S("odd"), PARLEY_S("1")),
			 PARLEY_ENOT_FOUND);
	for (int i = 0; i < PEOPLE; i++)
		ws_expect(fd[i], i % 2 ? "1" : "{\"n\":2}");
	/* Each is on one worker, and found only there; asked by itself, always. */
	for (int i = 0; i < PEOPLE; i++) {
		snprintf(text, sizeof(text), "find %s", id[i]);
		ws_put(fd[i], 1, text);
		ws_expect(fd[i], "here");
		ws_put(fd[0], 1, text);
		assert_int_equal(ws_get(fd[0], text, sizeof(text)), 1);
		here += !strcmp(text, "here");
	}
	assert_in_range(here, 1, PEOPLE);
	/* Whichever worker has it. */
	for (int i = 0; i < PEOPLE; i++) {
		assert_int_equal(parley_send_to(s, parley_cstr(id[i]), PARLEY_S("psst")), 0);
		ws_expect(fd[i], "psst");
	}
	assert_int_equal(parley_kick(s, parley_cstr(id[5]), 4001, "out"), 0);
	assert_int_equal(ws_closed(fd[5]), 4001);
	for (int i = 0; i < PEOPLE; i++)
		close(fd[i]);
	stop_and_free(&r);
	assert_int_equal(w.opened, PEOPLE);
	assert_int_equal(w.closed, PEOPLE);
}

struct finder {
	parley_server *server;
	char id[64];
	atomic_int found; /* 1: yes, 2: no */
};

static void find_it(void *arg)
{
	struct finder *f = arg;
	parley_conn *c = parley_find(f->server, parley_cstr(f->id));
	if (c)
		(void)parley_send(c, PARLEY_S("found"));
	atomic_store(&f->found, c ? 1 : 2);
}

static void test_a_post_is_a_callback_of_the_first_worker(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	struct finder f = {.server = make_server(1)};
	(void)state;
	assert_int_equal(parley_serve(f.server, &e), 0);
	struct running r = run_on_thread(f.server);
	int fd = enter(r.port, "/ws", f.id);
	assert_null(parley_find(f.server, parley_cstr(f.id))); /* not in a callback */
	assert_int_equal(parley_post(f.server, find_it, &f), 0);
	ws_expect(fd, "found");
	close(fd);
	stop_and_free(&r);
	assert_int_equal(f.found, 1);
}

/* ---- several servers ---- */

enum { SERVERS = 4, WORDS = 200 };

struct neighbour {
	struct running at, next;
	struct watch watch;
	pthread_t talker;
};

/* Talks to the own server and publishes on the next one, as its clients can hear. */
static void *talk(void *arg)
{
	struct neighbour *n = arg;
	char id[64], word[32];
	int fd = enter(n->at.port, "/ws", id);
	for (int i = 0; i < WORDS; i++) {
		snprintf(word, sizeof(word), "word %d", i);
		ws_put(fd, 1, word);
		ws_expect(fd, word);
		assert_int_equal(
			parley_publish(n->next.server, "/ws", PARLEY_S("nobody"), PARLEY_S("x")),
			0);
	}
	ws_put(fd, 8, "");
	close(fd);
	return NULL;
}

static void test_four_servers_in_one_process(void **state)
{
	struct neighbour n[SERVERS] = {0};
	(void)state;
	for (int i = 0; i < SERVERS; i++) {
		struct parley_endpoint e = endpoint_for(&n[i].watch, "/ws");
		parley_server *s = make_server(i % 2 ? 2 : 1);
		assert_int_equal(parley_serve(s, &e), 0);
		n[i].at = run_on_thread(s);
	}
	for (int i = 0; i < SERVERS; i++) {
		n[i].next = n[(i + 1) % SERVERS].at;
		assert_int_equal(pthread_create(&n[i].talker, NULL, talk, &n[i]), 0);
	}
	for (int i = 0; i < SERVERS; i++)
		pthread_join(n[i].talker, NULL);
	for (int i = 0; i < SERVERS; i++) {
		stop_and_free(&n[i].at);
		assert_int_equal(n[i].watch.opened, 1);
		assert_int_equal(n[i].watch.closed, 1);
	}
}

/* ---- the caller's own loop ---- */

/* Turns only when the descriptor says so, until `until` or the time is over. */
static bool poll_and_turn(parley_server *s, uint64_t ms, int *turns, bool (*until)(void *),
			  void *arg)
{
	uint64_t end = pl_now_ms() + ms;
	while (!until(arg)) {
		uint64_t now = pl_now_ms();
		struct pollfd p = {.fd = parley_fd(s), .events = POLLIN};
		assert_true(p.fd >= 0);
		if (now >= end || poll(&p, 1, (int)(end - now)) == 0)
			return false;
		++*turns;
		if (parley_turn(s, 0) == 0)
			return until(arg);
	}
	return true;
}

enum { LISTENERS = 8, PINGS = 5 };
struct pinged {
	int fd[LISTENERS], pings[LISTENERS], echoes;
};

/* Answers every ping, until each of them had some. */
static bool has_enough_pings(void *arg)
{
	struct pinged *p = arg;
	char got[64];
	int served = 0;
	for (int i = 0; i < LISTENERS; i++) {
		while (!is_quiet(p->fd[i], 0)) {
			int op = ws_get(p->fd[i], got, sizeof(got));
			assert_true(op == 9 || op == 1);
			if (op == 9)
				ws_put(p->fd[i], 10, got);
			p->pings[i] += op == 9;
			p->echoes += op == 1 && !strcmp(got, "last");
		}
		served += p->pings[i] >= PINGS;
	}
	return served == LISTENERS;
}

static bool has_echo(void *arg)
{
	(void)has_enough_pings(arg);
	return ((struct pinged *)arg)->echoes > 0;
}

static bool has_answer(void *arg)
{
	return !is_quiet(*(const int *)arg, 0);
}

static bool has_ended(void *arg)
{
	return parley_turn(arg, 0) == 0;
}

static void test_the_descriptor_tells_when_to_turn(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = make_server(2);
	struct pinged p = {.echoes = 0};
	int turns = 0;
	(void)state;
	e.heartbeat_ms = 200;
	assert_int_equal(parley_serve(s, &e), 0);
	assert_int_equal(parley_start(s), 0);
	/* Several, so that some are the first worker's, whose loop this is. */
	for (int i = 0; i < LISTENERS; i++) {
		p.fd[i] = dial(parley_port(s, 0));
		ask_upgrade(p.fd[i], "/ws");
	}
	for (int i = 0; i < LISTENERS; i++) {
		assert_true(poll_and_turn(s, 5000, &turns, has_answer, &p.fd[i]));
		assert_int_equal(read_status(p.fd[i]), 101);
	}
	/* Nobody says anything but pong: only its own timers can make a turn due. */
	turns = 0;
	assert_true(poll_and_turn(s, 15000, &turns, has_enough_pings, &p));
	/* It sleeps in between: timers and pongs cost turns, but not thousands. */
	assert_in_range(turns, PINGS, 1000);
	ws_put(p.fd[0], 1, "last");
	assert_true(poll_and_turn(s, 5000, &turns, has_echo, &p));
	parley_stop(s);
	for (int i = 0; i < LISTENERS; i++)
		close(p.fd[i]);
	assert_true(poll_and_turn(s, 20000, &turns, has_ended, s));
	parley_free(s);
	assert_int_equal(w.opened, LISTENERS);
	assert_int_equal(w.closed, LISTENERS);
}

/* ---- the end ---- */

static void test_everybody_hears_the_goodbye(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = make_server(2);
	int fd[8];
	char id[64];
	(void)state;
	assert_int_equal(parley_serve(s, &e), 0);
	struct running r = run_on_thread(s);
	for (int i = 0; i < 8; i++)
		fd[i] = enter(r.port, "/ws", id);
	parley_stop(s);
	for (int i = 0; i < 8; i++) {
		char got[256];
		int op;
		while ((op = ws_get(fd[i], got, sizeof(got))) == 1)
			assert_string_equal(got, "bye"); /* of one that left before */
		assert_int_equal(op, 8);
		assert_int_equal((unsigned char)got[0] << 8 | (unsigned char)got[1], 1001);
		close(fd[i]);
	}
	assert_int_equal(wait_for_end(&r), 0);
	parley_free(s);
	assert_int_equal(w.closed, 8);
}

static void test_the_patience_of_a_drain_ends(void **state)
{
	static const char *const set[] = {"drain.deadline=100ms", NULL};
	struct parley_options o = {.listen = "127.0.0.1:0", .set = set};
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = NULL;
	char id[64];
	(void)state;
	assert_int_equal(parley_create(&s, &o), 0);
	assert_int_equal(parley_serve(s, &e), 0);
	struct running r = run_on_thread(s);
	int fd = enter(r.port, "/ws", id); /* who never answers */
	uint64_t before = pl_now_ms();
	parley_stop(s);
	assert_int_equal(wait_for_end(&r), 0);
	assert_in_range(pl_now_ms() - before, 90, 4000);
	parley_free(s);
	assert_int_equal(w.closed, 1);
	close(fd);
}

enum end { AT_ONCE, BY_TURNS, STOPPED, AFTER_RUN, ENDS };

static void live_until(enum end how)
{
	static const char *const set[] = {"drain.deadline=50ms", "limits.enabled=false", NULL};
	struct parley_options o = {.listen = "127.0.0.1:0", .set = set, .workers = 2};
	struct watch w = {0}, slow = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws"), late = endpoint_for(&slow, "/late");
	parley_server *s = NULL;
	int fd[6], turns = 0;
	late.authenticate = on_authenticate;
	assert_int_equal(parley_create(&s, &o), 0);
	assert_int_equal(parley_serve(s, &e), 0);
	assert_int_equal(parley_serve(s, &late), 0);
	assert_int_equal(parley_start(s), 0);
	for (int i = 0; i < 6; i++) {
		fd[i] = dial(parley_port(s, 0));
		ask_upgrade(fd[i], i == 5 ? "/late" : "/ws");
	}
	for (; how != AT_ONCE && (w.opened < 5 || !slow.pending) && turns < 2000; turns++)
		assert_int_equal(parley_turn(s, 5), 1);
	assert_true(turns < 2000);
	if (how == STOPPED || how == AFTER_RUN)
		parley_stop(s);
	if (how == AFTER_RUN)
		assert_int_equal(parley_run(s), 0);
	parley_free(s);
	if (slow.pending)
		parley_accept(slow.pending, NULL, NULL);
	if (how != AT_ONCE)
		assert_int_equal(w.opened, 5);
	assert_int_equal(w.closed, w.opened);
	assert_int_equal(slow.opened, 0);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
}

static void test_free_in_every_state_closes_everybody(void **state)
{
	(void)state;
	for (enum end how = 0; how < ENDS; how++)
		for (int round = 0; round < 5; round++)
			live_until(how);
}

static void test_an_answer_may_come_from_another_thread(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = make_server(1);
	char id[64];
	(void)state;
	e.authenticate = on_authenticate;
	assert_int_equal(parley_serve(s, &e), 0);
	struct running r = run_on_thread(s);
	int fd = dial(r.port);
	ask_upgrade(fd, "/ws");
	for (int i = 0; i < 2000 && !atomic_load(&w.pending); i++)
		usleep(1000);
	assert_non_null(atomic_load(&w.pending));
	parley_accept(atomic_load(&w.pending), NULL, NULL);
	assert_int_equal(read_status(fd), 101);
	assert_int_equal(ws_get(fd, id, sizeof(id)), 1);
	close(fd);
	stop_and_free(&r);
}

/* The answer and the end of the server at the same moment: each order is fine. */
static void on_freed(void *arg)
{
	struct watch *w = arg;
	atomic_fetch_add(&w->freed, 1);
}

static void *accept_soon(void *arg)
{
	struct watch *w = arg;
	while (!atomic_load(&w->pending))
		usleep(10);
	while (!atomic_load(&w->is_slow))
		;
	parley_accept(atomic_load(&w->pending), w, on_freed);
	return NULL;
}

static void test_an_answer_meets_the_end(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct watch w = {0};
		struct parley_endpoint e = endpoint_for(&w, "/ws");
		parley_server *s = make_server(1);
		pthread_t thread;
		e.authenticate = on_authenticate;
		assert_int_equal(parley_serve(s, &e), 0);
		assert_int_equal(parley_start(s), 0);
		assert_int_equal(pthread_create(&thread, NULL, accept_soon, &w), 0);
		int fd = dial(parley_port(s, 0));
		ask_upgrade(fd, "/ws");
		while (!atomic_load(&w.pending))
			assert_int_equal(parley_turn(s, 1000), 1);
		atomic_store(&w.is_slow, true);
		usleep((useconds_t)round % 20);
		parley_free(s);
		pthread_join(thread, NULL);
		assert_int_equal(w.opened, w.closed);
		assert_int_equal(w.freed, 1);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_lead_where_they_should),
		cmocka_unit_test(test_a_mounted_chat_answers),
		cmocka_unit_test(test_tokens_need_a_configured_key),
		cmocka_unit_test(test_tokens_in_many_posts),
		cmocka_unit_test(test_workers_hear_each_other),
		cmocka_unit_test(test_a_post_is_a_callback_of_the_first_worker),
		cmocka_unit_test(test_four_servers_in_one_process),
		cmocka_unit_test(test_the_descriptor_tells_when_to_turn),
		cmocka_unit_test(test_everybody_hears_the_goodbye),
		cmocka_unit_test(test_the_patience_of_a_drain_ends),
		cmocka_unit_test(test_free_in_every_state_closes_everybody),
		cmocka_unit_test(test_an_answer_may_come_from_another_thread),
		cmocka_unit_test(test_an_answer_meets_the_end),
	};
	if (getenv("ONLY"))
		cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
