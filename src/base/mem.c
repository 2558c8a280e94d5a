/*
 * mem.c - the allocator behind pl_alloc, with a switch that makes it fail.
 *
 * The switch is the only mutable global of the project. It exists for tests;
 * while it is off an allocation costs one relaxed load more than malloc.
 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool watching;
static atomic_bool stays_broken;
static atomic_ulong made;
static atomic_ulong fail_at;

void pl_mem_fail_at(unsigned long n, bool persistent)
{
	atomic_store(&made, 0);
	atomic_store(&fail_at, n);
	atomic_store(&stays_broken, persistent);
	atomic_store(&watching, true);
}

unsigned long pl_mem_count(void)
{
	return atomic_load(&made);
}

static bool must_fail(void)
{
	if (!atomic_load_explicit(&watching, memory_order_relaxed))
		return false;
	unsigned long now = atomic_fetch_add(&made, 1) + 1;
	unsigned long at = atomic_load(&fail_at);
	return at && (now == at || (now > at && atomic_load(&stays_broken)));
}

void *pl_alloc(size_t n)
{
	return must_fail() ? NULL : malloc(n ? n : 1);
}

void *pl_zalloc(size_t count, size_t size)
{
	return must_fail() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *pl_realloc(void *old, size_t n)
{
	return must_fail() ? NULL : realloc(old, n ? n : 1);
}

void pl_free(void *p)
{
	free(p);
}

char *pl_memdup0(const void *at, size_t n)
{
	char *copy = n < SIZE_MAX ? pl_alloc(n + 1) : NULL;
	if (!copy)
		return NULL;
	if (n)
		memcpy(copy, at, n);
	copy[n] = '\0';
	return copy;
}

char *pl_strdup(const char *s)
{
	return pl_memdup0(s, strlen(s));
}
