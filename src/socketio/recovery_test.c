/* Proves that who lost its line comes back as the same socket, in the same rooms, and hears what it
 * missed, exactly once and before it is told that it is connected: on this worker or another one,
 * once or again and again, with events heard or none - and that nobody else does. */
#include "socketio/testing.h"

static int on_connect(parley_socket *k)
{
	note(&sio_world_of(k)->w, "%s ", parley_socket_recovered(k) ? "back" : "new");
	return 0;
}

static void on_disconnect(parley_socket *k, const char *reason)
{
	note(&sio_world_of(k)->w, "-%s ", reason);
}

static const struct parley_namespace root = {.name = "/",
					     .recovery_ms = 60000,
					     .on_connect = on_connect,
					     .on_disconnect = on_disconnect};

static parley_socket *find(struct sio_world *s, int worker, const struct sid *id)
{
	return pl_sio_site_socket(s->sites[worker], pl_slice(id->text, SOCKET_ID));
}

/* The last argument of an event that the client heard; lasts until the next call. */
static const char *heard_event(struct sio_world *s, struct client *c, const char *begin)
{
	static char offset[64];
	const char *text = heard(s, c);
	if (strncmp(text, begin, strlen(begin)) != 0)
		fail_msg("heard %s, not %s", text, begin);
	const char *at = text + strlen(begin);
	assert_memory_equal(at, ",\"", 2);
	at += 2;
	size_t n = strcspn(at, "\"");
	assert_in_range(n, 7, OFFSET_MAX);
	assert_string_equal(at + n, "\"]");
	memcpy(offset, at, n);
	offset[n] = '\0';
	return offset;
}

static void keep(char out[64], const char *offset)
{
	memcpy(out, offset, strlen(offset) + 1);
}

static int emit_room(struct sio_world *s, int worker, const char *room, int64_t n)
{
	struct parley_slice name = parley_cstr(room);
	struct parley_target t = {.rooms = &name, .nrooms = 1};
	struct pl_sio_site *here = worker < 0 ? NULL : s->sites[worker];
	uintptr_t before = here ? pl_sio_enter(here) : 0;
	int err = pl_sio_emit_to(s->sio, "/", room ? &t : NULL, PL_S("n"),
				 PARLEY_ARGS(parley_aint(n)));
	if (here)
		pl_sio_leave(here, before);
	return err;
}

/* A client that asks to be who it was. */
static struct client *come_back(struct sio_world *s, int worker, const char *pid,
				const char *offset)
{
	char packet[256];
	struct client *c = engine_at(s, worker);
	if (offset)
		(void)snprintf(packet, sizeof(packet), "0{\"pid\":\"%s\",\"offset\":\"%s\"}", pid,
			       offset);
	else
		(void)snprintf(packet, sizeof(packet), "0{\"pid\":\"%s\"}", pid);
	tell(s, c, packet);
	return c;
}

static void expect_back(struct sio_world *s, struct client *c, const struct sid *id)
{
	struct sid again = joined(s, c, "");
	assert_string_equal(again.text, id->text);
	assert_string_equal(again.pid, id->pid);
}

static void expect_new(struct sio_world *s, struct client *c, const struct sid *id)
{
	struct sid again = joined(s, c, "");
	assert_string_not_equal(again.text, id->text);
	assert_string_not_equal(again.pid, id->pid);
	assert_int_equal(strlen(again.pid), PID_LEN);
}

static void drop(struct sio_world *s, struct client *c)
{
	hang_up(c);
	settle(&s->w);
}

static void no_answer(parley_socket *k, int err, const parley_packet *answer, void *ctx)
{
	(void)k;
	(void)ctx;
	assert_int_equal(err, PARLEY_ECLOSED);
	assert_null(answer);
}

