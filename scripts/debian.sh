# shellcheck shell=bash
# Packages of another Debian than the machine's own, each fetched alone: sourced, never run.
#
# Enters: `target`, `say`, `fail`, `as_root` (lib.sh). Leaves: `foreign_package`, `foreign_nginx`, `foreign_source`, and what arm64.sh builds
# on. Always: apt keeps the other Debian's lists and packages under target/debian/ and checks them by Debian's own keys; what the machine installs
# and upgrades from, and the architectures that dpkg knows, stay as they were. What was fetched before is taken as it is: remove target/debian/ for
# newer ones.
# A DEBIAN is a release, or a release and an architecture: `trixie`, `bookworm-arm64`.
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

# architecture_of DEBIAN
architecture_of() {
    case $1 in
        *-*) echo "${1#*-}" ;;
        *) dpkg --print-architecture ;;
    esac
}

# apt_of DEBIAN COMMAND ARGUMENT ...
apt_of() {
    local dir=$target/debian/$1 command=$2 architecture
    architecture=$(architecture_of "$1")
    shift 2
    "$command" -q -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o Dir::State::status=/dev/null \
        -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o "Dir::Etc::sourcelist=$dir/sources.list" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o APT::Default-Release= "$@"
}

# gather DEBIAN NAME LISTS WHAT COMMAND ...: has apt read the LISTS (`deb` and its options, or `deb-src`), and runs the COMMAND, which leaves WHAT in
# the directory that it runs in: target/debian/DEBIAN/NAME. That gets its name once all is whole.
gather() {
    local debian=$1 name=$2 lists=$3 what=$4 dir=$target/debian/$1 release mirror log
    shift 4
    [ -d "$dir/$name" ] && return
    release=${debian%%[-/]*}
    mirror=$(known_mirror) || exit
    say "fetching $what of Debian ${debian%/source}"
    log=$dir/$name.log
    rm -rf "$dir/new"
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/new"
    printf '%s %s %s main\n' "${lists/KEYRING/$keyring}" "$mirror" "$release" >"$dir/sources.list"
    if ! (apt_of "$debian" apt-get update && cd "$dir/new" && "$@") >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "apt-get could not fetch $what of Debian ${debian%/source} (all of its output: $log)"
    fi
    mv "$dir/new" "$dir/$name"
}

# fetch DEBIAN NAME PACKAGE ...: the packages' files, in target/debian/DEBIAN/NAME.
fetch() {
    gather "$1" "$2" 'deb [signed-by=KEYRING target=Packages lang=none]' "${*:3}" apt_of "$1" apt-get download "${@:3}"
}

# foreign_package RELEASE PACKAGE: the path of its file on stdout.
foreign_package() {
    fetch "$1" "$2" "$2"
    echo "$target/debian/$1/$2"/*.deb
}

# unpack DEBIAN: all that was fetched for its root, in target/debian/DEBIAN/root.new. Links that are absolute in a Debian lead into that root.
unpack() {
    local dir=$target/debian/$1 package link
    rm -rf "$dir/root.new"
    for package in "$dir"/packages/*.deb; do
        dpkg-deb -x "$package" "$dir/root.new"
    done
    find "$dir/root.new" -type l -lname '/*' | while read -r link; do
        ln -sfrn "$dir/root.new$(readlink "$link")" "$link"
    done
}

# starts_and_stays DEBIAN: the root gets its name once its nginx has said its version.
starts_and_stays() {
    local dir=$target/debian/$1
    "$dir/root.new/nginx" -v 2>/dev/null || fail "the nginx of Debian $1 does not run here"
    mv "$dir/root.new" "$dir/root"
}

# foreign_nginx RELEASE: unpacks its nginx, the libraries that this one needs and the headers of nginx-dev in target/debian/RELEASE/root. The
# libraries fit to no other C library than the release's own, so `nginx` there starts it by the loader of that one.
foreign_nginx() {
    local dir=$target/debian/$1
    [ -d "$dir/root" ] && return
    fetch "$1" packages nginx nginx-dev libc6 libcrypt1 libgcc-s1 libpcre2-8-0 libssl3t64 libzstd1 zlib1g
    unpack "$1"
    cat >"$dir/root.new/nginx" <<'END'
#!/bin/sh
root=${0%/*}
set -- "$root"/usr/sbin/nginx "$@"
for loader in "$root"/usr/lib/*/ld-linux*.so.*; do
    exec "$loader" --library-path "${loader%/*}" --argv0 "$0" "$@"
done
END
    chmod +x "$dir/root.new/nginx"
    starts_and_stays "$1"
}

unpacked_source() {
    apt_of "$1" apt-get source --download-only "$2" && tar -xf "$2"_*.orig.tar.[gx]z --strip-components=1 && rm "$2"_*
}

# foreign_source RELEASE PACKAGE: the path of upstream's own sources of it, unpacked, without Debian's patches, on stdout.
foreign_source() {
    gather "$1/source" "$2" 'deb-src [signed-by=KEYRING target=Sources]' "the sources of $2" unpacked_source "$1/source" "$2"
    echo "$target/debian/$1/source/$2"
}
