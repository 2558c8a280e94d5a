/* admin_ui.c - the Admin UI of Socket.IO as the configuration wants it, and what REST says to its
 * clients. */
#include "server/internal.h"

int pl_server_make_admin(struct parley_server *s, struct pl_buf *why)
{
	const struct pl_config *c = s->config;
	const struct pl_sio_admin_options o = {
		.user = c->socketio_admin_user,
		.password_hash = c->socketio_admin_password_hash,
		.is_readonly = c->socketio_admin_readonly,
		.is_production = c->socketio_admin_mode == PL_ADMIN_PRODUCTION,
		.sessions_max = c->socketio_admin_sessions,
	};
	const char *fault = pl_sio_admin_fault(o.user, o.password_hash);
	if (fault) {
		pl_buf_printf(why, "%s\n", fault);
		return PL_EINVAL;
	}
	/* A start that failed later on is tried again. */
	return o.user && !s->admin ? pl_sio_admin_new(s->sio, &o, &s->admin) : 0;
}

int pl_server_broadcast(void *server, struct pl_slice event, const struct pl_json *data)
{
	const struct parley_server *s = server;
	struct pl_slice raw = data ? data->raw : PL_S("null");
	return pl_sio_emit_to(s->sio, "/", NULL, event,
			      PARLEY_ARGS(parley_araw(parley_slice(raw.at, raw.len))));
}