static void everything_carries_an_offset(void **state)
{
	struct sio_world s;
	struct sid id;
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_at(&s, 0, &id);
	parley_socket *k = find(&s, 0, &id);
	assert_int_equal(strlen(id.pid), PID_LEN);
	assert_int_equal(parley_emit(k, PARLEY_S("a"), PARLEY_NO_ARGS), 0);
	heard_event(&s, c, "2[\"a\"");
	assert_int_equal(parley_emit(k, PARLEY_S("b"), PARLEY_ARGS(parley_abin(PARLEY_S("x")))), 0);
	heard_event(&s, c, "51-[\"b\",{\"_placeholder\":true,\"num\":0}");
	expect_bytes(&s, c, "x");
	assert_int_equal(emit_room(&s, 0, NULL, 1), 0);
	heard_event(&s, c, "2[\"n\",1");
	/* But for what is volatile, and what waits for an answer. */
	assert_int_equal(parley_emit_volatile(k, PARLEY_S("v"), PARLEY_NO_ARGS), 0);
	expect(&s, c, "2[\"v\"]");
	assert_int_equal(parley_emit_with_ack(k, PARLEY_S("w"), PARLEY_NO_ARGS, 0, no_answer, NULL),
			 0);
	expect(&s, c, "20[\"w\"]");
	sio_end(&s);
}

static void what_was_missed_comes_first(void **state)
{
	struct sio_world s;
	struct sid id;
	char offset[64];
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_at(&s, 0, &id);
	parley_socket *k = find(&s, 0, &id);
	assert_int_equal(parley_socket_join(k, PARLEY_S("r")), 0);
	assert_int_equal(emit_room(&s, 0, "r", 1), 0);
	keep(offset, heard_event(&s, c, "2[\"n\",1"));
	/* Sent, and lost on the way. */
	c->deaf = true;
	assert_int_equal(emit_room(&s, 0, "r", 2), 0);
	assert_int_equal(parley_emit(k, PARLEY_S("own"), PARLEY_ARGS(parley_abin(PARLEY_S("x")))),
			 0);
	drop(&s, c);
	expect_log(&s.w, "new -transport close ");
	/* While it was away; from everywhere. */
	assert_int_equal(emit_room(&s, 0, "r", 3), 0);
	assert_int_equal(emit_room(&s, 0, "other", 4), 0);
	assert_int_equal(emit_room(&s, -1, NULL, 5), 0);
	settle(&s.w);
	c = come_back(&s, 0, id.pid, offset);
	heard_event(&s, c, "2[\"n\",2");
	heard_event(&s, c, "51-[\"own\",{\"_placeholder\":true,\"num\":0}");
	expect_bytes(&s, c, "x");
	heard_event(&s, c, "2[\"n\",3");
	heard_event(&s, c, "2[\"n\",5");
	expect_back(&s, c, &id);
	expect_log(&s.w, "back ");
	assert_int_equal(emit_room(&s, 0, "r", 6), 0);
	heard_event(&s, c, "2[\"n\",6");
	expect_nothing(&s.w, c);
	sio_end(&s);
}

/* What the client has not heard, up to the reply to its CONNECT. */
struct story {
	struct sio_world s;
	struct sid id;
	struct client *c;
	char offset[64]; /* of the last that it knows of; empty: none */
	int sent, got;
};

static void say_some(struct story *t, int worker, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(emit_room(&t->s, worker, "r", t->sent++), 0);
	settle(&t->s.w);
}

static void hear_some(struct story *t, int n)
{
	char text[32];
	for (int i = 0; i < n && t->got < t->sent; i++) {
		(void)snprintf(text, sizeof(text), "2[\"n\",%d", t->got++);
		keep(t->offset, heard_event(&t->s, t->c, text));
	}
}

/* All that it has not heard comes; whether it will know of that is another question. */
static void return_to(struct story *t, int worker, bool takes_it)
{
	char text[32];
	drop(&t->s, t->c);
	t->s.w.nclients = 0;
	t->c = come_back(&t->s, worker, t->id.pid, *t->offset ? t->offset : NULL);
	if (takes_it)
		hear_some(t, t->sent);
	for (int i = t->got; i < t->sent; i++) {
		(void)snprintf(text, sizeof(text), "2[\"n\",%d", i);
		heard_event(&t->s, t->c, text);
	}
	expect_back(&t->s, t->c, &t->id);
	expect_nothing(&t->s.w, t->c);
}

