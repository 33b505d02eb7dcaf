# shellcheck shell=bash
# What every script here starts from: sourced, never run.
#
# Enters: nothing but the place where this file lies. Leaves: `root` (the checkout), `target` (where builds go), and the functions below.
# Always: progress goes to stderr, so that a script's stdout can be read by another one.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
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

# The header comment of a script is its usage text.
usage() {
    sed -n '2,/^$/ { s/^# \{0,1\}//; p }' "$0"
}

# The nginx that the `vendored` feature builds: the modules that t/, tests/ and the examples need, nothing by default in places that only root
# may write. Cargo builds it anew when one of these changes, so everything that builds into target/vendored calls this first.
vendored_environment() {
    unset NGINX_SOURCE_DIR NGINX_BUILD_DIR
    export NGX_CFLAGS='-O2 -g'
    NGX_CONFIGURE_ARGS='--error-log-path=stderr --with-http_v3_module --with-http_auth_request_module
        --with-http_stub_status_module --with-http_addition_module --with-http_slice_module --with-http_sub_module
        --with-http_gunzip_module --with-http_gzip_static_module'
    NGX_CONFIGURE_ARGS=$(tr -s ' \n' '  ' <<<"$NGX_CONFIGURE_ARGS")
    NGX_CONFIGURE_ARGS=${NGX_CONFIGURE_ARGS% }
    export NGX_CONFIGURE_ARGS
}
