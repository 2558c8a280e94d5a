/* outq_test.c - proves that the output queue keeps every byte in order, tears no message when it is
 * cut, and owns what it points to, also when memory runs out. */
#include "conn/outq.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* All that waits, one after the other. */
static size_t flat(const struct pl_outq *q, bool cipher, char *out, size_t max)
{
	size_t n = 0;
	struct iovec iov[256];
	int count = pl_outq_iov(q, cipher, iov, 256);
	for (int i = 0; i < count; i++) {
		assert_true(n + iov[i].iov_len <= max);
		memcpy(out + n, iov[i].iov_base, iov[i].iov_len);
		n += iov[i].iov_len;
	}
	return n;
}

static void assert_waits(const struct pl_outq *q, const char *text)
{
	char out[4096];
	size_t n = flat(q, false, out, sizeof(out));
	assert_int_equal(n, q->bytes);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(out, text, n);
}

static void put(struct pl_outq *q, struct pl_slab *slab, const char *text)
{
	assert_int_equal(pl_outq_put(q, slab, text, strlen(text)), 0);
}

static void small_words_become_one_span(void **state)
{
	(void)state;
	struct pl_outq q, other;
	struct pl_slab slab = {0};
	struct pl_frame *f = pl_frame_copy(PL_S("shared"));
	pl_outq_init(&q);
	pl_outq_init(&other);
	put(&q, &slab, "one ");
	put(&q, &slab, "two ");
	assert_int_equal(pl_outq_add(&q, &slab, f), 0);
	assert_int_equal(pl_outq_put2(&q, &slab, PL_S(" head"), PL_S(" rest")), 0);
	assert_int_equal(q.count, 1);
	assert_waits(&q, "one two shared head rest");
	put(&other, &slab, "another's");
	put(&q, &slab, ", mine");
	assert_int_equal(q.count, 2); /* somebody else's bytes lie between */
	assert_waits(&q, "one two shared head rest, mine");
	assert_waits(&other, "another's");
	pl_outq_consume(&q, 27);
	assert_waits(&q, "ine");
	pl_outq_consume(&q, 3);
	assert_int_equal(q.bytes + q.count, 0);
	pl_outq_fini(&q);
	pl_outq_fini(&other);
	pl_slab_fini(&slab);
	pl_frame_release(f);
}

static void a_lone_frame_is_shared_a_large_one_always(void **state)
{
	(void)state;
	struct pl_outq q;
	struct pl_slab slab = {0};
	struct pl_frame *small = pl_frame_copy(PL_S("small")),
			*large = pl_frame_new(PL_SMALL_BYTES + 1);
	memset(large->at, 'l', large->len);
	pl_outq_init(&q);
	assert_int_equal(pl_outq_add(&q, &slab, small), 0);
	assert_int_equal(pl_outq_add(&q, &slab, large), 0);
	assert_int_equal(atomic_load(&small->refs), 2);
	assert_int_equal(atomic_load(&large->refs), 2);
	assert_int_equal(pl_outq_add(&q, &slab, small), 0);
	assert_int_equal(atomic_load(&small->refs), 2);
	pl_outq_fini(&q);
	assert_int_equal(atomic_load(&small->refs), 1);
	assert_int_equal(atomic_load(&large->refs), 1);
	pl_slab_fini(&slab);
	pl_frame_release(small);
	pl_frame_release(large);
}

/* Room is left for the head only: the message goes elsewhere as a whole. */
static void a_cut_keeps_what_has_begun_and_nothing_half(void **state)
{
	(void)state;
	struct pl_outq q;
	char first[PL_SMALL_BYTES - 6], rest[100] = "";
	memset(first, 'f', sizeof(first));
	memset(rest, 'r', sizeof(rest));
	pl_outq_init(&q);
	assert_int_equal(pl_outq_put(&q, NULL, first, sizeof(first)), 0);
	assert_int_equal(pl_outq_put2(&q, NULL, PL_S("head"), pl_slice(rest, 100)), 0);
	pl_outq_consume(&q, 10);
	pl_outq_cut(&q);
	assert_int_equal(q.bytes, sizeof(first) - 10);
	put(&q, NULL, "bye");
	put(&q, NULL, "never");
	pl_outq_consume(&q, sizeof(first) - 10);
	assert_waits(&q, "byenever");
	pl_outq_cut(&q); /* between messages: nothing has begun */
	assert_waits(&q, "");
	put(&q, NULL, "whole");
	pl_outq_consume(&q, 1);
	put(&q, NULL, "later"); /* not glued to what has begun */
	pl_outq_cut(&q);
	assert_waits(&q, "hole");
	pl_outq_fini(&q);
}

