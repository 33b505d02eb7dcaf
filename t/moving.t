# From Authgear's own recipe to the module, one location after the other, as docs/migrate.md says it goes.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

user(id => 'alice', verified => true);
our $auth_time = time - 60;
our $forged = "X-Authgear-User-Id: mallory\nX-Authgear-User-Roles: admin\n";
our $alice = $forged . bearer(user => 'alice', auth_time => $auth_time);
our $two = "x-authgear-session-valid: true\nx-authgear-user-id: alice\n";
our $all = text(sort "x-authgear-session-authenticated-at: $auth_time\n", "x-authgear-user-anonymous: false\n", "x-authgear-user-can-reauthenticate: true\n",
    "x-authgear-user-verified: true\n", $two =~ /(.*\n)/g);

no_root_location();
run_tests();

__DATA__

=== TEST 1: the recipe goes on where it stands, through authgear.conf, before anything resolves and beside what does
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /recipe {
        auth_request /_auth;
        auth_request_set $valid $upstream_http_x_authgear_session_valid;
        auth_request_set $user $upstream_http_x_authgear_user_id;
        proxy_set_header x-authgear-session-valid $valid;
        proxy_set_header x-authgear-user-id $user;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /moved { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /recipe", "GET /moved"]
--- more_headers eval
$::alice
--- response_body_filters eval
\&::identity
--- response_body eval
[$::two, $::all]



=== TEST 2: a line of the recipe that is left behind hides the module's header
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        set $user '';
        proxy_set_header x-authgear-user-id $user;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
$::alice
--- response_body_filters eval
sub { ::identity(@_) =~ s/.*user-id.*\n//r eq ::identity(@_) ? "hidden\n" : "there\n" }
--- response_body
hidden



=== TEST 3: without the request's headers the backend gets those that are named
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        proxy_pass_request_headers off;
        proxy_set_header x-authgear-session-valid $http_x_authgear_session_valid;
        proxy_set_header x-authgear-user-id $http_x_authgear_user_id;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::alice, $::forged]
--- response_body_filters eval
\&::identity
--- response_body eval
[$::two, "nothing\n"]
