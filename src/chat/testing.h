/*
 * testing.h - for the tests of this layer: several hubs on one bus, turned by one thread in the
 * order that the test wants, and peers that write down what they hear.
 */
#ifndef PL_CHAT_TESTING_H
#define PL_CHAT_TESTING_H

#include "base/clock.h"
#include "base/mem.h"
#include "chat/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { WORKERS = 3, HEARD = 4096 };

struct world {
	struct pl_bus *bus;
	struct pl_limits limits;
	struct pl_chat_options options;
	struct pl_loop *loops[WORKERS];
	struct pl_hub hubs[WORKERS];
	struct pl_metrics metrics[WORKERS];
	uint64_t next_id;
};

static inline struct world *world_new(uint32_t grace_ms, uint32_t expiry_ms)
{
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->options = (struct pl_chat_options){.presence_grace_ms = grace_ms,
					      .typing_expiry_ms = expiry_ms,
					      .page_max = 100,
					      .rooms_max = 100000,
					      .online_max = 100000};
	assert_int_equal(pl_bus_local_new(&w->bus), 0);
	for (int i = 0; i < WORKERS; i++) {
		struct pl_loop_options o = {.engine = PL_ENGINE_EPOLL, .metrics = &w->metrics[i]};
		assert_int_equal(pl_loop_new(&o, &w->loops[i]), 0);
		assert_int_equal(
			pl_hub_init(&w->hubs[i], w->loops[i], w->bus, &w->limits, &w->options), 0);
	}
	return w;
}

/* Until what was posted has been everywhere. */
static inline void settle(struct world *w)
{
	for (int round = 0; round < 4; round++)
		for (int i = 0; i < WORKERS; i++)
			pl_loop_turn(w->loops[i], 0);
}

static inline void settle_for(struct world *w, uint64_t ms)
{
	for (uint64_t end = pl_now_ms() + ms; pl_now_ms() < end;)
		for (int i = 0; i < WORKERS; i++)
			pl_loop_turn(w->loops[i], 1);
	settle(w);
}

static inline void world_free(struct world *w)
{
	for (int i = 0; i < WORKERS; i++)
		pl_hub_stop(&w->hubs[i]);
	settle(w);
	for (int i = 0; i < WORKERS; i++) {
		pl_hub_fini(&w->hubs[i]);
		pl_loop_free(w->loops[i]);
	}
	pl_bus_free(w->bus);
	free(w);
}

/* ---- people and places, by number ---- */

static inline struct pl_uuid id_of(char kind, unsigned n)
{
	struct pl_uuid id = {{0}};
	id.b[0] = (uint8_t)kind;
	id.b[14] = (uint8_t)(n >> 8);
	id.b[15] = (uint8_t)n;
	return id;
}

static inline unsigned number_of(const struct pl_uuid *id)
{
	return (unsigned)id->b[14] << 8 | id->b[15];
}

struct fake {
	struct pl_peer peer;
	struct pl_hub *hub;
	char heard[HEARD]; /* "online u1 c2;" ... */
	size_t len;
};

static inline struct pl_encoded *fake_encode(const struct pl_event *e)
{
	(void)e;
	static char words;
	return (struct pl_encoded *)(void *)&words;
}

static inline void fake_push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	struct fake *f = PL_CONTAINER(p, struct fake, peer);
	const char *what = "?";
	(void)x;
	switch (e->kind) {
	case PL_EV_PRESENCE: what = e->on ? "online" : "offline"; break;
	case PL_EV_STATUS:
		what = e->status == PL_IS_AWAY ? "away" : e->status == PL_IS_BUSY ? "busy" : "back";
		break;
	case PL_EV_TYPING: what = e->on ? "types" : "rests"; break;
	case PL_EV_MESSAGE: what = "says"; break;
	case PL_EV_CONVERSATION: what = "made"; break;
	case PL_EV_READ: what = "read"; break;
	default: break;
	}
	int n = snprintf(f->heard + f->len, HEARD - f->len, "%s u%u c%u;", what,
			 number_of(&e->actor.id), number_of(&e->conversation));
	assert_true(n > 0 && f->len + (size_t)n < HEARD);
	f->len += (size_t)n;
}

static inline void fake_forget(struct pl_encoded *x)
{
	(void)x;
}

static const struct pl_peer_ops fake_ops = {fake_encode, fake_push, fake_forget};

static inline void fake_init(struct world *w, struct fake *f, int worker)
{
	*f = (struct fake){.hub = &w->hubs[worker]};
	pl_peer_init(&f->peer, &fake_ops, ++w->next_id);
}

/* As user n, a member of conversations 1 to `members`. */
static inline int fake_enter(struct fake *f, unsigned user, unsigned members)
{
	struct pl_uuid *list = calloc(members + 1, sizeof(*list));
	assert_non_null(list);
	for (unsigned i = 0; i < members; i++)
		list[i] = id_of('c', i + 1);
	struct pl_op_sign_in in = {.user = {.id = id_of('u', user), .username = PL_S("somebody")},
				   .conversations = list,
				   .nconversations = members};
	int err = pl_hub_enter(f->hub, &f->peer, &in);
	free(list);
	return err;
}

static inline void fake_join(struct fake *f, unsigned conversation)
{
	struct pl_uuid id = id_of('c', conversation);
	assert_int_equal(pl_hub_join(f->hub, &f->peer, &id), 0);
}

static inline void fake_expect(struct fake *f, const char *heard)
{
	if (strcmp(f->heard, heard) != 0)
		fail_msg("heard \"%s\", not \"%s\"", f->heard, heard);
	f->len = 0;
	f->heard[0] = '\0';
}

#endif
