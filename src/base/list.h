/* list.h - intrusive doubly linked ring. A node is in at most one list; a node out of any list
 * points at itself. */
#ifndef PL_BASE_LIST_H
#define PL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct pl_list {
	struct pl_list *next, *prev;
};

static inline void pl_list_init(struct pl_list *l)
{
	l->next = l->prev = l;
}

static inline bool pl_list_empty(const struct pl_list *l)
{
	return l->next == l;
}

static inline void pl_list_append(struct pl_list *head, struct pl_list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Leaves node pointing at itself: removing twice is fine. */
static inline void pl_list_remove(struct pl_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	pl_list_init(node);
}

/* Moves all nodes of `from` to the empty list `to`. */
static inline void pl_list_take(struct pl_list *to, struct pl_list *from)
{
	pl_list_init(to);
	if (pl_list_empty(from))
		return;
	*to = *from;
	to->next->prev = to;
	to->prev->next = to;
	pl_list_init(from);
}

static inline struct pl_list *pl_list_shift(struct pl_list *head)
{
	struct pl_list *first = head->next;
	if (first == head)
		return NULL;
	pl_list_remove(first);
	return first;
}

#define PL_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
/* The body may remove the current node. */
#define PL_LIST_EACH(it, head)                                                       \
	for (struct pl_list *it = (head)->next, *it##_next = it->next; it != (head); \
	     it = it##_next, it##_next = it->next)

#endif
