# Headers named x-authgear-* belong to the module: no client can send one, however it is spelled and whichever way the request takes.

use Test::Nginx::Socket 'no_plan';
use Authgear::Suite;
use Authgear::Echo;

our $user = user(id => 'alice', verified => true, roles => ['editor']);
our $auth_time = time - 60;
our $alice = bearer(user => 'alice', auth_time => $auth_time);
our $claims = <<"END";
x-authgear-session-authenticated-at: $auth_time
x-authgear-session-valid: true
x-authgear-user-anonymous: false
x-authgear-user-can-reauthenticate: true
x-authgear-user-id: alice
x-authgear-user-roles: editor
x-authgear-user-verified: true
END

no_root_location();
run_tests();

__DATA__

=== TEST 1: the headers of a verdict arrive, and none that the client sent
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory
$::alice
X-Authgear-User-Roles: admin
X-Authgear-User-Roles: root
X-Authgear-Forged: yes"
--- response_body_filters eval
\&::identity
--- response_body eval
$::claims



=== TEST 2: an anonymous request loses them, in every spelling that folds to ours
--- http_config
    underscores_in_headers on;
    ignore_invalid_headers off;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers
x-authgear-user-id: mallory
X-Authgear-User-Id: mallory
X-AUTHGEAR-USER-ID: mallory
X_Authgear_User_Id: mallory
x_authgear_user_id: mallory
X-Authgear_User-Id: mallory
X.Authgear.User.Id: mallory
x-authgear.user_id: mallory
X~Authgear~User~Id: mallory
X!Authgear#User$Id: mallory
X-Authgear-: mallory
X_Authgear_: mallory
X-Authgear-Anything-Of-Tomorrow: mallory
--- response_body_filters eval
\&::identity
--- response_body
nothing



=== TEST 3: a header that only resembles ours stays
--- http_config
    underscores_in_headers on;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers
X-Authgear: a
X-AuthgearUser-Id: b
Authgear-User-Id: c
XX-Authgear-User-Id: d
X--Authgear-User-Id: e
X-Auth-Gear-User-Id: f
--- response_body eval
my $host = $ENV{TEST_NGINX_BACKEND_HOST};
"GET /t
host: $host
connection: close
x-authgear: a
x-authgearuser-id: b
authgear-user-id: c
xx-authgear-user-id: d
x--authgear-user-id: e
x-auth-gear-user-id: f

"



=== TEST 4: an invalid credential arrives as invalid, whatever the client says of it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
"X-Authgear-Session-Valid: true
X-Authgear-User-Id: mallory
" . ::bearer(user => 'alice', tamper => 'signature')
--- response_body_filters eval
\&::identity
--- response_body
x-authgear-session-valid: false
--- error_log
authgear: credential refused: bad_signature



