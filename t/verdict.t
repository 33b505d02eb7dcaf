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

our $forged = "X-Authgear-User-Id: mallory\nX-Authgear-User-Roles: root\nX-Authgear-Session-Valid: true\n";

# Where nginx fetches its keys from the backend, the backend's requests are told one by one.
sub resolver_and_backend {
    my $body = told(@_) =~ s/heard: .*\n\z//r;
    return $body . 'resolver ' . count()->{resolver} . "\n" . join '', map {"backend: $_->{path}\n"} log_of_backend();
}

# Where no keys are to be had.
our $no_keys = <<'CONFIG';
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_request /nokeys;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /nokeys { internal; proxy_pass $TEST_NGINX_BACKEND/status/404; }
    location /t        { authgear_resolve on;    proxy_pass $TEST_NGINX_BACKEND; }
    location /local    { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG

blocks_have(config => <<'CONFIG');
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t       { authgear_resolve on;     proxy_pass $TEST_NGINX_BACKEND; }
    location /local   { authgear_resolve local;  proxy_pass $TEST_NGINX_BACKEND; }
    location /remote  { authgear_resolve remote; proxy_pass $TEST_NGINX_BACKEND; }
    location /off     { authgear_resolve off;    proxy_pass $TEST_NGINX_BACKEND; }
    location /unsaid  {                          proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
run_tests();

__DATA__

=== TEST 1: on: no credential, no identity, and nobody is asked
--- response_body eval: ::nobody_unasked()



=== TEST 2: on: an application's own cookies are no credential
--- more_headers: Cookie: theme=dark; sessions=1; my_session=2; Session=3
--- response_body eval: ::nobody_unasked()



=== TEST 3: local: no credential, no identity, and nobody is asked
--- request: GET /local
--- response_body eval: ::nobody_unasked()



=== TEST 4: remote: no credential, no identity, and nobody is asked
--- request: GET /remote
--- response_body eval: ::nobody_unasked()



=== TEST 5: on: a token that verifies is a session, and nobody is asked
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body eval: ::alice(0)



=== TEST 6: local: a token that verifies is a session, and nobody is asked
--- request: GET /local
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body eval: ::alice(0)



=== TEST 7: remote: the same token is asked about
--- request: GET /remote
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 8: a token that verifies opens no connection to Authgear
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



=== TEST 9: all headers that a token's claims say
--- more_headers eval
::bearer(user => 'bob', auth_time => 1_700_000_000, claims => {
    'https://authgear.com/claims/user/is_anonymous' => ::true, 'https://authgear.com/claims/user/is_verified' => ::true,
    'https://authgear.com/claims/user/can_reauthenticate' => ::false, 'https://authgear.com/claims/user/roles' => ['editor', 'a:b'],
    amr => ['pwd', 'mfa'], acr => 'urn:high',
})
--- response_body eval
::session_of('bob', 'user-anonymous' => 'true', 'user-verified' => 'true', 'user-can-reauthenticate' => 'false',
    'user-roles' => 'editor,a:b', 'session-amr' => 'pwd mfa', 'session-acr' => 'urn:high') . ::nobody_unasked()



=== TEST 10: a claim that is absent, null or an empty list is an absent header
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



=== TEST 11: on: a token that does not verify is invalid, and nobody is asked
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 12: local: a token that does not verify is invalid, and nobody is asked
--- request: GET /local
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 13: remote: a token that is expired is asked about, and the resolver knows nothing of it
--- request: GET /remote
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5)
--- response_body
x-authgear-session-valid: false
heard: backend 1, resolver 1
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 14: on: an expired token beside a live session is that session's, and only the session is asked about
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\nCookie: " . ($::live = ::session(user => 'bob', @::then))
--- response_body_filters eval: \&::told_and_asked
--- response_body eval: ::session_of('bob') . "heard: backend 1, resolver 1\nasked: cookie: $::live\n"



=== TEST 15: local: an expired token beside a live session is invalid
--- request: GET /local
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\nCookie: " . ::session(user => 'bob')
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 16: on: an expired token beside a dead session is invalid
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\nCookie: session=dead"
--- response_body
x-authgear-session-valid: false
heard: backend 1, resolver 1
--- error_log: authgear: credential refused: 



=== TEST 17: on: an expired token beside another that verifies is the second one's, and nobody is asked
--- more_headers eval: ::bearer(user => 'bob', lifetime => -5) . "\nCookie: " . ::session(user => 'alice', kind => 'app_access_token', @::then)
--- response_body eval: ::alice(0)



=== TEST 18: on: a token that verifies is the end, whatever follows
--- more_headers eval: ::bearer(user => 'alice', @::then) . "\nCookie: app_session=dead; session=dead; " . ::session(user => 'bob', kind => 'app_access_token')
--- response_body eval: ::alice(0)



=== TEST 19: on: an opaque token is asked about once
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 20: remote: an opaque token is asked about once
--- request: GET /remote
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 21: local: an opaque token is invalid, and nobody is asked
--- request: GET /local
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice', @::then)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: remote_credential



=== TEST 22: on: an app_session cookie is asked about once
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_session', @::then)
--- response_body eval: ::alice(1)



=== TEST 23: on: a session cookie is asked about once
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 24: remote: a session cookie is asked about once
--- request: GET /remote
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', @::then)
--- response_body eval: ::alice(1)



=== TEST 25: local: a session cookie is invalid, and nobody is asked
--- request: GET /local
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', @::then)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: remote_credential



=== TEST 26: on: an opaque app_access_token cookie is asked about once
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', jwt => ::false, @::then)
--- response_body eval: ::alice(1)



=== TEST 27: on: what only the server knows is asked about together with all that follows, tokens among it
--- more_headers eval: 'Cookie: app_session=dead; ' . ($::second = ::session(user => 'alice', kind => 'app_access_token', @::then)) . '; ' . ($::third = ::session(user => 'bob'))
--- response_body_filters eval: \&::told_and_asked
--- response_body eval: ::alice(1) . "asked: cookie: app_session=dead; $::second; $::third\n"



=== TEST 28: local: what only the server knows is the end, also before a token that verifies
--- request: GET /local
--- more_headers eval: 'Cookie: app_session=dead; ' . ::session(user => 'alice', kind => 'app_access_token', @::then)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: remote_credential



=== TEST 29: on: a barred user's credential is invalid, also beside another's live session
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'carol') . "\nCookie: " . ::session(user => 'bob')
--- response_body
x-authgear-session-valid: false
heard: backend 1, resolver 1
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 30: remote: the resolver's word replaces the token's, roles given since among it
--- init: Authgear::Suite::change('dave', roles => ['editor'])
--- request: GET /remote
--- more_headers eval: ::user(id => 'dave', roles => ['admin']) && ::bearer(user => 'dave', @::then)
--- response_body eval: ::session_of('dave', 'user-roles' => 'editor') . "heard: backend 1, resolver 1\n"



