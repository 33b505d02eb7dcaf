# The strict reading of the resolver's answers: what counts as yes, what as no, and what is no answer at all.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Answer;
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



=== TEST 10: 200 with headers of ours that are all empty
--- init: ::says('X-Authgear-Session-Valid:', 'X-Authgear-User-Id:')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_silent



=== TEST 11: true without a user's id
--- init: ::says('X-Authgear-Session-Valid: true')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 12: true with an empty user's id
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id:')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 13: a user's id alone
--- init: ::says('X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 14: an empty word beside a user's id
--- init: ::says('X-Authgear-Session-Valid:', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 15: false beside a user's id
--- init: ::says('X-Authgear-Session-Valid: false', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 16: false beside roles
--- init: ::says('X-Authgear-Session-Valid: false', 'X-Authgear-User-Roles: admin')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 17: some other header of ours alone
--- init: ::says('X-Authgear-User-Roles: admin')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 18: the word TRUE
--- init: ::says('X-Authgear-Session-Valid: TRUE', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 19: the word True
--- init: ::says('X-Authgear-Session-Valid: True', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 20: the word 1
--- init: ::says('X-Authgear-Session-Valid: 1', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 21: the word yes
--- init: ::says('X-Authgear-Session-Valid: yes', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 22: the word true, true
--- init: ::says('X-Authgear-Session-Valid: true, true', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 23: the word truefalse
--- init: ::says('X-Authgear-Session-Valid: truefalse', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 24: the word "true"
--- init: ::says('X-Authgear-Session-Valid: "true"', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 25: the word FALSE
--- init: ::says('X-Authgear-Session-Valid: FALSE')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 26: true and false
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Authgear-Session-Valid: false')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 27: false and true
--- init: ::says('X-Authgear-Session-Valid: false', 'X-Authgear-Session-Valid: true')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 28: true twice
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Authgear-Session-Valid: true')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 29: two users
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Authgear-User-Id: bob')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 30: the same user twice
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Authgear-User-Id: alice')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 31: roles twice
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Authgear-User-Roles: admin', 'X-Authgear-User-Roles: reader')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 32: an unknown header of ours twice, in two cases
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Authgear-New: 1', 'x-authgear-NEW: 2')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_contradiction



=== TEST 33: a control byte in the user's id
--- init: ::says('X-Authgear-Session-Valid: true', "X-Authgear-User-Id: al\x01ice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 34: a control byte in a header that nobody knows yet
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', "X-Authgear-New: al\x01ice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 35: a letter outside ASCII in the user's id
--- init: ::says('X-Authgear-Session-Valid: true', "X-Authgear-User-Id: al\xc3\xa9ice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 36: a letter outside ASCII in a header that nobody knows yet
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', "X-Authgear-New: al\xc3\xa9ice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 37: DEL in the user's id
--- init: ::says('X-Authgear-Session-Valid: true', "X-Authgear-User-Id: al\x7fice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 38: DEL in a header that nobody knows yet
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', "X-Authgear-New: al\x7fice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 39: a tab in the user's id
--- init: ::says('X-Authgear-Session-Valid: true', "X-Authgear-User-Id: al\tice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 40: a tab in a header that nobody knows yet
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', "X-Authgear-New: al\tice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 41: a NUL in the user's id
--- init: ::says('X-Authgear-Session-Valid: true', "X-Authgear-User-Id: al\0ice")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_bad_header|resolver_unreachable|resolver_failed)/



=== TEST 42: a name that only folds to one of ours
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X_Authgear_User_Roles: admin')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_bad_header



=== TEST 43: 70 headers of ours
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', map {"X-Authgear-New-$_: 1"} 1 .. 70)
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_too_large



=== TEST 44: more headers than nginx takes
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', map {"X-Authgear-New-$_: " . 'x' x 900} 1 .. 30)
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_too_large|resolver_unreachable|not_the_resolvers_answer|resolver_failed)/



=== TEST 45: a body beside yes
--- init: ::says_with('200 OK', "Content-Length: 2\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n", 'ok')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_body



=== TEST 46: a body beside false
--- init: ::says_with('200 OK', "Content-Length: 2\r\nX-Authgear-Session-Valid: false\r\n", 'no')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_body



=== TEST 47: a page of somebody else's
--- init: ::says_with('200 OK', "Content-Type: text/html\r\n", '<html>' . 'Log in to this network. ' x 5000)
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_body



=== TEST 48: 201 with yes in its headers
--- init: ::says_yes_but('201 Created')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 49: 202 with yes in its headers
--- init: ::says_yes_but('202 Accepted')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 50: 204 with yes in its headers
--- init: ::says_yes_but('204 No Content')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 51: 206 with yes in its headers
--- init: ::says_yes_but('206 Partial Content')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 52: 301 with yes in its headers
--- init: ::says_yes_but('301 Moved Permanently')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 53: 302 with yes in its headers
--- init: ::says_yes_but('302 Found')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 54: 304 with yes in its headers
--- init: ::says_yes_but('304 Not Modified')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 55: 307 with yes in its headers
--- init: ::says_yes_but('307 Temporary Redirect')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 56: 400 with yes in its headers
--- init: ::says_yes_but('400 Bad Request')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 57: 401 with yes in its headers
--- init: ::says_yes_but('401 Unauthorized')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 58: 403 with yes in its headers
--- init: ::says_yes_but('403 Forbidden')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 59: 404 with yes in its headers
--- init: ::says_yes_but('404 Not Found')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 60: 405 with yes in its headers
--- init: ::says_yes_but('405 Method Not Allowed')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 61: 429 with yes in its headers
--- init: ::says_yes_but('429 Too Many Requests')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 62: 500 with yes in its headers
--- init: ::says_yes_but('500 Internal Server Error')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 63: 502 with yes in its headers
--- init: ::says_yes_but('502 Bad Gateway')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 64: 503 with yes in its headers
--- init: ::says_yes_but('503 Service Unavailable')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 65: 504 with yes in its headers
--- init: ::says_yes_but('504 Gateway Timeout')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_failed



=== TEST 66: a redirect with its target
--- init: ::says_with('302 Found', "Content-Length: 0\r\nLocation: /t\r\n")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_status



=== TEST 67: closed without an answer
--- init: ::fault(target => 'resolver', kind => 'close')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_unreachable



=== TEST 68: reset without an answer
--- init: ::fault(target => 'resolver', kind => 'reset')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_unreachable



=== TEST 69: cut short after yes
--- init: ::fault(target => 'resolver', kind => 'close_mid_answer')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_cut_short|resolver_body)/



=== TEST 70: cut short inside its headers
--- init: ::says_bytes("HTTP/1.1 200 OK\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\nX-Auth")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_cut_short|resolver_unreachable|not_the_resolvers_answer)/



=== TEST 71: cut short inside a chunk
--- init: ::says_with('200 OK', "Transfer-Encoding: chunked\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_cut_short



=== TEST 72: bytes that are no HTTP
--- init: ::fault(target => 'resolver', kind => 'garbage')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_status|resolver_body|resolver_unreachable|not_the_resolvers_answer|resolver_failed)/



=== TEST 73: HTTP/0.9, headers as its page
--- init: ::says_bytes("X-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n\r\n")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:resolver_status|resolver_body|resolver_status|resolver_unreachable|not_the_resolvers_answer|resolver_failed)/



=== TEST 74: no answer in the time that the location allows
--- init: ::fault(target => 'resolver', kind => 'hang')
--- timeout: 8
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_timed_out



=== TEST 75: no answer in 5 s, where the location would wait for longer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::fault(target => 'resolver', kind => 'hang')
--- timeout: 9
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_timed_out



=== TEST 76: an answer that drips for longer than 5 s
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::fault(target => 'resolver', kind => 'drip', ms => 200)
--- timeout: 9
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: resolver_timed_out
