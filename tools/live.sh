#!/bin/bash
# The live tests: live.sh [FILE.test.js...]. PARLEY_BIN is the program (build/dev/parley), PARLEY_FLAGS
# are added to every server that the tests start.
set -euo pipefail
cd "$(dirname "$0")/../tests/live"

# As npm does it itself: what it installed last is written down beside it.
if ! cmp -s package-lock.json node_modules/.installed-from; then
	npm ci --no-audit --no-fund --loglevel=error
	cp package-lock.json node_modules/.installed-from
fi
exec node --test --test-concurrency=2 "$@"
