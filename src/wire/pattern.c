/*
 * pattern.c - Ant patterns of paths.
 *
 * A path is the segments between its slashes: "/a/" has two, "a" and an empty one. Both levels,
 * segments under `**` and characters under `*`, go back to the last star only: what an earlier one
 * could still take, the later one can take as well. So behind a `**` each segment of the pattern
 * meets each segment of the path at most once, and of these two each character meets each other
 * at most once: at most pattern times path in all.
 */
#include "wire/pattern.h"

/* ---- segments ---- */

/* From `at` to the next slash. */
static struct pl_slice segment(const char *at, const char *end)
{
	const char *slash = memchr(at, '/', (size_t)(end - at));
	return pl_slice(at, (size_t)((slash ? slash : end) - at));
}

/* Where the segment behind this one begins; NULL: it was the last. */
static const char *behind(struct pl_slice s, const char *end)
{
	return s.at + s.len < end ? s.at + s.len + 1 : NULL;
}

static bool is_any_depth(struct pl_slice s)
{
	return s.len == 2 && s.at[0] == '*' && s.at[1] == '*';
}

static bool is_param(struct pl_slice s)
{
	return s.len && s.at[0] == '{';
}

static struct pl_slice param_name(struct pl_slice s)
{
	return pl_slice(s.at + 1, s.len - 2);
}

/* ---- is it one? ---- */

static const char *segment_fault(struct pl_slice s)
{
	if (is_any_depth(s))
		return NULL;
	if (is_param(s) && s.len < 3)
		return "a {name} is empty";
	struct pl_slice rest = is_param(s) && s.at[s.len - 1] == '}' ? param_name(s) : s;
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.at[i] == '{' || rest.at[i] == '}')
			return "{name} stands alone between slashes";
		if (rest.at != s.at && (rest.at[i] == '*' || rest.at[i] == '?'))
			return "a {name} has no wildcards";
		if (rest.at[i] == '*' && i && rest.at[i - 1] == '*')
			return "** stands alone between slashes";
	}
	return NULL;
}

/* Whether an earlier segment than `last` has its name. */
static bool is_taken(const char *pattern, struct pl_slice last)
{
	const char *end = last.at;
	for (const char *at = pattern + 1; at && at < end;) {
		struct pl_slice s = segment(at, end);
		if (pl_slice_eq(s, last))
			return true;
		at = behind(s, end);
	}
	return false;
}

static const char *segments_fault(const char *pattern, const char *end)
{
	size_t params = 0;
	for (const char *at = pattern + 1; at;) {
		struct pl_slice s = segment(at, end);
		const char *why = segment_fault(s);
		if (why)
			return why;
		if (is_param(s) && is_taken(pattern, s))
			return "a {name} is there twice";
		params += is_param(s);
		at = behind(s, end);
	}
	return params > PL_PATTERN_PARAMS ? "too many {name}s" : NULL;
}

const char *pl_pattern_fault(const char *pattern)
{
	if (!pattern || pattern[0] != '/')
		return "a pattern begins with a slash";
	size_t len = strnlen(pattern, PL_PATTERN_MAX + 1);
	if (len > PL_PATTERN_MAX)
		return "a pattern has at most 256 characters";
	for (size_t i = 0; i < len; i++)
		if (pattern[i] <= ' ' || pattern[i] > '~')
			return "other than printable ASCII stands percent-encoded in a path";
	return segments_fault(pattern, pattern + len);
}

/* ---- does it fit? ---- */

static bool segment_fits(struct pl_slice p, struct pl_slice s)
{
	size_t i = 0, j = 0, star = 0, taken = 0;
	bool has_star = false;
	if (is_param(p))
		return s.len;
	while (j < s.len) {
		if (i < p.len && p.at[i] == '*') {
			has_star = true;
			star = ++i;
			taken = j;
		} else if (i < p.len && (p.at[i] == '?' || p.at[i] == s.at[j])) {
			i++;
			j++;
		} else if (has_star) {
			i = star;
			j = ++taken;
		} else {
			return false;
		}
	}
	while (i < p.len && p.at[i] == '*')
		i++;
	return i == p.len;
}

/* Where a match stands: both at the beginning of a segment, or NULL behind the last one. */
struct place {
	const char *pattern, *path;
};

struct ends {
	const char *pattern, *path;
};

static bool only_any_depth(const char *pattern, const char *end)
{
	while (pattern) {
		struct pl_slice p = segment(pattern, end);
		if (!is_any_depth(p))
			return false;
		pattern = behind(p, end);
	}
	return true;
}

/* *found: what stands for {name}, of the match that succeeds. */
static bool segments_fit(struct place at, struct ends end, struct pl_slice name,
			 struct pl_slice *found)
{
	struct place star = {NULL, NULL};
	while (at.path) {
		struct pl_slice s = segment(at.path, end.path);
		struct pl_slice p = at.pattern ? segment(at.pattern, end.pattern) : s;
		if (at.pattern && is_any_depth(p)) {
			at.pattern = behind(p, end.pattern);
			if (!at.pattern)
				return true;
			star = at;
		} else if (at.pattern && segment_fits(p, s)) {
			if (is_param(p) && pl_slice_eq(param_name(p), name))
				*found = s;
			at = (struct place){behind(p, end.pattern), behind(s, end.path)};
		} else if (star.path) {
			star.path = behind(segment(star.path, end.path), end.path);
			at = star;
		} else {
			return false;
		}
	}
	return only_any_depth(at.pattern, end.pattern);
}

static bool fits(const char *pattern, struct pl_slice path, struct pl_slice name,
		 struct pl_slice *found)
{
	struct ends end = {pattern + strlen(pattern), path.at + path.len};
	if (!path.len || path.at[0] != '/')
		return false;
	return segments_fit((struct place){pattern + 1, path.at + 1}, end, name, found);
}

static bool is_wild(char c)
{
	return c == '*' || c == '?' || c == '{';
}

bool pl_pattern_match(const char *pattern, struct pl_slice path)
{
	struct pl_slice unused;
	size_t i = 0;
	/* Up to the first wildcard it is a compare, and most patterns have none. */
	while (i < path.len && pattern[i] == path.at[i] && !is_wild(pattern[i]))
		i++;
	if (i < path.len ? !is_wild(pattern[i]) : !pattern[i])
		return i == path.len && i;
	return fits(pattern, path, (struct pl_slice){NULL, 0}, &unused);
}

struct pl_slice pl_pattern_param(const char *pattern, struct pl_slice path, struct pl_slice name)
{
	struct pl_slice found = {NULL, 0};
	if (!name.len || !fits(pattern, path, name, &found))
		return (struct pl_slice){NULL, 0};
	return found;
}
