/*
 * native_rooms_test.c - proves what native clients see of rooms: who joins and leaves, in order and
 * in whatever dialect, who counts as there, and which rooms cannot be.
 */
#include "dialect/native_test.h"

static void joining_and_leaving_is_told(void **state)
{
	struct rig *r = rig_start();
	char alice[256], bob[256], text[1024];
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob");
	say(a, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect_with(a, "joined", "\"roomId\":\"tea\",\"members\":[{\"id\":\"");
	client_value(a, "id", alice);
	assert_non_null(strstr(a->text, "\",\"name\":\"alice\"}]}"));
	say(b, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect_with(a, "user-joined", "\"roomId\":\"tea\",\"timestamp\":1");
	client_value(a, "userId", bob);
	client_expect(b, "joined");
	snprintf(text, sizeof(text),
		 "{\"type\":\"joined\",\"roomId\":\"tea\",\"members\":[{\"id\":\"%s\","
		 "\"name\":\"alice\"},{\"id\":\"%s\",\"name\":\"bob\"}]}",
		 alice, bob);
	assert_string_equal(b->text, text);
	say(b, "{\"type\":\"join\",\"room\":\"tea\"}"); /* again: the notice too, but one line */
	client_expect_with(a, "user-joined", bob);
	expect_text(b, text);
	say(b, "{\"type\":\"leave\",\"room\":\"tea\"}");
	client_expect_with(a, "user-left", bob);
	expect_text(b, "{\"type\":\"left\",\"roomId\":\"tea\"}");
	say(b, "{\"type\":\"leave\",\"room\":\"tea\"}");
	client_expect_silence(b);
	client_expect_silence(a);
	join(b, "tea");
	client_expect(a, "user-joined");
	client_free(b); /* without a word */
	client_expect_with(a, "user-left", bob);
	client_free(a);
	rig_end(r);
}

static void two_connections_of_a_user_are_two_lines(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "alice");
	join(a, "tea");
	join(b, "tea");
	const char *first = strstr(b->text, "\"name\":\"alice\"");
	assert_non_null(first);
	assert_non_null(strstr(first + 1, "\"name\":\"alice\""));
	client_expect(a, "user-joined");
	client_free(a);
	client_expect(b, "user-left");
	client_free(b);
	rig_end(r);
}

static void what_follows_a_join_finds_it_done(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob");
	join(b, "tea");
	rig_hold(r);
	say(a, "{\"type\":\"join\",\"room\":\"tea\"}");
	say(a, "{\"type\":\"broadcast\",\"room\":\"tea\",\"data\":\"one\"}");
	say(a, "{\"type\":\"broadcast\",\"room\":\"tea\",\"data\":\"two\"}");
	say(a, "{\"type\":\"leave\",\"room\":\"tea\"}");
	rig_wait_held(r, 4);
	rig_let_go(r, -1);
	client_expect(b, "user-joined");
	expect_text(b, "one");
	expect_text(b, "two");
	client_expect(b, "user-left");
	expect_text(a,
		    "{\"type\":\"left\",\"roomId\":\"tea\"}"); /* `joined` came too late for it */
	client_expect_silence(a);
	client_expect_silence(b);
	client_free(a);
	client_free(b);
	rig_end(r);
}

/* Where the members are fixed they come and go by being online, in whatever dialect; once, and not
 * by sitting down there. */
static void without_a_name_presence_says_who_comes_and_goes(void **state)
{
	struct rig *r = rig_start();
	char id[256], text[512];
	(void)state;
	struct client *a = client_of(r, "alice"), *b = client_of(r, "bob");
	struct client *n = native_of(r, "bob");
	converse(a, b, "bob", id);
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"%s\"}", id);
	say(n, text);
	client_expect_with(n, "joined", id);
	struct client *second = native_of(r, "alice");
	say(second, text);
	client_expect_with(second, "joined", id);
	client_expect_silence(n); /* alice was there already, with another device */
	client_free(a);
	client_expect_silence(n);
	client_free(second);
	client_expect_with(n, "user-left", id);
	char who[256];
	client_value(n, "userId", who);
	client_expect_silence(n);
	a = native_of(r, "alice");
	client_expect_with(n, "user-joined", who);
	assert_non_null(strstr(n->text, id));
	say(a, text);
	client_expect_with(a, "joined", id);
	client_expect_silence(n);
	client_expect_silence(a); /* nobody is told of oneself */
	client_free(a);
	client_free(b);
	client_free(n);
	rig_end(r);
}

