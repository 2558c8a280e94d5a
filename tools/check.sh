#!/bin/bash
# The house rules. The layout is only looked at where clang-format is the one that the project is laid
# out with: other versions disagree about details, and that is nobody's fault.
set -euo pipefail
cd "$(dirname "$0")/.."

layout_version=14

python3 tools/house_rules.py
if ! command -v clang-format >/dev/null; then
	echo "clang-format is not here: the layout was not checked"
elif [[ $(clang-format --version) != *"version $layout_version."* ]]; then
	echo "clang-format is not version $layout_version: the layout was not checked"
else
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format --dry-run -Werror
fi
