# shellcheck shell=bash
# Minimal roots of Debian's releases, and commands that run in them: sourced, never run.
#
# Enters: `target`, `say`, `fail` (lib.sh), `known_mirror`, `keyring` (debian.sh). Leaves: `need_root`, `minimal_root`, `copy_root`, `mount_root`,
# `run_in`, `in_root`, `apt_in`. Always: what is mounted for a command is gone with it, also when it is killed, and only a root has changed.
# shellcheck disable=SC2154 # `target` and `keyring` are set by the scripts that source this file

# Roots are made by chroot and mount, with files that belong to several users.
need_root() {
    [ "$(id -u)" = 0 ] || fail "run it as root: it makes minimal Debian systems in $target/debian/, and mounts and runs in them"
    unshare --mount --pid --fork --net true 2>/dev/null \
        || fail "root may not mount here, or have a network of its own: in a container, start that one with --privileged"
    # A script that has called this one holds the lock.
    if [ "${roots_locked:-}" != yes ]; then
        mkdir -p "$target"
        exec {roots_lock}>"$target/roots.lock"
        flock -n "$roots_lock" || fail "another run makes or uses the roots in $target/debian/: wait for its end"
        export roots_locked=yes
    fi
}

# How this machine's apt fetches: by which proxy, and whether a mirror that stands still is taken.
fetching() {
    apt-config dump --no-empty --format '%F "%v";%n' Acquire | grep -E '^Acquire::(Check-|Retries|[a-z]+::(.*::)?Proxy)' || true
}

# minimal_root RELEASE: a root with what its Debian calls essential, and apt; its path on stdout. What was made before is taken as it is.
minimal_root() {
    local release=$1 dir=$target/debian/$1/minimal mirror log
    if [ ! -d "$dir" ]; then
        mirror=$(known_mirror) || exit
        say "making a minimal root of Debian $release"
        mkdir -p "${dir%/*}"
        log=$dir.log
        rm -rf "$dir.new"
        fetching >"$dir.apt.conf"
        if ! mmdebstrap --variant=minbase --keyring="$keyring" --aptopt="$dir.apt.conf" "$release" "$dir.new" "$mirror" >"$log" 2>&1; then
            tail -n 20 "$log" >&2
            fail "mmdebstrap could not make a root of Debian $release (all of its output: $log)"
        fi
        mv -T "$dir.new" "$dir"
    fi
    printf '%s\n' "$dir"
}

# copy_root FROM TO: TO has the name only once it is whole.
copy_root() {
    rm -rf --one-file-system "$2" "$2.new"
    cp -a "$1" "$2.new" || fail "$1 could not be copied to $2"
    # Names are looked up as this machine looks them up, also where that has changed since the root was made.
    cp -L /etc/resolv.conf "$2.new/etc/resolv.conf" 2>/dev/null || true
    mv -T "$2.new" "$2"
}

# mount_root ROOT: what a system's processes expect to find, and of this machine what `read_only` names (FROM:TO, several with spaces between), to be
# read there. Of this machine's devices it has none that hold anything. Only in namespaces of its own, whose first process this shell is then: what
# is mounted anywhere else would stay, and be emptied with the root.
mount_root() {
    local pair device
    [ $$ = 1 ] || { echo "a root is mounted only in namespaces of its own" >&2; return 1; }
    mount -t proc proc "$1/proc"
    mount -t tmpfs -o mode=755 tmpfs "$1/dev"
    for device in null zero full random urandom tty; do
        : >"$1/dev/$device"
        mount --bind "/dev/$device" "$1/dev/$device"
    done
    mkdir "$1/dev/pts" "$1/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$1/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
    ln -s pts/ptmx "$1/dev/ptmx"
    ln -s /proc/self/fd "$1/dev/fd"
    ln -s /proc/self/fd/0 "$1/dev/stdin"
    ln -s /proc/self/fd/1 "$1/dev/stdout"
    ln -s /proc/self/fd/2 "$1/dev/stderr"
    for pair in ${read_only-}; do
        mkdir -p "$1${pair#*:}"
        mount --bind "${pair%:*}" "$1${pair#*:}"
        mount -o remount,bind,ro "$1${pair#*:}"
    done
}

# run_in ROOT COMMAND ARGUMENT ...: in a root that is mounted.
run_in() {
    local dir=$1
    shift
    env -i PATH=/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$dir" "$@"
}

# in_root [offline] ROOT COMMAND ARGUMENT ...: mounts it, and ends whatever was started there. `offline` leaves no network.
in_root() {
    local network=()
    if [ "$1" = offline ]; then
        network=(--net)
        shift
    fi
    read_only=${read_only-} unshare --mount --pid --fork --kill-child "${network[@]}" \
        bash -euc "$(declare -f mount_root run_in); mount_root \"\$1\"; run_in \"\$@\"" in_root "$@"
}

# apt_in ROOT ARGUMENT ...: apt-get in a root, with no question and no wait for the disk.
apt_in() {
    local dir=$1
    shift
    in_root "$dir" apt-get -q -y -o Dpkg::Options::=--force-unsafe-io -o APT::Install-Recommends=false "$@"
}
