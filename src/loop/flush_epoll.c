/* flush_epoll.c - the flush by one send(2) or sendmsg(2) per connection. */
#include "loop/internal.h"

#include <errno.h>

static void send_all(struct pl_flusher *f, struct pl_send *sends, size_t n)
{
	(void)f;
	for (size_t i = 0; i < n; i++) {
		struct pl_send *s = &sends[i];
		ssize_t done;
		do
			done = s->count == 1 ? send(s->fd, s->iov[0].iov_base, s->iov[0].iov_len,
						    MSG_DONTWAIT | MSG_NOSIGNAL)
					     : sendmsg(s->fd, &s->msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		while (done < 0 && errno == EINTR);
		s->result = done < 0 ? -errno : done;
	}
}

struct pl_flusher *pl_flush_epoll(void)
{
	static struct pl_flusher plain = {.send_all = send_all};
	return &plain;
}
