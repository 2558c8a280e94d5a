/* parcel.c - the array of a packet and its attachments in one block, to be carried from thread to
 * thread. */
#include "socketio/internal.h"

int pl_parcel_make(struct pl_slice json, const struct pl_slice *attachments, uint32_t n,
		   struct pl_sio_parcel **out)
{
	size_t bytes = json.len;
	for (uint32_t i = 0; i < n; i++)
		bytes += attachments[i].len;
	struct pl_sio_parcel *p = pl_alloc(sizeof(*p) + n * sizeof(struct pl_slice) + bytes);
	if (!p)
		return PL_ENOMEM;
	char *at = (char *)(p->attachments + n);
	memcpy(at, json.at, json.len);
	p->json = pl_slice(at, json.len);
	p->n = n;
	at += json.len;
	for (uint32_t i = 0; i < n; i++) {
		if (attachments[i].len)
			memcpy(at, attachments[i].at, attachments[i].len);
		p->attachments[i] = pl_slice(at, attachments[i].len);
		at += attachments[i].len;
	}
	*out = p;
	return 0;
}

int pl_parcel_new(struct pl_slice event, const struct parley_field *args,
		  struct pl_sio_parcel **out)
{
	struct pl_sio_attached a;
	struct pl_buf b;
	pl_buf_init(&b, PACKET_MAX);
	int err = pl_sio_args_put(&b, event, args, &a);
	if (!err)
		err = pl_parcel_make(pl_buf_slice(&b), a.at, a.n, out);
	pl_buf_fini(&b);
	return err;
}

void pl_parcel_free(struct pl_sio_parcel *p)
{
	pl_free(p);
}
