/* store_message_test.c - proves, alike in both stores: a message comes back as it was sent, once,
 * in the one order; a retry is recognised; everybody reads their own copy; pages miss nothing. */
#include "store/cast_test.h"

static void a_message_comes_back_as_it_was_sent(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid first = say(r, c.bob, c.room, "question");
	struct pl_op *op = op_send(c.alice, c.room, "");
	op->send.content = pl_slice("a\0b \xf0\x9f\x8d\xb5", 8);
	op->send.kind = PL_S("image");
	op->send.metadata = PL_S("{\"w\":1}");
	op->send.reply_to = first;
	assert_int_equal(run(r, op), 0);
	assert_int_equal(op->send.message.seq, 2);
	IS(op->send.message.sender.username, "alice");
	struct pl_op *page = op_page(c.bob, c.room, 10);
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 2);
	assert_false(page->page.has_more);
	const struct pl_message *m = &page->page.messages[1], *s = &op->send.message;
	assert_true(pl_uuid_eq(&m->id, &s->id) && pl_uuid_eq(&m->conversation, &c.room));
	assert_int_equal(m->seq, 2);
	assert_true(pl_slice_eq(m->content, op->send.content));
	IS(m->kind, "image");
	IS(m->metadata, "{\"w\":1}");
	assert_int_equal(m->created_ms, s->created_ms);
	IS(m->sender.display_name, "alice");
	assert_true(pl_uuid_eq(&m->sender.id, &c.alice) && pl_uuid_eq(&m->reply_to, &first));
	assert_true(m->reply_found && pl_uuid_eq(&m->reply_sender, &c.bob));
	IS(m->reply_content, "question");
	assert_true(pl_uuid_is_nil(&page->page.messages[0].reply_to));
	pl_op_free(page);
	pl_op_free(op);
}

static void a_bad_message_is_not_stored(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid elsewhere = create(r, c.alice, PL_DIRECT, &PL_S("carol"), 1);
	struct pl_uuid there = say(r, c.carol, elsewhere, "elsewhere");
	struct pl_copy twice[] = {{c.bob, PL_S("x")}, {c.bob, PL_S("y")}};
	struct pl_copy stranger[] = {{c.bob, PL_S("x")}, {c.carol, PL_S("y")}};
	struct pl_copy nobody[] = {{pl_uuid_v4(), PL_S("x")}};
	const struct {
		struct pl_slice kind, content;
		struct pl_uuid reply_to;
		struct pl_copy *copies;
		size_t n;
		int err;
	} rows[] = {
		{PL_S("poem"), PL_S("x"), {{0}}, NULL, 0, PL_EINVAL},
		{PL_S(""), PL_S("x"), {{0}}, NULL, 0, PL_EINVAL},
		{PL_S("text"), {NULL, 0}, {{0}}, NULL, 0, PL_EINVAL},
		{PL_S("text"), PL_S("x"), there, NULL, 0, PL_ENOTFOUND},
		{PL_S("text"), PL_S("x"), pl_uuid_v4(), NULL, 0, PL_ENOTFOUND},
		{PL_S("text"), PL_S(""), {{0}}, twice, 2, PL_EINVAL},
		{PL_S("text"), PL_S(""), {{0}}, stranger, 2, PL_EINVAL},
		{PL_S("text"), PL_S(""), {{0}}, nobody, 1, PL_EINVAL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_op *op = op_send(c.alice, c.room, "");
		op->send.kind = rows[i].kind;
		op->send.content = rows[i].content;
		op->send.reply_to = rows[i].reply_to;
		op->send.copies = rows[i].copies;
		op->send.ncopies = rows[i].n;
		op->send.request_id = PL_S("same");
		assert_int_equal(run(r, op), rows[i].err);
		pl_op_free(op);
	}
	struct pl_op *page = op_page(c.alice, c.room, 10);
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 0);
	pl_op_free(page);
	struct pl_op *good = op_send(c.alice, c.room, "first");
	assert_int_equal(run(r, good), 0);
	assert_int_equal(good->send.message.seq, 1); /* the refused took no number */
	pl_op_free(good);
}

