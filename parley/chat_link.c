/* chat_link.c - one connection to the server, from the name to the last byte. */
#include "chat_link_internal.h"

#include "base/id.h"
#include "base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_MAX = 16 << 10,
	IN_MAX = 256 << 10,
	OUT_MAX = 4 << 20,
	WHY_MAX = 256,
	SETUP_MS = 10000, /* for each address: connect, TLS, handshake */
	PING_MS = 25000,
	SILENCE_MS = 60000,
};

#define NOTHING ((struct pl_slice){NULL, 0})

void link_end(struct link *l, const char *what, struct pl_slice detail)
{
	if (l->is_ended)
		return;
	l->is_ended = true;
	pl_buf_clear(&l->why);
	pl_buf_puts(&l->why, pl_slice_str(what));
	if (detail.len)
		PL_PUT(&l->why, ": ");
	pl_buf_puts(&l->why, detail);
}

static void end_errno(struct link *l, const char *what, int error)
{
	char text[128];
	link_end(l, what, pl_slice_str(strerror_r(error, text, sizeof(text))));
}

/* ---- out ---- */

/* Plaintext to the socket's queue, through TLS when there is one. */
static void put_plain(struct link *l, struct pl_slice plain)
{
	if (!l->tls)
		pl_buf_puts(&l->out, plain);
	else if (pl_tls_write(l->tls, plain, &l->out))
		link_end(l, "TLS failed", NOTHING);
	if (l->out.err)
		link_end(l, "the server reads too slowly", NOTHING);
}

void link_put_frame(struct link *l, enum pl_ws_op op, struct pl_slice payload)
{
	struct pl_buf frame;
	uint8_t mask[4];
	pl_random_bytes(mask, sizeof(mask));
	pl_buf_init(&frame, payload.len + PL_WS_HEADER_MAX);
	pl_ws_put(&frame, op, payload, mask);
	if (frame.err)
		link_end(l, pl_strerror(frame.err), NOTHING);
	else
		put_plain(l, pl_buf_slice(&frame));
	pl_buf_fini(&frame);
}

