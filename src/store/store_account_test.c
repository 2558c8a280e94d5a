/*
 * store_account_test.c - proves, alike in both stores: a name is given once, in whatever case and
 * to whoever asks at the same time, and never one that somebody else goes by; a password is
 * exchanged as asked; and whoever is locked out, or brings a token older than the password, does
 * not get in.
 */
#include "store/cast_test.h"

#include "base/clock.h"

#include <sqlite3.h>

static struct pl_op *op_register(const char *name, const char *hash)
{
	struct pl_op *op = op_new(PL_OP_REGISTER);
	op->enlist.username = pl_slice_str(name);
	op->enlist.password = pl_slice_str(hash);
	return op;
}

static int enlist(struct rig *r, const char *name, struct pl_uuid *id)
{
	struct pl_op *op = op_register(name, "hash of it");
	int err = run(r, op);
	if (!err && id)
		*id = op->enlist.user.id;
	pl_op_free(op);
	return err;
}

static struct pl_op *account(struct rig *r, const char *name, int want)
{
	struct pl_op *op = op_new(PL_OP_ACCOUNT);
	op->account.name = pl_slice_str(name);
	assert_int_equal(run(r, op), want);
	return op;
}

static int enter(struct rig *r, const char *subject, uint64_t issued_s)
{
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims.subject = pl_slice_str(subject);
	op->sign_in.issued_s = issued_s;
	int err = run(r, op);
	pl_op_free(op);
	return err;
}

static int disable(struct rig *r, const char *who, bool on, bool changes)
{
	struct pl_op *op = op_new(PL_OP_DISABLE);
	op->disable.who = pl_slice_str(who);
	op->disable.on = on;
	int err = run(r, op);
	if (!err)
		assert_int_equal(op->disable.changed, changes);
	pl_op_free(op);
	return err;
}

static void an_account_is_a_user(void **state)
{
	struct rig *r = *state;
	struct pl_op *made = op_register("Alice_1", "$hash$");
	char id[PL_UUID_TEXT + 1] = {0};
	assert_int_equal(run(r, made), 0);
	pl_uuid_format(&made->enlist.user.id, id);
	IS(made->enlist.user.subject, id);
	IS(made->enlist.user.username, "Alice_1");
	struct pl_op *found = account(r, "aLICE_1", 0);
	assert_true(pl_uuid_eq(&found->account.user.id, &made->enlist.user.id));
	IS(found->account.user.username, "Alice_1"); /* as it was typed */
	IS(found->account.password, "$hash$");
	assert_false(found->account.is_disabled);
	assert_int_equal(enter(r, id, 1), 0);
	/* It is found as a member by its name. */
	struct pl_uuid bob = sign_in(r, "bob");
	create(r, bob, PL_DIRECT, &PL_S("alice_1"), 1);
	pl_op_free(found);
	pl_op_free(made);
}

