# shellcheck shell=bash
# A stand-in Authgear, an echoing backend and nginx with the module, on loopback: sourced by the scripts that send them requests.
#
# Enters: `module`, `nginx`, `stand_in` (from scripts/build and build_stand_in). Leaves: `dir`, `port`, `authgear`, `resolver`, `backend`,
# `fastcgi`, `control`. Always: whatever was started here is ended with the script, however that ends.
# shellcheck disable=SC2154,SC2034 # the variables above come from and go to the script that sources this file

pids=()
dir=''

end_servers() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    pids=()
    [ -z "$dir" ] || rm -rf "$dir"
    dir=''
}

open_servers() {
    dir=$(mktemp -d)
    # nginx's workers are somebody else when root starts it.
    chmod 755 "$dir"
    trap end_servers EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    port=$(free_port)
}

listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

free_port() {
    local port
    for port in {8080..8179}; do
        if ! listens "$port"; then
            echo "$port"
            return
        fi
    done
    fail "no free port between 8080 and 8179"
}

# wait_for WHAT COMMAND ...: tries for 10 seconds, while the process started last lives.
wait_for() {
    local what=$1 try
    shift
    for try in {1..200}; do
        "$@" && return
        kill -0 "${pids[-1]}" 2>/dev/null || break
        sleep 0.05
    done
    show_log
    fail "$what did not start"
}

show_log() {
    cat "$dir"/*.log >&2
}

# A member of a flat JSON object on stdin. Values here hold no escapes.
member() {
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

# control METHOD PATH [JSON]
control() {
    local method=$1 path=$2 body=${3:-}
    curl --silent --show-error --fail-with-body --max-time 10 -X "$method" -H 'Content-Type: application/json' \
        ${body:+--data "$body"} "$control$path"
}

# start_stand_in HOST: a stand-in whose project is http://HOST.
start_stand_in() {
    "$stand_in" serve --origin "http://$1" --fastcgi 127.0.0.1:0 >"$dir/stand-in.json" 2>"$dir/stand-in.log" &
    pids+=($!)
    wait_for "the stand-in" test -s "$dir/stand-in.json"
    authgear=$(member authgear <"$dir/stand-in.json")
    resolver=$(member resolver <"$dir/stand-in.json")
    backend=$(member backend <"$dir/stand-in.json")
    fastcgi=$(member fastcgi <"$dir/stand-in.json")
    control=$(member control <"$dir/stand-in.json")
}

# start_nginx CONFIGURATION
start_nginx() {
    "$nginx" -p "$dir" -e "$dir/nginx.log" -c "$1" -g "daemon off; pid $dir/nginx.pid; error_log $dir/nginx.log notice;" \
        2>"$dir/start.log" &
    pids+=($!)
    wait_for nginx listens "$port"
}

# How often the stand-in was asked so far: count resolver|jwks|backend
count() {
    control GET /count | member "$1"
}
