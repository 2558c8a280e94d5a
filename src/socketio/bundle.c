/*
 * bundle.c - the stock client's files at PATH/socket.io.js and beside it, where socket.io-client is
 * installed. Each is read once, when it is first asked for, and kept.
 */
#include "socketio/internal.h"

#include "base/file.h"

#include <stdio.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 4 << 20, PACKAGE_BYTES_MAX = 64 << 10, PATH_BYTES = 1024, TAG_MAX = 40 };

static const char *const names[] = {
	"socket.io.js",
	"socket.io.js.map",
	"socket.io.min.js",
	"socket.io.min.js.map",
	"socket.io.esm.min.js",
	"socket.io.esm.min.js.map",
	"socket.io.msgpack.min.js",
	"socket.io.msgpack.min.js.map",
};
enum { NAMES = sizeof(names) / sizeof(*names) };

/* Where packages of distributions and of npm put it. */
static const char *const usual[] = {
	"/usr/share/nodejs/socket.io-client/dist",
	"/usr/share/javascript/socket.io-client",
	"/usr/local/lib/node_modules/socket.io-client/dist",
	"/usr/lib/node_modules/socket.io-client/dist",
	"node_modules/socket.io-client/dist",
	"node_modules/socket.io/client-dist",
	NULL,
};

struct pl_sio_bundle {
	char *dir; /* NULL: it is installed nowhere */
	char tag[TAG_MAX + 1];
	pthread_mutex_t lock;       /* of `files` */
	struct pl_buf files[NAMES]; /* empty: not read, or not there; never changed once read */
};

/* ---- files ---- */

static bool join(char out[PATH_BYTES], const char *dir, const char *name)
{
	int n = snprintf(out, PATH_BYTES, "%s/%s", dir, name);
	return n > 0 && n < PATH_BYTES;
}

/* Empty: it is not there, or there is no memory for it. */
static struct pl_buf read_file(const char *dir, const char *name, size_t max)
{
	char path[PATH_BYTES];
	struct pl_buf b;
	pl_buf_init(&b, max);
	if (!join(path, dir, name) || pl_file_read(path, &b, NULL))
		pl_buf_fini(&b);
	return b;
}

static bool is_there(const char *dir)
{
	char path[PATH_BYTES];
	return join(path, dir, names[0]) && !access(path, R_OK);
}

/* ---- the version ---- */

static bool is_tag(struct pl_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~' || s.at[i] == '"')
			return false;
	return s.len && s.len <= TAG_MAX;
}

/* The package's; "0" if it does not say. */
static void find_version(struct pl_sio_bundle *b)
{
	struct pl_json_parser *parser = NULL;
	const struct pl_json *root = NULL;
	struct pl_buf text = read_file(b->dir, "../package.json", PACKAGE_BYTES_MAX);
	memcpy(b->tag, "0", 2);
	if (text.len && !pl_json_parser_new(PACKAGE_BYTES_MAX, &parser) &&
	    !pl_json_parse(parser, pl_buf_slice(&text), &root)) {
		struct pl_slice version = pl_json_get_str(root, "version");
		if (is_tag(version)) {
			memcpy(b->tag, version.at, version.len);
			b->tag[version.len] = '\0';
		}
	}
	pl_json_parser_free(parser);
	pl_buf_fini(&text);
}

/* ---- life ---- */

int pl_bundle_new(const char *dir, struct pl_sio_bundle **out)
{
	const char *given[] = {dir, NULL}, *found = NULL;
	struct pl_sio_bundle *b = PL_NEW(struct pl_sio_bundle);
	for (const char *const *at = dir ? given : usual; b && *at && !found; at++)
		if (is_there(*at))
			found = *at;
	if (b && found)
		b->dir = pl_strdup(found);
	if (!b || (found && !b->dir)) {
		pl_free(b);
		return PL_ENOMEM;
	}
	pthread_mutex_init(&b->lock, NULL);
	if (b->dir)
		find_version(b);
	*out = b;
	return 0;
}

void pl_bundle_free(struct pl_sio_bundle *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < NAMES; i++)
		pl_buf_fini(&b->files[i]);
	pthread_mutex_destroy(&b->lock);
	pl_free(b->dir);
	pl_free(b);
}

