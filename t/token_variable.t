# authgear_token: a bearer token from a variable, tried before Authorization and the cookies, in each of its forms. No line of ours holds it.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;

user(id => $_) for qw(alice bob);
our @then    = (auth_time => 1_700_000_000);
our $jwt     = token(user => 'alice', @then);
our $opaque  = opaque(user => 'alice', @then);
our $expired = token(user => 'alice', lifetime => -60);
our $revoked = opaque(user => 'alice');
revoke($revoked);
our $bob     = bearer(user => 'bob', @then);
our $bobs    = bearer(opaque(user => 'bob', @then));
our $cookie  = 'Cookie: ' . session(user => 'bob', kind => 'session', @then);
our $forged  = 'X-Authgear-User-Id: mallory';

# GET /t with these tokens in its query, one a request.
sub with_tokens { return map {"GET /t?access_token=$_"} @_ }

blocks_have(
    log_level             => 'notice',
    http_config           => <<'HTTP',
    map $http_sec_websocket_protocol $token_of_protocol {
        "~(^|,) *bearer\.(?<token>[A-Za-z0-9._~-]+) *(,|$)" $token;
    }
    limit_req_zone $http_x_authgear_user_id zone=rate:1m rate=1r/m;
HTTP
    config                => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; authgear_token $arg_access_token; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
    response_body_filters => \&verdict,
    no_error_log          => "[alert]\n[crit]\na bug in the module\n$jwt\n$opaque\n$expired\n$revoked\n",
);
no_root_location();
run_tests();

__DATA__

=== TEST 1: a JWT, an opaque token, and what is worth nothing
--- request eval
[::with_tokens($::jwt, $::opaque, $::expired, $::revoked)]
--- more_headers eval
$::forged
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n", "invalid (backend 3, resolver 1)\n", "invalid (backend 4, resolver 2)\n"]



=== TEST 2: it is tried before Authorization and before the cookies
--- request eval
[::with_tokens($::jwt, $::jwt, $::jwt, $::opaque)]
--- more_headers eval
[$::bob, $::bobs, $::cookie, $::bob]
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n", "alice (backend 3, resolver 0)\n", "alice (backend 4, resolver 1)\n"]



=== TEST 3: behind one that is worth nothing the walk goes on, as behind a token in Authorization
--- request eval
[::with_tokens($::expired, $::expired, $::expired, $::revoked, 'a%20b')]
--- more_headers eval
[$::bob, $::bobs, $::cookie, $::cookie, $::bob]
--- response_body eval
["bob (backend 1, resolver 0)\n", "bob (backend 2, resolver 1)\n", "bob (backend 3, resolver 2)\n", "bob (backend 4, resolver 3)\n", "bob (backend 5, resolver 3)\n"]



=== TEST 4: the resolver is told of one token at a time, and of the cookies with the last
--- request eval
[::with_tokens($::revoked)]
--- more_headers eval
"$::bobs\n$::cookie"
--- response_body_filters eval
\&::told_and_asked
--- response_body eval
::session_of('bob') . "heard: backend 1, resolver 2\nasked: authorization: Bearer $::revoked\nasked: cookie: session=MADE-UP\nasked: " . lcfirst($::bobs) . "\nasked: " . lcfirst($::cookie) . "\n"



=== TEST 5: alone it is asked about as a bearer token, with the cookies behind it
--- request eval
[::with_tokens($::opaque)]
--- more_headers eval
$::cookie
--- response_body_filters eval
\&::told_and_asked
--- response_body eval
::alice(1) . "asked: authorization: Bearer $::opaque\nasked: " . lcfirst($::cookie) . "\n"



=== TEST 6: where the resolver decides each request, too
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve remote; authgear_token $arg_access_token; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[::with_tokens($::jwt)]
--- response_body_filters eval
\&::told_and_asked
--- response_body eval
::alice(1) . "asked: authorization: Bearer $::jwt\nasked: cookie: session=MADE-UP\n"



=== TEST 7: an empty value is as if nothing was written
--- request eval
["GET /t", ::with_tokens(''), "GET /t?access_token", "GET /t?other=$::jwt", ::with_tokens('', '')]
--- more_headers eval
[$::forged, $::forged, $::forged, $::forged, $::bob, $::cookie]
--- response_body eval
["nobody (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n", "nobody (backend 3, resolver 0)\n", "nobody (backend 4, resolver 0)\n",
 "bob (backend 5, resolver 0)\n", "bob (backend 6, resolver 1)\n"]



=== TEST 8: what is no token is malformed, and asked about by nobody
--- request eval
[::with_tokens('a%20b', 'a,b', "a=b", "$::jwt;", "%0d%0aX-Authgear-User-Id:mallory", "Bearer%20$::jwt")]
--- more_headers eval
$::forged
--- response_body eval
[map {"invalid (backend $_, resolver 0)\n"} 1 .. 6]
--- error_log
authgear: credential refused: malformed_credential



