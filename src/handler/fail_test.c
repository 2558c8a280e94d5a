/*
 * fail_test.c - proves that when any one allocation of two workers fails, nothing crashes, leaks or
 * hangs: authenticating now and later, connecting, rooms, broadcasts, publications, closing. What
 * was taken is given back, and the next connection is served.
 */
#include "handler/testing.h"

static struct world w;
static parley_request *asked;
static int given, freed, connects, closes;

static void free_auth(void *auth)
{
	assert_ptr_equal(auth, &w);
	freed++;
}

static void accept_one(parley_request *r)
{
	given++;
	parley_accept(r, &w, free_auth);
}

static void authenticate(parley_request *r, void *user)
{
	(void)user;
	if (parley_request_query(r, "l%61ter").at || parley_request_query(r, "later").at)
		asked = r;
	else
		accept_one(r);
}

static int on_connect(parley_conn *c)
{
	struct parley_slice id = parley_request_param(parley_conn_request(c), "id");
	connects++;
	(void)parley_send(c, id);
	return parley_join(c, PARLEY_S("a"));
}

static int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		      const parley_json *json)
{
	char name[32];
	(void)kind;
	for (int i = 0; i < 40; i++) {
		int n = snprintf(name, sizeof(name), "room %d", i);
		struct parley_slice room = parley_slice(name, (size_t)n);
		int err = parley_join(c, room);
		assert_true(!err || err == PARLEY_ENOMEM || err == PARLEY_ECLOSED);
		assert_int_equal(parley_in_room(c, room), !err);
	}
	struct parley_slice rooms[] = {PARLEY_S("a"), PARLEY_S("room 3")};
	struct parley_to to = {.rooms = rooms, .nrooms = 2, .include_self = true};
	int err = parley_broadcast(c, raw, &to);
	if (!err)
		err = parley_broadcast_object(
			c, PARLEY_OBJ(parley_kstr("type", PARLEY_S("x")), parley_kjson("v", json)),
			&(struct parley_to){.own_rooms = true});
	assert_true(!err || err == PARLEY_ENOMEM);
	return err;
}

static void on_close(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	(void)code;
	(void)reason;
	closes++;
	int err = parley_broadcast(c, PARLEY_S("bye"), NULL);
	assert_true(!err || err == PARLEY_ENOMEM);
}

static bool is_up(struct client *c)
{
	for (int i = 0; i < 20 && !has_head(c) && !c->eof; i++)
		turn_for(&w, 1);
	bool up = has_head(c) && !memcmp(c->got.at, "HTTP/1.1 101", 12);
	if (up)
		expect_101(&w, c);
	return up;
}

static void publish_some(void)
{
	server_begins(&w);
	int err = pl_handlers_publish(w.handlers, "/ws/{id}", PL_S("a"), PARLEY_TEXT, PL_S("p"));
	assert_true(!err || err == PL_ENOMEM);
	err = pl_handlers_publish_object(w.handlers, "/ws/{id}", PL_S(""),
					 PARLEY_OBJ(parley_kint("n", 1)));
	assert_true(!err || err == PL_ENOMEM);
	err = pl_handlers_send_to(w.handlers, PL_S("00000000-0000-4000-8000-000000000000"),
				  PL_S("x"));
	assert_true(!err || err == PL_ENOMEM);
	server_ends(&w);
}

static void live(void)
{
	struct client *c[4];
	for (int i = 0; i < 4; i++) {
		asked = NULL;
		c[i] = client_ask_at(&w, i % 2, i < 2 ? "/ws/%31" : "/ws/%32?later=%31", "");
		settle(&w);
		if (asked)
			accept_one(asked);
		if (!is_up(c[i]))
			c[i]->eof = true;
	}
	for (int i = 0; i < 4; i++)
		if (!c[i]->eof)
			say(&w, c[i],
			    "{\"text\":\"a longer one, so that memory is needed for it\"}");
	publish_some();
	settle(&w);
	hang_up(c[0]);
	settle(&w);
	for (int i = 1; i < 4; i++)
		if (!c[i]->eof)
			say_close(&w, c[i], 1000, "");
	settle(&w);
}

static void serves_the_next(void)
{
	w.fail_in = 0; /* it came too late to fail */
	for (int i = 0; i < WORKERS; i++) {
		struct client *c = client_at(&w, i, "/ws/%33");
		expect_text(&w, c, "3");
		say(&w, c, "{}");
		expect_text(&w, c, "{}");
	}
}

/* False: not even the workers could be made. */
static bool start(void)
{
	int err = 0;
	server_begins(&w);
	for (int i = 0; i < WORKERS && !err; i++)
		err = world_try(&w, i);
	server_ends(&w);
	return !err;
}

static bool one_life(unsigned long n, bool keep_request)
{
	struct parley_endpoint e = {.pattern = "/ws/{id}",
				    .default_room = "lobby",
				    .keep_request = keep_request,
				    .authenticate = authenticate,
				    .on_connect = on_connect,
				    .on_message = on_message,
				    .on_close = on_close};
	const char *why = NULL;
	given = freed = connects = closes = 0;
	world_new(&w, NULL, WORKERS);
	w.fail_in = n;
	server_begins(&w);
	int err = pl_handlers_add(w.handlers, &e, sizeof(e), &why);
	server_ends(&w);
	assert_true(!err || err == PL_ENOMEM);
	if (!err && start()) {
		live();
		serves_the_next();
	}
	bool has_failed = w.has_failed;
	if (!has_failed)
		assert_true(connects >= 6 && given >= 6);
	world_end(&w);
	assert_int_equal(closes, connects);
	assert_int_equal(freed, given);
	return has_failed;
}

static void every_allocation_may_fail(void **state)
{
	bool keep_request = *(const bool *)*state;
	unsigned long n = 1;
	while (one_life(n, keep_request))
		n++;
	assert_in_range(n, 100, 3000);
}

int main(void)
{
	static const bool ways[] = {false, true};
	const struct CMUnitTest tests[] = {
		{"as it is", every_allocation_may_fail, NULL, NULL, (void *)(uintptr_t)&ways[0]},
		{"requests are kept", every_allocation_may_fail, NULL, NULL,
		 (void *)(uintptr_t)&ways[1]},
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
