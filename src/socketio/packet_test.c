/* Proves that what clients say arrives, or ends them: events, acknowledgements and attachments as
 * Socket.IO 5 writes them, and each malformed packet closes the engine. */
#include "socketio/testing.h"

static int on_echo(parley_socket *k, const parley_packet *p)
{
	return parley_emit(k, PARLEY_S("back"), PARLEY_ARGS(parley_apacket(p, 0)));
}

static int on_answer(parley_socket *k, const parley_packet *p)
{
	(void)k;
	assert_true(parley_wants_ack(p));
	int err = parley_ack(p, PARLEY_ARGS(parley_apacket(p, 0)));
	assert_false(parley_wants_ack(p));
	assert_int_equal(parley_ack(p, PARLEY_NO_ARGS), PARLEY_ESTATE);
	assert_null(parley_ack_later(p));
	return err;
}

static int on_fail(parley_socket *k, const parley_packet *p)
{
	(void)k;
	assert_false(parley_wants_ack(p));
	assert_int_equal(parley_ack(p, PARLEY_NO_ARGS), PARLEY_ESTATE);
	assert_null(parley_ack_later(p));
	return PARLEY_EBUSY;
}

static int on_any(parley_socket *k, const parley_packet *p)
{
	struct parley_slice name = parley_packet_event(p);
	note(&sio_world_of(k)->w, "?%.*s/%zu ", PARLEY_FMT(name), parley_nargs(p));
	return name.len && name.at[0] == '!' ? PARLEY_EIO : 0;
}

static void on_error(parley_socket *k, int err, const char *event)
{
	note(&sio_world_of(k)->w, "!%d:%s ", err, event);
}

static void on_disconnect(parley_socket *k, const char *reason)
{
	note(&sio_world_of(k)->w, "-%s ", reason);
}

static const struct parley_on events[] = {
	{"echo", on_echo}, {"answer", on_answer}, {"fail", on_fail}, {NULL, NULL}};
static const struct parley_namespace root = {.name = "/",
					     .events = events,
					     .on_any = on_any,
					     .on_error = on_error,
					     .on_disconnect = on_disconnect};

static void events_find_their_function(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	tell(&s, c, "2[\"echo\",1,\"2\",{\"3\":[true]}]");
	expect(&s, c, "2[\"back\",1,\"2\",{\"3\":[true]}]");
	tell(&s, c, "2[\"echo\"]");
	expect(&s, c, "2[\"back\"]");
	tell(&s, c, "2[\"other\",1,2]");
	tell(&s, c, "2[\"\"]");
	tell(&s, c, "2[17,{}]");
	tell(&s, c, "2[\"!own\"]");
	tell(&s, c, "2[\"fail\"]");
	settle(&s.w);
	expect_log(&s.w, "?other/2 ?/0 ?17/1 ?!own/0 !-13:!own !-5:fail ");
	sio_end(&s);
}

static void events_without_a_function_are_ignored(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &(struct parley_namespace){.name = "/"}, 1);
	struct client *c = peer_new(&s);
	tell(&s, c, "21[\"other\"]");
	tell(&s, c, "2[\"other\"]");
	expect_nothing(&s.w, c);
	sio_end(&s);
}

static void acknowledgements_bring_the_id_back(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	tell(&s, c, "2456[\"answer\",1,\"2\",{\"3\":[false]}]");
	expect(&s, c, "3456[1,\"2\",{\"3\":[false]}]");
	tell(&s, c, "20[\"answer\"]");
	expect(&s, c, "30[]");
	/* Nobody asked for these; they are nothing, and say so. */
	tell(&s, c, "31[\"x\"]");
	tell(&s, c, "3[\"x\"]");
	tell(&s, c, "31");
	tell(&s, c, "20");
	expect_nothing(&s.w, c);
	sio_end(&s);
}

static void say_bin(struct sio_world *s, struct client *c, const char *bytes)
{
	say_bytes(&s->w, c, PL_WS_BINARY, pl_slice_str(bytes));
}

