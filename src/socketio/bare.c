/* bare.c - Engine.IO without Socket.IO: sessions whose messages a program speaks itself. */
#include "socketio/internal.h"

struct parley_engine {
	struct pl_eio *eio;
	struct pl_sio_bare *bare;
	void *data;
};

static int on_open(struct pl_eio *eio, const struct pl_request *q)
{
	struct pl_sio_bare *b = pl_eios_ctx(pl_eio_set(eio));
	const struct parley_engineio *def = &b->path->bare;
	parley_engine *e = PL_NEW(parley_engine);
	if (!e)
		return PL_ENOMEM;
	parley_request *r = pl_request_show(&b->site->sio->server, def->user, pl_eio_from(eio), q);
	int err = r ? 0 : PL_ENOMEM;
	*e = (parley_engine){.eio = eio, .bare = b};
	pl_eio_set_user(eio, e);
	uintptr_t before = pl_sio_enter(b->site);
	if (!err && def->on_open)
		err = def->on_open(e, r);
	pl_sio_leave(b->site, before);
	pl_request_hide(r);
	if (err) {
		pl_eio_set_user(eio, NULL);
		pl_free(e);
	}
	return err;
}

static void on_message(struct pl_eio *eio, enum pl_ws_op kind, struct pl_slice data)
{
	parley_engine *e = pl_eio_user(eio);
	const struct parley_engineio *def = &e->bare->path->bare;
	if (!def->on_message)
		return;
	uintptr_t before = pl_sio_enter(e->bare->site);
	def->on_message(e, kind == PL_WS_BINARY ? PARLEY_BINARY : PARLEY_TEXT, pl_out(data));
	pl_sio_leave(e->bare->site, before);
}

static void on_close(struct pl_eio *eio, enum pl_eio_reason why)
{
	parley_engine *e = pl_eio_user(eio);
	const struct parley_engineio *def = &e->bare->path->bare;
	uintptr_t before = pl_sio_enter(e->bare->site);
	if (def->on_close)
		def->on_close(e, pl_eio_reason_text(why));
	pl_sio_leave(e->bare->site, before);
	pl_free(e);
}

static const struct pl_eio_ops ops = {
	.on_open = on_open, .on_message = on_message, .on_close = on_close};

int pl_bare_open(struct pl_sio_bare *b, struct pl_sio_site *s, const struct pl_sio_path *path,
		 uint32_t worker, struct pl_conns *conns)
{
	*b = (struct pl_sio_bare){.site = s, .path = path};
	return pl_eios_new(s->loop, conns, worker, &path->eio, &ops, b, &b->eios);
}

int parley_engine_send(parley_engine *e, enum parley_kind kind, struct parley_slice data)
{
	return pl_eio_send(e->eio, kind == PARLEY_BINARY ? PL_WS_BINARY : PL_WS_TEXT,
			   data.at ? pl_in(data) : PL_S(""));
}

void parley_engine_close(parley_engine *e)
{
	pl_eio_close(e->eio, PL_EIO_FORCED, 0);
}

void *parley_engine_data(const parley_engine *e)
{
	return e->data;
}

void parley_engine_set_data(parley_engine *e, void *data)
{
	e->data = data;
}

void *parley_engine_user(const parley_engine *e)
{
	return e->bare->path->bare.user;
}
