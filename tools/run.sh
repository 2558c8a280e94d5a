#!/bin/bash
# From nothing to two people who can talk: installs what is missing, builds, starts a server in the
# foreground and prints how to reach it. Ctrl-C stops it. PORT and DATA choose another port and place.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${PORT:-8080}
data=${DATA:-parley-data}
program=build/release/parley
url=ws://127.0.0.1:$port

is_taken() {
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

refuse_port() {
	echo "port $port is taken by another program. Choose another:  make run PORT=9090" >&2
	exit 1
}

# The first line of an answer to a request: only a worker that runs gives one.
answers() {
	local line
	(
		exec 3<>"/dev/tcp/127.0.0.1/$port"
		printf 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
		read -r -t 2 line <&3 && [[ $line == HTTP/1.1* ]]
	) 2>/dev/null
}

sign() {
	"$program" token --user "$1" --ttl 24h --data "$data"
}

# $1: the server's process id. Says nothing when the server did not come up: it told why itself.
say_how() {
	local try
	for ((try = 0; try < 300; try++)); do
		kill -0 "$1" 2>/dev/null || return 0
		answers && break
		sleep 0.1
	done
	((try < 300)) || return 0
	printf '\nParley is ready: %s   (data in %s, Ctrl-C stops it)\n' "$url" "$data"
	local alice bob chat="$program chat $url"
	alice=$(sign alice) bob=$(sign bob)
	printf '\nTokens, good for a day:\n\n  alice  %s\n  bob    %s\n' "$alice" "$bob"
	printf '\nTwo people can talk now. In a second terminal, in %s:\n\n' "$PWD"
	printf '%s --with bob --token %s\n\nand in a third one:\n\n' "$chat" "$alice"
	printf '%s --with alice --token %s\n\n' "$chat" "$bob"
}

[[ $port =~ ^[0-9]+$ ]] && ((port > 0 && port < 65536)) || {
	echo "PORT must be a number from 1 to 65535, not \"$port\"" >&2
	exit 2
}
is_taken && refuse_port

tools/install-deps.sh run
quiet=()
[[ -t 1 ]] || quiet=(-- --quiet)
echo "building $program"
mkdir -p build
cmake --preset release >build/configure.log 2>&1 || {
	cat build/configure.log >&2
	exit 1
}
cmake --build --preset release --target parley "${quiet[@]}"

# This process becomes the server, so that signals and the exit code are its own; the
# one who prints is nobody's child.
(say_how $$ &)
exec "$program" serve --data "$data" --listen "127.0.0.1:$port" --set accounts.enabled=true