/* As long as the bundle; empty: it is not there. */
static struct pl_slice file(struct pl_sio_bundle *b, size_t i)
{
	pthread_mutex_lock(&b->lock);
	if (!b->files[i].len && b->dir)
		b->files[i] = read_file(b->dir, names[i], FILE_BYTES_MAX);
	struct pl_slice text = pl_buf_slice(&b->files[i]);
	pthread_mutex_unlock(&b->lock);
	return text;
}

/* ---- requests ---- */

static size_t number_of(struct pl_slice name)
{
	size_t i = 0;
	while (i < NAMES && !pl_slice_is(name, names[i]))
		i++;
	return i;
}

bool pl_bundle_has(struct pl_slice name)
{
	return number_of(name) < NAMES;
}

static bool is_map(size_t i)
{
	return names[i][strlen(names[i]) - 1] == 'p';
}

/* "1", W/"1", or any. */
static bool matches(struct pl_slice header, const char *tag)
{
	struct pl_http_list list;
	struct pl_slice item;
	pl_http_list_init(&list, header, ',', 16);
	while (pl_http_list_next(&list, &item)) {
		if (pl_slice_starts(item, PL_S("W/")))
			item = pl_slice(item.at + 2, item.len - 2);
		if (pl_slice_is(item, "*") || pl_slice_is(item, tag))
			return true;
	}
	return false;
}

/* Pages of other origins may load it as a module if they may come at all. */
static struct pl_slice allowed_origin(const struct pl_eio_options *o, struct pl_slice origin)
{
	for (size_t i = 0; i < o->norigins; i++) {
		if (pl_slice_is(o->origins[i], "*"))
			return o->origins[i];
		if (origin.len && pl_slice_eq(o->origins[i], origin))
			return origin;
	}
	return pl_slice(NULL, 0);
}

static void say_none(struct pl_conn *c)
{
	pl_conn_respond_text(
		c, 404, "text/plain; charset=utf-8",
		PL_S("The Socket.IO client is not installed on this server.\n"
		     "Install it (npm install socket.io-client), or say where it is (client_dir),\n"
		     "or let your page load it from somewhere else.\n"));
}

static void send_file(struct pl_conn *c, const struct pl_request *q, const struct pl_eio_options *o,
		      const struct pl_sio_bundle *b, size_t i, struct pl_slice text)
{
	char tag[TAG_MAX + 3];
	struct pl_slice origin = allowed_origin(o, pl_http_header(&q->http->head, "Origin"));
	(void)snprintf(tag, sizeof(tag), "\"%s\"", b->tag);
	const struct pl_http_header headers[] = {
		{PL_S("Cache-Control"), PL_S("public, max-age=0")},
		{PL_S("ETag"), pl_slice_str(tag)},
		{PL_S("X-Content-Type-Options"), PL_S("nosniff")},
		{PL_S("Vary"), PL_S("Origin")},
		{PL_S("Access-Control-Allow-Origin"), origin},
	};
	bool is_known = matches(pl_http_header(&q->http->head, "If-None-Match"), tag);
	struct pl_http_reply reply = {
		.status = is_known ? 304 : 200,
		.type = is_map(i) ? PL_S("application/json; charset=utf-8")
				  : PL_S("application/javascript; charset=utf-8"),
		.body = is_known ? PL_S("") : text,
		.headers = headers,
		.header_count = origin.at     ? 5
				: o->norigins ? 4
					      : 3,
		.compress_above = o->compress_above,
	};
	pl_conn_respond(c, &reply);
}

static void on_request(struct pl_conn *c, const struct pl_request *q)
{
	struct pl_sio_site *s = pl_conn_ctx(c);
	const struct pl_sio_path *p = s->sio->path;
	bool is_read = q->http->method == PL_HTTP_GET || q->http->method == PL_HTTP_HEAD;
	struct pl_slice name =
		pl_slice(q->http->path.at + p->path.len, q->http->path.len - p->path.len);
	size_t i = number_of(name);
	struct pl_slice text = is_read ? file(s->sio->bundle, i) : PL_S("");
	if (!is_read)
		pl_conn_respond_text(c, 405, "text/plain; charset=utf-8", PL_S(""));
	else if (!text.len)
		say_none(c);
	else
		send_file(c, q, &p->eio, s->sio->bundle, i, text);
}

const struct pl_endpoint pl_bundle_endpoint = {.on_request = on_request};
