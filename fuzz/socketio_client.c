/*
 * socketio_client.c - what two clients may say to namespaces: each line of the input is a packet of
 * one of them. Lines begin with who and what:
 *
 *     a text of the first    A bytes of the first      b, B of the second
 *     - its line breaks, it comes again as somebody new     + it comes back as who it was
 *
 * Whatever they said, afterwards nothing of them is left.
 */
#include "fuzz.h"

#include "socketio/recovery.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 2, HEAD = 256 };

static struct world {
	struct pl_loop *loop; /* NULL: not open yet */
	struct pl_gate *gate;
	struct pl_conns *conns;
	struct pl_conn_options lines;
	struct pl_router router;
	struct pl_handlers *handlers;
	struct pl_handler_site *callbacks;
	struct pl_sio *sio;
	struct pl_sio_site *site;
	struct pl_eio *newest;
	int fds[CLIENTS];
	struct pl_eio *engines[CLIENTS]; /* NULL: it has ended */
	char pids[CLIENTS][PID_LEN];
	parley_handshake *waiting;
	parley_reply *reply;
} w;

static void must(int err)
{
	if (err)
		abort();
}

/* ---- what the program does ---- */

static void authorize(parley_handshake *h, void *user)
{
	(void)user;
	parley_identify(h, parley_str(parley_handshake_auth(h), "who"));
	if (parley_is(parley_handshake_auth(h), "t", "no"))
		parley_deny(h, "no", PARLEY_OBJ(parley_kjson("auth", parley_handshake_auth(h))));
	else if (parley_is(parley_handshake_auth(h), "t", "later") && !w.waiting)
		w.waiting = h;
	else
		parley_admit(h, NULL, NULL);
}

static int on_connect(parley_socket *k)
{
	if (k->extra && k->extra->track)
		for (int i = 0; i < CLIENTS; i++)
			if (w.engines[i] == pl_socket_engine(k))
				memcpy(w.pids[i], k->extra->track->pid, PID_LEN);
	return parley_socket_join(k, PARLEY_S("all"));
}

static int on_back(parley_socket *k, const parley_packet *p)
{
	for (size_t i = 0; i < parley_nargs(p); i++) {
		struct parley_slice bytes = parley_binary(p, parley_arg(p, i));
		MUST(!bytes.len || bytes.at);
	}
	int err = parley_emit(k, PARLEY_S("back"), PARLEY_ARGS(parley_apacket(p, 0)));
	return err ? err : parley_ack(p, PARLEY_ARGS(parley_apacket(p, 1)));
}

static int on_all(parley_socket *k, const parley_packet *p)
{
	struct parley_slice rooms[] = {parley_arg_str(p, 0), PARLEY_S("all")};
	struct parley_target t = {.rooms = rooms, .nrooms = 2, .but = k};
	return pl_sio_emit_to(w.sio, "/", &t, PL_S("all"), PARLEY_ARGS(parley_apacket(p, 0)));
}

static int on_join(parley_socket *k, const parley_packet *p)
{
	int err = parley_socket_join(k, parley_arg_str(p, 0));
	return err ? err : parley_socket_leave(k, parley_arg_str(p, 1));
}

static int on_later(parley_socket *k, const parley_packet *p)
{
	(void)k;
	if (!w.reply)
		w.reply = parley_ack_later(p);
	return 0;
}

static void on_answer(parley_socket *k, int err, const parley_packet *answer, void *ctx)
{
	(void)ctx;
	if (!err)
		(void)parley_emit(k, PARLEY_S("answered"), PARLEY_ARGS(parley_apacket(answer, 0)));
}

static int on_ask(parley_socket *k, const parley_packet *p)
{
	return parley_emit_with_ack(k, PARLEY_S("ask"), PARLEY_ARGS(parley_apacket(p, 0)), 0,
				    on_answer, NULL);
}

static int on_kick(parley_socket *k, const parley_packet *p)
{
	parley_disconnect(k, parley_nargs(p) > 0);
	return 0;
}

static const struct parley_on events[] = {{"back", on_back},   {"all", on_all}, {"join", on_join},
					  {"later", on_later}, {"ask", on_ask}, {"kick", on_kick},
					  {NULL, NULL}};

/* ---- the server ---- */

static void on_engine(void *ctx, struct pl_eio *eio, bool opened, const char *reason)
{
	(void)ctx;
	(void)reason;
	if (opened)
		w.newest = eio;
	for (int i = 0; !opened && i < CLIENTS; i++)
		if (w.engines[i] == eio)
			w.engines[i] = NULL;
}

static const struct pl_endpoint *find(void *ctx, const struct pl_http_request *q, unsigned *status)
{
	(void)status;
	return pl_sio_find(ctx, q);
}