/* However often the line breaks, and whatever was heard in between; on changing workers. */
static void it_comes_back_again_and_again(void **state)
{
	(void)state;
	for (int workers = 1; workers <= 2; workers++) {
		struct story t = {.sent = 0};
		sio_open(&t.s, &root, workers);
		t.c = peer_at(&t.s, 0, &t.id);
		assert_int_equal(parley_socket_join(find(&t.s, 0, &t.id), PARLEY_S("r")), 0);
		for (int round = 0; round < 40; round++) {
			/* Sent while it is there, of which it hears some, or none. */
			say_some(&t, round % workers, round % 3);
			hear_some(&t, round % 4);
			drop(&t.s, t.c);
			say_some(&t, -1, round % 2);
			return_to(&t, round / 2 % workers, false);
			say_some(&t, round % workers, round % 3 == 1);
			return_to(&t, round / 3 % workers, true);
		}
		hang_up(t.c);
		forget_log(&t.s.w);
		sio_end(&t.s);
	}
}

static void the_old_line_need_not_have_been_missed(void **state)
{
	struct sio_world s;
	struct sid id;
	(void)state;
	for (int worker = 0; worker < 2; worker++) {
		sio_open(&s, &root, 2);
		struct client *old = peer_at(&s, 0, &id);
		assert_int_equal(parley_socket_join(find(&s, 0, &id), PARLEY_S("r")), 0);
		old->deaf = true;
		assert_int_equal(emit_room(&s, 0, "r", 1), 0);
		struct client *c = come_back(&s, worker, id.pid, NULL);
		heard_event(&s, c, "2[\"n\",1");
		expect_back(&s, c, &id);
		expect_log(&s.w, "new -transport close back ");
		old->deaf = false;
		heard_event(&s, old, "2[\"n\",1");
		expect_end(&s, old);
		assert_int_equal(emit_room(&s, 1, "r", 2), 0);
		heard_event(&s, c, "2[\"n\",2");
		if (worker)
			assert_null(find(&s, 0, &id));
		sio_end(&s);
	}
}

static void who_left_does_not_come_back(void **state)
{
	struct sio_world s;
	struct sid id;
	(void)state;
	sio_open(&s, &root, 2);
	struct client *c = peer_at(&s, 0, &id);
	tell(&s, c, "1");
	settle(&s.w);
	expect_new(&s, come_back(&s, 0, id.pid, NULL), &id);
	expect_new(&s, come_back(&s, 1, id.pid, NULL), &id);
	c = peer_at(&s, 1, &id);
	parley_disconnect(find(&s, 1, &id), true);
	expect_end(&s, c);
	expect_new(&s, come_back(&s, 1, id.pid, NULL), &id);
	/* Once only. */
	c = peer_at(&s, 0, &id);
	drop(&s, c);
	c = come_back(&s, 0, id.pid, NULL);
	expect_back(&s, c, &id);
	tell(&s, c, "1");
	settle(&s.w);
	expect_new(&s, come_back(&s, 0, id.pid, NULL), &id);
	forget_log(&s.w);
	sio_end(&s);
}

/* In the very turn in which it was disconnected. */
static void whom_we_disconnect_does_not_come_back(void **state)
{
	struct sio_world s;
	struct sid id;
	char packet[256];
	(void)state;
	for (int workers = 1; workers <= 2; workers++) {
		sio_open(&s, &root, workers);
		struct client *c = peer_at(&s, 0, &id);
		struct client *again = engine_at(&s, workers - 1);
		(void)snprintf(packet, sizeof(packet), "0{\"pid\":\"%s\"}", id.pid);
		parley_disconnect(find(&s, 0, &id), false);
		tell(&s, again, packet);
		expect_new(&s, again, &id);
		expect(&s, c, "1");
		assert_null(find(&s, 0, &id));
		sio_end(&s);
	}
}

