/*
 * handlers.c - a server on the public header alone, with an endpoint for each promise of it that
 *the programs in examples/ do not show. The tests in handlers*.test.js talk to it.
 *
 *	handlers ADDRESS [WORKERS [ENGINE]]
 */
#include "handlers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static parley_server *server;

static void on_sigterm(int number)
{
	(void)number;
	parley_stop(server);
}

/* ---- what was asked for ---- */

static int tell_request(parley_conn *c)
{
	const parley_request *r = parley_conn_request(c);
	return parley_send_object(
		c, PARLEY_OBJ(parley_kstr("endpoint", parley_cstr(parley_conn_user(c))),
			      parley_kstr("path", parley_request_path(r)),
			      parley_kstr("id", parley_request_param(r, "id")),
			      parley_kstr("token", parley_request_query(r, "token")),
			      parley_kstr("agent", parley_request_header(r, "USER-agent")),
			      parley_kstr("addr", parley_request_addr(r)),
			      parley_kstr("subprotocol", parley_conn_subprotocol(c)),
			      parley_kstr("conn", parley_conn_id(c)),
			      parley_kbool("server", parley_request_server(r) == server)));
}

/* Later there is no request, unless it is kept. */
static int tell_request_later(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
			      const parley_json *json)
{
	(void)kind, (void)raw, (void)json;
	if (parley_conn_request(c))
		return tell_request(c);
	return parley_send(c, PARLEY_S("{\"request\":null}"));
}

static int serve_paths(void)
{
	static const char *const subprotocols[] = {"v2.chat", "v1.chat", NULL};
	static const char *const patterns[] = {
		"/exact",   "/one/*",    "/deep/**", "/q?x", "/item/{id}",
		"/first/*", "/first/**", "/kept",    "/sub",
	};
	int err = 0;
	for (size_t i = 0; !err && i < sizeof(patterns) / sizeof(*patterns); i++) {
		struct parley_endpoint e = PARLEY_ENDPOINT(patterns[i]);
		e.on_connect = tell_request;
		e.on_message = tell_request_later;
		e.user = (void *)(uintptr_t)patterns[i];
		e.keep_request = !strcmp(patterns[i], "/kept");
		e.subprotocols = !strcmp(patterns[i], "/sub") ? subprotocols : NULL;
		err = parley_serve(server, &e);
	}
	return err;
}

/* ---- endpoints that do what clients say, with different options ---- */

static void on_error(parley_conn *c, int err, const char *detail)
{
	if (err == PARLEY_EPROTO || err == PARLEY_ECLOSED)
		parley_broadcast_object(c,
					PARLEY_OBJ(parley_kstr("broke", parley_conn_id(c)),
						   parley_kint("err", err)),
					NULL);
	parley_send_object(c, PARLEY_OBJ(parley_kint("on_error", err),
					 parley_kstr("detail", parley_cstr(detail))));
}

static void on_ping(parley_conn *c, struct parley_slice payload)
{
	parley_send_object(c, PARLEY_OBJ(parley_kstr("ping", payload)));
	parley_pong(c, PARLEY_S("by hand"));
}

static int serve_scripts(void)
{
	static const char *const patterns[] = {"/script", "/other",  "/default", "/told",
					       "/ping",   "/beat",   "/idle",    "/small",
					       "/few",    "/packed", "/slow",    "/drop"};
	int err = 0;
	for (size_t i = 0; !err && i < sizeof(patterns) / sizeof(*patterns); i++) {
		const char *name = patterns[i] + 1;
		struct parley_endpoint e = script_endpoint(patterns[i]);
		e.default_room = !strcmp(name, "default") ? "hall" : NULL;
		e.on_error = !strcmp(name, "told") ? on_error : NULL;
		e.on_ping = !strcmp(name, "ping") ? on_ping : NULL;
		e.heartbeat_ms = !strcmp(name, "beat") ? 250 : 0;
		e.idle_ms = !strcmp(name, "idle") ? 600 : 0;
		e.max_message = !strcmp(name, "small") ? 1000 : 0;
		e.max_rooms = !strcmp(name, "few") ? 10 : 0;
		e.compress = !strcmp(name, "packed");
		e.compress_above = 200;
		e.drop_when_slow = !strcmp(name, "drop");
		e.max_backlog = e.drop_when_slow || !strcmp(name, "slow") ? 1 << 20 : 0;
		err = parley_serve(server, &e);
	}
	return err;
}

