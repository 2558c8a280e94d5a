/* address.c - numeric addresses, to and from text. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

static int parse_unix(struct pl_slice path, struct pl_address *out)
{
	struct sockaddr_un *un = (struct sockaddr_un *)(void *)&out->at;
	if (!path.len || path.len >= sizeof(un->sun_path) || memchr(path.at, 0, path.len))
		return PL_EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.at, path.len);
	out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
	return 0;
}

static int parse_inet(struct pl_slice host, uint16_t port, struct pl_address *out)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&out->at;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&out->at;
	bool is_v6 = host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
	if (is_v6)
		host = pl_slice(host.at + 1, host.len - 2);
	if (host.len >= sizeof(text))
		return PL_EINVAL;
	memcpy(text, host.len ? host.at : "", host.len);
	text[host.len] = '\0';
	if (!host.len || is_v6) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		out->len = sizeof(*v6);
		v6->sin6_addr = in6addr_any;
		return !host.len || inet_pton(AF_INET6, text, &v6->sin6_addr) == 1 ? 0 : PL_EINVAL;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	out->len = sizeof(*v4);
	return inet_pton(AF_INET, text, &v4->sin_addr) == 1 ? 0 : PL_EINVAL;
}

int pl_address_parse(struct pl_slice text, struct pl_address *out)
{
	struct pl_address a = {.len = 0};
	uint64_t port;
	int err;
	if (pl_slice_starts(text, PL_S("unix:"))) {
		err = parse_unix(pl_slice(text.at + 5, text.len - 5), &a);
	} else {
		const char *colon = text.len ? memrchr(text.at, ':', text.len) : NULL;
		size_t host_len = colon ? (size_t)(colon - text.at) : 0;
		if (!colon ||
		    pl_slice_u64(pl_slice(colon + 1, text.len - host_len - 1), 65535, &port))
			return PL_EINVAL;
		err = parse_inet(pl_slice(text.at, host_len), (uint16_t)port, &a);
	}
	if (!err)
		*out = a;
	return err;
}

void pl_address_format(const struct pl_address *a, char out[PL_ADDRESS_TEXT])
{
	char ip[INET6_ADDRSTRLEN] = "";
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)&a->at;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)&a->at;
	switch (a->at.ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip));
		snprintf(out, PL_ADDRESS_TEXT, "%s:%u", ip, ntohs(v4->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip));
		snprintf(out, PL_ADDRESS_TEXT, "[%s]:%u", ip, ntohs(v6->sin6_port));
		break;
	default:
		snprintf(out, PL_ADDRESS_TEXT, "unix:%s",
			 ((const struct sockaddr_un *)(const void *)&a->at)->sun_path);
	}
}

struct pl_ip pl_ip_of(const struct sockaddr_storage *at)
{
	struct pl_ip ip = {{0}};
	if (at->ss_family == AF_INET6) {
		memcpy(ip.b, &((const struct sockaddr_in6 *)(const void *)at)->sin6_addr, 16);
	} else if (at->ss_family == AF_INET) {
		ip.b[10] = ip.b[11] = 0xff;
		memcpy(ip.b + 12, &((const struct sockaddr_in *)(const void *)at)->sin_addr, 4);
	}
	return ip;
}

int pl_ip_parse(struct pl_slice s, struct pl_ip *out)
{
	char text[INET6_ADDRSTRLEN];
	struct pl_ip ip = {.b = {[10] = 0xff, [11] = 0xff}};
	if (!s.len || s.len >= sizeof(text))
		return PL_EINVAL;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET, text, ip.b + 12) != 1 && inet_pton(AF_INET6, text, ip.b) != 1)
		return PL_EINVAL;
	*out = ip;
	return 0;
}

static bool is_v4(const struct pl_ip *ip)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
	return !memcmp(ip->b, prefix, sizeof(prefix));
}

bool pl_ip_is_local(const struct pl_ip *ip)
{
	static const struct pl_ip none;
	return !memcmp(ip, &none, sizeof(none));
}

void pl_ip_format(const struct pl_ip *ip, char out[PL_ADDRESS_TEXT])
{
	if (pl_ip_is_local(ip))
		snprintf(out, PL_ADDRESS_TEXT, "unix");
	else if (is_v4(ip))
		inet_ntop(AF_INET, ip->b + 12, out, PL_ADDRESS_TEXT);
	else
		inet_ntop(AF_INET6, ip->b, out, PL_ADDRESS_TEXT);
}

struct pl_ip pl_ip_site(struct pl_ip ip)
{
	if (!is_v4(&ip))
		memset(ip.b + 8, 0, 8);
	return ip;
}
