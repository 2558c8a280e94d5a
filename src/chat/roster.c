/*
 * roster.c - who sits in a room right now, one line per connection: one truth per room, kept by one
 * worker (the keeper, chosen by the room's topic), whatever workers the connections are on.
 *
 *     peer sits down ── SEAT ───► keeper ── MEMBERS ──► the peer's worker: that peer
 *                    │                  └─ CROWD ──► all workers: a user came, or is gone
 *                    └─ ROSTER ─► all workers: the others in the room
 *
 * The changes of a worker are numbered: see roster_wait.c.
 *
 * The seat goes first: who sits down later and has missed the change then finds it in the members.
 * The change comes from the peer's own worker, so that nobody hears a peer before hearing that it
 * is there.
 *
 * Invariants:  a roster exists iff somebody is on it;  a sitter is in its roster's list and in the
 * ring of its user, or in neither;  a seat is marked iff its peer was told of to the keeper.
 */
#include "chat/hub.h"

#include "base/clock.h"
#include "base/mem.h"

enum {
	SITTERS_MAX = 1 << 20,    /* of one room */
	LISTED_MAX = 10000,       /* of them told to somebody who sits down */
	LISTED_BYTES = 512 * 1024 /* of their names */
};

struct sitter {
	struct pl_list node;
	struct pl_list ring; /* of those of the same user; there is no head */
	uint64_t peer;
	struct pl_uuid user;
	uint32_t name_len, subject_len;
	bool subject_is_number;
	char text[]; /* name, subject */
};

struct roster {
	struct pl_topic_id topic;
	struct pl_uuid conversation;
	struct pl_map by_user; /* one of each ring */
	struct pl_list order;  /* as they came */
	size_t n;
};

static struct roster *find(struct pl_hub *hub, const struct pl_uuid *conversation)
{
	struct pl_topic_id t = pl_topic_conversation(conversation);
	return pl_map_get(&hub->rosters, pl_topic_slice(&t));
}

static struct roster *open_roster(struct pl_hub *hub, const struct pl_uuid *conversation)
{
	struct roster *r = find(hub, conversation);
	if (r)
		return r;
	r = PL_NEW(struct roster);
	if (!r)
		return NULL;
	r->topic = pl_topic_conversation(conversation);
	r->conversation = *conversation;
	pl_map_init(&r->by_user, SITTERS_MAX);
	pl_list_init(&r->order);
	if (!pl_map_put(&hub->rosters, pl_topic_slice(&r->topic), r))
		return r;
	pl_free(r);
	return NULL;
}

static void close_if_empty(struct pl_hub *hub, struct roster *r)
{
	if (r->n)
		return;
	pl_map_remove(&hub->rosters, pl_topic_slice(&r->topic));
	pl_map_fini(&r->by_user);
	pl_free(r);
}

/* A user has few connections in a room. */
static struct sitter *find_sitter(const struct roster *r, const struct pl_event *e)
{
	struct sitter *first = pl_map_get(&r->by_user, pl_uuid_slice(&e->actor.id)), *s = first;
	while (s && s->peer != e->origin) {
		s = PL_CONTAINER(s->ring.next, struct sitter, ring);
		if (s == first)
			return NULL;
	}
	return s;
}

static struct pl_slice name_of(const struct pl_user *u)
{
	return u->display_name.len ? u->display_name : u->username;
}

static struct sitter *new_sitter(const struct pl_event *e)
{
	struct pl_slice name = name_of(&e->actor), subject = e->actor.subject;
	struct sitter *s = pl_zalloc(1, sizeof(*s) + name.len + subject.len);
	if (!s)
		return NULL;
	pl_list_init(&s->ring);
	s->peer = e->origin;
	s->user = e->actor.id;
	s->name_len = (uint32_t)name.len;
	s->subject_len = (uint32_t)subject.len;
	s->subject_is_number = e->actor.subject_is_number;
	if (name.len)
		memcpy(s->text, name.at, name.len);
	if (subject.len)
		memcpy(s->text + name.len, subject.at, subject.len);
	return s;
}

