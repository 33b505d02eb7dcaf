# shellcheck shell=bash
# Packages of another Debian than the machine's own, each fetched alone: sourced, never run.
#
# Enters: `target`, `say`, `fail` (lib.sh), `as_root` (setup). Leaves: `foreign_package`, `foreign_sources`. Always: apt keeps the other
# release's lists and packages under target/debian/ and checks them by Debian's own keys; what the machine installs and upgrades from stays
# as it was.
# shellcheck disable=SC2154 # `target` is set by lib.sh

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The mirror that this machine's own sources name. apt knows whose a source is only once it has fetched its lists.
debian_mirror() {
    # shellcheck disable=SC2016 # apt's variables
    apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' \
        | sed -n '/^Debian|Debian|main|/ { s///; p; q }'
}

known_mirror() {
    local mirror
    mirror=$(debian_mirror)
    if [ -z "$mirror" ]; then
        as_root apt-get -q update >&2 || true
        mirror=$(debian_mirror)
    fi
    [ -n "$mirror" ] || fail "apt's sources on this machine name no Debian mirror"
    printf '%s\n' "$mirror"
}

# apt_of RELEASE COMMAND ARGUMENT ...
apt_of() {
    local dir=$target/debian/$1 command=$2
    shift 2
    "$command" -q -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o "Dir::Etc::sourcelist=$dir/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o APT::Default-Release= "$@"
}

# fetch RELEASE PACKAGE: into target/debian/RELEASE. It gets its name there once it is whole.
fetch() {
    local release=$1 package=$2 dir=$target/debian/$1 mirror
    mirror=$(known_mirror) || exit
    say "fetching $package of Debian $release"
    rm -rf "$dir/new"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/new"
    printf 'deb [signed-by=%s target=Packages lang=none] %s %s main\n' "$keyring" "$mirror" "$release" >"$dir/sources.list"
    local log=$dir/$package.log
    if ! (apt_of "$release" apt-get update && cd "$dir/new" && apt_of "$release" apt-get download "$package") >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "apt-get could not fetch $package of Debian $release (all of its output: $log)"
    fi
    mv "$dir/new/${package}_"*.deb "$dir/"
    rmdir "$dir/new"
}

# foreign_package RELEASE PACKAGE: the path of its .deb on stdout. What was fetched before is taken as it is; remove target/debian/ for a newer
# one.
foreign_package() {
    local dir=$target/debian/$1 package=$2 found
    compgen -G "$dir/${package}_*.deb" >/dev/null || fetch "$@"
    found=("$dir/${package}_"*.deb)
    printf '%s\n' "${found[0]}"
}

# foreign_sources RELEASE: unpacks what its nginx-dev carries, so that target/debian/RELEASE/nginx/ is a source tree of nginx.
foreign_sources() {
    local dir=$target/debian/$1 package
    [ -d "$dir/nginx" ] && return
    package=$(foreign_package "$1" nginx-dev) || exit
    rm -rf "$dir/unpacked"
    dpkg-deb -x "$package" "$dir/unpacked"
    mv "$dir/unpacked/usr/share/nginx/src" "$dir/nginx"
    rm -rf "$dir/unpacked"
}
