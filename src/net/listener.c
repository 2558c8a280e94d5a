/* listener.c - binding, accepting, and what happens when descriptors run out. */
#include "net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPTS_PER_TURN = 64, PAUSE_MS = 100 };

/*
 * Whether the path is a socket that a server left behind. Whatever else lies there is somebody's
 * file: connecting to that is refused just the same.
 */
static bool is_left_behind(const struct pl_address *a, const char *path)
{
	struct stat st;
	if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_refused = fd >= 0 && connect(fd, (const struct sockaddr *)&a->at, a->len) &&
			  errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return is_refused;
}

static int open_socket(const struct pl_address *a)
{
	int family = a->at.ss_family, on = 1, off = 0;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (family == AF_UNIX) {
		const char *path = ((const struct sockaddr_un *)(const void *)&a->at)->sun_path;
		if (is_left_behind(a, path))
			unlink(path);
		return fd;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Inherited by what is accepted: one system call less for each connection. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	return fd;
}

static int listen_at(const struct pl_address *a, bool is_private, int *out,
		     struct pl_address *bound)
{
	int fd = open_socket(a);
	struct pl_address b = *a;
	if (fd < 0)
		return PL_EADDR;
	/* Before the name is there: Linux makes it with the descriptor's mode, less the umask. */
	if (is_private && fchmod(fd, S_IRUSR | S_IWUSR)) {
		close(fd);
		return PL_EADDR;
	}
	if (bind(fd, (const struct sockaddr *)&a->at, a->len) || listen(fd, BACKLOG)) {
		close(fd);
		return PL_EADDR;
	}
	if (a->at.ss_family != AF_UNIX) {
		b.len = sizeof(b.at);
		getsockname(fd, (struct sockaddr *)&b.at, &b.len);
	}
	*bound = b;
	*out = fd;
	return 0;
}

int pl_listen(const struct pl_address *a, int *out, struct pl_address *bound)
{
	return listen_at(a, false, out, bound);
}

int pl_listen_private(const struct pl_address *a, int *out, struct pl_address *bound)
{
	return listen_at(a, true, out, bound);
}

static void pause_accepting(struct pl_listener *l)
{
	/*
	 * The socket stays readable, so leaving it in epoll would spin. Waiting connections stay in
	 * the kernel's queue meanwhile.
	 */
	pl_io_remove(l->loop, &l->io);
	l->is_accepting = false;
	pl_timer_set(l->loop, &l->resume, PAUSE_MS);
	pl_metric_add(pl_loop_metrics(l->loop), PL_M_ACCEPT_PAUSED, 1);
	pl_log(pl_loop_log(l->loop), PL_WARN, "net", "accept: %m; pausing %d ms", PAUSE_MS);
}

static void on_resume(struct pl_timer *t)
{
	struct pl_listener *l = PL_CONTAINER(t, struct pl_listener, resume);
	if (pl_io_add(l->loop, &l->io, EPOLLIN | EPOLLEXCLUSIVE))
		pl_timer_set(l->loop, &l->resume, PAUSE_MS);
	else
		l->is_accepting = true;
}

static void on_ready(struct pl_io *io, uint32_t events)
{
	struct pl_listener *l = PL_CONTAINER(io, struct pl_listener, io);
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN && l->is_accepting; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof(from);
		int fd = accept4(io->fd, (struct sockaddr *)&from, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			struct pl_ip ip = pl_ip_of(&from);
			l->on_accept(l, fd, &ip);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			pause_accepting(l);
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

int pl_listener_start(struct pl_listener *l, struct pl_loop *loop, int fd)
{
	l->io = (struct pl_io){.fd = fd, .on_ready = on_ready};
	l->loop = loop;
	pl_timer_init(&l->resume, on_resume);
	int err = pl_io_add(loop, &l->io, EPOLLIN | EPOLLEXCLUSIVE);
	l->is_accepting = !err;
	return err;
}

void pl_listener_stop(struct pl_listener *l)
{
	if (l->is_accepting)
		pl_io_remove(l->loop, &l->io);
	l->is_accepting = false;
	pl_timer_stop(&l->resume);
}
