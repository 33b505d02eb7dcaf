# shellcheck shell=bash
#
# For scripts/examples: the requests that each file of nginx-conf/ is asked (serve_NAME), and what has to come back. A new file is served
# when main of scripts/examples names it.
#
# Enters: what lib.sh, servers.sh and main of scripts/examples set.
# shellcheck disable=SC2154 # see above

# self_hosted RESOLVER PUBLIC: stdin's configuration, for an Authgear server of one's own at these two addresses.
self_hosted() {
    sed -e 's/include authgear.conf;/include self-hosted.conf;/' \
        -e "s/^http {/http { upstream authgear_resolver { server $1; } upstream authgear_public { server $2; }/"
}

copy_includes() {
    cp "$root/nginx-conf/authgear.conf" "$root/nginx-conf/self-hosted.conf" "$dir"
    cp "$root/scripts/examples.jwks.json" "$dir/jwks.json"
}

# ask WHAT PATTERN CURL-ARGUMENT ...: the answer, headers and body, has a line that begins so.
ask() {
    local what=$1 pattern=$2
    shift 2
    curl --silent --include --max-time 5 --output "$dir/answer" "$@" || true
    if tr -d '\r' <"$dir/answer" | grep -aq "^$pattern"; then
        verdict "$what" ''
    else
        verdict "$what" "$(cat "$dir/answer" "$dir"/*.log)"
    fi
}

# asks_nobody WHAT CURL-ARGUMENT ...: no identity arrives, and the resolver hears nothing.
asks_nobody() {
    local what=$1 before after
    shift
    before=$(count resolver)
    curl --silent --include --max-time 5 --output "$dir/answer" "$@" || true
    after=$(count resolver)
    if [ "$before" = "$after" ] && ! grep -aqi '^\(seen-\)\{0,1\}x-authgear-user-id' "$dir/answer"; then
        verdict "$what" ''
    else
        verdict "$what" "$(cat "$dir/answer")"
    fi
}

# serve NAME: nginx with the file, a user (`user`, `token`, `opaque`, `cookie`) and another (`other`, `others`, a token) at the stand-in, and the requests of serve_NAME.
serve() {
    local name=$1 file=$root/nginx-conf/${1/self-hosted/minimal}.conf host adapt=(cat)
    host=$(sed -n 's|^ *authgear_endpoint https://\(.*\);|\1|p' "$file")
    open_servers
    copy_includes
    start_stand_in "$host"
    case $name in
        self-hosted) adapt=(self_hosted "${resolver#http://}" "${authgear#http://}") ;;
        fastcgi) backend=$fastcgi ;;
    esac
    local_example "$file" "$module" "127.0.0.1:$port" "${authgear#http://}" "${backend#http://}" "$dir" | "${adapt[@]}" >"$dir/nginx.conf"
    start_nginx "$dir/nginx.conf"
    url=http://127.0.0.1:$port
    user=$(control POST /users '{}' | member id)
    token=$(control POST /tokens "{\"user\":\"$user\"}" | member token)
    opaque=$(control POST /tokens "{\"user\":\"$user\",\"jwt\":false}" | member token)
    other=$(control POST /users '{}' | member id)
    others=$(control POST /tokens "{\"user\":\"$other\"}" | member token)
    cookie=$(control POST /sessions "{\"user\":\"$user\"}" | member cookie)
    "serve_${name/-/_}"
    end_servers
}

serve_minimal() {
    ask 'minimal.conf: a token' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/"
    ask 'minimal.conf: a session cookie' "x-authgear-user-id: $user" -H "Cookie: $cookie" "$url/"
    asks_nobody 'minimal.conf: a forged header' -H 'X-Authgear-User-Id: admin' "$url/"
}

serve_self_hosted() {
    ask 'self-hosted.conf: a token' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/"
    ask 'self-hosted.conf: an opaque token' "x-authgear-user-id: $user" -H "Authorization: Bearer $opaque" "$url/"
}

serve_cookies() {
    ask 'cookies.conf: a session cookie' "x-authgear-user-id: $user" -H "Cookie: $cookie" "$url/"
    asks_nobody 'cookies.conf: a token counts for nothing' -H "Authorization: Bearer $opaque" "$url/"
    asks_nobody 'cookies.conf: a static file' -H "Cookie: $cookie" "$url/static/style.css"
    control PUT /fault '{"target":"resolver","kind":"refuse"}' >/dev/null
    ask 'cookies.conf: without the resolver nobody is logged in' 'HTTP/1.1 200' -H "Cookie: $cookie" "$url/"
}

