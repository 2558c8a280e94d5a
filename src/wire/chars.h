/*
 * chars.h - what a byte may be in HTTP and in URLs (RFC 9110, RFC 9112, RFC 3986): one table, so
 * that the parser and the writer cannot disagree.
 */
#ifndef PL_WIRE_CHARS_H
#define PL_WIRE_CHARS_H

#include "base/slice.h"

enum pl_char_class {
	PL_C_TOKEN = 1,  /* tchar: methods, field names, list items */
	PL_C_FIELD = 2,  /* field values: HTAB, SP, visible, 0x80-0xff */
	PL_C_TARGET = 4, /* request target: visible ASCII but '#' */
	PL_C_HOST = 8,   /* host names: unreserved */
	PL_C_HEX = 16,
};

extern const uint8_t pl_chars[256];

static inline bool pl_char_is(char c, enum pl_char_class class)
{
	return pl_chars[(unsigned char)c] & class;
}

/* How many bytes at the start of s are of that class. */
size_t pl_chars_span(struct pl_slice s, enum pl_char_class class);
/* At least one byte, and all of that class. */
bool pl_chars_all(struct pl_slice s, enum pl_char_class class);
/* 0 to 15, or -1. */
int pl_hex_value(char c);

#endif
