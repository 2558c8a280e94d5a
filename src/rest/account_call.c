/*
 * account_call.c - a registration or a login under way.
 *
 *     register:  request ──► hasher (make) ──► store (REGISTER) ──► token
 *     login:     request ──► store (ACCOUNT) ──► hasher (check) ──► token
 *
 * A name that nobody has goes the whole way, with the hash of nobody: neither the answer nor its
 * time tells which names there are.
 *
 * Invariants:  a call is on its way with one job or one op, and ends with it;  call->conn is NULL
 * iff the connection went away;  rest->accounts.calls counts those under way.
 */
#include "rest/internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json_write.h"

enum { ANSWER_MAX = PL_TOKEN_MAX + 1024, BUSY_RETRY_MS = 1000 };

struct call {
	struct pl_rest *rest;
	struct pl_conn *conn;
	struct pl_cors from;
	struct pl_hash_job *job; /* ours but while it is with the hasher */
	struct pl_user user;     /* of the account; its strings lie in memory */
	struct pl_arena memory;
	struct pl_slice username; /* as it was typed, trimmed */
	/* When the password that was checked still held: one that was exchanged while this waited
	 * for the hasher must end the token too. */
	uint64_t asked_s;
	bool is_known, is_disabled;
};

enum { CALL_MEMORY = 4096 };

/* ---- the end of a call ---- */

static void finish(struct call *k)
{
	k->rest->accounts.calls--;
	pl_hash_job_free(k->job);
	pl_arena_fini(&k->memory);
	pl_free(k);
}

/* The connection to answer on, which knows nothing of the call from now on. */
static struct pl_conn *leave(struct call *k)
{
	struct pl_conn *c = k->conn;
	if (c)
		pl_conn_set_user(c, NULL);
	k->conn = NULL;
	return c;
}

static void fail(struct call *k, unsigned status, const char *text, uint64_t retry_ms)
{
	struct pl_conn *c = leave(k);
	if (c)
		pl_cors_fail(c, &k->from, status, text, retry_ms);
	finish(k);
}

static void fail_for(struct call *k, int err)
{
	if (err == PL_EBUSY) {
		fail(k, 503, "Too many people are signing in. Please try again.", BUSY_RETRY_MS);
		return;
	}
	pl_log(k->rest->hub->log, PL_ERROR, "auth", "login or registration: %s", pl_strerror(err));
	fail(k, 500, "Internal server error", 0);
}

void pl_rest_account_gone(struct pl_conn *c)
{
	struct call *k = pl_conn_user(c);
	if (k)
		k->conn = NULL;
}

/* ---- the token ---- */

static int put_token(const struct pl_account_options *o, const struct pl_user *u, uint64_t issued_s,
		     struct pl_buf *b)
{
	char id[PL_UUID_TEXT];
	struct pl_buf token;
	pl_uuid_format(&u->id, id);
	struct pl_token_claims claims = {.subject = pl_slice(id, sizeof(id)),
					 .user_id = pl_slice(id, sizeof(id)),
					 .username = u->username,
					 .name = u->display_name.len ? u->display_name
								     : u->username,
					 .issuer = o->issuer,
					 .audience = o->audience,
					 .now_s = issued_s,
					 .ttl_s = o->lifetime_s};
	pl_buf_init(&token, PL_TOKEN_MAX);
	int err = pl_token_sign(o->secret, &claims, &token);
	if (!err)
		pl_json_put_str(b, pl_buf_slice(&token));
	pl_buf_fini(&token);
	return err;
}

/* What the clients of both documents read, each its own part. */
static void succeed(struct call *k, unsigned status, const char *message)
{
	struct pl_conn *c = leave(k);
	struct pl_buf b;
	pl_buf_init(&b, ANSWER_MAX);
	PL_PUT(&b, "{\"message\":");
	pl_json_put_str(&b, pl_slice_str(message));
	PL_PUT(&b, ",\"token\":");
	int err = put_token(k->rest->accounts.options, &k->user, k->asked_s, &b);
	PL_PUT(&b, ",\"username\":");
	pl_json_put_str(&b, k->user.username);
	PL_PUT(&b, ",\"user\":{\"id\":");
	pl_json_put_uuid(&b, &k->user.id);
	PL_PUT(&b, ",\"username\":");
	pl_json_put_str(&b, k->user.username);
	PL_PUT(&b, "}}\n");
	if (c && err)
		pl_cors_fail(c, &k->from, 500, "Internal server error", 0);
	else if (c)
		pl_cors_reply(c, &k->from, status, &b, 0);
	pl_buf_fini(&b);
	finish(k);
}

/* ---- the beginning of a call ---- */

static void on_hashed(struct pl_hash_job *);

static struct call *new_call(struct pl_rest *r, struct pl_conn *c, const struct pl_cors *from,
			     struct pl_slice name, struct pl_slice password)
{
	struct call *k = PL_NEW(struct call);
	if (!k)
		return NULL;
	k->rest = r;
	k->asked_s = pl_wall_ms() / 1000;
	k->from = *from;
	pl_arena_init(&k->memory, CALL_MEMORY);
	r->accounts.calls++;
	k->job = pl_hash_job_new(r->hub->loop, on_hashed, k);
	/* A name longer than any account's is nobody's, as a password longer than any is. */
	if (name.len > PL_ACCOUNT_NAME_MAX)
		name = PL_S("");
	if (!k->job || pl_arena_copy(&k->memory, name, &k->username)) {
		finish(k);
		return NULL;
	}
	if (pl_hash_job_set_password(k->job, password))
		k->username = PL_S("");
	k->conn = c;
	pl_conn_set_user(c, k);
	return k;
}

