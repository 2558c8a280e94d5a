/*
 * emit.c - packets to clients: to one, and the same one to many.
 *
 * A packet is written as head and array, one behind the other, in the worker's scratch. Most have
 * no attachments, so the head is written without any and made longer where there are.
 */
#include "socketio/recovery.h"

/* ---- writing ---- */

/* The head says how many attachments follow: "2" becomes "53-". */
static int add_count(struct pl_buf *b, struct pl_sio_head *head, uint32_t n)
{
	char digits[8];
	size_t len = 1;
	head->attachments = n;
	head->type = head->type == PL_SIO_ACK ? PL_SIO_BINARY_ACK : PL_SIO_BINARY_EVENT;
	digits[0] = (char)('0' + head->type);
	if (n > 9)
		digits[len++] = (char)('0' + n / 10);
	digits[len++] = (char)('0' + n % 10);
	digits[len++] = '-';
	if (pl_buf_reserve(b, len - 1))
		return b->err;
	memmove(b->at + len, b->at + 1, b->len - 1);
	memcpy(b->at, digits, len);
	b->len += len - 1;
	return 0;
}

int pl_packet_write(struct pl_buf *b, struct pl_sio_head *head, struct pl_slice event,
		    const struct parley_field *args, struct pl_sio_packet *out)
{
	pl_buf_clear(b);
	pl_sio_put_head(b, head);
	size_t before = b->len;
	int err = pl_sio_args_put(b, event, args, &out->attached);
	size_t array = b->len - before;
	if (!err && out->attached.n)
		err = add_count(b, head, out->attached.n);
	if (err)
		return err;
	out->text = pl_buf_slice(b);
	out->json = pl_slice(b->at + b->len - array, array);
	return 0;
}

/* ---- to one ---- */

static void count(struct pl_sio_site *s, size_t bytes)
{
	s->counts.packets_out++;
	s->counts.bytes_out += bytes;
}

/* Half a packet cannot be taken back. */
static int send_attachments(struct pl_sio_client *c, const struct pl_slice *at, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int err = pl_eio_send(c->eio, PL_WS_BINARY, at[i].at ? at[i] : PL_S(""));
		if (err) {
			pl_client_break(c);
			return err;
		}
		count(c->site, at[i].len);
	}
	return 0;
}

static int send_text(struct pl_sio_client *c, struct pl_slice text)
{
	int err = pl_eio_send(c->eio, PL_WS_TEXT, text);
	if (!err)
		count(c->site, text.len);
	return err;
}

/* The array of an event, for whoever watches. */
static void show(parley_socket *k, struct pl_slice json)
{
	const struct pl_sio_watch *w = k->hall->site->watch;
	if (w && w->on_event)
		w->on_event(w->ctx, k, json, false);
}

int pl_emit_packet(parley_socket *k, struct pl_sio_head *head, struct pl_slice event,
		   const struct parley_field *args)
{
	struct pl_sio_site *s = k->hall->site;
	struct pl_sio_packet p;
	if (!parley_socket_is_connected(k))
		return PL_ECLOSED;
	head->nsp = k->hall->name;
	int err = pl_packet_write(&s->out, head, event, args, &p);
	if (!err)
		err = send_text(k->client, p.text);
	if (!err)
		err = send_attachments(k->client, p.attached.at, p.attached.n);
	if (!err && event.at)
		show(k, p.json);
	pl_sio_written(s);
	return err;
}

int pl_emit_json(parley_socket *k, struct pl_sio_head *head, struct pl_slice json,
		 const struct pl_slice *attachments, uint32_t n)
{
	struct pl_buf *b = &k->hall->site->out;
	if (!parley_socket_is_connected(k))
		return PL_ECLOSED;
	head->nsp = k->hall->name;
	pl_buf_clear(b);
	pl_sio_put_head(b, head);
	pl_buf_puts(b, json);
	int err = b->err;
	if (!err && n)
		err = add_count(b, head, n);
	if (!err)
		err = send_text(k->client, pl_buf_slice(b));
	if (!err)
		err = send_attachments(k->client, attachments, n);
	pl_sio_written(k->hall->site);
	return err;
}

int pl_emit_parcel(parley_socket *k, struct pl_sio_head *head, const struct pl_sio_parcel *parcel)
{
	return pl_emit_json(k, head, parcel->json, parcel->attachments, parcel->n);
}

void pl_emit_control(struct pl_sio_client *c, enum pl_sio_type type, struct pl_slice nsp,
		     struct pl_slice json)
{
	struct pl_buf *b = &c->site->out;
	struct pl_sio_head head = {.type = type, .nsp = nsp};
	pl_buf_clear(b);
	pl_sio_put_head(b, &head);
	pl_buf_puts(b, json);
	if (b->err)
		pl_client_break(c);
	else
		(void)send_text(c, pl_buf_slice(b));
	pl_sio_written(c->site);
}

