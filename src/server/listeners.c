/* listeners.c - the addresses that a server listens at, and what is spoken there. */
#include "server/internal.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <sys/un.h>
#include <unistd.h>

static int bind_one(struct parley_server *s, const struct pl_listen_at *at, struct pl_buf *why)
{
	struct pl_listen_point *p = &s->bound[s->nbound];
	struct pl_address address;
	struct pl_buf text;
	pl_buf_init(&text, PL_ADDRESS_TEXT * 2);
	pl_listen_print(at, &text);
	struct pl_slice shown = pl_buf_slice(&text);
	if (at->tls && pl_slice_starts(shown, PL_S("tls:")))
		shown = pl_slice(shown.at + 4, shown.len - 4);
	int err = text.err ? text.err : pl_address_parse(shown, &address);
	if (!err && at->tls && !s->tls.context) {
		pl_buf_printf(why, "listen %.*s: TLS needs tls.certificate and tls.key\n",
			      PL_FMT(shown));
		err = PL_ETLS;
	} else if (!err) {
		err = pl_listen(&address, &p->fd, &p->bound);
		if (err)
			pl_buf_printf(why, "listen %.*s: %m\n", PL_FMT(shown));
	}
	pl_buf_fini(&text);
	if (err)
		return err;
	p->tls = at->tls ? &s->tls : NULL;
	s->speaks[s->nbound] = at->speaks;
	s->takes_guests[s->nbound] = pl_listen_takes_guests(s->config, at);
	s->nbound++;
	return 0;
}

/* Where there is something to administer while the server has it open. */
static bool wants_control(const struct parley_server *s)
{
	const struct pl_config *c = s->config;
	return s->has_chat && (c->store_kind != PL_STORE_MEMORY || c->accounts_enabled);
}

/*
 * DATA/admin.sock, for `parley user`. Whoever can open it can open the database too, so it asks for
 * no key. The server does its work without it as well: a path too long for a socket stops nobody.
 */
static void bind_control(struct parley_server *s)
{
	struct pl_listen_point *p = &s->bound[s->nbound];
	struct pl_address address;
	struct pl_buf text;
	char *path = NULL;
	pl_buf_init(&text, PL_CONFIG_VALUE_MAX + 64);
	int err = pl_config_path(s->config, PL_ADMIN_SOCKET_NAME, &path);
	pl_buf_printf(&text, "unix:%s", path ? path : "");
	if (!err)
		err = text.err ? text.err : pl_address_parse(pl_buf_slice(&text), &address);
	if (!err)
		err = pl_listen_private(&address, &p->fd, &p->bound);
	pl_free(path);
	if (err) {
		pl_log(s->log, PL_WARN, "server", "no %.*s: `parley user` cannot reach this server",
		       PL_FMT(pl_buf_slice(&text)));
	} else {
		p->tls = NULL;
		s->speaks[s->nbound++] = PL_SPEAKS_ALL;
		s->has_control = true;
	}
	pl_buf_fini(&text);
}

int pl_server_bind(struct parley_server *s, struct pl_buf *why)
{
	const struct pl_listen_list *l = &s->config->listen;
	if (l->n >= PL_LISTEN_MAX) {
		pl_buf_printf(why, "listen: at most %d listeners\n", PL_LISTEN_MAX - 1);
		return PL_ELIMIT;
	}
	int err = 0;
	for (size_t i = 0; !err && i < l->n; i++)
		err = bind_one(s, &l->at[i], why);
	if (!err && wants_control(s))
		bind_control(s);
	return err;
}

void pl_server_unbind(struct parley_server *s)
{
	for (size_t i = 0; i < s->nbound; i++) {
		struct pl_listen_point *p = &s->bound[i];
		close(p->fd);
		if (p->bound.at.ss_family == AF_UNIX)
			unlink(((struct sockaddr_un *)(void *)&p->bound.at)->sun_path);
	}
	s->nbound = 0;
	s->has_control = false;
}

uint16_t pl_server_port(const struct parley_server *s, size_t index)
{
	if (index >= s->nbound)
		return 0;
	const struct sockaddr_storage *at = &s->bound[index].bound.at;
	if (at->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)at)->sin_port);
	if (at->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)at)->sin6_port);
	return 0;
}

void pl_server_describe(const struct parley_server *s, struct pl_buf *out)
{
	char text[PL_ADDRESS_TEXT];
	for (size_t i = 0; i < s->nbound - s->has_control; i++) {
		const struct pl_listen_point *p = &s->bound[i];
		pl_address_format(&p->bound, text);
		pl_buf_printf(out, "%s%s (%s)\n",
			      p->bound.at.ss_family == AF_UNIX ? ""
			      : p->tls                         ? "wss://"
							       : "ws://",
			      text, pl_speaks_name(s->speaks[i]));
	}
}
