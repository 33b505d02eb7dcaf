# A verdict on its way through nginx: what internal redirects, error pages, named locations and subrequests carry, and where it is made again or
# left behind.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;
use Time::HiRes ();

user(id => 'alice');
our @then   = (auth_time => 1_700_000_000);
our $jwt    = bearer(user => 'alice', @then);
our $opaque = 'Authorization: Bearer ' . opaque(user => 'alice', @then);
our $forged = "X-Authgear-User-Id: mallory\nX-Authgear-User-Roles: root";

# For `response_body_filters`: each request that a backend heard, by its path, and who it was told is calling; a mirrored one may come after the answer.
sub backends {
    my ($wanted) = @_;
    return sub {
        my $until = Time::HiRes::time() + 3;
        Time::HiRes::sleep(0.02) while count()->{backend} < $wanted && Time::HiRes::time() < $until;
        my @told = map { "$_->{path}: " . caller_in($_) . "\n" } log_of_backend();
        return join('', sort @told) . 'resolver ' . count()->{resolver} . "\n";
    };
}

# The user's id; else the verdict's word; else nobody. Headers of ours that go with nobody are told, too.
sub caller_in {
    my ($heard) = @_;
    my %ours = map {@$_} grep { $_->[0] =~ /^x-authgear-/ } @{ $heard->{headers} };
    return $ours{'x-authgear-user-id'} // $ours{'x-authgear-session-valid'} // join ' ', 'nobody', sort keys %ours;
}

