/*
 * load_frame.c - WebSocket frames as a client writes them (masked) and a server sends them (not).
 */
#include "load.h"

#include <string.h>

static const char mask[4] = {0x4d, (char)0xa7, 0x13, (char)0xc9};

char load_frame_mask(char byte, size_t place)
{
	return (char)(byte ^ mask[place & 3]);
}

size_t load_frame_head(size_t payload)
{
	return 2 + (payload < 126 ? 0 : payload < 65536 ? 2 : 8) + sizeof mask;
}

static void put_big_endian(char *out, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = (char)(value >> 8 * (bytes - 1 - i));
}

static uint64_t get_big_endian(const char *at, size_t bytes)
{
	uint64_t value = 0;
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | (uint8_t)at[i];
	return value;
}

size_t load_frame_write(char *out, int opcode, const char *text, size_t n)
{
	size_t head = load_frame_head(n);
	size_t extra = head - 2 - sizeof mask;
	out[0] = (char)(0x80 | opcode);
	out[1] = (char)(0x80 | (extra == 0 ? (int)n : extra == 2 ? 126 : 127));
	put_big_endian(out + 2, n, extra);
	memcpy(out + 2 + extra, mask, sizeof mask);
	for (size_t i = 0; i < n; i++)
		out[head + i] = load_frame_mask(text[i], i);
	return head + n;
}

ssize_t load_head_read(const char *at, size_t n, struct load_head *head)
{
	if (n < 2)
		return 0;
	if (at[0] & 0x70 || at[1] & 0x80)
		return -1;
	uint64_t length = at[1] & 0x7f;
	size_t extra = length < 126 ? 0 : length == 126 ? 2 : 8;
	if (n < 2 + extra)
		return 0;
	if (extra)
		length = get_big_endian(at + 2, extra);
	if (length > INT64_MAX)
		return -1;
	*head = (struct load_head){
		.length = length, .opcode = at[0] & 0x0f, .is_final = (at[0] & 0x80) != 0};
	return (ssize_t)(2 + extra);
}
