/* encoded.c - the message for an event, and its frames as they come to be needed. */
#include "dialect/encoded.h"

#include "base/mem.h"

enum { FRAME_MAX = 32 << 20 };

struct pl_encoded *pl_encoded_new(const struct pl_event *e, enum pl_ws_op kind,
				  void (*write)(const struct pl_event *, struct pl_buf *))
{
	struct pl_encoded *x = PL_NEW(struct pl_encoded);
	if (!x)
		return NULL;
	pl_buf_init(&x->text, FRAME_MAX);
	write(e, &x->text);
	if (x->text.err) {
		pl_buf_fini(&x->text);
		pl_free(x);
		return NULL;
	}
	x->shared = (struct pl_shared){
		.kind = kind, .payload = pl_buf_slice(&x->text), .is_volatile = e->is_volatile};
	return x;
}

void pl_encoded_free(struct pl_encoded *x)
{
	pl_shared_fini(&x->shared);
	pl_buf_fini(&x->text);
	pl_free(x);
}