serve_api() {
    ask 'api.conf: a token' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/"
    ask 'api.conf: an opaque token' "x-authgear-user-id: $user" -H "Authorization: Bearer $opaque" "$url/"
    ask 'api.conf: a token where only tokens count' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/feed/"
    asks_nobody 'api.conf: an opaque token where only tokens count' -H "Authorization: Bearer $opaque" "$url/feed/"
    asks_nobody 'api.conf: a cookie counts for nothing' -H "Cookie: $cookie" "$url/"
    control POST /revoke "{\"value\":\"$token\"}" >/dev/null
    ask 'api.conf: a revoked token where the resolver decides' 'x-authgear-session-valid: false' \
        -H "Authorization: Bearer $token" "$url/payments/"
}

serve_grpc() {
    local call=(--http2-prior-knowledge -H 'Content-Type: application/grpc' -H 'TE: trailers' --data-binary '' "$url/Service/Method")
    ask 'grpc.conf: a token' "seen-x-authgear-user-id: $user" -H "Authorization: Bearer $token" "${call[@]}"
    asks_nobody 'grpc.conf: forged metadata' -H 'x-authgear-user-id: admin' "${call[@]}"
}

serve_fastcgi() {
    ask 'fastcgi.conf: a token' "HTTP_X_AUTHGEAR_USER_ID: $user" -H "Authorization: Bearer $token" "$url/"
    ask 'fastcgi.conf: a session cookie' "HTTP_X_AUTHGEAR_USER_ID: $user" -H "Cookie: $cookie" "$url/"
}

serve_rate_limit() {
    local many="$url/?[1-300]"
    ask 'rate-limit.conf: a user has a rate' 'HTTP/1.1 429' -H "Authorization: Bearer $token" "$many"
    ask 'rate-limit.conf: whatever the credential' 'HTTP/1.1 429' -H "Cookie: $cookie" "$many"
    ask 'rate-limit.conf: another user has another' "x-authgear-user-id: $other" -H "Authorization: Bearer $others" "$url/"
    ask 'rate-limit.conf: an address has one' 'HTTP/1.1 429' "$many"
    ask 'rate-limit.conf: and it is not the users' "x-authgear-user-id: $other" -H "Authorization: Bearer $others" "$url/"
    ask 'rate-limit.conf: a download is for users' 'HTTP/1.1 401' "$url/downloads/"
    ask 'rate-limit.conf: a download' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/downloads/"
}

serve_policy_service() {
    ask 'policy-service.conf: a token' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/"
    control GET /backend/log >"$dir/answer"
    if grep -q "\"path\":\"/check\"" "$dir/answer" && [ "$(grep -o "$user" "$dir/answer" | wc -l)" = 2 ]; then
        verdict 'policy-service.conf: the service knows the user' ''
    else
        verdict 'policy-service.conf: the service knows the user' "$(cat "$dir/answer")"
    fi
    ask 'policy-service.conf: nobody' 'HTTP/1.1 401' "$url/"
    ask 'policy-service.conf: a client does not ask the service' 'HTTP/1.1 404' -H "Authorization: Bearer $token" "$url/_policy"
}

serve_sse() {
    ask 'sse.conf: a token in the query' "x-authgear-user-id: $user" "$url/events?access_token=$token&channel=news"
    ask 'sse.conf: an opaque token in the query' "x-authgear-user-id: $user" "$url/events?channel=news&access_token=$opaque"
    ask 'sse.conf: the backend sees the query without it' 'GET /events?channel=news$' "$url/events?channel=news&access_token=$token"
    ask 'sse.conf: a token as elsewhere' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/events"
    ask 'sse.conf: nobody' 'HTTP/1.1 401' "$url/events?channel=news"
    ask 'sse.conf: what is no token' 'HTTP/1.1 401' "$url/events?access_token=$token%20"
    verdict 'sse.conf: no log holds a token' "$(grep -rhF -e "$token" -e "$opaque" "$dir"/*.log)"
    verdict 'sse.conf: the access log has the requests' "$(grep -q '"GET /events HTTP/1.1" 200' "$dir/access.log" || cat "$dir/access.log")"
}

