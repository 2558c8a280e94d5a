/* store_test.c - proves what every operation answers, alike in both stores: access, order, retries,
 * copies per recipient, pages, unread counts, groups. */
#include "store/testing.h"

#define IS(slice, text) assert_true(pl_slice_is((slice), (text)))

struct cast {
	struct pl_uuid alice, bob, carol, room; /* room: alice and bob */
};

static struct cast play(struct rig *r)
{
	struct cast c = {.alice = sign_in(r, "alice"),
			 .bob = sign_in(r, "bob"),
			 .carol = sign_in(r, "carol")};
	c.room = create(r, c.alice, PL_DIRECT, &PL_S("bob"), 1);
	return c;
}

static void a_token_makes_a_user_once(void **state)
{
	struct rig *r = *state;
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = PL_S("auth0|7");
	assert_int_equal(run(r, op), PL_ENOTFOUND); /* without provisioning */
	op->sign_in.provision = true;
	op->sign_in.claims.email = PL_S("dora@example.org");
	assert_int_equal(run(r, op), 0);
	struct pl_uuid id = op->sign_in.user.id;
	IS(op->sign_in.user.username, "dora");
	IS(op->sign_in.user.display_name, "dora");
	assert_int_equal(op->sign_in.nconversations, 0);
	op->sign_in.claims.display_name = PL_S("Dora D.");
	assert_int_equal(run(r, op), 0);
	assert_true(pl_uuid_eq(&id, &op->sign_in.user.id));
	IS(op->sign_in.user.display_name, "Dora D.");
	op->sign_in.claims = (struct pl_user){.subject = PL_S("auth0|7")};
	assert_int_equal(run(r, op), 0); /* claims that say nothing change nothing */
	IS(op->sign_in.user.display_name, "Dora D.");
	IS(op->sign_in.user.email, "dora@example.org");
	op->sign_in.claims.subject = PL_S("");
	assert_int_equal(run(r, op), PL_EINVAL);
	pl_op_free(op);
}

static void a_subject_that_is_a_uuid_is_the_id(void **state)
{
	struct rig *r = *state;
	struct pl_uuid want;
	const char *text = "0189d7a1-7e4c-4a55-9b6e-0f5c4d3e2b1a";
	assert_int_equal(pl_uuid_parse(pl_slice_str(text), &want), 0);
	struct pl_uuid got = sign_in(r, text);
	assert_true(pl_uuid_eq(&want, &got));
}

static void people_are_found_by_id_subject_or_name(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims = (struct pl_user){.subject = PL_S("s-77"), .username = PL_S("Erin")};
	op->sign_in.provision = true;
	assert_int_equal(run(r, op), 0);
	char id[PL_UUID_TEXT];
	pl_uuid_format(&c.carol, id);
	struct pl_slice all[] = {pl_slice(id, sizeof(id)), PL_S("s-77"), PL_S("eRIN"), PL_S("bob"),
				 PL_S("alice")};
	struct pl_op *made = op_create(c.alice, PL_GROUP, all, 5);
	made->create.name = PL_S("tea");
	assert_int_equal(run(r, made), 0);
	assert_int_equal(made->create.nparticipants, 4); /* each once */
	assert_true(pl_uuid_eq(&made->create.participants[0], &c.alice));
	assert_true(pl_uuid_eq(&made->create.participants[1], &c.carol));
	assert_true(pl_uuid_eq(&made->create.participants[2], &op->sign_in.user.id));
	IS(made->create.made.name, "tea");
	assert_true(pl_uuid_eq(&made->create.made.created_by, &c.alice));
	pl_op_free(made);
	pl_op_free(op);
}

