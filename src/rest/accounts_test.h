/* accounts_test.h - for the tests of accounts: the routes over a memory store with a thread that
 * hashes, and requests to them. */
#ifndef PL_REST_ACCOUNTS_TEST_H
#define PL_REST_ACCOUNTS_TEST_H

#include "rest/testing.h"

#include "auth/password.h"

#define SECRET "an example of a secret of 32 bytes or more"
#define TYPE   "Content-Type: application/json\r\n"
#define PAGE   "Origin: http://x:5173\r\n" /* our host, another port */
/* "password", with costs that nobody uses any more. */
#define DATED                                         \
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$" \
	"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
#define ALICE "{\"username\":\"alice\",\"password\":\"secret\"}"

struct stage {
	struct rig *rig;
	struct pl_store *store;
	struct pl_hasher *hasher;
	struct pl_auth *auth;
	struct pl_json_parser *parser;
	struct pl_account_options options;
};

static inline void finish_op(void *ctx, struct pl_op *op)
{
	pl_hub_finish(((struct rig *)ctx)->bus, op);
}

static inline struct stage *stage_open(uint32_t queue)
{
	struct stage *s = PL_NEW(struct stage);
	struct rig *r = s->rig = rig_new();
	struct pl_store_options so = {.readers = 1, .finish = finish_op, .ctx = r};
	struct pl_auth_options ao = PL_AUTH_DEFAULTS;
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	ao.secret = PL_S(SECRET);
	assert_int_equal(pl_store_open(&so, &s->store), 0);
	assert_int_equal(pl_hasher_new(1, queue, &s->hasher), 0);
	assert_int_equal(pl_auth_new(&ao, &why, &s->auth), 0);
	assert_int_equal(pl_json_parser_new(PL_TOKEN_MAX, &s->parser), 0);
	pl_buf_fini(&why);
	s->options = (struct pl_account_options){
		.is_enabled = true, .may_register = true, .secret = PL_S(SECRET), .lifetime_s = 60};
	r->conn.body_bytes = 64 << 10;
	for (int i = 0; i < WORKERS; i++)
		r->posts[i].hub.store = s->store;
	r->posts[0].rest.accounts = (struct pl_accounts){
		.options = &s->options, .hasher = s->hasher, .auth = &s->auth, .parser = s->parser};
	return s;
}

/* In the order in which a server ends. */
static inline void stage_close(struct stage *s)
{
	for (int i = 0; i < WORKERS; i++)
		pl_hub_stop(&s->rig->posts[i].hub);
	pl_hasher_stop(s->hasher);
	pl_store_close(s->store);
	turn_all(s->rig);
	assert_int_equal(s->rig->posts[0].rest.accounts.calls, 0);
	rig_free(s->rig);
	pl_hasher_free(s->hasher);
	pl_auth_release(s->auth);
	pl_json_parser_free(s->parser);
	pl_free(s);
}

/* From an address: a Unix socket has no limit of its own. */
static inline int dial(struct stage *s)
{
	static const struct pl_ip from = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};
	struct post *p = &s->rig->posts[0];
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	pl_conns_accept(p->conns, pair[0], &from, &p->router, NULL);
	return pair[1];
}

static inline int begin(struct stage *s, const char *method, const char *path, const char *headers,
			const char *body)
{
	static char text[256 << 10];
	int fd = dial(s);
	int n = snprintf(text, sizeof(text),
			 "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s", method,
			 path, headers, strlen(body), body);
	assert_in_range(n, 1, sizeof(text) - 1);
	for (int done = 0; done < n;) {
		ssize_t m = send(fd, text + done, (size_t)(n - done), MSG_NOSIGNAL);
		if (m > 0)
			done += (int)m;
		else
			pl_loop_turn(s->rig->posts[0].loop, 1);
	}
	return fd;
}

static inline void end(struct stage *s, int fd, struct heard *h)
{
	hear(s->rig, 0, fd, false, h);
	close(fd);
	pl_loop_turn(s->rig->posts[0].loop, 0);
}

static inline void ask_for(struct stage *s, const char *method, const char *path,
			   const char *headers, const char *body, struct heard *h)
{
	end(s, begin(s, method, path, headers, body), h);
}

static inline void is_answer(const struct heard *h, unsigned status, const char *text)
{
	if (h->head.status != status || !memmem(h->body.at, h->body.len, text, strlen(text)))
		fail_msg("%u %s instead of: %u %.*s", status, text, h->head.status,
			 PL_FMT(h->body));
}

static inline void post(struct stage *s, const char *path, const char *body, unsigned status,
			const char *text)
{
	struct heard h;
	ask_for(s, "POST", path, TYPE, body, &h);
	is_answer(&h, status, text);
	assert_header(&h, "Cache-Control", "no-store");
	assert_header(&h, "X-Content-Type-Options", "nosniff");
	pl_buf_fini(&h.text);
}

static inline void keep(struct pl_op *op)
{
	*(bool *)op->owner = true;
}

static inline int perform(struct stage *s, struct pl_op *op)
{
	bool is_done = false;
	op->owner = &is_done;
	pl_hub_submit(&s->rig->posts[0].hub, op);
	for (int n = 0; !is_done && n < TURNS_MAX; n++)
		pl_loop_turn(s->rig->posts[0].loop, 1);
	assert_true(is_done);
	return op->err;
}

/* The token of an answer, as a header to ask with. */
static inline void token_of(const struct heard *h, char header[1024])
{
	const char *at = memmem(h->body.at, h->body.len, "\"token\":\"", 9);
	assert_non_null(at);
	const char *close = memchr(at + 9, '"', (size_t)(h->body.at + h->body.len - at - 9));
	snprintf(header, 1024, "Authorization: Bearer %.*s\r\n", (int)(close - at - 9), at + 9);
}

static inline void claims_of(struct stage *s, const char *header, struct pl_arena *a,
			     struct pl_identity *out)
{
	struct pl_slice token = pl_slice_str(header + strlen("Authorization: Bearer "));
	token.len -= 2;
	assert_int_equal(
		pl_auth_check(s->auth, s->parser, token, pl_wall_ms() / 1000, a, out, NULL), 0);
}

#endif
