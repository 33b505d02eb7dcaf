# Which credentials a request has, in what order, and how each is read: the choice that the server itself makes, with its own reading of
# headers and cookies. Every case of the reading is in core/tests/credential.rs.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Answer;
use Authgear::MadeUp;
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
user(id => 'bob');
our @then = (auth_time => 1_700_000_000);

# Credentials of alice and of bob, as values; with a cookie's name they make a Cookie header.
our ($jwt, $bobs_jwt)         = map { token(user => $_, @then) } 'alice', 'bob';
our ($opaque, $bobs_opaque)   = map { opaque(user => $_, @then) } 'alice', 'bob';
our ($app, $bobs_app)         = map { session(user => $_, kind => 'app_session', @then) =~ s/^.*?=//r } 'alice', 'bob';
our ($session, $bobs_session) = map { session(user => $_, @then) =~ s/^.*?=//r } 'alice', 'bob';
our $expired = token(user => 'alice', lifetime => -5);

# What `told_and_asked` says when the session is alice's after one question, which held these headers.
sub alice_asked { return alice(1) . join '', map {"asked: $_\n"} sent(@_) }

# The same when the resolver knew none of them.
sub nobody_asked { return "x-authgear-session-valid: false\nheard: backend 1, resolver 1\n" . join '', map {"asked: $_\n"} sent(@_) }

# A request that says Authorization or Cookie as it pleases.
sub lines { return join "\r\n", 'GET /t HTTP/1.1', 'Host: localhost', 'Connection: close', @_, '', '' }

blocks_have(
    response_body_filters => \&told_and_asked,
    config                => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t      { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /remote { authgear_resolve remote; proxy_pass $TEST_NGINX_BACKEND; }
    location /api    { authgear_resolve on; authgear_credentials bearer; proxy_pass $TEST_NGINX_BACKEND; }
    location /app    { authgear_resolve on; authgear_credentials app_session app_access_token; proxy_pass $TEST_NGINX_BACKEND; }
    location /web    { authgear_resolve on; authgear_credentials session; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
);
run_tests();

__DATA__

=== TEST 1: a bearer token comes before all cookies
--- more_headers eval: "Authorization: Bearer $::jwt\nCookie: session=$::bobs_session; app_access_token=$::bobs_jwt; app_session=$::bobs_app"
--- response_body eval: ::alice(0)



=== TEST 2: an opaque bearer token comes first in one question about all
--- more_headers eval: "Cookie: session=$::bobs_session; app_access_token=$::bobs_jwt; app_session=$::bobs_app\nAuthorization: Bearer $::opaque"
--- response_body eval: ::alice_asked("authorization: Bearer $::opaque", "cookie: app_session=$::bobs_app; app_access_token=$::bobs_jwt; session=$::bobs_session")



=== TEST 3: app_session comes before app_access_token and session, wherever it stands
--- more_headers eval: "Cookie: session=$::bobs_session; app_access_token=$::bobs_jwt; app_session=$::app"
--- response_body eval: ::alice_asked("cookie: app_session=$::app; app_access_token=$::bobs_jwt; session=$::bobs_session")



=== TEST 4: app_access_token comes before session, wherever it stands
--- more_headers eval: "Cookie: session=$::bobs_session; app_access_token=$::jwt"
--- response_body eval: ::alice(0)



=== TEST 5: a dead token is passed over for the live cookie after it
--- more_headers eval: "Authorization: Bearer $::expired\nCookie: app_access_token=$::expired; session=$::session"
--- response_body eval: ::alice_asked("cookie: session=$::session")



=== TEST 6: a dead app_session is passed over by the server itself
--- more_headers eval: "Cookie: app_session=dead; session=$::session"
--- response_body eval: ::alice_asked("cookie: app_session=dead; session=$::session")



=== TEST 7: a dead opaque token is passed over by the server itself
--- more_headers eval: "Authorization: Bearer dead\nCookie: session=$::session"
--- response_body eval: ::alice_asked("authorization: Bearer dead", "cookie: session=$::session")



=== TEST 8: the question says the scheme as Bearer, however it came
--- more_headers eval: "Authorization: bEARER $::opaque"
--- response_body eval: ::alice_asked("authorization: Bearer $::opaque")



=== TEST 9: the scheme and a space is no credential
--- raw_request eval: ::lines('Authorization: Bearer ')
--- response_body eval: ::nobody_unasked()



=== TEST 10: Basic is no credential
--- more_headers eval: 'Authorization: Basic dXNlcjpwYXNz'
--- response_body eval: ::nobody_unasked()



=== TEST 11: Basic beside a cookie is not sent with it
--- more_headers eval: "Authorization: Basic dXNlcjpwYXNz\nCookie: session=$::session"
--- response_body eval: ::alice_asked("cookie: session=$::session")



=== TEST 12: an empty Authorization is no credential
--- raw_request eval: ::lines("Authorization:")
--- response_body eval: ::nobody_unasked()



=== TEST 13: a second space belongs to the token: it is not local, and is unknown to the server
--- more_headers eval: "Authorization: Bearer  $::jwt"
--- response_body eval: ::nobody_asked("authorization: Bearer  $::jwt")
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 14: a token with a byte outside ASCII is invalid and never sent
--- more_headers eval: "Authorization: Bearer abc\xe9"
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: malformed_credential



=== TEST 15: a malformed token is passed over for the cookie after it
--- more_headers eval: "Authorization: Bearer abc\xe9\nCookie: session=$::session"
--- response_body eval: ::alice_asked("cookie: session=$::session")



=== TEST 16: eyJ with one dot is the server's matter
--- more_headers eval: 'Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30'
--- response_body eval: ::nobody_asked("authorization: Bearer eyJhbGciOiJSUzI1NiJ9.e30")
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 17: two Authorization headers: 400, and the backend hears nothing
--- raw_request eval: ::lines("Authorization: Bearer $::jwt", "Authorization: Bearer $::bobs_jwt")
--- error_code: 400
--- response_body eval: ::unheard(0)
--- error_log eval: qr/authgear: request refused: more than one Authorization header|client sent duplicate header line: "authorization/i



=== TEST 18: the same Authorization header twice: 400
--- raw_request eval: ::lines("Authorization: Bearer $::jwt", "X-Between: 1", "authorization: Bearer $::jwt")
--- error_code: 400
--- response_body eval: ::unheard(0)
--- error_log eval: qr/authgear: request refused: more than one Authorization header|client sent duplicate header line: "authorization/i



=== TEST 19: two Authorization headers of which one is Basic: 400
--- raw_request eval: ::lines("Authorization: Basic dXNlcjpwYXNz", "Authorization: Bearer $::jwt")
--- error_code: 400
--- response_body eval: ::unheard(0)
--- error_log eval: qr/authgear: request refused: more than one Authorization header|client sent duplicate header line: "authorization/i



=== TEST 20: two Authorization headers, one empty: 400
--- raw_request eval: ::lines("Authorization:", "Authorization: Bearer $::jwt")
--- error_code: 400
--- response_body eval: ::unheard(0)
--- error_log eval: qr/authgear: request refused: more than one Authorization header|client sent duplicate header line: "authorization/i



=== TEST 21: two Authorization headers under remote: 400, and nobody is asked
--- raw_request eval: ::lines("Authorization: Bearer $::opaque", "Authorization: Bearer $::bobs_opaque") =~ s,/t,/remote,r
--- error_code: 400
--- response_body eval: ::unheard(0)
--- error_log eval: qr/authgear: request refused: more than one Authorization header|client sent duplicate header line: "authorization/i



=== TEST 22: two Authorization headers where only cookies count: 400
--- raw_request eval: ::lines("Authorization: Bearer $::opaque", "Authorization: Bearer $::bobs_opaque", "Cookie: session=$::session") =~ s,/t,/web,r
--- error_code: 400
--- response_body eval: ::unheard(0)
--- error_log eval: qr/authgear: request refused: more than one Authorization header|client sent duplicate header line: "authorization/i



=== TEST 23: among other cookies, as a browser writes them
--- more_headers eval: "Cookie: a=b; session=$::session; c=d"
--- response_body eval: ::alice_asked("cookie: session=$::session")



=== TEST 24: the first of two cookies of one name counts
--- more_headers eval: "Cookie: session=$::session; session=$::bobs_session"
--- response_body eval: ::alice_asked("cookie: session=$::session")



=== TEST 25: an empty cookie counts
--- more_headers eval: "Cookie: session="
--- response_body eval: ::nobody_asked("cookie: session=")
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 26: quotes are taken off
--- more_headers eval: "Cookie: session=\"$::session\""
--- response_body eval: ::alice_asked("cookie: session=$::session")



=== TEST 27: several Cookie headers are read as one
--- raw_request eval: ::lines("Cookie: a=b", "Cookie: session=$::session", "Cookie: app_session=$::app")
--- response_body eval: ::alice_asked("cookie: app_session=$::app; session=$::session")



=== TEST 28: over several Cookie headers, too, the first of a name counts
--- raw_request eval: ::lines("Cookie: session=$::session", "Cookie: session=$::bobs_session")
--- response_body eval: ::alice_asked("cookie: session=$::session")



=== TEST 29: a cookie's value with a space is invalid and never sent
--- more_headers eval: "Cookie: session=a b"
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: malformed_credential



=== TEST 30: a malformed cookie is passed over for the next kind, and left out of the question
--- more_headers eval: "Cookie: app_session=a\\\\b; session=$::session"
--- response_body eval: ::alice_asked("cookie: session=$::session")



=== TEST 31: a malformed cookie after the one in question is left out of it
--- more_headers eval: "Cookie: app_session=$::app; session=a\\\\b"
--- response_body eval: ::alice_asked("cookie: app_session=$::app")



=== TEST 32: bearer alone: cookies are no credential
--- request: GET /api
--- more_headers eval: "Cookie: session=$::session; app_session=$::app; app_access_token=$::jwt"
--- response_body eval: ::nobody_unasked()



=== TEST 33: bearer alone: a dead token is not helped by a live cookie
--- request: GET /api
--- more_headers eval: "Authorization: Bearer $::expired\nCookie: session=$::session"
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 34: bearer alone: a question holds no cookie of the client's
--- request: GET /api
--- more_headers eval: "Authorization: Bearer $::opaque\nCookie: session=$::bobs_session"
--- response_body eval: ::alice_asked("authorization: Bearer $::opaque")



=== TEST 35: two of the cookies: the bearer token and the third are no credential
--- request: GET /app
--- more_headers eval: "Authorization: Bearer $::bobs_jwt\nCookie: session=$::bobs_session"
--- response_body eval: ::nobody_unasked()



=== TEST 36: two of the cookies: a question holds these only
--- request: GET /app
--- more_headers eval: "Authorization: Bearer $::bobs_opaque\nCookie: session=$::bobs_session; app_session=$::app; app_access_token=$::opaque"
--- response_body eval: ::alice_asked("cookie: app_session=$::app; app_access_token=$::opaque")



=== TEST 37: session alone: what comes before it elsewhere does not count
--- request: GET /web
--- more_headers eval: "Authorization: Bearer $::bobs_jwt\nCookie: app_session=$::bobs_app; app_access_token=$::bobs_jwt; session=$::session"
--- response_body eval: ::alice_asked("cookie: session=$::session")



=== TEST 38: with a prefix, cookies without it are the application's
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_cookie_prefix shop_;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: "Cookie: session=$::session; app_session=$::app; app_access_token=$::jwt"
--- response_body eval: ::nobody_unasked()



=== TEST 39: with a prefix, a token's cookie is read under it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_cookie_prefix shop_;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: "Cookie: app_access_token=$::bobs_jwt; shop_app_access_token=$::jwt"
--- response_body eval: ::alice(0)



=== TEST 40: with a prefix, the question's cookies have it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_cookie_prefix shop_;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init: ::says('X-Authgear-Session-Valid: false')
--- more_headers eval: "Cookie: session=$::bobs_session; shop_session=dead; shop_app_session=gone"
--- response_body eval: ::no() . "asked: cookie: shop_app_session=gone; shop_session=dead\n"
--- error_log: authgear: credential refused: resolver_said_no
