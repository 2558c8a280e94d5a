/*
 * request.c - an upgrade request as the program sees it, and the way of its answer, from any
 * thread, back to the connection's worker.
 *
 * A request that was asked about lives until it is answered, whatever becomes of the client or the
 * server. Its state, which the handlers' lock guards, says whose it is:
 *
 *     ASKING   authenticate is running; the worker looks for an answer when that returns
 *     WAITING  the answer posts it home to the worker
 *     ORPHANED the worker is gone: the answer frees it
 *     ANSWERED it is the worker's, on its way there or with it
 *
 * It is in the site's list from the question until the worker takes its answer, or is gone.
 */
#include "handler/internal.h"

#include "wire/pattern.h"
#include "wire/url.h"

enum { ASKING, WAITING, ORPHANED, ANSWERED };
enum { DECODED_MAX = 32 << 10, ASKED_MAX = 65536 };

/* A name and its decoded value. */
struct pl_request_memo {
	struct pl_request_memo *next;
	struct pl_slice name, value;
	bool is_param;
};

/* ---- birth and end ---- */

static void init(parley_request *r, struct pl_hall *hall, const struct pl_request *seen)
{
	*r = (parley_request){.handlers = hall->site->handlers,
			      .handler = hall->handler,
			      .server = &hall->site->handlers->server,
			      .user = hall->handler->def.user,
			      .hall = hall,
			      .seen = seen,
			      .memory = &r->own};
	pl_arena_init(&r->own.arena, DECODED_MAX);
	pl_list_init(&r->node);
}

static void set_address(parley_request *r, const struct pl_ip *from)
{
	char text[PL_ADDRESS_TEXT];
	if (pl_ip_is_local(from))
		return;
	pl_ip_format(from, text);
	(void)pl_text_cut(pl_slice_str(text), r->addr, sizeof(r->addr) - 1);
}

void pl_request_init(parley_request *r, struct pl_hall *hall, struct pl_conn *conn,
		     const struct pl_request *seen)
{
	init(r, hall, seen);
	r->conn = conn;
	set_address(r, pl_conn_from(conn));
}

void pl_request_fini(parley_request *r)
{
	pl_arena_fini(&r->own.arena);
	pl_free(r->kept);
}

parley_request *pl_request_copy(const parley_request *from)
{
	parley_request *r = PL_NEW(parley_request);
	struct pl_request *kept = r ? pl_request_keep(from->seen) : NULL;
	if (!kept) {
		pl_free(r);
		return NULL;
	}
	init(r, from->hall, kept);
	r->kept = kept;
	memcpy(r->addr, from->addr, sizeof(r->addr));
	return r;
}

void pl_request_free(parley_request *r)
{
	if (!r)
		return;
	pl_request_fini(r);
	pl_free(r);
}

parley_request *pl_request_show(const _Atomic(parley_server *) *server, void *user,
				const struct pl_ip *from, const struct pl_request *seen)
{
	parley_request *r = PL_NEW(parley_request);
	if (!r)
		return NULL;
	*r = (parley_request){.server = server, .user = user, .seen = seen, .memory = &r->own};
	pl_arena_init(&r->own.arena, DECODED_MAX);
	if (from)
		set_address(r, from);
	return r;
}

void pl_request_hide(parley_request *r)
{
	pl_request_free(r);
}

/* ---- what it says ---- */

struct parley_slice parley_request_path(const parley_request *r)
{
	return r->seen ? pl_out(r->seen->http->path) : parley_slice(NULL, 0);
}

/* Decodes, or remembers what came of it last time. */
static struct pl_slice decoded(struct pl_request_memory *m, const struct pl_request *seen,
			       struct pl_slice encoded, const char *name, bool is_param)
{
	struct pl_slice value = {NULL, 0}, key = pl_slice_str(name);
	for (struct pl_request_memo *i = m->memos; i; i = i->next)
		if (i->is_param == is_param && pl_slice_eq(i->name, key))
			return i->value;
	size_t used = m->arena.used;
	int err = is_param ? pl_percent_decode(encoded, false, &m->arena, &value)
			   : pl_query_get(seen->http->query, name, &m->arena, &value);
	if (err)
		return pl_slice(NULL, 0);
	struct pl_request_memo *memo =
		m->arena.used > used ? pl_arena_alloc(&m->arena, sizeof(*memo)) : NULL;
	if (memo && !pl_arena_copy(&m->arena, key, &memo->name)) {
		memo->value = value;
		memo->is_param = is_param;
		memo->next = m->memos;
		m->memos = memo;
	}
	return value;
}

