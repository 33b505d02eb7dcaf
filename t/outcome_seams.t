# $authgear_result and the challenge where a request goes on after it was judged: to a page, to another phase, to another rule that admits it.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
our $token   = bearer(user => 'alice');
our $expired = bearer(user => 'alice', lifetime => -60);

no_root_location();
blocks_have(response_body_filters => sub {''});
run_tests();

__DATA__

=== TEST 1: a page that anybody may see takes nothing from the refusal that led to it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    error_page 401 /page;
    add_header X-Result "[$authgear_result|$authgear_reason]" always;
    location /any { satisfy any; authgear_require valid; proxy_pass $TEST_NGINX_BACKEND; }
    location /all { authgear_require valid; proxy_pass $TEST_NGINX_BACKEND; }
    location = /page { satisfy any; allow all; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /any", "GET /any", "GET /all", "GET /all"]
--- more_headers eval: ['', $::expired, '', $::expired]
--- error_code eval: [401, 401, 401, 401]
--- response_headers eval
["X-Result: [REJECTED|no_credential]\nWWW-Authenticate: Bearer", "X-Result: [REJECTED|expired]", "X-Result: [REJECTED|no_credential]\nWWW-Authenticate: Bearer", "X-Result: [REJECTED|expired]"]
--- raw_response_headers_like eval: [('WWW-Authenticate: Bearer') x 4]
--- response_body eval: [('') x 4]



=== TEST 2: whom another rule turns away has not passed, in whatever phase the verdict was made
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    add_header X-Result "[$authgear_result]" always;
    location /early { authgear_phase preaccess; deny all; proxy_pass $TEST_NGINX_BACKEND; }
    location /any { satisfy any; deny all; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /early", "GET /any", "GET /any"]
--- more_headers eval: [$::token, '', $::token]
--- error_code eval: [403, 403, 403]
--- response_headers eval: [("X-Result: []") x 3]
--- response_body eval: [('') x 3]



=== TEST 3: whom a rule lets in has passed, whatever his credential
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    authgear_require valid;
    satisfy any;
    allow all;
    add_header X-Result "[$authgear_result]" always;
    location /early { authgear_phase preaccess; proxy_pass $TEST_NGINX_BACKEND; }
    location /late { proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: [("GET /early") x 3, ("GET /late") x 3]
--- more_headers eval: [($::token, $::expired, '') x 2]
--- response_headers eval: [("X-Result: [PASSED]") x 6]
--- response_body eval: [('') x 6]