static void strangers_do_not(void **state)
{
	static const char *const packets[] = {
		"0{\"pid\":\"AAAAAAAAAAAAAAAAAAAAAAAA\",\"offset\":\"x\"}",
		"0{\"pid\":\"short\"}",
		"0{\"pid\":17}",
		"0{\"pid\":null,\"offset\":{}}",
		"0{\"pid\":\"\"}",
	};
	struct sio_world s;
	struct sid id;
	(void)state;
	sio_open(&s, &root, 2);
	peer_at(&s, 0, &id);
	for (size_t i = 0; i < sizeof(packets) / sizeof(*packets); i++) {
		struct client *c = engine_at(&s, (int)i % 2);
		tell(&s, c, packets[i]);
		expect_new(&s, c, &id);
	}
	assert_non_null(find(&s, 0, &id));
	forget_log(&s.w);
	sio_end(&s);
}

static void an_offset_must_be_its_own(void **state)
{
	static const char *const offsets[] = {"x", "AAAAAAB", "99999999999999999999999", ""};
	struct sio_world s;
	struct sid id;
	(void)state;
	sio_open(&s, &root, 1);
	for (size_t i = 0; i < 3; i++) {
		struct client *c = peer_at(&s, 0, &id);
		drop(&s, c);
		expect_new(&s, come_back(&s, 0, id.pid, offsets[i]), &id);
		/* That was the only try. */
		expect_new(&s, come_back(&s, 0, id.pid, NULL), &id);
	}
	/* One from before it came, and one that was never said. */
	struct client *c = peer_at(&s, 0, &id);
	char before[64];
	assert_int_equal(emit_room(&s, 0, NULL, 1), 0);
	keep(before, heard_event(&s, c, "2[\"n\",1"));
	struct client *d = peer_at(&s, 0, &id);
	drop(&s, d);
	expect_new(&s, come_back(&s, 0, id.pid, before), &id);
	d = peer_at(&s, 0, &id);
	drop(&s, d);
	before[strlen(before) - 1] = '9';
	expect_new(&s, come_back(&s, 0, id.pid, before), &id);
	forget_log(&s.w);
	sio_end(&s);
}

static void it_may_be_too_late(void **state)
{
	struct sio_world s;
	struct sid id;
	struct parley_namespace n = root;
	(void)state;
	n.recovery_ms = 30;
	sio_open(&s, &n, 1);
	struct client *c = peer_at(&s, 0, &id);
	drop(&s, c);
	assert_int_equal(s.sites[0]->ngone, 1);
	UNTIL(&s.w, !s.sites[0]->ngone);
	expect_new(&s, come_back(&s, 0, id.pid, NULL), &id);
	forget_log(&s.w);
	sio_end(&s);
}

static void so_many_events_are_kept(void **state)
{
	struct sio_world s;
	struct sid id;
	struct parley_namespace n = root;
	char offset[64];
	(void)state;
	n.recovery_events = 10;
	sio_open(&s, &n, 1);
	struct client *c = peer_at(&s, 0, &id), *stays = peer_new(&s);
	assert_int_equal(parley_socket_join(find(&s, 0, &id), PARLEY_S("r")), 0);
	/* As many as are kept. */
	assert_int_equal(emit_room(&s, 0, "r", 0), 0);
	keep(offset, heard_event(&s, c, "2[\"n\",0"));
	drop(&s, c);
	for (int i = 1; i <= 10; i++)
		assert_int_equal(emit_room(&s, 0, "r", i), 0);
	c = come_back(&s, 0, id.pid, offset);
	for (int i = 1; i <= 10; i++) {
		char text[32];
		(void)snprintf(text, sizeof(text), "2[\"n\",%d", i);
		keep(offset, heard_event(&s, c, text));
	}
	expect_back(&s, c, &id);
	/* Who has had all that was for it is not harmed by what others were told meanwhile. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(emit_room(&s, 0, "others", i), 0);
	drop(&s, c);
	c = come_back(&s, 0, id.pid, offset);
	expect_back(&s, c, &id);
	/* One more than are kept. */
	drop(&s, c);
	for (int i = 0; i <= 10; i++)
		assert_int_equal(emit_room(&s, 0, "r", i), 0);
	expect_new(&s, come_back(&s, 0, id.pid, offset), &id);
	expect_nothing(&s.w, stays);
	forget_log(&s.w);
	sio_end(&s);
}