=== TEST 9: where no bearer token counts it counts for nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; authgear_credentials session; authgear_token $arg_access_token; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[::with_tokens($::jwt, $::opaque, $::jwt, 'a%20b')]
--- more_headers eval
[$::forged, $::bob, $::cookie, $::forged]
--- response_body eval
["nobody (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n", "bob (backend 3, resolver 1)\n", "nobody (backend 4, resolver 1)\n"]



=== TEST 10: from a WebSocket's subprotocol
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; authgear_token $token_of_protocol; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[("GET /t") x 4]
--- more_headers eval
[map {"Sec-WebSocket-Protocol: $_"} "app.v1, bearer.$::jwt", "bearer.$::opaque,app.v1", 'app.v1', "app.v1, bearer.$::expired"]
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n", "nobody (backend 3, resolver 1)\n", "invalid (backend 4, resolver 1)\n"]



=== TEST 11: a location inherits it, and says otherwise
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    authgear_token $arg_access_token;
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /other { authgear_token $arg_other; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t?access_token=$::jwt&other=x%20x", "GET /other?access_token=$::jwt", "GET /other?other=$::jwt"]
--- response_body eval
["alice (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n", "alice (backend 3, resolver 0)\n"]



=== TEST 12: a redirect keeps the verdict, and where another variable holds the token it is made again
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    authgear_token $arg_access_token;
    location /to/same { try_files /none /same?rest=1; }
    location /to/other { try_files /none /other?$args; }
    location /to/none { try_files /none @none; }
    location /same { proxy_pass $TEST_NGINX_BACKEND; }
    location /other { authgear_token $arg_other; proxy_pass $TEST_NGINX_BACKEND; }
    location @none { authgear_token $arg_none; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[map {"GET /to/$_?access_token=$::opaque"} 'same', 'other', 'none']
--- more_headers eval
$::forged
--- response_body eval
["alice (backend 1, resolver 1)\n", "nobody (backend 2, resolver 2)\n", "nobody (backend 3, resolver 3)\n"]



=== TEST 13: what is required is required of it, and a line about it has its path and not its query
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; authgear_token $arg_access_token; authgear_require role=admin; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[::with_tokens($::jwt, $::opaque, $::expired, '')]
--- error_code eval
[403, 403, 401, 401]
--- response_body eval
[map {"refused (backend 0, resolver $_)\n"} 0, 1, 1, 1]
--- error_log eval
qr{authgear: .*, client: 127\.0\.0\.1, server: localhost, request: "GET /t", host: }



=== TEST 14: in the preaccess phase
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        authgear_phase preaccess;
        authgear_token $arg_access_token;
        limit_req zone=rate;
        limit_req_log_level info;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
[::with_tokens($::opaque, $::jwt), "GET /t", "GET /t"]
--- more_headers eval
['', '', $::bob, $::forged]
--- error_code eval
[200, 503, 200, 200]
--- response_body eval
["alice (backend 1, resolver 1)\n", "refused (backend 1, resolver 1)\n", "bob (backend 2, resolver 1)\n", "nobody (backend 3, resolver 1)\n"]



=== TEST 15: no verdict to be had: the line holds no token either
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request eval
[::with_tokens($::opaque)]
--- error_code: 503
--- response_body
refused (backend 0, resolver 1)
--- error_log
authgear: no verdict could be had: resolver_failed



=== TEST 16: two Authorization headers are one too many all the same
--- request eval
[::with_tokens($::jwt)]
--- more_headers eval
"$::bob\n$::bobs"
--- error_code: 400
--- response_body
refused (backend 0, resolver 0)



=== TEST 17: a claim is of this token
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; authgear_token $arg_access_token; add_header X-Claim $authgear_claim_sub; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[::with_tokens($::jwt)]
--- response_headers
X-Claim: alice
--- response_body
alice (backend 1, resolver 0)



=== TEST 18: one that is made of a claim of its own goes round in no circle, and the claim is there
--- http_config
map $authgear_claim_iss $token_of_claim { volatile; "" $arg_access_token; default no_token; }
map $authgear_claim_iss $claim_or_none { volatile; default $authgear_claim_iss; }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    add_header X-Claim $claim_or_none;
    location /t { authgear_resolve on; authgear_token $token_of_claim; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", ::with_tokens($::jwt)]
--- more_headers eval
[$::bob, '']
--- raw_response_headers_like eval
[(qr/^X-Claim: \Q$ENV{TEST_NGINX_AUTHGEAR}\E\r?$/m) x 2]
--- response_body eval
["bob (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n"]
--- no_error_log
cycle while evaluating
[error]