static void a_name_is_given_once(void **state)
{
	static const char *const refused[] = {"al",      "al-ice", "al ice",
					      "alice\n", "",       "\xd0\xb0lice"};
	struct rig *r = *state;
	assert_int_equal(enlist(r, "alice", NULL), 0);
	assert_int_equal(enlist(r, "alice", NULL), PL_EEXISTS);
	assert_int_equal(enlist(r, "ALICE", NULL), PL_EEXISTS);
	assert_int_equal(enlist(r, "alice2", NULL), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		assert_int_equal(enlist(r, refused[i], NULL), PL_EINVAL);
	struct pl_op *op = op_register("carol", "");
	assert_int_equal(run(r, op), PL_EINVAL); /* an account without a password */
	pl_op_free(op);
	pl_op_free(account(r, "carol", PL_ENOTFOUND));
	pl_op_free(account(r, "", PL_ENOTFOUND));
	pl_op_free(account(r, "al-ice", PL_ENOTFOUND));
}

/* As a token's user is called after a sign-in with these claims. */
static void goes_by(struct rig *r, struct pl_user claims, const char *username)
{
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims = claims;
	op->sign_in.provision = true;
	op->sign_in.issued_s = 1;
	assert_int_equal(run(r, op), 0);
	IS(op->sign_in.user.username, username);
	pl_op_free(op);
}

/* Or else one could be taken for somebody whom other people's tokens name. */
static void a_name_that_others_go_by_is_taken(void **state)
{
	struct rig *r = *state;
	struct pl_op *op = op_new(PL_OP_SIGN_IN);
	op->sign_in.claims =
		(struct pl_user){.subject = PL_S("subject9"), .username = PL_S("Dora")};
	op->sign_in.provision = true;
	assert_int_equal(run(r, op), 0);
	assert_int_equal(enlist(r, "dora", NULL), PL_EEXISTS);
	assert_int_equal(enlist(r, "DORA", NULL), PL_EEXISTS);
	assert_int_equal(enlist(r, "subject9", NULL), PL_EEXISTS);
	assert_int_equal(enlist(r, "sUBJECT9", NULL), PL_EEXISTS);
	goes_by(r, (struct pl_user){.subject = PL_S("Erik"), .username = PL_S("e")}, "e");
	assert_int_equal(enlist(r, "eRIK", NULL), PL_EEXISTS);
	assert_int_equal(enlist(r, "dora2", NULL), 0);
	pl_op_free(op);
}

/* A username or an address may be its bearer's own choice: nobody becomes "alice" by it. */
static void a_token_does_not_take_the_name_of_an_account(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id;
	char text[PL_UUID_TEXT + 1];
	assert_int_equal(enlist(r, "alice", &id), 0);
	goes_by(r, (struct pl_user){.subject = PL_S("s1"), .username = PL_S("alice")}, "s1");
	goes_by(r, (struct pl_user){.subject = PL_S("s2"), .username = PL_S("ALICE")}, "s2");
	goes_by(r, (struct pl_user){.subject = PL_S("s3"), .email = PL_S("Alice@evil.example")},
		"s3");
	goes_by(r, (struct pl_user){.subject = PL_S("s4"), .username = PL_S("dora")}, "dora");
	goes_by(r, (struct pl_user){.subject = PL_S("s4"), .username = PL_S("Alice")}, "dora");
	goes_by(r, (struct pl_user){.subject = PL_S("s4"), .username = PL_S("eve")}, "eve");
	/* Nor where the subject itself is that name. */
	struct pl_uuid other = pl_uuid_v4();
	pl_uuid_format(&other, text);
	text[PL_UUID_TEXT] = '\0';
	goes_by(r, (struct pl_user){.subject = PL_S("Alice"), .id = other}, text);
	goes_by(r, (struct pl_user){.subject = PL_S("Alice"), .username = PL_S("ALICE")}, text);
	/* Its owner may write it in another way. */
	pl_uuid_format(&id, text);
	struct pl_slice subject = pl_slice(text, PL_UUID_TEXT);
	goes_by(r, (struct pl_user){.subject = subject, .username = PL_S("Alice")}, "Alice");
	struct pl_op *found = account(r, "alice", 0);
	assert_true(pl_uuid_eq(&found->account.user.id, &id));
	pl_op_free(found);
}

enum { RACERS = 200 };

/* All of them wait in the queue together: some share a transaction, some do not. */
static void of_many_at_once_one_wins(void **state)
{
	struct rig *r = *state;
	struct pl_op *ops[RACERS];
	size_t won = 0, late = 0;
	for (size_t i = 0; i < RACERS; i++) {
		ops[i] = op_register(i % 2 ? "mallory" : "Mallory", "hash");
		assert_int_equal(pl_store_submit(r->store, ops[i]), 0);
	}
	struct pl_op *last = op_register("somebody_else", "hash");
	assert_int_equal(run(r, last), 0); /* done in order: now all are */
	for (size_t i = 0; i < RACERS; i++) {
		won += ops[i]->err == 0;
		late += ops[i]->err == PL_EEXISTS;
		pl_op_free(ops[i]);
	}
	assert_int_equal(won, 1);
	assert_int_equal(late, RACERS - 1);
	pl_op_free(last);
}

static int set_password(struct rig *r, const char *name, const char *hash, const char *instead_of)
{
	struct pl_op *op = op_new(PL_OP_SET_PASSWORD);
	op->set_password.name = pl_slice_str(name);
	op->set_password.password = pl_slice_str(hash);
	op->set_password.instead_of = pl_slice_str(instead_of);
	int err = run(r, op);
	pl_op_free(op);
	return err;
}

static void has_password(struct rig *r, const char *name, const char *hash)
{
	struct pl_op *op = account(r, name, 0);
	IS(op->account.password, hash);
	pl_op_free(op);
}

static void a_password_is_exchanged(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id;
	char subject[PL_UUID_TEXT + 1] = {0};
	assert_int_equal(enlist(r, "alice", &id), 0);
	pl_uuid_format(&id, subject);
	uint64_t before_s = pl_wall_ms() / 1000;
	/* Made anew, from the same password: unless it was changed in between. */
	assert_int_equal(set_password(r, "alice", "newer hash", "hash of it"), 0);
	assert_int_equal(set_password(r, "alice", "lost", "hash of it"), PL_ESTATE);
	has_password(r, "alice", "newer hash");
	assert_int_equal(enter(r, subject, 1), 0); /* tokens stay good */
	/* Another password: what was issued before is good no more. */
	assert_int_equal(set_password(r, "ALICE", "another", NULL), 0);
	has_password(r, "alice", "another");
	assert_int_equal(enter(r, subject, before_s - 1), PL_EDENIED);
	assert_int_equal(enter(r, subject, 0), PL_EDENIED);
	assert_int_equal(enter(r, subject, pl_wall_ms() / 1000), 0);
	assert_int_equal(set_password(r, "nobody", "x", NULL), PL_ENOTFOUND);
	assert_int_equal(set_password(r, "alice", "", NULL), PL_EINVAL);
	has_password(r, "alice", "another");
}

static void who_is_locked_out_stays_out(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id;
	char subject[PL_UUID_TEXT + 1] = {0};
	assert_int_equal(enlist(r, "alice", &id), 0);
	pl_uuid_format(&id, subject);
	assert_int_equal(disable(r, "Alice", true, true), 0);
	assert_int_equal(disable(r, "alice", true, false), 0);
	struct pl_op *op = account(r, "alice", 0);
	assert_true(op->account.is_disabled);
	assert_int_equal(enter(r, subject, UINT32_MAX), PL_EDENIED);
	assert_int_equal(disable(r, "alice", false, true), 0);
	assert_int_equal(disable(r, "alice", false, false), 0);
	assert_int_equal(enter(r, subject, 1), 0);
	/* Also who has no account: by subject, name or id. */
	struct pl_uuid bob = sign_in(r, "bob");
	pl_uuid_format(&bob, subject);
	assert_int_equal(disable(r, "bob", true, true), 0);
	assert_int_equal(enter(r, "bob", 1), PL_EDENIED);
	assert_int_equal(disable(r, subject, false, true), 0);
	assert_int_equal(enter(r, "bob", 0), 0);
	assert_int_equal(disable(r, "nobody", true, true), PL_ENOTFOUND);
	pl_op_free(op);
}

/* Somebody's token says he is called alice: the account of that name is meant. */
static void an_account_comes_first(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id;
	assert_int_equal(enlist(r, "alice", &id), 0);
	sign_in(r, "alice");
	assert_int_equal(disable(r, "alice", true, true), 0);
	assert_int_equal(enter(r, "alice", 1), 0);
	struct pl_op *op = account(r, "alice", 0);
	assert_true(op->account.is_disabled);
	pl_op_free(op);
}

static struct pl_op *page(struct rig *r, struct pl_uuid after, uint32_t limit, int want)
{
	struct pl_op *op = op_new(PL_OP_USERS);
	op->users.after = after;
	op->users.limit = limit;
	assert_int_equal(run(r, op), want);
	return op;
}

static void users_are_listed_in_pages(void **state)
{
	struct rig *r = *state;
	struct pl_uuid none = {{0}}, unknown = pl_uuid_v4();
	sign_in(r, "bob");
	assert_int_equal(enlist(r, "alice", NULL), 0);
	assert_int_equal(enlist(r, "carol", NULL), 0);
	assert_int_equal(disable(r, "carol", true, true), 0);
	struct pl_op *first = page(r, none, 2, 0);
	assert_int_equal(first->users.nrows, 2);
	assert_true(first->users.has_more);
	IS(first->users.rows[0].user.username, "bob");
	assert_false(first->users.rows[0].has_account);
	IS(first->users.rows[1].user.username, "alice");
	assert_true(first->users.rows[1].has_account);
	assert_false(first->users.rows[1].is_disabled);
	struct pl_op *next = page(r, first->users.rows[1].user.id, 2, 0);
	assert_int_equal(next->users.nrows, 1);
	assert_false(next->users.has_more);
	IS(next->users.rows[0].user.username, "carol");
	assert_true(next->users.rows[0].is_disabled);
	struct pl_op *end = page(r, next->users.rows[0].user.id, 2, 0);
	assert_int_equal(end->users.nrows, 0);
	assert_false(end->users.has_more);
	struct pl_op *exact = page(r, none, 3, 0);
	assert_int_equal(exact->users.nrows, 3);
	assert_false(exact->users.has_more);
	pl_op_free(page(r, unknown, 2, PL_ENOTFOUND));
	pl_op_free(page(r, none, 0, PL_EINVAL));
	pl_op_free(page(r, none, 100000, PL_EINVAL));
	pl_op_free(exact);
	pl_op_free(end);
	pl_op_free(next);
	pl_op_free(first);
}

/* On disk only: what was done is there after a restart. */
static void it_outlives_the_process(void **state)
{
	struct rig *r = *state;
	struct pl_uuid id;
	char subject[PL_UUID_TEXT + 1] = {0};
	assert_int_equal(enlist(r, "alice", &id), 0);
	assert_int_equal(set_password(r, "alice", "another", NULL), 0);
	assert_int_equal(disable(r, "alice", true, true), 0);
	rig_close(r);
	assert_int_equal(rig_open(r, r->path), 0);
	pl_uuid_format(&id, subject);
	assert_int_equal(enlist(r, "Alice", NULL), PL_EEXISTS);
	has_password(r, "alice", "another");
	assert_int_equal(enter(r, subject, UINT32_MAX), PL_EDENIED);
	assert_int_equal(disable(r, "alice", false, true), 0);
	assert_int_equal(enter(r, subject, 1), PL_EDENIED);
	assert_int_equal(enter(r, subject, UINT32_MAX), 0);
}

static void sql(sqlite3 *db, const char *text)
{
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
}

/* On disk only: a file from before there were accounts. */
static void an_older_file_keeps_its_users(void **state)
{
	static char first_step[64 << 10];
	struct rig *r = rig_new();
	sqlite3 *db;
	(void)state;
	FILE *f = fopen(PL_SOURCE_DIR "/sql/0001_chat.sql", "r");
	assert_non_null(f);
	assert_in_range(fread(first_step, 1, sizeof(first_step) - 1, f), 1, sizeof(first_step) - 2);
	(void)fclose(f);
	assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
	sql(db, first_step);
	sql(db, "INSERT INTO user (id, subject, username, created_ms, updated_ms) "
		"VALUES (randomblob(16), 's-1', 'dora', 1, 1);"
		"PRAGMA user_version = 1; PRAGMA application_id = 1349676153"); /* "Prly" */
	sqlite3_close(db);
	assert_int_equal(rig_open(r, r->path), 0);
	assert_int_equal(enter(r, "s-1", 0), 0);
	assert_int_equal(enlist(r, "Dora", NULL), PL_EEXISTS);
	assert_int_equal(enlist(r, "alice", NULL), 0);
	assert_int_equal(disable(r, "dora", true, true), 0);
	assert_int_equal(enter(r, "s-1", 0), PL_EDENIED);
	rig_free(r);
}

int main(void)
{
#define ALL(X)                                          \
	X(an_account_is_a_user)                         \
	X(a_name_is_given_once)                         \
	X(a_name_that_others_go_by_is_taken)            \
	X(a_token_does_not_take_the_name_of_an_account) \
	X(of_many_at_once_one_wins)                     \
	X(a_password_is_exchanged)                      \
	X(who_is_locked_out_stays_out)                  \
	X(an_account_comes_first)                       \
	X(users_are_listed_in_pages)
	const struct CMUnitTest tests[] = {ALL(ON_SQLITE) ALL(IN_MEMORY) ON_SQLITE(
		it_outlives_the_process) cmocka_unit_test(an_older_file_keeps_its_users)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
