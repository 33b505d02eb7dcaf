# The four verdicts: which one a request's credentials come to under `on`, `local`, `remote` and `off`, what the backend is told, and whether
# anybody was asked.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
user(id => 'bob');
user(id => 'carol', barred => true);
our @then = (auth_time => 1_700_000_000);

# Where nginx fetches its keys from the backend, the backend's requests are told one by one.
sub resolver_and_backend {
    my $body = told(@_) =~ s/heard: .*\n\z//r;
    return $body . 'resolver ' . count()->{resolver} . "\n" . join '', map {"backend: $_->{path}\n"} log_of_backend();
}

blocks_have(config => <<'CONFIG');
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t       { authgear_resolve on;     proxy_pass $TEST_NGINX_BACKEND; }
    location /local   { authgear_resolve local;  proxy_pass $TEST_NGINX_BACKEND; }
    location /remote  { authgear_resolve remote; proxy_pass $TEST_NGINX_BACKEND; }
    location /off     { authgear_resolve off;    proxy_pass $TEST_NGINX_BACKEND; }
    location /unsaid  {                          proxy_pass $TEST_NGINX_BACKEND; }
    location /busy    { authgear_resolve on;     authgear_unavailable 502;  proxy_pass $TEST_NGINX_BACKEND; }
    location /lenient { authgear_resolve on;     authgear_unavailable pass; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
run_tests();

__DATA__

=== TEST 1: on: no credential, no identity, and nobody is asked
--- response_body eval: ::nobody_unasked()



=== TEST 2: on: an application's own cookies are no credential
--- more_headers
Cookie: theme=dark; sessions=1; my_session=2; Session=3
--- response_body eval: ::nobody_unasked()



=== TEST 3: local: no credential, no identity, and nobody is asked
--- request
GET /local
--- response_body eval: ::nobody_unasked()



=== TEST 4: local: an application's own cookies are no credential
--- request
GET /local
--- more_headers
Cookie: theme=dark; sessions=1; my_session=2; Session=3
--- response_body eval: ::nobody_unasked()



=== TEST 5: remote: no credential, no identity, and nobody is asked
--- request
GET /remote
--- response_body eval: ::nobody_unasked()



=== TEST 6: remote: an application's own cookies are no credential
--- request
GET /remote
--- more_headers
Cookie: theme=dark; sessions=1; my_session=2; Session=3
--- response_body eval: ::nobody_unasked()



=== TEST 7: on: a token that verifies is a session, and nobody is asked
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body eval: ::alice(0)



=== TEST 8: local: a token that verifies is a session, and nobody is asked
--- request
GET /local
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body eval: ::alice(0)



=== TEST 9: remote: the same token is asked about
--- request
GET /remote
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 10: a token that verifies opens no connection to Authgear
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/keys.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- user_files eval: ">>> keys.json\n" . ::jwks()
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body_filters eval: sub { ::told(@_) . "connections " . ::count()->{connections} . "\n" }
--- response_body eval: ::alice(0) . "connections 0\n"



=== TEST 11: all headers that a token's claims say
--- more_headers eval
::bearer(user => 'bob', auth_time => 1_700_000_000, claims => {
    'https://authgear.com/claims/user/is_anonymous' => ::true, 'https://authgear.com/claims/user/is_verified' => ::true,
    'https://authgear.com/claims/user/can_reauthenticate' => ::false, 'https://authgear.com/claims/user/roles' => ['editor', 'a:b'],
    amr => ['pwd', 'mfa'], acr => 'urn:high',
})
--- response_body eval
::session_of('bob', 'user-anonymous' => 'true', 'user-verified' => 'true', 'user-can-reauthenticate' => 'false',
    'user-roles' => 'editor,a:b', 'session-amr' => 'pwd mfa', 'session-acr' => 'urn:high') . ::nobody_unasked()



=== TEST 12: a claim that is absent, null or an empty list is an absent header
--- more_headers eval
::bearer(user => 'bob', claims => {
    'https://authgear.com/claims/user/is_anonymous' => undef, 'https://authgear.com/claims/user/is_verified' => undef,
    'https://authgear.com/claims/user/can_reauthenticate' => undef, 'https://authgear.com/claims/user/roles' => [],
    amr => [], auth_time => undef,
})
--- response_body
x-authgear-session-valid: true
x-authgear-user-id: bob
heard: backend 1, resolver 0



=== TEST 13: on: a token that does not verify is invalid, and nobody is asked
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 14: local: a token that does not verify is invalid, and nobody is asked
--- request
GET /local
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 15: remote: a token that is expired is asked about, and the resolver knows nothing of it
--- request
GET /remote
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5)
--- response_body
x-authgear-session-valid: false
heard: backend 1, resolver 1
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 16: on: an expired token beside a live session is that session's, and only the session is asked about
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\nCookie: " . ($::live = ::session(user => 'bob', @::then))
--- response_body_filters eval: \&::told_and_asked
--- response_body eval: ::session_of('bob') . "heard: backend 1, resolver 1\nasked: cookie: $::live\n"



