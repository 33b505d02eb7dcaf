# Headers named x-authgear-* belong to the module: no client can send one, however it is spelled and whichever way the request takes.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
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
    location / {
        authgear_resolve on;
        # nginx's own before 1.29.7.
        proxy_set_header Host $proxy_host;
        proxy_set_header Connection close;
        proxy_pass $TEST_NGINX_BACKEND;
    }
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



=== TEST 13: authgear_trust_request_headers keeps them where no verdict is made
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



=== TEST 14: it is of its own server, and not of the next one
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



=== TEST 15: a verdict, also "none", replaces the whole set of a trusted proxy
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



=== TEST 16: where the resolver spoke, nothing of the token's claims is mixed in
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



=== TEST 17: after a verdict its headers can be read as any request header
--- http_config
    log_format who "logged [$http_x_authgear_user_id] [$http_x_authgear_user_roles]";
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        access_log logs/access.log who;
        proxy_set_header User $http_x_authgear_user_id;
        add_header Session $http_x_authgear_session_valid;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::alice"
--- response_headers
Session: true
--- response_body_like eval
qr/^user: alice$/m
--- access_log
logged [alice] [editor]
