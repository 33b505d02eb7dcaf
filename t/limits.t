# Requests of unusual size: what counts is found in them, and what is too large is refused without harm.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

user(id => 'alice');
our $token = token(user => 'alice');
our $local = bearer($token);
our $opaque = opaque(user => 'alice');
our $session = session(kind => 'session', user => 'alice');

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(config => <<'END') unless defined $block->config;
    client_header_buffer_size 4k;
    large_client_header_buffers 16 256k;
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
END
    $block->set_value(request => 'GET /t') unless defined $block->request || defined $block->pipelined_requests;
    $block->set_value(response_body_filters => \&verdict) unless defined $block->response_body_filters;
    $block->set_value(no_error_log => "[alert]\n[crit]\n[emerg]\npanicked\n");
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: a session behind a thousand other cookies
--- more_headers eval
'Cookie: ' . ::text(map { "c$_=v$_; " } 1 .. 1000) . $::session
--- response_body
alice (backend 1, resolver 1)



=== TEST 2: the question holds that one cookie alone
--- more_headers eval
'Cookie: ' . ::text(map { "c$_=v$_; " } 1 .. 1000) . $::session
--- response_body_filters eval
sub { ::text(::questions() =~ /^(cookie: .*\n)/mg) }
--- response_body eval
"cookie: $::session\n"



=== TEST 3: a session in the last of two hundred Cookie headers
--- more_headers eval
::text((map { "Cookie: c$_=v$_\n" } 1 .. 200), "Cookie: $::session")
--- response_body
alice (backend 1, resolver 1)



=== TEST 4: a token among five hundred headers, half of them forged
--- more_headers eval
::text((map { "Keep-$_: $_\nX-Authgear-Forged-$_: mallory\n" } 1 .. 250), $::local)
--- response_body_filters eval
sub { ::verdict(@_) . scalar(() = $_[0] =~ /^keep-/mg) . " kept\n" }
--- response_body
alice (backend 1, resolver 0)
250 kept



=== TEST 5: a session of 60 KB that nobody knows, and one that is somebody's after it
--- more_headers eval
["Cookie: session=" . 'x' x 60000, "Cookie: app_session=" . 'x' x 60000 . "; $::session"]
--- request eval
["GET /t", "GET /t"]
--- config
    client_header_buffer_size 4k;
    large_client_header_buffers 16 256k;
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- response_body eval
["invalid (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n"]



=== TEST 6: a token of 200 KB is refused, and the cookie beside it counts
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
my $large = 'Authorization: Bearer eyJ' . 'x' x 100000 . '.' . 'y' x 100000 . '.z';
[$large, "$large\nCookie: $::session"]
--- response_body eval
["invalid (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n"]



=== TEST 7: one that is all dots, and one that is all of its first letters
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
['Authorization: Bearer eyJ' . '.' x 100000, 'Authorization: Bearer ' . 'eyJ' x 5000 . '..']
--- response_body_like eval
[qr/^invalid \(backend 1, resolver 1\)$/, qr/^invalid \(backend 2, resolver 1\)$/]



=== TEST 8: one byte more than nginx takes is nginx's to refuse
--- config
    client_header_buffer_size 1k;
    large_client_header_buffers 4 8k;
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval
"$::local\nCookie: " . 'x' x 9000
--- error_code: 400
--- response_body
refused (backend 0, resolver 0)



=== TEST 9: a long user agent and a long chain of proxies go with the question
--- more_headers eval
"Authorization: Bearer $::opaque\nUser-Agent: " . 'agent ' x 1000 . "end\nX-Forwarded-For: " . '192.0.2.1, ' x 500 . '192.0.2.2'
--- response_body
alice (backend 1, resolver 1)



=== TEST 10: a user with two hundred roles
--- more_headers eval
::bearer(user => ::user(id => 'boss', roles => [map { "role-$_" } 1 .. 200]))
--- response_body_filters eval
sub { ::text($_[0] =~ /^x-authgear-user-roles: (.*\n)/m) }
--- response_body eval
::text('role-1', map { ",role-$_" } 2 .. 200) . "\n"



=== TEST 11: a hundred requests on one connection, every other one with a token
--- pipelined_requests eval
[("GET /t") x 100]
--- more_headers eval
[map { $_ % 2 ? $::local : 'X-Authgear-User-Id: mallory' } 1 .. 100]
--- response_body_filters eval
sub { ::verdict(@_) =~ s/ .*//r }
--- response_body eval
[map { $_ % 2 ? "alice\n" : "nobody\n" } 1 .. 100]



=== TEST 12: a request whose headers end in many small pieces
--- raw_request eval
["GET /t HTTP/1.1\r\nHost: localhost\r\nX-Authgear-User-", "Id: mal", "lory\r\nAuthorization: Bea", "rer $::token\r\nConnec", "tion: close, X-Authgear-Us", "er-Id\r", "\n\r", "\n"]
--- raw_request_middle_delay: 0.02
--- response_body
alice (backend 1, resolver 0)
