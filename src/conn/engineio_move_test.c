/*
 * engineio_move_test.c - proves that a session's requests find it from whatever worker they come in
 * on: polls, posts and the upgrade; and that a sid that points elsewhere does no harm. Both workers
 * are turned by one thread; all clients call at the first.
 */
#include "conn/engineio_test.h"
#include "conn/engineio_internal.h"
#include "wire/base64url.h"

#define NOTHING           pl_slice(NULL, 0)
#define ERROR(code, text) "{\"code\":" code ",\"message\":\"" text "\"}"

struct pair {
	struct world here, there;
	struct pl_conns *conns[3];
	struct pl_gate *spare;
};

static void open_worker(struct world *w, void **state, uint32_t worker)
{
	world_prepare(w, world_options());
	w->worker = worker;
	if (!way_is_there(*state))
		skip();
	assert_true(world_serve(w, *state));
	pl_conns_set_routers(w->line.set, &w->line.router, 1);
}

static void open_pair(struct pair *p, void **state)
{
	open_worker(&p->here, state, 0);
	open_worker(&p->there, state, 2);
	p->here.other = &p->there;
	/* One gate for all workers. */
	p->spare = p->there.line.gate;
	p->there.line.set->gate = p->there.line.gate = p->here.line.gate;
	p->there.eios->gate = p->here.line.gate;
	p->conns[0] = p->conns[1] = p->here.line.set;
	p->conns[2] = p->there.line.set;
	pl_eios_set_siblings(p->here.eios, p->conns, 3);
	pl_eios_set_siblings(p->there.eios, p->conns, 3);
}

static void close_pair(struct pair *p)
{
	p->there.line.gate = p->spare;
	world_close(&p->there);
	p->here.other = NULL;
	world_close(&p->here);
}

/* A session of the other worker, whose client calls here from now on. */
static void shake_there(struct pair *p)
{
	client_leave(world_shake(&p->there, ""));
	memcpy(p->here.sid, p->there.sid, sizeof(p->here.sid));
}

static void polls_and_posts_go_there(void **state)
{
	struct pair p;
	open_pair(&p, state);
	shake_there(&p);
	struct client *poll = client_join(&p.here), *post = client_join(&p.here);
	client_poll(&p.here, poll);
	client_post(&p.here, post, "4hello");
	client_expect(&p.here, post, 200, "ok");
	client_expect(&p.here, poll, 200, "4hello");
	client_post(&p.here, post, "4again"); /* the connection stayed there */
	client_expect(&p.here, post, 200, "ok");
	client_poll(&p.here, poll);
	client_expect(&p.here, poll, 200, "4again");
	assert_int_equal(p.there.messages, 2);
	assert_int_equal(p.here.messages, 0);
	assert_int_equal(pl_conns_count(p.here.line.set), 0);
	/* And comes back for a session of this one. */
	client_ask(&p.here, post, "GET", "EIO=4&transport=polling", "", NOTHING);
	client_expect(&p.here, post, 200, NULL);
	assert_int_equal(p.there.opens, 2);
	client_leave(world_shake(&p.here, ""));
	client_post(&p.here, post, "4home");
	client_expect(&p.here, post, 200, "ok");
	assert_int_equal(p.here.messages, 1);
	close_pair(&p);
}

static void the_upgrade_goes_there(void **state)
{
	struct pair p;
	open_pair(&p, state);
	shake_there(&p);
	struct client *ws = world_probe(&p.here);
	ws_say(&p.here, ws, PL_WS_TEXT, "5");
	ws_say(&p.here, ws, PL_WS_TEXT, "4hello");
	ws_expect(&p.here, ws, PL_WS_TEXT, "4hello");
	assert_int_equal(p.there.upgrades, 1);
	assert_int_equal(p.there.messages, 1);
	close_pair(&p);
}

static void a_poll_that_is_given_up_there_ends_it(void **state)
{
	struct pair p;
	open_pair(&p, state);
	shake_there(&p);
	struct client *poll = client_join(&p.here);
	client_poll(&p.here, poll);
	world_pass(&p.here, 5);
	client_leave(poll);
	WORLD_UNTIL(&p.here, p.there.closes);
	assert_int_equal(p.there.reason, PL_EIO_TRANSPORT_ERROR);
	close_pair(&p);
}

static void name_of(uint16_t worker, char text[32])
{
	uint8_t bytes[18] = {1, 2, 3};
	struct pl_buf b;
	pl_buf_init(&b, 32);
	bytes[16] = (uint8_t)(worker >> 8);
	bytes[17] = (uint8_t)worker;
	pl_base64url_encode(&b, pl_slice(bytes, sizeof(bytes)));
	snprintf(text, 32, "%.*s", PL_FMT(pl_buf_slice(&b)));
	pl_buf_fini(&b);
}

/* Of a worker that there is, of one that there is not, and of none. */
static void nobodys_sid_is_unknown_everywhere(void **state)
{
	static const uint16_t workers[] = {0, 2, 3, 4095, 65535};
	struct pair p;
	open_pair(&p, state);
	for (size_t i = 0; i < sizeof(workers) / sizeof(*workers); i++) {
		struct client *c = client_join(&p.here);
		name_of(workers[i], p.here.sid);
		client_poll(&p.here, c);
		client_expect(&p.here, c, 400, ERROR("1", "Session ID unknown"));
		client_post(&p.here, c, "4a");
		client_expect(&p.here, c, 400, ERROR("1", "Session ID unknown"));
		client_leave(c);
		c = ws_ask(&p.here, query_of(&p.here, "websocket"), "");
		client_expect(&p.here, c, 400, "Session ID unknown");
		client_leave(c);
	}
	struct client *c = client_join(&p.here);
	snprintf(p.here.sid, sizeof(p.here.sid), "%s", "************************");
	client_poll(&p.here, c);
	client_expect(&p.here, c, 400, ERROR("1", "Session ID unknown"));
	close_pair(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_ENGINES(polls_and_posts_go_there),
		BOTH_ENGINES(the_upgrade_goes_there),
		BOTH_ENGINES(a_poll_that_is_given_up_there_ends_it),
		BOTH_ENGINES(nobodys_sid_is_unknown_everywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
