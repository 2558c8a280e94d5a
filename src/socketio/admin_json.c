/*
 * admin_json.c - a client's handshake and a socket, as the Admin UI reads them.
 *
 * What proves who somebody is does not leave the server: cookies and tokens are named, and their
 * values left out.
 */
#include "socketio/admin_internal.h"
#include "socketio/internal.h"

#include "base/clock.h"
#include "wire/json_write.h"
#include "wire/url.h"
#include "wire/utf8.h"

#include <time.h>

enum {
	HANDSHAKE_MAX = 8192, /* bytes that are kept of a client */
	HEADERS_MAX = 1536,
	QUERY_MAX = 512,
	VALUE_MAX = 256,
	FIELDS_MAX = 32,
	QUERY_MEMORY = 4096,
	DATE_TEXT = 64,
	CLIENT_ID = 12,
};

/* ---- what is not shown ---- */

static bool is_one_of(struct pl_slice name, const char *const *names)
{
	for (; *names; names++)
		if (pl_slice_eq_nocase(name, pl_slice_str(*names)))
			return true;
	return false;
}

static bool is_secret_header(struct pl_slice name)
{
	static const char *const names[] = {
		"cookie",    "authorization",          "proxy-authorization",
		"x-api-key", "sec-websocket-protocol", NULL};
	return is_one_of(name, names);
}

static bool is_secret_parameter(struct pl_slice name)
{
	static const char *const names[] = {"token", "authtoken", "access_token", "auth",     "jwt",
					    "key",   "apikey",    "api_key",      "password", NULL};
	return is_one_of(name, names);
}

/* ---- headers ---- */

/* The bytes of a header are characters of Latin-1, as browsers and Node take them. */
static void put_latin(struct pl_buf *b, struct pl_slice s, bool is_name)
{
	size_t n = s.len < VALUE_MAX ? s.len : VALUE_MAX;
	pl_buf_putc(b, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s.at[i];
		char two[2] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};
		if (is_name && c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + 'a' - 'A');
		if (c < 0x80)
			pl_json_put_escaped(b, pl_slice(&c, 1));
		else
			pl_buf_put(b, two, sizeof(two));
	}
	pl_buf_putc(b, '"');
}

static bool was_before(const struct pl_http_head *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pl_slice_eq_nocase(h->headers[i].name, h->headers[n].name))
			return true;
	return false;
}

/* As much of it as fits: what does not is left out, each whole. */
static void put_headers(struct pl_buf *b, const struct pl_http_head *h)
{
	size_t begin = b->len, shown = 0;
	pl_buf_putc(b, '{');
	for (size_t i = 0; i < h->count && shown < FIELDS_MAX; i++) {
		struct pl_slice name = h->headers[i].name, value = h->headers[i].value;
		size_t most = name.len + 2 * (value.len < VALUE_MAX ? value.len : VALUE_MAX) + 16;
		if (name.len > VALUE_MAX || b->len - begin + most > HEADERS_MAX || was_before(h, i))
			continue;
		if (shown++)
			pl_buf_putc(b, ',');
		put_latin(b, name, true);
		pl_buf_putc(b, ':');
		put_latin(b, is_secret_header(name) ? PL_S("(hidden)") : value, false);
	}
	pl_buf_putc(b, '}');
}

/* ---- the query ---- */

struct parameter {
	struct pl_slice name, value; /* decoded */
	bool is_secret;
};

/* False: not one that can be shown. */
static bool decode(struct pl_slice field, struct pl_arena *a, struct parameter *out)
{
	struct pl_slice value, name = pl_slice_cut(field, '=', &value);
	if (pl_percent_decode(name, true, a, &out->name) ||
	    pl_percent_decode(value.at ? value : PL_S(""), true, a, &out->value))
		return false;
	out->is_secret = is_secret_parameter(out->name);
	if (out->is_secret)
		out->value = PL_S("(hidden)");
	return out->name.len && out->name.len <= VALUE_MAX && out->value.len <= VALUE_MAX &&
	       pl_utf8_valid(out->name) && pl_utf8_valid(out->value);
}

static bool put_parameter(struct pl_buf *b, struct pl_slice field, bool is_first)
{
	struct pl_arena a;
	struct parameter p;
	pl_arena_init(&a, QUERY_MEMORY);
	bool is_good = decode(field, &a, &p);
	if (is_good && !is_first)
		pl_buf_putc(b, ',');
	if (is_good) {
		pl_json_put_key(b, p.name);
		pl_json_put_str(b, p.value);
	}
	pl_arena_fini(&a);
	return is_good && !p.is_secret;
}

/* An object of the parameters, as many as fit. Says whether nothing was left out or hidden. */
static bool put_query(struct pl_buf *b, struct pl_slice query)
{
	size_t begin = b->len;
	bool is_whole = true;
	pl_buf_putc(b, '{');
	for (size_t i = 0; query.len && i < FIELDS_MAX && b->len - begin < QUERY_MAX; i++)
		is_whole &= put_parameter(b, pl_slice_cut(query, '&', &query), b->len == begin + 1);
	pl_buf_putc(b, '}');
	return is_whole && !query.len;
}

/* ---- a handshake ---- */

/* As a Date of JavaScript is written. */
static void put_date(struct pl_buf *b, uint64_t wall_ms)
{
	char text[DATE_TEXT];
	struct tm tm;
	time_t at = (time_t)(wall_ms / 1000);
	size_t n = gmtime_r(&at, &tm) ? strftime(text, sizeof(text),
						 "%a %b %d %Y %H:%M:%S GMT+0000 "
						 "(Coordinated Universal Time)",
						 &tm)
				      : 0;
	pl_json_put_str(b, pl_slice(text, n));
}

