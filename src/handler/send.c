/* send.c - one message to one connection, control frames, the goodbye. */
#include "handler/internal.h"

enum { MESSAGE_LIMIT = 1 << 30 };

static int send_message(parley_conn *c, enum pl_ws_op op, struct pl_slice data)
{
	if (data.len > MESSAGE_LIMIT)
		return PL_ETOOBIG;
	return pl_conn_send(c->conn, op, data.at ? data : PL_S(""));
}

int parley_send(parley_conn *c, struct parley_slice text)
{
	return send_message(c, PL_WS_TEXT, pl_in(text));
}

int parley_send_binary(parley_conn *c, struct parley_slice data)
{
	return send_message(c, PL_WS_BINARY, pl_in(data));
}

int parley_send_object(parley_conn *c, const struct parley_field *fields)
{
	struct pl_slice text;
	int err = pl_object_make(c->hall->site, fields, &text);
	if (!err)
		err = send_message(c, PL_WS_TEXT, text);
	pl_object_done(c->hall->site);
	return err;
}

static int control_check(const parley_conn *c, struct parley_slice payload)
{
	if (payload.len > PL_WS_CONTROL_MAX)
		return PL_ETOOBIG;
	if (!pl_conn_is_open(c->conn))
		return PL_ECLOSED;
	return pl_conn_backlog(c->conn) > c->hall->handler->def.max_backlog ? PL_EBUSY : 0;
}

int parley_ping(parley_conn *c, struct parley_slice payload)
{
	int err = control_check(c, payload);
	if (!err)
		pl_conn_ping(c->conn, pl_in(payload));
	return err;
}

int parley_pong(parley_conn *c, struct parley_slice payload)
{
	int err = control_check(c, payload);
	if (!err)
		pl_conn_pong(c->conn, pl_in(payload));
	return err;
}

uint16_t pl_close_code(uint16_t code)
{
	bool is_standard = code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
	return is_standard || (code >= 3000 && code <= 4999) ? code : 1011;
}

void parley_close(parley_conn *c, uint16_t code, const char *reason)
{
	char text[REASON_MAX];
	struct pl_slice cut = pl_text_cut(pl_slice_str(reason), text, sizeof(text));
	if (pl_conn_is_open(c->conn))
		pl_conn_close(c->conn, pl_close_code(code), cut);
}

int parley_fail(parley_conn *c, int err, const char *detail)
{
	struct pl_handler_site *s = c->hall->site;
	struct pl_slice cut = pl_text_cut(pl_slice_str(detail), s->detail, DETAIL_MAX);
	s->detail[cut.len] = '\0';
	s->failed = cut.len ? c : NULL;
	return err;
}
