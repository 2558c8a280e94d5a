/*
 * account_call_test.c - proves that of requests under way none is lost: when there are too many,
 * when a client leaves, a server stops, a password changes or memory runs out.
 */
#include "rest/accounts_test.h"

/* ---- limits ---- */

/* A slow machine has waited a part of it already. */
static void waits(const struct heard *h, uint64_t most_s)
{
	uint64_t s = 0;
	assert_int_equal(pl_slice_u64(pl_http_header(&h->head.head, "Retry-After"), 100, &s), 0);
	assert_in_range(s, 1, most_s);
}

static void too_many_must_wait(void **state)
{
	struct stage *s = stage_open(4);
	struct pl_rate rates[PL_LIMIT__COUNT] = {
		[PL_LIMIT_LOGINS] = {6, 6}, [PL_LIMIT_LOGINS_BY_NAME] = {3, 3}};
	struct heard h;
	(void)state;
	pl_limits_fini(&s->rig->limits);
	assert_int_equal(pl_limits_init(&s->rig->limits, rates), 0);
	for (int i = 0; i < 3; i++)
		post(s, "/auth/login",
		     i % 2 ? ALICE : "{\"username\":\"ALICE\",\"password\":\"x\"}", 401, "");
	ask_for(s, "POST", "/auth/login", TYPE, ALICE, &h);
	is_answer(&h, 429, "Too many attempts. Please try again later.");
	waits(&h, 20);
	pl_buf_fini(&h.text);
	/* Others may, until the address has had its share. */
	post(s, "/auth/login", "{\"username\":\"bob\",\"password\":\"secret\"}", 401, "");
	post(s, "/auth/register", "{\"username\":\"bob\",\"password\":\"secret\"}", 201, "");
	ask_for(s, "POST", "/auth/login", TYPE, "{\"username\":\"bob\",\"password\":\"secret\"}",
		&h);
	is_answer(&h, 429, "Too many attempts");
	waits(&h, 10);
	pl_buf_fini(&h.text);
	assert_int_equal(s->rig->posts[0].metrics.v[PL_M_RATE_LIMITED], 2);
	stage_close(s);
}

enum { CROWD = 12 };

static void a_full_queue_says_so_at_once(void **state)
{
	struct stage *s = stage_open(1);
	int fds[CROWD], busy = 0, done = 0;
	(void)state;
	for (int i = 0; i < CROWD; i++)
		fds[i] = begin(s, "POST", "/auth/login", TYPE, ALICE);
	for (int i = 0; i < CROWD; i++) {
		struct heard h;
		end(s, fds[i], &h);
		done += h.head.status == 401;
		busy += h.head.status == 503;
		if (h.head.status == 503)
			assert_header(&h, "Retry-After", "1");
		pl_buf_fini(&h.text);
	}
	assert_int_equal(done + busy, CROWD);
	assert_true(done && busy);
	stage_close(s);
}

/* ---- leaving ---- */

static void wait_for_calls(struct stage *s)
{
	struct pl_rest *r = &s->rig->posts[0].rest;
	for (int n = 0; r->accounts.calls && n < TURNS_MAX; n++)
		pl_loop_turn(s->rig->posts[0].loop, 1);
	assert_int_equal(r->accounts.calls, 0);
}

static void who_leaves_is_not_registered(void **state)
{
	struct stage *s = stage_open(8);
	(void)state;
	int first = begin(s, "POST", "/auth/register", TYPE, ALICE);
	int second = begin(s, "POST", "/auth/login", TYPE, ALICE);
	pl_loop_turn(s->rig->posts[0].loop, 0);
	pl_loop_turn(s->rig->posts[0].loop, 0);
	close(first);
	close(second);
	wait_for_calls(s);
	post(s, "/auth/login", ALICE, 401, "");
	post(s, "/auth/register", ALICE, 201, "");
	stage_close(s);
}

