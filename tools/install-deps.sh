#!/bin/bash
# Installs what is missing, and only that: install-deps.sh run|test|bench.
#
# Names of Debian 12 and Ubuntu 24.04. A tool that is already there, wherever it came from, is left
# alone. On other systems it names what is needed and lets the build find out.
set -euo pipefail

# Tools as command=package, then libraries as packages.
run_tools=(gcc g++ cmake ninja=ninja-build pkg-config python3)
run_libraries=(libc6-dev libssl-dev libsqlite3-dev zlib1g-dev libsimdjson-dev liburing-dev libargon2-dev)
# The live tests want a real WebSocket client (from the npm registry) and make certificates.
test_tools=(clang node=nodejs npm openssl make)
test_libraries=(libcmocka-dev ca-certificates)
bench_tools=(node=nodejs npm strace)
bench_libraries=(ca-certificates)

usage() {
	echo "usage: tools/install-deps.sh run|test|bench" >&2
	exit 2
}

has_package() {
	[[ $(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

# Packages of tools that nobody has, and of libraries that dpkg does not know.
find_missing() {
	local item
	for item in "${tools[@]}"; do
		command -v "${item%%=*}" >/dev/null || missing+=("${item##*=}")
	done
	for item in "${libraries[@]}"; do
		has_package "$item" || missing+=("$item")
	done
}

as_root() {
	if [[ $(id -u) == 0 ]]; then
		"$@"
	else
		sudo "$@"
	fi
}

apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# Says nothing while it works: the log is shown when it fails.
install_missing() {
	local log
	[[ ${#missing[@]} -gt 0 ]] || return 0
	if [[ $(id -u) != 0 ]] && ! command -v sudo >/dev/null; then
		echo "these packages are missing, and there is no sudo here; as root:" >&2
		echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
		exit 1
	fi
	echo "installing ${missing[*]}"
	log=$(mktemp)
	if ! { apt update && apt install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
		tail -n 30 "$log" >&2
		rm -f "$log"
		echo "apt-get could not install: ${missing[*]}" >&2
		exit 1
	fi
	rm -f "$log"
}

# clang's runtime for fuzzing and sanitizers is a package of its own that bears clang's version.
find_clang_runtime() {
	command -v clang >/dev/null || return 0
	echo 'int LLVMFuzzerTestOneInput(const char *at, long n) { return at[0] == n; }' |
		clang -x c - -fsanitize=fuzzer,address -o /dev/null 2>/dev/null ||
		missing+=("libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev")
}

# The SDK is tested in a browser too, where there is one: not every system has it as a package.
find_browser() {
	command -v chromium chromium-browser google-chrome >/dev/null && return
	apt-cache show chromium >/dev/null 2>&1 || apt update >/dev/null 2>&1 </dev/null || true
	if apt-cache show chromium >/dev/null 2>&1; then
		missing+=(chromium)
	else
		echo "there is no package chromium here: the tests in a browser will be left out" >&2
	fi
}

check_node() {
	local version
	command -v node >/dev/null || return 0
	version=$(node --version)
	node -e 'const [a, b] = process.versions.node.split(".").map(Number);
		process.exit(a > 18 || (a === 18 && b >= 19) ? 0 : 1)' || {
		echo "node is $version, and 18.19 or newer is needed: $(command -v node)" >&2
		exit 1
	}
}

[[ $# == 1 ]] || usage
case $1 in
run) tools=("${run_tools[@]}") libraries=("${run_libraries[@]}") ;;
test)
	tools=("${run_tools[@]}" "${test_tools[@]}")
	libraries=("${run_libraries[@]}" "${test_libraries[@]}")
	;;
bench)
	tools=("${run_tools[@]}" "${bench_tools[@]}")
	libraries=("${run_libraries[@]}" "${bench_libraries[@]}")
	;;
*) usage ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	echo "no apt-get here; needed are: ${tools[*]##*=} ${libraries[*]}" >&2
else
	missing=()
	find_missing
	install_missing
	missing=()
	if [[ $1 == test ]]; then
		find_clang_runtime
		find_browser
	fi
	install_missing
fi
[[ $1 == run ]] || check_node