static int add_to_ring(struct roster *r, struct sitter *s)
{
	struct sitter *other = pl_map_get(&r->by_user, pl_uuid_slice(&s->user));
	if (!other)
		return pl_map_put(&r->by_user, pl_uuid_slice(&s->user), s);
	pl_list_append(&other->ring, &s->ring);
	return 0;
}

/* Whether it was the last one of its user. The key lies in a sitter that stays. */
static bool remove_from_ring(struct roster *r, struct sitter *s)
{
	bool is_last = pl_list_empty(&s->ring);
	struct sitter *other = PL_CONTAINER(s->ring.next, struct sitter, ring);
	pl_list_remove(&s->ring);
	if (pl_map_get(&r->by_user, pl_uuid_slice(&s->user)) != s)
		return false;
	pl_map_remove(&r->by_user, pl_uuid_slice(&s->user));
	/* A place was just made free: there is room for it. */
	return is_last || pl_map_put(&r->by_user, pl_uuid_slice(&other->user), other);
}

/* Who came before keeps the place. PL_ELIMIT, PL_ENOMEM. */
static int add(struct roster *r, const struct pl_event *e, bool *is_first)
{
	*is_first = false;
	if (find_sitter(r, e))
		return 0;
	if (r->n == SITTERS_MAX)
		return PL_ELIMIT;
	struct sitter *s = new_sitter(e);
	int err = s ? add_to_ring(r, s) : PL_ENOMEM;
	if (err) {
		pl_free(s);
		return err;
	}
	pl_list_append(&r->order, &s->node);
	r->n++;
	*is_first = pl_list_empty(&s->ring);
	return 0;
}

/* ---- at the keeper ---- */

static int copy_sitter(const struct roster *r, const struct sitter *s, struct pl_event *e,
		       struct pl_sitter *to)
{
	to->user = s->user;
	to->subject_is_number = s->subject_is_number;
	to->is_another = pl_map_get(&r->by_user, pl_uuid_slice(&s->user)) != s;
	int err = pl_arena_copy(&e->arena, pl_slice(s->text, s->name_len), &to->name);
	struct pl_slice subject = pl_slice(s->text + s->name_len, s->subject_len);
	return err ? err : pl_arena_copy(&e->arena, subject, &to->subject);
}

static int copy_sitters(const struct roster *r, struct pl_event *e)
{
	size_t n = r->n < LISTED_MAX ? r->n : LISTED_MAX, bytes = 0;
	e->sitters = pl_arena_array(&e->arena, n, sizeof(*e->sitters));
	if (!e->sitters)
		return PL_ENOMEM;
	PL_LIST_EACH (it, &r->order) {
		const struct sitter *s = PL_CONTAINER(it, struct sitter, node);
		bytes += s->name_len + s->subject_len;
		if (e->nsitters == n || bytes > LISTED_BYTES)
			break;
		int err = copy_sitter(r, s, e, &e->sitters[e->nsitters++]);
		if (err)
			return err;
	}
	return 0;
}

static int copy_kept(const struct pl_hub *hub, struct pl_event *e)
{
	size_t n = pl_bus_nodes(hub->bus);
	e->shown = pl_arena_array(&e->arena, n, sizeof(*e->shown));
	if (e->shown)
		memcpy(e->shown, hub->changes_kept, n * sizeof(*e->shown));
	return e->shown ? 0 : PL_ENOMEM;
}

/* r NULL: there was no memory for a roster; who waits is answered nevertheless. */
static int tell_members(struct pl_hub *hub, const struct roster *r, const struct pl_event *seat)
{
	struct pl_topic_id t = pl_topic_conversation(&seat->conversation);
	struct pl_event *e = pl_event_new(PL_EV_MEMBERS);
	int err = e ? pl_event_address(e, pl_topic_slice(&t)) : PL_ENOMEM;
	if (!err)
		err = pl_arena_copy(&e->arena, seat->ref, &e->ref);
	if (!err)
		err = pl_arena_copy(&e->arena, seat->alias, &e->alias);
	if (!err)
		err = copy_kept(hub, e);
	if (!err && r)
		err = copy_sitters(r, e);
	if (err) {
		pl_event_release(e);
		return err;
	}
	e->conversation = seat->conversation;
	e->wall_ms = seat->wall_ms;
	e->only = seat->origin;
	e->change = seat->change;
	return pl_bus_send(hub->bus, seat->node, e);
}