/* ---- endpoints that go wrong ---- */

static int fail_to_connect(parley_conn *c)
{
	return parley_fail(c, PARLEY_EDENIED, "not today");
}

static int serve_failures(void)
{
	struct parley_endpoint e = PARLEY_ENDPOINT("/refuse");
	e.on_connect = fail_to_connect;
	int err = parley_serve(server, &e);
	e.pattern = "/refuse/told";
	e.on_error = on_error;
	return err ? err : parley_serve(server, &e);
}

/* Each closes where its name says, and goes on as if nothing had happened. */
static void close_here(parley_conn *c, const char *where)
{
	const char *user = parley_conn_user(c);
	if (strcmp(user + strlen("/close/"), where) != 0)
		return;
	parley_close(c, 4100, where);
	parley_join(c, PARLEY_S("room"));
	parley_broadcast(c, PARLEY_S("from inside"), NULL);
	parley_send(c, PARLEY_S("behind the close"));
	parley_close(c, 4101, "again");
}

static int close_on_connect(parley_conn *c)
{
	close_here(c, "connect");
	return 0;
}

static int close_on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
			    const parley_json *json)
{
	(void)kind, (void)json;
	close_here(c, "message");
	return parley_slice_eq(raw, PARLEY_S("fail")) ? PARLEY_EINVAL : 0;
}

static void close_on_ping(parley_conn *c, struct parley_slice payload)
{
	(void)payload;
	close_here(c, "ping");
}

static void close_on_pong(parley_conn *c, struct parley_slice payload)
{
	(void)payload;
	close_here(c, "pong");
}

static void close_on_error(parley_conn *c, int err, const char *detail)
{
	(void)err, (void)detail;
	close_here(c, "error");
}

static void close_on_close(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	(void)code, (void)reason;
	close_here(c, "close");
	parley_broadcast_object(c, PARLEY_OBJ(parley_kstr("left", parley_conn_id(c))), NULL);
}

static int serve_closers(void)
{
	static const char *const patterns[] = {"/close/connect", "/close/message", "/close/ping",
					       "/close/pong",    "/close/error",   "/close/close"};
	int err = 0;
	for (size_t i = 0; !err && i < sizeof(patterns) / sizeof(*patterns); i++) {
		struct parley_endpoint e = PARLEY_ENDPOINT(patterns[i]);
		e.user = (void *)(uintptr_t)patterns[i];
		e.on_connect = close_on_connect;
		e.on_message = close_on_message;
		e.on_ping = close_on_ping;
		e.on_pong = close_on_pong;
		e.on_error = close_on_error;
		e.on_close = close_on_close;
		err = parley_serve(server, &e);
	}
	return err;
}

static void log_line(enum parley_log_level level, const char *line, void *user)
{
	(void)user;
	if (level <= PARLEY_LOG_WARN)
		fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
	struct parley_options options = PARLEY_OPTIONS(argc > 1 ? argv[1] : "127.0.0.1:5173");
	char engine[64];
	const char *settings[] = {engine, "allow_root=true", "limits.enabled=false", NULL};
	snprintf(engine, sizeof(engine), "engine=%s", argc > 3 ? argv[3] : "auto");
	options.set = settings;
	options.prefix = "/api";
	options.workers = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
	options.log = log_line;
	int failed = parley_create(&server, &options) || serve_paths() || serve_scripts() ||
		     serve_failures() || serve_closers() || gate_serve(server);
	signal(SIGTERM, on_sigterm);
	if (!failed) {
		failed = parley_run(server);
		gate_end();
	}
	if (failed)
		fprintf(stderr, "handlers: %s\n", parley_why(server));
	parley_free(server);
	return failed != 0;
}