static void not_to_whom_it_was_not(void **state)
{
	struct sio_world s;
	struct sid id, other;
	struct parley_slice r = PARLEY_S("r"), x = PARLEY_S("x");
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_at(&s, 0, &id);
	peer_at(&s, 0, &other);
	parley_socket *k = find(&s, 0, &id);
	assert_int_equal(parley_socket_join(k, r), 0);
	assert_int_equal(parley_socket_join(k, x), 0);
	c->deaf = true;
	uintptr_t before = pl_sio_enter(s.sites[0]);
	struct parley_target not_me = {.but = k}, not_x = {.except = &x, .nexcept = 1},
			     is_volatile = {.is_volatile = true}, both = {.rooms = &r, .nrooms = 1};
	assert_int_equal(pl_sio_emit_to(s.sio, "/", &not_me, PL_S("a"), PARLEY_NO_ARGS), 0);
	assert_int_equal(pl_sio_emit_to(s.sio, "/", &not_x, PL_S("b"), PARLEY_NO_ARGS), 0);
	assert_int_equal(pl_sio_emit_to(s.sio, "/", &is_volatile, PL_S("c"), PARLEY_NO_ARGS), 0);
	both.but = find(&s, 0, &other);
	assert_int_equal(pl_sio_emit_to(s.sio, "/", &both, PL_S("d"), PARLEY_NO_ARGS), 0);
	assert_int_equal(parley_emit(find(&s, 0, &other), PARLEY_S("e"), PARLEY_NO_ARGS), 0);
	pl_sio_leave(s.sites[0], before);
	drop(&s, c);
	c = come_back(&s, 0, id.pid, NULL);
	heard_event(&s, c, "2[\"d\"");
	expect_back(&s, c, &id);
	forget_log(&s.w);
	sio_end(&s);
}

/* ---- who it is ---- */

static int frees[3];

static void count_free(void *data)
{
	++*(int *)data;
}

static void authorize(parley_handshake *h, void *user)
{
	const parley_json *auth = parley_handshake_auth(h);
	struct parley_slice who = parley_str(auth, "who");
	(void)user;
	parley_identify(h, who);
	if (parley_is(auth, "token", "bad"))
		parley_deny(h, "no", NULL);
	else if (parley_is(auth, "token", "data"))
		parley_admit(h, &frees[2], count_free);
	else
		parley_admit(h, NULL, NULL);
}

static struct client *come_back_as(struct sio_world *s, int worker, const char *pid,
				   const char *who, const char *token)
{
	char packet[256];
	struct client *c = engine_at(s, worker);
	(void)snprintf(packet, sizeof(packet), "0{\"pid\":\"%s\",\"who\":\"%s\",\"token\":\"%s\"}",
		       pid, who, token);
	tell(s, c, packet);
	return c;
}

static void it_is_authorized_anew(void **state)
{
	struct sio_world s;
	struct parley_namespace n = root;
	(void)state;
	n.authorize = authorize;
	for (int worker = 0; worker < 2; worker++) {
		sio_open(&s, &n, 2);
		struct client *c = engine_at(&s, 0);
		tell(&s, c, "0{\"who\":\"anna\"}");
		struct sid id = joined(&s, c, "");
		drop(&s, c);
		/* One that is denied takes nothing away. */
		c = come_back_as(&s, worker, id.pid, "anna", "bad");
		expect(&s, c, "4{\"message\":\"no\"}");
		/* Nor one that is somebody else. */
		expect_new(&s, come_back_as(&s, worker, id.pid, "bert", ""), &id);
		expect_new(&s, come_back_as(&s, worker, id.pid, "", ""), &id);
		expect_back(&s, come_back_as(&s, worker, id.pid, "anna", ""), &id);
		forget_log(&s.w);
		sio_end(&s);
	}
}

