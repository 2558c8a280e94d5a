/*
 * member_test.c - proves what becomes of memberships and names between workers: who is no member
 * any more is shown out of what is not everybody's and is told of no longer, presence carries the
 * username, and a question for somebody's presence is answered to who asked.
 */
#include "chat/testing.h"

static void enter_as(struct fake *f, unsigned user, const char *name, unsigned members)
{
	struct pl_uuid list[8];
	for (unsigned i = 0; i < members; i++)
		list[i] = id_of('c', i + 1);
	struct pl_op_sign_in in = {.user = {.id = id_of('u', user), .username = pl_slice_str(name)},
				   .conversations = list,
				   .nconversations = members};
	assert_int_equal(pl_hub_enter(f->hub, &f->peer, &in), 0);
}

static struct pl_event *membership(unsigned user, unsigned conversation, bool on, const char *alias)
{
	struct pl_event *e = pl_event_new(PL_EV_MEMBER);
	struct pl_topic_id t;
	assert_non_null(e);
	e->actor.id = id_of('u', user);
	e->on = on;
	e->participants = pl_arena_array(&e->arena, 1, sizeof(*e->participants));
	e->participants[0] = id_of('c', conversation);
	e->nparticipants = 1;
	e->conversation = e->participants[0];
	if (alias)
		e->alias = pl_slice_str(alias);
	t = pl_topic_user(&e->actor.id);
	assert_int_equal(pl_event_address(e, pl_topic_slice(&t)), 0);
	return e;
}

static bool sits(struct fake *f, unsigned conversation)
{
	struct pl_uuid id = id_of('c', conversation);
	return pl_hub_has_joined(f->hub, &f->peer, &id);
}

static void who_is_no_member_is_shown_out(void **state)
{
	struct world *w = world_new(10, 1000);
	struct fake here, there, other;
	(void)state;
	fake_init(w, &here, 0);
	fake_init(w, &there, 1);
	fake_init(w, &other, 1);
	enter_as(&here, 1, "alice", 2);
	enter_as(&there, 1, "alice", 2);
	enter_as(&other, 2, "bob", 2);
	struct fake *all[] = {&here, &there, &other};
	for (size_t i = 0; i < 3; i++) {
		fake_join(all[i], 1);
		fake_join(all[i], 2);
	}
	settle(w);
	pl_hub_publish(here.hub, membership(1, 1, false, NULL));
	settle(w);
	assert_false(sits(&here, 1));
	assert_false(sits(&there, 1)); /* on whichever worker */
	assert_true(sits(&here, 2));
	assert_true(sits(&other, 1));
	/* An open room is everybody's: whoever listens there may go on. */
	pl_hub_publish(here.hub, membership(1, 2, false, "tea"));
	settle(w);
	assert_true(sits(&here, 2));
	assert_true(sits(&there, 2));
	for (size_t i = 0; i < 3; i++)
		pl_hub_leave(all[i]->hub, &all[i]->peer);
	settle_for(w, 30);
	world_free(w);
}

static void who_left_is_not_told_of_there(void **state)
{
	struct world *w = world_new(5, 1000);
	struct fake alice, bob;
	(void)state;
	fake_init(w, &alice, 0);
	fake_init(w, &bob, 1);
	enter_as(&bob, 2, "bob", 2);
	fake_join(&bob, 1);
	fake_join(&bob, 2);
	settle(w);
	enter_as(&alice, 1, "alice", 2);
	settle(w);
	bob.len = 0;
	pl_hub_publish(bob.hub, membership(1, 1, false, NULL));
	settle(w);
	pl_hub_leave(alice.hub, &alice.peer);
	settle_for(w, 30);
	fake_expect(&bob, "offline u1 c2;");
	pl_hub_leave(bob.hub, &bob.peer);
	settle_for(w, 30);
	world_free(w);
}

/* ---- names ---- */

static char heard_name[64];

static struct pl_encoded *hear_name(const struct pl_event *e)
{
	if (e->kind == PL_EV_PRESENCE)
		snprintf(heard_name, sizeof(heard_name), "%.*s", PL_FMT(e->actor.username));
	return NULL;
}

static const struct pl_peer_ops name_ops = {hear_name, NULL, NULL};

static void presence_says_who_by_name(void **state)
{
	struct world *w = world_new(5, 1000);
	struct fake alice, again;
	struct pl_peer listener;
	struct pl_uuid c = id_of('c', 1);
	(void)state;
	pl_peer_init(&listener, &name_ops, 1000);
	assert_int_equal(pl_hub_join(&w->hubs[2], &listener, &c), 0);
	fake_init(w, &alice, 0);
	fake_init(w, &again, 1);
	enter_as(&alice, 1, "alice", 1);
	settle(w);
	assert_string_equal(heard_name, "alice");
	/* The latest name counts. */
	enter_as(&again, 1, "alison", 1);
	settle(w);
	pl_hub_leave(alice.hub, &alice.peer);
	pl_hub_leave(again.hub, &again.peer);
	settle_for(w, 30);
	assert_string_equal(heard_name, "alison");
	pl_hub_leave(&w->hubs[2], &listener);
	settle(w);
	world_free(w);
}

/* ---- questions ---- */

static char answers[256];

static struct pl_encoded *take_answer(const struct pl_event *e)
{
	static char words;
	return e->kind == PL_EV_ANSWER ? (struct pl_encoded *)(void *)&words : NULL;
}

static void note_answer(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	size_t len = strlen(answers);
	(void)x;
	snprintf(answers + len, sizeof(answers) - len, "%llu:u%u %s %.*s;",
		 (unsigned long long)p->id, number_of(&e->actor.id), e->on ? "yes" : "no",
		 PL_FMT(e->ref));
}

static const struct pl_peer_ops asking_ops = {take_answer, note_answer, fake_forget};

static void who_asks_is_answered(void **state)
{
	struct world *w = world_new(5, 1000);
	struct fake asker, twin, bob;
	(void)state;
	fake_init(w, &asker, 0);
	fake_init(w, &twin, 0);
	fake_init(w, &bob, 1);
	asker.peer.ops = twin.peer.ops = &asking_ops;
	enter_as(&asker, 1, "alice", 0);
	enter_as(&twin, 1, "alice", 0); /* hears nothing of it */
	enter_as(&bob, 2, "bob", 0);
	settle(w);
	for (unsigned user = 1; user <= 8; user++) { /* whoever keeps it */
		struct pl_uuid id = id_of('u', user);
		answers[0] = '\0';
		assert_int_equal(pl_presence_ask(asker.hub, &asker.peer, &id, PL_S("ref")), 0);
		settle(w);
		char want[64];
		snprintf(want, sizeof(want), "%llu:u%u %s ref;", (unsigned long long)asker.peer.id,
			 user, user <= 2 ? "yes" : "no");
		assert_string_equal(answers, want);
	}
	pl_hub_leave(asker.hub, &asker.peer);
	pl_hub_leave(twin.hub, &twin.peer);
	pl_hub_leave(bob.hub, &bob.peer);
	settle_for(w, 30);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_no_member_is_shown_out),
		cmocka_unit_test(who_left_is_not_told_of_there),
		cmocka_unit_test(presence_says_who_by_name),
		cmocka_unit_test(who_asks_is_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
