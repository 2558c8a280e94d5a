/* samples.h - the endpoints of examples/, for `parley serve` with handler.samples. Any thread. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include "parley/parley.h"

struct parley_endpoint sample_chat(void);
struct parley_endpoint sample_game(void);
struct parley_endpoint sample_private(void);

#endif
