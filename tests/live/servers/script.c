/*
 * script.c - an endpoint whose clients say which function of the library it shall call:
 * {"do":"join", "room":"a"} is answered with {"did":"join","err":0}, so that tests see what every
 * call returns.
 */
#include "handlers.h"

#include <stdatomic.h>
#include <stdio.h>

enum { ROOMS_MAX = 4096 };

/* What a call returned that nobody could be told of: the connection was closing. */
static atomic_int late_err;

static int did(parley_conn *c, const parley_json *msg, int err)
{
	return parley_send_object(
		c, PARLEY_OBJ(parley_kjson("did", parley_get(msg, "do")), parley_kint("err", err)));
}

static int counted(parley_conn *c, const char *what, size_t n)
{
	return parley_send_object(
		c, PARLEY_OBJ(parley_kstr("did", parley_cstr(what)), parley_kint("n", (int64_t)n)));
}

static int64_t number(const parley_json *msg, const char *key)
{
	int64_t n = 0;
	parley_i64(msg, key, &n);
	return n;
}

/* {"rooms":["a","b"],"self":true,"own":true,"binary":true} */
static struct parley_to recipients(const parley_json *msg, struct parley_slice *rooms, size_t cap)
{
	struct parley_to to = parley_to_all(parley_bool(msg, "self", false));
	const parley_json *room = parley_first(parley_get(msg, "rooms"));
	for (; room && to.nrooms < cap; room = parley_next(room))
		rooms[to.nrooms++] = parley_text(room);
	to.rooms = rooms;
	to.own_rooms = parley_bool(msg, "own", false);
	to.binary = parley_bool(msg, "binary", false);
	return to;
}

static int do_broadcast(parley_conn *c, const parley_json *msg)
{
	struct parley_slice rooms[16];
	struct parley_to to = recipients(msg, rooms, 16);
	return did(c, msg, parley_broadcast(c, parley_str(msg, "text"), &to));
}

static int do_send(parley_conn *c, const parley_json *msg)
{
	int err = parley_bool(msg, "binary", false) ? parley_send_binary(c, parley_str(msg, "text"))
						    : parley_send(c, parley_str(msg, "text"));
	return did(c, msg, err);
}

/* Text of this many bytes, so often. */
static int do_flood(parley_conn *c, const parley_json *msg)
{
	static const char letters[65536] = "flood";
	int64_t left = number(msg, "times"), lost = 0;
	while (left-- > 0)
		lost += parley_send_binary(c, parley_slice(letters, sizeof(letters))) != 0;
	return counted(c, "flood", (size_t)lost);
}

static int do_join(parley_conn *c, const parley_json *msg)
{
	return did(c, msg, parley_join(c, parley_str(msg, "room")));
}

static int do_leave(parley_conn *c, const parley_json *msg)
{
	return did(c, msg, parley_leave(c, parley_str(msg, "room")));
}

/* As many rooms as there may be: how many it were, and what the next one said. */
static int do_join_many(parley_conn *c, const parley_json *msg)
{
	int64_t n, count = number(msg, "count"), refused = 0;
	int err = 0;
	char name[64];
	for (n = 0; n < count; n++) {
		snprintf(name, sizeof(name), "room number %lld", (long long)n);
		int failed = parley_join(c, parley_cstr(name));
		refused += failed != 0;
		err = failed ? failed : err;
	}
	return parley_send_object(c, PARLEY_OBJ(parley_kstr("did", PARLEY_S("join-many")),
						parley_kint("refused", refused),
						parley_kint("err", err)));
}

static int do_rooms(parley_conn *c, const parley_json *msg)
{
	struct parley_slice names[ROOMS_MAX];
	(void)msg;
	return counted(c, "rooms", parley_rooms(c, names, ROOMS_MAX));
}

static int do_in_room(parley_conn *c, const parley_json *msg)
{
	return counted(c, "in-room", parley_in_room(c, parley_str(msg, "room")));
}

static int do_room_size(parley_conn *c, const parley_json *msg)
{
	return counted(c, "room-size", parley_room_size(c, parley_str(msg, "room")));
}

static int do_ping(parley_conn *c, const parley_json *msg)
{
	return did(c, msg, parley_ping(c, parley_str(msg, "text")));
}

static int do_pong(parley_conn *c, const parley_json *msg)
{
	return did(c, msg, parley_pong(c, parley_str(msg, "text")));
}