/* As TLS uses it: a large message is encrypted in pieces, and its rest must follow. */
static void a_cut_keeps_the_rest_of_what_is_half_encrypted(void **state)
{
	(void)state;
	struct pl_outq q;
	struct pl_slab slab = {0};
	pl_outq_init(&q);
	put(&q, &slab, "message");
	pl_outq_consume(&q, 4);
	assert_int_equal(pl_outq_put_cipher(&q, &slab, "MESS", 4), 0);
	assert_int_equal(q.ncipher, 1);
	put(&q, &slab, "next");
	assert_waits(&q, "MESSagenext");
	pl_outq_cut(&q);
	assert_waits(&q, "MESSage");
	assert_int_equal(pl_outq_put_cipher(&q, &slab, "+", 1), 0);
	assert_waits(&q, "MESS+age");
	pl_outq_consume(&q, 5);
	assert_int_equal(q.ncipher, 0);
	assert_waits(&q, "age");
	pl_outq_fini(&q);
	pl_slab_fini(&slab);
}

static void plaintext_is_never_taken_for_ciphertext(void **state)
{
	(void)state;
	struct pl_outq q;
	struct pl_slab slab = {0};
	char out[64];
	pl_outq_init(&q);
	assert_int_equal(pl_outq_put_cipher(&q, &slab, "C1", 2), 0);
	put(&q, &slab, "p1");
	assert_int_equal(pl_outq_put_cipher(&q, &slab, "C2", 2), 0);
	put(&q, &slab, "p2");
	assert_waits(&q, "C1C2p1p2");
	assert_int_equal(flat(&q, true, out, sizeof(out)), 4);
	assert_memory_equal(out, "C1C2", 4);
	pl_outq_fini(&q);
	pl_slab_fini(&slab);
}

/* A slab as large as the largest message ever sent would stay so for ever. */
static void a_large_message_leaves_no_large_slab(void **state)
{
	enum { LARGE = PL_SLAB_BYTES + 1 };
	struct pl_outq q;
	struct pl_slab slab = {0};
	char *bytes = test_malloc(LARGE);
	(void)state;
	pl_outq_init(&q);
	memset(bytes, 'x', LARGE);
	put(&q, &slab, "small");
	assert_int_equal(pl_outq_put2(&q, &slab, PL_S("head"), pl_slice(bytes, LARGE)), 0);
	put(&q, &slab, "after");
	assert_int_equal(q.bytes, 5 + 4 + LARGE + 5);
	assert_int_equal(slab.frame->len, PL_SLAB_BYTES);
	pl_outq_consume(&q, 5 + 4 + LARGE);
	assert_waits(&q, "after");
	assert_int_equal(pl_outq_put(&q, NULL, bytes, LARGE), 0);
	assert_true(!q.own.frame || q.own.frame->len == PL_SMALL_BYTES);
	pl_outq_fini(&q);
	pl_slab_fini(&slab);
	test_free(bytes);
}

static void detached_bytes_outlive_the_slab(void **state)
{
	(void)state;
	struct pl_outq q, other;
	struct pl_slab slab = {0};
	pl_outq_init(&q);
	pl_outq_init(&other);
	put(&q, &slab, "mine");
	put(&other, &slab, "x");
	put(&q, &slab, " too");
	assert_int_equal(pl_outq_detach(&q, &slab), 0);
	pl_outq_fini(&other);
	assert_int_equal(atomic_load(&slab.frame->refs), 1);
	put(&other, &slab, "overwritten");
	assert_waits(&q, "mine too");
	pl_outq_fini(&q);
	pl_outq_fini(&other);
	pl_slab_fini(&slab);
}

/* ---- a long random life beside a model that is one string ---- */

enum { LIFE = 20000, MODEL = 1 << 20 };
struct model {
	char *at;
	size_t len, cipher; /* bytes; of these, encrypted */
};

static uint64_t dice;

/* The same life on each run. */
static int roll(void)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (int)(dice >> 33);
}

