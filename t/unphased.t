# Requests that nginx refuses before any phase, or that come behind another one: whichever way they take, no x-authgear-* of a client's goes along.

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

=== TEST 1: a request without Host, refused before any phase, does not carry one to its error page
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



=== TEST 2: nor does TRACE, by a URI or by a named location
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



=== TEST 3: TRACE by a named location
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



=== TEST 4: an error page that resolves makes a verdict of its own
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



=== TEST 5: an error page of its own server, reached by a header that is too large
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



=== TEST 6: a body that is announced twice, refused before any phase
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



=== TEST 7: HTTP/1.0 without Host
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



=== TEST 8: each request of a connection loses its own
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



=== TEST 9: what follows a body in chunks is no way in
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval
"POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Authgear-User-Id\r\n\r\n5\r\nhello\r\n0\r\nX-Authgear-User-Id: mallory\r\n\r\n"
--- response_body_filters eval
\&::identity
--- response_body
nothing
