/* admin_sessions.c - logins that are remembered for a day, in memory: a page that is reloaded shows
 * its session's id instead of the password. */
#include "socketio/admin_internal.h"

#include "base/id.h"
#include "base/mem.h"

#include <openssl/crypto.h>

int pl_admin_sessions_init(struct pl_admin_sessions *s, uint32_t max)
{
	*s = (struct pl_admin_sessions){.max = max};
	s->at = max ? pl_zalloc(max, sizeof(*s->at)) : NULL;
	if (max && !s->at)
		return PL_ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	return 0;
}

void pl_admin_sessions_fini(struct pl_admin_sessions *s)
{
	if (s->at)
		OPENSSL_cleanse(s->at, s->max * sizeof(*s->at));
	pl_free(s->at);
	pthread_mutex_destroy(&s->lock);
}

static void make_id(char out[PL_ADMIN_SESSION_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[PL_ADMIN_SESSION_TEXT / 2];
	pl_random_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++) {
		out[2 * i] = digits[random[i] >> 4];
		out[2 * i + 1] = digits[random[i] & 15];
	}
	OPENSSL_cleanse(random, sizeof(random));
}

bool pl_admin_sessions_add(struct pl_admin_sessions *s, uint64_t now_ms,
			   char out[PL_ADMIN_SESSION_TEXT])
{
	if (!s->max)
		return false;
	make_id(out);
	pthread_mutex_lock(&s->lock);
	bool is_full = s->n == s->max;
	struct pl_admin_session *next = &s->at[(s->first + s->n) % s->max];
	s->n += !is_full;
	s->first = is_full ? (s->first + 1) % s->max : s->first;
	memcpy(next->id, out, sizeof(next->id));
	next->until_ms = now_ms + PL_ADMIN_SESSION_MS;
	pthread_mutex_unlock(&s->lock);
	return true;
}

bool pl_admin_sessions_has(struct pl_admin_sessions *s, struct pl_slice id, uint64_t now_ms)
{
	bool found = false;
	if (id.len != PL_ADMIN_SESSION_TEXT)
		return false;
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->n; i++) {
		const struct pl_admin_session *one = &s->at[(s->first + i) % s->max];
		bool is_it = !CRYPTO_memcmp(one->id, id.at, sizeof(one->id));
		found |= is_it && now_ms < one->until_ms;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}