/* ---- steps ---- */

static void ask_hasher(struct call *k)
{
	struct pl_hash_job *job = k->job;
	k->job = NULL;
	int err = pl_hasher_submit(k->rest->accounts.hasher, job);
	if (!err)
		return;
	k->job = job;
	fail_for(k, err);
}

static struct pl_op *new_op(struct call *k, enum pl_op_kind kind, void (*on_done)(struct pl_op *))
{
	struct pl_op *op = pl_op_new(kind, k->rest->hub->loop, on_done, k);
	if (!op)
		fail_for(k, PL_ENOMEM);
	return op;
}

static bool take_user(struct call *k, const struct pl_user *u)
{
	int err = pl_user_copy(&k->memory, u, &k->user);
	if (err)
		fail_for(k, err);
	return !err;
}

/* ---- register ---- */

static void on_registered(struct pl_op *op)
{
	struct call *k = op->owner;
	struct pl_hub *hub = k->rest->hub;
	int err = op->err;
	if (err == PL_EEXISTS) {
		fail(k, 409, "Username already exists", 0);
	} else if (err) {
		fail_for(k, err);
	} else if (take_user(k, &op->enlist.user)) {
		pl_metric_add(hub->metrics, PL_M_REGISTERED, 1);
		succeed(k, 201, "User registered successfully");
	}
	pl_op_free(op);
}

static void store_account(struct call *k)
{
	struct pl_op *op = new_op(k, PL_OP_REGISTER, on_registered);
	if (!op)
		return;
	op->enlist.username = k->username;
	op->enlist.password = pl_slice_str(k->job->hash);
	pl_hub_submit(k->rest->hub, op);
}

/* ---- login ---- */

static void free_op(struct pl_op *op)
{
	pl_op_free(op);
}

/* Nobody waits for it: if it fails, the next login tries again. */
static void renew(struct call *k)
{
	struct pl_op *op = pl_op_new(PL_OP_SET_PASSWORD, k->rest->hub->loop, free_op, NULL);
	struct pl_op_set_password *in = op ? &op->set_password : NULL;
	if (!op)
		return;
	if (pl_arena_copy(&op->arena, k->username, &in->name) ||
	    pl_arena_copy(&op->arena, pl_slice_str(k->job->renewed), &in->password) ||
	    pl_arena_copy(&op->arena, pl_slice_str(k->job->hash), &in->instead_of))
		pl_op_free(op);
	else
		pl_hub_submit(k->rest->hub, op);
}

static void on_checked(struct call *k)
{
	struct pl_hub *hub = k->rest->hub;
	bool fits = !k->job->err && k->is_known;
	if (fits && k->job->renewed[0])
		renew(k);
	if (fits && !k->is_disabled) {
		pl_metric_add(hub->metrics, PL_M_LOGINS, 1);
		succeed(k, 200, "Login successful");
		return;
	}
	pl_metric_add(hub->metrics, PL_M_LOGINS_REFUSED, 1);
	/* Not the name: people type passwords into that field. */
	pl_log(hub->log, PL_INFO, "auth", "login refused: %s",
	       fits ? "the account is disabled" : "wrong name or password");
	/* Who knows the password may know this too. */
	if (fits)
		fail(k, 403, "This account is disabled", 0);
	else
		fail(k, 401, "Invalid username or password", 0);
}

static void on_account(struct pl_op *op)
{
	struct call *k = op->owner;
	const struct pl_op_account *a = &op->account;
	if (op->err && op->err != PL_ENOTFOUND) {
		fail_for(k, op->err);
	} else if (!k->conn) {
		finish(k); /* who left is not worth a hash */
	} else if (op->err || a->password.len >= sizeof(k->job->hash)) {
		ask_hasher(k);
	} else if (take_user(k, &a->user)) {
		memcpy(k->job->hash, a->password.at, a->password.len);
		k->is_known = true;
		k->is_disabled = a->is_disabled;
		ask_hasher(k);
	}
	pl_op_free(op);
}

static void find_account(struct call *k)
{
	struct pl_op *op = new_op(k, PL_OP_ACCOUNT, on_account);
	if (!op)
		return;
	k->job->is_check = true;
	op->account.name = k->username;
	pl_hub_submit(k->rest->hub, op);
}

static void on_hashed(struct pl_hash_job *job)
{
	struct call *k = job->owner;
	int err = job->err;
	k->job = job;
	if (err && err != PL_EDENIED)
		fail_for(k, err);
	else if (!k->conn)
		finish(k); /* who left is not registered behind his back */
	else if (job->is_check)
		on_checked(k);
	else
		store_account(k);
}

int pl_account_begin(struct pl_rest *r, struct pl_conn *c, const struct pl_cors *from,
		     bool is_login, struct pl_slice name, struct pl_slice password)
{
	struct call *k = new_call(r, c, from, name, password);
	if (!k)
		return PL_ENOMEM;
	if (is_login)
		find_account(k);
	else
		ask_hasher(k);
	return 0;
}
