/* chat_link_internal.h - what chat_link.c and chat_link_events.c share. */
#ifndef PARLEY_CHAT_LINK_INTERNAL_H
#define PARLEY_CHAT_LINK_INTERNAL_H

#include "chat_link.h"

#include "wire/http.h"
#include "wire/ws.h"

struct addrinfo;

enum phase { CONNECTING, SECURING, UPGRADING, IS_OPEN };

struct link {
	const struct link_target *to;
	struct addrinfo *addresses, *next; /* next: not yet tried */
	int fd;
	enum phase phase;
	struct pl_tls *tls;
	struct pl_buf out, in; /* in: plaintext; `used` bytes of it are done with */
	size_t used;
	struct pl_http_parser http;
	struct pl_ws_reader reader;
	char key[PL_WS_KEY_LEN];
	uint64_t now_ms, setup_due_ms, heard_ms, pinged_ms;
	bool is_ended; /* nothing more will come; events may still wait in `in` */
	bool is_refusal, is_untrusted, is_told;
	struct pl_buf why;
};

/* Nothing more will come. The first reason stays. */
void link_end(struct link *, const char *what, struct pl_slice detail);
void link_put_frame(struct link *, enum pl_ws_op, struct pl_slice payload);
void link_flush(struct link *);

#endif
