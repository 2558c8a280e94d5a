/* fuzz.h - what every target has: the door that the fuzzer knocks at, and how a broken promise is
 * told to it. */
#ifndef PL_FUZZ_FUZZ_H
#define PL_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(holds)              \
	do                       \
		if (!(holds))    \
			abort(); \
	while (0)

#endif
