/*
 * Proves what the routes for accounts answer to every request of the chat + presence documents (the
 * words and numbers are theirs), that an unknown name and a wrong password look alike, that pages
 * of other origins get nothing, that a full queue, a client that leaves and a server that stops
 * lose no call, and that the administration needs the key.
 */
#include "rest/testing.h"

#include "auth/password.h"

#define SECRET "an example of a secret of 32 bytes or more"
#define TYPE   "Content-Type: application/json\r\n"
#define PAGE   "Origin: http://x:5173\r\n" /* our host, another port */
/* "password", with costs that nobody uses any more. */
#define DATED                                         \
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$" \
	"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

struct stage {
	struct rig *rig;
	struct pl_store *store;
	struct pl_hasher *hasher;
	struct pl_auth *auth;
	struct pl_json_parser *parser;
	struct pl_account_options options;
};

static void finish_op(void *ctx, struct pl_op *op)
{
	pl_hub_finish(((struct rig *)ctx)->bus, op);
}

static struct stage *stage_open(uint32_t queue)
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
static void stage_close(struct stage *s)
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

/* ---- asking ---- */

/* From an address: a Unix socket has no limit of its own. */
static int dial(struct stage *s)
{
	static const struct pl_ip from = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};
	struct post *p = &s->rig->posts[0];
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	pl_conns_accept(p->conns, pair[0], &from, &p->router, NULL);
	return pair[1];
}

static int begin(struct stage *s, const char *method, const char *path, const char *headers,
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

static void end(struct stage *s, int fd, struct heard *h)
{
	hear(s->rig, 0, fd, false, h);
	close(fd);
	pl_loop_turn(s->rig->posts[0].loop, 0);
}

static void ask_for(struct stage *s, const char *method, const char *path, const char *headers,
		    const char *body, struct heard *h)
{
	end(s, begin(s, method, path, headers, body), h);
}

static void is_answer(const struct heard *h, unsigned status, const char *text)
{
	if (h->head.status != status || !memmem(h->body.at, h->body.len, text, strlen(text)))
		fail_msg("%u %s instead of: %u %.*s", status, text, h->head.status,
			 PL_FMT(h->body));
}

static void post(struct stage *s, const char *path, const char *body, unsigned status,
		 const char *text)
{
	struct heard h;
	ask_for(s, "POST", path, TYPE, body, &h);
	is_answer(&h, status, text);
	assert_header(&h, "Cache-Control", "no-store");
	assert_header(&h, "X-Content-Type-Options", "nosniff");
	pl_buf_fini(&h.text);
}

#define ALICE "{\"username\":\"alice\",\"password\":\"secret\"}"

/* ---- the documents ---- */

static void each_row_of_the_documents(void **state)
{
	static const char taken[] = "{\"error\":\"Username already exists\",";
	static const char needed[] = "{\"error\":\"Username and password are required\",";
	static const char brief[] = "{\"error\":\"Username must be at least 3 characters long\",";
	static const char weak[] = "{\"error\":\"Password must be at least 6 characters long\",";
	static const char wrong[] = "{\"error\":\"Invalid username or password\","
				    "\"message\":\"Invalid username or password\"}";
	static const char odd[] = "Username may only contain letters, digits, '_' and '.'";
	static const struct {
		const char *call, *body;
		unsigned status;
		const char *answer;
	} rows[] = {
		{"register", "{}", 400, needed},
		{"register", "{\"username\":\"alice\"}", 400, needed},
		{"register", "{\"password\":\"secret\"}", 400, needed},
		{"register", "{\"username\":\"\",\"password\":\"\"}", 400, needed},
		{"register", "{\"username\":\"  \",\"password\":\"secret\"}", 400, needed},
		{"register", "{\"username\":7,\"password\":[]}", 400, needed},
		{"register", "{\"username\":null,\"password\":null}", 400, needed},
		{"register", "{\"username\":\" al \",\"password\":\"secret\"}", 400, brief},
		{"register", "{\"username\":\"alice\",\"password\":\"secre\"}", 400, weak},
		{"register", "{\"username\":\"al-ice\",\"password\":\"secret\"}", 400, odd},
		{"register", "{\"username\":\"al ice\",\"password\":\"secret\"}", 400, odd},
		{"register", "{\"username\":\"al\\u0000ice\",\"password\":\"secret\"}", 400, odd},
		{"register", "{\"username\":\"\\u0430lice\",\"password\":\"secret\"}", 400, odd},
		{"register", " {\"username\":\"  Alice \",\"password\":\"secret\"}", 201,
		 "{\"message\":\"User registered successfully\",\"token\":\"ey"},
		{"register", ALICE, 409, taken},
		{"login", "{}", 400, needed},
		{"login", "{\"username\":\"alice\"}", 400, needed},
		{"login", "{\"username\":\"alice\",\"password\":\"secre\"}", 401, wrong},
		{"login", "{\"username\":\"alice\",\"password\":\"Secret\"}", 401, wrong},
		{"login", "{\"username\":\"nobody\",\"password\":\"secret\"}", 401, wrong},
		{"login", "{\"username\":\"x\",\"password\":\"y\"}", 401, wrong},
		{"login", "{\"username\":\"al-ice\",\"password\":\"secret\"}", 401, wrong},
		{"login", ALICE, 200, "{\"message\":\"Login successful\",\"token\":\"ey"},
		{"login", ALICE, 200, "\"username\":\"Alice\",\"user\":{\"id\":\"0"},
		{"nothing", ALICE, 404,
		 "{\"success\":false,\"error\":{\"message\":\"Route /api/auth/nothing not "
		 "found\"}}"},
	};
	struct stage *s = stage_open(4);
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char path[64];
		snprintf(path, sizeof(path), "/api/auth/%s", rows[i].call);
		post(s, path, rows[i].body, rows[i].status, rows[i].answer);
	}
	post(s, "/auth/login", ALICE, 200, "Login successful");
	post(s, "/auth/register", ALICE, 409, taken);
	assert_int_equal(s->rig->posts[0].metrics.v[PL_M_REGISTERED], 1);
	assert_int_equal(s->rig->posts[0].metrics.v[PL_M_LOGINS], 3);
	assert_int_equal(s->rig->posts[0].metrics.v[PL_M_LOGINS_REFUSED], 5);
	stage_close(s);
}

