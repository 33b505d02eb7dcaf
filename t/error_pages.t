# An error page, under nginx's several reasons for one: which verdict it is told, and where one is made for it.

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

# error_page(DIRECTIVES, LOCATION => DIRECTIVES): those of the location whose backend says 404, and those of its page's.
sub error_page {
    my ($first, $page, $second) = @_;
    my $location = $page =~ s{^/}{= /}r;
    my $failing  = 'proxy_pass $TEST_NGINX_BACKEND/status/404; proxy_intercept_errors on;';
    return server("location /t { $first $failing error_page 404 = $page; }", "location $location { $second proxy_pass \$TEST_NGINX_BACKEND; }");
}

blocks_have(more_headers => "$opaque\n$forged");
run_tests();

__DATA__

=== TEST 1: an error page where nothing is written is told what the first backend was told
--- config eval: ::error_page('authgear_resolve on;', '/page' => '')
--- more_headers eval: $::jwt
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: alice\n/status/404: alice\nresolver 0\n"



=== TEST 2: a named error page, too
--- config eval: ::error_page('authgear_resolve on;', '@page' => '')
--- more_headers eval: $::jwt
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/status/404: alice\n/t: alice\nresolver 0\n"



=== TEST 3: an error page under another policy is told its own verdict
--- config eval: ::error_page('authgear_resolve on;', '/page' => 'authgear_resolve on; authgear_credentials session;')
--- more_headers eval: $::jwt
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: nobody\n/status/404: alice\nresolver 0\n"



=== TEST 4: an error page that is off is told nothing
--- config eval: ::error_page('authgear_resolve on;', '/page' => 'authgear_resolve off;')
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: nobody\n/status/404: alice\nresolver 0\n"



=== TEST 5: an error page that resolves, of a location that does not
--- config eval: ::error_page('', '/page' => 'authgear_resolve on;')
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: alice\n/status/404: nobody\nresolver 0\n"



=== TEST 6: the question of the first location is not asked again for its error page
--- config eval: ::error_page('authgear_resolve on;', '/page' => 'authgear_resolve on;')
--- more_headers eval: $::opaque
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: alice\n/status/404: alice\nresolver 1\n"



=== TEST 7: the page for a request without a verdict is told nothing
--- config eval
::server('location /t { authgear_resolve on; error_page 503 = /page; proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /page { proxy_pass $TEST_NGINX_BACKEND; }')
--- init: ::fault(target => 'resolver', kind => 'status', status => 500)
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/page: nobody\nresolver 1\n"
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 8: the page for a request without a verdict does not let it in where the same policy holds
--- config eval
::server('location /t { authgear_resolve on; error_page 503 = /page; proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /page { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }')
--- init: ::fault(target => 'resolver', kind => 'status', status => 500)
--- error_code: 503
--- response_body_filters eval: ::backends(0)
--- response_body eval: "resolver 1\n"
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 9: the page for a request that basic authentication turned away makes a verdict of its own
--- config eval
::server('location /t { authgear_resolve on; auth_basic area; auth_basic_user_file html/none; error_page 401 403 = /page; proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /page { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }')
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/page: alice\nresolver 1\n"



=== TEST 10: the page for a denied client is told nothing where nothing is written
--- config eval
::server('location /t { authgear_resolve on; deny all; error_page 403 = /page; proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /page { proxy_pass $TEST_NGINX_BACKEND; }')
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/page: nobody\nresolver 0\n"



=== TEST 11: the page for two Authorization headers is told nothing
--- config eval
::server('error_page 400 = /page;',
    'location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }',
    'location = /page { proxy_pass $TEST_NGINX_BACKEND; }')
--- raw_request eval: "GET /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Authgear-User-Id: mallory\r\n$::jwt\r\n$::opaque\r\n\r\n"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/page: nobody\nresolver 0\n"
