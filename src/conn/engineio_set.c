/*
 * engineio_set.c - the set of a worker's Engine.IO sessions: what holds for all of them, where
 * their requests come in, and its end.
 */
#include "conn/engineio_internal.h"

#include "base/id.h"
#include "base/mem.h"
#include "wire/base64url.h"

enum { FRAMES_MAX = 1024, SETTLE_TURNS = 8 };

static struct pl_ws_options ws_options(const struct pl_eio_options *o)
{
	return (struct pl_ws_options){
		.max_message = o->max_payload,
		.max_frames = FRAMES_MAX,
		.out_soft = o->out_soft,
		.out_hard = o->out_hard,
		/* Who takes nothing for so long could not answer a ping either. */
		.slow_ms = o->ping_timeout_ms,
		.compress = o->compress,
		.compress_above = o->compress_above ? o->compress_above : UINT32_MAX,
	};
}

static struct pl_endpoint endpoint_of(struct pl_eios *set)
{
	return (struct pl_endpoint){
		.on_request = pl_eio_on_request,
		.on_upgrade = pl_eio_on_upgrade,
		.on_message = pl_eio_on_ws_message,
		.on_close = pl_eio_on_conn_close,
		.on_too_large = pl_eio_on_too_large,
		.body_bytes = set->o->max_payload,
		.checks_origin = true,
		.ws = &set->ws,
		.ctx = set,
	};
}

int pl_eios_new(struct pl_loop *loop, struct pl_conns *conns, uint32_t worker,
		const struct pl_eio_options *o, const struct pl_eio_ops *ops, void *ctx,
		struct pl_eios **out)
{
	if (worker >= PL_EIO_WORKERS_MAX)
		return PL_EINVAL;
	struct pl_eios *set = PL_NEW(struct pl_eios);
	if (!set)
		return PL_ENOMEM;
	set->loop = loop;
	set->gate = conns->gate;
	set->worker = worker;
	set->o = o;
	set->ops = ops;
	set->ctx = ctx;
	set->ws = ws_options(o);
	set->endpoint = endpoint_of(set);
	set->any_origin = o->norigins == 1 && pl_slice_is(o->origins[0], "*");
	struct pl_list *lists[] = {&set->to_ping, &set->to_pong, &set->leaving, &set->probing,
				   &set->answers};
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		pl_list_init(lists[i]);
	pl_map_init(&set->sids, o->sessions_max);
	pl_timer_init(&set->clock, pl_eios_on_clock);
	set->answer.run = pl_eios_on_answer;
	set->reap.reap = pl_eios_reap;
	pl_random_bytes(set->seed, sizeof(set->seed));
	*out = set;
	return 0;
}

void pl_eios_set_siblings(struct pl_eios *set, struct pl_conns *const *conns, uint32_t n)
{
	set->siblings = conns;
	set->nsiblings = n;
}

static void close_all(struct pl_list *list)
{
	PL_LIST_EACH (it, list)
		pl_eio_close(PL_CONTAINER(it, struct pl_eio, beat), PL_EIO_SHUTTING_DOWN, 1001);
}

void pl_eios_drain(struct pl_eios *set)
{
	set->is_draining = true;
	close_all(&set->to_ping);
	close_all(&set->to_pong);
}

void pl_eios_free(struct pl_eios *set)
{
	if (!set)
		return;
	pl_eios_drain(set);
	PL_LIST_EACH (it, &set->leaving)
		pl_eio_gone(PL_CONTAINER(it, struct pl_eio, beat));
	/* What is linked in the loop points to the set. */
	for (int i = 0; i < SETTLE_TURNS && (set->is_answering || set->is_reaping); i++)
		pl_loop_turn(set->loop, 0);
	pl_timer_stop(&set->clock);
	pl_map_fini(&set->sids);
	pl_free(set);
}

void *pl_eios_ctx(const struct pl_eios *set)
{
	return set->ctx;
}

size_t pl_eios_count(const struct pl_eios *set)
{
	return set->nopen;
}

void pl_eios_count_polling(struct pl_eios *set, int more)
{
	set->npolling += (size_t)more;
	pl_metric_add(pl_loop_metrics(set->loop), PL_M_POLLING, more);
}

size_t pl_eios_polling(const struct pl_eios *set)
{
	return set->npolling;
}

const struct pl_endpoint *pl_eios_http(const struct pl_eios *set)
{
	return &set->endpoint;
}

const struct pl_endpoint *pl_eios_upgrade(const struct pl_eios *set)
{
	return &set->endpoint;
}

bool pl_eio_has_transport(const struct pl_eios *set, enum pl_eio_transport t)
{
	return (t == PL_EIO_POLLING && !set->o->no_polling) ||
	       (t == PL_EIO_WEBSOCKET && !set->o->no_websocket);
}

bool pl_eio_forward(const struct pl_eios *set, struct pl_conn *c, const struct pl_request *q,
		    struct pl_slice sid)
{
	uint8_t bytes[PL_EIO_SID_BYTES];
	size_t n = 0;
	if (sid.len != PL_EIO_SID_TEXT || pl_base64url_decode(sid, bytes, sizeof(bytes), &n))
		return false;
	uint32_t worker = (uint32_t)bytes[n - 2] << 8 | bytes[n - 1];
	return worker != set->worker && worker < set->nsiblings &&
	       !pl_conn_move(c, q, set->siblings[worker]);
}
