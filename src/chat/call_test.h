/* call_test.h - for the tests of calls: people with telephones, on several workers, who write down
 * what they hear. */
#ifndef PL_CHAT_CALL_TEST_H
#define PL_CHAT_CALL_TEST_H

#include "chat/call.h"
#include "chat/testing.h"

static const char *const call_words[PL_CALL__COUNT] = {[PL_CALL_OFFER] = "offer",
						       [PL_CALL_ANSWER] = "answer",
						       [PL_CALL_DECLINE] = "decline",
						       [PL_CALL_BUSY] = "busy",
						       [PL_CALL_END] = "end",
						       [PL_CALL_CANDIDATE] = "candidate",
						       [PL_CALL_SDP_OFFER] = "sdp_offer",
						       [PL_CALL_SDP_ANSWER] = "sdp_answer",
						       [PL_CALL_ROTATE] = "rotate",
						       [PL_CALL_ROTATED] = "rotated",
						       [PL_CALL_REPLY] = "reply"};

/* The last call that anybody was told of, refusals aside. */
static struct pl_uuid call_id;

static inline const char *call_reason(const struct pl_call_news *n)
{
	static const char *const whys[] = {"", " timeout", " elsewhere", " lost"};
	return whys[n->why];
}

/* "offer u1 x;", "end u2 lost;", "reply answer;", "reply answer not found;" */
static inline void phone_push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	struct fake *f = PL_CONTAINER(p, struct fake, peer);
	const struct pl_call_news *n = e->call;
	int len;
	if (e->kind != PL_EV_CALL) {
		fake_push(p, e, x);
		return;
	}
	assert_false(e->is_volatile);
	if (!n->err)
		call_id = n->id;
	if (n->what == PL_CALL_REPLY)
		len = snprintf(f->heard + f->len, HEARD - f->len, "reply %s%s%s;",
			       call_words[n->asked], n->err ? " " : "",
			       n->err ? pl_strerror(n->err) : "");
	else
		len = snprintf(f->heard + f->len, HEARD - f->len, "%s u%u%s%s%.*s;",
			       call_words[n->what], number_of(&e->actor.id), call_reason(n),
			       n->body.len && n->body.len < 20 ? " " : "",
			       n->body.len < 20 ? (int)n->body.len : 0,
			       n->body.at ? n->body.at : "");
	assert_true(len > 0 && f->len + (size_t)len < HEARD);
	f->len += (size_t)len;
}

static const struct pl_peer_ops phone_ops = {fake_encode, phone_push, fake_forget};

/* A session of user n on a worker. */
static inline void phone_on(struct world *w, struct fake *f, unsigned user, int worker)
{
	fake_init(w, f, worker);
	f->peer.ops = &phone_ops;
	assert_int_equal(fake_enter(f, user, 0), 0);
	settle(w);
	fake_expect(f, "");
}

static inline void phone_off(struct fake *f)
{
	pl_hub_leave(f->hub, &f->peer);
}

static inline struct world *calls_new(uint32_t grace_ms, uint32_t ring_ms)
{
	struct world *w = world_new(grace_ms, 1000);
	w->options.ring_ms = ring_ms;
	w->options.call_max_ms = 60000;
	w->options.calls_per_user = 2;
	w->options.calls_max = 100;
	for (int i = 0; i < WORKERS; i++)
		pl_map_init(&w->hubs[i].calls, w->options.calls_max);
	return w;
}

static inline int phone_call(struct fake *f, unsigned user, const char *body)
{
	const struct pl_user to = {.id = id_of('u', user), .username = PL_S("other")};
	const struct pl_call_words words = {.what = PL_CALL_OFFER,
					    .media = PL_S("voice"),
					    .body = pl_slice_str(body),
					    .is_asked_for = true};
	return pl_call_begin(f->hub, &f->peer, &to, &words);
}

/* In the call that was told of last. */
static inline int phone_say(struct fake *f, enum pl_call_what what, const char *body)
{
	struct pl_call_words words = {.what = what, .body = pl_slice_str(body)};
	words.is_asked_for = what != PL_CALL_CANDIDATE && what != PL_CALL_SDP_OFFER &&
			     what != PL_CALL_SDP_ANSWER;
	return pl_call_say(f->hub, &f->peer, &call_id, &words);
}

static inline void must_say(struct world *w, struct fake *f, enum pl_call_what what,
			    const char *body)
{
	assert_int_equal(phone_say(f, what, body), 0);
	settle(w);
}

/* From one to the other, on workers 0 and 1; both know. */
static inline void must_ring(struct world *w, struct fake *from, unsigned to)
{
	assert_int_equal(phone_call(from, to, "o"), 0);
	settle(w);
	fake_expect(from, "reply offer;");
}

static inline size_t calls_kept(const struct world *w)
{
	size_t n = 0;
	for (int i = 0; i < WORKERS; i++)
		n += w->hubs[i].calls.len + w->hubs[i].callers.len;
	return n;
}

#endif
