# shellcheck shell=bash
# nginx's sources: sourced, never run.
#
# Enters: `root`, `fail` (lib.sh). Leaves: `version_of_source`, `crate_source` and `nginx_source`. Always: what cargo fetches is checked by Cargo.lock.
# shellcheck disable=SC2154 # `root` is set by lib.sh

version_of_source() {
    sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' "$1/src/core/nginx.h"
}

# The sources in the crate that the `vendored` feature builds.
crate_source() {
    (cd "$root" && cargo metadata --quiet --locked --format-version 1 --features vendored \
        --filter-platform "$(rustc -vV | sed -n 's/^host: //p')") \
        | sed -n 's|.*"manifest_path":"\([^"]*/nginx-src[^"/]*\)/Cargo.toml".*|\1/nginx|p' | grep . \
        || fail "cargo does not have the crate nginx-src"
}

# nginx_source VERSION: where they are, on stdout.
nginx_source() {
    local dir version
    dir=$(crate_source)
    version=$(version_of_source "$dir" 2>/dev/null)
    [ "$version" = "$1" ] \
        || fail "cargo has the sources of nginx $version, not of $1: unpack these from nginx.org, and name their directory with --source"
    echo "$dir"
}
