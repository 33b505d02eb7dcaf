# shellcheck shell=bash
# What packaging/test-debian tries inside a root: sourced by it, never run.
#
# Enters: `there` (a mounted root), `passed`, `failed`; servers.sh and roots.sh. Leaves: `try_all`, `check`, `all`, `other`, `package`.
# shellcheck disable=SC2154,SC2034 # variables of and for the script that sources this file

package=libnginx-mod-http-authgear
all=(bookworm trixie forky)
# Whose package is the wrong one.
declare -A other=([bookworm]=trixie [trixie]=bookworm [forky]=trixie)
written=()

# check WHAT COMMAND ...: what the command says is shown where it fails.
check() {
    local what=$1 words
    shift
    if words=$("$@" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'not ok: %s\n%s\n' "$what" "$(tail -n 25 <<<"$words")"
    fi
}

# as_written COMMAND: runs a command of docs/install.md in the root, and leaves what it said in `said`; its status is the command's.
as_written() {
    grep -qxF "    $1" "$root/docs/install.md" || fail "docs/install.md has no such command: $1"
    written+=("$1")
    shell "$1"
}

shell() {
    local status=0
    said=$(run_in "$there" bash -c "cd /root && $1" 2>&1 </dev/null) || status=$?
    printf '%s\n' "$said" >>"$there/root/shell.log"
    return "$status"
}

# does WHAT COMMAND ARGUMENT: one that changes the root is not run in a subshell, or `said` and `written` would be lost.
does() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'not ok: %s\n%s\n' "$what" "$(tail -n 25 <<<"$said")"
    fi
}

fails() {
    ! "$@"
}

says() {
    grep -q -e "$1" <<<"$said" || { printf 'not said: %s\n%s\n' "$1" "$said"; return 1; }
}

# What of docs/install.md is for Debian.
section() {
    sed -n '/^## Debian$/,/^## [^D]/p' "$root/docs/install.md"
}

# Its block of configuration, with the addresses of the stand-in and the backend, and nothing else changed.
configuration() {
    # shellcheck disable=SC2016 # a block's fence
    section | sed -n '/^```nginx$/,/^```$/p' | sed '/^```/d' >"$dir/written.conf"
    sed -e 's#https://project\.authgear\.cloud#http://project.authgear.cloud#' \
        -e "s#server project\.authgear\.cloud:443;#server ${authgear#http://};#" \
        -e "s#server 127\.0\.0\.1:3000;#server ${backend#http://};#" "$dir/written.conf"
}

# ask CURL-ARGUMENT ...: leaves the answer in `head` and the x-authgear-* headers that the backend saw in `saw`, sorted.
ask() {
    local before
    before=$(count resolver)
    rm -f "$dir"/answer.*
    curl --silent --max-time 10 -D "$dir/answer.head" -o "$dir/answer.body" "$@" http://127.0.0.1/ || true
    head=$(tr -d '\r' <"$dir/answer.head")
    saw=$(grep -i '^x-authgear-' "$dir/answer.body" | tr -d '\r' | tr '[:upper:]' '[:lower:]' | sort) || true
    asked=$(($(count resolver) - before))
}

