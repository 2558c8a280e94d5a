/* upgrade.c - from a request to a WebSocket: whether it may be one, and the answer that makes it
 * one, now or later. */
#include "conn/internal.h"

enum { HEAD_ROOM = 4096 };

/* 1: *chosen holds the answer to the offer; 0: no compression. */
static int pick_deflate(struct pl_conn *c, const struct pl_http_request *q, struct pl_buf *chosen)
{
	struct pl_slice offer = pl_http_header(&q->head, "Sec-WebSocket-Extensions");
	if (!pl_conn_ws(c)->compress || !offer.len)
		return 0;
	int picked = pl_deflate_pick(offer, &c->set->options->deflate, chosen);
	return picked == 1 && !pl_conns_can_deflate(c->set) ? 0 : picked;
}

static int switch_protocols(struct pl_conn *c, const struct pl_http_request *q,
			    struct pl_slice protocol)
{
	struct pl_slice key = pl_http_header(&q->head, "Sec-WebSocket-Key");
	struct pl_buf head, extensions;
	pl_buf_init(&head, HEAD_ROOM);
	pl_buf_init(&extensions, HEAD_ROOM);
	int picked = pick_deflate(c, q, &extensions);
	struct pl_slice chosen =
		picked > 0 ? pl_buf_slice(&extensions) : (struct pl_slice){NULL, 0};
	int err = picked < 0 ? picked : pl_ws_answer(&head, key, protocol, chosen);
	if (!err)
		err = pl_conn_put(c, head.at, head.len);
	c->deflate = picked > 0;
	pl_buf_fini(&head);
	pl_buf_fini(&extensions);
	return err;
}

int pl_conn_upgrade(struct pl_conn *c, const struct pl_request *q, struct pl_slice protocol,
		    void *user)
{
	if (c->phase != PL_PH_OWED || !c->is_upgrade)
		return PL_ESTATE;
	if (c->set->is_draining)
		return PL_ECLOSED;
	int err = switch_protocols(c, q->http, protocol);
	if (c->phase == PL_PH_DEAD)
		c->endpoint = NULL; /* it was answered, though in vain */
	if (err)
		return err;
	/* The state of HTTP stays until read_frames: somebody may be looking at its bytes. */
	c->ws = (struct pl_ws_reader){0};
	c->reason = NULL;
	c->is_ws = true;
	c->user = user;
	c->close_code = 0;
	pl_conn_heard(c);
	pl_conn_enter(c, PL_PH_OPEN, 0);
	if (!c->in_callback)
		pl_conn_resume_later(c);
	pl_metric_add(c->set->metrics, PL_M_WS_OPEN, 1);
	pl_metric_add(c->set->metrics, PL_M_WS_OPENED, 1);
	return 0;
}

unsigned pl_upgrade_check(const struct pl_conn *c, const struct pl_http_request *q)
{
	struct pl_slice key = {0}, version = {0};
	if (q->method != PL_HTTP_GET || q->head.has_length || q->head.is_chunked)
		return 400;
	if (pl_http_header_one(&q->head, "Sec-WebSocket-Key", &key) == PL_EINVAL ||
	    pl_http_header_one(&q->head, "Sec-WebSocket-Version", &version) == PL_EINVAL)
		return 400;
	struct pl_ws_request r = {PL_S("websocket"), PL_S("Upgrade"), key, version};
	int status = pl_ws_request_check(&r);
	if (status != 101)
		return (unsigned)status;
	return c->endpoint->checks_origin || pl_origin_allowed(c->set->options, q) ? 101 : 403;
}
