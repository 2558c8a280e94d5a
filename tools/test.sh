#!/bin/bash
# Everything that must pass, on a machine that need not have more than git: installs what is missing,
# builds in four ways, runs all tests and closes with the true sum over all runners, "N passed, N
# failed". What a kernel or a container forbids is left out with a word about it and counts as skipped.
#
#   KILLS=100 tools/test.sh       more kill -9 (12)
#   FUZZ=60 tools/test.sh         more seconds for each fuzz target (6)
set -euo pipefail
cd "$(dirname "$0")/.."

kills=${KILLS:-12}
fuzz_seconds=${FUZZ:-6}
logs=build/test-logs
jobs=$(nproc)
passed=0 failed=0 skipped=0
summary=()
began_all=$(date +%s)
# The tests for more than one worker: what a second thread could get wrong.
many_workers=(conversations.test.js handlers_life.test.js handlers_routing.test.js
	handlers_talk.test.js lifecycle.test.js messages.test.js presence.test.js
	receipts.test.js socketio_admin.test.js socketio_admin_chat.test.js typing.test.js)
# Whose tests have more than one thread, or what threads share.
tsan_units='^(base|model|loop|net|bus|auth|chat|store|dialect|rest|handler|socketio)/|^server/public_'
# Who is killed cannot report a race, and so slow a process is killed before it acknowledges much.
# Where memory runs out one thread does: long stories, and none that the others do not tell.
not_tsan_units='(_kill|_memory)_test$'

# ---- keeping the score ----

section() {
	title=$1 began=$(date +%s) section_counts=(0 0 0)
	printf '\n== %s\n' "$title"
}

score() {
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
	section_counts=($((section_counts[0] + $1)) $((section_counts[1] + $2)) $((section_counts[2] + $3)))
}

end_section() {
	local line
	printf -v line '%-58s %5d passed %3d failed %3d skipped %5d s' "$title" \
		"${section_counts[@]}" $(($(date +%s) - began))
	summary+=("$line")
	printf '%d passed, %d failed, %d skipped, %d s\n' "${section_counts[@]}" $(($(date +%s) - began))
}

skip() {
	echo "left out: $1"
	score 0 0 1
}

# Without this nothing that follows means anything: the sum so far, and the end.
give_up() {
	echo "$1" >&2
	score 0 1 0
	end_section
	finish
}

finish() {
	printf '\n== summary\n'
	printf '%s\n' "${summary[@]}"
	printf 'in %d s\n\n' $(($(date +%s) - began_all))
	if ((skipped)); then
		echo "$passed passed, $failed failed, $skipped skipped"
	else
		echo "$passed passed, $failed failed"
	fi
	((failed == 0 && passed > 0)) && exit 0
	exit 1
}

# ---- runners ----

# build PRESET [cmake arguments]: BUILD_DIR and TARGETS may be set by the caller.
build() {
	local preset=$1 dir=${BUILD_DIR:-build/$1} log
	shift
	log=$logs/build-$(basename "$dir").log
	if cmake --preset "$preset" -B "$dir" "$@" >"$log" 2>&1 &&
		cmake --build "$dir" ${TARGETS:+--target $TARGETS} -- --quiet >>"$log" 2>&1; then
		return 0
	fi
	tail -n 60 "$log"
	return 1
}

# one_test NAME COMMAND...: counts as one; its output is shown when it fails.
one_test() {
	local name=$1 log
	shift
	log=$logs/$(tr -c 'a-z0-9\n' '-' <<<"$name").log
	if "$@" >"$log" 2>&1; then
		echo "ok      $name"
		score 1 0 0
	else
		echo "FAILED  $name"
		tail -n 60 "$log"
		score 0 1 0
	fi
}

# counted KIND LOG STATUS: adds what the runner counted. A runner that failed without counting a
# failure, or that ran nothing, is a failure itself.
counted() {
	local kind=$1 log=$2 status=$3 counts
	read -r -a counts < <(python3 tools/count_tests.py "$kind" "$log") || counts=(0 1 0)
	if ((status != 0 && counts[1] == 0)) || ((counts[0] + counts[1] == 0)); then
		counts[1]=$((counts[1] + 1))
	fi
	score "${counts[@]}"
	return 0
}

# units PRESET [ctest arguments]
units() {
	local preset=$1 log=$logs/units-$1.log status=0
	shift
	# One more than there are cores: the longest ones mostly wait for a clock.
	"${without_aslr[@]}" ctest --test-dir "build/$preset" --verbose -j $((jobs + 1)) "$@" >"$log" 2>&1 || status=$?
	((status == 0)) || grep -E '\*\*\*|FAILED|ERROR:|Sanitizer|assert|^[0-9]+: FAIL' "$log" | head -n 60 || true
	counted ctest "$log" "$status"
}

# live NAME PROGRAM FLAGS [FILES]
live() {
	local log=$logs/live-$1.log status=0 program=$PWD/$2 flags=$3
	shift 3
	PARLEY_BIN=$program PARLEY_FLAGS=$flags "${without_aslr[@]}" tools/live.sh --test-reporter=tap "$@" \
		>"$log" 2>&1 || status=$?
	((status == 0)) || grep -A 12 -E '^ *not ok' "$log" | head -n 150 || tail -n 40 "$log"
	counted node "$log" "$status"
}