/* Before the members are told, and from here: whoever hears both hears them in their order. */
static int tell_crowd(struct pl_hub *hub, const struct pl_event *seat, bool on)
{
	struct pl_topic_id t = pl_topic_conversation(&seat->conversation);
	struct pl_event *e = pl_event_new(PL_EV_CROWD);
	if (!e || pl_event_address(e, pl_topic_slice(&t)) || pl_event_set_actor(e, &seat->actor) ||
	    pl_arena_copy(&e->arena, seat->alias, &e->alias)) {
		pl_event_release(e);
		return PL_ENOMEM;
	}
	e->conversation = seat->conversation;
	e->origin = seat->origin;
	e->wall_ms = seat->wall_ms;
	e->on = on;
	pl_hub_publish(hub, e);
	return 0;
}

static void sat_down(struct pl_hub *hub, const struct pl_event *e)
{
	struct roster *r = open_roster(hub, &e->conversation);
	bool is_first = false;
	int err = r ? add(r, e, &is_first) : PL_ENOMEM;
	if (is_first)
		err = tell_crowd(hub, e, true);
	if (e->ref.at) {
		int told = tell_members(hub, r, e);
		err = err ? err : told;
	}
	if (r)
		close_if_empty(hub, r);
	if (err)
		pl_log(hub->log, PL_ERROR, "chat", "a roster is not complete: %s",
		       pl_strerror(err));
}

static void stood_up(struct pl_hub *hub, const struct pl_event *e)
{
	struct roster *r = find(hub, &e->conversation);
	struct sitter *s = r ? find_sitter(r, e) : NULL;
	if (!s)
		return;
	pl_list_remove(&s->node);
	r->n--;
	bool is_last = remove_from_ring(r, s);
	pl_free(s);
	close_if_empty(hub, r);
	if (is_last && tell_crowd(hub, e, false))
		pl_log(hub->log, PL_ERROR, "chat", "a leave was not told: out of memory");
}

static void seat_changed(struct pl_hub *hub, const struct pl_event *e)
{
	hub->changes_kept[e->node] = e->change;
	if (e->on)
		sat_down(hub, e);
	else
		stood_up(hub, e);
}

void pl_roster_on_event(struct pl_hub *hub, struct pl_event *e)
{
	if (hub->is_stopped)
		return;
	switch (e->kind) {
	case PL_EV_SEAT: seat_changed(hub, e); return;
	case PL_EV_ROSTER: pl_roster_hold(hub, e); return;
	case PL_EV_MEMBERS: pl_roster_members_came(hub, e); return;
	default: return;
	}
}

/* ---- at the peer's worker ---- */

static struct pl_event *new_change(const struct pl_hub *hub, enum pl_event_kind kind,
				   const struct pl_peer *p, const struct pl_uuid *conversation,
				   struct pl_slice alias)
{
	struct pl_event *e = pl_event_new(kind);
	struct pl_user who = {.id = p->user.id,
			      .subject = p->user.subject,
			      .subject_is_number = p->user.subject_is_number,
			      .username = p->user.username,
			      .display_name = p->user.display_name};
	if (!e || pl_event_set_actor(e, &who) || pl_arena_copy(&e->arena, alias, &e->alias)) {
		pl_event_release(e);
		return NULL;
	}
	e->conversation = *conversation;
	e->origin = p->id;
	e->node = hub->node.index;
	e->change = hub->changes;
	e->wall_ms = pl_wall_ms();
	return e;
}

static int tell_keeper(struct pl_hub *hub, struct pl_event *e)
{
	struct pl_topic_id t = pl_topic_conversation(&e->conversation);
	return pl_bus_send(hub->bus, pl_bus_keeper(hub->bus, pl_topic_slice(&t)), e);
}