/* Sends with these ids; returns the seq, checks whether it was a duplicate. */
static uint64_t send_as(struct rig *r, struct pl_uuid user, struct pl_uuid room, const char *text,
			const char *client, const char *request, bool duplicate)
{
	struct pl_op *op = op_send(user, room, text);
	op->send.client_id = pl_slice_str(client);
	op->send.request_id = pl_slice_str(request);
	assert_int_equal(run(r, op), 0);
	assert_int_equal(op->send.duplicate, duplicate);
	uint64_t seq = op->send.message.seq;
	if (duplicate)
		IS(op->send.message.sender.username, "alice");
	pl_op_free(op);
	return seq;
}

static void a_retry_is_recognised(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid other = create(r, c.alice, PL_DIRECT, &PL_S("carol"), 1);
	assert_int_equal(send_as(r, c.alice, c.room, "a", "id1", "r1", false), 1);
	assert_int_equal(send_as(r, c.alice, c.room, "a", "id1", "r2", true), 1);
	assert_int_equal(send_as(r, c.alice, c.room, "b", "id1", "r3", true), 1); /* id decides */
	assert_int_equal(send_as(r, c.bob, c.room, "a", "id1", "r1", false), 2);
	assert_int_equal(send_as(r, c.alice, other, "a", "id1", "r1", false), 1);
	assert_int_equal(send_as(r, c.alice, c.room, "q", NULL, "r1", false), 3);
	assert_int_equal(send_as(r, c.alice, c.room, "q", NULL, "r1", true), 3);
	assert_int_equal(send_as(r, c.alice, c.room, "Q", NULL, "r1", false), 4); /* new content */
	assert_int_equal(send_as(r, c.alice, c.room, "q", NULL, "r9", false), 5);
	assert_int_equal(send_as(r, c.alice, c.room, "q", NULL, "", false), 6); /* no id at all */
	assert_int_equal(send_as(r, c.alice, c.room, "q", NULL, NULL, false), 7);
	assert_int_equal(send_as(r, c.bob, c.room, "q", NULL, "r1", false), 8);
}

/* Submitted without waiting, they meet in the writer's queue, most of them in one transaction. */
static void two_of_a_kind_in_one_batch_are_one(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *ops[64];
	for (size_t i = 0; i < 64; i++) {
		ops[i] = op_send(c.alice, c.room, "once");
		ops[i]->send.client_id = i % 2 ? PL_S("odd") : PL_S("even");
	}
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(pl_store_submit(r->store, ops[i]), 0);
	assert_true(wait_for(r, ops[63]));
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(ops[i]->err, 0);
		assert_int_equal(ops[i]->send.message.seq, i % 2 + 1);
		assert_int_equal(ops[i]->send.duplicate, i > 1);
		pl_op_free(ops[i]);
	}
}

