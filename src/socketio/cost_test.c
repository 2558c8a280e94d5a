/* Proves what the hot paths cost once they are warm: an event and its acknowledgement take no
 * memory, a broadcast a frame however many hear it; and that the structs of those who are idle
 * stay as small as they are. */
#include "socketio/testing.h"

enum { PEERS = 20, ROUNDS = 50, NEVER = 1 << 30 };

static int on_echo(parley_socket *k, const parley_packet *p)
{
	(void)k;
	return parley_ack(p, PARLEY_ARGS(parley_apacket(p, 0)));
}

static int on_back(parley_socket *k, const parley_packet *p)
{
	int err = parley_emit(k, PARLEY_S("back"),
			      PARLEY_ARGS(parley_astr(parley_arg_str(p, 0)), parley_aint(7)));
	return err ? err : parley_emit_volatile(k, PARLEY_S("v"), PARLEY_NO_ARGS);
}

static int on_say(parley_socket *k, const parley_packet *p)
{
	struct parley_slice room = PARLEY_S("r");
	struct parley_target t = {.rooms = &room, .nrooms = 1, .but = k};
	return pl_sio_emit_to(sio_world_of(k)->sio, "/", &t, PL_S("said"),
			      PARLEY_ARGS(parley_apacket(p, 0)));
}

static int on_connect(parley_socket *k)
{
	return parley_socket_join(k, PARLEY_S("r"));
}

static const struct parley_on events[] = {
	{"echo", on_echo}, {"back", on_back}, {"say", on_say}, {NULL, NULL}};
static const struct parley_namespace root = {
	.name = "/", .events = events, .on_connect = on_connect};

/* Allocations of the server for so many of these packets. */
static unsigned long cost_of(struct sio_world *s, struct client *c, const char *packet)
{
	unsigned long made = 0;
	char whole[256];
	struct pl_buf b;
	pl_buf_init(&b, 1000);
	(void)snprintf(whole, sizeof(whole), "4%s", packet);
	pl_ws_put(&b, PL_WS_TEXT, pl_slice_str(whole), test_mask);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		assert_int_equal(send(c->fd, b.at, b.len, 0), (ssize_t)b.len);
		pl_mem_fail_at(NEVER, false);
		pl_loop_turn(s->w.loops[0], 0);
		/* The first ones warm up. */
		made += i < ROUNDS ? 0 : pl_mem_count();
		pl_mem_fail_at(0, false);
		for (int k = 0; k < s->w.nclients; k++) {
			char sink[4096];
			while (recv(s->w.clients[k].fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
				;
		}
	}
	pl_buf_fini(&b);
	return made;
}

static void events_take_no_memory(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	assert_int_equal(cost_of(&s, c, "27[\"echo\",\"x\",{\"a\":[1,2,3]}]"), 0);
	assert_int_equal(cost_of(&s, c, "2[\"back\",\"x\"]"), 0);
	assert_int_equal(cost_of(&s, c, "2[\"unknown\"]"), 0);
	sio_end(&s);
}

static void a_broadcast_is_one_frame(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	for (int i = 1; i < PEERS; i++)
		peer_new(&s);
	/* The frame, and what its text is put together in. */
	unsigned long many = cost_of(&s, c, "2[\"say\",\"hello\"]");
	assert_in_range(many, 1, 2 * ROUNDS);
	sio_end(&s);
}

static void idle_structs_are_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct pl_sio_client) <= 96);
	assert_true(sizeof(parley_socket) <= 112);
	assert_true(sizeof(struct pl_sio_extra) <= 64);
	assert_true(sizeof(struct pl_sio_track) <= 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_take_no_memory),
		cmocka_unit_test(a_broadcast_is_one_frame),
		cmocka_unit_test(idle_structs_are_small),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
