/* Proves that an allocation that fails, whichever it is, harms at most the client that it was for:
 * a story that touches everything is told with each allocation of the server failing once. */
#include "socketio/testing.h"

static parley_handshake *waiting;
static parley_reply *reply;
static int balance; /* of data that was given and freed */

static void free_data(void *data)
{
	assert_string_equal(data, "data");
	balance--;
}

static void authorize(parley_handshake *h, void *user)
{
	(void)user;
	parley_identify(h, PARLEY_S("anna"));
	if (parley_is(parley_handshake_auth(h), "token", "later")) {
		waiting = h;
	} else if (parley_is(parley_handshake_auth(h), "token", "bad")) {
		parley_deny(h, "no", PARLEY_OBJ(parley_kint("code", 1)));
	} else {
		balance++;
		parley_admit(h, (void *)(uintptr_t) "data", free_data);
	}
}

static int on_connect(parley_socket *k)
{
	note(&sio_world_of(k)->w, parley_socket_recovered(k) ? "back " : "new ");
	(void)parley_request_query(parley_socket_request(k), "color");
	int err = parley_socket_join(k, PARLEY_S("r"));
	return err ? err : parley_emit(k, PARLEY_S("hello"), PARLEY_NO_ARGS);
}

static int on_echo(parley_socket *k, const parley_packet *p)
{
	if (parley_wants_ack(p))
		return parley_ack(p, PARLEY_ARGS(parley_apacket(p, 0)));
	return parley_emit(k, PARLEY_S("back"), PARLEY_ARGS(parley_apacket(p, 0)));
}

static int on_later(parley_socket *k, const parley_packet *p)
{
	(void)k;
	reply = parley_ack_later(p);
	return 0;
}

static void on_answer(parley_socket *k, int err, const parley_packet *answer, void *ctx)
{
	(void)answer;
	(void)ctx;
	note(&sio_world_of(k)->w, "answer:%d ", err);
	balance--;
}

static int on_ask(parley_socket *k, const parley_packet *p)
{
	(void)p;
	int err = parley_emit_with_ack(k, PARLEY_S("ask"), PARLEY_NO_ARGS, 0, on_answer, NULL);
	balance += !err;
	return err;
}

static int on_all(parley_socket *k, const parley_packet *p)
{
	struct parley_slice rooms[] = {PARLEY_S("r"), PARLEY_S("s")};
	struct parley_target t = {.rooms = rooms, .nrooms = 2, .but = k};
	struct pl_sio *sio = sio_world_of(k)->sio;
	int err = pl_sio_emit_to(sio, "/", &t, PL_S("all"), PARLEY_ARGS(parley_apacket(p, 0)));
	if (!err)
		err = pl_sio_sockets_join(sio, "/", NULL, PL_S("s"));
	if (!err)
		err = pl_sio_sockets_leave(sio, "/", &t, PL_S("s"));
	note(&sio_world_of(k)->w, "all:%d ", err);
	return err;
}

static const struct parley_on events[] = {
	{"echo", on_echo}, {"later", on_later}, {"ask", on_ask}, {"all", on_all}, {NULL, NULL}};
static const struct parley_namespace root = {.name = "/*",
					     .events = events,
					     .recovery_ms = 60000,
					     .keep_request = true,
					     .authorize = authorize,
					     .on_connect = on_connect};

/* What may have failed is not waited for. */
static void pass(struct sio_world *s, struct client *c, const char *text)
{
	char whole[256];
	(void)snprintf(whole, sizeof(whole), "4%s", text);
	say(&s->w, c, whole);
	settle(&s->w);
}

static struct client *shake(struct sio_world *s, int worker)
{
	struct client *c =
		client_ask_at(&s->w, worker, "/socket.io/?EIO=4&transport=websocket&color=red", "");
	settle(&s->w);
	return c;
}

/* Of the first CONNECT reply that the client has got; empty: none. */
static void find_pid(const struct client *c, char out[PID_LEN + 1])
{
	const char *at = c->got.len ? memmem(c->got.at, c->got.len, "\"pid\":\"", 7) : NULL;
	memset(out, 0, PID_LEN + 1);
	if (at)
		memcpy(out, at + 7, PID_LEN);
}

