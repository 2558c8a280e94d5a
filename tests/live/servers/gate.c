/*
 * gate.c - endpoints that ask who comes: at once, later from another thread, or never. What a
 * client is called is in ?as=; what becomes of it stands there too: ?as=reject&code=4001&reason=...
 */
#include "handlers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

enum { SLOW_MS = 200, WAITING_MAX = 64 };

static atomic_int auths; /* given out and not yet freed */

static void free_auth(void *auth)
{
	atomic_fetch_sub(&auths, 1);
	free(auth);
}

static char *copy(struct parley_slice s)
{
	char *text = malloc(s.len + 1);
	if (text) {
		memcpy(text, s.at ? s.at : "", s.len);
		text[s.len] = '\0';
	}
	return text;
}

static void answer(parley_request *r)
{
	struct parley_slice as = parley_request_query(r, "as");
	char *code = copy(parley_request_query(r, "code"));
	char *reason = copy(parley_request_query(r, "reason"));
	if (parley_slice_eq(as, PARLEY_S("reject"))) {
		parley_reject(r, (uint16_t)strtoul(code ? code : "", NULL, 10), reason);
	} else {
		atomic_fetch_add(&auths, 1);
		parley_accept(r, copy(as), free_auth);
	}
	free(code);
	free(reason);
}

static void at_once(parley_request *r, void *user)
{
	(void)user;
	answer(r);
}

/* ---- later ---- */

static struct {
	mtx_t lock;
	thrd_t thread;
	parley_request *requests[WAITING_MAX];
	size_t n;
	bool is_over;
} waiting;

/* Answers in the order in which they came, each after a while. */
static int answer_all(void *unused)
{
	const struct timespec pause = {.tv_nsec = SLOW_MS * 1000000L};
	(void)unused;
	for (;;) {
		thrd_sleep(&pause, NULL);
		mtx_lock(&waiting.lock);
		size_t n = waiting.n;
		parley_request *now[WAITING_MAX];
		memcpy(now, waiting.requests, sizeof(now));
		waiting.n = 0;
		bool is_over = waiting.is_over;
		mtx_unlock(&waiting.lock);
		for (size_t i = 0; i < n; i++)
			answer(now[i]);
		if (is_over && !n)
			return 0;
	}
}

static void later(parley_request *r, void *user)
{
	(void)user;
	mtx_lock(&waiting.lock);
	bool fits = waiting.n < WAITING_MAX;
	if (fits)
		waiting.requests[waiting.n++] = r;
	mtx_unlock(&waiting.lock);
	if (!fits)
		parley_reject(r, 503, "too many at once");
}

/* Somebody who forgot: its requests are answered when the server ends, and not before. */
static struct {
	mtx_t lock;
	parley_request *requests[WAITING_MAX];
	size_t n;
} forgotten;

static void never(parley_request *r, void *user)
{
	(void)user;
	mtx_lock(&forgotten.lock);
	if (forgotten.n < WAITING_MAX)
		forgotten.requests[forgotten.n++] = r;
	mtx_unlock(&forgotten.lock);
}

/* ---- inside ---- */

static int on_connect(parley_conn *c)
{
	const char *auth = parley_conn_auth(c);
	return parley_send_object(c, PARLEY_MSG("authenticated",
						parley_kstr("user", parley_cstr(auth)),
						parley_kint("auths", atomic_load(&auths))));
}

static int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		      const parley_json *json)
{
	(void)kind, (void)json;
	return parley_send_object(c,
				  PARLEY_OBJ(parley_kstr("heard", raw),
					     parley_kstr("user", parley_cstr(parley_conn_auth(c))),
					     parley_kint("auths", atomic_load(&auths))));
}

int gate_serve(parley_server *s)
{
	static const struct {
		const char *pattern;
		void (*authenticate)(parley_request *, void *);
	} gates[] = {{"/gate/now", at_once}, {"/gate/later", later}, {"/gate/never", never}};
	int err = 0;
	for (size_t i = 0; !err && i < sizeof(gates) / sizeof(*gates); i++) {
		struct parley_endpoint e = PARLEY_ENDPOINT(gates[i].pattern);
		e.authenticate = gates[i].authenticate;
		e.auth_ms = gates[i].authenticate == never ? 300 : 0;
		e.on_connect = on_connect;
		e.on_message = on_message;
		err = parley_serve(s, &e);
	}
	mtx_init(&waiting.lock, mtx_plain);
	mtx_init(&forgotten.lock, mtx_plain);
	if (!err && thrd_create(&waiting.thread, answer_all, NULL) != thrd_success)
		err = PARLEY_ENOMEM;
	return err;
}

void gate_end(void)
{
	mtx_lock(&waiting.lock);
	waiting.is_over = true;
	mtx_unlock(&waiting.lock);
	thrd_join(waiting.thread, NULL);
	for (size_t i = 0; i < forgotten.n; i++)
		parley_reject(forgotten.requests[i], 503, "the server ends");
}
