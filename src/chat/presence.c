/*
 * presence.c - who is online: one truth per user, kept by one worker (the keeper, chosen by the
 * user's id), whatever workers the user's devices are connected to.
 *
 * Invariants:  an entry exists iff the user counts as online;  devices == 0 iff the grace timer
 * runs; online and offline are told once per transition, in order.
 */
#include "chat/hub.h"

#include "chat/call.h"

#include "base/clock.h"
#include "base/mem.h"

enum { CONVERSATIONS_MAX = 10000, RETRY_MS = 200 };

struct online {
	struct pl_hub *hub;
	struct pl_uuid user;
	char *names; /* the username, then the subject; NULL: not known */
	uint32_t username_len, subject_len;
	uint32_t devices;
	uint8_t status; /* enum pl_status */
	bool subject_is_number;
	struct pl_timer grace;
	struct pl_uuid *conversations; /* where the transitions are told; sorted */
	size_t n, cap;
};

static struct pl_slice key_of(const struct pl_uuid *user)
{
	return pl_uuid_slice(user);
}

static struct pl_user who_is(const struct online *o)
{
	struct pl_user u = {.id = o->user, .subject_is_number = o->subject_is_number};
	if (o->names) {
		u.username = pl_slice(o->names, o->username_len);
		u.subject = pl_slice(o->names + o->username_len, o->subject_len);
	}
	return u;
}

/* One event per conversation: that is how its listeners are addressed, and what the words name. */
static void tell_one(const struct online *o, enum pl_event_kind kind,
		     const struct pl_uuid *conversation, bool on)
{
	struct pl_event *e = pl_event_new(kind);
	struct pl_topic_id t = pl_topic_conversation(conversation);
	struct pl_user who = who_is(o);
	if (e && !pl_event_address(e, pl_topic_slice(&t)) && !pl_event_set_actor(e, &who)) {
		e->conversation = *conversation;
		e->on = on;
		e->status = on ? o->status : PL_IS_OFFLINE;
		e->wall_ms = pl_wall_ms();
		pl_hub_publish(o->hub, e);
	} else {
		pl_event_release(e);
	}
}

static void tell(struct online *o, enum pl_event_kind kind, bool on)
{
	for (size_t i = 0; i < o->n; i++)
		tell_one(o, kind, &o->conversations[i], on);
}

static void free_online(struct online *o)
{
	pl_timer_stop(&o->grace);
	pl_free(o->names);
	pl_free(o->conversations);
	pl_free(o);
}

static void forget(struct online *o)
{
	pl_map_remove(&o->hub->online, key_of(&o->user));
	free_online(o);
}

static bool is_visible(enum pl_status status)
{
	return status != PL_IS_INVISIBLE;
}

static void on_grace_over(struct pl_timer *t)
{
	struct online *o = PL_CONTAINER(t, struct online, grace);
	if (!pl_call_user_gone(o->hub, &o->user)) {
		pl_timer_set(o->hub->loop, t,
			     RETRY_MS); /* who is in a call must not be forgotten */
		return;
	}
	if (is_visible(o->status))
		tell(o, PL_EV_PRESENCE, false);
	forget(o);
}

