/*
 * json.c - the tree out of the index of tokens: one pass, no recursion.
 *
 * Memory: a padded copy of the text, one array of nodes and one buffer of unescaped strings, all
 * three kept for the next parse. How many nodes there can be follows from the number of tokens,
 * so nodes never move while they are linked.
 */
#include "wire/json.h"

#include "base/map.h"
#include "base/id.h"
#include "base/mem.h"
#include "wire/json_index.h"
#include "wire/json_scalar.h"

struct frame {
	struct pl_json *node;
	struct pl_json *last; /* its newest child */
};

struct pl_json_parser {
	struct pl_json_index *index;
	size_t max_bytes;
	char *text;
	size_t text_cap; /* without the padding */
	char *strings;   /* NULL until a string has an escape; text_cap bytes */
	size_t strings_used;
	struct pl_json *nodes;
	uint32_t nodes_cap, nodes_used;
	uint64_t seed[2];
	uint32_t error_at;

	/* The parse under way. */
	const uint32_t *at; /* offsets of tokens */
	uint32_t count, i, len;
	struct pl_slice key; /* of the value to come */
	uint32_t depth;
	struct frame stack[PL_JSON_MAX_DEPTH];
};

int pl_json_parser_new(size_t max_bytes, struct pl_json_parser **out)
{
	if (max_bytes > (size_t)1 << 30)
		return PL_EINVAL;
	struct pl_json_parser *p = PL_NEW(struct pl_json_parser);
	if (!p)
		return PL_ENOMEM;
	p->max_bytes = max_bytes;
	pl_random_bytes(p->seed, sizeof(p->seed));
	int err = pl_json_index_new(&p->index);
	if (err) {
		pl_free(p);
		return err;
	}
	*out = p;
	return 0;
}

void pl_json_parser_free(struct pl_json_parser *p)
{
	if (!p)
		return;
	pl_json_index_free(p->index);
	/* It may have held keys or tokens; a parser is freed rarely. */
	if (p->text)
		explicit_bzero(p->text, p->text_cap);
	if (p->strings)
		explicit_bzero(p->strings, p->text_cap);
	pl_free(p->text);
	pl_free(p->strings);
	pl_free(p->nodes);
	pl_free(p);
}

uint32_t pl_json_error_at(const struct pl_json_parser *p)
{
	return p->error_at;
}

static int reserve_text(struct pl_json_parser *p, size_t len)
{
	if (len <= p->text_cap && p->text)
		return 0;
	size_t cap = 1024;
	while (cap < len)
		cap *= 2;
	pl_free(p->text);
	pl_free(p->strings);
	p->strings = NULL;
	p->text_cap = 0;
	p->text = pl_alloc(cap + PL_JSON_PADDING);
	if (!p->text || pl_json_index_reserve(p->index, cap)) {
		pl_free(p->text);
		p->text = NULL;
		return PL_ENOMEM;
	}
	p->text_cap = cap;
	return 0;
}

/*
 * S scalars and C containers take at least S + 2C tokens and, but for the first child of each
 * container and the root, a comma each: N values take 2N - 1 tokens or more.
 */
static int reserve_nodes(struct pl_json_parser *p)
{
	uint32_t need = p->count / 2 + 1;
	if (need > PL_JSON_MAX_VALUES)
		return PL_ETOOBIG;
	if (need <= p->nodes_cap)
		return 0;
	uint32_t cap = 64;
	while (cap < need)
		cap *= 2;
	pl_free(p->nodes);
	p->nodes = pl_alloc(cap * sizeof(*p->nodes));
	p->nodes_cap = p->nodes ? cap : 0;
	return p->nodes ? 0 : PL_ENOMEM;
}

static uint32_t where(const struct pl_json_parser *p)
{
	return p->i < p->count ? p->at[p->i] : p->len;
}

