/*
 * user_remote.c - `parley user` with a server running: asks it over the socket in its data
 * directory, in HTTP. One connection, one request at a time, and the patience of a person.
 */
#include "cmd_user.h"

#include "base/mem.h"
#include "wire/http.h"
#include "wire/json.h"
#include "wire/json_write.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_S = 30, MESSAGE_MAX = 4 << 20, REQUEST_MAX = 16 << 10, PIECE = 16 << 10 };

/* ---- the line ---- */

/* -1: nobody listens there. */
static int dial(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = PATIENCE_S};
	size_t n = strlen(path);
	if (n >= sizeof(at.sun_path))
		return -1;
	memcpy(at.sun_path, path, n);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (const struct sockaddr *)&at, sizeof(at)))
		return fd;
	close(fd);
	return -1;
}

static int send_all(int fd, struct pl_slice text)
{
	while (text.len) {
		ssize_t n = send(fd, text.at, text.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return PL_EIO;
		text = pl_slice(text.at + n, text.len - (size_t)n);
	}
	return 0;
}

/* The whole answer: the head in *r, which points into b as *body does. */
static int hear(int fd, struct pl_buf *b, struct pl_http_response *r, struct pl_slice *body)
{
	for (;;) {
		struct pl_http_parser p = {0};
		size_t used = 0;
		int err = b->len ? pl_http_parse_response(&p, &pl_http_default_limits,
							  pl_buf_slice(b), &used, r)
				 : PL_EAGAIN;
		if (err && err != PL_EAGAIN)
			return PL_EPROTO;
		if (!err && b->len - used >= r->head.content_length) {
			*body = pl_slice(b->at + used, (size_t)r->head.content_length);
			return 0;
		}
		if (pl_buf_reserve(b, PIECE))
			return PL_ETOOBIG;
		ssize_t n = recv(fd, b->at + b->len, PIECE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return PL_EIO;
		b->len += (size_t)n;
	}
}

static int write_request(struct pl_buf *b, const char *method, const char *path,
			 struct pl_slice query, const struct pl_buf *body)
{
	int err = pl_http_write_request(b, pl_slice_str(method), pl_slice_str(path), query,
					PL_S("localhost"));
	if (!err && body->len)
		err = pl_http_write_header(b, PL_S("Content-Type"), PL_S("application/json"));
	if (!err && body->len)
		err = pl_http_write_header_u64(b, PL_S("Content-Length"), body->len);
	if (!err)
		err = pl_http_write_end(b);
	if (!err && body->len)
		pl_buf_puts(b, pl_buf_slice(body));
	return err ? err : b->err;
}

struct call {
	int fd;
	struct pl_json_parser *parser;
	struct pl_buf answer;
	unsigned status;
	const struct pl_json *root; /* lives until the next call */
};

static int call(struct call *k, const char *method, const char *path, struct pl_slice query,
		const struct pl_buf *body)
{
	struct pl_http_response r;
	struct pl_slice text;
	struct pl_buf request;
	pl_buf_init(&request, REQUEST_MAX);
	pl_buf_clear(&k->answer);
	int err = body->err ? body->err : write_request(&request, method, path, query, body);
	if (!err)
		err = send_all(k->fd, pl_buf_slice(&request));
	if (!err)
		err = hear(k->fd, &k->answer, &r, &text);
	if (!err && pl_json_parse(k->parser, text, &k->root))
		err = PL_EPROTO;
	if (!err)
		k->status = r.status;
	pl_buf_fini(&request);
	return err;
}

/* ---- tasks ---- */

static int say_refusal(const struct user_task *t, const struct call *k)
{
	if (k->status == 404)
		return user_say(t, PL_ENOTFOUND, PL_S(""));
	if (k->status == 409)
		return user_say(t, PL_EEXISTS, PL_S(""));
	return fail("the server refuses: %.*s", PL_FMT(pl_json_get_str(k->root, "error")));
}

static int change(struct call *k, const struct user_task *t)
{
	static const char *const paths[] = {[USER_ADD] = "/admin/users",
					    [USER_PASSWD] = "/admin/users/password",
					    [USER_DISABLE] = "/admin/users/disable",
					    [USER_ENABLE] = "/admin/users/enable"};
	bool has_hash = t->hash[0] != '\0';
	struct pl_buf body;
	pl_buf_init(&body, REQUEST_MAX / 2);
	pl_buf_putc(&body, '{');
	pl_json_put_key(&body, has_hash ? PL_S("username") : PL_S("user"));
	pl_json_put_str(&body, pl_slice_str(t->name));
	if (has_hash) {
		PL_PUT(&body, ",\"password_hash\":");
		pl_json_put_str(&body, pl_slice_str(t->hash));
	}
	pl_buf_putc(&body, '}');
	int err = call(k, "POST", paths[t->verb], (struct pl_slice){NULL, 0}, &body);
	pl_buf_fini(&body);
	if (err)
		return fail("the server does not answer: %s", pl_strerror(err));
	if (k->status != 200 && k->status != 201)
		return say_refusal(t, k);
	return user_say(t, 0, pl_json_get_str(k->root, "username"));
}

static int list(struct call *k, const struct user_task *t)
{
	char query[64] = "";
	struct pl_buf nothing;
	bool has_more = true;
	int code = EXIT_FINE;
	pl_buf_init(&nothing, 1);
	while (!code && has_more) {
		struct pl_slice last = PL_S("");
		int err = call(k, "GET", "/admin/users", pl_slice_str(query), &nothing);
		if (err)
			return fail("the server does not answer: %s", pl_strerror(err));
		if (k->status != 200)
			return say_refusal(t, k);
		PL_JSON_EACH(row, pl_json_get(k->root, "users"))
		{
			last = pl_json_get_str(row, "id");
			if (!code)
				code = user_say_row(
					last, pl_json_get_str(row, "username"),
					pl_json_bool(pl_json_get(row, "hasAccount"), false),
					pl_json_bool(pl_json_get(row, "disabled"), false));
		}
		has_more = last.len == PL_UUID_TEXT &&
			   pl_json_bool(pl_json_get(k->root, "hasMore"), false);
		if (has_more)
			(void)snprintf(query, sizeof(query), "after=%.*s", PL_FMT(last));
	}
	return code;
}

int user_remote(const struct pl_config *c, const struct user_task *t, bool *is_running)
{
	struct call k = {.fd = -1};
	char *path = NULL;
	*is_running = false;
	if (pl_config_path(c, PL_ADMIN_SOCKET_NAME, &path))
		return fail("out of memory");
	k.fd = dial(path);
	pl_free(path);
	if (k.fd < 0)
		return EXIT_FINE;
	*is_running = true;
	pl_buf_init(&k.answer, MESSAGE_MAX);
	int code = pl_json_parser_new(MESSAGE_MAX, &k.parser) ? fail("out of memory") : EXIT_FINE;
	if (!code)
		code = t->verb == USER_LIST ? list(&k, t) : change(&k, t);
	pl_json_parser_free(k.parser);
	pl_buf_fini(&k.answer);
	close(k.fd);
	return code;
}