/* Where it stands in the sorted list, or would: most are newer than all that are there. */
static size_t place_of(const struct online *o, const struct pl_uuid *conversation)
{
	size_t low = 0, high = o->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (memcmp(o->conversations[middle].b, conversation->b, sizeof(conversation->b)) <
		    0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_conversation(struct online *o, const struct pl_uuid *conversation)
{
	size_t at = place_of(o, conversation);
	if (at < o->n && pl_uuid_eq(&o->conversations[at], conversation))
		return;
	if (o->n == CONVERSATIONS_MAX)
		return;
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 4;
		struct pl_uuid *bigger = pl_realloc(o->conversations, cap * sizeof(*bigger));
		if (!bigger)
			return;
		o->conversations = bigger;
		o->cap = cap;
	}
	memmove(&o->conversations[at + 1], &o->conversations[at],
		(o->n - at) * sizeof(*o->conversations));
	o->conversations[at] = *conversation;
	o->n++;
}

static void no_member(struct pl_hub *hub, const struct pl_event *e)
{
	struct online *o = pl_map_get(&hub->online, key_of(&e->actor.id));
	for (size_t i = 0; o && i < e->nparticipants; i++) {
		size_t at = place_of(o, &e->participants[i]);
		if (at == o->n || !pl_uuid_eq(&o->conversations[at], &e->participants[i]))
			continue;
		memmove(&o->conversations[at], &o->conversations[at + 1],
			(--o->n - at) * sizeof(*o->conversations));
	}
}

static struct online *come_online(struct pl_hub *hub, const struct pl_event *e)
{
	struct online *o = PL_NEW(struct online);
	if (!o)
		return NULL;
	o->hub = hub;
	o->user = e->actor.id;
	o->status = PL_IS_ONLINE;
	pl_timer_init(&o->grace, on_grace_over);
	if (pl_map_put(&hub->online, key_of(&o->user), o)) {
		pl_free(o);
		return NULL;
	}
	return o;
}

static void learn_name(struct online *o, const struct pl_user *who)
{
	struct pl_slice name = who->username, subject = who->subject;
	char *names = name.len ? pl_alloc(name.len + subject.len) : NULL;
	if (!names)
		return;
	memcpy(names, name.at, name.len);
	if (subject.len)
		memcpy(names + name.len, subject.at, subject.len);
	pl_free(o->names);
	o->names = names;
	o->username_len = (uint32_t)name.len;
	o->subject_len = (uint32_t)subject.len;
	o->subject_is_number = who->subject_is_number;
}

static void session_began(struct pl_hub *hub, const struct pl_event *e)
{
	struct online *o = pl_map_get(&hub->online, key_of(&e->actor.id));
	bool is_new = !o;
	if (is_new)
		o = come_online(hub, e);
	if (!o)
		return; /* too many users at once: this one's presence is not told */
	o->devices++;
	learn_name(o, &e->actor);
	pl_timer_stop(&o->grace);
	o->n = is_new ? 0 : o->n;
	for (size_t i = 0; i < e->nparticipants; i++)
		add_conversation(o, &e->participants[i]);
	if (is_new)
		tell(o, PL_EV_PRESENCE, true);
}

static void session_ended(struct pl_hub *hub, const struct pl_event *e)
{
	struct online *o = pl_map_get(&hub->online, key_of(&e->actor.id));
	pl_call_user_left(hub, &e->actor.id, e->origin);
	if (o && o->devices && !--o->devices)
		pl_timer_set(hub->loop, &o->grace, hub->options->presence_grace_ms);
}

/* Others hear of what they can see: a change, a coming or a going. */
static void set_status(struct pl_hub *hub, const struct pl_event *e)
{
	struct online *o = pl_map_get(&hub->online, key_of(&e->actor.id));
	if (!o || o->status == e->status)
		return;
	bool was_visible = is_visible(o->status), shows = is_visible(e->status);
	o->status = (uint8_t)e->status;
	if (was_visible && shows)
		tell(o, PL_EV_STATUS, true);
	else
		tell(o, PL_EV_PRESENCE, shows);
}

static void joined(struct pl_hub *hub, const struct pl_event *e)
{
	struct online *o = pl_map_get(&hub->online, key_of(&e->actor.id));
	for (size_t i = 0; o && i < e->nparticipants; i++)
		add_conversation(o, &e->participants[i]);
}

/*
 * A new conversation: those of its members who are connected here are told of there too. From here,
 * not at the keeper: he hears of the conversation perhaps before he hears of the session, whose
 * list was read before the conversation was there.
 */
static void conversation_created(struct pl_hub *hub, const struct pl_event *e)
{
	for (size_t i = 0; i < e->nparticipants; i++) {
		struct pl_topic_id t = pl_topic_user(&e->participants[i]);
		if (pl_room_size(&hub->rooms, pl_topic_slice(&t)))
			pl_presence_joined(hub, &e->participants[i], &e->conversation, 1);
	}
}

static void answer(struct pl_hub *hub, const struct pl_event *q)
{
	struct pl_event *e = pl_event_new(PL_EV_ANSWER);
	if (!e || pl_event_address(e, q->topics[0]) || pl_arena_copy(&e->arena, q->ref, &e->ref)) {
		pl_event_release(e);
		return;
	}
	e->only = q->origin;
	e->actor.id = q->actor.id;
	const struct online *o = pl_map_get(&hub->online, key_of(&q->actor.id));
	e->on = o && is_visible(o->status);
	e->status = e->on && o->devices ? o->status : PL_IS_OFFLINE;
	int err = pl_bus_send(hub->bus, q->node, e);
	if (err)
		pl_log(hub->log, PL_ERROR, "chat", "an answer was lost: out of memory");
}

bool pl_presence_is_here(const struct pl_hub *hub, const struct pl_uuid *user, bool to_others)
{
	const struct online *o = pl_map_get(&hub->online, key_of(user));
	return o && (!to_others || is_visible(o->status));
}

void pl_presence_on_event(struct pl_hub *hub, struct pl_event *e)
{
	if (e->kind == PL_EV_SESSION && e->on)
		session_began(hub, e);
	else if (e->kind == PL_EV_SESSION)
		session_ended(hub, e);
	else if (e->kind == PL_EV_JOINED)
		joined(hub, e);
	else if (e->kind == PL_EV_SET_STATUS)
		set_status(hub, e);
	else if (e->kind == PL_EV_CONVERSATION)
		conversation_created(hub, e);
	else if (e->kind == PL_EV_MEMBER && !e->on)
		no_member(hub, e);
	else if (e->kind == PL_EV_ASK && !hub->is_stopped)
		answer(hub, e);
}

/* ---- towards the keeper ---- */

static int send_to_keeper(struct pl_hub *hub, enum pl_event_kind kind, const struct pl_user *user,
			  bool on, const struct pl_uuid *conversations, size_t n, uint64_t peer)
{
	if (hub->is_stopped)
		return 0;
	struct pl_event *e = pl_event_new(kind);
	struct pl_uuid *copy = e ? pl_arena_array(&e->arena, n, sizeof(*copy)) : NULL;
	struct pl_user who = {.id = user->id,
			      .subject = user->subject,
			      .subject_is_number = user->subject_is_number,
			      .username = user->username};
	if (!copy || pl_event_set_actor(e, &who)) {
		pl_event_release(e);
		return PL_ENOMEM;
	}
	if (n)
		memcpy(copy, conversations, n * sizeof(*copy));
	e->on = on;
	e->origin = peer;
	e->participants = copy;
	e->nparticipants = n;
	return pl_bus_send(hub->bus, pl_bus_keeper(hub->bus, key_of(&user->id)), e);
}

static void note_loss(struct pl_hub *hub, int err)
{
	if (err)
		pl_log(hub->log, PL_ERROR, "chat", "a presence change was lost: out of memory");
}

int pl_presence_began(struct pl_hub *hub, const struct pl_user *user,
		      const struct pl_uuid *conversations, size_t n)
{
	return send_to_keeper(hub, PL_EV_SESSION, user, true, conversations, n, 0);
}

void pl_presence_ended(struct pl_hub *hub, const struct pl_peer *p)
{
	const struct pl_user who = {.id = p->user.id};
	note_loss(hub, send_to_keeper(hub, PL_EV_SESSION, &who, false, NULL, 0, p->id));
}

void pl_presence_joined(struct pl_hub *hub, const struct pl_uuid *user,
			const struct pl_uuid *conversations, size_t n)
{
	const struct pl_user who = {.id = *user};
	note_loss(hub, send_to_keeper(hub, PL_EV_JOINED, &who, true, conversations, n, 0));
}

int pl_presence_set(struct pl_hub *hub, const struct pl_peer *p, enum pl_status status)
{
	struct pl_event *e = hub->is_stopped ? NULL : pl_event_new(PL_EV_SET_STATUS);
	if (!e)
		return PL_ENOMEM;
	e->actor.id = p->user.id;
	e->status = status;
	return pl_bus_send(hub->bus, pl_bus_keeper(hub->bus, key_of(&p->user.id)), e);
}

int pl_presence_ask(struct pl_hub *hub, const struct pl_peer *p, const struct pl_uuid *user,
		    struct pl_slice ref)
{
	struct pl_topic_id t = pl_topic_user(&p->user.id);
	struct pl_event *e = hub->is_stopped ? NULL : pl_event_new(PL_EV_ASK);
	if (!e || pl_event_address(e, pl_topic_slice(&t)) ||
	    pl_arena_copy(&e->arena, ref, &e->ref)) {
		pl_event_release(e);
		return PL_ENOMEM;
	}
	e->origin = p->id;
	e->actor.id = *user;
	e->node = hub->node.index;
	return pl_bus_send(hub->bus, pl_bus_keeper(hub->bus, key_of(user)), e);
}

void pl_presence_fini(struct pl_hub *hub)
{
	PL_MAP_EACH (it, &hub->online) {
		free_online(it->value);
	}
	pl_map_fini(&hub->online);
}
