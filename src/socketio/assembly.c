/* assembly.c - a packet that waits for its attachments: so many, so many bytes, so long. */
#include "socketio/internal.h"

static void on_deadline(struct pl_timer *t)
{
	struct pl_sio_assembly *a = PL_CONTAINER(t, struct pl_sio_assembly, deadline);
	pl_client_break(a->client);
}

/* Where a slice of the text lies in its copy. */
static struct pl_slice moved(struct pl_slice s, struct pl_slice from, const char *to)
{
	bool is_inside = s.at >= from.at && s.at <= from.at + from.len;
	return is_inside ? pl_slice(to + (s.at - from.at), s.len) : s;
}

int pl_assembly_begin(struct pl_sio_client *c, struct pl_slice text, const struct pl_sio_head *head)
{
	size_t max = (size_t)c->site->sio->path->eio.max_payload * ASSEMBLY_TIMES_MAX_PAYLOAD;
	struct pl_sio_assembly *a = pl_alloc(sizeof(*a) + text.len);
	if (!a)
		return PL_ENOMEM;
	*a = (struct pl_sio_assembly){.client = c, .head = *head};
	memcpy(a->text, text.at, text.len);
	a->head.nsp = moved(head->nsp, text, a->text);
	a->head.json = moved(head->json, text, a->text);
	pl_buf_init(&a->bytes, max);
	pl_timer_init(&a->deadline, on_deadline);
	pl_timer_set(c->site->loop, &a->deadline, ASSEMBLY_MS);
	c->assembly = a;
	return 0;
}

int pl_assembly_add(struct pl_sio_assembly *a, struct pl_slice bytes)
{
	pl_buf_puts(&a->bytes, bytes);
	if (a->bytes.err)
		return a->bytes.err;
	a->lens[a->have++] = (uint32_t)bytes.len;
	return 0;
}

bool pl_assembly_is_whole(const struct pl_sio_assembly *a)
{
	return a->have == a->head.attachments;
}

void pl_assembly_slices(const struct pl_sio_assembly *a,
			struct pl_slice out[PL_SIO_ATTACHMENTS_MAX])
{
	const char *at = a->bytes.at ? a->bytes.at : "";
	for (uint32_t i = 0; i < a->have; i++) {
		out[i] = pl_slice(at, a->lens[i]);
		at += a->lens[i];
	}
}

void pl_assembly_free(struct pl_sio_assembly *a)
{
	if (!a)
		return;
	pl_timer_stop(&a->deadline);
	pl_buf_fini(&a->bytes);
	pl_free(a);
}