static void everybody_reads_their_own_copy(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_slice both[] = {PL_S("bob"), PL_S("carol")};
	struct pl_uuid room = create(r, c.alice, PL_GROUP, both, 2);
	struct pl_copy copies[] = {{c.alice, PL_S("for alice")}, {c.bob, PL_S("for bob")}};
	struct pl_op *op = op_send(c.alice, room, "ignored");
	op->send.copies = copies;
	op->send.ncopies = 2;
	op->send.request_id = PL_S("r1");
	assert_int_equal(run(r, op), 0);
	assert_true(op->send.message.per_recipient);
	IS(op->send.message.content, "for alice");
	assert_int_equal(run(r, op), 0);
	assert_true(op->send.duplicate);
	IS(op->send.message.content, "for alice");
	copies[1].content = PL_S("for bob!");
	assert_int_equal(run(r, op), 0);
	assert_false(op->send.duplicate); /* another content */
	op->send.copies = &copies[1];
	op->send.ncopies = 1;
	op->send.reply_to = op->send.message.id;
	assert_int_equal(run(r, op), 0);
	assert_null(op->send.message.content.at); /* none for the sender */
	const struct {
		struct pl_uuid who;
		size_t n;
		const char *last;
		uint64_t unread;
	} rows[] = {{c.alice, 2, "for alice", 0}, {c.bob, 3, "for bob!", 3}, {c.carol, 0, NULL, 0}};
	for (size_t i = 0; i < 3; i++) {
		struct pl_op *page = op_page(rows[i].who, room, 10);
		struct pl_op *list = lines_of(r, rows[i].who);
		assert_int_equal(run(r, page), 0);
		assert_int_equal(page->page.nmessages, rows[i].n);
		const struct pl_conversation_row *row = list->conversations.rows;
		while (!pl_uuid_eq(&row->conversation.id, &room))
			row++;
		assert_int_equal(row->unread, rows[i].unread);
		assert_int_equal(row->has_latest, rows[i].n > 0);
		if (rows[i].n) {
			IS(page->page.messages[rows[i].n - 1].content, rows[i].last);
			IS(row->latest.content, rows[i].last);
		}
		pl_op_free(page);
		pl_op_free(list);
	}
	pl_op_free(op);
}

static void pages_step_over_what_is_hidden(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_copy mine[] = {{c.alice, PL_S("mine")}};
	for (int i = 0; i < 60; i++) {
		struct pl_op *op = op_send(c.alice, c.room, "for both");
		op->send.copies = mine;
		op->send.ncopies = i % 20 ? 1 : 0; /* bob sees seq 1, 21, 41 */
		assert_int_equal(run(r, op), 0);
		pl_op_free(op);
	}
	struct pl_op *page = op_page(c.bob, c.room, 2);
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 2);
	assert_int_equal(page->page.messages[0].seq, 21);
	assert_int_equal(page->page.messages[1].seq, 41);
	assert_true(page->page.has_more);
	page->page.before = page->page.messages[0].id;
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 1);
	assert_int_equal(page->page.messages[0].seq, 1);
	assert_false(page->page.has_more);
	page->page.forward = true;
	page->page.after_seq = 1;
	page->page.limit = 1;
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.messages[0].seq, 21);
	assert_true(page->page.has_more);
	pl_op_free(page);
}

static void five_hundred_messages_in_pages(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *last = NULL;
	for (int i = 0; i < 500; i++) {
		struct pl_op *op = op_send(i % 2 ? c.alice : c.bob, c.room, "line");
		assert_int_equal(pl_store_submit(r->store, op), 0);
		last = op;
	}
	assert_true(wait_for(r, last));
	for (size_t i = 0; i < 500; i++)
		pl_op_free(r->done[i]);
	uint64_t expect = 500;
	struct pl_op *page = op_page(c.alice, c.room, 70);
	for (bool more = true; more; more = page->page.has_more) {
		assert_int_equal(run(r, page), 0);
		for (size_t i = page->page.nmessages; i--;)
			assert_int_equal(page->page.messages[i].seq, expect--);
		page->page.before = page->page.messages[0].id;
	}
	assert_int_equal(expect, 0);
	page->page.forward = true;
	for (bool more = true; more; more = page->page.has_more) {
		page->page.after_seq = expect;
		assert_int_equal(run(r, page), 0);
		for (size_t i = 0; i < page->page.nmessages; i++)
			assert_int_equal(page->page.messages[i].seq, ++expect);
	}
	assert_int_equal(expect, 500);
	page->page.after_seq = UINT64_MAX;
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 0);
	page->page.forward = false;
	page->page.limit = 100000; /* capped */
	page->page.before = (struct pl_uuid){{0}};
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 200);
	page->page.before = pl_uuid_v4();
	assert_int_equal(run(r, page), PL_ENOTFOUND);
	pl_op_free(page);
}