serve_websocket() {
    local handshake=(--http1.1 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13'
        -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' -H "Cookie: $cookie" "$url/ws")
    ask 'websocket.conf: a handshake' 'HTTP/1.1 101' -H 'Origin: https://www.example.com' "${handshake[@]}"
    ask 'websocket.conf: the backend knows the user' ".*x-authgear-user-id: $user\|x-authgear-user-id: $user" "${handshake[@]}"
    ask 'websocket.conf: a foreign page' 'HTTP/1.1 403' -H 'Origin: https://evil.example' "${handshake[@]}"
    ask 'websocket.conf: a token among the subprotocols' "x-authgear-user-id: $user" -H "Sec-WebSocket-Protocol: chat.v1, bearer.$token" "$url/ws"
    ask 'websocket.conf: the backend sees the others' 'sec-websocket-protocol: chat.v1$' -H "Sec-WebSocket-Protocol: bearer.$token, chat.v1" "$url/ws"
}

# logs WHAT FILE COUNT PATTERN: so many lines of a log have it, at the latest in a second.
logs() {
    local what=$1 file=$dir/$2 count=$3 pattern=$4 _
    for _ in {1..20}; do
        [ "$(grep -c "$pattern" "$file")" = "$count" ] && break
        sleep 0.05
    done
    if [ "$(grep -c "$pattern" "$file")" = "$count" ]; then
        verdict "$what" ''
    else
        verdict "$what" "$(cat "$file")"
    fi
}

serve_shadow() {
    local log=authgear-shadow.log
    ask 'shadow.conf: a token' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/"
    ask 'shadow.conf: an opaque token' "x-authgear-user-id: $user" -H "Authorization: Bearer $opaque" "$url/"
    ask 'shadow.conf: a session cookie' "x-authgear-user-id: $user" -H "Cookie: $cookie" "$url/?access_token=$opaque"
    ask 'shadow.conf: a dead token' 'HTTP/1.1 200' -H 'Authorization: Bearer nobody' "$url/"
    knows_nobody 'shadow.conf: no credential' "$url/"
    logs 'shadow.conf: both know the user' $log 3 " same recipe=$user module=$user "
    logs 'shadow.conf: both know nobody' $log 1 ' same recipe=nobody module=nobody '
    logs 'shadow.conf: without a credential there is no line' $log 4 ' same '
    logs 'shadow.conf: no token stands in it' $log 0 "$opaque"
    control POST /revoke "{\"value\":\"$token\"}" >/dev/null
    knows_nobody 'shadow.conf: the recipe decides' -H "Authorization: Bearer $token" "$url/"
    logs 'shadow.conf: the difference is counted' $log 1 DIFFERS
}

# knows_nobody WHAT CURL-ARGUMENT ...: an answer comes, and no identity arrives at the backend.
knows_nobody() {
    local what=$1
    shift
    curl --silent --include --max-time 5 --output "$dir/answer" "$@" || true
    if grep -aq '^HTTP/1.1 200' "$dir/answer" && ! grep -aqi '^x-authgear-user-id' "$dir/answer"; then
        verdict "$what" ''
    else
        verdict "$what" "$(cat "$dir/answer")"
    fi
}

serve_migrate() {
    local before
    ask 'migrate.conf: a location that has not moved' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/"
    before=$(count resolver)
    ask 'migrate.conf: one that has' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/reports/"
    ask 'migrate.conf: a dry run' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/admin/"
    ask 'migrate.conf: a dry run, and no credential' 'HTTP/1.1 200' "$url/admin/"
    verdict 'migrate.conf: who has moved asks no more' "$([ "$(count resolver)" = "$before" ] || echo 'the resolver was asked')"
    logs 'migrate.conf: whose role is missing' nginx.log 1 'access would be refused (dry run): missing_role'
    logs 'migrate.conf: who has no credential' nginx.log 1 'access would be refused (dry run): no_credential'
}

serve_browser() {
    local page=(-H 'Sec-Fetch-Mode: navigate') place='https%3A%2F%2Fwww.example.com%2Fsigned-in'
    ask 'browser.conf: a page is sent to sign in' "Location: http://auth.example.com/oauth2/authorize?.*redirect_uri=$place" "${page[@]}" "$url/a"
    ask 'browser.conf: and its place is remembered' 'Set-Cookie: return_to=/a;' "${page[@]}" "$url/a"
    ask 'browser.conf: a fetch gets the challenge' 'WWW-Authenticate: Bearer' -H 'Sec-Fetch-Mode: cors' "$url/a"
    ask 'browser.conf: a session cookie' "x-authgear-user-id: $user" -H "Cookie: $cookie" "${page[@]}" "$url/a"
    ask 'browser.conf: a token' "x-authgear-user-id: $user" -H "Authorization: Bearer $token" "$url/a"
    ask 'browser.conf: back to the place' 'Location: https://www.example.com/a' -H "Cookie: $cookie; return_to=/a" "$url/signed-in"
    ask 'browser.conf: no way round in circles' 'HTTP/1.1 403' "${page[@]}" "$url/signed-in"
}
