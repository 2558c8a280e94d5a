/* extra.c - what few sockets have: a private id, answers awaited, a request that is kept. */
#include "socketio/recovery.h"

struct pl_sio_extra *pl_extra_of(parley_socket *k)
{
	if (!k->extra)
		k->extra = PL_NEW(struct pl_sio_extra);
	return k->extra;
}

void pl_extra_free(struct pl_sio_extra *x)
{
	if (!x)
		return;
	pl_sio_request_hide(x->shown);
	pl_sio_request_release(x->kept);
	pl_free(x->pid);
	pl_free(x);
}

int pl_extra_set_pid(parley_socket *k, struct pl_slice pid)
{
	struct pl_sio_extra *x = pl_extra_of(k);
	if (x)
		x->pid = pl_memdup0(pid.at, pid.len);
	return x && x->pid ? 0 : PL_ENOMEM;
}

struct pl_slice pl_extra_pid(const parley_socket *k)
{
	const struct pl_sio_extra *x = k->extra;
	if (x && x->track)
		return pl_slice(x->track->pid, PID_LEN);
	return pl_slice_str(x ? x->pid : NULL);
}

void pl_extra_drop_pid(parley_socket *k)
{
	struct pl_sio_extra *x = k->extra;
	if (!x || x->track)
		return;
	pl_free(x->pid);
	x->pid = NULL;
	if (x->waits || x->kept || x->shown)
		return;
	pl_extra_free(x);
	k->extra = NULL;
}

int pl_extra_keep_request(parley_socket *k, struct pl_sio_request *r)
{
	struct pl_sio_extra *x = pl_extra_of(k);
	if (!x)
		return PL_ENOMEM;
	x->kept = pl_sio_request_retain(r);
	return 0;
}

const parley_request *pl_extra_request(const parley_socket *k)
{
	struct pl_sio_extra *x = k->extra;
	if (x && x->kept && !x->shown)
		x->shown = pl_sio_request_show(x->kept, k->hall);
	return x && x->shown ? x->shown->request : NULL;
}