struct parley_slice parley_request_param(const parley_request *r, const char *name)
{
	if (!r->seen || !r->handlers || !name)
		return parley_slice(NULL, 0);
	struct pl_slice path = pl_handler_path(r->handlers, r->seen->http->path);
	struct pl_slice raw = pl_pattern_param(r->handler->def.pattern, path, pl_slice_str(name));
	return raw.at ? pl_out(decoded(r->memory, r->seen, raw, name, true)) : pl_out(raw);
}

struct parley_slice parley_request_query(const parley_request *r, const char *name)
{
	if (!r->seen || !name || !r->seen->http->query.at)
		return parley_slice(NULL, 0);
	return pl_out(decoded(r->memory, r->seen, r->seen->http->query, name, false));
}

struct parley_slice parley_request_header(const parley_request *r, const char *name)
{
	if (!r->seen || !name)
		return parley_slice(NULL, 0);
	return pl_out(pl_http_header(&r->seen->http->head, name));
}

struct parley_slice parley_request_addr(const parley_request *r)
{
	return parley_cstr(r->addr);
}

parley_server *parley_request_server(const parley_request *r)
{
	return *r->server;
}

void *parley_request_user(const parley_request *r)
{
	return r->user;
}

/* ---- the answer ---- */

void pl_request_refuse(struct pl_conn *conn, unsigned status, struct pl_slice text)
{
	/* RFC 9110, 15.5.2: a 401 says what to come with. */
	static const struct pl_http_header challenge = {{"WWW-Authenticate", 16}, {"Bearer", 6}};
	struct pl_http_reply reply = {.status = status,
				      .type = PL_S("text/plain; charset=utf-8"),
				      .body = text,
				      .headers = &challenge,
				      .header_count = status == 401};
	pl_conn_respond(conn, &reply);
}

/* A browser cannot see the status of a refused handshake, but a close code it can. */
static void upgrade_and_close(const parley_request *r, struct pl_conn *conn)
{
	const struct pl_handler *h = r->handler;
	struct pl_slice protocol = pl_line_protocol_name(h, pl_line_protocol(h, r->seen));
	int err = pl_conn_upgrade(conn, r->seen, protocol, NULL);
	if (err)
		pl_request_refuse(conn, err == PL_EINVAL ? 400 : 503, PL_S(""));
	else
		pl_conn_close(conn, r->code, pl_slice(r->reason, r->reason_len));
}

static void deny(const parley_request *r, struct pl_conn *conn)
{
	if (r->code < 1000)
		pl_request_refuse(conn, r->code, pl_slice(r->reason, r->reason_len));
	else
		upgrade_and_close(r, conn);
}

static void free_auth_of(parley_request *r)
{
	if (!r->free_auth)
		return;
	uintptr_t before = pl_handler_enter(r->hall->site);
	r->free_auth(r->auth);
	pl_handler_leave(r->hall->site, before);
}

/* Off the list: from here on it is only ours. */
static struct pl_conn *take_off(parley_request *r)
{
	struct pl_conn *conn = r->conn;
	r->conn = NULL;
	r->hall->site->nasked--;
	pl_list_remove(&r->node);
	pl_timer_stop(&r->deadline);
	if (conn)
		pl_conn_set_user(conn, NULL);
	return conn;
}

static void finish(parley_request *r)
{
	struct pl_conn *conn = take_off(r);
	if (conn && r->code)
		deny(r, conn);
	else if (conn)
		pl_line_begin(conn, r, r->auth, r->free_auth);
	else if (!r->code)
		free_auth_of(r);
	pl_request_free(r);
}

static void come_home(struct pl_task *t)
{
	finish(PL_CONTAINER(t, parley_request, task));
}

/* The lock is free when this returns. */
static void answer_orphan(parley_request *r)
{
	pl_handlers_release(r->handlers);
	if (!r->code && r->free_auth)
		r->free_auth(r->auth);
	pl_request_free(r);
}

