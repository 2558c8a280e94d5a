/*
 * http_conn.c - requests on a connection: pipelining, small bodies, the way to a WebSocket. Answers
 * are in answer.c.
 *
 * A request that arrives whole is read in place and costs no memory. Only the unfinished and the
 * early (bytes behind a request that is owed its answer) are kept, in pl_http_state.
 */
#include "conn/internal.h"

#include "base/clock.h"
#include "base/mem.h"

static void free_state(struct pl_http_state *h)
{
	if (!h)
		return;
	pl_buf_fini(&h->in);
	pl_buf_fini(&h->head);
	pl_buf_fini(&h->body);
	pl_free(h);
}

void pl_http_fini(struct pl_conn *c)
{
	if (!c->is_http)
		return;
	free_state(c->http);
	c->http = NULL;
}

bool pl_http_has_begun(const struct pl_conn *c)
{
	return c->is_http && c->http;
}

static struct pl_http_state *state_of(struct pl_conn *c)
{
	const struct pl_conn_options *o = c->set->options;
	if (c->http)
		return c->http;
	struct pl_http_state *h = PL_NEW(struct pl_http_state);
	if (!h)
		return NULL;
	pl_buf_init(&h->in, o->http.head_bytes + 2 * PL_HOT_BYTES);
	pl_buf_init(&h->head, o->http.head_bytes);
	pl_buf_init(&h->body, o->body_bytes);
	return c->http = h;
}

void pl_http_enter_head(struct pl_conn *c)
{
	const struct pl_conn_options *o = c->set->options;
	bool has_begun = c->http && c->http->in.len;
	pl_conn_enter(c, PL_PH_HEAD,
		      pl_conn_time_to_leave(c, has_begun ? o->header_ms : o->keep_alive_ms));
}

/* So many bytes earn it more time: large bodies may take longer, but nobody may drip one. */
static bool goes_on(struct pl_conn *c)
{
	const struct pl_http_state *h = c->http;
	if (c->phase != PL_PH_BODY)
		return false;
	uint64_t due = h->began_ms + c->set->options->header_ms + h->body.len / PL_SLOWEST;
	uint64_t now = pl_now_ms();
	if (now >= due)
		return false;
	pl_conn_set_deadline(c, (uint32_t)(due - now));
	return true;
}

/* Not even a head: nobody knows which request this answers. */
static void refuse_words(struct pl_conn *c, unsigned status)
{
	c->is_head = false;
	pl_http_refuse_and_close(c, status);
}

void pl_http_deadline(struct pl_conn *c)
{
	bool began = c->http || c->phase == PL_PH_BODY;
	if (goes_on(c))
		return;
	if (began && (!c->tls || pl_tls_is_ready(c->tls)))
		refuse_words(c, 408);
	else
		pl_conn_break(c, 1006, PL_S("silent"));
}

/* ---- requests ---- */

/* The head is whole: who asks, and who is asked. False: it was refused. */
static bool begin(struct pl_conn *c, const struct pl_http_request *http)
{
	unsigned status;
	/* Whoever asked for another protocol and does not get it must not go on in either. */
	c->keep_alive = http->head.keep_alive && !http->wants_upgrade;
	c->is_head = http->method == PL_HTTP_HEAD;
	c->is_upgrade = http->wants_upgrade;
	c->is_watched = false;
	c->takes_gzip = pl_http_takes_gzip(&http->head);
	c->user = NULL;
	if (pl_conn_see_through_proxy(c, http)) {
		pl_metric_add(c->set->metrics, PL_M_REFUSED, 1);
		pl_http_refuse_and_close(c, 429);
		return false;
	}
	c->endpoint = pl_router_find(c->router, http, &status);
	return true;
}

static void upgrade(struct pl_conn *c, const struct pl_request *q)
{
	unsigned status = pl_upgrade_check(c, q->http);
	if (status != 101)
		pl_http_refuse(c, status);
	else
		c->endpoint->on_upgrade(c, q);
}

static void serve(struct pl_conn *c, const struct pl_http_request *http, struct pl_slice body)
{
	struct pl_request q = {.http = http, .body = body};
	unsigned status = 500;
	c->phase = PL_PH_OWED;
	pl_conn_set_deadline(c, 0);
	if (!c->endpoint) /* again, for the status; a body may lie between */
		c->endpoint = pl_router_find(c->router, http, &status);
	if (!c->endpoint)
		pl_http_refuse(c, status);
	else if (http->wants_upgrade)
		upgrade(c, &q);
	else
		c->endpoint->on_request(c, &q);
}

static void too_large(struct pl_conn *c, const struct pl_http_request *http)
{
	struct pl_request q = {.http = http, .body = {NULL, 0}};
	c->keep_alive = false;
	c->phase = PL_PH_OWED;
	pl_conn_set_deadline(c, 0);
	if (c->endpoint && c->endpoint->on_too_large)
		c->endpoint->on_too_large(c, &q);
	if (c->phase == PL_PH_OWED)
		pl_http_refuse(c, 413);
}

/* Of the endpoint, which was found with the head. */
static size_t body_max(const struct pl_conn *c)
{
	return c->endpoint && c->endpoint->body_bytes ? c->endpoint->body_bytes
						      : c->set->options->body_bytes;
}

static void begin_body(struct pl_conn *c, const struct pl_http_request *q, struct pl_slice head)
{
	struct pl_http_state *h = state_of(c);
	if (!h) {
		pl_http_refuse_and_close(c, 503);
		return;
	}
	h->body.max = body_max(c);
	h->began_ms = pl_now_ms();
	if (pl_http_body_init(&h->decoder, &q->head, h->body.max)) {
		too_large(c, q);
		return;
	}
	pl_buf_puts(&h->head, head);
	if (h->head.err)
		pl_http_refuse_and_close(c, 503);
	else if (!q->expects_continue || !pl_conn_put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25))
		pl_conn_enter(c, PL_PH_BODY, c->set->options->header_ms);
}

