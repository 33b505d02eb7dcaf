# shellcheck shell=bash
# The module's source as a Debian source package wants it: sourced, never run.
#
# Enters: `root`, `say`, `fail` (lib.sh). Leaves: `git_here`, `commit_time`, `export_tree`, `module_source`, `vendored_crates`, `tarball`. Always: the same
# commit gives the same bytes.
# shellcheck disable=SC2154 # `root` is set by lib.sh

# What the module is built, documented and configured from; tests, benchmarks, the stand-in and fuzzing stay behind, and with them 200 crates.
module_parts=(
    Cargo.toml Cargo.lock LICENSE README.md CHANGELOG.md SECURITY.md build.rs config config.make
    core/Cargo.toml core/src docs nginx nginx-conf scripts/Crates.pm scripts/copyright scripts/sbom src
)

# A checkout may belong to somebody else than root, who makes the packages.
git_here() {
    git -c "safe.directory=$root" -C "$root" "$@"
}

has_git() {
    command -v git >/dev/null && [ "$(git_here rev-parse --show-toplevel 2>/dev/null)" = "$root" ]
}

# Seconds since 1970 of the last commit; without git, of the newest file that goes in.
commit_time() {
    if has_git; then
        git_here log -1 --format=%ct
    else
        (cd "$root" && find "${module_parts[@]}" packaging/debian -type f -printf '%Ts\n' | sort -n | tail -n 1)
    fi
}

say_where_from() {
    if ! has_git; then
        say "no git checkout: the packages are made from the files as they are"
        return
    fi
    say "the packages are made from commit $(git_here rev-parse --short HEAD)"
    if [ -n "$(git_here status --porcelain)" ]; then
        say "WARNING: this checkout has changes that are not committed: they are left out"
    fi
}

# export_tree DIR PATH ...: these of the last commit.
export_tree() {
    local dir=$1
    shift
    mkdir -p "$dir"
    if has_git; then
        git_here archive HEAD -- "$@" | tar -x -C "$dir"
    else
        (cd "$root" && tar -c "$@") | tar -x -C "$dir"
    fi
}

# without_section NAME FILE: a TOML file without this table.
without_section() {
    awk -v head="[$1]" '/^\[/ { inside = $0 == head } !inside' "$2" >"$2.new"
    mv "$2.new" "$2"
}

# module_source DIR: the module's parts as a workspace of their own. What a module package can't use would have cargo ask for its crates all
# the same: an nginx built along, and the tests' dependencies.
module_source() {
    local dir=$1
    export_tree "$dir" "${module_parts[@]}"
    sed -i 's/^members = .*/members = [".", "core", "nginx"]/' "$dir/Cargo.toml"
    without_section features "$dir/Cargo.toml"
    without_section features "$dir/nginx/Cargo.toml"
    without_section dev-dependencies "$dir/core/Cargo.toml"
    without_section '[bench]' "$dir/core/Cargo.toml"
    cp "$dir/Cargo.lock" "$dir/Cargo.lock.whole"
    (cd "$dir" && cargo metadata --quiet --format-version 1 >/dev/null) || fail "the module's parts are no workspace of their own"
    # Cargo leaves out of the lock file what is not wanted any more, and must not have chosen anything else.
    if grep '^checksum' "$dir/Cargo.lock" | grep -vxFf <(grep '^checksum' "$dir/Cargo.lock.whole"); then
        fail "cargo chose other crates for the module's parts than Cargo.lock has"
    fi
    rm "$dir/Cargo.lock.whole"
}

# The crates that a build on Linux compiles, on any of Debian's architectures: NAME VERSION, a line each.
crates_for_linux() {
    local platform
    for platform in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf i686-unknown-linux-gnu \
        loongarch64-unknown-linux-gnu powerpc64le-unknown-linux-gnu riscv64gc-unknown-linux-gnu s390x-unknown-linux-gnu; do
        (cd "$1" && cargo tree --quiet --locked --offline --workspace -e normal,build --target "$platform" --prefix none -f '{p}')
    done | sed -n 's/^\([^ ]*\) v\([^ ]*\).*/\1 \2/p' | sort -u
}

# empty_crate DIR: what is left of a crate that is never compiled. Cargo wants each one that Cargo.lock names to be there.
empty_crate() {
    local sum
    sum=$(sed -n 's/.*"package":"\([0-9a-f]*\)".*/\1/p' "$1/.cargo-checksum.json")
    find "$1" -mindepth 1 -maxdepth 1 ! -name Cargo.toml -exec rm -rf {} +
    # Its targets are found by their places, which are gone.
    sed -i '/^\[\[\{0,1\}\(lib\|bin\|example\|test\|bench\)\]/,/^$/d; /^build = /d; /^links = /d; /^auto[a-z]* = /d' "$1/Cargo.toml"
    mkdir "$1/src"
    : >"$1/src/lib.rs"
    printf '{"files":{},"package":"%s"}' "$sum" >"$1/.cargo-checksum.json"
}

# without_binaries DIR: a crate without files that somebody else's compiler made, all of them for Windows.
without_binaries() {
    local file
    while IFS= read -r file; do
        rm "$1/$file"
        sed -i "s|\"$file\":\"[0-9a-f]*\",\{0,1\}||; s|,}|}|" "$1/.cargo-checksum.json"
    done < <(cd "$1" && find . -type f \( -name '*.o' -o -name '*.a' -o -name '*.lib' -o -name '*.dll' \) -printf '%P\n')
}

# vendored_crates SOURCE: fills SOURCE/vendor. Crates for Windows, browsers and the like are empty there.
vendored_crates() {
    local dir name version
    say "gathering the crates that the module is built from"
    (cd "$1" && cargo vendor --quiet --locked vendor >/dev/null) || fail "cargo could not fetch the module's crates"
    crates_for_linux "$1" >"$1/vendor/.wanted"
    for dir in "$1"/vendor/*/; do
        name=$(sed -n '/^\[package\]/,/^$/ s/^name = "\(.*\)"/\1/p' "$dir/Cargo.toml")
        version=$(sed -n '/^\[package\]/,/^$/ s/^version = "\(.*\)"/\1/p' "$dir/Cargo.toml")
        if grep -qxF "$name $version" "$1/vendor/.wanted"; then
            without_binaries "$dir"
        else
            empty_crate "$dir"
        fi
    done
    rm "$1/vendor/.wanted"
}

# tarball FILE DIR NAME: DIR as FILE, in which it is called NAME.
tarball() {
    tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
        --transform="s,^$(basename "$2"),$3," -C "$(dirname "$2")" "$(basename "$2")" | xz -3 -T1 >"$1"
}
