#!/bin/bash
# Prints the generated pages of docs/ anew, from the tables in the program. With --check it writes
# nothing and says whether they are what the program would print.
set -euo pipefail
cd "$(dirname "$0")/.."

program=build/dev/parley
# What `parley docs` calls it, and where it belongs.
pages=(
	configuration docs/configuration.md
	metrics docs/metrics.md
	qryptchat docs/dialects/qryptchat.md
	native docs/dialects/native.md
	realtime docs/dialects/realtime.md
	socketio docs/dialects/socketio.md
)

cmake --preset dev >/dev/null
cmake --build --preset dev --target parley -- --quiet
differ=0
for ((i = 0; i < ${#pages[@]}; i += 2)); do
	page=${pages[i + 1]}
	"$program" docs "${pages[i]}" >build/page.md
	if [[ ${1:-} == --check ]]; then
		diff -u "$page" build/page.md || differ=1
	else
		mkdir -p "$(dirname "$page")"
		mv build/page.md "$page"
		echo "$page"
	fi
done
((differ == 0)) || echo "make docs would change these pages" >&2
exit $differ