/* The token of an answer, as a header to ask with. */
static void token_of(const struct heard *h, char header[1024])
{
	const char *at = memmem(h->body.at, h->body.len, "\"token\":\"", 9);
	assert_non_null(at);
	const char *close = memchr(at + 9, '"', (size_t)(h->body.at + h->body.len - at - 9));
	snprintf(header, 1024, "Authorization: Bearer %.*s\r\n", (int)(close - at - 9), at + 9);
}

static void claims_of(struct stage *s, const char *header, struct pl_arena *a,
		      struct pl_identity *out)
{
	struct pl_slice token = pl_slice_str(header + strlen("Authorization: Bearer "));
	token.len -= 2;
	assert_int_equal(
		pl_auth_check(s->auth, s->parser, token, pl_wall_ms() / 1000, a, out, NULL), 0);
}

static void a_token_has_the_claims_of_all_dialects(void **state)
{
	struct stage *s = stage_open(4);
	char header[1024], id[PL_UUID_TEXT];
	struct pl_identity who;
	struct pl_uuid uuid;
	struct pl_arena a;
	struct heard h;
	(void)state;
	post(s, "/auth/register", "{\"username\":\"Alice\",\"password\":\"secret\"}", 201, "");
	ask_for(s, "POST", "/auth/login", TYPE, ALICE, &h);
	token_of(&h, header);
	pl_arena_init(&a, 4096);
	claims_of(s, header, &a, &who);
	assert_int_equal(pl_uuid_parse(who.subject, &uuid), 0);
	pl_uuid_format(&uuid, id);
	assert_true(memmem(h.body.at, h.body.len, id, sizeof(id)) != NULL);
	assert_true(pl_slice_eq(who.subject, who.user_id));
	assert_true(pl_slice_is(who.username, "Alice"));
	assert_true(pl_slice_is(who.name, "Alice"));
	assert_in_range(who.expires_s - who.issued_s, 60, 60);
	pl_buf_fini(&h.text);
	/* Out again. */
	ask_for(s, "POST", "/api/auth/logout", header, "", &h);
	is_answer(&h, 200, "{\"message\":\"Logout successful\"}");
	pl_buf_fini(&h.text);
	ask_for(s, "POST", "/api/auth/logout", "", "", &h);
	is_answer(&h, 401, "{\"error\":\"No token provided\"");
	pl_buf_fini(&h.text);
	header[60] ^= 1;
	ask_for(s, "POST", "/api/auth/logout", header, "", &h);
	is_answer(&h, 401, "{\"error\":\"Invalid token\"");
	pl_buf_fini(&h.text);
	pl_arena_fini(&a);
	stage_close(s);
}

