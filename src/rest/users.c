/*
 * users.c - the administration of users: list, add, change a password, lock out, let in again.
 *
 * A password comes as its hash, made by whoever asks (`parley user`): it never travels.
 *
 * Invariant:  ask->conn is NULL iff the connection went away. It lies in its op's arena.
 */
#include "rest/internal.h"

#include "auth/password.h"
#include "wire/json_write.h"
#include "wire/url.h"

enum { PAGE = 200, ANSWER_MAX = 1 << 20, QUERY_ARENA = 4096 };

struct ask {
	struct pl_rest *rest;
	struct pl_conn *conn;
	void (*put)(struct pl_buf *, const struct pl_op *); /* what the answer says */
	unsigned status;
};

void pl_rest_user_gone(struct pl_conn *c)
{
	struct ask *a = pl_conn_user(c);
	if (a)
		a->conn = NULL;
}

/* ---- answers ---- */

static void put_user(struct pl_buf *b, const struct pl_user *u)
{
	PL_PUT(b, "{\"id\":");
	pl_json_put_uuid(b, &u->id);
	PL_PUT(b, ",\"username\":");
	pl_json_put_str(b, u->username);
}

static void put_added(struct pl_buf *b, const struct pl_op *op)
{
	put_user(b, &op->enlist.user);
	PL_PUT(b, "}\n");
}

static void put_changed(struct pl_buf *b, const struct pl_op *op)
{
	put_user(b, &op->set_password.user);
	PL_PUT(b, "}\n");
}

static void put_disabled(struct pl_buf *b, const struct pl_op *op)
{
	put_user(b, &op->disable.user);
	PL_PUT(b, ",\"disabled\":");
	pl_json_put_bool(b, op->disable.on);
	PL_PUT(b, ",\"changed\":");
	pl_json_put_bool(b, op->disable.changed);
	PL_PUT(b, "}\n");
}

static void put_list(struct pl_buf *b, const struct pl_op *op)
{
	const struct pl_op_users *in = &op->users;
	PL_PUT(b, "{\"users\":[");
	for (size_t i = 0; i < in->nrows; i++) {
		if (i)
			pl_buf_putc(b, ',');
		put_user(b, &in->rows[i].user);
		PL_PUT(b, ",\"hasAccount\":");
		pl_json_put_bool(b, in->rows[i].has_account);
		PL_PUT(b, ",\"disabled\":");
		pl_json_put_bool(b, in->rows[i].is_disabled);
		pl_buf_putc(b, '}');
	}
	PL_PUT(b, "],\"hasMore\":");
	pl_json_put_bool(b, in->has_more);
	PL_PUT(b, "}\n");
}

static void fail_for(struct pl_conn *c, int err)
{
	static const struct pl_http_header later = {PL_S("Retry-After"), PL_S("1")};
	switch (err) {
	case PL_EINVAL: pl_rest_fail(c, 400, "not a request that makes sense", NULL); break;
	case PL_ENOTFOUND: pl_rest_fail(c, 404, "no such user", NULL); break;
	case PL_EEXISTS: pl_rest_fail(c, 409, "the name is taken", NULL); break;
	case PL_EBUSY: pl_rest_fail(c, 503, "the store is busy", &later); break;
	default: pl_rest_fail(c, 500, "the store failed", NULL); break;
	}
}

static void on_done(struct pl_op *op)
{
	struct ask *a = op->owner;
	struct pl_conn *c = a->conn;
	struct pl_buf b;
	a->rest->accounts.calls--;
	if (c)
		pl_conn_set_user(c, NULL);
	if (c && op->err) {
		fail_for(c, op->err);
	} else if (c) {
		pl_buf_init(&b, ANSWER_MAX);
		a->put(&b, op);
		pl_rest_reply_buf(c, a->status, PL_REST_JSON, &b);
	}
	pl_op_free(op);
}

/* ---- requests ---- */