/* The first byte of the token to come; 0: none. */
static char peek(const struct pl_json_parser *p)
{
	return p->i < p->count ? p->text[p->at[p->i]] : '\0';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Takes a scalar, up to the white space before the next token. */
static struct pl_slice take_scalar(struct pl_json_parser *p)
{
	uint32_t start = p->at[p->i++];
	uint32_t end = where(p);
	while (end > start && is_space(p->text[end - 1]))
		end--;
	return pl_slice(p->text + start, end - start);
}

static int string_value(struct pl_json_parser *p, struct pl_slice raw, struct pl_slice *out)
{
	if (raw.len < 2 || raw.at[raw.len - 1] != '"')
		return PL_EINVAL;
	struct pl_slice body = pl_slice(raw.at + 1, raw.len - 2);
	if (!memchr(body.at, '\\', body.len)) {
		*out = body;
		return 0;
	}
	if (!p->strings)
		p->strings = pl_alloc(p->text_cap);
	if (!p->strings)
		return PL_ENOMEM;
	char *to = p->strings + p->strings_used;
	size_t len = 0;
	int err = pl_json_unescape(body, to, &len);
	if (err)
		return err;
	p->strings_used += len;
	*out = pl_slice(to, len);
	return 0;
}

static int literal(struct pl_json *node, struct pl_slice raw)
{
	if (pl_slice_eq(raw, PL_S("null"))) {
		node->type = PL_JSON_NULL;
		return 0;
	}
	node->type = PL_JSON_BOOL;
	node->boolean = pl_slice_eq(raw, PL_S("true"));
	return node->boolean || pl_slice_eq(raw, PL_S("false")) ? 0 : PL_EINVAL;
}

static int scalar(struct pl_json_parser *p, struct pl_json *node, char first)
{
	node->raw = take_scalar(p);
	if (first == '"') {
		node->type = PL_JSON_STRING;
		return string_value(p, node->raw, &node->str);
	}
	if (first == 't' || first == 'f' || first == 'n')
		return literal(node, node->raw);
	return pl_json_number(node->raw, node);
}

/* A new node, linked behind its elder sibling. */
static struct pl_json *add_node(struct pl_json_parser *p)
{
	struct pl_json *node = &p->nodes[p->nodes_used++];
	*node = (struct pl_json){.offset = p->at[p->i], .key = p->key};
	p->key = pl_slice(NULL, 0);
	if (!p->depth)
		return node;
	struct frame *f = &p->stack[p->depth - 1];
	if (f->last)
		f->last->next = node;
	else
		f->node->child = node;
	f->last = node;
	f->node->count++;
	return node;
}

static int open_container(struct pl_json_parser *p, struct pl_json *node, enum pl_json_type type)
{
	if (p->depth == PL_JSON_MAX_DEPTH)
		return PL_ETOOBIG;
	p->i++;
	node->type = type;
	p->stack[p->depth++] = (struct frame){.node = node};
	return 0;
}

static int value(struct pl_json_parser *p)
{
	if (p->i >= p->count || p->nodes_used >= p->nodes_cap)
		return PL_EINVAL;
	char first = peek(p);
	struct pl_json *node = add_node(p);
	if (first == '{')
		return open_container(p, node, PL_JSON_OBJECT);
	if (first == '[')
		return open_container(p, node, PL_JSON_ARRAY);
	int err = scalar(p, node, first);
	if (err)
		p->i--; /* the error is at the scalar */
	return err;
}

static const struct pl_json *twin_of_few(const struct pl_json *object)
{
	for (const struct pl_json *a = object->child; a; a = a->next)
		for (const struct pl_json *b = a->next; b; b = b->next)
			if (pl_slice_eq(a->key, b->key))
				return b;
	return NULL;
}

/* A table of 512 for at most 256 keys, with a hash that the sender cannot know. */
static const struct pl_json *twin_of_many(const uint64_t seed[2], const struct pl_json *object)
{
	enum { SLOTS = 2 * PL_JSON_MAX_KEYS };
	const struct pl_json *slots[SLOTS] = {NULL};
	for (const struct pl_json *a = object->child; a; a = a->next) {
		size_t slot = pl_siphash(seed, a->key) % SLOTS;
		for (; slots[slot]; slot = (slot + 1) % SLOTS)
			if (pl_slice_eq(slots[slot]->key, a->key))
				return a;
		slots[slot] = a;
	}
	return NULL;
}

static int close_container(struct pl_json_parser *p)
{
	struct pl_json *node = p->stack[--p->depth].node;
	uint32_t end = p->at[p->i++] + 1;
	node->raw = pl_slice(p->text + node->offset, end - node->offset);
	if (node->type != PL_JSON_OBJECT || node->count < 2)
		return 0;
	const struct pl_json *twin =
		node->count <= 8 ? twin_of_few(node) : twin_of_many(p->seed, node);
	if (!twin)
		return 0;
	p->error_at = twin->offset;
	return PL_EEXISTS;
}

/* "key" : */
static int member_name(struct pl_json_parser *p, const struct pl_json *object)
{
	if (object->count == PL_JSON_MAX_KEYS)
		return PL_ETOOBIG;
	if (peek(p) != '"')
		return PL_EINVAL;
	int err = string_value(p, take_scalar(p), &p->key);
	if (err) {
		p->i--;
		return err;
	}
	if (peek(p) != ':')
		return PL_EINVAL;
	p->i++;
	return 0;
}

/* One more child of the innermost container, or its end. */
static int step(struct pl_json_parser *p)
{
	const struct pl_json *parent = p->stack[p->depth - 1].node;
	bool is_object = parent->type == PL_JSON_OBJECT;
	if (peek(p) == (is_object ? '}' : ']'))
		return close_container(p);
	if (parent->count) {
		if (peek(p) != ',')
			return PL_EINVAL;
		p->i++;
	}
	int err = is_object ? member_name(p, parent) : 0;
	return err ? err : value(p);
}

static int walk(struct pl_json_parser *p)
{
	int err = value(p);
	while (!err && p->depth)
		err = step(p);
	if (!err && p->i < p->count)
		err = PL_EINVAL;
	if (err && err != PL_EEXISTS)
		p->error_at = where(p);
	return err;
}

/* The index only says that something is wrong: an open string, a control character, UTF-8. */
static uint32_t find_fault(struct pl_slice text)
{
	size_t opened = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (in_string && (unsigned char)c < 0x20)
			return (uint32_t)i;
		if (in_string && c == '\\') {
			i++;
		} else if (c == '"') {
			in_string = !in_string;
			opened = i;
		}
	}
	return in_string ? (uint32_t)opened : 0;
}

int pl_json_parse(struct pl_json_parser *p, struct pl_slice text, const struct pl_json **root)
{
	p->error_at = 0;
	if (text.len > p->max_bytes)
		return PL_ETOOBIG;
	if (!text.len)
		return PL_EINVAL;
	int err = reserve_text(p, text.len);
	if (err)
		return err;
	memcpy(p->text, text.at, text.len);
	memset(p->text + text.len, 0, PL_JSON_PADDING);
	err = pl_json_index_run(p->index, p->text, text.len, &p->at, &p->count);
	if (err) {
		p->error_at = find_fault(text);
		return err;
	}
	err = reserve_nodes(p);
	if (err)
		return err;
	p->len = (uint32_t)text.len;
	p->i = p->depth = p->nodes_used = 0;
	p->strings_used = 0;
	p->key = pl_slice(NULL, 0);
	err = walk(p);
	if (!err)
		*root = p->nodes;
	return err;
}
