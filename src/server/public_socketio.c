/* public_socketio.c - Socket.IO of an embedded server: what it serves, and what any thread may say
 * to many sockets (parley/socketio.h). */
#include "server/internal.h"

static struct pl_slice ours(struct parley_slice s)
{
	return pl_slice(s.at, s.len);
}

/* ---- before the start ---- */

int parley_socketio_sized(parley_server *s, const struct parley_socketio *o, size_t size)
{
	static const struct parley_socketio defaults;
	const char *why = NULL;
	if (!s)
		return PARLEY_EINVAL;
	int err = s->phase != PL_IS_NEW ? PL_ESTATE
					: pl_sio_set_options(s->sio, o ? o : &defaults,
							     o ? size : sizeof(defaults), &why);
	return pl_server_because(s, err, why);
}

int parley_namespace_sized(parley_server *s, const struct parley_namespace *n, size_t size)
{
	const char *why = NULL;
	if (!s || !n)
		return PARLEY_EINVAL;
	int err = s->phase != PL_IS_NEW ? PL_ESTATE : pl_sio_add_namespace(s->sio, n, size, &why);
	return pl_server_because(s, err, why);
}

int parley_engineio_sized(parley_server *s, const struct parley_engineio *e, size_t size)
{
	const char *why = NULL;
	if (!s || !e)
		return PARLEY_EINVAL;
	int err = s->phase != PL_IS_NEW ? PL_ESTATE : pl_sio_add_engine(s->sio, e, size, &why);
	return pl_server_because(s, err, why);
}

/* ---- while it runs ---- */

static int check(const parley_server *s)
{
	if (!s)
		return PARLEY_EINVAL;
	return pl_server_is_running(s) ? 0 : PARLEY_ESTATE;
}

int parley_emit_to(parley_server *s, const char *nsp, const struct parley_target *t,
		   struct parley_slice event, const struct parley_field *args)
{
	int err = check(s);
	return err ? err : pl_sio_emit_to(s->sio, nsp, t, ours(event), args);
}

int parley_sockets_join(parley_server *s, const char *nsp, const struct parley_target *t,
			struct parley_slice room)
{
	int err = check(s);
	return err ? err : pl_sio_sockets_join(s->sio, nsp, t, ours(room));
}

int parley_sockets_leave(parley_server *s, const char *nsp, const struct parley_target *t,
			 struct parley_slice room)
{
	int err = check(s);
	return err ? err : pl_sio_sockets_leave(s->sio, nsp, t, ours(room));
}

int parley_sockets_disconnect(parley_server *s, const char *nsp, const struct parley_target *t,
			      bool close)
{
	int err = check(s);
	return err ? err : pl_sio_sockets_disconnect(s->sio, nsp, t, close);
}

size_t parley_sockets_each(parley_server *s, const char *nsp, const struct parley_target *t,
			   void (*visit)(parley_socket *, void *ctx), void *ctx)
{
	return s && visit ? pl_sio_sockets_each(s->sio, nsp, t, visit, ctx) : 0;
}

parley_socket *parley_socket_find(parley_server *s, const char *nsp, struct parley_slice id)
{
	return s ? pl_sio_socket(s->sio, nsp, ours(id)) : NULL;
}
