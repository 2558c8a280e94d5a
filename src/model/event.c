/* event.c - building and sharing events. */
#include "model/event.h"

#include "base/mem.h"

enum { ARENA_MAX = 16 << 20, TOPICS_MAX = 4096 };

static struct pl_topic_id topic(char kind, const struct pl_uuid *id)
{
	struct pl_topic_id t;
	t.at[0] = kind;
	memcpy(t.at + 1, id->b, sizeof(id->b));
	return t;
}

struct pl_topic_id pl_topic_conversation(const struct pl_uuid *id)
{
	return topic('c', id);
}

struct pl_topic_id pl_topic_user(const struct pl_uuid *id)
{
	return topic('u', id);
}

struct pl_event *pl_event_new(enum pl_event_kind kind)
{
	struct pl_event *e = PL_NEW(struct pl_event);
	if (!e)
		return NULL;
	atomic_init(&e->refs, 1);
	e->kind = kind;
	pl_arena_init(&e->arena, ARENA_MAX);
	return e;
}

struct pl_event *pl_event_retain(struct pl_event *e)
{
	atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	return e;
}

struct pl_event *pl_event_keep(const struct pl_event *e)
{
	/* None was ever made const: who is shown one must not change it, that is all. */
	return pl_event_retain((struct pl_event *)(uintptr_t)e);
}

void pl_event_release(struct pl_event *e)
{
	if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	pl_arena_fini(&e->arena);
	pl_free(e);
}

int pl_event_address(struct pl_event *e, struct pl_slice to)
{
	struct pl_slice copy, *topics = e->topics;
	bool is_full = (e->ntopics & (e->ntopics - 1)) == 0; /* room doubles at 0, 1, 2, 4 ... */
	if (e->ntopics >= TOPICS_MAX)
		return PL_ELIMIT;
	if (is_full)
		topics =
			pl_arena_array(&e->arena, e->ntopics ? e->ntopics * 2 : 1, sizeof(*topics));
	if (!topics || pl_arena_copy(&e->arena, to, &copy))
		return PL_ENOMEM;
	if (is_full && e->ntopics)
		memcpy(topics, e->topics, e->ntopics * sizeof(*topics));
	e->topics = topics;
	e->topics[e->ntopics++] = copy;
	return 0;
}

/* Into memory that was taken for all of them at once. */
static struct pl_slice put_text(char **to, struct pl_slice s)
{
	if (!s.at)
		return s;
	char *at = *to;
	if (s.len)
		memcpy(at, s.at, s.len);
	at[s.len] = '\0';
	*to += s.len + 1;
	return pl_slice(at, s.len);
}

int pl_user_copy(struct pl_arena *a, const struct pl_user *from, struct pl_user *out)
{
	const struct pl_slice texts[] = {from->subject, from->username, from->display_name,
					 from->email,   from->phone,    from->avatar_url};
	size_t need = 0;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		need += texts[i].at ? texts[i].len + 1 : 0;
	char *at = pl_arena_alloc(a, need);
	if (!at)
		return PL_ENOMEM;
	*out = (struct pl_user){.id = from->id,
				.subject_is_number = from->subject_is_number,
				.subject = put_text(&at, from->subject),
				.username = put_text(&at, from->username),
				.display_name = put_text(&at, from->display_name),
				.email = put_text(&at, from->email),
				.phone = put_text(&at, from->phone),
				.avatar_url = put_text(&at, from->avatar_url)};
	return 0;
}

int pl_event_set_actor(struct pl_event *e, const struct pl_user *user)
{
	return pl_user_copy(&e->arena, user, &e->actor);
}

int pl_event_set_message(struct pl_event *e, const struct pl_message *from)
{
	struct pl_message m = *from;
	if (pl_user_copy(&e->arena, &from->sender, &m.sender) ||
	    pl_arena_copy(&e->arena, from->kind, &m.kind) ||
	    pl_arena_copy(&e->arena, from->content, &m.content) ||
	    pl_arena_copy(&e->arena, from->metadata, &m.metadata) ||
	    pl_arena_copy(&e->arena, from->reply_content, &m.reply_content))
		return PL_ENOMEM;
	e->message = m;
	e->conversation = m.conversation;
	return 0;
}