=== TEST 17: local: an expired token beside a live session is invalid
--- request
GET /local
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\nCookie: " . ::session(user => 'bob')
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 18: on: an expired token beside a dead session is invalid
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\nCookie: session=dead"
--- response_body
x-authgear-session-valid: false
heard: backend 1, resolver 1
--- error_log: authgear: credential refused: 



=== TEST 19: on: an expired token beside another that verifies is the second one's, and nobody is asked
--- more_headers eval: ::bearer(user => 'bob', lifetime => -5) . "\nCookie: " . ::session(user => 'alice', kind => 'app_access_token', @::then)
--- response_body eval: ::alice(0)



=== TEST 20: on: a token that verifies is the end, whatever follows
--- more_headers eval: ::bearer(user => 'alice', @::then) . "\nCookie: app_session=dead; session=dead; " . ::session(user => 'bob', kind => 'app_access_token')
--- response_body eval: ::alice(0)



=== TEST 21: on: an opaque token is asked about once
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 22: remote: an opaque token is asked about once
--- request
GET /remote
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 23: local: an opaque token is invalid, and nobody is asked
--- request
GET /local
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice', @::then)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: remote_credential



=== TEST 24: on: an app_session cookie is asked about once
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_session', @::then)
--- response_body eval: ::alice(1)



=== TEST 25: remote: an app_session cookie is asked about once
--- request
GET /remote
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_session', @::then)
--- response_body eval: ::alice(1)



=== TEST 26: local: an app_session cookie is invalid, and nobody is asked
--- request
GET /local
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_session', @::then)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: remote_credential



=== TEST 27: on: a session cookie is asked about once
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 28: remote: a session cookie is asked about once
--- request
GET /remote
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 29: local: a session cookie is invalid, and nobody is asked
--- request
GET /local
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', @::then)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: remote_credential



=== TEST 30: on: an opaque app_access_token cookie is asked about once
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', jwt => ::false, @::then)
--- response_body eval: ::alice(1)



=== TEST 31: remote: an opaque app_access_token cookie is asked about once
--- request
GET /remote
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', jwt => ::false, @::then)
--- response_body eval: ::alice(1)



=== TEST 32: local: an opaque app_access_token cookie is invalid, and nobody is asked
--- request
GET /local
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', jwt => ::false, @::then)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: remote_credential



=== TEST 33: on: what only the server knows is asked about together with all that follows, tokens among it
--- more_headers eval: 'Cookie: app_session=dead; ' . ($::second = ::session(user => 'alice', kind => 'app_access_token', @::then)) . '; ' . ($::third = ::session(user => 'bob'))
--- response_body_filters eval: \&::told_and_asked
--- response_body eval: ::alice(1) . "asked: cookie: app_session=dead; $::second; $::third\n"



=== TEST 34: local: what only the server knows is the end, also before a token that verifies
--- request
GET /local
--- more_headers eval: 'Cookie: app_session=dead; ' . ::session(user => 'alice', kind => 'app_access_token', @::then)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: remote_credential



=== TEST 35: on: a barred user's credential is invalid, also beside another's live session
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'carol') . "\nCookie: " . ::session(user => 'bob')
--- response_body
x-authgear-session-valid: false
heard: backend 1, resolver 1
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 36: remote: the resolver's word replaces the token's, roles given since among it
--- init: Authgear::Suite::change('dave', roles => ['editor'])
--- request
GET /remote
--- more_headers eval: ::user(id => 'dave', roles => ['admin']) && ::bearer(user => 'dave', @::then)
--- response_body eval: ::session_of('dave', 'user-roles' => 'editor') . "heard: backend 1, resolver 1\n"



=== TEST 37: remote: a revoked token is invalid
--- init: Authgear::Suite::revoke($::revoked)
--- request
GET /remote
--- more_headers eval: ::bearer($::revoked = ::token(user => 'alice'))
--- response_body
x-authgear-session-valid: false
heard: backend 1, resolver 1
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 38: forged headers beside a verdict of "valid" never arrive
--- more_headers eval: ::bearer(user => 'alice', @::then) . "\nX-Authgear-User-Id: mallory\nX-Authgear-User-Roles: root\nX-Authgear-Session-Valid: true\n"
--- response_body eval: ::alice(0)



=== TEST 39: forged headers beside a verdict of "invalid" never arrive
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\nX-Authgear-User-Id: mallory\nX-Authgear-User-Roles: root\nX-Authgear-Session-Valid: true\n"
--- response_body eval: ::invalid_unasked()



