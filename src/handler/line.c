/* line.c - a connection's life: its birth from a handshake, the callbacks, its end. */
#include "handler/internal.h"

/* ---- birth ---- */

/* The client's list may come in several fields (RFC 6455, 11.3.4). */
uint8_t pl_line_protocol(const struct pl_handler *h, const struct pl_request *q)
{
	struct pl_slice picked = {NULL, 0}, offered;
	size_t cursor = 0;
	while (!picked.at &&
	       pl_http_header_next(&q->http->head, "Sec-WebSocket-Protocol", &cursor, &offered))
		(void)pl_ws_pick_protocol(offered, h->protocols, h->nprotocols, &picked);
	for (size_t i = 0; picked.at && i < h->nprotocols; i++)
		if (pl_slice_eq(h->protocols[i], picked))
			return (uint8_t)(i + 1);
	return 0;
}

struct pl_slice pl_line_protocol_name(const struct pl_handler *h, uint8_t protocol)
{
	return protocol ? h->protocols[protocol - 1] : pl_slice(NULL, 0);
}

static void end(parley_conn *c)
{
	struct pl_extra *extra = c->extra;
	pl_room_leave_all(&c->hall->rooms, &c->member);
	pl_ids_remove(&c->hall->site->ids, c->id);
	if (extra && extra->free_auth)
		extra->free_auth(extra->auth);
	if (extra)
		pl_request_free(extra->request);
	pl_free(extra);
	pl_free(c);
}

/* In the rooms where it is from the beginning. */
static int enter_rooms(parley_conn *c)
{
	struct pl_slice room = c->hall->handler->default_room;
	int err = pl_room_join(&c->hall->rooms, &c->member, EVERYBODY);
	if (!err && room.at)
		err = pl_room_join(&c->hall->rooms, &c->member, room);
	return err;
}

static int remember_extra(parley_conn *c, const parley_request *r, void *auth,
			  void (*free_auth)(void *))
{
	bool keep = c->hall->handler->def.keep_request;
	if (!auth && !free_auth && !keep)
		return 0;
	struct pl_extra *extra = PL_NEW(struct pl_extra);
	if (!extra)
		return PL_ENOMEM;
	extra->request = keep ? pl_request_copy(r) : NULL;
	if (keep && !extra->request) {
		pl_free(extra);
		return PL_ENOMEM;
	}
	extra->auth = auth;
	extra->free_auth = free_auth;
	c->extra = extra;
	return 0;
}

/* NULL: no memory, or too many rooms; auth is freed then. */
static parley_conn *new_conn(struct pl_conn *conn, const parley_request *r, void *auth,
			     void (*free_auth)(void *))
{
	parley_conn *c = PL_NEW(parley_conn);
	int err = PL_ENOMEM;
	if (c) {
		struct pl_uuid id = pl_uuid_v4();
		pl_uuid_format(&id, c->id);
		c->conn = conn;
		c->hall = r->hall;
		c->protocol = pl_line_protocol(r->hall->handler, r->seen);
		err = remember_extra(c, r, auth, free_auth);
	}
	if (err) {
		if (free_auth)
			free_auth(auth);
		pl_free(c);
		return NULL;
	}
	err = pl_ids_add(&r->hall->site->ids, c->id);
	if (!err)
		err = enter_rooms(c);
	if (!err)
		return c;
	end(c);
	return NULL;
}

/* What a callback returned is told to whoever it concerns. */
static void report(parley_conn *c, int err)
{
	struct pl_handler_site *s = c->hall->site;
	const struct parley_endpoint *def = &c->hall->handler->def;
	const char *detail = s->failed == c ? s->detail : pl_strerror(err);
	if (def->on_error)
		def->on_error(c, err, detail);
	else
		(void)parley_send_object(c,
					 PARLEY_OBJ(parley_kstr("type", PARLEY_S("error")),
						    parley_kstr("message", parley_cstr(detail))));
}

static void greet(parley_conn *c, const parley_request *r)
{
	struct pl_handler_site *s = c->hall->site;
	const struct parley_endpoint *def = &c->hall->handler->def;
	s->newcomer = c;
	s->request = r;
	int err = def->on_connect ? def->on_connect(c) : 0;
	if (err) {
		report(c, err);
		parley_close(c, 1011, "Internal error");
	}
	s->newcomer = NULL;
	s->request = NULL;
}

void pl_line_begin(struct pl_conn *conn, parley_request *r, void *auth, void (*free_auth)(void *))
{
	struct pl_handler_site *s = r->hall->site;
	uintptr_t before = pl_handler_enter(s);
	parley_conn *c = new_conn(conn, r, auth, free_auth);
	int err = PL_ENOMEM;
	if (c) {
		err = pl_conn_upgrade(conn, r->seen,
				      pl_line_protocol_name(c->hall->handler, c->protocol), c);
		if (err)
			end(c);
	}
	if (err)
		pl_request_refuse(conn, err == PL_EINVAL ? 400 : 503, PL_S(""));
	else
		greet(c, r);
	pl_handler_leave(s, before);
}

