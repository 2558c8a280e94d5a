/*
 * users_test.c - proves that the administration of users needs the key, and what it answers; that
 * who is locked out hears so with the password only, and that dated hashes are made anew.
 */
#include "rest/accounts_test.h"

static void admin(struct stage *s, const char *method, const char *path, const char *body,
		  unsigned status, const char *text)
{
	struct heard h;
	ask_for(s, method, path, TYPE, body, &h);
	if (!s->rig->posts[0].rest.is_trusted) {
		is_answer(&h, 401, "this needs the admin key");
		pl_buf_fini(&h.text);
		ask_for(s, method, path, TYPE WITH_KEY, body, &h);
	}
	is_answer(&h, status, text);
	pl_buf_fini(&h.text);
}

static void users_are_administered(void **state)
{
	struct stage *s = stage_open(4);
	(void)state;
	for (int round = 0; round < 2; round++) {
		const char *name = round ? "carol" : "alice";
		char body[512], row[128];
		s->rig->posts[0].rest.is_trusted = round; /* by its socket */
		snprintf(body, sizeof(body),
			 "{\"username\":\"%s\",\"password_hash\":\"" DATED "\"}", name);
		admin(s, "POST", "/admin/users", body, 201, name);
		admin(s, "POST", "/admin/users", body, 409, "the name is taken");
		admin(s, "POST", "/admin/users/password", body, 200, name);
		snprintf(body, sizeof(body), "{\"user\":\"%s\"}", name);
		admin(s, "POST", "/admin/users/disable", body, 200,
		      "\"disabled\":true,\"changed\":true}");
		admin(s, "POST", "/admin/users/disable", body, 200,
		      "\"disabled\":true,\"changed\":false}");
		snprintf(row, sizeof(row),
			 "\"username\":\"%s\",\"hasAccount\":true,\"disabled\":true}", name);
		admin(s, "GET", "/admin/users", "", 200, row);
		admin(s, "POST", "/admin/users/enable", body, 200,
		      "\"disabled\":false,\"changed\":true}");
		admin(s, "GET", "/admin/users", "", 200, "],\"hasMore\":false}");
	}
	admin(s, "POST", "/admin/users", "{\"username\":\"a-b\",\"password_hash\":\"" DATED "\"}",
	      400, "not a request that makes sense");
	admin(s, "POST", "/admin/users", "{\"username\":\"dora\",\"password_hash\":\"secret\"}",
	      400, "password_hash is not");
	admin(s, "POST", "/admin/users", "{\"username\":\"dora\",\"password\":\"secret\"}", 400,
	      "a field of the request is missing");
	admin(s, "POST", "/admin/users/password",
	      "{\"username\":\"dora\",\"password_hash\":\"" DATED "\"}", 404, "no such user");
	admin(s, "POST", "/admin/users/disable", "{\"user\":\"dora\"}", 404, "no such user");
	admin(s, "POST", "/admin/users/disable", "{\"user\":7}", 400, "missing");
	admin(s, "POST", "/admin/users/disable", "[", 400, "not a JSON object");
	admin(s, "GET", "/admin/users?after=x", "", 400, "after is not");
	admin(s, "GET", "/admin/users?after=00000000-0000-4000-8000-000000000000", "", 404,
	      "no such user");
	stage_close(s);
}

/* ---- at the login ---- */

static void who_is_locked_out_hears_so_with_the_password_only(void **state)
{
	struct stage *s = stage_open(4);
	struct pl_op *op = pl_op_new(PL_OP_DISABLE, s->rig->posts[0].loop, keep, NULL);
	(void)state;
	post(s, "/auth/register", ALICE, 201, "");
	op->disable.who = PL_S("alice");
	op->disable.on = true;
	assert_int_equal(perform(s, op), 0);
	pl_op_free(op);
	post(s, "/auth/login", ALICE, 403, "This account is disabled");
	post(s, "/auth/login", "{\"username\":\"alice\",\"password\":\"secreT\"}", 401,
	     "Invalid username or password");
	stage_close(s);
}

static void hash_of(struct stage *s, const char *name, char out[PL_PASSWORD_HASH])
{
	struct pl_op *op = pl_op_new(PL_OP_ACCOUNT, s->rig->posts[0].loop, keep, NULL);
	op->account.name = pl_slice_str(name);
	assert_int_equal(perform(s, op), 0);
	snprintf(out, PL_PASSWORD_HASH, "%.*s", PL_FMT(op->account.password));
	pl_op_free(op);
}

static void a_dated_hash_is_made_anew_at_the_login(void **state)
{
	struct stage *s = stage_open(4);
	struct pl_op *op = pl_op_new(PL_OP_REGISTER, s->rig->posts[0].loop, keep, NULL);
	char hash[PL_PASSWORD_HASH];
	(void)state;
	op->enlist.username = PL_S("alice");
	op->enlist.password = PL_S(DATED);
	assert_int_equal(perform(s, op), 0);
	pl_op_free(op);
	post(s, "/auth/login", "{\"username\":\"alice\",\"password\":\"passw0rd\"}", 401, "");
	hash_of(s, "alice", hash);
	assert_string_equal(hash, DATED);
	post(s, "/auth/login", "{\"username\":\"alice\",\"password\":\"password\"}", 200, "token");
	for (int i = 0; i < 20 && (hash_of(s, "alice", hash), !strcmp(hash, DATED)); i++)
		pl_loop_turn(s->rig->posts[0].loop, 10);
	assert_false(pl_password_is_dated(hash));
	post(s, "/auth/login", "{\"username\":\"alice\",\"password\":\"password\"}", 200, "token");
	stage_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_administered),
		cmocka_unit_test(who_is_locked_out_hears_so_with_the_password_only),
		cmocka_unit_test(a_dated_hash_is_made_anew_at_the_login),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
