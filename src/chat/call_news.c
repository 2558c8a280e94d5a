/* call_news.c - what the keeper of a call tells the two, and how it gets to them. */
#include "chat/call_keeper.h"

#include "base/clock.h"

enum { ICE_BYTES = 64 * 1024 };

static int address_user(struct pl_event *e, const struct pl_uuid *user)
{
	struct pl_topic_id t = pl_topic_user(user);
	return pl_event_address(e, pl_topic_slice(&t));
}

static struct pl_event *news_by(const struct call *c, enum pl_call_what what,
				const struct pl_user *actor, int to)
{
	const struct pl_user *hearer = &c->party[to].user;
	struct pl_event *e = pl_call_event(what, &c->id, actor, hearer);
	if (e && address_user(e, &hearer->id)) {
		pl_event_release(e);
		return NULL;
	}
	if (e) {
		e->call->began_ms = c->began_ms;
		e->call->has_keys = c->has_keys;
	}
	return e;
}

struct pl_event *pl_call_news(const struct call *c, enum pl_call_what what, int from, int to)
{
	return news_by(c, what, &c->party[from].user, to);
}

static int copy_words(struct pl_event *e, const struct pl_call_news *from)
{
	struct pl_call_news *n = e->call;
	n->number = from->number;
	if (pl_arena_copy(&e->arena, from->media, &n->media) ||
	    pl_arena_copy(&e->arena, from->body, &n->body) ||
	    pl_arena_copy(&e->arena, from->keys[0], &n->keys[0]) ||
	    pl_arena_copy(&e->arena, from->keys[1], &n->keys[1]))
		return PL_ENOMEM;
	return 0;
}

struct pl_event *pl_call_relay(const struct call *c, const struct pl_event *said, int from)
{
	struct pl_event *e = news_by(c, said->call->what, &said->actor, 1 - from);
	if (!e || !copy_words(e, said->call))
		return e;
	pl_event_release(e);
	return NULL;
}

int pl_call_deliver(const struct call *c, struct pl_event *e, int to)
{
	const struct party *p = &c->party[to];
	struct pl_hub *hub = c->hub;
	if (hub->is_stopped) {
		pl_event_release(e);
		return PL_ESTATE;
	}
	pl_metric_add(hub->metrics, PL_M_EVENTS, 1);
	if (!p->peer)
		return pl_bus_publish(hub->bus, e);
	e->only = p->peer;
	return pl_bus_send(hub->bus, p->node, e);
}

int pl_call_add_ice(const struct call *c, struct pl_event *e, const struct pl_uuid *user)
{
	struct pl_ice *ice = c->hub->options->ice;
	struct pl_buf b;
	if (!ice)
		return 0;
	pl_buf_init(&b, ICE_BYTES);
	int err = ice->put(ice, user, &b);
	if (!err)
		err = b.err ? b.err : pl_arena_copy(&e->arena, pl_buf_slice(&b), &e->call->ice);
	pl_buf_fini(&b);
	return err;
}

/* The other of the two, as the asker may see it. */
static int name_other(struct pl_event *e, const struct call *c)
{
	int other = pl_uuid_eq(&c->party[CALLER].user.id, &e->actor.id) ? CALLEE : CALLER;
	return pl_user_copy(&e->arena, &c->party[other].user, &e->call->to);
}

static int fill_reply(struct pl_event *e, const struct call *c, const struct pl_event *asked,
		      int err)
{
	struct pl_call_news *n = e->call;
	n->began_ms = c ? c->began_ms : asked->call->began_ms;
	n->asked = asked->call->what;
	n->number = asked->call->number;
	n->has_keys = asked->call->has_keys;
	n->err = err;
	e->only = asked->origin;
	if (address_user(e, &asked->actor.id) ||
	    pl_arena_copy(&e->arena, asked->call->ref, &n->ref))
		return PL_ENOMEM;
	if (!c || err)
		return 0;
	n->has_duration = n->asked == PL_CALL_END && c->state == CONNECTED;
	n->duration_s = n->has_duration ? (pl_now_ms() - c->connected_ms) / 1000 : 0;
	int failed = name_other(e, c);
	if (!failed && n->asked == PL_CALL_OFFER)
		failed = pl_call_add_ice(c, e, &asked->actor.id);
	return failed;
}

void pl_call_reply(struct pl_hub *hub, const struct call *c, const struct pl_event *asked, int err)
{
	struct pl_event *e = pl_call_event(PL_CALL_REPLY, &asked->call->id, &asked->actor, NULL);
	int failed = e ? fill_reply(e, c, asked, err) : PL_ENOMEM;
	if (!failed)
		failed = pl_bus_send(hub->bus, asked->call->node, e);
	else
		pl_event_release(e);
	if (failed)
		pl_log(hub->log, PL_ERROR, "chat", "an answer was lost: out of memory");
}
