# What a configuration has read of our headers before there was a verdict, or under an earlier one, is read again afterwards.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

our ($alice, $bob) = map { user(id => $_); bearer(user => $_) } qw(alice bob);

no_root_location();
run_tests();

__DATA__

=== TEST 1: a cache keyed by the user gives nobody another's page, though the server has looked for the header early
--- http_config
    proxy_cache_path cache keys_zone=pages:1m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    set $early $http_x_authgear_user_id;
    location / {
        authgear_resolve on;
        proxy_cache pages;
        proxy_cache_key $uri|$http_x_authgear_user_id;
        proxy_cache_valid 200 1m;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::alice, $::bob, "", "X-Authgear-User-Id: alice", $::alice]
--- response_body_filters eval
sub { join '', grep { /user-id/ } ::identity($_[0]) =~ /(.*\n)/g }
--- response_body eval
["x-authgear-user-id: alice\n", "x-authgear-user-id: bob\n", "", "", "x-authgear-user-id: alice\n"]



=== TEST 2: limit_req, if and set have looked, and what is made of the header afterwards is the verdict's
--- http_config
    limit_req_zone $http_x_authgear_user_id zone=early:1m rate=1000r/s;
    log_format user "user [$http_x_authgear_user_id] [$http_X_Authgear_Session_Valid]";
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t {
        authgear_resolve on;
        limit_req zone=early;
        if ($http_x_authgear_session_valid) { return 403; }
        set $early "$http_x_authgear_user_id$http_x_authgear_session_valid";
        add_header X-Early "[$early]";
        add_header X-User "[$http_x_authgear_user_id] [$http_x_authgear_session_valid]";
        access_log logs/access.log user;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
$::alice
--- response_headers
X-Early: []
X-User: [alice] [true]
--- access_log
user [alice] [true]



=== TEST 3: a location that has none takes out what another has put in, also of what was read of it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t {
        authgear_resolve on;
        error_page 404 = /off;
        try_files /none/$http_x_authgear_user_id =404;
    }
    location = /off {
        authgear_resolve off;
        add_header X-User "[$http_x_authgear_user_id]";
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
$::alice
--- response_headers
X-User: []
--- response_body_filters eval
\&::identity
--- response_body
nothing



=== TEST 4: what a configuration has set under such a name stays
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    set $http_x_authgear_note "noted";
    location = /t {
        authgear_resolve on;
        add_header X-Note "[$http_x_authgear_note] [$http_x_authgear_user_id]";
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
$::alice
--- response_headers
X-Note: [noted] [alice]



=== TEST 5: another header that was read early, or that is missing, is left as it was
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    set $early "$http_x_other$http_x_missing";
    location = /t {
        authgear_resolve on;
        add_header X-Other "[$http_x_other] [$http_x_missing] [$early]";
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
"X-Other: a\n$::alice"
--- response_headers
X-Other: [a] [] [a]
