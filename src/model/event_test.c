/*
 * event_test.c - proves that an event owns what it says (its sources may go), that "not there"
 * stays so, that it lives until the last reference is gone, and that no failed allocation leaves
 * half an event that is used.
 */
#include "model/event.h"

#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct pl_user somebody(char *scratch, size_t n)
{
	snprintf(scratch, n, "alice");
	return (struct pl_user){.id = {{1}},
				.username = pl_slice_str(scratch),
				.display_name = PL_S(""),
				.email = {NULL, 0}};
}

static void an_event_owns_its_words(void **state)
{
	char name[16], text[16] = "hello";
	struct pl_user u = somebody(name, sizeof(name));
	struct pl_event *e = pl_event_new(PL_EV_MESSAGE);
	(void)state;
	assert_non_null(e);
	struct pl_message m = {.id = {{2}},
			       .conversation = {{3}},
			       .seq = 4,
			       .sender = u,
			       .kind = PL_S("text"),
			       .content = pl_slice_str(text),
			       .per_recipient = true,
			       .created_ms = 5};
	assert_int_equal(pl_event_set_actor(e, &u), 0);
	assert_int_equal(pl_event_set_message(e, &m), 0);
	memset(name, 'x', sizeof(name));
	memset(text, 'x', sizeof(text));
	assert_true(pl_slice_is(e->actor.username, "alice"));
	assert_true(pl_slice_is(e->message.sender.username, "alice"));
	assert_true(pl_slice_is(e->message.content, "hello"));
	assert_true(pl_uuid_eq(&e->conversation, &m.conversation));
	assert_int_equal(e->message.seq, 4);
	assert_true(e->message.per_recipient);
	/* Empty is not the same as absent. */
	assert_non_null(e->actor.display_name.at);
	assert_null(e->actor.email.at);
	assert_null(e->message.metadata.at);
	pl_event_release(e);
	pl_event_release(NULL);
}

static void topics_are_kept_in_order_up_to_a_limit(void **state)
{
	struct pl_event *e = pl_event_new(PL_EV_RAW);
	char name[16];
	int err = 0;
	unsigned n = 0;
	(void)state;
	assert_non_null(e);
	while (!err) {
		snprintf(name, sizeof(name), "a%u", n);
		err = pl_event_address(e, pl_slice_str(name));
		n += !err;
	}
	assert_int_equal(err, PL_ELIMIT);
	assert_int_equal(n, 4096);
	assert_int_equal(e->ntopics, n);
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "a%u", i);
		assert_true(pl_slice_is(e->topics[i], name));
	}
	pl_event_release(e);
}

static void a_users_topic_is_no_conversations_topic(void **state)
{
	struct pl_uuid a = {{7}}, b = {{8}};
	struct pl_topic_id user = pl_topic_user(&a), other = pl_topic_user(&b);
	struct pl_topic_id conversation = pl_topic_conversation(&a);
	(void)state;
	assert_false(pl_slice_eq(pl_topic_slice(&user), pl_topic_slice(&conversation)));
	assert_false(pl_slice_eq(pl_topic_slice(&user), pl_topic_slice(&other)));
	assert_int_equal(pl_topic_slice(&user).len, 17);
}

static void *let_go(void *event)
{
	for (int i = 0; i < 10000; i++)
		pl_event_release(event);
	return NULL;
}

static void the_last_reference_frees_it_whoever_has_it(void **state)
{
	struct pl_event *e = pl_event_new(PL_EV_RAW);
	pthread_t threads[4];
	(void)state;
	assert_non_null(e);
	assert_int_equal(pl_event_address(e, PL_S("a")), 0);
	for (int i = 0; i < 4 * 10000; i++)
		assert_ptr_equal(pl_event_retain(e), e);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, let_go, e), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&e->refs), 1);
	pl_event_release(e);
}

/* 0, or the error of the step that failed. */
static int build(struct pl_event **out)
{
	char name[16];
	struct pl_user u = somebody(name, sizeof(name));
	struct pl_message m = {.sender = u, .kind = PL_S("text"), .content = PL_S("x")};
	struct pl_event *e = pl_event_new(PL_EV_MESSAGE);
	*out = e;
	int err = e ? pl_event_set_actor(e, &u) : PL_ENOMEM;
	if (!err)
		err = pl_event_set_message(e, &m);
	for (int i = 0; !err && i < 200; i++)
		err = pl_event_address(e, PL_S("a topic that fills the arena's blocks"));
	return err;
}

static void each_allocation_may_fail(void **state)
{
	(void)state;
	unsigned long n = 1;
	for (int err = -1; err; n++) {
		struct pl_event *e;
		pl_mem_fail_at(n, false);
		err = build(&e);
		pl_mem_fail_at(0, false);
		assert_true(!err || err == PL_ENOMEM);
		for (size_t i = 0; e && i < e->ntopics; i++)
			assert_non_null(e->topics[i].at);
		pl_event_release(e);
	}
	assert_true(n > 4);
}

static void the_names_of_types_and_roles(void **state)
{
	(void)state;
	assert_true(pl_slice_is(pl_conversation_type_name(PL_DIRECT), "direct"));
	assert_true(pl_slice_is(pl_conversation_type_name(PL_GROUP), "group"));
	assert_true(pl_slice_is(pl_conversation_type_name(PL_ROOM), "room"));
	assert_true(pl_slice_is(pl_role_name(PL_OWNER), "owner"));
	assert_true(pl_slice_is(pl_role_name(PL_ADMIN), "admin"));
	assert_true(pl_slice_is(pl_role_name(PL_MEMBER), "member"));
	assert_true(pl_slice_is(pl_role_name(PL_NOT_MEMBER), ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_owns_its_words),
		cmocka_unit_test(topics_are_kept_in_order_up_to_a_limit),
		cmocka_unit_test(a_users_topic_is_no_conversations_topic),
		cmocka_unit_test(the_last_reference_frees_it_whoever_has_it),
		cmocka_unit_test(each_allocation_may_fail),
		cmocka_unit_test(the_names_of_types_and_roles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