/* In a room by name who is online, and a member, but does not sit there is not there. */
static void in_a_room_by_name_only_sitting_counts(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *n = native_of(r, "nora"), *m = native_of(r, "mary");
	join(n, "tea");
	join(m, "tea");
	client_expect(n, "user-joined");
	client_free(m);
	client_expect(n, "user-left");
	client_expect_silence(n); /* and then she goes offline */
	m = native_of(r, "mary");
	client_expect_silence(n);
	client_free(m);
	client_free(n);
	rig_end(r);
}

/* ---- which there can be ---- */

static void a_join_that_cannot_be_is_an_error(void **state)
{
	struct rig *r = rig_new();
	char text[512], name[200];
	(void)state;
	r->chat.open_rooms_max = 2;
	rig_open(r);
	struct client *a = native_of(r, "alice");
	memset(name, 'x', 129);
	name[129] = '\0';
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"%s\"}", name);
	say(a, text);
	expect_text(a, "{\"type\":\"error\",\"error\":\"Invalid room name\"}");
	say(a, "{\"type\":\"join\",\"room\":\"a\\u0007b\"}");
	expect_text(a, "{\"type\":\"error\",\"error\":\"Invalid room name\"}");
	join(a, "one");
	name[128] = '\0';
	join(a, name);
	say(a, "{\"type\":\"join\",\"room\":\"three\"}");
	expect_text(a, "{\"type\":\"error\",\"error\":\"Too many rooms\"}");
	join(a, "one"); /* what is there is joined all the same */
	r->chat.rooms_open = false;
	say(a, "{\"type\":\"join\",\"room\":\"four\"}");
	expect_text(a, "{\"type\":\"error\",\"error\":\"Room does not exist\"}");
	client_free(a);
	rig_end(r);
}

static void who_has_no_seat_left_makes_no_room(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = native_of(r, "alice"), *q = client_of(r, "quin");
	r->hub.rooms.seats_max = 3; /* one is the user's own */
	join(a, "one");
	join(a, "two");
	say(a, "{\"type\":\"join\",\"room\":\"three\"}");
	expect_text(a, "{\"type\":\"error\",\"error\":\"Too many rooms\"}");
	r->hub.rooms.seats_max = 10;
	client_ask_in(q, "join_conversation", "three", "");
	client_expect_with(q, "error", "ACCESS_DENIED");
	r->hub.rooms.seats_max = 3;
	join(a, "two");
	say(a, "{\"type\":\"leave\",\"room\":\"two\"}");
	client_expect(a, "left");
	join(a, "three");
	client_free(a);
	client_free(q);
	rig_end(r);
}

static void new_rooms_are_limited_per_user_and_old_ones_are_not(void **state)
{
	struct rig *r = rig_new();
	char text[128];
	(void)state;
	r->rates[PL_LIMIT_CREATES] = (struct pl_rate){1, 3};
	rig_open(r);
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob");
	for (int i = 0; i < 5; i++) { /* at once */
		snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"r%d\"}", i);
		say(a, text);
	}
	int joined = 0, refused = 0;
	for (int i = 0; i < 5; i++) {
		assert_true(client_hear_within(a, WAIT_MS));
		joined += strstr(a->text, "\"joined\"") != NULL;
		refused += strstr(a->text, "\"error\":\"Room does not exist\"") != NULL;
	}
	assert_int_equal(joined, 3);
	assert_int_equal(refused, 2);
	for (int i = 0; i < 20; i++)
		join(a, "r0");
	join(b, "r9");
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void a_name_in_the_form_of_an_id_is_one(void **state)
{
	static const char name[] = "6f1c1f5e-0c7e-4f0e-9e0b-3a1d5b7c9d11";
	struct rig *r = rig_start();
	(void)state;
	struct client *n = native_of(r, "nora"), *q = client_of(r, "quin");
	join(n, name);
	client_ask_in(q, "join_conversation", name, "");
	client_expect_with(q, "conversation_joined", name);
	client_expect_with(n, "user-joined", name);
	client_free(n);
	client_free(q);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joining_and_leaving_is_told),
		cmocka_unit_test(two_connections_of_a_user_are_two_lines),
		cmocka_unit_test(what_follows_a_join_finds_it_done),
		cmocka_unit_test(without_a_name_presence_says_who_comes_and_goes),
		cmocka_unit_test(in_a_room_by_name_only_sitting_counts),
		cmocka_unit_test(a_join_that_cannot_be_is_an_error),
		cmocka_unit_test(who_has_no_seat_left_makes_no_room),
		cmocka_unit_test(new_rooms_are_limited_per_user_and_old_ones_are_not),
		cmocka_unit_test(a_name_in_the_form_of_an_id_is_one),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