int pl_emit_kept(parley_socket *k, const struct pl_sio_kept *kept)
{
	int err = send_text(k->client, kept->text);
	return err ? err : send_attachments(k->client, kept->attachments, kept->nattachments);
}

/* To the room that only it is in, as far as the record knows. */
static int emit_recorded(parley_socket *k, struct pl_slice event, const struct parley_field *args)
{
	struct pl_sio_site *s = k->hall->site;
	struct pl_sio_head head = {.type = PL_SIO_EVENT, .nsp = k->hall->name};
	struct pl_slice own = pl_slice(k->id, SOCKET_ID);
	struct pl_sio_packet p;
	if (!parley_socket_is_connected(k))
		return PL_ECLOSED;
	int err = pl_packet_write(&s->out, &head, event, args, &p);
	if (err)
		return err;
	struct pl_sio_event e = {.packet = p.text,
				 .json = p.json,
				 .attachments = p.attached.at,
				 .nattachments = p.attached.n,
				 .from = PL_SIO_FROM_HERE,
				 .target = {.rooms = &own, .nrooms = 1}};
	const struct pl_sio_kept *kept = pl_record_add(k->hall->record, &e);
	err = kept ? pl_emit_kept(k, kept) : PL_ENOMEM;
	if (!err) {
		pl_track_sent(k, kept->seq);
		show(k, p.json);
	}
	pl_sio_written(s);
	return err;
}

int parley_emit(parley_socket *k, struct parley_slice event, const struct parley_field *args)
{
	struct pl_sio_head head = {.type = PL_SIO_EVENT};
	if (!event.at)
		return PARLEY_EINVAL;
	return k->hall->record ? emit_recorded(k, pl_in(event), args)
			       : pl_emit_packet(k, &head, pl_in(event), args);
}

int parley_emit_volatile(parley_socket *k, struct parley_slice event,
			 const struct parley_field *args)
{
	struct pl_sio_head head = {.type = PL_SIO_EVENT};
	if (!event.at)
		return PARLEY_EINVAL;
	if (!parley_socket_is_connected(k))
		return PARLEY_ECLOSED;
	return pl_eio_is_writable(k->client->eio) ? pl_emit_packet(k, &head, pl_in(event), args)
						  : 0;
}

int pl_sio_emit_json(parley_socket *k, struct pl_slice json)
{
	struct pl_sio_head head = {.type = PL_SIO_EVENT};
	int err = pl_emit_json(k, &head, json, NULL, 0);
	if (!err)
		show(k, json);
	return err;
}

/* ---- the same to many ---- */

int pl_sio_shared_init(struct pl_sio_shared *p, struct pl_slice packet, struct pl_slice json,
		       const struct pl_slice *attachments, uint32_t n, bool is_volatile)
{
	*p = (struct pl_sio_shared){.text = {.payload = packet, .is_volatile = is_volatile && !n},
				    .json = json,
				    .nattachments = n,
				    .is_volatile = is_volatile};
	if (!n)
		return 0;
	p->attachments = pl_zalloc(n, sizeof(*p->attachments));
	if (!p->attachments)
		return PL_ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		p->attachments[i] = (struct pl_eio_shared){
			.is_binary = true,
			.payload = attachments[i].at ? attachments[i] : PL_S("")};
	return 0;
}

int pl_sio_shared_event(struct pl_sio_shared *p, struct pl_slice nsp, struct pl_slice json,
			const struct pl_slice *attachments, uint32_t n, bool is_volatile,
			struct pl_buf *text)
{
	struct pl_sio_head head = {
		.type = n ? PL_SIO_BINARY_EVENT : PL_SIO_EVENT, .attachments = n, .nsp = nsp};
	size_t at = text->len;
	if (n > PL_SIO_ATTACHMENTS_MAX)
		return PL_ELIMIT;
	pl_sio_put_head(text, &head);
	pl_buf_puts(text, json);
	if (text->err)
		return text->err;
	return pl_sio_shared_init(p, pl_slice(text->at + at, text->len - at), json, attachments, n,
				  is_volatile);
}

void pl_sio_shared_fini(struct pl_sio_shared *p)
{
	pl_eio_shared_fini(&p->text);
	for (uint32_t i = 0; p->attachments && i < p->nattachments; i++)
		pl_eio_shared_fini(&p->attachments[i]);
	pl_free(p->attachments);
	p->attachments = NULL;
}

void pl_sio_push(parley_socket *k, struct pl_sio_shared *p)
{
	if (k->state != PL_SIO_CONNECTED)
		return;
	struct pl_eio *eio = k->client->eio;
	/* With attachments: all or nothing. */
	if (p->is_volatile && p->nattachments && !pl_eio_is_writable(eio))
		return;
	pl_eio_push(eio, &p->text);
	count(k->hall->site, p->text.payload.len);
	for (uint32_t i = 0; i < p->nattachments; i++) {
		pl_eio_push(eio, &p->attachments[i]);
		count(k->hall->site, p->attachments[i].payload.len);
	}
	show(k, p->json);
}