static void define(const char *name, uint32_t recovery_ms)
{
	const char *why;
	struct parley_namespace n = {.name = name,
				     .events = events,
				     .recovery_ms = recovery_ms,
				     .recovery_events = 20,
				     .authorize = authorize,
				     .on_connect = on_connect,
				     .on_any = on_back};
	must(pl_sio_add_namespace(w.sio, &n, sizeof(n), &why));
}

static void world_open(void)
{
	static const struct pl_sio_watch watch = {.on_engine = on_engine};
	const char *why;
	w.lines = (struct pl_conn_options){.http = pl_http_default_limits,
					   .header_ms = 1000,
					   .keep_alive_ms = 1000,
					   .close_ms = 1,
					   .ws.max_message = 1 << 20};
	must(pl_loop_new(&(struct pl_loop_options){.engine = PL_ENGINE_EPOLL}, &w.loop));
	must(pl_gate_new(&(struct pl_gate_options){0}, &w.gate));
	must(pl_conns_new(w.loop, w.gate, &w.lines, &w.conns));
	must(pl_handlers_new(NULL, NULL, &w.handlers));
	must(pl_handler_site_new(w.handlers, 0, w.loop, &w.callbacks));
	must(pl_sio_new(NULL, w.handlers, &w.sio));
	struct parley_socketio o = {.max_payload = 4096, .no_client = true};
	must(pl_sio_set_options(w.sio, &o, sizeof(o), &why));
	define("/", 60000);
	define("/plain", 0);
	define("/p*", 60000);
	must(pl_sio_site_new(w.sio, 0, w.loop, w.conns, w.callbacks, &w.site));
	pl_sio_site_watch(w.site, &watch);
	w.router = (struct pl_router){.find = find, .find_ctx = w.site};
}

static void turn(int times)
{
	for (int i = 0; i < times; i++)
		pl_loop_turn(w.loop, 0);
}

static void come_in(int i)
{
	static const char head[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
				   "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
				   "Sec-WebSocket-Version: 13\r\n"
				   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	struct pl_ip local = {{0}};
	int pair[2];
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
	pl_conns_accept(w.conns, pair[0], &local, &w.router, NULL);
	MUST(write(pair[1], head, sizeof(head) - 1) == sizeof(head) - 1);
	w.fds[i] = pair[1];
	w.newest = NULL;
	turn(1);
	MUST(w.newest);
	w.engines[i] = w.newest;
}

static void leave(int i)
{
	close(w.fds[i]);
	turn(2);
	w.engines[i] = NULL;
}

/* ---- what they say ---- */

static void hear(int i, enum pl_ws_op kind, struct pl_slice data)
{
	char *copy = pl_memdup0(data.at, data.len); /* it may be changed */
	MUST(copy);
	if (w.engines[i])
		pl_sio_hear(w.engines[i], kind, pl_slice(copy, data.len));
	pl_free(copy);
}

static void come_back(int i, struct pl_slice offset)
{
	char packet[HEAD];
	leave(i);
	come_in(i);
	int n = snprintf(packet, sizeof(packet), "0{\"pid\":\"%.*s\",\"offset\":\"%.*s\"}",
			 (int)PID_LEN, w.pids[i], (int)(offset.len < 64 ? offset.len : 64),
			 offset.at);
	hear(i, PL_WS_TEXT, pl_slice(packet, (size_t)n));
}

static void line(struct pl_slice s)
{
	int i = s.len && (s.at[0] | 32) == 'b';
	struct pl_slice rest = pl_slice(s.at + 1, s.len ? s.len - 1 : 0);
	char what = s.len > 1 ? s.at[1] : '\0';
	if (!s.len)
		turn(1);
	else if (what == '-') {
		leave(i);
		come_in(i);
	} else if (what == '+')
		come_back(i, pl_slice(rest.at + 1, rest.len - 1));
	else
		hear(i, s.at[0] == 'a' || s.at[0] == 'b' ? PL_WS_TEXT : PL_WS_BINARY, rest);
}

static void answer(void)
{
	if (w.waiting)
		parley_admit(w.waiting, NULL, NULL);
	if (w.reply)
		(void)parley_reply_send(w.reply, PARLEY_NO_ARGS);
	w.waiting = NULL;
	w.reply = NULL;
	turn(1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_slice rest = pl_slice(data, size);
	if (!w.loop)
		world_open();
	for (int i = 0; i < CLIENTS; i++)
		come_in(i);
	while (rest.len)
		line(pl_slice_cut(rest, '\n', &rest));
	answer();
	for (int i = 0; i < CLIENTS; i++)
		leave(i);
	while (pl_conns_count(w.conns))
		pl_loop_turn(w.loop, 1);
	turn(1);
	pl_tracks_free(w.site);
	MUST(!w.site->ids.len && !w.site->tracks.len && !w.site->ngone && !w.site->nasked);
	MUST(!w.site->leaving && pl_list_empty(&w.site->fetching) && w.site->halls.len == 2);
	return 0;
}