static int tell_others(struct pl_hub *hub, const struct pl_peer *p,
		       const struct pl_uuid *conversation, struct pl_slice alias, bool on)
{
	struct pl_topic_id t = pl_topic_conversation(conversation);
	struct pl_event *e = new_change(hub, PL_EV_ROSTER, p, conversation, alias);
	if (!e || pl_event_address(e, pl_topic_slice(&t))) {
		pl_event_release(e);
		return PL_ENOMEM;
	}
	e->on = on;
	pl_hub_publish(hub, e);
	return 0;
}

int pl_roster_sit(struct pl_hub *hub, struct pl_peer *p, const struct pl_conversation *c,
		  struct pl_slice ref)
{
	struct pl_topic_id t = pl_topic_conversation(&c->id);
	if (hub->is_stopped)
		return 0;
	hub->changes++;
	struct pl_event *e = new_change(hub, PL_EV_SEAT, p, &c->id, c->alias);
	int err = e ? pl_arena_copy(&e->arena, ref, &e->ref) : PL_ENOMEM;
	if (!err)
		err = pl_room_list(&hub->rooms, &p->member, pl_topic_slice(&t), c->alias);
	if (!err && ref.at)
		err = pl_roster_wait(hub, p, pl_topic_slice(&t), e->change);
	if (err) {
		pl_event_release(e);
		return err;
	}
	e->on = true;
	err = tell_keeper(hub, e);
	if (!err)
		err = tell_others(hub, p, &c->id, c->alias, true);
	if (err)
		pl_roster_wait_no_more(hub, p, pl_topic_slice(&t));
	return err;
}

/* A seat that was told of before, under the number of the last change: no change is waited for. */
int pl_roster_look(struct pl_hub *hub, struct pl_peer *p, const struct pl_conversation *c,
		   struct pl_slice ref)
{
	struct pl_topic_id t = pl_topic_conversation(&c->id);
	if (hub->is_stopped)
		return 0;
	struct pl_event *e = new_change(hub, PL_EV_SEAT, p, &c->id, c->alias);
	int err = e ? pl_arena_copy(&e->arena, ref, &e->ref) : PL_ENOMEM;
	if (!err)
		err = pl_roster_wait(hub, p, pl_topic_slice(&t), e->change);
	if (err) {
		pl_event_release(e);
		return err;
	}
	e->on = true;
	err = tell_keeper(hub, e);
	if (err)
		pl_roster_wait_no_more(hub, p, pl_topic_slice(&t));
	return err;
}

static void leave(struct pl_hub *hub, struct pl_peer *p, const struct pl_uuid *conversation,
		  struct pl_slice alias)
{
	struct pl_topic_id t = pl_topic_conversation(conversation);
	pl_roster_wait_no_more(hub, p, pl_topic_slice(&t));
	if (hub->is_stopped)
		return;
	hub->changes++;
	struct pl_event *e = new_change(hub, PL_EV_SEAT, p, conversation, alias);
	int err = e ? tell_keeper(hub, e) : PL_ENOMEM;
	int told = tell_others(hub, p, conversation, alias, false);
	if (err || told)
		pl_log(hub->log, PL_ERROR, "chat", "a leave was not told: out of memory");
}

void pl_roster_stand_up(struct pl_hub *hub, struct pl_peer *p, const struct pl_uuid *conversation)
{
	struct pl_topic_id t = pl_topic_conversation(conversation);
	struct pl_slice alias;
	if (pl_room_is_listed(&hub->rooms, &p->member, pl_topic_slice(&t), &alias))
		leave(hub, p, conversation, alias);
}

void pl_roster_leave(struct pl_hub *hub, struct pl_peer *p)
{
	struct pl_slice topic, alias;
	for (uint32_t i = 0; i < p->member.nseats; i++)
		if (pl_seat_is_listed(&p->member, i, &topic, &alias)) {
			struct pl_uuid id;
			memcpy(id.b, topic.at + 1, sizeof(id.b));
			leave(hub, p, &id, alias);
		}
}

void pl_roster_fini(struct pl_hub *hub)
{
	PL_MAP_EACH (it, &hub->rosters) {
		struct roster *r = it->value;
		PL_LIST_EACH (node, &r->order) {
			pl_free(PL_CONTAINER(node, struct sitter, node));
		}
		pl_map_fini(&r->by_user);
		pl_free(r);
	}
	pl_map_fini(&hub->rosters);
}