void pl_line_on_upgrade(struct pl_conn *conn, const struct pl_request *q)
{
	struct pl_hall *hall = pl_conn_ctx(conn);
	if (hall->handler->def.authenticate) {
		pl_request_ask(hall, conn, q);
		return;
	}
	parley_request r;
	pl_request_init(&r, hall, conn, q);
	pl_line_begin(conn, &r, NULL, NULL);
	pl_request_fini(&r);
}

/* ---- callbacks ---- */

static int parse(struct pl_handler_site *s, enum pl_ws_op op, struct pl_slice data,
		 const struct pl_json **out)
{
	if (op != PL_WS_TEXT)
		return 0;
	int err = pl_json_parse(s->messages, data, out);
	return err == PL_ENOMEM ? err : 0; /* anything else: it is not JSON */
}

void pl_line_on_message(struct pl_conn *conn, enum pl_ws_op op, struct pl_slice data)
{
	parley_conn *c = pl_conn_user(conn);
	const struct pl_json *json = NULL;
	if (!c || !c->hall->handler->def.on_message)
		return;
	uintptr_t before = pl_handler_enter(c->hall->site);
	int err = c->hall->handler->def.raw_text ? 0 : parse(c->hall->site, op, data, &json);
	if (!err)
		err = c->hall->handler->def.on_message(
			c, op == PL_WS_TEXT ? PARLEY_TEXT : PARLEY_BINARY, pl_out(data),
			(const parley_json *)(const void *)json);
	if (err)
		report(c, err);
	pl_handler_leave(c->hall->site, before);
}

void pl_line_on_ping(struct pl_conn *conn, struct pl_slice payload)
{
	parley_conn *c = pl_conn_user(conn);
	if (!c)
		return;
	uintptr_t before = pl_handler_enter(c->hall->site);
	c->hall->handler->def.on_ping(c, pl_out(payload));
	pl_handler_leave(c->hall->site, before);
}

void pl_line_on_pong(struct pl_conn *conn, struct pl_slice payload)
{
	parley_conn *c = pl_conn_user(conn);
	if (!c)
		return;
	uintptr_t before = pl_handler_enter(c->hall->site);
	c->hall->handler->def.on_pong(c, pl_out(payload));
	pl_handler_leave(c->hall->site, before);
}

/* The peer broke a rule or a limit, or is gone without a goodbye. */
static void report_fault(parley_conn *c, struct pl_slice reason)
{
	void (*on_error)(parley_conn *, int, const char *) = c->hall->handler->def.on_error;
	int err = pl_conn_fault(c->conn);
	if (err == PL_ETOOBIG)
		err = PL_EPROTO;
	if (err && on_error)
		on_error(c, err, reason.len ? reason.at : pl_strerror(err));
}

static void say_goodbye(parley_conn *c, uint16_t code, struct pl_slice reason)
{
	struct pl_handler_site *s = c->hall->site;
	const struct parley_endpoint *def = &c->hall->handler->def;
	uintptr_t before = pl_handler_enter(s);
	report_fault(c, reason);
	if (def->on_close)
		def->on_close(c, code, pl_out(reason));
	end(c);
	pl_handler_leave(s, before);
}

void pl_line_on_close(struct pl_conn *conn, uint16_t code, struct pl_slice reason)
{
	if (!code) /* it never became one */
		pl_request_lost(pl_conn_user(conn));
	else if (pl_conn_user(conn))
		say_goodbye(pl_conn_user(conn), code, reason);
}

/* ---- what a connection is ---- */

struct parley_slice parley_conn_id(const parley_conn *c)
{
	return parley_slice(c->id, sizeof(c->id));
}

void *parley_conn_auth(const parley_conn *c)
{
	return c->extra ? c->extra->auth : NULL;
}

void *parley_conn_user(const parley_conn *c)
{
	return c->hall->handler->def.user;
}

void *parley_conn_data(const parley_conn *c)
{
	return c->data;
}

void parley_conn_set_data(parley_conn *c, void *data)
{
	c->data = data;
}

const parley_request *parley_conn_request(const parley_conn *c)
{
	if (c->extra && c->extra->request)
		return c->extra->request;
	return c->hall->site->newcomer == c ? c->hall->site->request : NULL;
}

struct parley_slice parley_conn_subprotocol(const parley_conn *c)
{
	return pl_out(pl_line_protocol_name(c->hall->handler, c->protocol));
}

parley_server *parley_conn_server(const parley_conn *c)
{
	return c->hall->site->handlers->server;
}

bool parley_conn_is_open(const parley_conn *c)
{
	return pl_conn_is_open(c->conn);
}

size_t parley_conn_backlog(const parley_conn *c)
{
	return pl_conn_backlog(c->conn);
}
