/*
 * gate.c - endpoints that ask who comes: at once, later from another thread, or never. What a
 * client is called is in ?as=; what becomes of it stands there too: ?as=reject&code=4001&reason=...
 */
#define _DEFAULT_SOURCE /* nanosleep */
#include "handlers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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

/* A request, and what was read of it where that is allowed: inside `authenticate`. */
struct question {
	parley_request *request;
	char *user, *reason;
	bool is_refused;
	uint16_t code;
};

static struct question ask(parley_request *r)
{
	struct parley_slice as = parley_request_query(r, "as");
	char *code = copy(parley_request_query(r, "code"));
	struct question q = {r, copy(as), copy(parley_request_query(r, "reason")),
			     parley_slice_eq(as, PARLEY_S("reject")),
			     (uint16_t)strtoul(code ? code : "", NULL, 10)};
	free(code);
	return q;
}

static void answer(const struct question *q)
{
	if (q->is_refused) {
		parley_reject(q->request, q->code, q->reason);
		free(q->user);
	} else {
		atomic_fetch_add(&auths, 1);
		parley_accept(q->request, q->user, free_auth);
	}
	free(q->reason);
}

static void at_once(parley_request *r, void *user)
{
	struct question q = ask(r);
	(void)user;
	answer(&q);
}

/* ---- later ---- */

struct questions {
	pthread_mutex_t lock;
	struct question at[WAITING_MAX];
	size_t n;
	bool is_over;
};

static struct questions waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};
/* Answered when the server ends, and not before: somebody forgot. */
static struct questions forgotten = {.lock = PTHREAD_MUTEX_INITIALIZER};
static pthread_t thread;

static void put(struct questions *to, parley_request *r)
{
	struct question q = ask(r);
	pthread_mutex_lock(&to->lock);
	bool fits = to->n < WAITING_MAX;
	if (fits)
		to->at[to->n++] = q;
	pthread_mutex_unlock(&to->lock);
	if (!fits)
		answer(&q);
}

static size_t take(struct questions *from, struct question *out, bool *is_over)
{
	pthread_mutex_lock(&from->lock);
	size_t n = from->n;
	memcpy(out, from->at, n * sizeof(*out));
	from->n = 0;
	*is_over = from->is_over;
	pthread_mutex_unlock(&from->lock);
	return n;
}

/* In the order in which they came, each after a while. */
static void *answer_all(void *unused)
{
	const struct timespec pause = {.tv_nsec = SLOW_MS * 1000000L};
	struct question now[WAITING_MAX];
	bool is_over = false;
	size_t n = 0;
	while (!is_over || n) {
		nanosleep(&pause, NULL);
		n = take(&waiting, now, &is_over);
		for (size_t i = 0; i < n; i++)
			answer(&now[i]);
	}
	return unused;
}

static void later(parley_request *r, void *user)
{
	(void)user;
	put(&waiting, r);
}

static void never(parley_request *r, void *user)
{
	(void)user;
	put(&forgotten, r);
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
	if (!err && pthread_create(&thread, NULL, answer_all, NULL))
		err = PARLEY_ENOMEM;
	return err;
}

void gate_end(void)
{
	pthread_mutex_lock(&waiting.lock);
	waiting.is_over = true;
	pthread_mutex_unlock(&waiting.lock);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < forgotten.n; i++)
		answer(&forgotten.at[i]);
}
