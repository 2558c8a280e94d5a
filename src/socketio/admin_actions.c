/*
 * admin_actions.c - what an administrator does to sockets: emit, join, leave, disconnect. Of a
 * namespace, or of those in one room of it, which may be a socket's own id; on all workers.
 *
 * Each is logged. What makes no sense is ignored, as by the original.
 */
#include "socketio/admin_internal.h"
#include "socketio/internal.h"

/* What all actions begin with, and whom they are meant for. */
struct order {
	struct pl_sio *sio;
	char nsp[PL_SIO_NAMESPACE_MAX + 1];
	struct parley_slice room;
	struct parley_target to;
};

static bool is_text(struct parley_slice s, size_t max)
{
	return s.at && s.len <= max && !memchr(s.at, '\0', s.len);
}

/* filter: the argument that names a room; nothing, null or "": everybody. */
static bool read_order(parley_socket *socket, const parley_packet *p, const char *what,
		       size_t filter, struct order *o)
{
	const struct pl_sio_admin *admin = parley_socket_user(socket);
	const struct pl_admin *a = parley_socket_data(socket);
	struct parley_slice nsp = parley_arg_str(p, 0);
	const parley_json *given = parley_arg(p, filter);
	*o = (struct order){.sio = admin->sio, .room = parley_arg_str(p, filter)};
	if (admin->is_readonly || !is_text(nsp, PL_SIO_NAMESPACE_MAX) || !nsp.len)
		return false;
	/* A filter that is something else must not turn into "everybody". */
	if (given && parley_json_type(given) != PARLEY_JSON_NULL && !o->room.at)
		return false;
	memcpy(o->nsp, nsp.at, nsp.len);
	if (o->room.len) {
		o->to.rooms = &o->room;
		o->to.nrooms = 1;
	}
	pl_log(pl_loop_log(a->site->loop), PL_INFO, "admin", "%s in %s, room \"%.*s\"", what,
	       o->nsp, PL_FMT(pl_in(o->room)));
	return true;
}

static void report(const parley_socket *socket, const char *what, int err)
{
	const struct pl_admin *a = parley_socket_data(socket);
	if (err)
		pl_log(pl_loop_log(a->site->loop), PL_INFO, "admin", "%s: %s", what,
		       pl_strerror(err));
}

/* nsp, filter, event, ...arguments */
static int on_emit(parley_socket *socket, const parley_packet *p)
{
	struct order o;
	struct parley_slice event = parley_arg_str(p, 2);
	if (event.len && read_order(socket, p, "emit", 1, &o))
		report(socket, "emit",
		       pl_sio_emit_to(o.sio, o.nsp, &o.to, pl_in(event),
				      PARLEY_ARGS(parley_apacket(p, 3))));
	return 0;
}

/* nsp, room, filter */
static int on_join(parley_socket *socket, const parley_packet *p)
{
	struct order o;
	struct parley_slice room = parley_arg_str(p, 1);
	if (room.len && read_order(socket, p, "join", 2, &o))
		report(socket, "join", pl_sio_sockets_join(o.sio, o.nsp, &o.to, pl_in(room)));
	return 0;
}

static int on_leave(parley_socket *socket, const parley_packet *p)
{
	struct order o;
	struct parley_slice room = parley_arg_str(p, 1);
	if (!room.len || !read_order(socket, p, "leave", 2, &o))
		return 0;
	report(socket, "leave", pl_sio_sockets_leave(o.sio, o.nsp, &o.to, pl_in(room)));
	return 0;
}

/* nsp, whether with the whole connection, filter */
static int on_disconnect(parley_socket *socket, const parley_packet *p)
{
	struct order o;
	const parley_json *close = parley_arg(p, 1);
	bool is_whole = parley_json_type(close) == PARLEY_JSON_BOOL &&
			pl_slice_is(pl_in(parley_raw(close)), "true");
	if (read_order(socket, p, "disconnect", 2, &o))
		report(socket, "disconnect",
		       pl_sio_sockets_disconnect(o.sio, o.nsp, &o.to, is_whole));
	return 0;
}

const struct parley_on pl_admin_actions[] = {
	{"emit", on_emit}, {"join", on_join}, {"leave", on_leave}, {"_disconnect", on_disconnect},
	{NULL, NULL},
};
