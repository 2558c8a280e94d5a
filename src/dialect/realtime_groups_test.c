/*
 * realtime_groups_test.c - proves the life of a group: made, joined, talked in and left, by its
 * members and nobody else, seen from a room by name, and made no faster than allowed.
 */
#include "dialect/realtime_test.h"

static void a_group_from_birth_to_the_last_word(void **state)
{
	struct rig *r = rig_start();
	char id[256], want[512];
	(void)state;
	struct client *a = old_of(r, "alice"), *b = new_of(r, "bob"), *c = old_of(r, "carol");
	say(a, "{\"type\":\"CREATE_GROUP_CHAT\",\"groupName\":\"Tea\",\"by\":\"alice\"}");
	client_expect_with(a, "GROUP_CHAT_CREATED", "\"groupName\":\"Tea\"");
	client_value(a, "groupId", id);
	assert_int_equal(strspn(id, "0123456789"), strlen(id));
	assert_in_range(strlen(id), 15, 19);
	/* Who made it is no member yet. */
	group_chat(a, "alice", id, "early");
	expect_error(a, "You are not a member of this group.");
	sayf(a, "{\"type\":\"GET_GROUP_CHAT_HISTORY\",\"groupId\":\"%s\"}", id);
	expect_error(a, "You are not a member of this group.");
	member(a, "LEAVE_GROUP", id, "alice");
	expect_error(a, "You are not a member of this group.");
	member(a, "JOIN_GROUP_CHAT", id, "alice");
	expect_msg(a, "SUCCESS", "User alice has joined the group.");
	member(a, "JOIN_GROUP_CHAT", id, "alice");
	expect_error(a, "User alice is already a member of the group.");
	member(b, "JOIN_GROUP", id, "bob");
	expect_msg(b, "SUCCESS", "User bob has joined the group.");
	snprintf(want, sizeof(want),
		 "{\"type\":\"GROUP_MEMBER_JOINED\",\"groupId\":\"%s\",\"username\":\"bob\"}", id);
	expect_text(a, want);
	struct client *phone = new_of(r, "bob");
	group_chat(b, "bob", id, "one");
	client_expect_with(a, "GROUP_CHAT", "\"from\":\"bob\",\"groupId\":\"");
	assert_non_null(strstr(a->text, id));
	assert_non_null(strstr(a->text, "\"content\":\"one\",\"timestamp\":\""));
	client_expect_with(phone, "GROUP_CHAT", "\"content\":\"one\"");
	sayf(a, "{\"type\":\"GROUP_CHAT\",\"from\":\"alice\",\"to\":\"%s\",\"content\":\"two\"}",
	     id);
	client_expect_with(b, "GROUP_CHAT", "\"content\":\"two\"");
	client_expect_with(phone, "GROUP_CHAT", "\"content\":\"two\"");
	sayf(b, "{\"type\":\"GET_GROUP_CHAT_HISTORY\",\"groupId\":\"%s\"}", id);
	client_expect_with(b, "GROUP_CHAT_HISTORY",
			   "\"from\":\"bob\",\"text\":\"one\",\"content\":");
	assert_true(strstr(b->text, "\"text\":\"one\"") < strstr(b->text, "\"text\":\"two\""));
	/* Leaving is leaving with all connections. */
	member(phone, "LEAVE_GROUP", id, "bob");
	expect_msg(phone, "SUCCESS", "User bob has left the group.");
	group_chat(a, "alice", id, "three");
	sync_with(a);
	client_expect_silence(b);
	client_expect_silence(phone);
	group_chat(b, "bob", id, "late");
	expect_error(b, "You are not a member of this group.");
	member(b, "JOIN_GROUP", id, "bob"); /* and one may come back */
	expect_msg(b, "SUCCESS", "User bob has joined the group.");
	client_expect(a, "GROUP_MEMBER_JOINED");
	group_chat(a, "alice", id, "four");
	client_expect_with(b, "GROUP_CHAT", "four");
	client_expect_with(phone, "GROUP_CHAT", "four");
	client_expect_silence(c);
	client_free(phone);
	free_all(r, a, b, c);
}

static void a_group_is_made_by_joining_it(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
	member(a, "JOIN_GROUP", "group_456", "alice");
	expect_msg(a, "SUCCESS", "User alice has joined the group.");
	member(b, "JOIN_GROUP", "group_456", "bob");
	expect_msg(b, "SUCCESS", "User bob has joined the group.");
	group_chat(a, "alice", "group_456", "hi");
	client_expect_with(b, "GROUP_CHAT", "\"groupId\":\"group_456\"");
	client_expect_silence(a);
	free_all(r, a, b, NULL);
}

