/* rest.c - the table of routes, and the one door that all requests come through. */
#include "rest/internal.h"

#include "rest/visit.h"

/* QryptChat's path on its web server: there it told where the WebSocket is. */
static void qrypt_info(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	(void)r, (void)q;
	pl_rest_reply(c, 426, PL_S("text/plain; charset=utf-8"),
		      PL_S("WebSocket connections are accepted at /ws of this server.\n"), NULL);
}

static const struct pl_rest_row rows[] = {
	{PL_HTTP_GET, "/health", PL_REST_ANYONE, pl_rest_health, NULL},
	{PL_HTTP_GET, "/ready", PL_REST_KEY, pl_rest_ready, NULL},
	{PL_HTTP_GET, "/metrics", PL_REST_KEY, pl_rest_metrics, NULL},
	{PL_HTTP_GET, "/ws/stats", PL_REST_OPTION, pl_rest_stats, pl_rest_stats_gone},
	{PL_HTTP_POST, "/ws/broadcast", PL_REST_OPTION, pl_rest_broadcast, NULL},
	{PL_HTTP_OPTIONS, "/ws/stats", PL_REST_ANYONE, pl_rest_preflight, NULL},
	{PL_HTTP_OPTIONS, "/ws/broadcast", PL_REST_ANYONE, pl_rest_preflight, NULL},
	{PL_HTTP_GET, "/api/websocket", PL_REST_ANYONE, qrypt_info, NULL},
	{PL_HTTP_GET, "/api/turn", PL_REST_ANYONE, pl_rest_turn, pl_rest_visit_gone},
	{PL_HTTP_OPTIONS, "/api/turn", PL_REST_ANYONE, pl_rest_preflight, NULL},
#define ACCOUNTS(at)                                                                              \
	{PL_HTTP_POST, at "/register", PL_REST_ANYONE, pl_rest_register, pl_rest_account_gone},   \
		{PL_HTTP_POST, at "/login", PL_REST_ANYONE, pl_rest_login, pl_rest_account_gone}, \
		{PL_HTTP_POST, at "/logout", PL_REST_ANYONE, pl_rest_logout, NULL},               \
		{PL_HTTP_OPTIONS, at "/*", PL_REST_ANYONE, pl_rest_preflight, NULL},              \
		{PL_HTTP_POST, at "/*", PL_REST_ANYONE, pl_rest_no_such_call, NULL},              \
	{                                                                                         \
		PL_HTTP_GET, at "/*", PL_REST_ANYONE, pl_rest_no_such_call, NULL                  \
	}
	ACCOUNTS("/api/auth"),
	ACCOUNTS("/auth"),
#undef ACCOUNTS
	{PL_HTTP_GET, "/files/*", PL_REST_ANYONE, pl_rest_file, pl_rest_file_gone},
	{PL_HTTP_OPTIONS, "/files/*", PL_REST_ANYONE, pl_rest_preflight, NULL},
	{PL_HTTP_GET, "/admin/users", PL_REST_KEY, pl_rest_user_list, pl_rest_user_gone},
	{PL_HTTP_POST, "/admin/users", PL_REST_KEY, pl_rest_user_add, pl_rest_user_gone},
	{PL_HTTP_POST, "/admin/users/password", PL_REST_KEY, pl_rest_user_password,
	 pl_rest_user_gone},
	{PL_HTTP_POST, "/admin/users/disable", PL_REST_KEY, pl_rest_user_disable,
	 pl_rest_user_gone},
	{PL_HTTP_POST, "/admin/users/enable", PL_REST_KEY, pl_rest_user_enable, pl_rest_user_gone},
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };
_Static_assert((size_t)ROWS <= (size_t)PL_REST_ROUTES_MAX,
	       "struct pl_rest has a door for each row");

static void refuse(struct pl_rest *r, struct pl_conn *c)
{
	static const struct pl_http_header how = {PL_S("WWW-Authenticate"), PL_S("Bearer")};
	pl_metric_add(r->hub->metrics, PL_M_AUTH_FAILED, 1);
	pl_log(r->hub->log, PL_DEBUG, "rest", "connection %llu: the admin key is missing or wrong",
	       (unsigned long long)pl_conn_id(c));
	pl_rest_fail(c, 401, "this needs the admin key as a bearer token", &how);
}

bool pl_rest_is_admin(const struct pl_rest *r, const struct pl_request *q)
{
	return r->is_trusted || pl_admin_allows(&r->key, q->http);
}

static void on_request(struct pl_conn *c, const struct pl_request *q)
{
	struct pl_rest_door *door = pl_conn_ctx(c);
	struct pl_rest *r = door->rest;
	enum pl_rest_access access = door->row->access;
	bool is_open = access == PL_REST_ANYONE || (access == PL_REST_OPTION && r->is_open);
	if (is_open || pl_rest_is_admin(r, q))
		door->row->answer(r, c, q);
	else
		refuse(r, c);
}

static void on_close(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	struct pl_rest_door *door = pl_conn_ctx(c);
	(void)code, (void)reason;
	if (door->row->gone)
		door->row->gone(c);
}

void pl_rest_init(struct pl_rest *r, const struct pl_rest_shared *shared, struct pl_hub *hub)
{
	*r = (struct pl_rest){.shared = shared, .hub = hub};
	for (size_t i = 0; i < ROWS; i++) {
		struct pl_rest_door *door = &r->doors[i];
		door->rest = r;
		door->row = &rows[i];
		door->endpoint = (struct pl_endpoint){
			.on_request = on_request, .on_close = on_close, .ctx = door};
	}
}

size_t pl_rest_routes(struct pl_rest *r, struct pl_route *out)
{
	for (size_t i = 0; i < ROWS; i++)
		out[i] = (struct pl_route){rows[i].method, rows[i].path, &r->doors[i].endpoint};
	return ROWS;
}
