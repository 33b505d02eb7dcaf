# shellcheck shell=bash
# What a test here counts: sourced, never run.
#
# Enters: `work`, a directory for what commands say; `kind`, where a test tries several things in turn: it goes before each name. Leaves: `passed` and
# `failed`, `verdict` and `check`.
# shellcheck disable=SC2154 # `work` is set by the script that sources this file

passed=0
failed=0

# verdict WHAT STATUS [FILE]: what the file holds is shown where it failed.
verdict() {
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'not ok: %s\n' "$1"
        [ -z "${3:-}" ] || tail -n 30 "$3"
    fi
}

# check WHAT COMMAND ...: its output goes to work/said.
check() {
    local what=$1 status=0
    shift
    "$@" >"$work/said" 2>&1 || status=$?
    verdict "${kind:+$kind: }$what" "$status" "$work/said"
}
