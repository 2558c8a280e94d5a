/*
 * mem.h - every allocation goes through here, so that a test can make the n-th
 * one fail. All functions are safe from any thread. Sizes are checked: a
 * product that overflows is a failed allocation, not a small one.
 */
#ifndef PL_BASE_MEM_H
#define PL_BASE_MEM_H

#include <stddef.h>
#include <stdbool.h>

/* NULL when there is no memory. The result is uninitialised. */
void *pl_alloc(size_t n);
/* Zeroed array of count elements. */
void *pl_zalloc(size_t count, size_t size);
/* As realloc; on failure the old block is untouched and NULL is returned. */
void *pl_realloc(void *old, size_t n);
/* NULL is fine. */
void pl_free(void *);
/* A NUL-terminated copy of n bytes. */
char *pl_memdup0(const void *at, size_t n);
char *pl_strdup(const char *);

#define PL_NEW(type) ((type *)pl_zalloc(1, sizeof(type)))

/*
 * For tests: the n-th allocation from now on (1 = the next) fails, and every
 * later one too if `persistent`. 0 switches it off. Process-wide.
 */
void pl_mem_fail_at(unsigned long n, bool persistent);
/* Allocations made since the last pl_mem_fail_at(). Counted only after its first call. */
unsigned long pl_mem_count(void);

#endif
