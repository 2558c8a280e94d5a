/* dialects.c - which dialects there are. */
#include "server/dialects.h"

#include "dialect/native.h"
#include "dialect/qrypt.h"
#include "dialect/realtime.h"
#include "server/settings.h"

const struct pl_dialect_row pl_dialects[] = {
	{.name = "qrypt", .speaks = PL_SPEAKS_QRYPT, .endpoint = &pl_qrypt_endpoint, .path = "/ws"},
	{.name = "native",
	 .speaks = PL_SPEAKS_NATIVE,
	 .endpoint = &pl_native_endpoint,
	 .guests = &pl_native_guest_endpoint,
	 .options = pl_settings_native,
	 .path_of_all = "/native"},
	{.name = "realtime-chat",
	 .speaks = PL_SPEAKS_REALTIME_CHAT,
	 .endpoint = &pl_realtime_chat_endpoint,
	 .path_of_all = "/ws/chat/**"},
	{.name = "realtime-presence",
	 .speaks = PL_SPEAKS_REALTIME_PRESENCE,
	 .endpoint = &pl_realtime_presence_endpoint,
	 .options = pl_settings_presence,
	 .path_of_all = "/ws/presence/**"},
	/* On an engine of its own, at a path of its own: see socketio.c. */
	{.name = "socketio", .speaks = PL_SPEAKS_SOCKETIO},
};

const size_t pl_dialect_count = sizeof(pl_dialects) / sizeof(*pl_dialects);
_Static_assert(sizeof(pl_dialects) / sizeof(*pl_dialects) <= PL_DIALECTS_MAX,
	       "a site has a place for each row");

size_t pl_dialect_named(const char *name)
{
	size_t i = 0;
	while (i < pl_dialect_count && strcmp(pl_dialects[i].name, name))
		i++;
	return i;
}

size_t pl_dialect_spoken(enum pl_speaks speaks)
{
	size_t i = 0;
	while (i < pl_dialect_count && pl_dialects[i].speaks != speaks)
		i++;
	return i;
}
