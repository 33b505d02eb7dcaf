# A Set-Cookie of the resolver's: which goes on to the client, and when.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Answer;
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');

blocks_have(
    more_headers => 'Authorization: Bearer ' . opaque(user => 'alice', auth_time => 1_700_000_000),
    config       => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t       { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /cookies { authgear_resolve on; authgear_pass_set_cookie on; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
);
run_tests();

__DATA__

=== TEST 1: a Set-Cookie of the resolver's is dropped by default
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /t
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 2: authgear_pass_set_cookie on: session with a Domain goes to the client as it is
--- more_headers: Cookie: session=gone
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_like: \nSet-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- response_body eval: ::no()



=== TEST 3: authgear_pass_set_cookie on: app_session with a Domain goes to the client as it is
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: app_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_like: \nSet-Cookie: app_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- response_body eval: ::no()



=== TEST 4: authgear_pass_set_cookie on: app_access_token with a Domain goes to the client as it is
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: app_access_token=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_like: \nSet-Cookie: app_access_token=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- response_body eval: ::no()



=== TEST 5: authgear_pass_set_cookie on: a Set-Cookie without a Domain is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 6: authgear_pass_set_cookie on: a Set-Cookie with an empty Domain is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Domain=; Path=/')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 7: authgear_pass_set_cookie on: a Set-Cookie of another name is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: basket=1; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 8: authgear_pass_set_cookie on: a Set-Cookie of a name in another case is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: Session=1; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 9: authgear_pass_set_cookie on: a Set-Cookie of a name that only ends so is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: x_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 10: authgear_pass_set_cookie on: a Set-Cookie with Domain in its value only is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=Domain%3dx; Path=/')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 11: authgear_pass_set_cookie on: a Set-Cookie that is none is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 12: authgear_pass_set_cookie on: a Set-Cookie that is empty is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: ')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 13: authgear_pass_set_cookie on: of several the right ones go on
--- more_headers: Cookie: session=gone
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: basket=1; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure', 'Set-Cookie: session=1', 'Set-Cookie: app_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_like: Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r\nSet-Cookie: app_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- raw_response_headers_unlike: basket|session=1
--- response_body eval: ::no()



=== TEST 14: authgear_pass_set_cookie on: with a prefix only the prefixed name is the project's
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_cookie_prefix shop_;
    authgear_pass_set_cookie on;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers: Cookie: shop_session=gone
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure', 'Set-Cookie: shop_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- raw_response_headers_like: Set-Cookie: shop_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- raw_response_headers_unlike: Set-Cookie: session
--- response_body eval: ::no()



=== TEST 15: authgear_pass_set_cookie on: what is handed on stands beside the backend's own
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_pass_set_cookie on;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; add_header Set-Cookie "theme=dark"; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers: Cookie: session=gone
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /t
--- raw_response_headers_like: (?s)(?=.*Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r)(?=.*Set-Cookie: theme=dark\r)
--- response_body eval: ::no()



=== TEST 16: authgear_pass_set_cookie on: the one that clears a made-up session cookie is dropped, others go on
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/; Domain=auth.example', 'Set-Cookie: app_session=; Path=/; Domain=auth.example')
--- request
GET /cookies
--- raw_response_headers_like: Set-Cookie: app_session=; Path=/; Domain=auth.example\r
--- raw_response_headers_unlike: Set-Cookie: session
--- response_body eval: ::no()
