# authgear_unavailable: what a request gets when no verdict can be had, and who is spared.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
our $alice   = bearer(user => 'alice');
our $session = 'Cookie: ' . session(user => 'alice');
our $expired = bearer(user => 'alice', lifetime => -60);

# The resolver fails, keys can be had.
sub resolver { fault(target => 'resolver', kind => shift, @_) }

blocks_have(
    init                  => q{::resolver('status', status => 500)},
    more_headers          => $session,
    response_body_filters => \&verdict,
);
run_tests();

__DATA__

=== TEST 1: 503 unless written, with Retry-After; the backend hears nothing, the log says why
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: "refused (backend 0, resolver 1)\n"
--- error_log eval: qr/\[error\] .*authgear: no verdict could be had: resolver_failed \(endpoint http:.*, asked at \/_auth\)/



=== TEST 2: any status from 500 to 599, with Retry-After
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location /500 { authgear_unavailable 500; proxy_pass $TEST_NGINX_BACKEND; }
    location /504 { authgear_unavailable 504; proxy_pass $TEST_NGINX_BACKEND; }
    location /599 { authgear_unavailable 599; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /500", "GET /504", "GET /599"]
--- error_code eval: [500, 504, 599]
--- response_headers eval: [("Retry-After: 5") x 3]
--- response_body eval: [map {"refused (backend 0, resolver $_)\n"} 1 .. 3]



=== TEST 3: pass lets the request through as one without a credential, forged headers gone
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; authgear_unavailable pass; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: "$::session\nX-Authgear-User-Id: mallory\nX-Authgear-Session-Valid: true"
--- response_headers: ! Retry-After
--- response_body eval: "nobody (backend 1, resolver 1)\n"
--- error_log: authgear: no verdict could be had



=== TEST 4: pass does not let trusted headers of the client stand
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_trust_request_headers on;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; authgear_unavailable pass; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: "$::session\nX-Authgear-User-Id: mallory\nX-Authgear-Session-Valid: true"
--- response_body eval: "nobody (backend 1, resolver 1)\n"



=== TEST 5: from http, server and location: the innermost holds
--- http_config
    authgear_unavailable 500;
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolve on;
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        include $TEST_NGINX_AUTHGEAR_CONF;
        location /t { proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_unavailable pass;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /inner {
        authgear_unavailable 502;
        location /inner/deep { proxy_pass $TEST_NGINX_BACKEND; }
    }
--- request eval: ["GET /t", "GET /inner/deep", "GET /t"]
--- more_headers eval: ["Host: localhost\n$::session", "Host: localhost\n$::session", "Host: second\n$::session"]
--- error_code eval: [200, 502, 500]
--- response_body eval: ["nobody (backend 1, resolver 1)\n", "refused (backend 1, resolver 2)\n", "refused (backend 1, resolver 3)\n"]



=== TEST 6: a resolver that cannot be reached
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve remote; proxy_pass $TEST_NGINX_BACKEND; }
--- init: Authgear::Suite::fault(target => 'all', kind => 'refuse');
--- error_code: 503
--- response_body eval: "refused (backend 0, resolver 0)\n"
--- error_log: authgear: no verdict could be had: resolver_unreachable



=== TEST 7: a resolver that closes the connection, or in the middle of its answer
--- init
::resolver('close', times => 1);
Authgear::Suite::then_fault(target => 'resolver', kind => 'close_mid_answer');
--- request eval: ["GET /t", "GET /t"]
--- error_code eval: [503, 503]
--- response_body_like eval: [('refused \(backend 0, ') x 2]



=== TEST 8: a resolver that does not answer is not waited for longer than the location says
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth/jwks { internal; return 404; }
    location = /_auth { internal; proxy_pass $authgear_endpoint/_resolver/resolve; proxy_read_timeout 300ms; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /pass { authgear_resolve on; authgear_unavailable pass; proxy_pass $TEST_NGINX_BACKEND; }
--- init: ::resolver('hang');
--- request eval: ["GET /t", "GET /pass"]
--- error_code eval: [503, 200]
--- response_headers eval: ["Retry-After: 5", "! Retry-After"]
--- response_body eval: ["refused (backend 0, resolver 1)\n", "nobody (backend 1, resolver 2)\n"]
--- error_log: authgear: no verdict could be had: resolver_timed_out



=== TEST 9: nobody waits for Authgear, or is refused for it, who need not ask
--- init: ::resolver('hang');
--- request eval: ["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval: ["X-Own: mine", $::alice, $::expired, "Cookie: theme=dark; other=1"]
--- response_body eval: ["nobody (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n", "invalid (backend 3, resolver 0)\n", "nobody (backend 4, resolver 0)\n"]



=== TEST 10: an expired token beside a session that cannot be asked about
--- init: ::resolver('status', status => 502);
--- more_headers eval: "$::expired\n$::session"
--- error_code: 503
--- response_body eval: "refused (backend 0, resolver 1)\n"



=== TEST 11: a page of the user's own by error_page, with the status and Retry-After kept
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    error_page 503 /sorry.txt;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location = /sorry.txt { root html; }
--- user_files
>>> sorry.txt
Sorry.
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body_filters eval: \&::heard
--- response_body_like
Sorry\.
heard: backend 0, resolver 1, keys \d



=== TEST 12: a backend that error_page leads to is told of nobody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    error_page 503 =200 @fallback;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location @fallback { proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: "$::session\nX-Authgear-User-Id: mallory\nX-Authgear-Session-Valid: true"
--- response_body eval: "nobody (backend 1, resolver 1)\n"



=== TEST 13: error_page into a location that resolves as well is refused there again
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    error_page 503 = /again;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location = /again { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- error_code: 503
--- response_body_like
refused \(backend 0, resolver [12]\)



=== TEST 14: the configured status is what error_page sees, not 503
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    error_page 503 =200 /wrong;
    error_page 507 =418 /right;
    location /t { authgear_resolve on; authgear_unavailable 507; proxy_pass $TEST_NGINX_BACKEND; }
    location = /wrong { return 200 "wrong\n"; }
    location = /right { return 418 "right\n"; }
--- error_code: 418
--- response_body_filters eval: \&::heard
--- response_body_like
\Aright
heard: backend 0, resolver 1, keys \d



=== TEST 15: the body of a refused request is not sent on, and the connection serves the next one
--- pipelined_requests eval: ["POST /t\nhello=world", "GET /t?second"]
--- more_headers eval: [$::session, "X-Own: mine"]
--- error_code eval: [503, 200]
--- response_body eval: ["refused (backend 1, resolver 1)\n", "nobody (backend 1, resolver 1)\n"]



=== TEST 16: HEAD gets the status and Retry-After, too
--- request: HEAD /t
--- error_code: 503
--- response_headers: Retry-After: 5
--- error_log: authgear: no verdict could be had



=== TEST 17: with satisfy any, who was admitted by another is not refused: the backend is told of nobody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        satisfy any;
        allow all;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- more_headers eval: "$::session\nX-Authgear-User-Id: mallory\nX-Authgear-Session-Valid: true"
--- response_body eval: "nobody (backend 1, resolver 1)\n"



=== TEST 18: a page that makes a success of it says nothing of trying again
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location /t { error_page 599 =200 /sorry; authgear_unavailable 599; proxy_pass $TEST_NGINX_BACKEND; }
    location = /sorry { authgear_resolve off; return 200 "sorry\n"; }
--- error_code: 200
--- response_headers: ! Retry-After
--- response_body_filters eval: \&::heard
--- response_body_like
\Asorry
heard: backend 0, resolver 1, keys \d
--- error_log: authgear: no verdict could be had



=== TEST 19: a backend's own failure, where requests pass without a verdict, says nothing of trying again
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location /status/ { authgear_unavailable pass; proxy_pass $TEST_NGINX_BACKEND; }
--- request: GET /status/502
--- error_code: 502
--- response_headers: ! Retry-After
--- error_log: authgear: no verdict could be had