static void attachments_travel_beside(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	tell(&s, c,
	     "52-[\"echo\",{\"_placeholder\":true,\"num\":0},"
	     "{\"a\":{\"_placeholder\":true,\"num\":1}}]");
	say_bin(&s, c, "one");
	expect_nothing(&s.w, c);
	say_bin(&s, c, "");
	expect(&s, c,
	       "52-[\"back\",{\"_placeholder\":true,\"num\":0},"
	       "{\"a\":{\"_placeholder\":true,\"num\":1}}]");
	expect_bytes(&s, c, "one");
	expect_bytes(&s, c, "");
	tell(&s, c, "51-789[\"answer\",{\"_placeholder\":true,\"num\":0}]");
	say_bin(&s, c, "\1\2\3");
	expect(&s, c, "61-789[{\"_placeholder\":true,\"num\":0}]");
	expect_bytes(&s, c, "\1\2\3");
	/* Ten, and more than nine in the answer. */
	tell(&s, c,
	     "510-[\"echo\",{\"_placeholder\":true,\"num\":9},{\"_placeholder\":true,\"num\":0},"
	     "{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":2},"
	     "{\"_placeholder\":true,\"num\":3},{\"_placeholder\":true,\"num\":4},"
	     "{\"_placeholder\":true,\"num\":5},{\"_placeholder\":true,\"num\":6},"
	     "{\"_placeholder\":true,\"num\":7},{\"_placeholder\":true,\"num\":8}]");
	for (int i = 0; i < 10; i++)
		say_bin(&s, c, (char[]){(char)('a' + i), '\0'});
	assert_memory_equal(heard(&s, c), "510-[\"back\",{", 13);
	for (int i = 0; i < 10; i++)
		expect_bytes(&s, c, (char[]){(char)('a' + (i + 9) % 10), '\0'});
	sio_end(&s);
}

static void what_looks_like_a_placeholder_is_no_attachment(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	tell(&s, c, "2[\"echo\",{\"_placeholder\":true,\"num\":0}]");
	expect(&s, c, "2[\"back\",{\"_placeholder\":true,\"num\":0}]");
	sio_end(&s);
}

/* A string of JavaScript may end within a character; UTF-8 cannot say so: U+FFFD stands there. */
static void half_characters_are_no_mistake(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_new(&s);
	tell(&s, c, "2[\"echo\",\"a\\ud83d\",{\"\\udc00\":\"\\ud83d\\ude00\"}]");
	expect(&s, c, "2[\"back\",\"a\\ufffd\",{\"\\ufffd\":\"\\ud83d\\ude00\"}]");
	tell(&s, c, "51-[\"echo\",\"\\ud83d\",{\"_placeholder\":true,\"num\":0}]");
	say_bin(&s, c, "bytes");
	expect(&s, c, "51-[\"back\",\"\\ufffd\",{\"_placeholder\":true,\"num\":0}]");
	expect_bytes(&s, c, "bytes");
	/* What was mended before is forgotten. */
	tell(&s, c, "2[\"echo\",1]");
	expect(&s, c, "2[\"back\",1]");
	tell(&s, c, "2[\"echo\",\"\\ud83d\"");
	expect_end(&s, c);
	sio_end(&s);
}

