/* listen_at.c - one item of `listen`: [tls:]ADDR:PORT[=DIALECT] or unix:PATH[=DIALECT]. */
#include "server/options.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <sys/un.h>

/* In the order of enum pl_speaks. */
const char *const pl_speaks_words[] = {
	"all", "qrypt", "native", "handler", "realtime-chat", "realtime-presence", "socketio", NULL,
};

const char *pl_speaks_name(enum pl_speaks speaks)
{
	return pl_speaks_words[speaks];
}

static int refuse(struct pl_buf *why, struct pl_slice item, const char *reason)
{
	size_t shown = item.len < 128 ? item.len : 128;
	pl_buf_printf(why, "\"%.*s\" %s", (int)shown, item.at, reason);
	return PL_EINVAL;
}

static int parse_speaks(struct pl_slice word, struct pl_listen_at *at, struct pl_buf *why)
{
	for (unsigned int i = 0; pl_speaks_words[i]; i++)
		if (pl_slice_is(word, pl_speaks_words[i])) {
			at->speaks = (enum pl_speaks)i;
			return 0;
		}
	int err = refuse(why, word, "is not a dialect: ");
	for (unsigned int i = 0; pl_speaks_words[i]; i++)
		pl_buf_printf(why, "%s%s", i ? ", " : "", pl_speaks_words[i]);
	return err;
}

/* Cuts "=DIALECT" off: after the last '=', because a path may hold one. */
static int cut_speaks(struct pl_slice *item, struct pl_listen_at *at, struct pl_buf *why)
{
	const char *eq = item->len ? memrchr(item->at, '=', item->len) : NULL;
	if (!eq)
		return 0;
	size_t head = (size_t)(eq - item->at);
	struct pl_slice word = pl_slice(eq + 1, item->len - head - 1);
	item->len = head;
	return parse_speaks(word, at, why);
}

static int parse_unix(struct pl_slice path, struct pl_listen_at *at, struct pl_buf *why)
{
	at->kind = PL_LISTEN_UNIX;
	if (!path.len || path.len >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return refuse(why, path, "is not a path of 1 to 107 bytes");
	for (size_t i = 0; i < path.len; i++)
		if ((uint8_t)path.at[i] < 0x20)
			return refuse(why, PL_S("path"), "must not contain control characters");
	at->host = pl_memdup0(path.at, path.len);
	return at->host ? 0 : PL_ENOMEM;
}

static bool host_is_valid(struct pl_listen_at *at, struct pl_slice host)
{
	unsigned char binary[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	if (host.len >= sizeof(text) || memchr(host.at, 0, host.len))
		return false;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	return inet_pton(at->kind == PL_LISTEN_IP6 ? AF_INET6 : AF_INET, text, binary) == 1;
}

static int parse_ip(struct pl_slice item, struct pl_listen_at *at, struct pl_buf *why)
{
	const char *colon = item.len ? memrchr(item.at, ':', item.len) : NULL;
	if (!colon)
		return refuse(why, item, "is not ADDR:PORT");
	struct pl_slice host = pl_slice(item.at, (size_t)(colon - item.at));
	uint64_t port;
	if (pl_slice_u64(pl_slice(colon + 1, item.len - host.len - 1), UINT16_MAX, &port))
		return refuse(why, item, "does not end with a port from 0 to 65535");
	at->port = (uint16_t)port;
	at->kind = host.len && host.at[0] == '[' ? PL_LISTEN_IP6 : PL_LISTEN_IP4;
	if (at->kind == PL_LISTEN_IP6 && host.at[host.len - 1] == ']')
		host = pl_slice(host.at + 1, host.len - 2);
	else if (pl_slice_is(host, "localhost"))
		host = PL_S("127.0.0.1");
	if (!host.len || !host_is_valid(at, host))
		return refuse(why, item, "needs an address such as 127.0.0.1, 0.0.0.0 or [::1]");
	at->host = pl_memdup0(host.at, host.len);
	return at->host ? 0 : PL_ENOMEM;
}

int pl_listen_parse(struct pl_slice item, struct pl_listen_at *out, struct pl_buf *why)
{
	struct pl_listen_at at = {.speaks = PL_SPEAKS_ALL};
	struct pl_slice tls = PL_S("tls:"), local = PL_S("unix:");
	int err = cut_speaks(&item, &at, why);
	if (err)
		return err;
	at.tls = pl_slice_starts(item, tls);
	if (at.tls)
		item = pl_slice(item.at + tls.len, item.len - tls.len);
	if (!pl_slice_starts(item, local))
		err = parse_ip(item, &at, why);
	else if (at.tls)
		err = refuse(why, item, "cannot be TLS: a Unix socket is local");
	else
		err = parse_unix(pl_slice(item.at + local.len, item.len - local.len), &at, why);
	if (!err)
		*out = at;
	return err;
}

void pl_listen_print(const struct pl_listen_at *at, struct pl_buf *b)
{
	const char *tls = at->tls ? "tls:" : "";
	if (at->kind == PL_LISTEN_UNIX)
		pl_buf_printf(b, "unix:%s", at->host);
	else if (at->kind == PL_LISTEN_IP6)
		pl_buf_printf(b, "%s[%s]:%u", tls, at->host, at->port);
	else
		pl_buf_printf(b, "%s%s:%u", tls, at->host, at->port);
}

bool pl_listen_is_public(const struct pl_listen_at *at)
{
	struct in6_addr six;
	if (at->kind == PL_LISTEN_UNIX)
		return false;
	if (at->kind == PL_LISTEN_IP4)
		return strncmp(at->host, "127.", 4) != 0;
	return inet_pton(AF_INET6, at->host, &six) != 1 || !IN6_IS_ADDR_LOOPBACK(&six);
}

bool pl_listen_is_named(const struct pl_listen_at *at, const char *item)
{
	struct pl_slice name = pl_slice_str(item);
	struct pl_buf b;
	uint64_t port;
	if (!pl_slice_u64(name, UINT16_MAX, &port))
		return at->kind != PL_LISTEN_UNIX && at->port == port;
	pl_buf_init(&b, 256);
	pl_listen_print(at, &b);
	bool same = !b.err && pl_slice_eq(pl_buf_slice(&b), name);
	pl_buf_fini(&b);
	return same;
}

bool pl_listen_takes_guests(const struct pl_config *c, const struct pl_listen_at *at)
{
	for (size_t i = 0; i < c->native_anonymous.n; i++)
		if (pl_listen_is_named(at, c->native_anonymous.at[i]))
			return true;
	return false;
}
