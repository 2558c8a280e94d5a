#!/bin/bash
# From nothing to two people who can talk: installs what is missing, builds, starts a server in the
# foreground and prints how to reach it. Ctrl-C stops it. It opens the ports of config/websocket.json,
# which the clients of the documents have built in; with PORT that one alone, for all of them. DATA
# chooses another place.
set -euo pipefail
cd "$(dirname "$0")/.."

config=config/websocket.json
data=${DATA:-parley-data}
program=build/release/parley

[[ -z ${PORT:-} ]] || { [[ $PORT =~ ^[0-9]+$ ]] && ((PORT > 0 && PORT < 65536)); } || {
	echo "PORT must be a number from 1 to 65535, not \"$PORT\"" >&2
	exit 2
}
if [[ -n ${PORT:-} ]]; then
	ports=("$PORT")
	options=(--listen "127.0.0.1:$PORT" --set accounts.enabled=true)
else
	mapfile -t ports < <(grep -o '127\.0\.0\.1:[0-9]*' "$config" | cut -d: -f2)
	options=(--config "$config")
fi
port=${ports[0]}
url=ws://127.0.0.1:$port

is_taken() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# All of them at once, before anything is built.
refuse_taken_ports() {
	local p taken=()
	for p in "${ports[@]}"; do
		if is_taken "$p"; then taken+=("$p"); fi
	done
	((${#taken[@]})) || return 0
	for p in "${taken[@]}"; do
		echo "port $p is taken by another program" >&2
	done
	echo "Stop what is there, or let one port do for everything:  make run PORT=9090" >&2
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

# What else is open, from the same lines of the configuration.
say_ports() {
	grep -o '127\.0\.0\.1:[0-9]*=[a-z-]*' "$config" | tail -n +2 | sed 's/.*:\(.*\)=\(.*\)/  \1  \2/'
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
	((${#ports[@]} == 1)) || say_ports
	local alice bob chat="$program chat $url"
	alice=$(sign alice) bob=$(sign bob)
	printf '\nTokens, good for a day:\n\n  alice  %s\n  bob    %s\n' "$alice" "$bob"
	printf '\nTwo people can talk now. In a second terminal, in %s:\n\n' "$PWD"
	printf '%s --with bob --token %s\n\nand in a third one:\n\n' "$chat" "$alice"
	printf '%s --with alice --token %s\n\n' "$chat" "$bob"
}

refuse_taken_ports

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
exec "$program" serve --data "$data" "${options[@]}"