=== TEST 5: the locations of the server that do not resolve lose them too
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /off { authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }
    location /silent { proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /off", "GET /silent", "GET /off", "GET /silent"]
--- more_headers eval
["X-Authgear-User-Id: mallory", "X_Authgear_User_Id: mallory", "$::alice\nX-Authgear-User-Id: mallory", "$::alice\nX-Authgear-User-Id: mallory"]
--- response_body_filters eval
\&::identity
--- response_body eval
["nothing\n", "nothing\n", "nothing\n", "nothing\n"]



=== TEST 6: every other server loses them, also one without a directive of ours
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name bystander;
        location / { proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers
Host: bystander
X-Authgear-User-Id: mallory
X-Authgear-Session-Valid: true
--- response_body_filters eval
\&::identity
--- response_body
nothing



=== TEST 7: where nothing resolves, nothing is taken
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolve off;
    location / { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers
X-Authgear-User-Id: somebody
--- response_body_filters eval
\&::identity
--- response_body
x-authgear-user-id: somebody



=== TEST 8: set, if, map and return never see one
--- http_config
    map $http_x_authgear_user_id $mapped { default none; mallory forged; }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    set $early "[$http_x_authgear_user_id]";
    if ($http_x_authgear_user_id) { return 200 "server\n"; }
    location = /t {
        if ($http_x_authgear_user_id) { return 200 "location\n"; }
        return 200 "$early$mapped[$http_x_authgear_user_id]\n";
    }
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers
X-Authgear-User-Id: mallory
--- response_body
[]none[]



=== TEST 9: a rewrite by one is not possible
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    rewrite ^/t$ /got$http_x_authgear_user_id last;
    location /got { return 200 "$uri\n"; }
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers
X-Authgear-User-Id: mallory
--- response_body
/got



=== TEST 10: the access log never sees one
--- http_config
    log_format forged "logged [$http_x_authgear_user_id]";
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location = /t { access_log logs/access.log forged; return 204; }
--- request
GET /t
--- more_headers
X-Authgear-User-Id: mallory
--- error_code: 204
--- access_log
logged [-]
--- no_access_log
mallory



=== TEST 11: a method of any kind is no way around
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /on { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /silent { proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["OPTIONS /on", "OPTIONS /silent", "DELETE /silent", "PROPFIND /silent", "BREW /silent"]
--- more_headers
X-Authgear-User-Id: mallory
Origin: https://elsewhere.example
Access-Control-Request-Method: POST
--- response_body_filters eval
\&::identity
--- response_body eval
[("nothing\n") x 5]



=== TEST 12: a HEAD request is asked for without them
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["HEAD /t", "GET /t"]
--- more_headers
X-Authgear-User-Id: mallory
--- response_body_filters eval
sub { ::text(map { "$_->{method} $_->{path}" . (grep({ $_->[0] =~ /authgear/i } @{ $_->{headers} }) ? " forged\n" : "\n") } ::log_of_backend()) }
--- response_body eval
["HEAD /t\n", "HEAD /t\nGET /t\n"]



=== TEST 13: a request without Host, refused before any phase, does not carry one to its error page
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    error_page 400 /refused;
    location = /refused { internal; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval
"GET /t HTTP/1.1\r\nX-Authgear-User-Id: mallory\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- response_body_filters eval
\&::identity
--- response_body
nothing



=== TEST 14: nor does TRACE, by a URI or by a named location
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    error_page 405 /refused;
    location = /refused { internal; proxy_pass $TEST_NGINX_BACKEND; }
--- request
TRACE /t
--- more_headers
X-Authgear-User-Id: mallory
--- error_code: 405
--- response_body_filters eval
\&::identity
--- response_body
nothing



=== TEST 15: TRACE by a named location
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    error_page 405 @refused;
    location @refused { proxy_pass $TEST_NGINX_BACKEND; }
--- request
TRACE /t
--- more_headers
X-Authgear-User-Id: mallory
--- error_code: 405
--- response_body_filters eval
\&::identity
--- response_body
nothing



=== TEST 16: an error page that resolves makes a verdict of its own
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    error_page 405 /refused;
    location = /refused { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
TRACE /t
--- more_headers eval
"X-Authgear-User-Id: mallory
$::alice"
--- error_code: 405
--- response_body_filters eval
\&::identity
--- response_body eval
$::claims



=== TEST 17: an error page of its own server, reached by a header that is too large
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    large_client_header_buffers 2 1k;
    client_header_buffer_size 512;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    error_page 494 =400 /refused;
    location = /refused { internal; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval
"GET /t HTTP/1.1\r\nX-Authgear-User-Id: mallory\r\nHost: localhost\r\nConnection: close\r\nLarge: " . 'x' x 2000 . "\r\n\r\n"
--- error_code: 400
--- response_body_filters eval
\&::identity
--- response_body
nothing



=== TEST 18: a body that is announced twice, refused before any phase
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    error_page 400 /refused;
    location = /refused { internal; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: localhost\r\nX-Authgear-User-Id: mallory\r\nContent-Length: 1x\r\nConnection: close\r\n\r\n"
--- error_code: 400
--- response_body_filters eval
\&::identity
--- response_body
nothing



=== TEST 19: HTTP/1.0 without Host
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval
"GET /t HTTP/1.0\r\nX-Authgear-User-Id: mallory\r\n\r\n"
--- response_body_filters eval
\&::identity
--- response_body
nothing



=== TEST 20: each request of a connection loses its own
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- pipelined_requests eval
["GET /a", "GET /b", "GET /c"]
--- more_headers eval
["X-Authgear-User-Id: mallory", "$::alice\nX-Authgear-User-Id: mallory", "X-Authgear-User-Id: mallory"]
--- response_body_filters eval
\&::identity
--- response_body eval
["nothing\n", $::claims, "nothing\n"]



=== TEST 21: any number of forged headers before ordinary ones
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    underscores_in_headers on;
    ignore_invalid_headers off;
--- request eval
[map { "GET /t$_" } 1 .. 41]
--- more_headers eval
[map { ::text(::forged($_), map { "Keep-$_: $_\n" } 1 .. 3) } 1 .. 41]
--- response_body_filters eval
\&::ordinary
--- response_body eval
[(::text(map { "keep-$_: $_\n" } 1 .. 3)) x 41]



=== TEST 22: any number of forged headers after ordinary ones, and headers of a verdict behind them
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    underscores_in_headers on;
    ignore_invalid_headers off;
--- request eval
[map { "GET /t$_" } 1 .. 41]
--- more_headers eval
[map { ::text("$::alice\n", (map { "Keep-$_: $_\n" } 1 .. 3), ::forged($_)) } 1 .. 41]
--- response_body_filters eval
\&::sorted_ordinary
--- response_body eval
[(::text((map { "keep-$_: $_\n" } 1 .. 3), $::claims)) x 41]



=== TEST 23: forged headers between ordinary ones, which fill several parts of nginx's list
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    underscores_in_headers on;
    ignore_invalid_headers off;
    large_client_header_buffers 4 16k;
--- request eval
[map { "GET /t$_" } 1 .. 41]
--- more_headers eval
[map { my $n = $_; ::text(map { my $i = $_; "Keep-$i: $i\n", $i % 7 < 3 ? (::forged($n))[$i % $n] : () } 1 .. 45) } 1 .. 41]
--- response_body_filters eval
\&::ordinary
--- response_body eval
[(::text(map { "keep-$_: $_\n" } 1 .. 45)) x 41]



=== TEST 24: nothing but forged headers
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval
"GET /t HTTP/1.0\r\n" . ::text(map { "X-Authgear-User-Id: mallory$_\r\n" } 1 .. 41) . "\r\n"
--- response_body eval
"GET /t
host: $ENV{TEST_NGINX_BACKEND_HOST}
connection: close

"



=== TEST 25: what nginx knows of the other headers is untouched
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    real_ip_recursive on;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location = /t {
        return 200 "$remote_addr|$http_x_forwarded_for|$http_cookie|$cookie_b|$http_user_agent|$http_referer|$http_host|$http_authorization|$content_length\n";
    }
--- request eval
[map { "POST /t\nbody" } 1 .. 41]
--- more_headers eval
[map { ::text(::forged($_ >> 1), "Cookie: a=1; b=2\nX-Authgear-User-Id: mallory\nX-Forwarded-For: 192.0.2.1, 127.0.0.1\nUser-Agent: curl\nReferer: /r\nHost: localhost\nAuthorization: Basic eA==\n", ::forged($_ - ($_ >> 1))) } 1 .. 41]
--- response_body eval
[("192.0.2.1|192.0.2.1, 127.0.0.1|a=1; b=2|2|curl|/r|localhost|Basic eA==|4\n") x 41]



=== TEST 26: the same after the headers of a verdict were set
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
        proxy_set_header Seen "$remote_addr|$http_x_forwarded_for|$http_cookie|$cookie_b|$http_user_agent|$http_host";
    }
--- request eval
[map { "GET /t" } 1 .. 25]
--- more_headers eval
[map { ::text(::forged($_), "$::alice\nCookie: a=1; b=2\nX-Forwarded-For: 192.0.2.1\nUser-Agent: curl\nHost: localhost\n") } 1 .. 25]
--- response_body_like eval
[(qr/^seen: 192\.0\.2\.1\|192\.0\.2\.1\|a=1; b=2\|2\|curl\|localhost$/m) x 25]



=== TEST 27: their names leave the client's Connection header
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
        proxy_set_header Connection $http_connection;
    }
--- request eval
[map { "GET /t" } 1 .. 7]
--- more_headers eval
[map { "$::alice\nConnection: $_" }
    'close, X-Authgear-User-Id', 'X-Authgear-User-Id, close', 'close,x-authgear-user-id,x-authgear-session-valid',
    'close, X_Authgear_User_Id , keep-x', 'close', 'close,  te', "close\nConnection: x-authgear-user-roles"]
--- response_body_filters eval
sub { ::text($_[0] =~ /^(connection: .*\n)/mg, $_[0] =~ /^(x-authgear-user-id: .*\n)/mg) }
--- response_body eval
[map { "connection: $_\nx-authgear-user-id: alice\n" } 'close', 'close', 'close', 'close, keep-x', 'close', 'close,  te', 'close']



=== TEST 28: also in a location without a verdict
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location / { proxy_pass $TEST_NGINX_BACKEND; proxy_set_header Connection $http_connection; }
--- request
GET /t
--- more_headers
Connection: close, x-authgear-user-id
--- response_body_like eval
qr/^connection: close$/m



=== TEST 29: authgear_trust_request_headers keeps them where no verdict is made
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_trust_request_headers on;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location / { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers
X-Authgear-User-Id: from-another-proxy
--- response_body_filters eval
\&::identity
--- response_body
x-authgear-user-id: from-another-proxy



=== TEST 30: it is of its own server, and not of the next one
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name trusting;
        authgear_trust_request_headers on;
        location / { proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location / { proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Host: trusting\nX-Authgear-User-Id: from-another-proxy", "X-Authgear-User-Id: mallory"]
--- response_body_filters eval
\&::identity
--- response_body eval
["x-authgear-user-id: from-another-proxy\n", "nothing\n"]



=== TEST 31: a verdict, also "none", replaces the whole set of a trusted proxy
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_trust_request_headers on;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
my $trusted = "X-Authgear-User-Id: from-another-proxy\nX-Authgear-User-Roles: admin\nX-Authgear-Session-Acr: high\nX_Authgear_Other: x\n";
[map { "$trusted$_" } '', $::alice, ::bearer(user => 'alice', lifetime => -10), ::bearer(::opaque(user => 'alice', auth_time => $::auth_time))]
--- response_body_filters eval
\&::identity
--- response_body eval
["nothing\n", $::claims, "x-authgear-session-valid: false\n", $::claims]



=== TEST 32: where the resolver spoke, nothing of the token's claims is mixed in
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve remote; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::bearer(user => 'alice', auth_time => $::auth_time, claims => { 'https://authgear.com/claims/user/roles' => ['in-the-token-only'], acr => 'high', amr => ['mfa'] })
--- response_body_filters eval
\&::identity
--- response_body eval
$::claims



=== TEST 33: where another module admitted under satisfy any, the identity arrives all the same
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        satisfy any;
        allow all;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /local", "GET /remote", "GET /expired", "GET /anonymous"]
--- more_headers eval
[map { "X-Authgear-User-Id: mallory\n$_" } $::alice, ::bearer(::opaque(user => 'alice', auth_time => $::auth_time)), ::bearer(user => 'alice', lifetime => -10), '']
--- response_body_filters eval
\&::identity
--- response_body eval
[$::claims, $::claims, "x-authgear-session-valid: false\n", "nothing\n"]



=== TEST 34: the precontent phase never refuses, and passes nobody on as somebody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        satisfy any;
        allow all;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n" . ::bearer(::opaque(user => 'alice'))
--- response_body_filters eval
\&::identity
--- response_body
nothing
--- error_log
authgear: no verdict could be had



=== TEST 35: it also waits for keys there
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        satisfy any;
        allow all;
        authgear_resolve local;
        try_files /nowhere @backend;
    }
    location @backend { proxy_pass $TEST_NGINX_BACKEND; }
--- init
Authgear::Suite::fault(target => 'jwks', kind => 'delay', ms => 300);
--- request
GET /t
--- more_headers eval
$::alice
--- response_body_filters eval
\&::identity
--- response_body eval
$::claims



=== TEST 36: a resolving location never satisfies by itself
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        satisfy any;
        deny all;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
$::alice
--- error_code: 403
--- response_body_filters eval
\&::heard
--- response_body_like
heard: backend 0, resolver 0, keys \d
--- error_log
access forbidden by rule
