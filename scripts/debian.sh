# shellcheck shell=bash
# Packages of another Debian than the machine's own, each fetched alone: sourced, never run.
#
# Enters: `target`, `say`, `fail` (lib.sh), `as_root` (setup). Leaves: `foreign_package`, `foreign_nginx`. Always: apt keeps the other
# release's lists and packages under target/debian/ and checks them by Debian's own keys; what the machine installs and upgrades from stays
# as it was. What was fetched before is taken as it is: remove target/debian/ for newer ones.
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

# fetch RELEASE NAME PACKAGE ...: the packages' files, in target/debian/RELEASE/NAME. It gets that name once all are whole.
fetch() {
    local release=$1 name=$2 dir=$target/debian/$1 mirror log
    shift 2
    [ -d "$dir/$name" ] && return
    mirror=$(known_mirror) || exit
    say "fetching $* of Debian $release"
    log=$dir/$name.log
    rm -rf "$dir/new"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/new"
    printf 'deb [signed-by=%s target=Packages lang=none] %s %s main\n' "$keyring" "$mirror" "$release" >"$dir/sources.list"
    if ! (apt_of "$release" apt-get update && cd "$dir/new" && apt_of "$release" apt-get download "$@") >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "apt-get could not fetch $* of Debian $release (all of its output: $log)"
    fi
    mv "$dir/new" "$dir/$name"
}

# foreign_package RELEASE PACKAGE: the path of its file on stdout.
foreign_package() {
    fetch "$1" "$2" "$2"
    echo "$target/debian/$1/$2"/*.deb
}

# foreign_nginx RELEASE: unpacks its nginx, the libraries that this one needs and the headers of nginx-dev in target/debian/RELEASE/root. The
# libraries fit to no other C library than the release's own, so `nginx` there starts it by the loader of that one.
foreign_nginx() {
    local release=$1 dir=$target/debian/$1 package
    [ -d "$dir/root" ] && return
    fetch "$release" packages nginx nginx-dev libc6 libcrypt1 libgcc-s1 libpcre2-8-0 libssl3t64 libzstd1 zlib1g
    rm -rf "$dir/root.new"
    for package in "$dir"/packages/*.deb; do
        dpkg-deb -x "$package" "$dir/root.new"
    done
    cat >"$dir/root.new/nginx" <<'END'
#!/bin/sh
root=${0%/*}
set -- "$root"/usr/sbin/nginx "$@"
for loader in "$root"/usr/lib/*/ld-linux*.so.*; do
    exec "$loader" --library-path "${loader%/*}" --argv0 "$0" "$@"
done
END
    chmod +x "$dir/root.new/nginx"
    "$dir/root.new/nginx" -v 2>/dev/null || fail "the nginx of Debian $release does not run here"
    mv "$dir/root.new" "$dir/root"
}
