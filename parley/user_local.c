/* user_local.c - `parley user` without a server: opens the store, does one thing, closes it. */
#include "cmd_user.h"

#include "base/mem.h"
#include "store/store.h"

#include <unistd.h>

enum { PAGE = 500, TURN_MS = 100 };

struct desk {
	struct pl_loop *loop;
	struct pl_store *store;
	bool is_done;
};

static void on_done(struct pl_op *op)
{
	struct desk *d = op->owner;
	d->is_done = true;
}

/* The op is ours again afterwards. */
static int perform(struct desk *d, struct pl_op *op)
{
	d->is_done = false;
	int err = pl_store_submit(d->store, op);
	while (!err && !d->is_done)
		pl_loop_turn(d->loop, TURN_MS);
	return err ? err : op->err;
}

static int change(struct desk *d, const struct user_task *t)
{
	static const enum pl_op_kind kinds[] = {[USER_ADD] = PL_OP_REGISTER,
						[USER_PASSWD] = PL_OP_SET_PASSWORD,
						[USER_DISABLE] = PL_OP_DISABLE,
						[USER_ENABLE] = PL_OP_DISABLE};
	struct pl_op *op = pl_op_new(kinds[t->verb], d->loop, on_done, d);
	const struct pl_user *user = NULL;
	struct pl_slice name = pl_slice_str(t->name), hash = pl_slice_str(t->hash);
	if (!op)
		return fail("out of memory");
	switch (op->kind) {
	case PL_OP_REGISTER:
		op->enlist.username = name;
		op->enlist.password = hash;
		user = &op->enlist.user;
		break;
	case PL_OP_SET_PASSWORD:
		op->set_password.name = name;
		op->set_password.password = hash;
		user = &op->set_password.user;
		break;
	default:
		op->disable.who = name;
		op->disable.on = t->verb == USER_DISABLE;
		user = &op->disable.user;
		break;
	}
	int err = perform(d, op);
	int code = user_say(t, err, err ? PL_S("") : user->username);
	pl_op_free(op);
	return code;
}

static int say_rows(const struct pl_op_users *in)
{
	int code = EXIT_FINE;
	for (size_t i = 0; !code && i < in->nrows; i++) {
		const struct pl_user_row *row = &in->rows[i];
		char id[PL_UUID_TEXT];
		pl_uuid_format(&row->user.id, id);
		code = user_say_row(pl_slice(id, sizeof(id)), row->user.username, row->has_account,
				    row->is_disabled);
	}
	return code;
}

static int list(struct desk *d)
{
	struct pl_uuid after = {{0}};
	bool has_more = true;
	int code = EXIT_FINE;
	while (!code && has_more) {
		struct pl_op *op = pl_op_new(PL_OP_USERS, d->loop, on_done, d);
		if (!op)
			return fail("out of memory");
		op->users.after = after;
		op->users.limit = PAGE;
		int err = perform(d, op);
		code = err ? fail("%s", pl_strerror(err)) : say_rows(&op->users);
		has_more = !err && op->users.has_more;
		if (has_more)
			after = op->users.rows[op->users.nrows - 1].user.id;
		pl_op_free(op);
	}
	return code;
}

static int open_store(const struct pl_config *c, struct pl_log *log, struct desk *d)
{
	char *path = NULL;
	int err = pl_config_make_data(c);
	if (!err)
		err = pl_config_path(c, PL_DATABASE_NAME, &path);
	struct pl_store_options o = {.path = path, .readers = 1, .log = log};
	if (!err)
		err = pl_store_open(&o, &d->store);
	int code = EXIT_FINE;
	if (err == PL_ELOCKED)
		code = fail("another process has %s open and does not answer at its admin socket",
			    path);
	else if (err)
		code = fail("%s: %s", path ? path : c->data, pl_strerror(err));
	pl_free(path);
	return code;
}

int user_local(const struct pl_config *c, const struct user_task *t)
{
	struct pl_loop_options lo = {.engine = PL_ENGINE_EPOLL};
	struct pl_log_options to_terminal = {
		.fd = STDERR_FILENO, .level = PL_WARN, .readable = true};
	struct pl_log *log = NULL;
	struct desk d = {0};
	if (c->store_kind != PL_STORE_SQLITE)
		return fail(
			"store.kind is not sqlite, and no server is running: there are no users");
	int code = pl_log_new(&to_terminal, &log) || pl_loop_new(&lo, &d.loop)
			   ? fail("out of memory")
			   : open_store(c, log, &d);
	if (!code)
		code = t->verb == USER_LIST ? list(&d) : change(&d, t);
	pl_store_close(d.store);
	pl_loop_free(d.loop);
	pl_log_free(log);
	return code;
}
