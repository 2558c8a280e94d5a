/*
 * hub_test.c - proves the way of an operation: to the store, home, and what others hear of it; the
 * acknowledgement before the event, events in the order of the commits, and nothing of what failed,
 * was said twice, or is nobody's business.
 */
#include "chat/testing.h"

struct story {
	struct world *w;
	struct pl_store *store;
	struct fake alice, bob;
	struct pl_uuid room;
	unsigned done;
	int err;
	bool is_inside; /* pl_hub_submit has not returned */
};

static struct story *told; /* the one that runs: on_done gets an op and nothing else */

static void finish(void *ctx, struct pl_op *op)
{
	pl_hub_finish(((struct story *)ctx)->w->bus, op);
}

static void on_done(struct pl_op *op)
{
	assert_false(told->is_inside);
	told->done++;
	told->err = op->err;
	if (op->kind == PL_OP_CREATE && !op->err)
		told->room = op->create.made.id;
	if (op->kind == PL_OP_SIGN_IN && !op->err)
		assert_int_equal(pl_hub_enter(&told->w->hubs[0], op->owner, &op->sign_in), 0);
	if (op->kind == PL_OP_SEND && !op->err) {
		struct fake *f = &told->alice;
		int n = snprintf(f->heard + f->len, HEARD - f->len, "ack;");
		f->len += (size_t)n;
	}
	pl_op_free(op);
}

static void submit(struct story *s, int worker, struct pl_op *op)
{
	s->is_inside = true;
	pl_hub_submit(&s->w->hubs[worker], op);
	s->is_inside = false;
}

static void wait_done(struct story *s, unsigned n)
{
	for (uint64_t end = pl_now_ms() + 5000; s->done < n && pl_now_ms() < end;)
		for (int i = 0; i < WORKERS; i++)
			pl_loop_turn(s->w->loops[i], 1);
	assert_int_equal(s->done, n);
	settle(s->w);
	s->done = 0;
}

static struct pl_op *new_op(struct story *s, enum pl_op_kind kind, int worker)
{
	struct pl_op *op = pl_op_new(kind, s->w->loops[worker], on_done, NULL);
	assert_non_null(op);
	return op;
}

static void sign_in(struct story *s, struct fake *f, const char *name)
{
	struct pl_op *op = new_op(s, PL_OP_SIGN_IN, 0);
	op->owner = &f->peer;
	op->sign_in.claims.subject = pl_slice_str(name);
	op->sign_in.provision = true;
	submit(s, 0, op);
	wait_done(s, 1);
	assert_true(pl_peer_is_signed_in(&f->peer));
}

static struct pl_op *message(struct story *s, int worker, const char *client_id)
{
	struct pl_op *op = new_op(s, PL_OP_SEND, worker);
	op->send.user = s->alice.peer.user.id;
	op->send.conversation = s->room;
	op->send.kind = PL_S("text");
	op->send.content = PL_S("hello");
	op->send.client_id = pl_slice_str(client_id);
	op->origin = s->alice.peer.id;
	return op;
}

static struct story *begin(void)
{
	static struct pl_slice members[1];
	struct story *s = calloc(1, sizeof(*s));
	assert_non_null(s);
	told = s;
	s->w = world_new(1000, 1000);
	struct pl_store_options o = {.readers = 1, .finish = finish, .ctx = s};
	assert_int_equal(pl_store_open(&o, &s->store), 0);
	for (int i = 0; i < WORKERS; i++)
		s->w->hubs[i].store = s->store;
	fake_init(s->w, &s->alice, 0);
	fake_init(s->w, &s->bob, 0);
	sign_in(s, &s->alice, "alice");
	sign_in(s, &s->bob, "bob");
	struct pl_op *op = new_op(s, PL_OP_CREATE, 0);
	members[0] = PL_S("bob");
	op->create.creator = s->alice.peer.user.id;
	op->create.type = PL_DIRECT;
	op->create.members = members;
	op->create.nmembers = 1;
	op->origin = s->alice.peer.id;
	submit(s, 0, op);
	wait_done(s, 1);
	assert_int_equal(s->err, 0);
	assert_int_equal(pl_hub_join(&s->w->hubs[0], &s->alice.peer, &s->room), 0);
	assert_int_equal(pl_hub_join(&s->w->hubs[0], &s->bob.peer, &s->room), 0);
	return s;
}

static void end(struct story *s)
{
	pl_hub_leave(s->alice.hub, &s->alice.peer);
	pl_hub_leave(s->bob.hub, &s->bob.peer);
	pl_store_close(s->store);
	world_free(s->w);
	free(s);
}

/* What was heard without the numbers, which the store chose. */
static void expect_words(struct fake *f, const char *words)
{
	char seen[HEARD];
	size_t n = 0;
	for (const char *at = f->heard; *at; at++)
		if (*at == ' ')
			at = strchr(at, ';') - 1;
		else
			seen[n++] = *at;
	seen[n] = '\0';
	assert_string_equal(seen, words);
	f->len = 0;
	f->heard[0] = '\0';
}

static void others_are_told_what_was_made_and_said_after_the_answer(void **state)
{
	struct story *s = begin();
	(void)state;
	expect_words(&s->alice, ""); /* she made it: she has her answer */
	expect_words(&s->bob, "made;");
	submit(s, 0, message(s, 0, "1"));
	wait_done(s, 1);
	expect_words(&s->alice, "ack;says;");
	expect_words(&s->bob, "says;");
	submit(s, 0, message(s, 0, "1")); /* a retry: answered, not told again */
	wait_done(s, 1);
	expect_words(&s->alice, "ack;");
	expect_words(&s->bob, "");
	struct pl_op *op = message(s, 0, "2");
	op->send.user = pl_uuid_v4(); /* nobody: refused, not told */
	submit(s, 0, op);
	wait_done(s, 1);
	assert_int_equal(s->err, PL_EDENIED);
	expect_words(&s->bob, "");
	end(s);
}

