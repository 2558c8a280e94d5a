/*
 * calls.c - fuzzes calls: three workers in one thread, three users with two devices each, and an
 * input that says who does what next. Whatever they do, nobody hears of a call that is not his, and
 * when all are gone nothing is left.
 */
#include "fuzz.h"

#include "base/clock.h"
#include "chat/call.h"

enum { WORKERS = 3, USERS = 3, DEVICES = 2, PEOPLE = USERS * DEVICES, KNOWN = 16, TURNS = 2000 };

struct device {
	struct pl_peer peer;
	struct pl_hub *hub;
	bool is_on;
};

static struct world {
	struct pl_loop *loops[WORKERS]; /* NULL: not open yet */
	struct pl_hub hubs[WORKERS];
	struct pl_metrics metrics[WORKERS];
	struct pl_bus *bus;
	struct pl_limits limits;
	struct device devices[PEOPLE];
	struct {
		struct pl_uuid id, caller, callee;
	} known[KNOWN]; /* calls that rang, the newest over the oldest */
	size_t nknown;
} w;

static struct pl_uuid user_of(size_t device)
{
	struct pl_uuid id = {{'u'}};
	id.b[15] = (uint8_t)(device / DEVICES + 1);
	return id;
}

static struct pl_encoded *encode(const struct pl_event *e)
{
	static char words;
	(void)e;
	return (struct pl_encoded *)(void *)&words;
}

static void forget(struct pl_encoded *x)
{
	(void)x;
}

static bool is_of(size_t i, const struct pl_uuid *user)
{
	return pl_uuid_eq(&w.known[i].caller, user) || pl_uuid_eq(&w.known[i].callee, user);
}

static void push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	const struct pl_call_news *n = e->call;
	(void)x;
	if (e->kind != PL_EV_CALL)
		return;
	MUST(!e->is_volatile);
	if (n->what == PL_CALL_REPLY) {
		MUST(e->only == p->id && pl_uuid_eq(&e->actor.id, &p->user.id));
		return;
	}
	MUST(pl_uuid_eq(&n->to.id, &p->user.id) && !pl_uuid_eq(&e->actor.id, &p->user.id));
	if (n->what == PL_CALL_OFFER) {
		size_t at = w.nknown++ % KNOWN;
		w.known[at].id = n->id;
		w.known[at].caller = e->actor.id;
		w.known[at].callee = n->to.id;
	}
	for (size_t i = 0; i < w.nknown && i < KNOWN; i++)
		if (pl_uuid_eq(&w.known[i].id, &n->id))
			MUST(is_of(i, &p->user.id) && is_of(i, &e->actor.id));
}

static const struct pl_peer_ops ops = {encode, push, forget};

static void open_world(void)
{
	static const struct pl_chat_options options = {.presence_grace_ms = 0,
						       .typing_expiry_ms = 1,
						       .rooms_max = 1000,
						       .online_max = 1000,
						       .ring_ms = 2,
						       .call_max_ms = 5,
						       .calls_per_user = 3,
						       .calls_max = 5};
	static const struct pl_rate none[PL_LIMIT__COUNT];
	MUST(!pl_bus_local_new(&w.bus));
	MUST(!pl_limits_init(&w.limits, none));
	for (int i = 0; i < WORKERS; i++) {
		struct pl_loop_options o = {.engine = PL_ENGINE_EPOLL, .metrics = &w.metrics[i]};
		MUST(!pl_loop_new(&o, &w.loops[i]));
		MUST(!pl_hub_init(&w.hubs[i], w.loops[i], w.bus, &w.limits, &options));
	}
	for (size_t i = 0; i < PEOPLE; i++) {
		w.devices[i].hub = &w.hubs[i % WORKERS];
		pl_peer_init(&w.devices[i].peer, &ops, i + 1);
	}
}

static void come(size_t i)
{
	struct device *d = &w.devices[i];
	struct pl_op_sign_in in = {.user = {.id = user_of(i), .username = PL_S("name")}};
	if (!d->is_on)
		d->is_on = !pl_hub_enter(d->hub, &d->peer, &in);
}

static void go(size_t i)
{
	struct device *d = &w.devices[i];
	if (d->is_on)
		pl_hub_leave(d->hub, &d->peer);
	d->is_on = false;
}

/* what: the word; which of the last calls it is about, from the newest; with keys; with an answer.
 */
static void say(size_t i, uint8_t what)
{
	struct device *d = &w.devices[i];
	size_t back = what >> 4 & 3;
	struct pl_uuid call = w.known[(w.nknown + 2 * KNOWN - 1 - back) % KNOWN].id;
	struct pl_call_words words = {.what = (enum pl_call_what)(what & 15),
				      .body = PL_S("{}"),
				      .has_keys = (what & 64) != 0,
				      .number = 1,
				      .is_asked_for = (what & 128) != 0};
	if (words.what >= PL_CALL_REPLY)
		return;
	int err = pl_call_say(d->hub, &d->peer, &call, &words);
	MUST(!err || (err == PL_EDENIED && !d->is_on));
}

static void call(size_t i, uint8_t whom)
{
	struct device *d = &w.devices[i];
	struct pl_user to = {.id = user_of(whom % PEOPLE), .username = PL_S("name")};
	struct pl_call_words words = {.what = PL_CALL_OFFER, .has_keys = (whom & 64) != 0};
	int err = pl_call_begin(d->hub, &d->peer, &to, &words);
	MUST(!err || err == PL_EINVAL || (err == PL_EDENIED && !d->is_on));
}

static void turn(size_t i, int wait_ms)
{
	pl_loop_turn(w.loops[i % WORKERS], wait_ms);
}

static void act(size_t i, uint8_t action, uint8_t what)
{
	switch (action % 6) {
	case 0: come(i); return;
	case 1: go(i); return;
	case 2: call(i, what); return;
	case 3: say(i, what); return;
	case 4: turn(i, 0); return;
	case 5: turn(i, what > 250); return;
	}
}

static bool is_empty(void)
{
	int64_t calls = 0;
	for (int i = 0; i < WORKERS; i++) {
		calls += w.metrics[i].v[PL_M_CALLS];
		if (w.hubs[i].calls.len || w.hubs[i].callers.len || w.hubs[i].online.len)
			return false;
	}
	MUST(!calls);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!w.loops[0])
		open_world();
	w.nknown = 0;
	for (size_t i = 0; i < PEOPLE; i++)
		come(i);
	for (size_t at = 0; at + 2 <= size && at < 2000; at += 2)
		act(data[at] / 6 % PEOPLE, data[at], data[at + 1]);
	for (size_t i = 0; i < PEOPLE; i++)
		go(i);
	for (size_t i = 0; i < TURNS && (i < WORKERS || !is_empty()); i++)
		turn(i, i > 60);
	MUST(is_empty());
	return 0;
}
