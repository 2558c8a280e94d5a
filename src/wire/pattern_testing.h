/* pattern_testing.h - a pattern matched the slow way, straight from what pattern.h says: to compare
 * with, on small inputs only. */
#ifndef PL_WIRE_PATTERN_TESTING_H
#define PL_WIRE_PATTERN_TESTING_H

#include "wire/pattern.h"

/* Characters of one segment; both end at a slash or at NUL. */
static inline bool naive_segment(const char *p, const char *s)
{
	bool p_ends = !*p || *p == '/', s_ends = !*s || *s == '/';
	if (p_ends)
		return s_ends;
	if (*p == '*')
		return naive_segment(p + 1, s) || (!s_ends && naive_segment(p, s + 1));
	return !s_ends && (*p == '?' || *p == *s) && naive_segment(p + 1, s + 1);
}

/* Both begin with the slash before a segment, or are at their end. */
static inline bool naive_match(const char *p, const char *s)
{
	if (!*p)
		return !*s;
	const char *p_next = p + 1 + strcspn(p + 1, "/");
	const char *s_next = *s ? s + 1 + strcspn(s + 1, "/") : s;
	if (p_next - p == 3 && p[1] == '*' && p[2] == '*')
		return naive_match(p_next, s) || (*s && naive_match(p, s_next));
	if (!*s)
		return false;
	bool fits = p[1] == '{' ? s_next > s + 1 : naive_segment(p + 1, s + 1);
	return fits && naive_match(p_next, s_next);
}

#endif