# can_serve PROGRAM FLAGS: whether the server can be started with these flags at all.
can_serve() {
	local dir pid found=1 try program=$1
	shift
	dir=$(mktemp -d)
	"$program" serve "$@" --data "$dir" --set store.kind=memory --listen "unix:$dir/probe" >"$dir/log" 2>&1 &
	pid=$!
	for ((try = 0; try < 100; try++)); do
		grep -q ready "$dir/log" && found=0 && break
		kill -0 $pid 2>/dev/null || break
		sleep 0.1
	done
	kill $pid 2>/dev/null || true
	wait $pid || true
	rm -rf "$dir"
	return $found
}

# A sanitizer may need a fixed memory layout, and a container may forbid to ask for one.
without_aslr=()
program_runs() {
	without_aslr=()
	"$1" version >/dev/null 2>&1 && return 0
	without_aslr=(setarch -R)
	setarch -R "$1" version >/dev/null 2>&1 && return 0
	without_aslr=()
	return 1
}

# ---- the sections ----

mkdir -p $logs

section "packages"
tools/install-deps.sh test || give_up "packages are missing"
if [[ ! -f tests/live/node_modules/.installed-from ]]; then
	echo "installing the clients that the live tests use"
fi
end_section

section "house rules"
one_test "layer table and banned calls" python3 tools/house_rules.py
end_section

section "build: dev (ASan, UBSan, warnings are errors)"
build dev || give_up "the build failed"
end_section

section "unit tests"
units dev
end_section

section "generated pages are those in docs/"
one_test "make docs would change nothing" tools/docs.sh --check
end_section

section "live tests: --engine epoll --workers 1"
live epoll-1 build/dev/parley "--engine epoll --workers 1"
end_section

section "JavaScript SDK: Node, headless Chromium, types, the blocks of docs/sdk.md"
sdk_log=$logs/sdk.log sdk_status=0
PARLEY_BIN=$PWD/build/dev/parley tools/sdk.sh --test-reporter=tap >"$sdk_log" 2>&1 || sdk_status=$?
((sdk_status == 0)) || grep -A 12 -E '^ *not ok' "$sdk_log" | head -n 150 || tail -n 40 "$sdk_log"
counted node "$sdk_log" "$sdk_status"
one_test "sources and declarations agree" tools/sdk.sh types
end_section

section "live tests: --engine io_uring --workers 4"
if can_serve build/dev/parley --engine io_uring; then
	live io_uring-4 build/dev/parley "--engine io_uring --workers 4"
else
	skip "this kernel does not allow io_uring here; --engine epoll --workers 4 instead"
	live epoll-4 build/dev/parley "--engine epoll --workers 4"
fi
end_section

section "kill -9 under load, $kills times, and its control"
if build release; then
	one_test "no acknowledged message is lost" env PARLEY_BIN="$PWD/build/release/parley" \
		node tests/live/kill.js --kills "$kills"
	one_test "no chat that a native client heard is lost" env PARLEY_BIN="$PWD/build/release/parley" \
		node tests/live/kill.js --dialect native --kills "$kills"
	one_test "SDK: every message once and in order at every client" env PARLEY_BIN="$PWD/build/release/parley" \
		tools/sdk.sh run test/kill.js --kills "$kills" --sends 2000
	one_test "SDK: the same for pages that are reloaded" env PARLEY_BIN="$PWD/build/release/parley" \
		tools/sdk.sh run test/browser_kill.js --kills "$kills" --sends 2000
else
	score 0 1 0
fi
if BUILD_DIR=build/control TARGETS=parley build release -DPARLEY_BREAK_ACK_ORDER=ON; then
	one_test "a server that acknowledges too early is found out" env PARLEY_BIN="$PWD/build/control/parley" \
		node tests/live/kill.js --kills "$kills" --expect-loss
else
	score 0 1 0
fi
end_section

section "library: installed, and programs of others built with it"
if [[ -e build/release/libparley.so ]]; then
	one_test "an outside project in C and C++, by pkg-config and find_package" \
		python3 tests/embed/install_test.py build/release
	one_test "every block of code in docs/embedding*.md" python3 tests/embed/docs_test.py build/release
else
	score 0 1 0
fi
end_section

section "threads: TSan, unit tests and live tests with 4 workers"
if ! build tsan; then
	score 0 1 0
elif ! program_runs build/tsan/parley; then
	skip "ThreadSanitizer does not run on this kernel"
else
	units tsan -R "$tsan_units" -E "$not_tsan_units"
	live tsan-4 build/tsan/parley "--workers 4" "${many_workers[@]}"
fi
without_aslr=()
end_section

section "fuzzing, $fuzz_seconds s for each target"
if ! command -v clang >/dev/null; then
	skip "there is no clang here"
else
	log=$logs/fuzz.log status=0
	tools/fuzz.sh "$fuzz_seconds" >"$log" 2>&1 || status=$?
	grep -E '^(ok|FAILED) ' "$log" || tail -n 40 "$log"
	counts=($(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2 0/p' "$log"))
	if ((status != 0 && ${counts[1]:-0} == 0)); then
		tail -n 40 "$log"
		counts=("${counts[0]:-0}" 1 0)
	fi
	score "${counts[@]}"
fi
end_section

finish