/* Byte by byte, but for the time of day. */
static void unknown_and_wrong_look_alike(void **state)
{
	static const char *const bodies[] = {
		"{\"username\":\"alice\",\"password\":\"wrong!\"}",
		"{\"username\":\"nobody\",\"password\":\"wrong!\"}",
		"{\"username\":\"no-body\",\"password\":\"secret\"}",
	};
	struct stage *s = stage_open(4);
	struct heard h[3];
	(void)state;
	post(s, "/auth/register", ALICE, 201, "");
	for (int i = 0; i < 3; i++) {
		ask_for(s, "POST", "/auth/login", TYPE, bodies[i], &h[i]);
		char *date = memmem(h[i].text.at, h[i].text.len, "Date: ", 6);
		assert_non_null(date);
		memset(date, ' ', 35);
		assert_true(pl_slice_eq(pl_buf_slice(&h[0].text), pl_buf_slice(&h[i].text)));
	}
	for (int i = 0; i < 3; i++)
		pl_buf_fini(&h[i].text);
	stage_close(s);
}

/* ---- bodies ---- */

static void what_is_no_small_json_object_is_refused(void **state)
{
	static char big[10000], long_password[2000];
	static const struct {
		const char *headers, *body;
		unsigned status;
	} rows[] = {
		{TYPE, "", 400},
		{TYPE, "null", 400},
		{TYPE, "[]", 400},
		{TYPE, "\"alice\"", 400},
		{TYPE, "{\"username\":\"alice\",\"password\":\"secret\"", 400},
		{TYPE, "{\"username\":\"alice\",\"username\":\"carol\",\"password\":\"secret\"}",
		 400},
		{TYPE, "{\"username\":\"\xff\xff\xff\",\"password\":\"secret\"}", 400},
		{"", ALICE, 415},
		{"Content-Type: text/plain\r\n", ALICE, 415},
		{"Content-Type: application/x-www-form-urlencoded\r\n", "username=a&password=b",
		 415},
		{TYPE "Content-Type: text/plain\r\n", ALICE, 415},
		{TYPE, big, 413},
		{TYPE, long_password, 400},
		{"Content-Type: Application/JSON; charset=utf-8\r\n", ALICE, 201},
	};
	struct stage *s = stage_open(4);
	(void)state;
	snprintf(big, sizeof(big), "{\"username\":\"%09000d\",\"password\":\"secret\"}", 7);
	snprintf(long_password, sizeof(long_password),
		 "{\"username\":\"alice\",\"password\":\"%01025d\"}", 7);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct heard h;
		ask_for(s, "POST", "/api/auth/register", rows[i].headers, rows[i].body, &h);
		is_answer(&h, rows[i].status, rows[i].status == 201 ? "token" : "\"error\":\"");
		pl_buf_fini(&h.text);
	}
	/* At the login it is only wrong. */
	post(s, "/auth/login", long_password, 401, "Invalid username or password");
	stage_close(s);
}

/* ---- pages ---- */

