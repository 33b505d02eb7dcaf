# A verdict on its way through nginx: what internal redirects and named locations carry, and where it is made again or left behind. Error pages
# and subrequests have files of their own.

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
    more_headers => $opaque,
    user_files   => ">>> page\na page\n",
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
--- request: GET /on/to/unsaid
--- response_body eval: ::alice(1)



=== TEST 2: the same from a named location
--- request: GET /on/to/@unsaid
--- response_body eval: ::alice(1)



=== TEST 3: the same with a token
--- request: GET /on/to/unsaid
--- more_headers eval: $::jwt
--- response_body eval: ::alice(0)



=== TEST 4: to a location under the same policy: nobody is asked again
--- request: GET /on/to/same
--- response_body eval: ::alice(1)



=== TEST 5: to a location that is off: nothing is sent
--- request: GET /on/to/off
--- response_body eval: "heard: backend 1, resolver 1\n"



=== TEST 6: to a named location that is off: nothing is sent
--- request: GET /on/to/@off
--- response_body eval: "heard: backend 1, resolver 1\n"



=== TEST 7: to a location that is off: nothing forged arrives either
--- request: GET /on/to/off
--- more_headers eval: "$::jwt\n$::forged"
--- response_body eval: ::nobody_unasked()



=== TEST 8: to a location under another policy: the verdict is made again, and a credential that does not count there is none
--- request: GET /on/to/web
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 9: to a named location under another policy
--- request: GET /on/to/@web
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 10: to a location with another audience: the same token is invalid
--- request: GET /on/to/other
--- more_headers eval: $::jwt
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: wrong_audience



=== TEST 11: to a location that is remote: the same token is asked about
--- request: GET /on/to/remote
--- more_headers eval: $::jwt
--- response_body eval: ::alice(1)



=== TEST 12: to a location that is remote: the resolver's no replaces the token's yes
--- request: GET /on/to/remote
--- more_headers eval: ::bearer(user => 'alice', register => ::false)
--- response_body eval: "x-authgear-session-valid: false\nheard: backend 1, resolver 1\n"
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 13: from a location where nothing is written: the verdict is made where it is on
--- request: GET /unsaid/to/same
--- response_body eval: ::alice(1)



=== TEST 14: from a location that is off
--- request: GET /off/to/same
--- response_body eval: ::alice(1)



=== TEST 15: from one policy to another: none at first, then a session
--- request: GET /web/to/same
--- more_headers eval: $::jwt
--- response_body eval: ::alice(0)



=== TEST 16: on, then off, then on: a session in the end
--- request: GET /on/to/off/to/same
--- more_headers eval: $::jwt
--- response_body eval: ::alice(0)



=== TEST 17: an invalid verdict follows
--- request: GET /on/to/unsaid
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5)
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 18: an invalid verdict follows in place of a forged one
--- request: GET /on/to/unsaid
--- more_headers eval: ::bearer(user => 'alice', lifetime => -5) . "\n$::forged"
--- response_body eval: ::invalid_unasked()
--- error_log: authgear: credential refused: expired



=== TEST 19: an anonymous request stays anonymous on its way
--- request: GET /on/to/unsaid
--- more_headers eval: $::forged
--- response_body eval: ::nobody_unasked()



=== TEST 20: forged headers do not reach where nothing is written
--- request: GET /unsaid
--- more_headers eval: "$::jwt\n$::forged"
--- response_body eval: ::nobody_unasked()



=== TEST 21: a rewrite comes before the verdict: only the second location's policy counts
--- request: GET /rewritten
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 22: off written in the server counts as written for the location
--- config eval
::server('authgear_resolve off;',
    'location /t { authgear_resolve on; try_files /none /inherits; }',
    'location /inherits { proxy_pass $TEST_NGINX_BACKEND; }')
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 23: off written in http counts as written for the location
--- http_config: authgear_resolve off;
--- config eval
::server('location /t { authgear_resolve on; try_files /none /inherits; }',
    'location /inherits { proxy_pass $TEST_NGINX_BACKEND; }')
--- more_headers eval: $::jwt
--- response_body eval: ::nobody_unasked()



=== TEST 24: on written in the server: the verdict is made once for all its locations
--- config eval
::server('authgear_resolve on;',
    'location /t { try_files /none /inherits; }',
    'location /inherits { proxy_pass $TEST_NGINX_BACKEND; }')
--- response_body eval: ::alice(1)



=== TEST 25: X-Accel-Redirect of a backend's: the verdict follows
--- config eval
::server('authgear_trust_request_headers off;',
    'location /t { authgear_resolve on; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/backend; }',
    'location /backend { add_header X-Accel-Redirect /landing; return 200; }',
    'location = /landing { internal; proxy_pass $TEST_NGINX_BACKEND; }')
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/landing: alice\nresolver 0\n"



=== TEST 26: X-Accel-Redirect to a location that is off: nothing is sent
--- config eval
::server('location /t { authgear_resolve on; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/backend; }',
    'location /backend { add_header X-Accel-Redirect /landing; return 200; }',
    'location = /landing { internal; authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }')
--- more_headers eval: "$::jwt\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/landing: nobody\nresolver 0\n"



=== TEST 27: an index page: the verdict follows
--- config eval
::server('location = /folder/ { authgear_resolve on; alias html/; index page; }',
    'location = /folder/page { proxy_pass $TEST_NGINX_BACKEND; }')
--- request: GET /folder/
--- more_headers eval: "$::opaque\n$::forged"
--- response_body_filters eval: ::backends(1)
--- response_body eval: "/folder/page: alice\nresolver 1\n"