static void answer(parley_request *r)
{
	struct pl_handlers *h = r->handlers;
	pthread_mutex_lock(&h->lock);
	uint8_t was = r->state;
	r->state = ANSWERED;
	if (was == ORPHANED) {
		answer_orphan(r);
		return;
	}
	/* Under the lock: the loop must not go meanwhile. */
	if (was == WAITING)
		pl_loop_post(r->hall->site->loop, &r->task);
	pthread_mutex_unlock(&h->lock);
}

void parley_accept(parley_request *r, void *auth, void (*free_auth)(void *))
{
	if (atomic_exchange(&r->is_answered, true))
		return;
	r->auth = auth;
	r->free_auth = free_auth;
	answer(r);
}

void parley_reject(parley_request *r, uint16_t code, const char *reason)
{
	if (atomic_exchange(&r->is_answered, true))
		return;
	bool is_status = code >= 400 && code <= 599;
	bool is_close = code == 1008 || (code >= 4000 && code <= 4999);
	r->code = is_status || is_close ? code : 500;
	r->reason_len =
		(uint8_t)pl_text_cut(pl_slice_str(reason), r->reason, sizeof(r->reason)).len;
	answer(r);
}

/* ---- the question ---- */

static void on_deadline(struct pl_timer *t)
{
	parley_request *r = PL_CONTAINER(t, parley_request, deadline);
	struct pl_conn *conn = r->conn;
	r->conn = NULL;
	if (!conn)
		return;
	pl_conn_set_user(conn, NULL);
	pl_request_refuse(conn, 503, PL_S("Authentication took too long\n"));
}

void pl_request_lost(parley_request *r)
{
	if (!r)
		return;
	r->conn = NULL;
	pl_timer_stop(&r->deadline);
}

/* NULL: too many, or no memory. What it says is its own: whoever is to answer may look at it when
 * authenticate has returned, or before, on another thread. */
static parley_request *question(struct pl_hall *hall, struct pl_conn *conn,
				const struct pl_request *seen)
{
	struct pl_handler_site *s = hall->site;
	parley_request *r = s->nasked < ASKED_MAX ? PL_NEW(parley_request) : NULL;
	struct pl_request *kept = r ? pl_request_keep(seen) : NULL;
	if (!kept) {
		pl_free(r);
		return NULL;
	}
	pl_request_init(r, hall, conn, kept);
	r->kept = kept;
	pl_timer_init(&r->deadline, on_deadline);
	r->task.run = come_home;
	pl_list_append(&s->asked, &r->node);
	s->nasked++;
	return r;
}

/* Before the answer can come home: it stops the clock. */
static void start_to_wait(parley_request *r, struct pl_conn *conn)
{
	pl_conn_set_user(conn, r);
	pl_timer_set(r->hall->site->loop, &r->deadline, r->handler->def.auth_ms);
}

/* Whether the answer is there already. */
static bool was_answered(parley_request *r)
{
	pthread_mutex_lock(&r->handlers->lock);
	bool is_answered = r->state == ANSWERED;
	if (!is_answered)
		r->state = WAITING;
	pthread_mutex_unlock(&r->handlers->lock);
	return is_answered;
}

void pl_request_ask(struct pl_hall *hall, struct pl_conn *conn, const struct pl_request *seen)
{
	const struct parley_endpoint *def = &hall->handler->def;
	parley_request *r = question(hall, conn, seen);
	if (!r) {
		pl_request_refuse(conn, 503, PL_S(""));
		return;
	}
	uintptr_t before = pl_handler_enter(hall->site);
	def->authenticate(r, def->user);
	pl_handler_leave(hall->site, before);
	if (was_answered(r))
		finish(r);
	else
		start_to_wait(r, conn);
}

static void orphan(parley_request *r)
{
	(void)take_off(r);
	r->state = ORPHANED;
	r->hall = NULL;
	r->handlers->refs++;
}

void pl_requests_end(struct pl_handler_site *s)
{
	/* Whose answer is on its way, or in the mailbox that nobody opens any more, stays in the
	 * list. */
	pthread_mutex_lock(&s->handlers->lock);
	PL_LIST_EACH (node, &s->asked) {
		parley_request *r = PL_CONTAINER(node, parley_request, node);
		if (r->state != ANSWERED)
			orphan(r);
	}
	pthread_mutex_unlock(&s->handlers->lock);
	PL_LIST_EACH (node, &s->asked) {
		parley_request *r = PL_CONTAINER(node, parley_request, node);
		(void)take_off(r);
		if (!r->code)
			free_auth_of(r);
		pl_request_free(r);
	}
}