static void malformed_packets_close(void **state)
{
	static const char *const packets[] = {
		"",
		"abc",
		"9",
		"7[\"x\"]",
		"2{}",
		"2[]",
		"2[null]",
		"2[{\"a\":1}]",
		"2not json",
		"2[\"x\"",
		"2[\"x\"]]",
		"2abc[\"x\"]",
		"2[\"connect\"]",
		"2[\"connect_error\"]",
		"2[\"disconnect\"]",
		"2[\"disconnecting\"]",
		"2[\"newListener\"]",
		"2[\"removeListener\"]",
		"29999999999999999[\"x\"]",
		"1{}",
		"3{}",
		"31\"x\"",
		"4{\"message\":\"x\"}",
		"5[\"x\"]",
		"5-[\"x\"]",
		"50-[\"x\"]",
		"511-[\"x\"]",
		"59999999-[\"x\"]",
		"6[]",
		"51-[\"x\",{\"_placeholder\":true,\"num\":1}]",
		"51-[\"x\",{\"_placeholder\":true,\"num\":-1}]",
		"51-[\"x\",{\"_placeholder\":true,\"num\":\"0\"}]",
		"51-[\"x\",{\"_placeholder\":true,\"num\":0.5}]",
		"51-[\"disconnect\",{\"_placeholder\":true,\"num\":0}]",
		"2[\"x\",{\"a\":1,\"a\":2}]",
		"0/custom,[1]",
		"0/custom,\"s\"",
	};
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		s.w.nclients = 0;
		struct client *c = peer_new(&s);
		tell(&s, c, packets[i]);
		expect_end(&s, c);
		settle(&s.w);
		if (strcmp(s.w.log, "-forced close ") != 0)
			fail_msg("%s: %s", packets[i], s.w.log);
		forget_log(&s.w);
		hang_up(c);
	}
	sio_end(&s);
}

