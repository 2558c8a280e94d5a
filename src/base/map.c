/* map.c - linear probing with backward-shift deletion; SipHash-1-3 (Aumasson and Bernstein). */
#include "base/map.h"

#include "base/id.h"
#include "base/mem.h"

static uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t pl_siphash(const uint64_t seed[2], struct pl_slice s)
{
	uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
			 seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
	uint64_t word, last = (uint64_t)s.len << 56;
	size_t i = 0;
	for (; i + 8 <= s.len; i += 8) {
		memcpy(&word, s.at + i, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t k = 0; i + k < s.len; k++)
		last |= (uint64_t)(uint8_t)s.at[i + k] << (8 * k);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int k = 0; k < 3; k++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void pl_map_init(struct pl_map *m, size_t max)
{
	*m = (struct pl_map){.max = max};
	pl_random_bytes(m->seed, sizeof(m->seed));
}

void pl_map_fini(struct pl_map *m)
{
	pl_free(m->slots);
	*m = (struct pl_map){.max = m->max};
}

/* The slot that holds the key, or the free one where it would go. Needs a table that is not full.
 */
static struct pl_map_slot *find(const struct pl_map *m, struct pl_slice key, uint64_t hash)
{
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct pl_map_slot *s = &m->slots[i];
		if (!s->value || (s->hash == hash && pl_slice_eq(s->key, key)))
			return s;
	}
}

static int grow(struct pl_map *m)
{
	struct pl_map bigger = *m;
	bigger.cap = m->cap ? m->cap * 2 : 8;
	bigger.slots = pl_zalloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return PL_ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			*find(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
	pl_free(m->slots);
	*m = bigger;
	return 0;
}

void *pl_map_get(const struct pl_map *m, struct pl_slice key)
{
	return m->cap ? find(m, key, pl_siphash(m->seed, key))->value : NULL;
}

int pl_map_put(struct pl_map *m, struct pl_slice key, void *value)
{
	uint64_t hash = pl_siphash(m->seed, key);
	if (m->cap && find(m, key, hash)->value)
		return PL_EEXISTS;
	if (m->len >= m->max)
		return PL_ELIMIT;
	if ((m->len + 1) * 4 > m->cap * 3 && grow(m))
		return PL_ENOMEM;
	*find(m, key, hash) = (struct pl_map_slot){hash, key, value};
	m->len++;
	return 0;
}

/* Moves later entries of the run back over the hole, so that no tombstones are needed. */
static void close_hole(struct pl_map *m, size_t hole)
{
	size_t mask = m->cap - 1;
	for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		size_t home = m->slots[i].hash & mask;
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* already between its home and here */
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole] = (struct pl_map_slot){0};
}

void *pl_map_remove(struct pl_map *m, struct pl_slice key)
{
	struct pl_map_slot *s = m->cap ? find(m, key, pl_siphash(m->seed, key)) : NULL;
	if (!s || !s->value)
		return NULL;
	void *value = s->value;
	m->len--;
	close_hole(m, (size_t)(s - m->slots));
	return value;
}