=== TEST 40: forged headers beside a verdict of "none" never arrive
--- more_headers eval: "X-Authgear-User-Id: mallory\nX-Authgear-User-Roles: root\nX-Authgear-Session-Valid: true\n"
--- response_body eval: ::nobody_unasked()



=== TEST 41: where resolving is written off neither credentials nor forged headers make an identity
--- request
GET /off
--- more_headers eval: ::bearer(user => 'alice') . "\nX-Authgear-User-Id: mallory\nX-Authgear-User-Roles: root\nX-Authgear-Session-Valid: true\n"
--- response_body eval: ::nobody_unasked()



=== TEST 42: where resolving is not written neither credentials nor forged headers make an identity
--- request
GET /unsaid
--- more_headers eval: ::bearer(user => 'alice') . "\nX-Authgear-User-Id: mallory\nX-Authgear-User-Roles: root\nX-Authgear-Session-Valid: true\n"
--- response_body eval: ::nobody_unasked()



=== TEST 43: no verdict to be had: 503 with Retry-After, and the backend hears nothing
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 44: no verdict to be had under remote
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- request
GET /remote
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 45: authgear_unavailable names another status
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- request
GET /busy
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice')
--- error_code: 502
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 46: authgear_unavailable pass: as without a credential
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- request
GET /lenient
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice') . "\nX-Authgear-User-Id: mallory\nX-Authgear-User-Roles: root\nX-Authgear-Session-Valid: true\n"
--- response_headers: !Retry-After
--- response_body eval: "heard: backend 1, resolver 1\n"
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 47: while the resolver fails a token that verifies is a session
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body eval: ::alice(0)



=== TEST 48: while the resolver fails an expired token alone is invalid
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 49: while the resolver fails an expired token beside a session has no verdict
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\nCookie: session=maybe"
--- error_code: 503
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 50: while the resolver fails an anonymous request passes
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- response_body eval: ::nobody_unasked()



=== TEST 51: no keys to be had, on: the resolver decides
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_request /nokeys;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /nokeys { internal; proxy_pass $TEST_NGINX_BACKEND/status/404; }
    location /t        { authgear_resolve on;    proxy_pass $TEST_NGINX_BACKEND; }
    location /local    { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body_filters eval: \&::resolver_and_backend
--- response_body eval: ::session_of('alice') . "resolver 1\nbackend: /status/404\nbackend: /t\n"



=== TEST 52: no keys to be had, local: no verdict
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_request /nokeys;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /nokeys { internal; proxy_pass $TEST_NGINX_BACKEND/status/404; }
    location /t        { authgear_resolve on;    proxy_pass $TEST_NGINX_BACKEND; }
    location /local    { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /local
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body_like: heard: backend \d, resolver 0$
--- error_log: authgear: no verdict could be had: no_keys
--- no_error_log: [alert]



=== TEST 53: no keys to be had: an unknown token beside a live session is asked about with it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_request /nokeys;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /nokeys { internal; proxy_pass $TEST_NGINX_BACKEND/status/404; }
    location /t        { authgear_resolve on;    proxy_pass $TEST_NGINX_BACKEND; }
    location /local    { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: ($::first = ::bearer(user => 'alice', register => ::false)) . "\nCookie: " . ($::live = ::session(user => 'bob', @::then))
--- response_body_filters eval: sub { my $body = ::told_and_asked(@_); $body =~ s/^heard: .*\n//m; $body }
--- response_body eval: my $auth = $::first =~ s/^Authorization/authorization/r; ::session_of('bob') . "asked: $auth\nasked: cookie: $::live\n"



=== TEST 54: a key that a fresh key set lacks does not verify
--- more_headers eval: ::bearer(user => 'alice', key => 'foreign', @::then)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: unknown_key



=== TEST 55: on: a key that is missing while a refetch is paused: the resolver decides
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_valid 10m refetch=1h;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t     { authgear_resolve on;    proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /t/1", "GET /t/2", "GET /t/3"]
--- more_headers eval: [::bearer(user => 'alice', @::then), ::bearer(user => 'alice', key => 'foreign', @::then), ::bearer(user => 'alice', key => 'foreign', @::then)]
--- response_body eval: [::alice(0), "x-authgear-session-valid: false\nheard: backend 2, resolver 0\n", "x-authgear-session-valid: false\nheard: backend 3, resolver 1\n"]



=== TEST 56: local: a key that is missing while a refetch is paused: no verdict
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_valid 10m refetch=1h;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /local { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /local/1", "GET /local/2", "GET /local/3"]
--- more_headers eval: [::bearer(user => 'alice', @::then), ::bearer(user => 'alice', key => 'foreign', @::then), ::bearer(user => 'alice', key => 'foreign', @::then)]
--- error_code eval: [200, 200, 503]
--- response_body eval: [::alice(0), "x-authgear-session-valid: false\nheard: backend 2, resolver 0\n", "heard: backend 2, resolver 0\n"]