static void tell_story(struct sio_world *s)
{
	char pid[PID_LEN + 1], packet[256];
	struct client *c = shake(s, 0), *d = shake(s, 1);
	pass(s, c, "0");
	pass(s, d, "0{\"token\":\"bad\"}");
	waiting = NULL;
	pass(s, d, "0{\"token\":\"later\"}");
	server_begins(&s->w);
	if (waiting) {
		balance++;
		parley_admit(waiting, (void *)(uintptr_t) "data", free_data);
	}
	server_ends(&s->w);
	settle(&s->w);
	pass(s, c, "0/dynamic,");
	pass(s, c, "27[\"echo\",1]");
	pass(s, c, "51-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
	say_bytes(&s->w, c, PL_WS_BINARY, PL_S("bytes"));
	settle(&s->w);
	pass(s, c, "2[\"ask\"]");
	pass(s, c, "30[1]");
	pass(s, d, "2[\"ask\"]");
	reply = NULL;
	pass(s, c, "28[\"later\"]");
	server_begins(&s->w);
	if (reply)
		(void)parley_reply_send(reply, PARLEY_ARGS(parley_abin(PARLEY_S("x"))));
	server_ends(&s->w);
	settle(&s->w);
	pass(s, c, "2[\"all\",1]");
	pass(s, d, "2[\"all\",2]");
	/* Comes back on the other worker, and there again. */
	find_pid(c, pid);
	hang_up(c);
	settle(&s->w);
	pass(s, d, "2[\"all\",3]");
	for (int i = 0; i < 2; i++) {
		c = shake(s, 1);
		(void)snprintf(packet, sizeof(packet), "0{\"pid\":\"%s\"}", pid);
		pass(s, c, packet);
		pass(s, d, "2[\"all\",4]");
		hang_up(c);
		settle(&s->w);
	}
	pass(s, d, "1");
}

static void each_allocation_may_fail(void **state)
{
	unsigned long n = 0;
	bool has_failed = true;
	(void)state;
	while (has_failed) {
		struct sio_world s;
		sio_open(&s, &root, 2);
		balance = 0;
		s.w.fail_in = ++n;
		tell_story(&s);
		has_failed = s.w.has_failed;
		s.w.fail_in = 0;
		if (!has_failed) /* that is how it is meant */
			expect_log(&s.w, "new new new answer:0 all:0 all:0 all:0 back all:0 back "
					 "all:0 answer:-4 ");
		/* The server serves: somebody new is as well off as ever. */
		struct client *c = engine_at(&s, (int)n % 2);
		tell(&s, c, "0");
		joined(&s, c, "");
		assert_memory_equal(heard(&s, c), "2[\"hello\",\"", 11);
		tell(&s, c, "29[\"echo\",9]");
		expect(&s, c, "39[9]");
		sio_end(&s);
		if (balance)
			fail_msg("allocation %lu: %d left", n, balance);
	}
	assert_in_range(n, 200, 5000);
}

static void a_site_may_fail(void **state)
{
	(void)state;
	for (unsigned long n = 1;; n++) {
		struct sio_world s;
		const char *why = NULL;
		sio_new(&s, 1);
		sio_namespace(&s, &root);
		sio_namespace(&s, &(struct parley_namespace){.name = "/"});
		assert_int_equal(pl_sio_add_engine(s.sio, &(struct parley_engineio){.path = "/e"},
						   sizeof(struct parley_engineio), &why),
				 0);
		assert_int_equal(world_try(&s.w, 0), 0);
		pl_mem_fail_at(n, false);
		int err = pl_sio_site_new(s.sio, 0, s.w.loops[0], s.w.sets[0], s.w.sites[0],
					  &s.sites[0]);
		bool has_failed = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		assert_int_equal(err, has_failed ? PL_ENOMEM : 0);
		sio_end(&s);
		if (!has_failed)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_site_may_fail),
		cmocka_unit_test(each_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
