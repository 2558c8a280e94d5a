#!/bin/bash
# Fuzzes each target for a while: fuzz.sh SECONDS [TARGET...]. Seeds come from fuzz/corpus/TARGET; new
# inputs go to build/fuzz/found, those that break something to build/fuzz/broken. Targets run side by
# side on all cores. Closes with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
shift || true
bin=build/fuzz
[[ $seconds =~ ^[0-9]+$ ]] && ((seconds > 0)) || {
	echo "usage: tools/fuzz.sh SECONDS [TARGET...]" >&2
	exit 2
}
targets=("$@")
if [[ ${#targets[@]} == 0 ]]; then
	for source in fuzz/*.c; do
		targets+=("$(basename "$source" .c)")
	done
fi
for target in "${targets[@]}"; do
	[[ -f fuzz/$target.c ]] || {
		echo "no fuzz target \"$target\"; there are: $(cd fuzz && echo *.c | sed 's/\.c//g')" >&2
		exit 2
	}
done

mkdir -p $bin
cmake --preset fuzz >$bin/configure.log 2>&1 || { cat $bin/configure.log >&2; exit 1; }
cmake --build --preset fuzz --target "${targets[@]/#/fuzz_}" -- --quiet

# A seed that fails, fails at once: the corpus is read before anything new is tried.
fuzz_one() {
	local name=$1 log=$bin/$1.log began
	mkdir -p "$bin/found/$name" "$bin/broken"
	local corpora=("$bin/found/$name")
	[[ -d fuzz/corpus/$name ]] && corpora+=("fuzz/corpus/$name")
	began=$(date +%s)
	if "$bin/fuzz_$name" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 \
		-artifact_prefix="$bin/broken/$name-" "${corpora[@]}" >"$log" 2>&1; then
		printf 'ok      %-16s %s runs, %s s\n' "$name" \
			"$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log")" "$(($(date +%s) - began))"
	else
		printf 'FAILED  %-16s %s\n' "$name" "$log"
		tail -n 30 "$log" >&2
		return 1
	fi
}

failed=0
for ((i = 0; i < ${#targets[@]}; i += cores)); do
	cores=$(nproc)
	pids=()
	for target in "${targets[@]:i:cores}"; do
		fuzz_one "$target" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || failed=$((failed + 1))
	done
done
echo "$((${#targets[@]} - failed)) passed, $failed failed"
((failed == 0))
