/*
 * engineio_fail_test.c - proves that when any one allocation of a worker fails, nothing crashes,
 * leaks or hangs: at worst a session ends, which its owner hears once, and the next one is served.
 */
#include "conn/engineio_test.h"

#define NOTHING pl_slice(NULL, 0)

/* A few turns: with an allocation that failed, nobody knows what is still to come. */
static void settle(struct world *w)
{
	for (int i = 0; i < 4; i++)
		world_turn(w);
}

static void hear(struct world *w, struct client *c)
{
	settle(w);
	while (client_take(c))
		;
}

static bool try_to_shake(struct world *w, struct client *c)
{
	w->sid[0] = '\0';
	client_ask(w, c, "GET", "EIO=4&transport=polling", "", NOTHING);
	hear(w, c);
	if (c->status == 200 && strstr(c->body, "\"sid\""))
		remember_sid(w, c->body);
	return w->sid[0];
}

static void push_to_all(struct world *w, struct pl_eio *a, struct pl_eio *b)
{
	static const char bytes[] = "for many";
	line_server_begins(&w->line);
	for (int binary = 0; binary < 2; binary++) {
		struct pl_eio_shared s = {.is_binary = binary,
					  .payload = pl_slice(bytes, sizeof(bytes) - 1)};
		if (a && a == w->e)
			pl_eio_push(a, &s);
		if (b && b == w->e)
			pl_eio_push(b, &s);
		pl_eio_shared_fini(&s);
	}
	line_server_ends(&w->line);
}

static void by_polling(struct world *w)
{
	struct client *poll = client_join(w), *post = client_join(w);
	if (try_to_shake(w, poll)) {
		client_poll(w, poll);
		client_post(w, post,
			    "4a\x1e"
			    "bAQID");
		hear(w, post);
		hear(w, poll);
		push_to_all(w, w->e, NULL);
		client_poll(w, poll);
		hear(w, poll);
		client_ask(w, post, "POST", "EIO=4", "", PL_S("4a"));
		hear(w, post);
		client_post(w, post,
			    "4a\x1e"
			    "4close");
		hear(w, post);
		client_poll(w, poll);
		hear(w, poll);
	}
	client_leave(poll);
	client_leave(post);
	settle(w);
}

static void by_upgrade(struct world *w)
{
	struct client *poll = client_join(w);
	if (try_to_shake(w, poll)) {
		client_poll(w, poll);
		struct client *ws = ws_ask(w, query_of(w, "websocket"), "");
		hear(w, ws);
		if (ws->status == 101) {
			ws_say(w, ws, PL_WS_TEXT, "2probe");
			hear(w, poll);
			push_to_all(w, w->e, NULL);
			ws_say(w, ws, PL_WS_TEXT, "5");
			ws_say(w, ws, PL_WS_TEXT, "4hello");
			push_to_all(w, w->e, NULL);
			ws_say(w, ws, PL_WS_TEXT, "1");
		}
		client_leave(ws);
	}
	client_leave(poll);
	settle(w);
}

static void by_websocket(struct world *w, const char *query)
{
	struct client *ws = ws_ask(w, query, "");
	hear(w, ws);
	if (ws->status == 101) {
		ws_say(w, ws, PL_WS_TEXT, "4hello");
		ws_say(w, ws, PL_WS_BINARY, "\1\2\3");
		push_to_all(w, NULL, w->e);
		ws_say(w, ws, PL_WS_TEXT, "4close");
	}
	client_leave(ws);
	settle(w);
}

static void serves_the_next(struct world *w)
{
	w->line.fail_in = 0;
	struct client *c = world_shake(w, "");
	client_post(w, c, "4still here");
	client_expect(w, c, 200, "ok");
	client_poll(w, c);
	client_expect(w, c, 200,
		      w->greeting ? "4welcome\x1e"
				    "4still here"
				  : "4still here");
}

static bool one_life(const struct way *way, unsigned long n)
{
	struct world w;
	world_prepare(&w, world_options());
	w.greeting = n % 2 ? "welcome" : NULL;
	w.line.fail_in = n;
	line_server_begins(&w.line);
	bool serves = world_serve(&w, way);
	line_server_ends(&w.line);
	if (serves) {
		by_polling(&w);
		by_upgrade(&w);
		by_websocket(&w, "EIO=4&transport=websocket");
		by_websocket(&w, "EIO=4&transport=websocket&b64=1");
		if (!w.line.has_failed)
			assert_int_equal(w.closes, 4);
		serves_the_next(&w);
	}
	bool has_failed = w.line.has_failed;
	world_close(&w);
	return has_failed;
}

static void every_allocation_may_fail(void **state)
{
	const struct way *way = *state;
	unsigned long n = 1;
	if (!way_is_there(way))
		skip();
	/* Twice: with and without a greeting. */
	while (one_life(way, n) | one_life(way, n + 1))
		n++;
	assert_in_range(n, 30, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {BOTH_ENGINES(every_allocation_may_fail)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