static struct pl_op *new_op(struct pl_rest *r, struct pl_conn *c, enum pl_op_kind kind,
			    void (*put)(struct pl_buf *, const struct pl_op *), unsigned status)
{
	struct pl_op *op = pl_op_new(kind, r->hub->loop, on_done, NULL);
	struct ask *a = op ? pl_arena_alloc(&op->arena, sizeof(*a)) : NULL;
	if (!a) {
		pl_op_free(op);
		pl_rest_fail(c, 503, "no memory for the request", NULL);
		return NULL;
	}
	*a = (struct ask){.rest = r, .conn = c, .put = put, .status = status};
	op->owner = a;
	return op;
}

static void submit(struct pl_op *op)
{
	struct ask *a = op->owner;
	a->rest->accounts.calls++;
	pl_conn_set_user(a->conn, a);
	pl_hub_submit(a->rest->hub, op);
}

/* A text of the body, copied. An answer was given when it is not there. */
static bool take_text(struct pl_op *op, const struct pl_json *root, const char *name,
		      struct pl_slice *out)
{
	struct ask *a = op->owner;
	struct pl_slice text = pl_json_get_str(root, name);
	if (text.len && !pl_arena_copy(&op->arena, text, out))
		return true;
	if (text.len)
		pl_rest_fail(a->conn, 503, "no memory for the request", NULL);
	else
		pl_rest_fail(a->conn, 400, "a field of the request is missing", NULL);
	pl_op_free(op);
	return false;
}

static const struct pl_json *body_of(struct pl_rest *r, struct pl_conn *c,
				     const struct pl_request *q)
{
	unsigned status = 400;
	const char *why = NULL;
	const struct pl_json *root = pl_rest_body(r->accounts.parser, q, &status, &why);
	if (!root)
		pl_rest_fail(c, status, why, NULL);
	return root;
}

static bool is_hash(struct pl_op *op, struct pl_slice hash)
{
	struct ask *a = op->owner;
	struct pl_argon cost;
	if (!pl_argon_read(hash, &cost))
		return true;
	pl_rest_fail(a->conn, 400, "password_hash is not an argon2id hash in the PHC form", NULL);
	pl_op_free(op);
	return false;
}

void pl_rest_user_add(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	const struct pl_json *root = body_of(r, c, q);
	struct pl_op *op = root ? new_op(r, c, PL_OP_REGISTER, put_added, 201) : NULL;
	if (op && take_text(op, root, "username", &op->enlist.username) &&
	    take_text(op, root, "password_hash", &op->enlist.password) &&
	    is_hash(op, op->enlist.password))
		submit(op);
}

void pl_rest_user_password(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	const struct pl_json *root = body_of(r, c, q);
	struct pl_op *op = root ? new_op(r, c, PL_OP_SET_PASSWORD, put_changed, 200) : NULL;
	if (op && take_text(op, root, "username", &op->set_password.name) &&
	    take_text(op, root, "password_hash", &op->set_password.password) &&
	    is_hash(op, op->set_password.password))
		submit(op);
}

static void disable(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q, bool on)
{
	const struct pl_json *root = body_of(r, c, q);
	struct pl_op *op = root ? new_op(r, c, PL_OP_DISABLE, put_disabled, 200) : NULL;
	if (!op || !take_text(op, root, "user", &op->disable.who))
		return;
	op->disable.on = on;
	submit(op);
}

void pl_rest_user_disable(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	disable(r, c, q, true);
}

void pl_rest_user_enable(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	disable(r, c, q, false);
}

void pl_rest_user_list(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_op *op = new_op(r, c, PL_OP_USERS, put_list, 200);
	struct pl_slice after = {NULL, 0};
	struct pl_arena a;
	if (!op)
		return;
	pl_arena_init(&a, QUERY_ARENA);
	int err = pl_query_get(q->http->query, "after", &a, &after);
	if (!err)
		err = pl_uuid_parse(after, &op->users.after);
	pl_arena_fini(&a);
	op->users.limit = PAGE;
	if (!err || err == PL_ENOTFOUND) {
		submit(op);
		return;
	}
	pl_rest_fail(c, 400, "after is not the id of a user", NULL);
	pl_op_free(op);
}