static void pages_of_others_get_nothing(void **state)
{
	struct stage *s = stage_open(4);
	struct heard h;
	(void)state;
	ask_for(s, "OPTIONS", "/api/auth/login", PAGE, "", &h);
	assert_int_equal(h.head.status, 204);
	assert_header(&h, "Access-Control-Allow-Origin", "http://x:5173");
	assert_header(&h, "Access-Control-Allow-Headers", "Content-Type, Authorization");
	assert_header(&h, "Vary", "Origin");
	pl_buf_fini(&h.text);
	ask_for(s, "POST", "/api/auth/register", TYPE PAGE, ALICE, &h);
	is_answer(&h, 201, "token");
	assert_header(&h, "Access-Control-Allow-Origin", "http://x:5173");
	assert_header(&h, "Vary", "Origin");
	pl_buf_fini(&h.text);
	ask_for(s, "POST", "/api/auth/login", TYPE PAGE, "{}", &h);
	is_answer(&h, 400, "required"); /* refusals are readable too */
	assert_header(&h, "Access-Control-Allow-Origin", "http://x:5173");
	pl_buf_fini(&h.text);
	static const char *const foreign[] = {"Origin: http://evil.example\r\n", "Origin: null\r\n",
					      "Origin: http://x.evil.example\r\n",
					      PAGE "Origin: http://evil.example\r\n"};
	static const char *const ways[][2] = {{"OPTIONS", "/api/auth/login"},
					      {"POST", "/api/auth/login"},
					      {"POST", "/api/auth/register"},
					      {"POST", "/api/auth/logout"}};
	for (size_t i = 0; i < 4 * 4; i++) {
		char headers[256];
		snprintf(headers, sizeof(headers), TYPE "%s", foreign[i / 4]);
		ask_for(s, ways[i % 4][0], ways[i % 4][1], headers, ALICE, &h);
		is_answer(&h, 403, "This origin is not allowed");
		assert_header(&h, "Access-Control-Allow-Origin", "");
		pl_buf_fini(&h.text);
	}
	stage_close(s);
}

/* ---- limits ---- */

/* A slow machine has waited a part of it already. */
static void waits(const struct heard *h, uint64_t most_s)
{
	uint64_t s = 0;
	assert_int_equal(pl_slice_u64(pl_http_header(&h->head.head, "Retry-After"), 100, &s), 0);
	assert_in_range(s, 1, most_s);
}

static void too_many_must_wait(void **state)
{
	struct stage *s = stage_open(4);
	struct pl_rate rates[PL_LIMIT__COUNT] = {
		[PL_LIMIT_LOGINS] = {6, 6}, [PL_LIMIT_LOGINS_BY_NAME] = {3, 3}};
	struct heard h;
	(void)state;
	pl_limits_fini(&s->rig->limits);
	assert_int_equal(pl_limits_init(&s->rig->limits, rates), 0);
	for (int i = 0; i < 3; i++)
		post(s, "/auth/login",
		     i % 2 ? ALICE : "{\"username\":\"ALICE\",\"password\":\"x\"}", 401, "");
	ask_for(s, "POST", "/auth/login", TYPE, ALICE, &h);
	is_answer(&h, 429, "Too many attempts. Please try again later.");
	waits(&h, 20);
	pl_buf_fini(&h.text);
	/* Others may, until the address has had its share. */
	post(s, "/auth/login", "{\"username\":\"bob\",\"password\":\"secret\"}", 401, "");
	post(s, "/auth/register", "{\"username\":\"bob\",\"password\":\"secret\"}", 201, "");
	ask_for(s, "POST", "/auth/login", TYPE, "{\"username\":\"bob\",\"password\":\"secret\"}",
		&h);
	is_answer(&h, 429, "Too many attempts");
	waits(&h, 10);
	pl_buf_fini(&h.text);
	assert_int_equal(s->rig->posts[0].metrics.v[PL_M_RATE_LIMITED], 2);
	stage_close(s);
}

enum { CROWD = 12 };

static void a_full_queue_says_so_at_once(void **state)
{
	struct stage *s = stage_open(1);
	int fds[CROWD], busy = 0, done = 0;
	(void)state;
	for (int i = 0; i < CROWD; i++)
		fds[i] = begin(s, "POST", "/auth/login", TYPE, ALICE);
	for (int i = 0; i < CROWD; i++) {
		struct heard h;
		end(s, fds[i], &h);
		done += h.head.status == 401;
		busy += h.head.status == 503;
		if (h.head.status == 503)
			assert_header(&h, "Retry-After", "1");
		pl_buf_fini(&h.text);
	}
	assert_int_equal(done + busy, CROWD);
	assert_true(done && busy);
	stage_close(s);
}

