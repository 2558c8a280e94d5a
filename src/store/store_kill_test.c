/* store_kill_test.c - proves that kill -9 at any instant, from the first start on, loses no
 * acknowledged message, doubles none and leaves a sound file. */
#include "store/testing.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

enum { KILLS = 60 };

/* The child's acknowledgements: message numbers, in order, one pipe write each. */
static int pipe_to_parent;

static void acknowledge(void *ctx, struct pl_op *op)
{
	if (op->kind != PL_OP_SEND) {
		rig_finish(ctx, op);
		return;
	}
	uint32_t number = (uint32_t)(uintptr_t)op->owner;
	if (op->err || write(pipe_to_parent, &number, sizeof(number)) != sizeof(number))
		_exit(2);
	pl_op_free(op);
}

/* Sends for ever; each twice, as a client does that is not sure. */
static void be_killed(struct rig *r, uint32_t next)
{
	struct pl_store_options o = {.path = r->path, .finish = acknowledge, .ctx = r};
	if (pl_store_open(&o, &r->store))
		_exit(1);
	struct pl_uuid alice = sign_in(r, "alice");
	sign_in(r, "bob");
	struct pl_uuid room = create(r, alice, PL_DIRECT, &PL_S("bob"), 1);
	for (;; next++) {
		char text[32];
		int n = snprintf(text, sizeof(text), "%u", next);
		for (int twice = 0; twice < 2; twice++) {
			struct pl_op *op = op_send(alice, room, "");
			if (pl_arena_copy(&op->arena, pl_slice(text, (size_t)n), &op->send.content))
				_exit(3);
			op->send.request_id = op->send.content;
			op->owner = (void *)(uintptr_t)next;
			while (pl_store_submit(r->store, op))
				usleep(100);
		}
		if (next % 20 == 0)
			usleep(500);
	}
}

/* However slow the machine is: a start takes as long as it takes. */
static void wait_for_first(int from_child)
{
	struct pollfd p = {.fd = from_child, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 60000), 1);
}

/*
 * Killed so long after its birth, or (once_heard) after its first acknowledgement. Returns the
 * highest number that was acknowledged, 0 for none.
 */
static uint32_t live_and_die(struct rig *r, uint32_t next, bool once_heard, unsigned after_us)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(ends[0]);
		pipe_to_parent = ends[1];
		be_killed(r, next);
	}
	close(ends[1]);
	if (once_heard)
		wait_for_first(ends[0]);
	usleep(after_us);
	kill(child, SIGKILL);
	int status = 0;
	uint32_t number, last = 0;
	while (read(ends[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status)); /* it did not stop by itself */
	return last;
}

/* Each number once and in order; returns the last. */
static uint32_t check(struct rig *r)
{
	assert_int_equal(rig_open(r, r->path), 0);
	struct pl_uuid alice = sign_in(r, "alice");
	sign_in(r, "bob");
	struct pl_uuid room = create(r, alice, PL_DIRECT, &PL_S("bob"), 1);
	uint64_t seq = 0;
	for (bool more = true; more;) {
		struct pl_op *op = op_page(alice, room, 200);
		op->page.forward = true;
		op->page.after_seq = seq;
		assert_int_equal(run(r, op), 0);
		for (size_t i = 0; i < op->page.nmessages; i++) {
			assert_int_equal(op->page.messages[i].seq, ++seq);
			assert_int_equal(strtoul(op->page.messages[i].content.at, NULL, 10), seq);
		}
		more = op->page.has_more;
		pl_op_free(op);
	}
	rig_close(r);
	struct pl_buf findings;
	pl_buf_init(&findings, 65536);
	assert_int_equal(pl_store_verify(r->path, &findings), 0);
	pl_buf_fini(&findings);
	return (uint32_t)seq;
}

static void nothing_acknowledged_is_lost(void **state)
{
	struct rig *r = rig_new();
	uint64_t dice = 7;
	uint32_t there = 0, acked = 0;
	for (int i = 0; i < KILLS; i++) {
		dice = dice * 6364136223846793005u + 1442695040888963407u;
		bool once_heard = i % 3 != 0; /* else at any instant, also of the start */
		unsigned us = (unsigned)(dice >> 33) % (once_heard ? 20000 : 60000);
		uint32_t last = live_and_die(r, there + 1, once_heard, us);
		acked += last != 0;
		there = check(r);
		assert_true(there >= last);
	}
	assert_true(acked >= KILLS * 2 / 3); /* or it never got that far */
	rig_free(r);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_acknowledged_is_lost)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