/* The reason, or none. What is sent behind it is refused. */
static int do_close(parley_conn *c, const parley_json *msg)
{
	char reason[256];
	struct parley_slice text = parley_str(msg, "text");
	snprintf(reason, sizeof(reason), "%.*s", PARLEY_FMT(text));
	parley_close(c, (uint16_t)number(msg, "code"), text.at ? reason : NULL);
	parley_close(c, 4999, "twice");
	atomic_store(&late_err, parley_send(c, PARLEY_S("too late")));
	return 0;
}

static int do_late_err(parley_conn *c, const parley_json *msg)
{
	return did(c, msg, atomic_load(&late_err));
}

static int do_fail(parley_conn *c, const parley_json *msg)
{
	char detail[512];
	struct parley_slice text = parley_str(msg, "text");
	snprintf(detail, sizeof(detail), "%.*s", PARLEY_FMT(text));
	return text.at ? parley_fail(c, (int)number(msg, "err"), detail) : (int)number(msg, "err");
}

static int do_publish(parley_conn *c, const parley_json *msg)
{
	char pattern[128];
	snprintf(pattern, sizeof(pattern), "%.*s", PARLEY_FMT(parley_str(msg, "pattern")));
	return did(c, msg,
		   parley_publish(parley_conn_server(c), pattern, parley_str(msg, "room"),
				  parley_str(msg, "text")));
}

static int do_send_to(parley_conn *c, const parley_json *msg)
{
	return did(c, msg,
		   parley_send_to(parley_conn_server(c), parley_str(msg, "id"),
				  parley_str(msg, "text")));
}

static int do_kick(parley_conn *c, const parley_json *msg)
{
	return did(c, msg,
		   parley_kick(parley_conn_server(c), parley_str(msg, "id"), 4321, "kicked"));
}

static int do_find(parley_conn *c, const parley_json *msg)
{
	parley_conn *found = parley_find(parley_conn_server(c), parley_str(msg, "id"));
	return counted(c, "find", found == c);
}

/* ---- what came in ---- */

static const char *const type_names[] = {"null",   "bool",  "int",   "number",
					 "string", "array", "object"};

static int show(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		const parley_json *json)
{
	const char *type = json ? type_names[parley_json_type(json)] : "none";
	return parley_send_object(
		c, PARLEY_OBJ(parley_kstr("kind", kind == PARLEY_TEXT ? PARLEY_S("text")
								      : PARLEY_S("binary")),
			      parley_kstr("json", parley_cstr(type)), parley_kjson("value", json),
			      parley_kstr("raw", raw), parley_kint("bytes", (int64_t)raw.len)));
}

/* ---- the endpoint ---- */

static const struct {
	const char *name;
	int (*run)(parley_conn *, const parley_json *);
} commands[] = {
	{"broadcast", do_broadcast}, {"send", do_send},         {"flood", do_flood},
	{"join", do_join},           {"leave", do_leave},       {"join-many", do_join_many},
	{"rooms", do_rooms},         {"in-room", do_in_room},   {"room-size", do_room_size},
	{"ping", do_ping},           {"pong", do_pong},         {"close", do_close},
	{"fail", do_fail},           {"late-err", do_late_err}, {"publish", do_publish},
	{"send-to", do_send_to},     {"kick", do_kick},         {"find", do_find},
};

static int on_connect(parley_conn *c)
{
	return parley_send_object(
		c, PARLEY_OBJ(parley_kstr("id", parley_conn_id(c)),
			      parley_kint("rooms", (int64_t)parley_rooms(c, NULL, 0))));
}

static int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		      const parley_json *json)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (parley_is(json, "do", commands[i].name))
			return commands[i].run(c, json);
	return show(c, kind, raw, json);
}

static void on_pong(parley_conn *c, struct parley_slice payload)
{
	parley_send_object(c, PARLEY_OBJ(parley_kstr("pong", payload)));
}

/* Its rooms hear it; whoever is in none tells all. It hears nothing itself, not even asked to. */
static void on_close(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	struct parley_to to = parley_to_all(true);
	to.own_rooms = true;
	parley_broadcast_object(c,
				PARLEY_OBJ(parley_kstr("left", parley_conn_id(c)),
					   parley_kint("code", code), parley_kstr("reason", reason),
					   parley_kint("rooms", (int64_t)parley_rooms(c, NULL, 0))),
				&to);
}

struct parley_endpoint script_endpoint(const char *pattern)
{
	struct parley_endpoint e = PARLEY_ENDPOINT(pattern);
	e.on_connect = on_connect;
	e.on_message = on_message;
	e.on_pong = on_pong;
	e.on_close = on_close;
	return e;
}