/* ---- leaving ---- */

static void wait_for_calls(struct stage *s)
{
	struct pl_rest *r = &s->rig->posts[0].rest;
	for (int n = 0; r->accounts.calls && n < TURNS_MAX; n++)
		pl_loop_turn(s->rig->posts[0].loop, 1);
	assert_int_equal(r->accounts.calls, 0);
}

static void who_leaves_is_not_registered(void **state)
{
	struct stage *s = stage_open(8);
	(void)state;
	int first = begin(s, "POST", "/auth/register", TYPE, ALICE);
	int second = begin(s, "POST", "/auth/login", TYPE, ALICE);
	pl_loop_turn(s->rig->posts[0].loop, 0);
	pl_loop_turn(s->rig->posts[0].loop, 0);
	close(first);
	close(second);
	wait_for_calls(s);
	post(s, "/auth/login", ALICE, 401, "");
	post(s, "/auth/register", ALICE, 201, "");
	stage_close(s);
}

/* Under way everywhere: waiting to be hashed, being hashed, in the store. */
static void a_stop_loses_no_call(void **state)
{
	struct stage *s = stage_open(8);
	int fds[6];
	(void)state;
	for (int i = 0; i < 6; i++)
		fds[i] = begin(s, "POST", i % 2 ? "/auth/login" : "/auth/register", TYPE, ALICE);
	for (int i = 0; i < 3; i++)
		pl_loop_turn(s->rig->posts[0].loop, 0);
	assert_int_not_equal(s->rig->posts[0].rest.accounts.calls, 0);
	stage_close(s); /* asserts that none is left */
	for (int i = 0; i < 6; i++)
		close(fds[i]);
}

/* ---- switches ---- */

static void off_is_off(void **state)
{
	struct stage *s = stage_open(4);
	(void)state;
	s->options.may_register = false;
	post(s, "/auth/register", ALICE, 403, "Registration is closed");
	post(s, "/auth/login", ALICE, 401, "");
	s->options.is_enabled = false;
	post(s, "/auth/register", ALICE, 404, "Route /auth/register not found");
	post(s, "/auth/login", ALICE, 404, "Route /auth/login not found");
	post(s, "/auth/logout", "", 404, "Route /auth/logout not found");
	s->options.is_enabled = true;
	s->rig->posts[0].rest.accounts.hasher = NULL;
	post(s, "/auth/login", ALICE, 404, "Route /auth/login not found");
	stage_close(s);
}

/* ---- the store behind ---- */

static void keep(struct pl_op *op)
{
	*(bool *)op->owner = true;
}

static int perform(struct stage *s, struct pl_op *op)
{
	bool is_done = false;
	op->owner = &is_done;
	pl_hub_submit(&s->rig->posts[0].hub, op);
	for (int n = 0; !is_done && n < TURNS_MAX; n++)
		pl_loop_turn(s->rig->posts[0].loop, 1);
	assert_true(is_done);
	return op->err;
}

static void hash_of(struct stage *s, const char *name, char out[PL_PASSWORD_HASH])
{
	struct pl_op *op = pl_op_new(PL_OP_ACCOUNT, s->rig->posts[0].loop, keep, NULL);
	op->account.name = pl_slice_str(name);
	assert_int_equal(perform(s, op), 0);
	snprintf(out, PL_PASSWORD_HASH, "%.*s", PL_FMT(op->account.password));
	pl_op_free(op);
}

static void a_dated_hash_is_made_anew_at_the_login(void **state)
{
	struct stage *s = stage_open(4);
	struct pl_op *op = pl_op_new(PL_OP_REGISTER, s->rig->posts[0].loop, keep, NULL);
	char hash[PL_PASSWORD_HASH];
	(void)state;
	op->enlist.username = PL_S("alice");
	op->enlist.password = PL_S(DATED);
	assert_int_equal(perform(s, op), 0);
	pl_op_free(op);
	post(s, "/auth/login", "{\"username\":\"alice\",\"password\":\"passw0rd\"}", 401, "");
	hash_of(s, "alice", hash);
	assert_string_equal(hash, DATED);
	post(s, "/auth/login", "{\"username\":\"alice\",\"password\":\"password\"}", 200, "token");
	for (int i = 0; i < 20 && (hash_of(s, "alice", hash), !strcmp(hash, DATED)); i++)
		pl_loop_turn(s->rig->posts[0].loop, 10);
	assert_false(pl_password_is_dated(hash));
	post(s, "/auth/login", "{\"username\":\"alice\",\"password\":\"password\"}", 200, "token");
	stage_close(s);
}