static void a_bad_conversation_is_not_made(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_slice strangers[] = {PL_S("bob"), PL_S("mallory")};
	struct pl_slice two[] = {PL_S("bob"), PL_S("carol")};
	static struct pl_slice crowd[1001];
	for (size_t i = 0; i < 1001; i++)
		crowd[i] = PL_S("bob");
	struct pl_uuid nobody = pl_uuid_v4();
	const struct {
		struct pl_uuid creator;
		int type;
		struct pl_slice *members;
		size_t n;
		int err;
	} rows[] = {
		{c.alice, PL_GROUP, strangers, 2, PL_ENOTFOUND},
		{c.alice, PL_DIRECT, two, 2, PL_EINVAL},
		{c.alice, PL_DIRECT, &PL_S("alice"), 1, PL_EINVAL},
		{c.alice, PL_DIRECT, NULL, 0, PL_EINVAL},
		{c.alice, 9, two, 2, PL_EINVAL},
		{c.alice, PL_GROUP, crowd, 1001, PL_ELIMIT},
		{nobody, PL_GROUP, two, 2, PL_EDENIED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_op *op =
			op_create(rows[i].creator, (enum pl_conversation_type)rows[i].type,
				  rows[i].members, rows[i].n);
		assert_int_equal(run(r, op), rows[i].err);
		pl_op_free(op);
	}
	struct pl_op *list = lines_of(r, c.alice);
	assert_int_equal(list->conversations.nrows, 1); /* only the one that play made */
	pl_op_free(list);
}

static void a_pair_has_one_direct_conversation(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_create(c.bob, PL_DIRECT, &PL_S("alice"), 1);
	assert_int_equal(run(r, op), 0);
	assert_true(op->create.existed);
	assert_true(pl_uuid_eq(&op->create.made.id, &c.room));
	assert_int_equal(op->create.nparticipants, 2);
	assert_true(pl_uuid_eq(&op->create.participants[0], &c.bob));
	pl_op_free(op);
	struct pl_uuid other = create(r, c.bob, PL_DIRECT, &PL_S("carol"), 1);
	assert_false(pl_uuid_eq(&other, &c.room));
}

static void only_members_get_in(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid nowhere = pl_uuid_v4();
	const struct {
		struct pl_uuid user, room;
		int err;
	} rows[] = {{c.alice, c.room, 0},          {c.bob, c.room, 0},
		    {c.carol, c.room, PL_EDENIED}, {c.alice, nowhere, PL_EDENIED},
		    {nowhere, c.room, PL_EDENIED}, {(struct pl_uuid){{0}}, c.room, PL_EDENIED}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_op *a = op_new(PL_OP_ACCESS), *m = op_new(PL_OP_MARK_READ);
		struct pl_op *s = op_send(rows[i].user, rows[i].room, "hello");
		struct pl_op *p = op_page(rows[i].user, rows[i].room, 10);
		a->access.user = m->mark_read.user = rows[i].user;
		a->access.conversation = m->mark_read.conversation = rows[i].room;
		assert_int_equal(run(r, s), rows[i].err);
		assert_int_equal(run(r, a), rows[i].err);
		assert_int_equal(run(r, p), rows[i].err);
		assert_int_equal(run(r, m), rows[i].err);
		if (!rows[i].err)
			assert_int_equal(a->access.role, i ? PL_MEMBER : PL_ADMIN);
		pl_op_free(a);
		pl_op_free(s);
		pl_op_free(p);
		pl_op_free(m);
	}
}

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

static struct pl_op *mark(struct rig *r, struct pl_uuid user, struct pl_uuid room,
			  struct pl_uuid message)
{
	struct pl_op *op = op_new(PL_OP_MARK_READ);
	op->mark_read.user = user;
	op->mark_read.conversation = room;
	op->mark_read.message = message;
	run(r, op);
	return op;
}

static void the_read_position_moves_forward_only(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_uuid ids[5], nil = {{0}};
	struct pl_op *op = mark(r, c.bob, c.room, nil);
	assert_true(!op->err && !op->mark_read.moved && !op->mark_read.seq);
	assert_true(pl_uuid_is_nil(&op->mark_read.at_message));
	pl_op_free(op);
	for (int i = 0; i < 5; i++)
		ids[i] = say(r, i == 2 ? c.bob : c.alice, c.room, "x");
	const struct {
		struct pl_uuid at;
		int err;
		uint64_t seq;
		bool moved;
		uint64_t unread;
	} rows[] = {{ids[1], 0, 2, true, 2},  {ids[0], 0, 2, false, 2},
		    {ids[1], 0, 2, false, 2}, {pl_uuid_v4(), PL_ENOTFOUND, 0, false, 2},
		    {ids[3], 0, 4, true, 1},  {nil, 0, 5, true, 0},
		    {nil, 0, 5, false, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		op = mark(r, c.bob, c.room, rows[i].at);
		assert_int_equal(op->err, rows[i].err);
		if (!op->err) {
			assert_int_equal(op->mark_read.seq, rows[i].seq);
			assert_int_equal(op->mark_read.moved, rows[i].moved);
			assert_true(pl_uuid_eq(&op->mark_read.at_message, &ids[rows[i].seq - 1]));
			assert_true(op->mark_read.read_ms > 0);
		}
		pl_op_free(op);
		struct pl_op *list = lines_of(r, c.bob);
		assert_int_equal(list->conversations.rows[0].unread, rows[i].unread);
		pl_op_free(list);
	}
}

static void conversations_are_listed_latest_first(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_slice two[] = {PL_S("bob"), PL_S("carol")};
	struct pl_op *made = op_create(c.alice, PL_ROOM, two, 2);
	made->create.name = PL_S("garden");
	made->create.description = PL_S("about it");
	assert_int_equal(run(r, made), 0);
	struct pl_uuid room = made->create.made.id;
	pl_op_free(made);
	usleep(3000);
	struct pl_uuid last = say(r, c.alice, c.room, "hi bob");
	struct pl_op *op = lines_of(r, c.bob);
	assert_int_equal(op->conversations.nrows, 2);
	const struct pl_conversation_row *d = &op->conversations.rows[0];
	const struct pl_conversation_row *g = &op->conversations.rows[1];
	assert_true(pl_uuid_eq(&d->conversation.id, &c.room));
	IS(d->title, "alice");
	assert_int_equal(d->participants, 2);
	assert_int_equal(d->unread, 1);
	assert_true(d->has_latest && pl_uuid_eq(&d->latest.id, &last));
	IS(d->latest.content, "hi bob");
	IS(d->latest.sender.username, "alice");
	assert_int_equal(d->conversation.last_seq, 1);
	assert_int_equal(g->conversation.type, PL_ROOM);
	IS(g->title, "garden");
	IS(g->conversation.description, "about it");
	assert_int_equal(g->participants, 3);
	assert_false(g->has_latest);
	pl_op_free(op);
	usleep(3000);
	say(r, c.carol, room, "now this one");
	op = lines_of(r, c.bob);
	assert_true(pl_uuid_eq(&op->conversations.rows[0].conversation.id, &room));
	pl_op_free(op);
	op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = PL_S("bob");
	assert_int_equal(run(r, op), 0);
	assert_int_equal(op->sign_in.nconversations, 2);
	pl_op_free(op);
}

static struct pl_op *join(struct rig *r, struct pl_uuid user, struct pl_slice code)
{
	struct pl_op *op = op_new(PL_OP_JOIN_GROUP);
	op->join_group.user = user;
	op->join_group.invite_code = code;
	run(r, op);
	return op;
}

static void a_group_is_joined_by_its_code(void **state)
{
	struct rig *r = *state;
	struct cast c = play(r);
	struct pl_op *op = op_new(PL_OP_CREATE_GROUP);
	op->create_group.creator = c.alice;
	assert_int_equal(run(r, op), PL_EINVAL); /* no name */
	op->create_group.name = PL_S("Choir");
	op->create_group.is_public = true;
	assert_int_equal(run(r, op), 0);
	struct pl_group *g = &op->create_group.group;
	IS(g->name, "Choir");
	assert_true(g->role == PL_OWNER && g->rooms == 1 && g->members == 1 && g->is_public);
	IS(op->create_group.room.name, "general");
	assert_true(pl_uuid_eq(&op->create_group.room.group_id, &g->id));
	assert_int_equal(g->invite_code.len, 8);
	for (size_t i = 0; i < 8; i++)
		assert_non_null(strchr("0123456789ABCDEF", g->invite_code.at[i]));
	struct pl_uuid room = op->create_group.room.id;
	say(r, c.alice, room, "before bob");
	struct pl_op *bad = join(r, c.bob, PL_S("XXXXXXXX"));
	assert_int_equal(bad->err, PL_ENOTFOUND);
	pl_op_free(bad);
	struct pl_op *in = join(r, c.bob, g->invite_code);
	assert_int_equal(in->err, 0);
	assert_int_equal(in->join_group.nrooms, 1);
	assert_true(pl_uuid_eq(&in->join_group.rooms[0], &room));
	assert_true(in->join_group.group.members == 2 && in->join_group.group.role == PL_MEMBER);
	pl_op_free(in);
	in = join(r, c.bob, g->invite_code);
	assert_int_equal(in->err, PL_EEXISTS);
	IS(in->join_group.group.name, "Choir");
	pl_op_free(in);
	say(r, c.alice, room, "after bob");
	struct pl_op *page = op_page(c.bob, room, 10);
	assert_int_equal(run(r, page), 0);
	assert_int_equal(page->page.nmessages, 1); /* nothing from before he came */
	IS(page->page.messages[0].content, "after bob");
	pl_op_free(page);
	struct pl_op *list = op_new(PL_OP_GROUPS);
	list->groups.user = c.bob;
	assert_int_equal(run(r, list), 0);
	assert_int_equal(list->groups.nrows, 1);
	assert_true(list->groups.rows[0].members == 2 && list->groups.rows[0].latest_ms > 0);
	assert_null(list->groups.rows[0].invite_code.at); /* not a plain member's to hand out */
	list->groups.user = c.carol;
	assert_int_equal(run(r, list), 0);
	assert_int_equal(list->groups.nrows, 0);
	list->groups.user = c.alice;
	assert_int_equal(run(r, list), 0);
	assert_true(pl_slice_eq(list->groups.rows[0].invite_code, g->invite_code));
	pl_op_free(list);
	pl_op_free(op);
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

static int open_sqlite(void **state)
{
	struct rig *r = rig_new();
	*state = r;
	return rig_open(r, r->path);
}

static int open_memory(void **state)
{
	struct rig *r = rig_new();
	*state = r;
	return rig_open(r, NULL);
}

static int close_it(void **state)
{
	rig_free(*state);
	return 0;
}

#define BOTH(X)                                   \
	X(a_token_makes_a_user_once)              \
	X(a_subject_that_is_a_uuid_is_the_id)     \
	X(people_are_found_by_id_subject_or_name) \
	X(a_bad_conversation_is_not_made)         \
	X(a_pair_has_one_direct_conversation)     \
	X(only_members_get_in)                    \
	X(a_message_comes_back_as_it_was_sent)    \
	X(a_bad_message_is_not_stored)            \
	X(a_retry_is_recognised)                  \
	X(two_of_a_kind_in_one_batch_are_one)     \
	X(everybody_reads_their_own_copy)         \
	X(pages_step_over_what_is_hidden)         \
	X(five_hundred_messages_in_pages)         \
	X(a_page_of_long_messages_ends_early)     \
	X(the_read_position_moves_forward_only)   \
	X(conversations_are_listed_latest_first)  \
	X(a_group_is_joined_by_its_code)          \
	X(four_threads_one_order)

int main(void)
{
	const struct CMUnitTest on_sqlite[] = {
#define X(test) cmocka_unit_test_setup_teardown(test, open_sqlite, close_it),
		BOTH(X)
#undef X
	};
	const struct CMUnitTest in_memory[] = {
#define X(test) cmocka_unit_test_setup_teardown(test, open_memory, close_it),
		BOTH(X)
#undef X
	};
	int failed = cmocka_run_group_tests(on_sqlite, NULL, NULL);
	return failed + cmocka_run_group_tests(in_memory, NULL, NULL);
}