static void random_put(struct pl_outq *q, struct pl_slab *slab, struct model *m, unsigned kind)
{
	static char bytes[6000];
	size_t n = (size_t)roll() % (roll() % 8 ? 60 : sizeof(bytes));
	memset(bytes, 'a' + roll() % 26, sizeof(bytes));
	if (m->len + n > MODEL || q->count > 200)
		return;
	if (kind == 0) {
		assert_int_equal(pl_outq_put_cipher(q, slab, bytes, n), 0);
		memmove(m->at + m->cipher + n, m->at + m->cipher, m->len - m->cipher);
		memcpy(m->at + m->cipher, bytes, n);
		m->cipher += n;
	} else if (kind == 1) {
		struct pl_frame *f = pl_frame_copy(pl_slice(bytes, n));
		assert_int_equal(pl_outq_add(q, slab, f), 0);
		pl_frame_release(f);
		memcpy(m->at + m->len, bytes, n);
	} else {
		size_t head = n ? (size_t)roll() % n : 0;
		assert_int_equal(pl_outq_put2(q, slab, pl_slice(bytes, head),
					      pl_slice(bytes + head, n - head)),
				 0);
		memcpy(m->at + m->len, bytes, n);
	}
	m->len += n;
}

static void random_consume(struct pl_outq *q, struct model *m, bool tls)
{
	size_t most = tls ? m->cipher : m->len, n = most ? (size_t)roll() % (most + 1) : 0;
	pl_outq_consume(q, n);
	memmove(m->at, m->at + n, m->len - n);
	m->len -= n;
	m->cipher -= tls ? n : 0;
}

static void random_life(bool tls, unsigned seed)
{
	struct pl_outq q;
	struct pl_slab slab = {0};
	struct model m = {.at = malloc(MODEL + 8192)};
	char *out = malloc(MODEL);
	dice = seed;
	pl_outq_init(&q);
	for (int i = 0; i < LIFE; i++) {
		int what = roll() % 10;
		struct pl_slab *where = roll() % 2 ? &slab : NULL;
		if (what < 7)
			random_put(&q, where, &m,
				   tls ? (unsigned)roll() % 3 : 1u + (unsigned)roll() % 2);
		else if (what == 7)
			assert_int_equal(pl_outq_detach(&q, &slab), 0);
		else
			random_consume(&q, &m, tls);
		assert_int_equal(q.bytes, m.len);
		assert_int_equal(flat(&q, false, out, MODEL), m.len);
		assert_memory_equal(out, m.at, m.len);
		assert_int_equal(flat(&q, true, out, MODEL), m.cipher);
	}
	pl_outq_fini(&q);
	pl_slab_fini(&slab);
	free(m.at);
	free(out);
}

static void a_long_life_loses_nothing(void **state)
{
	(void)state;
	random_life(false, 1);
	random_life(true, 2);
}

static void without_memory_nothing_changes(void **state)
{
	(void)state;
	bool failed = true;
	for (unsigned long n = 1; failed; n++) {
		struct pl_outq q;
		struct pl_slab slab = {0};
		char expected[512] = "", word[16];
		pl_outq_init(&q);
		pl_mem_fail_at(n, false);
		failed = false;
		for (int i = 0; i < 20; i++) {
			memset(word, 'a' + i, sizeof(word));
			struct pl_slab apart = {0}; /* each span for itself, so that spans grow */
			int err = pl_outq_put(&q, &apart, word, sizeof(word));
			failed |= err != 0;
			if (!err)
				memcpy(expected + strlen(expected), word, 16);
			pl_slab_fini(&apart);
		}
		failed |= pl_outq_detach(&q, &slab) != 0;
		pl_mem_fail_at(0, false);
		assert_waits(&q, expected);
		pl_outq_fini(&q);
		pl_slab_fini(&slab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_words_become_one_span),
		cmocka_unit_test(a_lone_frame_is_shared_a_large_one_always),
		cmocka_unit_test(a_cut_keeps_what_has_begun_and_nothing_half),
		cmocka_unit_test(a_cut_keeps_the_rest_of_what_is_half_encrypted),
		cmocka_unit_test(plaintext_is_never_taken_for_ciphertext),
		cmocka_unit_test(a_large_message_leaves_no_large_slab),
		cmocka_unit_test(detached_bytes_outlive_the_slab),
		cmocka_unit_test(a_long_life_loses_nothing),
		cmocka_unit_test(without_memory_nothing_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