static void who_is_locked_out_hears_so_with_the_password_only(void **state)
{
	struct stage *s = stage_open(4);
	struct pl_op *op = pl_op_new(PL_OP_DISABLE, s->rig->posts[0].loop, keep, NULL);
	(void)state;
	post(s, "/auth/register", ALICE, 201, "");
	op->disable.who = PL_S("alice");
	op->disable.on = true;
	assert_int_equal(perform(s, op), 0);
	pl_op_free(op);
	post(s, "/auth/login", ALICE, 403, "This account is disabled");
	post(s, "/auth/login", "{\"username\":\"alice\",\"password\":\"secreT\"}", 401,
	     "Invalid username or password");
	stage_close(s);
}

/* ---- administration ---- */

static void admin(struct stage *s, const char *method, const char *path, const char *body,
		  unsigned status, const char *text)
{
	struct heard h;
	ask_for(s, method, path, TYPE, body, &h);
	if (!s->rig->posts[0].rest.is_trusted) {
		is_answer(&h, 401, "this needs the admin key");
		pl_buf_fini(&h.text);
		ask_for(s, method, path, TYPE WITH_KEY, body, &h);
	}
	is_answer(&h, status, text);
	pl_buf_fini(&h.text);
}

static void users_are_administered(void **state)
{
	struct stage *s = stage_open(4);
	(void)state;
	for (int round = 0; round < 2; round++) {
		const char *name = round ? "carol" : "alice";
		char body[512], row[128];
		s->rig->posts[0].rest.is_trusted = round; /* by its socket */
		snprintf(body, sizeof(body),
			 "{\"username\":\"%s\",\"password_hash\":\"" DATED "\"}", name);
		admin(s, "POST", "/admin/users", body, 201, name);
		admin(s, "POST", "/admin/users", body, 409, "the name is taken");
		admin(s, "POST", "/admin/users/password", body, 200, name);
		snprintf(body, sizeof(body), "{\"user\":\"%s\"}", name);
		admin(s, "POST", "/admin/users/disable", body, 200,
		      "\"disabled\":true,\"changed\":true}");
		admin(s, "POST", "/admin/users/disable", body, 200,
		      "\"disabled\":true,\"changed\":false}");
		snprintf(row, sizeof(row),
			 "\"username\":\"%s\",\"hasAccount\":true,\"disabled\":true}", name);
		admin(s, "GET", "/admin/users", "", 200, row);
		admin(s, "POST", "/admin/users/enable", body, 200,
		      "\"disabled\":false,\"changed\":true}");
		admin(s, "GET", "/admin/users", "", 200, "],\"hasMore\":false}");
	}
	admin(s, "POST", "/admin/users", "{\"username\":\"a-b\",\"password_hash\":\"" DATED "\"}",
	      400, "not a request that makes sense");
	admin(s, "POST", "/admin/users", "{\"username\":\"dora\",\"password_hash\":\"secret\"}",
	      400, "password_hash is not");
	admin(s, "POST", "/admin/users", "{\"username\":\"dora\",\"password\":\"secret\"}", 400,
	      "a field of the request is missing");
	admin(s, "POST", "/admin/users/password",
	      "{\"username\":\"dora\",\"password_hash\":\"" DATED "\"}", 404, "no such user");
	admin(s, "POST", "/admin/users/disable", "{\"user\":\"dora\"}", 404, "no such user");
	admin(s, "POST", "/admin/users/disable", "{\"user\":7}", 400, "missing");
	admin(s, "POST", "/admin/users/disable", "[", 400, "not a JSON object");
	admin(s, "GET", "/admin/users?after=x", "", 400, "after is not");
	admin(s, "GET", "/admin/users?after=00000000-0000-4000-8000-000000000000", "", 404,
	      "no such user");
	stage_close(s);
}

