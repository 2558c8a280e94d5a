/* engineio_in.c - what a client says: one packet after the other, by whatever way they came. */
#include "conn/engineio_internal.h"

void pl_eio_take(struct pl_eio *e, const struct pl_eio_packet *p)
{
	e->was_heard = true;
	switch (p->type) {
	case PL_EIO_MESSAGE:
		e->set->ops->on_message(e, p->is_binary ? PL_WS_BINARY : PL_WS_TEXT, p->data);
		break;
	case PL_EIO_PONG: pl_eio_beat_pong(e); break;
	case PL_EIO_CLOSE: pl_eio_end(e, PL_EIO_CLIENT_LEFT, PL_EIO_NOOP); break;
	/* It is the server that pings. */
	case PL_EIO_PING: pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE); break;
	case PL_EIO_OPEN:
	case PL_EIO_UPGRADE:
	case PL_EIO_NOOP: break; /* mean nothing here */
	}
}

void pl_eio_take_payload(struct pl_eio *e, struct pl_slice payload)
{
	struct pl_eio_payload packets = {.rest = payload};
	struct pl_eio_packet p;
	int err = 0;
	while (pl_eio_is_open(e) && !(err = pl_eio_next(&packets, &p)))
		pl_eio_take(e, &p);
	if (err && err != PL_ENOTFOUND)
		pl_eio_end(e, PL_EIO_PARSE_ERROR, PL_EIO_CLOSE);
}