static void a_receipt_is_told_once_and_not_when_silent(void **state)
{
	struct story *s = begin();
	(void)state;
	submit(s, 0, message(s, 0, "1"));
	wait_done(s, 1);
	expect_words(&s->bob, "made;says;");
	expect_words(&s->alice, "ack;says;");
	for (int i = 0; i < 3; i++) {
		struct pl_op *op = new_op(s, PL_OP_MARK_READ, 0);
		op->mark_read.user = s->bob.peer.user.id;
		op->mark_read.conversation = s->room;
		op->origin = s->bob.peer.id;
		if (i == 2) {
			submit(s, 0, message(s, 0, "2"));
			wait_done(s, 1);
			op->mark_read.is_silent = true;
		}
		submit(s, 0, op);
		wait_done(s, 1);
		expect_words(&s->alice, i == 0 ? "read;" : i == 1 ? "" : "ack;says;");
		expect_words(&s->bob, i == 2 ? "says;" : "");
	}
	end(s);
}

struct ear {
	struct fake fake;
	uint64_t last;
};

static void hear_seq(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	struct ear *ear = PL_CONTAINER(p, struct ear, fake.peer);
	(void)x;
	if (e->kind != PL_EV_MESSAGE)
		return;
	assert_int_equal(e->message.seq, ear->last + 1);
	ear->last = e->message.seq;
}

static void every_worker_hears_one_order_without_gaps(void **state)
{
	enum { EACH = 150 };
	static const struct pl_peer_ops ops = {fake_encode, hear_seq, fake_forget};
	struct story *s = begin();
	struct ear ears[WORKERS] = {0};
	(void)state;
	for (int i = 0; i < WORKERS; i++) {
		pl_peer_init(&ears[i].fake.peer, &ops, 1000 + (uint64_t)i);
		assert_int_equal(pl_hub_join(&s->w->hubs[i], &ears[i].fake.peer, &s->room), 0);
	}
	pl_hub_unjoin(&s->w->hubs[0], &s->alice.peer, &s->room);
	pl_hub_unjoin(&s->w->hubs[0], &s->bob.peer, &s->room);
	for (int n = 0; n < EACH; n++)
		for (int i = 0; i < WORKERS; i++) {
			submit(s, i, message(s, i, ""));
			pl_loop_turn(s->w->loops[i], 0);
		}
	wait_done(s, EACH * WORKERS);
	/* The last acknowledgement may be home before the last event is out. */
	for (uint64_t until = pl_now_ms() + 10000; pl_now_ms() < until;) {
		settle(s->w);
		if (ears[0].last + ears[1].last + ears[2].last == 3 * EACH * WORKERS)
			break;
	}
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(ears[i].last, EACH * WORKERS);
		pl_hub_leave(&s->w->hubs[i], &ears[i].fake.peer);
	}
	end(s);
}

static void at_the_end_operations_come_home_refused(void **state)
{
	struct story *s = begin();
	(void)state;
	expect_words(&s->bob, "made;");
	pl_hub_stop(&s->w->hubs[0]);
	submit(s, 0, message(s, 0, "1"));
	wait_done(s, 1);
	assert_int_equal(s->err, PL_ESTORE);
	struct pl_event *e = pl_event_new(PL_EV_RAW);
	assert_non_null(e);
	pl_hub_publish(&s->w->hubs[0], e);
	settle(s->w);
	expect_words(&s->bob, "");
	end(s);
}

/* The message is on disk and answered; that it is not told is all that may be lost. */
static void without_memory_for_the_event_the_answer_comes(void **state)
{
	struct story *s = begin();
	(void)state;
	for (unsigned long n = 1; n < 12; n++) {
		struct pl_op *op = message(s, 0, "x");
		op->send.message = (struct pl_message){.seq = 1, .content = PL_S("hello")};
		pl_mem_fail_at(n, true);
		pl_hub_finish(s->w->bus, op);
		pl_mem_fail_at(0, false);
		wait_done(s, 1);
		assert_int_equal(s->err, 0);
	}
	end(s);
}

static void entering_again_and_leaving_twice_count_once(void **state)
{
	struct world *w = world_new(1000, 1000);
	struct fake f;
	(void)state;
	fake_init(w, &f, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fake_enter(&f, 1, 0), 0);
	assert_int_equal(w->metrics[0].v[PL_M_SIGNED_IN], 1);
	assert_int_equal(f.peer.member.nseats, 1);
	fake_join(&f, 1);
	assert_true(pl_hub_has_joined(f.hub, &f.peer, &(struct pl_uuid){.b = {'c', [15] = 1}}));
	for (int i = 0; i < 3; i++)
		pl_hub_leave(f.hub, &f.peer);
	assert_int_equal(w->metrics[0].v[PL_M_SIGNED_IN], 0);
	assert_int_equal(w->metrics[0].v[PL_M_ROOMS], 0);
	assert_int_equal(f.peer.member.nseats, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_are_told_what_was_made_and_said_after_the_answer),
		cmocka_unit_test(a_receipt_is_told_once_and_not_when_silent),
		cmocka_unit_test(every_worker_hears_one_order_without_gaps),
		cmocka_unit_test(at_the_end_operations_come_home_refused),
		cmocka_unit_test(without_memory_for_the_event_the_answer_comes),
		cmocka_unit_test(entering_again_and_leaving_twice_count_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