static void put_address(struct pl_buf *b, const struct pl_eio *eio)
{
	char text[PL_ADDRESS_TEXT];
	pl_ip_format(pl_eio_from(eio), text);
	pl_json_put_str(b, pl_slice_str(text));
}

static void put_url(struct pl_buf *b, const struct pl_http_request *q, bool with_query)
{
	pl_buf_putc(b, '"');
	pl_json_put_escaped(b, q->path);
	if (with_query && q->query.len) {
		pl_buf_putc(b, '?');
		pl_json_put_escaped(b, q->query);
	}
	pl_buf_putc(b, '"');
}

static void put_handshake(struct pl_buf *b, const struct pl_eio *eio,
			  const struct pl_http_request *q, uint64_t wall_ms)
{
	PL_PUT(b, "{\"address\":");
	put_address(b, eio);
	PL_PUT(b, ",\"headers\":");
	put_headers(b, &q->head);
	PL_PUT(b, ",\"query\":");
	bool is_whole = put_query(b, q->query);
	PL_PUT(b, ",\"issued\":");
	pl_buf_put_u64(b, wall_ms);
	PL_PUT(b, ",\"secure\":");
	pl_json_put_bool(b, pl_eio_is_secure(eio));
	PL_PUT(b, ",\"time\":");
	put_date(b, wall_ms);
	PL_PUT(b, ",\"url\":");
	put_url(b, q, is_whole);
	PL_PUT(b, ",\"xdomain\":");
	pl_json_put_bool(b, pl_http_header(&q->head, "Origin").at != NULL);
	pl_buf_putc(b, '}');
}

struct pl_admin_handshake *pl_admin_handshake_new(const struct pl_eio *eio,
						  const struct pl_request *q, uint64_t wall_ms)
{
	struct pl_admin_handshake *h = NULL;
	struct pl_buf b;
	pl_buf_init(&b, HANDSHAKE_MAX);
	put_handshake(&b, eio, q->http, wall_ms);
	if (!b.err)
		h = pl_alloc(sizeof(*h) + b.len);
	if (h) {
		*h = (struct pl_admin_handshake){.number = pl_eio_number(eio),
						 .len = (uint32_t)b.len};
		memcpy(h->json, b.at, b.len);
	}
	pl_buf_fini(&b);
	return h;
}

/* ---- a socket ---- */

/* Not the beginning of the session's id, which is a secret: its number in this process, with the
 * worker's moved down from above its 48 bits. */
static void put_client_id(struct pl_buf *b, const struct pl_eio *eio)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t whole = pl_eio_number(eio), number = (whole >> 48 << 36) ^ (whole << 16 >> 16);
	char text[CLIENT_ID];
	for (size_t i = sizeof(text); i--; number >>= 4)
		text[i] = digits[number & 15];
	pl_json_put_str(b, pl_slice(text, sizeof(text)));
}

/* Its own id first, whether or not the engine counts that as a room. */
void pl_admin_rooms_of(const parley_socket *s, struct pl_admin_rooms *out)
{
	struct parley_slice rooms[PL_ADMIN_ROOMS_MAX];
	struct parley_slice id = parley_socket_id(s);
	size_t n = parley_socket_rooms(s, rooms, PL_ADMIN_ROOMS_MAX);
	out->at[0] = id;
	out->n = 1;
	for (size_t i = 0; i < n && out->n < PL_ADMIN_ROOMS_MAX; i++)
		if (!parley_slice_eq(rooms[i], id))
			out->at[out->n++] = rooms[i];
}

/* Names that a program gave need not be text. */
static void put_rooms(struct pl_buf *b, const parley_socket *s)
{
	struct pl_admin_rooms rooms;
	size_t shown = 0;
	pl_admin_rooms_of(s, &rooms);
	pl_buf_putc(b, '[');
	for (size_t i = 0; i < rooms.n; i++) {
		if (!pl_utf8_valid(pl_in(rooms.at[i])))
			continue;
		if (shown++)
			pl_buf_putc(b, ',');
		pl_json_put_str(b, pl_in(rooms.at[i]));
	}
	pl_buf_putc(b, ']');
}

static void put_what_is_known(struct pl_buf *b, const struct pl_eio *eio)
{
	PL_PUT(b, "{\"address\":");
	put_address(b, eio);
	PL_PUT(b, ",\"headers\":{},\"query\":{}}");
}

void pl_admin_put_socket(struct pl_buf *b, parley_socket *s,
			 const struct pl_admin_handshake *handshake)
{
	const struct pl_eio *eio = pl_socket_engine(s);
	PL_PUT(b, "{\"id\":");
	pl_json_put_str(b, pl_in(parley_socket_id(s)));
	PL_PUT(b, ",\"clientId\":");
	put_client_id(b, eio);
	PL_PUT(b, ",\"transport\":");
	pl_json_put_str(b, pl_admin_transport(s));
	PL_PUT(b, ",\"nsp\":");
	pl_json_put_str(b, pl_in(parley_socket_namespace(s)));
	PL_PUT(b, ",\"data\":{},\"handshake\":");
	if (handshake)
		pl_buf_put(b, handshake->json, handshake->len);
	else
		put_what_is_known(b, eio);
	PL_PUT(b, ",\"rooms\":");
	put_rooms(b, s);
	pl_buf_putc(b, '}');
}

struct pl_slice pl_admin_transport(const parley_socket *s)
{
	return parley_socket_is_websocket(s) ? PL_S("websocket") : PL_S("polling");
}
