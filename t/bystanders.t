# What other modules see of a request that forged headers were taken out of: realip its address, the limits their keys, nothing of ours.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;

user(id => 'alice');
our $alice = bearer(user => 'alice');

# Forged headers of names that nothing knows.
sub many { return CORE::join "\n", map {"X-Authgear-Forged-$_: 198.51.100.$_"} 1 .. shift }

# What an answer of the backend says when none of ours stands in it.
our $clean = '(?i)\A(?!.*\nx[^a-z0-9]authgear[^a-z0-9])';

run_tests();

__DATA__

=== TEST 1: realip takes the forwarded address, however many forged headers stand before it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    add_header X-Address $remote_addr;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[map { ::many($_) . "\nCookie: 203.0.113.9=1\nX-Forwarded-For: 192.0.2.7\nX-Own: mine" } 1, 17, 20, 21, 41]
--- response_headers eval
[("X-Address: 192.0.2.7") x 5]
--- response_body_like eval
[("$::clean.*\nx-forwarded-for: 192.0.2.7\nx-own: mine") x 5]



=== TEST 2: and however many behind it, with those of a verdict set behind all
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    add_header X-Address $remote_addr;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[map { "X-Forwarded-For: 192.0.2.7\n$::alice\nX-Own: mine\n" . ::many($_) } 1, 17, 20, 21, 41]
--- response_headers eval
[("X-Address: 192.0.2.7") x 5]
--- response_body_like eval
[('\A(?!.*forged).*\nx-own: mine\n.*x-authgear-user-id: alice\n') x 5]



=== TEST 3: realip by a header of ours has nothing to take
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Authgear-Address;
    add_header X-Address $remote_addr;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers
X-Authgear-Address: 192.0.2.7
--- response_headers
X-Address: 127.0.0.1
--- response_body_like eval
$::clean



=== TEST 4: realip in a location, which runs after a verdict could be made, does not bring an address back
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Forwarded-For;
        add_header X-Address $remote_addr;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
::many(25) . "\nX-Forwarded-For: 192.0.2.7\n$::alice"
--- response_headers
X-Address: 192.0.2.7
--- response_body_filters eval
\&::verdict
--- response_body
alice (backend 1, resolver 0)



=== TEST 5: limit_req_zone by a header of ours counts nobody: a client cannot choose its bucket, or fill another's
--- http_config
    limit_req_zone $http_x_authgear_user_id zone=by_header:1m rate=1r/m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; limit_req zone=by_header; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers
X-Authgear-User-Id: mallory
--- response_body_filters eval
\&::verdict
--- response_body eval
[map {"nobody (backend $_, resolver 0)\n"} 1 .. 3]



=== TEST 6: what was looked up early stays empty, but the backend gets the verdict's
--- http_config
    limit_req_zone $http_x_authgear_user_id zone=by_header:1m rate=1r/m;
    map $http_x_authgear_user_id $early { default seen; "" none; }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    set $before $early;
    location /t {
        authgear_resolve on;
        limit_req zone=by_header;
        add_header X-Early $before;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::alice"
--- response_headers eval
["X-Early: none", "X-Early: none"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n"]



=== TEST 7: a request line that is too long, with a forged header behind it, that error_page sends on
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    large_client_header_buffers 2 1k;
    error_page 414 = /caught;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location = /caught { proxy_pass $TEST_NGINX_BACKEND; proxy_method GET; }
--- raw_request eval
"GET /" . ("a" x 3000) . " HTTP/1.1\r\nHost: localhost\r\nX-Authgear-User-Id: mallory\r\nConnection: close\r\n\r\n"
--- response_body_filters eval
\&::heard
--- response_body_like eval
"${main::clean}GET /caught.*heard: backend 1"



=== TEST 8: two Host headers around a forged one, that error_page sends on
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    error_page 400 = /caught;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location = /caught { proxy_pass $TEST_NGINX_BACKEND; proxy_method GET; }
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: localhost\r\nX-Authgear-User-Id: mallory\r\nX-Own: mine\r\nHost: other\r\nConnection: close\r\n\r\n"
--- response_body_filters eval
\&::heard
--- response_body_like eval
"${main::clean}GET /caught.*\nx-own: mine\n.*heard: backend 1"



=== TEST 9: a body that is too large, a denied and an absent page, that error_page sends on
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    error_page 413 403 404 = /caught;
    location /t { client_max_body_size 2; proxy_pass $TEST_NGINX_BACKEND; }
    location /denied { deny all; authgear_resolve on; }
    location /absent { root /nonexistent; }
    location = /caught { proxy_pass $TEST_NGINX_BACKEND; proxy_method GET; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
--- request eval
["POST /t\nhello", "GET /denied", "GET /absent"]
--- more_headers
X-Authgear-User-Id: mallory
X-Authgear-Session-Valid: true
--- response_body_filters eval
\&::verdict
--- response_body eval
[map {"nobody (backend $_, resolver 0)\n"} 1 .. 3]