void link_flush(struct link *l)
{
	while (l->out.len && l->phase != CONNECTING) {
		ssize_t n = send(l->fd, l->out.at, l->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			end_errno(l, "cannot send", errno);
		if (n <= 0)
			return;
		pl_buf_drop(&l->out, (size_t)n);
	}
}

/* ---- setting up ---- */

static void write_header(struct pl_buf *b, struct pl_slice name, struct pl_slice value, int *err)
{
	if (!*err)
		*err = pl_http_write_header(b, name, value);
}

static void upgrade(struct link *l)
{
	const struct pl_url *u = &l->to->url;
	struct pl_buf b;
	pl_buf_init(&b, PL_URL_MAX + 1024);
	pl_ws_new_key(l->key);
	int err = pl_http_write_request(&b, PL_S("GET"), u->path, u->query, u->authority);
	write_header(&b, PL_S("Upgrade"), PL_S("websocket"), &err);
	write_header(&b, PL_S("Connection"), PL_S("Upgrade"), &err);
	write_header(&b, PL_S("Sec-WebSocket-Key"), pl_slice(l->key, sizeof(l->key)), &err);
	write_header(&b, PL_S("Sec-WebSocket-Version"), PL_S("13"), &err);
	if (!err)
		err = pl_http_write_end(&b);
	l->phase = UPGRADING;
	if (err)
		link_end(l, pl_strerror(err), NOTHING);
	else
		put_plain(l, pl_buf_slice(&b));
	pl_buf_fini(&b);
}

static void secure(struct link *l)
{
	char name[PL_HOST_MAX + 1] = {0};
	memcpy(name, l->to->url.host.at, l->to->url.host.len);
	l->phase = SECURING;
	int err = pl_tls_new(l->to->tls, name, &l->tls);
	if (!err)
		err = pl_tls_start(l->tls, &l->out);
	if (err)
		link_end(l, pl_strerror(err), NOTHING);
}

/* Tries the next address; false when there is none. */
static bool try_next(struct link *l)
{
	struct addrinfo *a = l->next;
	if (!a)
		return false;
	if (l->fd >= 0)
		(void)close(l->fd);
	l->next = a->ai_next;
	l->phase = CONNECTING;
	l->setup_due_ms = l->now_ms + SETUP_MS;
	l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;
	if (l->fd >= 0 && (!connect(l->fd, a->ai_addr, a->ai_addrlen) || errno == EINPROGRESS))
		(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	else if (!try_next(l))
		end_errno(l, "cannot connect", errno);
	return true;
}

static void connected(struct link *l)
{
	int error = 0;
	socklen_t n = sizeof(error);
	(void)getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (error && !try_next(l))
		end_errno(l, "cannot connect", error);
	else if (!error && l->to->tls)
		secure(l);
	else if (!error)
		upgrade(l);
}

/* localhost and 127.0.0.1 are the same by their addresses, so the family is left open. */
static int resolve(const struct pl_url *u, struct addrinfo **out)
{
	char host[PL_HOST_MAX + 1] = {0};
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	if (u->host.len >= sizeof(host))
		return PL_EINVAL;
	memcpy(host, u->host.at, u->host.len);
	if (getaddrinfo(host, NULL, &hints, out))
		return PL_ENOTFOUND;
	for (struct addrinfo *a = *out; a; a = a->ai_next) {
		struct sockaddr *s = a->ai_addr;
		if (a->ai_family == AF_INET)
			((struct sockaddr_in *)(void *)s)->sin_port = htons(u->port);
		else if (a->ai_family == AF_INET6)
			((struct sockaddr_in6 *)(void *)s)->sin6_port = htons(u->port);
	}
	return 0;
}

int link_open(const struct link_target *to, uint64_t now_ms, struct link **out)
{
	struct addrinfo *addresses = NULL;
	struct link *l = PL_NEW(struct link);
	int err = l ? resolve(&to->url, &addresses) : PL_ENOMEM;
	if (err) {
		pl_free(l);
		return err;
	}
	l->to = to;
	l->fd = -1;
	l->addresses = l->next = addresses;
	l->now_ms = l->heard_ms = l->pinged_ms = now_ms;
	pl_buf_init(&l->out, OUT_MAX);
	pl_buf_init(&l->in, IN_MAX);
	pl_buf_init(&l->why, WHY_MAX);
	(void)try_next(l);
	*out = l;
	return 0;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		(void)close(l->fd);
	pl_tls_free(l->tls);
	pl_ws_reader_fini(&l->reader);
	pl_buf_fini(&l->out);
	pl_buf_fini(&l->in);
	pl_buf_fini(&l->why);
	freeaddrinfo(l->addresses);
	pl_free(l);
}

/* ---- in ---- */

static void take_cipher(struct link *l, struct pl_slice in)
{
	char plain[READ_MAX];
	ssize_t n;
	while ((n = pl_tls_read(l->tls, &in, plain, sizeof(plain), &l->out)) > 0)
		pl_buf_put(&l->in, plain, (size_t)n);
	if (n == PL_ECLOSED) {
		link_end(l, "the server closed the connection", NOTHING);
	} else if (n < 0) {
		l->is_untrusted = l->phase == SECURING;
		link_end(l, l->is_untrusted ? "TLS was refused" : "TLS failed", NOTHING);
	} else if (l->phase == SECURING && pl_tls_is_ready(l->tls)) {
		upgrade(l);
	}
}

static void receive(struct link *l)
{
	char raw[READ_MAX];
	ssize_t n = recv(l->fd, raw, sizeof(raw), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		end_errno(l, "connection lost", errno);
	else if (!n)
		link_end(l, "the server closed the connection", NOTHING);
	if (n <= 0)
		return;
	l->heard_ms = l->now_ms;
	if (l->tls)
		take_cipher(l, pl_slice(raw, (size_t)n));
	else
		pl_buf_put(&l->in, raw, (size_t)n);
	if (l->in.err)
		link_end(l, "the server's answer is too long", NOTHING);
}

static void look_at_clock(struct link *l)
{
	if (l->phase < IS_OPEN && l->now_ms >= l->setup_due_ms &&
	    (l->phase != CONNECTING || !try_next(l)))
		link_end(l, "the server does not answer", NOTHING);
	if (l->phase != IS_OPEN)
		return;
	if (l->now_ms >= l->heard_ms + SILENCE_MS) {
		link_end(l, "the server does not answer", NOTHING);
	} else if (l->now_ms >= l->heard_ms + PING_MS && l->now_ms >= l->pinged_ms + PING_MS) {
		l->pinged_ms = l->now_ms;
		link_put_frame(l, PL_WS_PING, PL_S(""));
	}
}

uint64_t link_due(const struct link *l)
{
	if (l->phase < IS_OPEN)
		return l->setup_due_ms;
	uint64_t since = l->heard_ms > l->pinged_ms ? l->heard_ms : l->pinged_ms;
	uint64_t dead = l->heard_ms + SILENCE_MS;
	return since + PING_MS < dead ? since + PING_MS : dead;
}

int link_fd(const struct link *l)
{
	return l->fd;
}

short link_wants(const struct link *l)
{
	if (l->phase == CONNECTING)
		return POLLOUT;
	return l->out.len ? POLLIN | POLLOUT : POLLIN;
}

void link_pump(struct link *l, short revents, uint64_t now_ms)
{
	l->now_ms = now_ms;
	if (l->is_ended)
		return;
	if (revents && l->phase == CONNECTING)
		connected(l);
	else if (revents & (POLLIN | POLLHUP | POLLERR))
		receive(l);
	if (!l->is_ended)
		look_at_clock(l);
	if (!l->is_ended)
		link_flush(l);
}
