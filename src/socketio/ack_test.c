/* Proves that acknowledgements find their way: those that a client waits for, also from another
 * thread and after everybody has gone, and those that we wait for, each exactly once. */
#include "socketio/testing.h"

static parley_reply *reply;

static int on_later(parley_socket *k, const parley_packet *p)
{
	(void)k;
	reply = parley_ack_later(p);
	assert_false(parley_wants_ack(p));
	assert_int_equal(parley_ack(p, PARLEY_NO_ARGS), PARLEY_ESTATE);
	return reply ? 0 : PARLEY_ENOMEM;
}

static void on_answer(parley_socket *k, int err, const parley_packet *answer, void *ctx)
{
	struct world *w = &sio_world_of(k)->w;
	struct parley_slice first = parley_raw(answer ? parley_arg(answer, 0) : NULL);
	if (!ctx)
		return;
	note(w, "%s:%d", (const char *)ctx, err);
	if (answer)
		note(w, "/%zu:%.*s", parley_nargs(answer), PARLEY_FMT(first));
	note(w, " ");
	if (err == PARLEY_ECLOSED)
		assert_int_equal(parley_emit_with_ack(k, PARLEY_S("more"), PARLEY_NO_ARGS, 0,
						      on_answer, ctx),
				 PARLEY_ECLOSED);
}

static int ask(parley_socket *k, const char *name, uint32_t timeout_ms)
{
	return parley_emit_with_ack(k, PARLEY_S("ask"), PARLEY_ARGS(parley_astr(parley_cstr(name))),
				    timeout_ms, on_answer, (void *)(uintptr_t)name);
}

static int on_ask(parley_socket *k, const parley_packet *p)
{
	(void)p;
	int err = ask(k, "a", 0);
	return err ? err : ask(k, "b", 40);
}

static void on_disconnect(parley_socket *k, const char *reason)
{
	note(&sio_world_of(k)->w, "-%s ", reason);
}

static const struct parley_on events[] = {{"later", on_later}, {"ask", on_ask}, {NULL, NULL}};
static const struct parley_namespace root = {
	.name = "/", .events = events, .on_disconnect = on_disconnect};

static void a_client_waits_until_later(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	tell(&s, c, "27[\"later\"]");
	expect_nothing(&s.w, c);
	assert_int_equal(
		parley_reply_send(reply, PARLEY_ARGS(parley_aint(1), parley_abin(PARLEY_S("x")))),
		0);
	expect(&s, c, "61-7[1,{\"_placeholder\":true,\"num\":0}]");
	expect_bytes(&s, c, "x");
	/* None is sent: the client waits on. */
	tell(&s, c, "28[\"later\"]");
	settle(&s.w);
	assert_int_equal(parley_reply_send(reply, NULL), 0);
	expect_nothing(&s.w, c);
	tell(&s, c, "29[\"later\"]");
	settle(&s.w);
	assert_int_equal(parley_reply_send(reply, PARLEY_NO_ARGS), 0);
	expect(&s, c, "39[]");
	assert_int_equal(s.sites[0]->nasked, 0);
	sio_end(&s);
}

static void a_client_does_not_wait_any_more(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	tell(&s, c, "27[\"later\"]");
	settle(&s.w);
	parley_reply *first = reply;
	tell(&s, c, "1");
	join_as(&s, c, "");
	assert_int_equal(parley_reply_send(first, PARLEY_NO_ARGS), 0);
	expect_nothing(&s.w, c);
	tell(&s, c, "27[\"later\"]");
	settle(&s.w);
	sio_end(&s);
	assert_int_equal(parley_reply_send(reply, PARLEY_NO_ARGS), 0);
}

static void we_wait(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s), *d = peer_new(&s);
	tell(&s, c, "2[\"ask\"]");
	expect(&s, c, "20[\"ask\",\"a\"]");
	expect(&s, c, "21[\"ask\",\"b\"]");
	/* Ids count per namespace. */
	tell(&s, d, "2[\"ask\"]");
	expect(&s, d, "22[\"ask\",\"a\"]");
	expect(&s, d, "23[\"ask\",\"b\"]");
	/* Somebody else's answer, one twice, one that comes first. */
	tell(&s, c, "33[0]");
	tell(&s, c, "31[{\"x\":1},2]");
	tell(&s, c, "31[3]");
	tell(&s, c, "61-0[{\"_placeholder\":true,\"num\":0}]");
	say_bytes(&s.w, c, PL_WS_BINARY, PL_S("bytes"));
	settle(&s.w);
	expect_log(&s.w, "b:0/2:{\"x\":1} a:0/1:{\"_placeholder\":true,\"num\":0} ");
	/* Too late, and gone. */
	UNTIL(&s.w, s.w.log_len);
	expect_log(&s.w, "b:-17 ");
	tell(&s, d, "33[0]");
	hang_up(d);
	settle(&s.w);
	expect_log(&s.w, "a:-4 -transport close ");
	sio_end(&s);
}

static void we_do_not_wait_for_too_many(void **state)
{
	struct sio_world s;
	struct sid id;
	int n = 0, err = 0;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_at(&s, 0, &id);
	parley_socket *k = pl_sio_site_socket(s.sites[0], pl_slice(id.text, SOCKET_ID));
	assert_int_equal(parley_emit_with_ack(k, PARLEY_S("x"), PARLEY_NO_ARGS, 0, NULL, NULL),
			 PARLEY_EINVAL);
	assert_int_equal(
		parley_emit_with_ack(k, PARLEY_S("connect"), PARLEY_NO_ARGS, 0, on_answer, NULL),
		PARLEY_EINVAL);
	while (!(err = parley_emit_with_ack(k, PARLEY_S("x"), PARLEY_NO_ARGS, 0, on_answer, NULL)))
		n++;
	assert_int_equal(err, PARLEY_ELIMIT);
	assert_int_equal(n, 1000);
	tell(&s, c, "3999[]");
	settle(&s.w);
	assert_int_equal(ask(k, "one more", 0), 0);
	hang_up(c);
	settle(&s.w);
	expect_log(&s.w, "one more:-4 -transport close ");
	sio_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_waits_until_later),
		cmocka_unit_test(a_client_does_not_wait_any_more),
		cmocka_unit_test(we_wait),
		cmocka_unit_test(we_do_not_wait_for_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