static void a_chat_of_two_is_no_group(void **state)
{
	struct rig *r = rig_start();
	char id[256];
	(void)state;
	struct client *a = client_of(r, "alice"), *b = client_of(r, "bob");
	struct client *x = new_of(r, "alice"), *e = new_of(r, "eve");
	converse(a, b, "bob", id);
	struct client *all[] = {x, e};
	const char *const names[] = {"alice", "eve"};
	for (size_t i = 0; i < 2; i++) {
		char want[512];
		snprintf(want, sizeof(want), "Group chat with ID %s does not exist.", id);
		group_chat(all[i], names[i], id, "x");
		expect_error(all[i], want);
		member(all[i], "JOIN_GROUP", id, names[i]);
		expect_error(all[i], want);
		member(all[i], "LEAVE_GROUP", id, names[i]);
		expect_error(all[i], want);
		sayf(all[i], "{\"type\":\"GET_GROUP_CHAT_HISTORY\",\"groupId\":\"%s\"}", id);
		expect_error(all[i], want);
	}
	client_expect_silence(b);
	client_free(a);
	free_all(r, b, x, e);
}

/* Who hears an open room sits there, for native clients: each connection for chat once. */
static void in_a_room_by_name_one_is_seen(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200], who[256];
	(void)state;
	struct client *a = new_of(r, "alice"), *o = old_of(r, "alice");
	struct client *p = client_at(r, "/rtp", "alice");
	snprintf(path, sizeof(path), "/native?token=%s", token_for("nora", 3600, token));
	struct client *n = dial(r, path);
	client_expect(n, "connected");
	say(n, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect(n, "joined");
	member(a, "JOIN_GROUP", "tea", "alice"); /* the other device sits down with it */
	client_expect(a, "SUCCESS");
	client_expect_with(n, "user-joined", "\"roomId\":\"tea\"");
	client_value(n, "userId", who);
	client_expect_with(n, "user-joined", who);
	member(a, "JOIN_GROUP", "tea", "alice");
	expect_error(a, "User alice is already a member of the group.");
	auth(a, "alice");
	client_expect(a, "SUCCESS");
	client_expect_silence(n); /* it sat there */
	client_free(o);
	client_expect_with(n, "user-left", who);
	o = old_of(r, "alice");
	client_expect_with(n, "user-joined", who);
	say(n, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect(n, "joined");
	const char *first = strstr(n->text, who), *second = first ? strstr(first + 1, who) : NULL;
	assert_non_null(second);
	assert_null(strstr(second + 1, who)); /* the socket for presence is none */
	member(a, "LEAVE_GROUP", "tea", "alice");
	client_expect(a, "SUCCESS");
	client_expect_with(n, "user-left", who);
	client_expect_with(n, "user-left", who);
	client_free(p);
	client_free(o);
	client_free(a);
	client_expect_silence(n);
	client_free(n);
	rig_end(r);
}

static size_t count_in(struct client *c, const char *type)
{
	size_t n = 0;
	while (client_hear_within(c, 200))
		n += strstr(c->text, type) != NULL;
	return n;
}

/* All at once, before the store has answered any of them; the last ones by somebody who is gone. */
static void groups_are_made_no_faster_than_they_may(void **state)
{
	struct rig *r = rig_new();
	char name[32];
	(void)state;
	r->chat.rooms_open = true;
	r->rates[PL_LIMIT_CREATES] = (struct pl_rate){1, 3};
	rig_open(r);
	struct client *a = new_of(r, "alice");
	rig_hold(r);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "fresh%d", i);
		member(a, "JOIN_GROUP", name, "alice");
	}
	rig_wait_held(r, 6);
	rig_let_go(r, -1);
	assert_int_equal(count_in(a, "SUCCESS"), 3);
	struct client *b = new_of(r, "bob");
	rig_hold(r);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "bobs%d", i);
		member(b, "JOIN_GROUP", name, "bob");
	}
	rig_wait_held(r, 3);
	client_free(b);
	rig_wait_held(r, 4); /* it went */
	rig_let_go(r, -1);
	b = new_of(r, "bob");
	member(b, "JOIN_GROUP", "bobs3", "bob");
	expect_error(b, "Group chat with ID bobs3 does not exist.");
	free_all(r, a, b, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_from_birth_to_the_last_word),
		cmocka_unit_test(a_group_is_made_by_joining_it),
		cmocka_unit_test(a_chat_of_two_is_no_group),
		cmocka_unit_test(in_a_room_by_name_one_is_seen),
		cmocka_unit_test(groups_are_made_no_faster_than_they_may),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
