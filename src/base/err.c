/* err.c - error codes in words. */
#include "base/err.h"

const char *pl_strerror(int err)
{
	switch (err) {
	case PL_OK: return "success";
#define X(name, value, text) \
	case PL_##name: return text;
		PL_ERR_MAP(X)
#undef X
	default: return "unknown error";
	}
}
