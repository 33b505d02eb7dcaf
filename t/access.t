# Who else guards a location: the other access rules come first, so that whoever is turned away by them asks nothing.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

user(id => 'alice');
our $local = bearer(user => 'alice');
our $remote = bearer(opaque(user => 'alice'));
our $cookie = 'Cookie: ' . session(kind => 'app_session', user => 'alice');

no_root_location();
run_tests();

__DATA__

=== TEST 1: a denied client asks nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { deny all; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::local, $::remote]
--- error_code eval
[403, 403]
--- response_body_filters eval
\&::verdict
--- response_body eval
[("refused (backend 0, resolver 0)\n") x 2]



=== TEST 2: also with remote, where the resolver is never asked for keys
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { deny all; authgear_resolve remote; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::remote
--- error_code: 403
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 0)
--- error_log
access forbidden by rule



=== TEST 3: a wrong password asks nothing, the right one goes on to the verdict
--- user_files
>>> users
ann:{PLAIN}secret
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        auth_basic realm;
        auth_basic_user_file ../html/users;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::cookie, "$::cookie\nAuthorization: Basic YW5uOndyb25n", "$::cookie\nAuthorization: Basic YW5uOnNlY3JldA=="]
--- error_code eval
[401, 401, 200]
--- response_body_filters eval
\&::verdict
--- response_body eval
["refused (backend 0, resolver 0)\n", "refused (backend 0, resolver 0)\n", "alice (backend 1, resolver 1)\n"]



=== TEST 4: the password is never sent to the resolver
--- user_files
>>> users
ann:{PLAIN}secret
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        auth_basic realm;
        auth_basic_user_file ../html/users;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
"$::cookie\nAuthorization: Basic YW5uOnNlY3JldA=="
--- response_body_filters eval
\&::questions
--- response_body_unlike eval
qr/authorization|basic|YW5u/i



=== TEST 5: who is turned away by auth_request asks nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /check { internal; return 403; }
    location / { auth_request /check; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::remote
--- error_code: 403
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 0)



=== TEST 6: the access rules of limit_except come first, too
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        limit_except GET { deny all; }
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["POST /t", "GET /t"]
--- more_headers eval
$::remote
--- error_code eval
[403, 200]
--- response_body_filters eval
\&::verdict
--- response_body eval
["refused (backend 0, resolver 0)\n", "alice (backend 1, resolver 1)\n"]



=== TEST 7: inside limit_except the location's verdict is made as outside
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        limit_except GET { allow all; }
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["POST /t", "GET /t"]
--- more_headers eval
["$::local\nX-Authgear-User-Id: mallory", "X-Authgear-User-Id: mallory"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n"]



=== TEST 8: return answers before any access rule, and asks nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; return 200 "returned\n"; }
--- request
GET /t
--- more_headers eval
$::remote
--- response_body_filters eval
\&::heard
--- response_body_like
^returned
heard: backend 0, resolver 0, keys \d



=== TEST 9: a request over its rate asks nothing
--- http_config
    limit_req_zone all zone=all:1m rate=1r/m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { limit_req zone=all; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
$::remote
--- error_code eval
[200, 503]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "refused (backend 1, resolver 1)\n"]



=== TEST 10: a delayed request gets its verdict after the delay
--- http_config
    limit_req_zone all zone=all:1m rate=5r/s;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { limit_req zone=all burst=5; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
\&::verdict
--- response_body eval
[map { "alice (backend $_, resolver $_)\n" } 1 .. 3]



=== TEST 11: a body that is too large is refused unasked
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { client_max_body_size 10; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
POST /t
more than ten bytes
--- more_headers eval
$::remote
--- error_code: 413
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 0)
--- error_log
client intended to send too large body