static void attachments_out_of_turn_close(void **state)
{
	struct sio_world s;
	(void)state;
	sio_open(&s, &root, 1);
	/* Unasked. */
	struct client *c = peer_new(&s);
	say_bin(&s, c, "x");
	expect_end(&s, c);
	/* A text instead. */
	c = peer_new(&s);
	tell(&s, c, "51-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
	tell(&s, c, "2[\"echo\"]");
	expect_end(&s, c);
	/* One too many. */
	c = peer_new(&s);
	tell(&s, c, "51-[\"other\",{\"_placeholder\":true,\"num\":0}]");
	say_bin(&s, c, "x");
	say_bin(&s, c, "x");
	expect_end(&s, c);
	settle(&s.w);
	expect_log(&s.w, "-forced close -forced close ?other/1 -forced close ");
	sio_end(&s);
}

static struct pl_sio_assembly *assembly_of(struct sio_world *s, const struct sid *id)
{
	parley_socket *k = pl_sio_site_socket(s->sites[0], pl_slice(id->text, SOCKET_ID));
	return k->client->assembly;
}

static void attachments_have_limits(void **state)
{
	struct sio_world s;
	struct sid id;
	char big[1001] = "";
	(void)state;
	memset(big, 'x', 1000);
	sio_new(&s, 1);
	sio_options(&s, &(struct parley_socketio){.max_payload = 1000, .max_attachments = 12});
	sio_namespace(&s, &root);
	sio_start(&s);
	/* So many. */
	struct client *c = peer_at(&s, 0, &id);
	tell(&s, c, "512-[\"other\"]");
	for (int i = 0; i < 12; i++)
		say_bin(&s, c, "x");
	settle(&s.w);
	expect_log(&s.w, "?other/0 ");
	tell(&s, c, "513-[\"other\"]");
	expect_end(&s, c);
	/* So many bytes. */
	c = peer_at(&s, 0, &id);
	tell(&s, c, "512-[\"other\"]");
	for (int i = 0; i < ASSEMBLY_TIMES_MAX_PAYLOAD; i++)
		say_bin(&s, c, big);
	assert_non_null(assembly_of(&s, &id));
	say_bin(&s, c, "x");
	expect_end(&s, c);
	/* So long. */
	c = peer_at(&s, 0, &id);
	tell(&s, c, "51-[\"other\"]");
	settle(&s.w);
	struct pl_timer *deadline = &assembly_of(&s, &id)->deadline;
	assert_true(pl_timer_is_set(deadline));
	assert_in_range(deadline->due_ms - pl_now_ms(), ASSEMBLY_MS - 5000, ASSEMBLY_MS);
	deadline->on_due(deadline);
	expect_end(&s, c);
	sio_end(&s);
}

static void a_message_over_max_payload_closes(void **state)
{
	struct sio_world s;
	char big[1100] = "2[\"";
	(void)state;
	sio_new(&s, 1);
	sio_options(&s, &(struct parley_socketio){.max_payload = 1000});
	sio_namespace(&s, &root);
	sio_start(&s);
	struct client *c = peer_new(&s);
	memset(big + 3, 'x', 1000);
	memcpy(big + 1003, "\"]", 3);
	tell(&s, c, big);
	expect_close(&s.w, c, 1009, "message too big");
	sio_end(&s);
}

static void what_is_sent_is_checked(void **state)
{
	struct sio_world s;
	struct sid id;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_at(&s, 0, &id);
	parley_socket *k = pl_sio_site_socket(s.sites[0], pl_slice(id.text, SOCKET_ID));
	assert_int_equal(parley_emit(k, PARLEY_S("disconnect"), PARLEY_NO_ARGS), PARLEY_EINVAL);
	assert_int_equal(parley_emit(k, parley_slice(NULL, 0), PARLEY_NO_ARGS), PARLEY_EINVAL);
	assert_int_equal(parley_emit(k, PARLEY_S("x"), NULL), PARLEY_EINVAL);
	assert_int_equal(parley_emit_volatile(k, parley_slice(NULL, 0), PARLEY_NO_ARGS),
			 PARLEY_EINVAL);
	struct parley_field nobody_made = {.key = "", .type = 99};
	assert_int_equal(parley_emit(k, PARLEY_S("x"), PARLEY_ARGS(nobody_made)), PARLEY_EINVAL);
	expect_nothing(&s.w, c);
	assert_int_equal(
		parley_emit(k, PARLEY_S("q\"\xff"), PARLEY_ARGS(parley_abin(PARLEY_S("b")))), 0);
	expect(&s, c, "51-[\"q\\\"\xef\xbf\xbd\",{\"_placeholder\":true,\"num\":0}]");
	expect_bytes(&s, c, "b");
	assert_int_equal(parley_emit_volatile(k, PARLEY_S("v"), PARLEY_NO_ARGS), 0);
	expect(&s, c, "2[\"v\"]");
	sio_end(&s);
}

static void a_slow_reader_is_closed_and_hears_nothing_volatile(void **state)
{
	struct sio_world s;
	struct sid id;
	char big[10001] = "";
	(void)state;
	memset(big, 'x', 10000);
	sio_new(&s, 1);
	sio_options(&s, &(struct parley_socketio){.max_backlog = 200000});
	sio_namespace(&s, &root);
	sio_start(&s);
	struct client *c = peer_at(&s, 0, &id);
	parley_socket *k = pl_sio_site_socket(s.sites[0], pl_slice(id.text, SOCKET_ID));
	c->deaf = true;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(
			parley_emit(k, PARLEY_S("x"), PARLEY_ARGS(parley_astr(parley_cstr(big)))),
			0);
		settle(&s.w);
	}
	size_t unsent = pl_eio_backlog(pl_socket_engine(k));
	assert_true(unsent > 0);
	assert_int_equal(parley_emit_volatile(k, PARLEY_S("v"), PARLEY_NO_ARGS), 0);
	assert_int_equal(pl_eio_backlog(pl_socket_engine(k)), unsent);
	int err = 0;
	for (int i = 0; !err && i < 30; i++)
		err = parley_emit(k, PARLEY_S("x"), PARLEY_ARGS(parley_astr(parley_cstr(big))));
	assert_int_equal(err, PARLEY_EBUSY);
	assert_false(parley_socket_is_connected(k));
	settle(&s.w);
	expect_log(&s.w, "-transport error ");
	sio_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_find_their_function),
		cmocka_unit_test(events_without_a_function_are_ignored),
		cmocka_unit_test(acknowledgements_bring_the_id_back),
		cmocka_unit_test(attachments_travel_beside),
		cmocka_unit_test(what_looks_like_a_placeholder_is_no_attachment),
		cmocka_unit_test(half_characters_are_no_mistake),
		cmocka_unit_test(malformed_packets_close),
		cmocka_unit_test(attachments_out_of_turn_close),
		cmocka_unit_test(attachments_have_limits),
		cmocka_unit_test(a_message_over_max_payload_closes),
		cmocka_unit_test(what_is_sent_is_checked),
		cmocka_unit_test(a_slow_reader_is_closed_and_hears_nothing_volatile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