static void data_comes_along(void **state)
{
	struct sio_world s;
	struct parley_namespace n = root;
	(void)state;
	n.authorize = authorize;
	for (int worker = 0; worker < 2; worker++) {
		memset(frees, 0, sizeof(frees));
		sio_open(&s, &n, 2);
		struct client *c = engine_at(&s, 0);
		tell(&s, c, "0{}");
		struct sid id = joined(&s, c, "");
		parley_socket_set_data(find(&s, 0, &id), &frees[0], count_free);
		drop(&s, c);
		c = come_back_as(&s, worker, id.pid, "", "");
		expect_back(&s, c, &id);
		assert_ptr_equal(parley_socket_data(find(&s, worker, &id)), &frees[0]);
		assert_int_equal(frees[0], 0);
		drop(&s, c);
		/* What the last authorization brought counts. */
		c = come_back_as(&s, 0, id.pid, "", "data");
		expect_back(&s, c, &id);
		assert_ptr_equal(parley_socket_data(find(&s, 0, &id)), &frees[2]);
		assert_int_equal(frees[0], 1);
		/* What nobody can free is not kept: it may be gone. */
		parley_socket_set_data(find(&s, 0, &id), &frees[1], NULL);
		assert_int_equal(frees[2], 1);
		drop(&s, c);
		c = come_back_as(&s, 0, id.pid, "", "");
		expect_back(&s, c, &id);
		assert_null(parley_socket_data(find(&s, 0, &id)));
		parley_socket_set_data(find(&s, 0, &id), &frees[1], count_free);
		drop(&s, c);
		forget_log(&s.w);
		sio_end(&s);
		assert_int_equal(frees[1], 1);
		assert_int_equal(frees[2], 1);
	}
}

/* ---- between workers ---- */

/* Worker 1 has heard of what worker 0 has not: a question waits until it has. */
static void a_question_waits_for_what_was_said_before(void **state)
{
	struct sio_world s;
	struct sid id;
	(void)state;
	sio_open(&s, &root, 2);
	struct client *c = peer_at(&s, 0, &id);
	assert_int_equal(parley_socket_join(find(&s, 0, &id), PARLEY_S("r")), 0);
	drop(&s, c);
	/* As if worker 1 had heard of a publication that is still on its way to worker 0. */
	s.sites[1]->heard[0] = 1;
	c = come_back(&s, 1, id.pid, NULL);
	expect_nothing(&s.w, c);
	assert_non_null(s.sites[0]->deferred);
	/* It comes now. */
	assert_int_equal(emit_room(&s, -1, "r", 7), 0);
	heard_event(&s, c, "2[\"n\",7");
	expect_back(&s, c, &id);
	assert_null(s.sites[0]->deferred);
	expect_nothing(&s.w, c);
	sio_end(&s);
}

/* What worker 1 heard between its question and the answer is not in the answer, but in its own
 * record; what is in both comes once. */
static void what_is_said_on_the_way_comes_once(void **state)
{
	struct sio_world s;
	struct sid id;
	char text[32];
	(void)state;
	for (int first = 0; first < 2; first++) {
		sio_open(&s, &root, 2);
		struct client *c = peer_at(&s, 0, &id);
		int64_t n = 0;
		assert_int_equal(parley_socket_join(find(&s, 0, &id), PARLEY_S("r")), 0);
		drop(&s, c);
		struct client *d = engine_at(&s, 1);
		char packet[64];
		(void)snprintf(packet, sizeof(packet), "40{\"pid\":\"%s\"}", id.pid);
		struct pl_buf b;
		pl_buf_init(&b, 1000);
		pl_ws_put(&b, PL_WS_TEXT, pl_slice_str(packet), test_mask);
		assert_int_equal(send(d->fd, b.at, b.len, 0), (ssize_t)b.len);
		pl_buf_fini(&b);
		/* Each turn of either worker, something is said on each of them and elsewhere. */
		for (int turn = 0; turn < 8; turn++) {
			assert_int_equal(emit_room(&s, 0, "r", n++), 0);
			assert_int_equal(emit_room(&s, 1, "r", n++), 0);
			assert_int_equal(emit_room(&s, -1, "r", n++), 0);
			pl_loop_turn(s.w.loops[(turn + first) % 2], 0);
		}
		settle(&s.w);
		/* Each once; of one source in its order. */
		bool seen[24] = {false};
		bool is_back = false;
		int64_t last[3] = {-1, -1, -1};
		for (int i = 0; i < 25; i++) {
			const char *got = heard(&s, d);
			if (got[0] == '0') {
				is_back = true;
				assert_non_null(strstr(got, id.text));
				continue;
			}
			assert_memory_equal(got, "2[\"n\",", 6);
			long number = strtol(got + 6, NULL, 10);
			assert_in_range(number, 0, 23);
			assert_false(seen[number]);
			assert_true(number > last[number % 3]);
			last[number % 3] = number;
			seen[number] = true;
		}
		assert_true(is_back);
		expect_nothing(&s.w, d);
		(void)text;
		sio_end(&s);
	}
}

