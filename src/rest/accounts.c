/* accounts.c - sign up, log in, log out: who may ask, and whether what was asked makes sense. */
#include "rest/internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

enum { ANSWER_MAX = 256, PATH_MAX_BYTES = 4 * PL_TOKEN_MAX };

static const char needed[] = "Username and password are required";
static const char short_password[] = "Password must be at least 6 characters long";
static const char long_password[] = "Password must be at most 1024 bytes long";

static bool is_on(const struct pl_rest *r)
{
	return r->accounts.hasher && r->accounts.options && r->accounts.options->is_enabled;
}

/* How long the caller has to wait, for its address or for the name; 0: not at all. */
static uint64_t must_wait(struct pl_rest *r, struct pl_conn *c, struct pl_slice name)
{
	struct pl_ip from = pl_ip_site(*pl_conn_from(c));
	char folded[PL_ACCOUNT_NAME_MAX];
	struct pl_slice key = pl_slice(folded, pl_account_fold(name, folded));
	uint64_t now = pl_now_ms(), wait_ms = 0;
	int err = 0;
	/* A Unix socket is no address: behind it is a proxy with everybody. */
	if (!pl_ip_is_local(&from))
		err = pl_limits_take(r->hub->limits, PL_LIMIT_LOGINS,
				     pl_slice(from.b, sizeof(from.b)), now, &wait_ms);
	if (!err && key.len)
		err = pl_limits_take(r->hub->limits, PL_LIMIT_LOGINS_BY_NAME, key, now, &wait_ms);
	if (err)
		pl_metric_add(r->hub->metrics, PL_M_RATE_LIMITED, 1);
	return err ? wait_ms + 1 : 0;
}

/* NULL: the name and the password may be tried. */
static const char *fault_of(bool is_login, struct pl_slice name, struct pl_slice password)
{
	if (!name.len || !password.len)
		return needed;
	if (is_login)
		return NULL;
	const char *fault = pl_account_name_fault(name);
	if (fault)
		return fault;
	if (password.len < PL_PASSWORD_MIN)
		return short_password;
	return password.len > PL_PASSWORD_MAX ? long_password : NULL;
}

static void begin(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q, bool is_login)
{
	struct pl_cors from;
	unsigned status = 400;
	const char *why = NULL;
	if (!is_on(r)) {
		pl_rest_no_such_call(r, c, q);
		return;
	}
	if (!pl_cors_enter(&from, c, q))
		return;
	const struct pl_json *root = pl_rest_body(r->accounts.parser, q, &status, &why);
	struct pl_slice name = pl_slice_trim(pl_json_get_str(root, "username"));
	struct pl_slice password = pl_json_get_str(root, "password");
	if (root)
		why = fault_of(is_login, name, password);
	if (root && !why && !is_login && !r->accounts.options->may_register) {
		status = 403;
		why = "Registration is closed";
	}
	uint64_t wait_ms = why ? 0 : must_wait(r, c, name);
	if (why)
		pl_cors_fail(c, &from, status, why, 0);
	else if (wait_ms)
		pl_cors_fail(c, &from, 429, "Too many attempts. Please try again later.", wait_ms);
	else if (pl_account_begin(r, c, &from, is_login, name, password))
		pl_cors_fail(c, &from, 503, "No memory for the request", 0);
}

void pl_rest_register(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	begin(r, c, q, false);
}

void pl_rest_login(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	begin(r, c, q, true);
}

/* Tokens are good until they expire: leaving is the client's forgetting, as with the original. */
void pl_rest_logout(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_cors from;
	struct pl_identity who;
	struct pl_arena a;
	struct pl_buf b;
	if (!is_on(r)) {
		pl_rest_no_such_call(r, c, q);
		return;
	}
	if (!pl_cors_enter(&from, c, q))
		return;
	struct pl_slice token = pl_token_bearer(pl_http_header(&q->http->head, "Authorization"));
	const struct pl_auth *auth = *r->accounts.auth;
	if (!token.len) {
		pl_cors_fail(c, &from, 401, "No token provided", 0);
		return;
	}
	pl_arena_init(&a, PL_TOKEN_MAX);
	int err = auth ? pl_auth_check(auth, r->accounts.parser, token, pl_wall_ms() / 1000, &a,
				       &who, NULL)
		       : PL_EDENIED;
	pl_arena_fini(&a);
	if (err) {
		pl_cors_fail(c, &from, 401, "Invalid token", 0);
		return;
	}
	pl_buf_init(&b, ANSWER_MAX);
	PL_PUT(&b, "{\"message\":\"Logout successful\"}\n");
	pl_cors_reply(c, &from, 200, &b, 0);
}

void pl_rest_no_such_call(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_buf b;
	(void)r;
	pl_buf_init(&b, PATH_MAX_BYTES);
	PL_PUT(&b, "{\"success\":false,\"error\":{\"message\":\"Route ");
	pl_json_put_escaped(&b, q->http->path);
	PL_PUT(&b, " not found\"}}\n");
	pl_rest_reply_buf(c, 404, PL_REST_JSON, &b);
}
