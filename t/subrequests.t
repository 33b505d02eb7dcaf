# What nginx asks for beside the request itself (SSI, addition, mirror, auth_request): which verdict each such subrequest is told.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Backends;
use Authgear::Locations;
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
our @then   = (auth_time => 1_700_000_000);
our $jwt    = bearer(user => 'alice', @then);
our $opaque = 'Authorization: Bearer ' . opaque(user => 'alice', @then);
our $forged = "X-Authgear-User-Id: mallory\nX-Authgear-User-Roles: root";

blocks_have(
    more_headers => "$opaque\n$forged",
    user_files   => ">>> page\nan include: <!--# include virtual=\"/included\" -->\n",
);
run_tests();

__DATA__

=== TEST 1: an SSI include is told what the page's verdict says
--- config eval
::server('location = /t { authgear_resolve on; alias html/page; ssi on; ssi_types text/plain; }',
    'location = /included { proxy_pass $TEST_NGINX_BACKEND; }')
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/included: alice\nresolver 1\n"



=== TEST 2: an SSI include under the same policy asks nobody again
--- config eval
::server('location = /t { authgear_resolve on; alias html/page; ssi on; ssi_types text/plain; }',
    'location = /included { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }')
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/included: alice\nresolver 1\n"



=== TEST 3: an SSI include that resolves, of a page that does not, is told nothing
--- config eval
::server('location = /t { alias html/page; ssi on; ssi_types text/plain; }',
    'location = /included { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }')
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/included: nobody\nresolver 0\n"



=== TEST 4: an SSI include of an invalid request is told so
--- config eval
::server('location = /t { authgear_resolve on; alias html/page; ssi on; ssi_types text/plain; }',
    'location = /included { proxy_pass $TEST_NGINX_BACKEND; }')
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/included: false\nresolver 0\n"
--- error_log: authgear: credential refused: expired



=== TEST 5: what addition adds is told what the page's verdict says
--- config eval
::server('location = /t { authgear_resolve on; alias html/page; add_before_body /before; add_after_body /after; addition_types text/plain; }',
    'location = /before { proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /after { proxy_pass $TEST_NGINX_BACKEND; }')
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/after: alice\n/before: alice\nresolver 1\n"



=== TEST 6: a mirror is told what the first backend is told
--- config eval
::server('location = /t { authgear_resolve on; mirror /mirror; proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /mirror { internal; proxy_pass $TEST_NGINX_BACKEND; }')
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/mirror: alice\n/t: alice\nresolver 1\n"



=== TEST 7: a mirror of an anonymous request is told nothing
--- config eval
::server('location = /t { authgear_resolve on; mirror /mirror; proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /mirror { internal; proxy_pass $TEST_NGINX_BACKEND; }')
--- more_headers eval: $::forged
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/mirror: nobody\n/t: nobody\nresolver 0\n"



=== TEST 8: auth_request to another service: it hears nothing forged, and the verdict comes after it
--- config eval
::server('location = /t { authgear_resolve on; auth_request /check; proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /check { internal; proxy_pass $TEST_NGINX_BACKEND; proxy_pass_request_body off; proxy_set_header Content-Length ""; }')
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/check: nobody\n/t: alice\nresolver 1\n"



=== TEST 9: a client that auth_request turned away asks nobody
--- config eval
::server('location = /t { authgear_resolve on; auth_request /check; proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /check { internal; proxy_pass $TEST_NGINX_BACKEND/status/403; }')
--- error_code: 403
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/status/403: nobody\nresolver 0\n"
