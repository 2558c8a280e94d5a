#!/bin/bash
# The tests of the JavaScript SDK: sdk.sh [FILE.test.js...], sdk.sh types, or sdk.sh run SCRIPT.js [ARGUMENTS].
# PARLEY_BIN is the program (build/dev/parley).
set -euo pipefail
cd "$(dirname "$0")/../sdk/js"

# As npm does it itself: what it installed last is written down beside it.
if ! cmp -s package-lock.json node_modules/.installed-from; then
	npm ci --no-audit --no-fund --loglevel=error
	cp package-lock.json node_modules/.installed-from
fi

case ${1:-} in
types) exec node_modules/.bin/tsc -p . ;;
run)
	shift
	exec node "$@"
	;;
esac

options=() files=()
for item in "$@"; do
	case $item in
	-*) options+=("$item") ;;
	*) files+=("test/${item#test/}") ;;
	esac
done
[[ ${#files[@]} -gt 0 ]] || files=(test/*.test.js)
exec node --test --test-concurrency=2 "${options[@]}" "${files[@]}"