/* Under way everywhere: waiting to be hashed, being hashed, in the store. */
static void a_stop_loses_no_call(void **state)
{
	struct stage *s = stage_open(8);
	int fds[6];
	(void)state;
	for (int i = 0; i < 6; i++)
		fds[i] = begin(s, "POST", i % 2 ? "/auth/login" : "/auth/register", TYPE, ALICE);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(s->rig->posts[0].loop, 0);
	assert_int_not_equal(s->rig->posts[0].rest.accounts.calls, 0);
	stage_close(s); /* asserts that none is left */
	for (int i = 0; i < 6; i++)
		close(fds[i]);
}

/* ---- a password that changes ---- */

/* Passwords that are being hashed, for more than a second in all. */
enum { BEFORE = 60 };

static void drop(struct pl_hash_job *j)
{
	pl_hash_job_free(j);
}

/* Who knows the old password must not get in by asking just before it is exchanged. */
static void a_login_under_way_does_not_outlive_its_password(void **state)
{
	struct stage *s = stage_open(BEFORE + 1);
	struct pl_loop *loop = s->rig->posts[0].loop;
	char header[1024];
	struct pl_identity who;
	struct pl_arena a;
	struct heard h;
	(void)state;
	post(s, "/auth/register", ALICE, 201, "");
	for (int i = 0; i < BEFORE; i++)
		assert_int_equal(pl_hasher_submit(s->hasher, pl_hash_job_new(loop, drop, NULL)), 0);
	int fd = begin(s, "POST", "/auth/login", TYPE, ALICE);
	uint64_t asked_s = pl_wall_ms() / 1000;
	while (pl_wall_ms() / 1000 == asked_s)
		pl_loop_turn(loop, 1);
	struct pl_op *op = pl_op_new(PL_OP_SET_PASSWORD, loop, keep, NULL);
	op->set_password.name = PL_S("alice");
	op->set_password.password = PL_S(DATED);
	assert_int_equal(perform(s, op), 0);
	pl_op_free(op);
	end(s, fd, &h);
	pl_arena_init(&a, 4096);
	if (h.head.status == 200) {
		token_of(&h, header);
		claims_of(s, header, &a, &who);
		op = pl_op_new(PL_OP_SIGN_IN, loop, keep, NULL);
		op->sign_in.claims.subject = who.subject;
		op->sign_in.issued_s = who.issued_s;
		assert_int_equal(perform(s, op), PL_EDENIED);
		pl_op_free(op);
	} else {
		is_answer(&h, 401, "Invalid username or password");
	}
	pl_arena_fini(&a);
	pl_buf_fini(&h.text);
	stage_close(s);
}

/* ---- memory ---- */

/* Something is always answered, or the line is cut; nothing is left behind, and a token means that
 * there is an account. */
static void each_allocation_may_fail(void **state)
{
	struct stage *s = stage_open(4);
	unsigned long n = 0;
	bool was_whole = false;
	(void)state;
	for (n = 1; !was_whole && n < 400; n++) {
		char body[128];
		struct heard h;
		snprintf(body, sizeof(body), "{\"username\":\"user%lu\",\"password\":\"secret\"}",
			 n);
		heard_init(&h);
		int fd = begin(s, "POST", "/auth/register", TYPE, body);
		pl_mem_fail_at(n, false);
		hear_on(s->rig, 0, fd, false, &h);
		unsigned long made = pl_mem_count();
		pl_mem_fail_at(0, false);
		close(fd);
		wait_for_calls(s);
		was_whole = made < n;
		if (!h.is_closed && h.head.status == 201)
			post(s, "/auth/login", body, 200, "token");
		else if (!h.is_closed)
			assert_true(h.head.status >= 500 || h.head.status == 413);
		pl_buf_fini(&h.text);
	}
	assert_true(was_whole && n > 5);
	stage_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_many_must_wait),
		cmocka_unit_test(a_full_queue_says_so_at_once),
		cmocka_unit_test(who_leaves_is_not_registered),
		cmocka_unit_test(a_stop_loses_no_call),
		cmocka_unit_test(a_login_under_way_does_not_outlive_its_password),
		cmocka_unit_test(each_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
