/* model.c - the nouns' names. */
#include "model/model.h"

struct pl_slice pl_conversation_type_name(enum pl_conversation_type type)
{
	switch (type) {
	case PL_DIRECT: return PL_S("direct");
	case PL_GROUP: return PL_S("group");
	case PL_ROOM: return PL_S("room");
	}
	return PL_S("");
}

struct pl_slice pl_role_name(enum pl_role role)
{
	switch (role) {
	case PL_OWNER: return PL_S("owner");
	case PL_ADMIN: return PL_S("admin");
	case PL_MEMBER: return PL_S("member");
	case PL_NOT_MEMBER: break;
	}
	return PL_S("");
}