/* ---- memory ---- */

/* Something is always answered, or the line is cut; nothing is left behind, and a token means that
 * there is an account. */
static void each_allocation_may_fail(void **state)
{
	struct stage *s = stage_open(4);
	unsigned long n = 0;
	bool was_whole = false;
	(void)state;
	for (n = 1; !was_whole && n < 400; n++) {
		char body[128];
		struct heard h;
		snprintf(body, sizeof(body), "{\"username\":\"user%lu\",\"password\":\"secret\"}",
			 n);
		heard_init(&h);
		int fd = begin(s, "POST", "/auth/register", TYPE, body);
		pl_mem_fail_at(n, false);
		hear_on(s->rig, 0, fd, false, &h);
		unsigned long made = pl_mem_count();
		pl_mem_fail_at(0, false);
		close(fd);
		wait_for_calls(s);
		was_whole = made < n;
		if (!h.is_closed && h.head.status == 201)
			post(s, "/auth/login", body, 200, "token");
		else if (!h.is_closed)
			assert_true(h.head.status >= 500 || h.head.status == 413);
		pl_buf_fini(&h.text);
	}
	assert_true(was_whole && n > 5);
	stage_close(s);
}

/* Passwords that are being hashed, for more than a second in all. */
enum { BEFORE = 60 };

static void drop(struct pl_hash_job *j)
{
	pl_hash_job_free(j);
}

/* Who knows the old password must not get in by asking just before it is exchanged. */
static void a_login_under_way_does_not_outlive_its_password(void **state)
{
	struct stage *s = stage_open(BEFORE + 1);
	struct pl_loop *loop = s->rig->posts[0].loop;
	char header[1024];
	struct pl_identity who;
	struct pl_arena a;
	struct heard h;
	(void)state;
	post(s, "/auth/register", ALICE, 201, "");
	for (int i = 0; i < BEFORE; i++)
		assert_int_equal(pl_hasher_submit(s->hasher, pl_hash_job_new(loop, drop, NULL)), 0);
	int fd = begin(s, "POST", "/auth/login", TYPE, ALICE);
	uint64_t asked_s = pl_wall_ms() / 1000;
	while (pl_wall_ms() / 1000 == asked_s)
		pl_loop_turn(loop, 1);
	struct pl_op *op = pl_op_new(PL_OP_SET_PASSWORD, loop, keep, NULL);
	op->set_password.name = PL_S("alice");
	op->set_password.password = PL_S(DATED);
	assert_int_equal(perform(s, op), 0);
	pl_op_free(op);
	end(s, fd, &h);
	pl_arena_init(&a, 4096);
	if (h.head.status == 200) {
		token_of(&h, header);
		claims_of(s, header, &a, &who);
		op = pl_op_new(PL_OP_SIGN_IN, loop, keep, NULL);
		op->sign_in.claims.subject = who.subject;
		op->sign_in.issued_s = who.issued_s;
		assert_int_equal(perform(s, op), PL_EDENIED);
		pl_op_free(op);
	} else {
		is_answer(&h, 401, "Invalid username or password");
	}
	pl_arena_fini(&a);
	pl_buf_fini(&h.text);
	stage_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_documents),
		cmocka_unit_test(a_token_has_the_claims_of_all_dialects),
		cmocka_unit_test(unknown_and_wrong_look_alike),
		cmocka_unit_test(what_is_no_small_json_object_is_refused),
		cmocka_unit_test(pages_of_others_get_nothing),
		cmocka_unit_test(too_many_must_wait),
		cmocka_unit_test(a_full_queue_says_so_at_once),
		cmocka_unit_test(who_leaves_is_not_registered),
		cmocka_unit_test(a_stop_loses_no_call),
		cmocka_unit_test(off_is_off),
		cmocka_unit_test(a_dated_hash_is_made_anew_at_the_login),
		cmocka_unit_test(who_is_locked_out_hears_so_with_the_password_only),
		cmocka_unit_test(a_login_under_way_does_not_outlive_its_password),
		cmocka_unit_test(users_are_administered),
		cmocka_unit_test(each_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
