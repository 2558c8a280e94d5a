/* chat_outbox.c - a short list of messages that wait for their acknowledgement. */
#include "chat_outbox.h"

#include "base/mem.h"

static struct outbox_message *of(struct pl_list *node)
{
	return PL_CONTAINER(node, struct outbox_message, node);
}

void outbox_init(struct outbox *o)
{
	*o = (struct outbox){0};
	pl_list_init(&o->messages);
}

void outbox_fini(struct outbox *o)
{
	while (o->count)
		outbox_remove(o, outbox_first(o));
}

int outbox_add(struct outbox *o, const char *conversation, struct pl_slice text)
{
	size_t n = strnlen(conversation, CHAT_ID_MAX);
	if (outbox_is_full(o))
		return PL_ELIMIT;
	struct outbox_message *m = pl_zalloc(1, sizeof(*m) + text.len);
	if (!m)
		return PL_ENOMEM;
	struct pl_uuid id = pl_uuid_v4();
	pl_uuid_format(&id, m->id);
	memcpy(m->conversation, conversation, n);
	memcpy(m->text, text.at, text.len);
	m->len = text.len;
	pl_list_append(&o->messages, &m->node);
	o->count++;
	return 0;
}

struct outbox_message *outbox_first(const struct outbox *o)
{
	return o->count ? of(o->messages.next) : NULL;
}

struct outbox_message *outbox_on_its_way(const struct outbox *o, struct pl_slice id)
{
	struct outbox_message *m = outbox_first(o);
	bool is_it = m && m->is_sent && pl_slice_eq(id, pl_slice(m->id, sizeof(m->id)));
	return is_it ? m : NULL;
}

void outbox_remove(struct outbox *o, struct outbox_message *m)
{
	pl_list_remove(&m->node);
	o->count--;
	pl_free(m);
}

void outbox_rewind(struct outbox *o)
{
	o->hold_ms = 0;
	PL_LIST_EACH (it, &o->messages) {
		of(it)->is_sent = false;
	}
}

void outbox_address(struct outbox *o, const char *conversation)
{
	size_t n = strnlen(conversation, CHAT_ID_MAX);
	PL_LIST_EACH (it, &o->messages) {
		if (!of(it)->conversation[0])
			memcpy(of(it)->conversation, conversation, n);
	}
}
