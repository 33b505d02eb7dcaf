# shellcheck shell=bash
# Debian 12 for aarch64, on a machine of another kind: sourced, never run.
#
# Enters: `target`, `fail` (lib.sh), and for `arm64_root` debian.sh. Leaves: `arm64` (the root of that Debian, under target/debian/), `arm64_root`
# (fills it), `arm64_environment` (cargo and nginx's configure work for it). In that root lie, beside what Debian has there:
#   cc       the C compiler for it: a cross compiler that looks for headers and libraries there and nowhere else
#   run      PROGRAM ARGUMENT ...: starts a program of it, by qemu
#   nginx    its nginx, by qemu
#   machine/ uname as it is there, for nginx's configure
# Always: dpkg's architectures and the kernel's list of program formats stay as they are.
# shellcheck disable=SC2154 # `target` is set by lib.sh

arm64=$target/debian/bookworm-arm64/root
# shellcheck disable=SC2034 # read by the scripts that source this file
arm64_target=aarch64-unknown-linux-gnu

# What nginx's configure starts to see how it behaves has to be something that this machine can start, so `cc` leaves a script in its place.
arm64_tools() {
    local new=$1
    mkdir "$new/machine"
    cat >"$new/cc" <<'END'
#!/bin/sh
root=${0%/*}
aarch64-linux-gnu-gcc --sysroot="$root" "$@" || exit
for word; do
    case $before$word in
        -o*/autotest)
            mv "$word" "$word.aarch64"
            printf '#!/bin/sh\nexec %s %s\n' "$root/run" "$word.aarch64" >"$word"
            chmod +x "$word"
            ;;
    esac
    before=$word
done
END
    cat >"$new/run" <<'END'
#!/bin/sh
exec qemu-aarch64 -L "${0%/*}" "$@"
END
    # A new binary is started as the old one was: by this script.
    cat >"$new/nginx" <<'END'
#!/bin/sh
root=${0%/*}
exec qemu-aarch64 -L "$root" -0 "$0" "$root/usr/sbin/nginx" "$@"
END
    cat >"$new/machine/uname" <<'END'
#!/bin/sh
case $* in
    -m) echo aarch64 ;;
    *) exec /usr/bin/uname "$@" ;;
esac
END
    chmod +x "$new"/cc "$new"/run "$new"/nginx "$new"/machine/uname
}

arm64_root() {
    [ -d "$arm64" ] && return
    fetch bookworm-arm64 packages nginx nginx-dev libc6 libc6-dev linux-libc-dev libcrypt1 libcrypt-dev libgcc-s1 \
        libpcre2-8-0 libpcre2-dev libssl3 libssl-dev zlib1g zlib1g-dev
    unpack bookworm-arm64
    arm64_tools "$target/debian/bookworm-arm64/root.new"
    starts_and_stays bookworm-arm64
}

# What cargo builds with `--target $arm64_target` is for that Debian from here on, and its tests are run by qemu.
arm64_environment() {
    export DEB_HOST_ARCH=arm64
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$arm64/cc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=$arm64/run
    export CC_aarch64_unknown_linux_gnu=$arm64/cc AR_aarch64_unknown_linux_gnu=aarch64-linux-gnu-ar
    export BINDGEN_EXTRA_CLANG_ARGS_aarch64_unknown_linux_gnu=--sysroot=$arm64
    export AARCH64_UNKNOWN_LINUX_GNU_OPENSSL_LIB_DIR=$arm64/usr/lib/aarch64-linux-gnu
    export AARCH64_UNKNOWN_LINUX_GNU_OPENSSL_INCLUDE_DIR=$arm64/usr/include
}