# is STATUS SAW asked|unasked: what the request just sent was answered, what the backend saw (a pattern), and whether the resolver was asked.
is() {
    local status
    status=$(sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' <<<"$head")
    printf 'status %s, asked %s, the backend saw: %s\n' "$status" "$asked" "$saw"
    [ "$status" = "$1" ] && [ "$3" = "$([ "$asked" = 0 ] && echo unasked || echo asked)" ] && grep -qzE "^$2\$" <<<"$saw"
}

credentials() {
    user=$(control POST /users '{"roles":["admin","editor"],"verified":true}' | member id)
    good=$(control POST /tokens "{\"user\":\"$user\",\"lifetime\":86400}" | member token)
    expired=$(control POST /tokens "{\"user\":\"$user\",\"lifetime\":-60}" | member token)
    changed=$(control POST /tokens "{\"user\":\"$user\",\"tamper\":\"payload\"}" | member token)
    opaque=$(control POST /tokens "{\"user\":\"$user\",\"jwt\":false}" | member token)
    cookie=$(control POST /sessions "{\"user\":\"$user\"}" | member cookie)
    revoked=$(control POST /sessions "{\"user\":\"$user\"}" | member cookie)
    control POST /revoke "{\"value\":\"${revoked#*=}\"}" >/dev/null
}

# The demo's requests.
requests() {
    local when=$1 valid=".*x-authgear-session-valid: true.*x-authgear-user-id: $user.*" invalid='x-authgear-session-valid: false\s*'
    ask
    check "$when: nobody is nobody" is 200 '\s*' unasked
    ask -H "Authorization: Bearer $good"
    check "$when: a good token is its user's" is 200 "$valid" unasked
    ask -H "Authorization: Bearer $expired"
    check "$when: an expired token is none" is 200 "$invalid" unasked
    ask -H "Authorization: Bearer $changed"
    check "$when: a changed token is none" is 200 "$invalid" unasked
    ask -H 'X-Authgear-User-Id: mallory' -H 'X_Authgear_Session_Valid: true'
    check "$when: a forged header does not arrive" is 200 '\s*' unasked
    ask -H 'X-Authgear-User-Id: mallory' -H "Authorization: Bearer $good"
    check "$when: nor beside a good token" is 200 "$valid" unasked
    check "$when: nor anything of it" fails grep -q mallory "$dir/answer.body"
    ask -H "Authorization: Bearer $opaque"
    check "$when: the resolver knows an opaque token" is 200 "$valid" asked
    ask -H "Cookie: $cookie"
    check "$when: and a session's cookie" is 200 "$valid" asked
    ask -H "Cookie: $revoked"
    check "$when: and that one is revoked" is 200 "$invalid" asked
    control PUT /fault '{"target":"resolver","kind":"refuse"}' >/dev/null
    ask -H "Authorization: Bearer $opaque"
    check "$when: without the resolver there is no guess" is 503 '\s*' asked
    ask -H "Authorization: Bearer $good"
    check "$when: and a good token misses nothing" is 200 "$valid" unasked
    control DELETE /fault >/dev/null
}

conffiles() {
    # shellcheck disable=SC2016 # a field of dpkg's
    run_in "$there" dpkg-query -W -f '${Conffiles}' "$package" | awk '{ print $1 }' | sort | xargs \
        | grep -x '/etc/nginx/authgear.conf /etc/nginx/self-hosted.conf'
}

is_loaded() {
    [ "$(run_in "$there" cat /etc/nginx/modules-enabled/50-mod-http-authgear.conf)" = 'load_module modules/ngx_http_authgear_module.so;' ]
}

# With nothing but the package's file, and apt.
install_it() {
    does "apt installs the package, and nginx with it" as_written "apt install ./${package}_*_amd64.deb"
    check "its two files for nginx are configuration" conffiles
    check "its snippet is enabled" is_loaded
    check "its documents have every link's file" test -f "$there/usr/share/doc/$package/nginx-conf/minimal.conf"
    check "its copyright names a crate that is compiled in" grep -q '^Files: vendor/ring/' "$there/usr/share/doc/$package/copyright"
    does "nginx takes the example of README.md" shell 'mkdir tried; AUTOPKGTEST_TMP=/root/tried ./use-it'
    configuration >"$there/etc/nginx/conf.d/authgear.conf"
    check "docs/install.md has the example of README.md" same_example
    does "Debian's page goes" as_written 'rm /etc/nginx/sites-enabled/default'
    does "nginx takes the configuration" as_written 'nginx -t'
    does "nginx starts without systemd" as_written 'service nginx restart'
}

# README.md's block without what Debian's nginx.conf has, and its comments.
same_example() {
    # shellcheck disable=SC2016 # a block's fence
    diff -wB <(sed 's/ *#.*//' "$dir/written.conf") \
        <(sed -n '/^<!-- main -->$/,/^```$/p' "$root/README.md" | sed -e '/^<!--/d; /^```/d; /^load_module /d; /^events /d; /^http {/d; /^}/d; s/ *#.*//')
}

as_a_reader() {
    local line="curl -i -H \"Authorization: Bearer \$TOKEN\" http://127.0.0.1/"
    grep -qxF "    $line" "$root/docs/install.md" && TOKEN=$good bash -c "$line" 2>/dev/null | grep -qi "^x-authgear-user-id: $user"
}

master() {
    cat "$there/run/nginx.pid"
}

no_file_of_ours() {
    find "$there" -xdev \( -path "$there/root" -o -path "$there/proc" -o -path "$there/dev" -o -path "$there/var/cache" \) -prune \
        -o -iname '*authgear*' -print | sed "s|^$there||" | grep . && return 1
    [ -z "$(ls "$there/etc/nginx/modules-enabled")" ]
}

# Every file of the root, but for what apt, dpkg and nginx write as they run.
file_list() {
    (cd "$there" && find etc usr var opt srv -xdev \( -path var/cache -o -path var/log -o -path var/lib/dpkg -o -path var/lib/apt \
        -o -path var/lib/nginx \) -prune -o -print | sort)
}

# What nginx leaves without the package, to compare with; then there is no nginx again.
nginx_alone() {
    does "nginx installs without the package" shell 'apt install nginx ca-certificates'
    file_list >"$dir/files"
    does "and goes" shell 'apt purge nginx ca-certificates && apt autoremove --purge'
}

only_files_of_nginx() {
    diff "$dir/files" <(file_list)
}

# goes_on COMMAND: while the command runs, requests are answered, each of them.
goes_on() {
    local status=0 asker
    : >"$dir/unanswered"
    while sleep 0.05; do
        curl --silent --fail --max-time 5 -o /dev/null -H "Authorization: Bearer $good" http://127.0.0.1/ || echo one >>"$dir/unanswered"
    done &
    asker=$!
    "$@" || status=1
    sleep 0.5
    kill "$asker"
    wait "$asker" || true
    [ ! -s "$dir/unanswered" ] || { said+=$'\n'"requests without an answer: $(wc -l <"$dir/unanswered")"; status=1; }
    return "$status"
}

upgrade_it() {
    local before
    does "apt installs an older package" shell 'apt install ./older.deb'
    configuration >"$there/etc/nginx/conf.d/authgear.conf"
    echo '# changed by its owner' >>"$there/etc/nginx/self-hosted.conf"
    does "nginx runs with it" shell 'rm -f /etc/nginx/sites-enabled/default; service nginx restart'
    before=$(master)
    does "an upgrade leaves no request unanswered" goes_on as_written "apt install ./${package}_*_amd64.deb"
    check "the upgrade has not restarted nginx" test "$(master)" = "$before"
    check "a configuration that nobody changed is the new one" fails grep -q 'as it was in 0.0.9' "$there/etc/nginx/authgear.conf"
    check "one that its owner changed is kept" grep -q 'changed by its owner' "$there/etc/nginx/self-hosted.conf"
    does "nginx restarts with the new package" as_written 'service nginx restart'
    requests 'after an upgrade'
}

# With its directives in use, against the advice.
remove_in_use() {
    does "removal leaves no request unanswered" goes_on shell "apt remove $package"
    ask -H "Authorization: Bearer $good"
    check "nginx serves on, with the module that it has loaded" is 200 ".*x-authgear-user-id: $user.*" unasked
    does "nginx can't read the configuration again" fails shell 'nginx -t'
    check "and says what is missing" says 'unknown directive "authgear_endpoint" in /etc/nginx/conf.d/authgear.conf'
    does "a package that comes back is enabled again" shell "apt install ./${package}_*_amd64.deb && nginx -t"
}

remove_it() {
    does "its directives go" as_written 'rm /etc/nginx/conf.d/authgear.conf'
    does "nginx reloads without them" as_written 'service nginx reload'
    does "apt removes the package" as_written "apt remove $package"
    check "its configuration stays" test -f "$there/etc/nginx/authgear.conf"
    does "apt purges the package" as_written "apt purge $package"
    check "no file of its is left" no_file_of_ours
    does "nginx needs none" shell 'ln -sf ../sites-available/default /etc/nginx/sites-enabled/default; nginx -t && service nginx reload'
    check "nginx answers" curl --silent --fail --retry 5 --retry-all-errors -o /dev/null http://127.0.0.1/
}

# In the root with nginx and the package.
wrong_nginx() {
    local abi load="load_module /root/other/usr/lib/nginx/modules/ngx_http_authgear_module.so; events {}"
    abi=$(dpkg-deb -f "$there"/root/other/*.deb Depends | grep -o 'nginx-abi-[0-9.-]*' || echo 'no nginx-abi')
    does "another release's package is refused" fails shell 'apt install ./other/*.deb'
    check "and apt says by which nginx" says "$package : Depends: $abi but it is not installable"
    does "its module by hand is refused" fails shell "echo '$load' >other.conf; nginx -t -c /root/other.conf"
    check "and nginx says which version it is for" says 'module "/root/other/.*" version [0-9]* instead of [0-9]*\|version `GLIBC_[0-9.]*. not found'
    does "an nginx with other modules is kept back by an upgrade" \
        shell 'cp newer.list /etc/apt/sources.list.d/; apt-get -o Dir::Etc::sourcelist=/dev/null update && apt-get upgrade'
    check "and apt says so" says 'kept back'
    check "nginx is the one before" fails grep -q 9.9.9 <<<"$(run_in "$there" dpkg-query -W nginx)"
    does "one that is asked for by name would take the package away" shell 'apt-get -s install nginx=9.9.9-1'
    check "and apt asks first" says "^Remv $package "
    rm "$there/etc/apt/sources.list.d/newer.list"
}

# Each command of the page's section is among those that ran here.
all_are_run() {
    local line
    # shellcheck disable=SC2016 # a block's fence
    while IFS= read -r line; do
        case $line in
            'scripts/package debian' | curl* | *' : Depends: '*) ;;
            *) printf '%s\n' "${written[@]}" | grep -qxF "$line" || { printf 'not run: %s\n' "$line"; return 1; } ;;
        esac
    done < <(section | sed '/^```/,/^```/d' | sed -n 's/^    \([^ ]\)/\1/p')
}

try_all() {
    start_stand_in project.authgear.cloud
    credentials
    nginx_alone
    install_it
    requests 'fresh'
    check "a reader's own request is seen" as_a_reader
    wrong_nginx
    remove_it
    check "what is left are the files of nginx alone" only_files_of_nginx
    upgrade_it
    remove_in_use
    remove_it
    check "likewise after an upgrade" only_files_of_nginx
    check "each command of docs/install.md has run" all_are_run
}
