# satisfy any: a verdict by itself admits nobody, and where another rule has admitted, the identity arrives all the same.

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

our $local = $alice;
our $remote = bearer(opaque(user => 'alice'));
our $cookie = 'Cookie: ' . session(kind => 'app_session', user => 'alice');

no_root_location();
run_tests();

__DATA__

=== TEST 1: where another module admitted under satisfy any, the identity arrives all the same
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



=== TEST 2: the precontent phase never refuses, and passes nobody on as somebody
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



=== TEST 3: it also waits for keys there
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



=== TEST 4: satisfy any: a wrong password is turned away, unasked
--- user_files
>>> users
ann:{PLAIN}secret
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        satisfy any;
        deny all;
        auth_basic realm;
        auth_basic_user_file ../html/users;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["$::cookie\nAuthorization: Basic YW5uOndyb25n", "$::cookie\nAuthorization: Basic YW5uOnNlY3JldA=="]
--- error_code eval
[401, 200]
--- response_body_filters eval
\&::verdict
--- response_body eval
["refused (backend 0, resolver 0)\n", "alice (backend 1, resolver 1)\n"]



=== TEST 5: satisfy any: a session by itself admits nobody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        satisfy any;
        deny all;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
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



=== TEST 6: satisfy any without another rule is a location like any other
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { satisfy any; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::local, $::remote, 'X-Authgear-User-Id: mallory']
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n", "nobody (backend 3, resolver 1)\n"]



=== TEST 7: satisfy any: no verdict to be had, and no other rule has admitted
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { satisfy any; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request
GET /t
--- more_headers eval
$::remote
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 1)
--- error_log
authgear: no verdict could be had



=== TEST 8: satisfy any: two Authorization headers where another rule has admitted pass for nobody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { satisfy any; allow all; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::local\n$::remote"
--- error_code_like: ^(?:200|400)$
--- response_body_filters eval
\&::verdict
--- response_body_unlike
alice|mallory
