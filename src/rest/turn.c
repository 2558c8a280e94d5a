/* turn.c - which relays of sound and pictures somebody may use, and the password for them. */
#include "rest/visit.h"

#include "base/clock.h"

enum { ANSWER_MAX = 64 * 1024 };

static void answer(struct pl_rest *r, struct pl_conn *c, const struct pl_cors *from,
		   const struct pl_user *user)
{
	static const struct pl_turn none;
	const struct pl_turn *t = r->turn ? r->turn : &none;
	char id[PL_UUID_TEXT];
	struct pl_buf b;
	pl_uuid_format(&user->id, id);
	pl_buf_init(&b, ANSWER_MAX);
	int err = pl_turn_put_answer(t, pl_slice(id, sizeof(id)), pl_wall_ms() / 1000, &b);
	if (err) {
		pl_buf_fini(&b);
		pl_cors_fail(c, from, 503, "No memory for the answer", 0);
		return;
	}
	PL_PUT(&b, "\n");
	pl_cors_reply(c, from, 200, &b, 0);
}

void pl_rest_turn(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	pl_rest_visit(r, c, q, PL_LIMIT_SIGNALS, answer);
}
