#include "store/backend.h"
int pl_memory_open(const struct pl_store_options *o, struct pl_backend **out)
{
	(void)o;
	(void)out;
	return PL_ESTATE;
}
