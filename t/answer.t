# The strict reading of the resolver's answers: what counts as yes, what as no, and what is no answer at all, once for each reason; every case is
# in core/tests/resolver.rs.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Answer;
use Authgear::Locations;
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');

blocks_have(
    more_headers => 'Authorization: Bearer ' . opaque(user => 'alice', auth_time => 1_700_000_000),
    config       => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
);
run_tests();

__DATA__

=== TEST 1: the real answer, whole; nothing of it reaches the client
--- raw_response_headers_unlike: (?i)x-authgear
--- response_body eval: ::alice(1)



=== TEST 2: true and a user's id
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice')
--- response_body eval: ::yes()



=== TEST 3: names in any case, values with space around them
--- init: ::says('x-AUTHGEAR-session-VALID:   true  ', 'X-AUTHGEAR-USER-ID: alice ')
--- response_body eval: ::yes()



=== TEST 4: a header of ours that nobody knows yet is handed on
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Authgear-Session-Level: 3', 'X-Other: 1')
--- response_body eval: ::yes() =~ s/(?=x-authgear-session-valid)/x-authgear-session-level: 3\n/r



=== TEST 5: empty values are absent headers
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Authgear-Session-Amr:', 'X-Authgear-User-Roles: ')
--- response_body eval: ::yes()



=== TEST 6: an empty body that came in chunks
--- init: ::says_with('200 OK', "Transfer-Encoding: chunked\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n", "0\r\n\r\n")
--- response_body eval: ::yes()



=== TEST 7: an empty body that ends with the connection
--- init: ::says_with('200 OK', "X-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n")
--- response_body eval: ::yes()



=== TEST 8: false
--- init: ::says('X-Authgear-Session-Valid: false')
--- response_body eval: ::no()
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 9: 200 without any header of ours: the server's database failed it
--- init: ::says()
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_silent



=== TEST 10: true without a user's id
--- init: ::says('X-Authgear-Session-Valid: true')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 11: true and false
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Authgear-Session-Valid: false')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 12: a control byte in the user's id
--- init: ::says('X-Authgear-Session-Valid: true', "X-Authgear-User-Id: al\x01ice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 13: a NUL in the user's id
--- init: ::says('X-Authgear-Session-Valid: true', "X-Authgear-User-Id: al\0ice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_bad_header|resolver_unreachable|resolver_failed)/



=== TEST 14: a name that only folds to one of ours
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X_Authgear_User_Roles: admin')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 15: 70 headers of ours
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', map {"X-Authgear-New-$_: 1"} 1 .. 70)
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_too_large



=== TEST 16: more headers than nginx takes
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', map {"X-Authgear-New-$_: " . 'x' x 900} 1 .. 30)
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_too_large|resolver_unreachable|not_the_resolvers_answer|resolver_failed)/



=== TEST 17: a body beside yes
--- init: ::says_with('200 OK', "Content-Length: 2\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n", 'ok')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_body



=== TEST 18: a body beside false
--- init: ::says_with('200 OK', "Content-Length: 2\r\nX-Authgear-Session-Valid: false\r\n", 'no')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_body



=== TEST 19: a page of somebody else's
--- init: ::says_with('200 OK', "Content-Type: text/html\r\n", '<html>' . 'Log in to this network. ' x 5000)
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_body



=== TEST 20: 204 with yes in its headers
--- init: ::says_yes_but('204 No Content')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 21: 304 with yes in its headers
--- init: ::says_yes_but('304 Not Modified')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 22: 401 with yes in its headers
--- init: ::says_yes_but('401 Unauthorized')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 23: 500 with yes in its headers
--- init: ::says_yes_but('500 Internal Server Error')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 24: a redirect with its target
--- init: ::says_with('302 Found', "Content-Length: 0\r\nLocation: /t\r\n")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 25: closed without an answer
--- init: ::fault(target => 'resolver', kind => 'close')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_unreachable



=== TEST 26: reset without an answer
--- init: ::fault(target => 'resolver', kind => 'reset')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_unreachable



=== TEST 27: cut short after yes
--- init: ::fault(target => 'resolver', kind => 'close_mid_answer')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_cut_short|resolver_body)/



=== TEST 28: cut short inside its headers
--- init: ::says_bytes("HTTP/1.1 200 OK\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\nX-Auth")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_cut_short|resolver_unreachable|not_the_resolvers_answer)/



=== TEST 29: cut short inside a chunk
--- init: ::says_with('200 OK', "Transfer-Encoding: chunked\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_cut_short



=== TEST 30: a chunk whose length is no number
--- init: ::says_with('200 OK', "Transfer-Encoding: chunked\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n", "no number\r\n")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_cut_short



=== TEST 31: a status line and no more
--- init: ::says_bytes("HTTP/1.1 200 OK\r\n")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_unreachable



=== TEST 32: cut short inside a chunk of which a part came
--- init: ::says_with('200 OK', "Transfer-Encoding: chunked\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n", "5\r\nab")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_cut_short|resolver_body)/



=== TEST 33: bytes that are no HTTP
--- init: ::fault(target => 'resolver', kind => 'garbage')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_status|resolver_body|resolver_unreachable|not_the_resolvers_answer|resolver_failed)/



=== TEST 34: HTTP/0.9, headers as its page
--- init: ::says_bytes("X-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n\r\n")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_status|resolver_body|resolver_status|resolver_unreachable|not_the_resolvers_answer|resolver_failed)/



=== TEST 35: no answer in the time that the location allows
--- init: ::fault(target => 'resolver', kind => 'hang')
--- timeout: 8
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_timed_out



=== TEST 36: no answer in 5 s, where the location would wait for longer
--- config eval: ::locations()
--- init: ::fault(target => 'resolver', kind => 'hang')
--- timeout: 9
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_timed_out



=== TEST 37: an answer that drips for longer than 5 s
--- config eval: ::locations()
--- init: ::fault(target => 'resolver', kind => 'drip', ms => 200)
--- timeout: 9
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_timed_out