blocks_have(
    more_headers => $opaque,
    user_files   => ">>> page\nan include: <!--# include virtual=\"/included\" -->\n",
    config       => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;

    # Where a request lands.
    location /unsaid { proxy_pass $TEST_NGINX_BACKEND; }
    location /off    { authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }
    location /same   { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /remote { authgear_resolve remote; proxy_pass $TEST_NGINX_BACKEND; }
    location /web    { authgear_resolve on; authgear_credentials session; proxy_pass $TEST_NGINX_BACKEND; }
    location /other  { authgear_resolve on; authgear_audience https://other.example; proxy_pass $TEST_NGINX_BACKEND; }
    location @unsaid { proxy_pass $TEST_NGINX_BACKEND; }
    location @off    { authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }
    location @web    { authgear_resolve on; authgear_credentials session; proxy_pass $TEST_NGINX_BACKEND; }

    # Where it starts: /FIRST/to/SECOND, by try_files.
    location /on/to/unsaid     { authgear_resolve on; try_files /none /unsaid; }
    location /on/to/off        { authgear_resolve on; try_files /none /off; }
    location /on/to/same       { authgear_resolve on; try_files /none /same; }
    location /on/to/remote     { authgear_resolve on; try_files /none /remote; }
    location /on/to/web        { authgear_resolve on; try_files /none /web; }
    location /on/to/other      { authgear_resolve on; try_files /none /other; }
    location /on/to/@unsaid    { authgear_resolve on; try_files /none @unsaid; }
    location /on/to/@off       { authgear_resolve on; try_files /none @off; }
    location /on/to/@web       { authgear_resolve on; try_files /none @web; }
    location /unsaid/to/same   { try_files /none /same; }
    location /off/to/same      { authgear_resolve off; try_files /none /same; }
    location /on/to/off/to/same { authgear_resolve on; try_files /none /off/to/same; }
    location /web/to/same      { authgear_resolve on; authgear_credentials session; try_files /none /same; }
    location /rewritten        { authgear_resolve on; rewrite ^ /web last; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
);
run_tests();

__DATA__

=== TEST 1: to a location where nothing is written: the verdict follows, and nobody is asked again
--- request
GET /on/to/unsaid
--- response_body eval: ::alice(1)



=== TEST 2: the same from a named location
--- request
GET /on/to/@unsaid
--- response_body eval: ::alice(1)



=== TEST 3: the same with a token
--- request
GET /on/to/unsaid
--- more_headers eval: $::jwt
--- response_body eval: ::alice(0)



=== TEST 4: to a location under the same policy: nobody is asked again
--- request
GET /on/to/same
--- response_body eval: ::alice(1)



=== TEST 5: to a location that is off: nothing is sent
--- request
GET /on/to/off
--- response_body eval: "heard: backend 1, resolver 1\n"



=== TEST 6: to a named location that is off: nothing is sent
--- request
GET /on/to/@off
--- response_body eval: "heard: backend 1, resolver 1\n"



=== TEST 7: to a location that is off: nothing forged arrives either
--- request
GET /on/to/off
--- more_headers eval: "$::jwt\n$::forged"
--- response_body eval: ::nobody_unasked()



=== TEST 8: to a location under another policy: the verdict is made again, and a credential that does not count there is none
--- request
GET /on/to/web
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 9: to a named location under another policy
--- request
GET /on/to/@web
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 10: to a location with another audience: the same token is invalid
--- request
GET /on/to/other
--- more_headers eval: $::jwt
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: wrong_audience



=== TEST 11: to a location that is remote: the same token is asked about
--- request
GET /on/to/remote
--- more_headers eval: $::jwt
--- response_body eval: ::alice(1)



=== TEST 12: to a location that is remote: the resolver's no replaces the token's yes
--- request
GET /on/to/remote
--- more_headers eval: ::bearer(user => 'alice', register => ::false)
--- response_body eval: "x-authgear-session-valid: false\nheard: backend 1, resolver 1\n"
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 13: from a location where nothing is written: the verdict is made where it is on
--- request
GET /unsaid/to/same
--- response_body eval: ::alice(1)



=== TEST 14: from a location that is off
--- request
GET /off/to/same
--- response_body eval: ::alice(1)



=== TEST 15: from one policy to another: none at first, then a session
--- request
GET /web/to/same
--- more_headers eval: $::jwt
--- response_body eval: ::alice(0)



=== TEST 16: on, then off, then on: a session in the end
--- request
GET /on/to/off/to/same
--- more_headers eval: $::jwt
--- response_body eval: ::alice(0)



=== TEST 17: an invalid verdict follows
--- request
GET /on/to/unsaid
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 18: an invalid verdict follows in place of a forged one
--- request
GET /on/to/unsaid
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\n$::forged"
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 19: an anonymous request stays anonymous on its way
--- request
GET /on/to/unsaid
--- more_headers eval: $::forged
--- response_body eval: ::nobody_unasked()



=== TEST 20: forged headers do not reach where nothing is written
--- request
GET /unsaid
--- more_headers eval: "$::jwt\n$::forged"
--- response_body eval: ::nobody_unasked()



=== TEST 21: a rewrite comes before the verdict: only the second location's policy counts
--- request
GET /rewritten
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 22: off written in the server counts as written for the location
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve off;
    location /t      { authgear_resolve on; try_files /none /inherits; }
    location /inherits { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 23: off written in http counts as written for the location
--- http_config
    authgear_resolve off;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t      { authgear_resolve on; try_files /none /inherits; }
    location /inherits { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 24: on written in the server: the verdict is made once for all its locations
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location /t      { try_files /none /inherits; }
    location /inherits { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- response_body eval: ::alice(1)



=== TEST 25: an error page where nothing is written is told what the first backend was told
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND/status/404;
        proxy_intercept_errors on;
        error_page 404 = /page;
    }
    location = /page {  proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: $::jwt
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: alice\n/status/404: alice\nresolver 0\n"



=== TEST 26: a named error page, too
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND/status/404;
        proxy_intercept_errors on;
        error_page 404 = @page;
    }
    location @page { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: $::jwt
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/status/404: alice\n/t: alice\nresolver 0\n"



=== TEST 27: an error page under another policy is told its own verdict
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND/status/404;
        proxy_intercept_errors on;
        error_page 404 = /page;
    }
    location = /page { authgear_resolve on; authgear_credentials session; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: $::jwt
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: nobody\n/status/404: alice\nresolver 0\n"



=== TEST 28: an error page that is off is told nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND/status/404;
        proxy_intercept_errors on;
        error_page 404 = /page;
    }
    location = /page { authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: nobody\n/status/404: alice\nresolver 0\n"



=== TEST 29: an error page that resolves, of a location that does not
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        
        proxy_pass $TEST_NGINX_BACKEND/status/404;
        proxy_intercept_errors on;
        error_page 404 = /page;
    }
    location = /page { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: alice\n/status/404: nobody\nresolver 0\n"



=== TEST 30: the question of the first location is not asked again for its error page
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND/status/404;
        proxy_intercept_errors on;
        error_page 404 = /page;
    }
    location = /page { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: $::opaque
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/page: alice\n/status/404: alice\nresolver 1\n"



=== TEST 31: the page for a request without a verdict is told nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; error_page 503 = /page; proxy_pass $TEST_NGINX_BACKEND; }
    location = /page {  proxy_pass $TEST_NGINX_BACKEND; }
--- init: ::fault(target => 'resolver', kind => 'status', status => 500)
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/page: nobody\nresolver 1\n"
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 32: the page for a request without a verdict does not let it in where the same policy holds
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; error_page 503 = /page; proxy_pass $TEST_NGINX_BACKEND; }
    location = /page { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init: ::fault(target => 'resolver', kind => 'status', status => 500)
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- error_code: 503
--- response_body_filters eval: ::backends(0)
--- response_body eval: "resolver 1\n"
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 33: the page for a request that basic authentication turned away makes a verdict of its own
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; auth_basic area; auth_basic_user_file html/none; error_page 401 403 = /page; proxy_pass $TEST_NGINX_BACKEND; }
    location = /page { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/page: alice\nresolver 1\n"



=== TEST 34: the page for a denied client is told nothing where nothing is written
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; deny all; error_page 403 = /page; proxy_pass $TEST_NGINX_BACKEND; }
    location = /page {  proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/page: nobody\nresolver 0\n"



=== TEST 35: the page for two Authorization headers is told nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    error_page 400 = /page;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location = /page {  proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval: "GET /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Authgear-User-Id: mallory\r\n$::jwt\r\n$::opaque\r\n\r\n"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/page: nobody\nresolver 0\n"



=== TEST 36: X-Accel-Redirect of a backend's: the verdict follows
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_trust_request_headers off;
    location /t     { authgear_resolve on; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/backend; }
    location /backend { add_header X-Accel-Redirect /landing; return 200; }
    location = /landing { internal; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/landing: alice\nresolver 0\n"



=== TEST 37: X-Accel-Redirect to a location that is off: nothing is sent
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t     { authgear_resolve on; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/backend; }
    location /backend { add_header X-Accel-Redirect /landing; return 200; }
    location = /landing { internal; authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/landing: nobody\nresolver 0\n"



=== TEST 38: an index page: the verdict follows
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /folder/ { authgear_resolve on; alias html/; index page; }
    location = /folder/page { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /folder/
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/folder/page: alice\nresolver 1\n"



=== TEST 39: an SSI include is told what the page's verdict says
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t { authgear_resolve on; alias html/page; ssi on; ssi_types text/plain; }
    location = /included {  proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/included: alice\nresolver 1\n"



=== TEST 40: an SSI include under the same policy asks nobody again
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t { authgear_resolve on; alias html/page; ssi on; ssi_types text/plain; }
    location = /included { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/included: alice\nresolver 1\n"



=== TEST 41: an SSI include that resolves, of a page that does not, is told nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t {  alias html/page; ssi on; ssi_types text/plain; }
    location = /included { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/included: nobody\nresolver 0\n"



=== TEST 42: an SSI include of an invalid request is told so
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t { authgear_resolve on; alias html/page; ssi on; ssi_types text/plain; }
    location = /included {  proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/included: false\nresolver 0\n"
--- error_log: authgear: credential refused: expired



=== TEST 43: what addition adds is told what the page's verdict says
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t { authgear_resolve on; alias html/page; add_before_body /before; add_after_body /after; addition_types text/plain; }
    location = /before { proxy_pass $TEST_NGINX_BACKEND; }
    location = /after  { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/after: alice\n/before: alice\nresolver 1\n"



=== TEST 44: a mirror is told what the first backend is told
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t { authgear_resolve on; mirror /mirror; proxy_pass $TEST_NGINX_BACKEND; }
    location = /mirror { internal; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/mirror: alice\n/t: alice\nresolver 1\n"



=== TEST 45: a mirror of an anonymous request is told nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t { authgear_resolve on; mirror /mirror; proxy_pass $TEST_NGINX_BACKEND; }
    location = /mirror { internal; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval: $::forged
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/mirror: nobody\n/t: nobody\nresolver 0\n"



=== TEST 46: auth_request to another service: it hears nothing forged, and the verdict comes after it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t { authgear_resolve on; auth_request /check; proxy_pass $TEST_NGINX_BACKEND; }
    location = /check { internal; proxy_pass $TEST_NGINX_BACKEND; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(2)
--- response_body eval: "/check: nobody\n/t: alice\nresolver 1\n"



=== TEST 47: a client that auth_request turned away asks nobody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t { authgear_resolve on; auth_request /check; proxy_pass $TEST_NGINX_BACKEND; }
    location = /check { internal; proxy_pass $TEST_NGINX_BACKEND/status/403; }
--- request
GET /t
--- more_headers eval: "$::opaque\n$::forged"
--- error_code: 403
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/status/403: nobody\nresolver 0\n"