/* 40 messages of 500 KB are more than a page may hold. */
static void a_page_of_long_messages_ends_early(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	size_t len = 500000;
	char *text = malloc(len);
	assert_non_null(text);
	memset(text, 'x', len);
	for (int i = 0; i < 40; i++) {
		struct pl_op *op = op_send(c.alice, c.room, "");
		op->send.content = pl_slice(text, len);
		assert_int_equal(run(r, op), 0);
		pl_op_free(op);
	}
	struct pl_uuid before = {{0}};
	size_t seen = 0;
	for (bool more = true; more;) {
		struct pl_op *page = op_page(c.bob, c.room, 200);
		page->page.before = before;
		assert_int_equal(run(r, page), 0);
		assert_true(page->page.nmessages > 0 && page->page.nmessages < 40);
		seen += page->page.nmessages;
		before = page->page.messages[0].id;
		more = page->page.has_more;
		pl_op_free(page);
	}
	assert_int_equal(seen, 40);
	free(text);
}

enum { THREADS = 4, EACH = 500 };

struct sender {
	struct rig *rig;
	struct pl_uuid user, room;
	int number;
};

static void *send_many(void *arg)
{
	struct sender *s = arg;
	for (int i = 0; i < EACH; i++) {
		struct pl_op *op = op_send(s->user, s->room, "x");
		char text[32];
		int n = snprintf(text, sizeof(text), "%d.%d", s->number, i);
		if (pl_arena_copy(&op->arena, pl_slice(text, (size_t)n), &op->send.content))
			return NULL;
		if (pl_store_submit(s->rig->store, op))
			return NULL;
	}
	return s;
}

/* Numbers 1, 2, 3 ... in the order of finish, and each thread's messages in its own order. */
static void four_threads_one_order(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	pthread_t threads[THREADS];
	struct sender s[THREADS];
	for (int i = 0; i < THREADS; i++) {
		s[i] = (struct sender){r, i % 2 ? c.alice : c.bob, c.room, i};
		assert_int_equal(pthread_create(&threads[i], NULL, send_many, &s[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *ok;
		pthread_join(threads[i], &ok);
		assert_non_null(ok);
	}
	for (bool all = false; !all; usleep(1000)) {
		pthread_mutex_lock(&r->lock);
		all = r->ndone == THREADS * EACH;
		pthread_mutex_unlock(&r->lock);
	}
	int next[THREADS] = {0};
	for (size_t i = 0; i < THREADS * EACH; i++) {
		struct pl_op *op = r->done[i];
		assert_int_equal(op->err, 0);
		assert_int_equal(op->send.message.seq, i + 1);
		int thread = op->send.content.at[0] - '0';
		assert_int_equal(strtol(op->send.content.at + 2, NULL, 10), next[thread]++);
		pl_op_free(op);
	}
	assert_int_equal(r->metrics.v[PL_M_STORED], THREADS * EACH);
	assert_true(r->metrics.v[PL_M_COMMITS] < THREADS * EACH); /* they shared commits */
}

#define BOTH(X)                                \
	X(a_message_comes_back_as_it_was_sent) \
	X(a_bad_message_is_not_stored)         \
	X(a_retry_is_recognised)               \
	X(two_of_a_kind_in_one_batch_are_one)  \
	X(everybody_reads_their_own_copy)      \
	X(pages_step_over_what_is_hidden)      \
	X(five_hundred_messages_in_pages)      \
	X(a_page_of_long_messages_ends_early)  \
	X(four_threads_one_order)

int main(void)
{
	const struct CMUnitTest sqlite[] = {BOTH(ON_SQLITE)};
	const struct CMUnitTest memory[] = {BOTH(IN_MEMORY)};
	int failed = cmocka_run_group_tests(sqlite, NULL, NULL);
	return failed + cmocka_run_group_tests(memory, NULL, NULL);
}