=== TEST 31: remote: a revoked token is invalid
--- init: Authgear::Suite::revoke($::revoked)
--- request: GET /remote
--- more_headers eval: ::bearer($::revoked = ::token(user => 'alice'))
--- response_body
x-authgear-session-valid: false
heard: backend 1, resolver 1
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 32: forged headers beside a verdict of "valid" never arrive
--- more_headers eval: ::bearer(user => 'alice', @::then) . "\n$::forged"
--- response_body eval: ::alice(0)



=== TEST 33: forged headers beside a verdict of "invalid" never arrive
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\n$::forged"
--- response_body eval: ::invalid_unasked()



=== TEST 34: forged headers beside a verdict of "none" never arrive
--- more_headers eval: $::forged
--- response_body eval: ::nobody_unasked()



=== TEST 35: where resolving is written off neither credentials nor forged headers make an identity
--- request: GET /off
--- more_headers eval: ::bearer(user => 'alice') . "\n$::forged"
--- response_body eval: ::nobody_unasked()



=== TEST 36: where resolving is not written neither credentials nor forged headers make an identity
--- request: GET /unsaid
--- more_headers eval: ::bearer(user => 'alice') . "\n$::forged"
--- response_body eval: ::nobody_unasked()



=== TEST 37: no verdict to be had: 503 with Retry-After, and the backend hears nothing
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 38: no verdict to be had under remote
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- request: GET /remote
--- more_headers eval: 'Authorization: Bearer ' . ::opaque(user => 'alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 39: while the resolver fails an expired token beside a session has no verdict
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500)
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\nCookie: session=maybe"
--- error_code: 503
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 40: no keys to be had, on: the resolver decides
--- config eval: $::no_keys
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- response_body_filters eval: \&::resolver_and_backend
--- response_body eval: ::session_of('alice') . "resolver 1\nbackend: /status/404\nbackend: /t\n"



=== TEST 41: no keys to be had, local: no verdict
--- config eval: $::no_keys
--- request: GET /local
--- more_headers eval: ::bearer(user => 'alice', @::then)
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body_like: heard: backend \d, resolver 0$
--- error_log: authgear: no verdict could be had: no_keys
--- no_error_log: [alert]



=== TEST 42: no keys to be had: an unknown token beside a live session is asked about with it
--- config eval: $::no_keys
--- more_headers eval: ($::first = ::bearer(user => 'alice', register => ::false)) . "\nCookie: " . ($::live = ::session(user => 'bob', @::then))
--- response_body_filters eval: sub { my $body = ::told_and_asked(@_); $body =~ s/^heard: .*\n//m; $body }
--- response_body eval: my $auth = $::first =~ s/^Authorization/authorization/r; ::session_of('bob') . "asked: $auth\nasked: cookie: $::live\n"
