# The strict reading of the resolver's answers: what counts as yes, what as no, and what is no answer at all. Only what the resolver itself said
# counts, not what this nginx made of it.

use Test::Nginx::Socket 'no_plan';
use Authgear::Suite;
use Authgear::Told;
use HTTP::Tiny   ();
use MIME::Base64 ();

user(id => 'alice');

# From now on the resolver answers 200 with these header lines and an empty body.
sub says { return says_with('200 OK', "Content-Length: 0\r\n" . join('', map {"$_\r\n"} @_)) }

# ... with this status and yes.
sub says_yes_but { my ($status) = @_; return says_with($status, "Content-Length: 0\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n") }

# ... with these bytes after the status.
sub says_with {
    my ($status, $headers, $body) = @_;
    return says_bytes("HTTP/1.1 $status\r\nConnection: close\r\n$headers\r\n" . ($body // ''));
}

sub says_bytes { my ($bytes) = @_; return fault(target => 'resolver', kind => 'raw', base64 => MIME::Base64::encode_base64($bytes, '')) }

# What a backend is told when the answer was: true, alice, and no more.
sub yes { return "x-authgear-session-valid: true\nx-authgear-user-id: alice\n" . join('', map {"$_\n"} @_) . "heard: backend 1, resolver 1\n" }
sub no  { return "x-authgear-session-valid: false\nheard: backend 1, resolver 1\n" }

# A request before the block's own, for its status.
sub asks_once {
    my $answer = HTTP::Tiny->new->get("http://127.0.0.1:$ENV{TEST_NGINX_SERVER_PORT}/t", { headers => { Authorization => 'Bearer some' } });
    return $answer->{status};
}

blocks_have(
    more_headers => 'Authorization: Bearer ' . opaque(user => 'alice', auth_time => 1_700_000_000),
    config       => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t       { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /cookies { authgear_resolve on; authgear_pass_set_cookie on; proxy_pass $TEST_NGINX_BACKEND; }
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



=== TEST 9: 200 without any header of ours
--- init: ::says()
--- response_body eval: ::no()
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 10: 200 with headers of ours that are all empty
--- init: ::says('X-Authgear-Session-Valid:', 'X-Authgear-User-Id:')
--- response_body eval: ::no()
--- error_log: authgear: credential refused: resolver_said_no



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



=== TEST 77: X-Accel-Redirect: /fake beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: /fake')
--- response_body eval: ::yes()



=== TEST 78: X-Accel-Redirect: @fake beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: @fake')
--- response_body eval: ::yes()



=== TEST 79: X-Accel-Limit-Rate: 1 beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Limit-Rate: 1')
--- response_body eval: ::yes()



=== TEST 80: X-Accel-Buffering: no beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Buffering: no')
--- response_body eval: ::yes()



=== TEST 81: X-Accel-Charset: utf-16 beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Charset: utf-16')
--- response_body eval: ::yes()



=== TEST 82: X-Accel-Expires: 60 beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Expires: 60')
--- response_body eval: ::yes()



=== TEST 83: X-Accel-Redirect where the location follows it
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
    location = /fake {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: /fake')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 84: X-Accel-Redirect to a named location
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
    location @fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: @fake')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 85: error_page 502 =200 in the question's location
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        error_page 502 504 =200 /fake;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
--- init: ::fault(target => 'resolver', kind => 'close')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_unreachable)/



=== TEST 86: error_page 502 =200 in the server around
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
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
    error_page 502 504 =200 /fake;
--- init: ::fault(target => 'resolver', kind => 'close')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_unreachable)/



=== TEST 87: error_page for what the resolver answered, intercepted
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        proxy_intercept_errors on;
        error_page 404 =200 /fake;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
--- init: ::says_yes_but('404 Not Found')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_status)/



=== TEST 88: 401 intercepted in the server around
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
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
    proxy_intercept_errors on;
    error_page 401 403 404 =200 /fake;
--- init: ::says_yes_but('401 Unauthorized')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_status)/



=== TEST 89: return 200 in the question's location is no answer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 90: return 204 in the question's location is no answer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 204;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 91: an empty file in the question's location is no answer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        alias html/empty;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files
>>> empty
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 92: try_files in the question's location is no answer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        try_files /empty =404;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files
>>> empty
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 93: add_header in the question's location is not the resolver's word
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice')
--- response_body eval: ::yes()



=== TEST 94: add_header in the question's location makes no yes of a no
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::says()
--- response_body eval: ::no()
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 95: more of nginx's own headers do no harm
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        expires 1h;
        add_trailer X-Authgear-User-Id mallory;
        sub_filter a b;
        gzip on;
        charset utf-8;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice')
--- response_body eval: ::yes()



=== TEST 96: deny in the server around does not meet the question
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
        allow all;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    deny all;
--- response_body eval: ::alice(1)



=== TEST 97: auth_basic in the server around does not meet the question
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
        auth_basic off;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    auth_basic "area";
    auth_basic_user_file html/none;
--- response_body eval: ::alice(1)



=== TEST 98: a rewrite in the server around does not meet the question
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
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
    rewrite ^/_auth$ /fake last;
    if ($uri = /_auth) { return 403; }
--- response_body eval: ::alice(1)



=== TEST 99: limit_req in the server around does not meet the question
--- http_config
    limit_req_zone $server_name zone=one:32k rate=1r/m;
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
    limit_req zone=one;
--- response_body eval: ::alice(1)



=== TEST 100: an answer from a cache does not count
--- http_config
    proxy_cache_path cache keys_zone=answers:1m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        proxy_cache answers;
        proxy_cache_key same;
        proxy_cache_valid 200 1m;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'Cache-Control: max-age=60'); ::asks_once() == 200 or die 'the first answer was to come from the resolver'
