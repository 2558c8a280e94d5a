#!/bin/bash
# Prints the generated pages of docs/ anew, from the tables in the program.
set -euo pipefail
cd "$(dirname "$0")/.."

program=build/dev/parley
# What `parley docs` calls it, and where it belongs.
pages=(
	configuration docs/configuration.md
	metrics docs/metrics.md
)

cmake --preset dev >/dev/null
cmake --build --preset dev --target parley -- --quiet
for ((i = 0; i < ${#pages[@]}; i += 2)); do
	mkdir -p "$(dirname "${pages[i + 1]}")"
	"$program" docs "${pages[i]}" >"build/page.md"
	mv build/page.md "${pages[i + 1]}"
	echo "${pages[i + 1]}"
done
