# shellcheck shell=bash
# What every script here starts from: sourced, never run.
#
# Enters: nothing but the place where this file lies. Leaves: `root` (the checkout), `target` (where builds go), and the functions below.
# Always: progress goes to stderr, so that a script's stdout can be read by another one.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
target=${CARGO_TARGET_DIR:-$root/target}
case $target in
    /*) ;;
    *) target=$root/$target ;;
esac

# rustup puts cargo where a shell that reads no profile does not look.
if ! command -v cargo >/dev/null && [ -x "${HOME:-/root}/.cargo/bin/cargo" ]; then
    PATH=${HOME:-/root}/.cargo/bin:$PATH
fi

say() {
    printf '== %s\n' "$*" >&2
}

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

need_cargo() {
    command -v cargo >/dev/null || fail "cargo was not found: install Rust 1.88 or newer first"
}

# need_nightly COMPONENT: nightly Rust, for what stable Rust does not have; installed where it is missing.
need_nightly() {
    command -v rustup >/dev/null || fail "rustup was not found: this needs nightly Rust, which rustup installs"
    local has
    if has=$(rustup component list --toolchain nightly --installed 2>/dev/null) && grep -q "^$1" <<<"$has"; then
        return
    fi
    say "installing nightly Rust with $1"
    rustup toolchain install nightly --profile minimal --allow-downgrade --component "$1" >&2 \
        || fail "nightly Rust with $1 cannot be installed"
}

# need_target TARGET: Rust's own library for another kind of machine; installed where it is missing.
need_target() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ] && return
    command -v rustup >/dev/null || fail "Rust's library for $1 was not found, and neither was rustup, which installs it"
    say "installing Rust's library for $1"
    rustup target add "$1" >&2 || fail "Rust's library for $1 cannot be installed"
}

# apt works as root only; sudo is asked only when something has to be installed.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# The header comment of a script is its usage text.
usage() {
    sed -n '2,/^$/ { s/^# \{0,1\}//; p }' "$0"
}

# The module's version, from the one place where it stands.
module_version() {
    sed -n '/^\[workspace\.package\]/,/^$/ s/^version *= *"\(.*\)"/\1/p' "$root/Cargo.toml"
}

# The nginx that the `vendored` feature builds: the modules and event methods that t/, tests/ and the examples need, nothing by default in places that
# only root may write. Cargo builds it anew when one of these changes, so everything that builds into target/vendored calls this first.
vendored_environment() {
    unset NGINX_SOURCE_DIR NGINX_BUILD_DIR
    export NGX_CFLAGS='-O2 -g'
    NGX_CONFIGURE_ARGS='--error-log-path=stderr --with-http_v3_module --with-http_auth_request_module
        --with-http_stub_status_module --with-http_addition_module --with-http_slice_module --with-http_sub_module
        --with-http_gunzip_module --with-http_gzip_static_module --with-poll_module --with-select_module'
    NGX_CONFIGURE_ARGS=$(tr -s ' \n' '  ' <<<"$NGX_CONFIGURE_ARGS")
    NGX_CONFIGURE_ARGS=${NGX_CONFIGURE_ARGS% }
    export NGX_CONFIGURE_ARGS
}

# The release build of the stand-in Authgear; its path is left in `stand_in`.
build_stand_in() {
    say "building the stand-in Authgear"
    (cd "$root" && cargo build --release --locked -p authgear-stand-in --target-dir "$target" >&2) \
        || fail "the stand-in could not be built"
    # shellcheck disable=SC2034 # read by the scripts that source this file
    stand_in=$target/release/authgear-stand-in
}

# Lines for `http {}` that keep an nginx of any user inside DIR: Debian's is built to write where only root may.
http_in() {
    local dir=$1 kind
    printf 'access_log off; client_body_temp_path %s/body;' "$dir"
    for kind in proxy fastcgi uwsgi scgi; do
        printf ' %s_temp_path %s/%s;' "$kind" "$dir" "$kind"
    done
}

# local_example FILE MODULE LISTEN AUTHGEAR BACKEND DIR: a file of nginx-conf/ as it stands, but for the addresses, the module's path and the
# places where nginx writes. The endpoint becomes http:// of the same name, as its upstream block leads to AUTHGEAR in cleartext.
local_example() {
    local names='\(project\.authgear\.cloud\|auth\.example\.com\)'
    sed -e "s#^load_module .*;#load_module $2;#" \
        -e "s#https://$names#http://\\1#" \
        -e "s#server 127\\.0\\.0\\.1:[0-9]*;#server $5;#" \
        -e "s#server $names:[0-9]*;#server $4;#" \
        -e "s#listen 80\\>#listen $3#" \
        -e "s#/var/log/nginx/#$6/#" \
        -e "s#^http {#http {\\n    $(http_in "$6")#" "$1"
}