static void a_track_is_kept_where_it_came_to(void **state)
{
	struct sio_world s;
	struct sid id;
	(void)state;
	sio_open(&s, &root, 2);
	struct client *c = peer_at(&s, 0, &id);
	assert_int_equal(parley_socket_join(find(&s, 0, &id), PARLEY_S("r")), 0);
	drop(&s, c);
	/* Its client goes while the question is on its way. */
	struct client *d = engine_at(&s, 1);
	char packet[64];
	(void)snprintf(packet, sizeof(packet), "40{\"pid\":\"%s\"}", id.pid);
	struct pl_buf b;
	pl_buf_init(&b, 1000);
	pl_ws_put(&b, PL_WS_TEXT, pl_slice_str(packet), test_mask);
	assert_int_equal(send(d->fd, b.at, b.len, 0), (ssize_t)b.len);
	pl_buf_fini(&b);
	pl_loop_turn(s.w.loops[1], 0);
	hang_up(d);
	pl_loop_turn(s.w.loops[1], 0);
	settle(&s.w);
	assert_int_equal(s.sites[0]->ngone, 0);
	assert_int_equal(s.sites[1]->ngone, 1);
	assert_int_equal(emit_room(&s, 0, "r", 1), 0);
	c = come_back(&s, 0, id.pid, NULL);
	heard_event(&s, c, "2[\"n\",1");
	expect_back(&s, c, &id);
	assert_int_equal(s.sites[1]->ngone, 0);
	sio_end(&s);
}

static void pongs_let_go_of_what_was_replayed(void **state)
{
	struct sio_world s;
	struct sid id;
	char offset[64];
	(void)state;
	sio_open(&s, &root, 1);
	struct client *c = peer_at(&s, 0, &id);
	assert_int_equal(parley_socket_join(find(&s, 0, &id), PARLEY_S("r")), 0);
	drop(&s, c);
	assert_int_equal(emit_room(&s, 0, "r", 1), 0);
	c = come_back(&s, 0, id.pid, NULL);
	keep(offset, heard_event(&s, c, "2[\"n\",1"));
	expect_back(&s, c, &id);
	const struct pl_sio_track *t = find(&s, 0, &id)->extra->track;
	assert_int_equal(t->ncarried, 1);
	pl_track_on_pong(find(&s, 0, &id));
	assert_int_equal(t->ncarried, 1);
	pl_track_on_pong(find(&s, 0, &id));
	assert_int_equal(t->ncarried, 0);
	drop(&s, c);
	c = come_back(&s, 0, id.pid, offset);
	expect_back(&s, c, &id);
	sio_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_carries_an_offset),
		cmocka_unit_test(what_was_missed_comes_first),
		cmocka_unit_test(it_comes_back_again_and_again),
		cmocka_unit_test(the_old_line_need_not_have_been_missed),
		cmocka_unit_test(who_left_does_not_come_back),
		cmocka_unit_test(whom_we_disconnect_does_not_come_back),
		cmocka_unit_test(strangers_do_not),
		cmocka_unit_test(an_offset_must_be_its_own),
		cmocka_unit_test(it_may_be_too_late),
		cmocka_unit_test(so_many_events_are_kept),
		cmocka_unit_test(not_to_whom_it_was_not),
		cmocka_unit_test(it_is_authorized_anew),
		cmocka_unit_test(data_comes_along),
		cmocka_unit_test(a_question_waits_for_what_was_said_before),
		cmocka_unit_test(what_is_said_on_the_way_comes_once),
		cmocka_unit_test(a_track_is_kept_where_it_came_to),
		cmocka_unit_test(pongs_let_go_of_what_was_replayed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