--- error_code: 503
--- response_body eval: ::unheard(0) =~ s/backend 0, resolver 0/backend 1, resolver 1/r
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 101: in the shipped location a cache of the server around does not meet the question
--- http_config
    proxy_cache_path cache keys_zone=answers:1m;
    proxy_cache_valid 200 1m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    proxy_cache answers;
    proxy_cache_key same;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_cache off; proxy_pass $TEST_NGINX_BACKEND; }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'Cache-Control: max-age=60')
--- request eval: ["GET /t/1", "GET /t/2"]
--- response_body eval: [::yes(), ::yes() =~ s/backend 1, resolver 1/backend 2, resolver 2/r]



=== TEST 102: a compressed empty body is an empty body
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'Content-Encoding: gzip')
--- response_body eval: ::yes()



=== TEST 103: a Set-Cookie of the resolver's is dropped by default
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /t
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 104: authgear_pass_set_cookie on: session with a Domain goes to the client as it is
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_like: \nSet-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- response_body eval: ::no()



=== TEST 105: authgear_pass_set_cookie on: app_session with a Domain goes to the client as it is
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: app_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_like: \nSet-Cookie: app_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- response_body eval: ::no()



=== TEST 106: authgear_pass_set_cookie on: app_access_token with a Domain goes to the client as it is
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: app_access_token=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_like: \nSet-Cookie: app_access_token=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- response_body eval: ::no()



=== TEST 107: authgear_pass_set_cookie on: a Set-Cookie without a Domain is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 108: authgear_pass_set_cookie on: a Set-Cookie with an empty Domain is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Domain=; Path=/')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 109: authgear_pass_set_cookie on: a Set-Cookie of another name is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: basket=1; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 110: authgear_pass_set_cookie on: a Set-Cookie of a name in another case is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: Session=1; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 111: authgear_pass_set_cookie on: a Set-Cookie of a name that only ends so is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: x_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 112: authgear_pass_set_cookie on: a Set-Cookie with Domain in its value only is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=Domain%3dx; Path=/')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 113: authgear_pass_set_cookie on: a Set-Cookie that is none is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 114: authgear_pass_set_cookie on: a Set-Cookie that is empty is dropped
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: ')
--- request
GET /cookies
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body eval: ::no()



=== TEST 115: authgear_pass_set_cookie on: of several the right ones go on
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: basket=1; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure', 'Set-Cookie: session=1', 'Set-Cookie: app_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /cookies
--- raw_response_headers_like: Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r\nSet-Cookie: app_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- raw_response_headers_unlike: basket|session=1
--- response_body eval: ::no()



=== TEST 116: authgear_pass_set_cookie on: with a prefix only the prefixed name is the project's
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_cookie_prefix shop_;
    authgear_pass_set_cookie on;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure', 'Set-Cookie: shop_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- raw_response_headers_like: Set-Cookie: shop_session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r
--- raw_response_headers_unlike: Set-Cookie: session
--- response_body eval: ::no()



=== TEST 117: authgear_pass_set_cookie on: what is handed on stands beside the backend's own
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_pass_set_cookie on;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; add_header Set-Cookie "theme=dark"; proxy_pass $TEST_NGINX_BACKEND; }
--- init: ::says('X-Authgear-Session-Valid: false', 'Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure')
--- request
GET /t
--- raw_response_headers_like: (?s)(?=.*Set-Cookie: session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure\r)(?=.*Set-Cookie: theme=dark\r)
--- response_body eval: ::no()