static size_t read_head(struct pl_conn *c, struct pl_slice in)
{
	struct pl_http_request q;
	size_t used = 0;
	int err = pl_http_parse_head(&c->parser, &c->set->options->http, in, &used, &q);
	if (err == PL_EAGAIN)
		return 0;
	if (err) {
		refuse_words(c, c->parser.status ? c->parser.status : 400);
		return in.len;
	}
	c->moves = 0;
	if (!begin(c, &q))
		return used;
	if (q.head.is_chunked || q.head.content_length)
		begin_body(c, &q, pl_slice(in.at, used));
	else
		serve(c, &q, PL_S(""));
	return used;
}

static size_t read_body(struct pl_conn *c, struct pl_slice in)
{
	struct pl_http_state *h = c->http;
	struct pl_http_parser again = {0};
	struct pl_http_request q;
	size_t used = 0, head_len = 0;
	int err = pl_http_body_read(&h->decoder, in, &used, &h->body);
	if (err == PL_EAGAIN)
		return in.len;
	/* The head was kept as bytes: its slices would have moved. */
	int bad = pl_http_parse_head(&again, &c->set->options->http, pl_buf_slice(&h->head),
				     &head_len, &q);
	if (bad || (err && err != PL_ETOOBIG)) {
		pl_http_refuse_and_close(c, h->decoder.status ? h->decoder.status : 503);
		return in.len;
	}
	if (err)
		too_large(c, &q);
	else
		serve(c, &q, pl_buf_slice(&h->body));
	pl_buf_fini(&h->head);
	pl_buf_fini(&h->body);
	return err ? in.len : used;
}

static bool is_reading_requests(const struct pl_conn *c)
{
	return c->phase == PL_PH_HEAD || c->phase == PL_PH_BODY;
}

/* As many requests as are there. Returns what was used. */
static size_t run(struct pl_conn *c, char *at, size_t n)
{
	size_t used = 0, step = 1;
	/* Who does not read the answers asks no more questions. */
	while (step && used < n && is_reading_requests(c) && pl_conn_may_read(c)) {
		struct pl_slice in = pl_slice(at + used, n - used);
		step = c->phase == PL_PH_HEAD ? read_head(c, in) : read_body(c, in);
		used += step;
	}
	return used;
}

static void keep(struct pl_conn *c, const char *at, size_t n)
{
	struct pl_http_state *h = state_of(c);
	if (h)
		pl_buf_put(&h->in, at, n);
	if (!h || h->in.err)
		pl_conn_break(c, 1006, PL_S("out of memory"));
	else if (c->phase == PL_PH_HEAD && n == h->in.len)
		pl_http_enter_head(c);
}

/* Upgraded: what is left are frames. They may lie in what is kept, which goes after them. */
static void read_frames(struct pl_conn *c, char *at, size_t n)
{
	struct pl_http_state *h = c->http;
	c->is_http = false;
	pl_ws_start_clock(c);
	if (n)
		pl_ws_input(c, at, n);
	free_state(h);
}

/* Runs on the kept bytes, which stay where they are while callbacks look at them. */
static void input_kept(struct pl_conn *c, struct pl_http_state *h)
{
	size_t used = run(c, h->in.at, h->in.len);
	if (c->is_ws) {
		read_frames(c, h->in.at + used, h->in.len - used);
		return;
	}
	pl_buf_drop(&h->in, used);
	if (c->phase == PL_PH_HEAD && !h->in.len) {
		pl_http_fini(c);
		pl_http_enter_head(c);
	}
}

static void input_new(struct pl_conn *c, char *at, size_t n)
{
	size_t used = run(c, at, n);
	if (c->is_ws)
		read_frames(c, at + used, n - used);
	else if (used < n && c->phase < PL_PH_OPEN)
		keep(c, at + used, n - used);
}

static void input_done(struct pl_conn *c)
{
	c->in_callback = false;
	/* An idle connection keeps nothing: no request is unfinished. */
	if (c->phase == PL_PH_HEAD && c->http && !c->http->in.len)
		pl_http_fini(c);
	pl_conn_read_as_due(c);
}

void pl_http_input(struct pl_conn *c, char *at, size_t n)
{
	struct pl_http_state *h = c->http;
	c->in_callback = true;
	if (h && h->in.len) {
		pl_buf_put(&h->in, at, n);
		if (h->in.err)
			pl_conn_break(c, 1006, PL_S("too much input"));
		else
			input_kept(c, h);
	} else if (n) {
		input_new(c, at, n);
	}
	input_done(c);
}

/* Answered later. */
static void read_early_frames(struct pl_conn *c)
{
	struct pl_http_state *h = c->http;
	c->in_callback = true;
	read_frames(c, h ? h->in.at : NULL, h ? h->in.len : 0);
	input_done(c);
}

void pl_http_adopt(struct pl_conn *c, const struct pl_request *q)
{
	struct pl_http_state *h = c->http;
	c->in_callback = true;
	c->phase = PL_PH_OWED;
	if (c->set->is_draining)
		pl_http_refuse_and_close(c, 503);
	else if (begin(c, q->http))
		serve(c, q->http, q->body);
	if (c->is_ws)
		read_frames(c, h ? h->in.at : NULL, h ? h->in.len : 0);
	else if (h && h->in.len)
		input_kept(c, h);
	input_done(c);
}

void pl_http_resume(struct pl_conn *c)
{
	if (c->is_ws && c->is_http)
		read_early_frames(c);
	else if (is_reading_requests(c))
		pl_http_input(c, NULL, 0);
}
