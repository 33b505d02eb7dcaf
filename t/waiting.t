# While a question is under way: the request's body, the requests behind it on the connection, and those that ask the same.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

our @users = map { user(id => "user$_") } 1 .. 6;
our @remote = map { bearer(opaque(user => $_)) } @users;
our $local = bearer(user => $users[0]);
our $forged = "X-Authgear-User-Id: mallory\n";

# The verdict, and how long the body was.
sub with_length { return verdict(@_) =~ s/\n//r . ' ' . ($_[0] =~ /^(body-length: \d+)$/m ? $1 : 'no body') . "\n" }

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(config => <<'END') unless defined $block->config;
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
END
    $block->set_value(response_body_filters => \&verdict) unless defined $block->response_body_filters;
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: a body that comes while the question is under way arrives whole
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 500);
--- raw_request eval
["POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 15\r\n$::remote[0]\r\n\r\n", 'first', 'next_', 'third']
--- raw_request_middle_delay: 0.1
--- response_body_filters eval
\&::with_length
--- response_body
user1 (backend 1, resolver 1) body-length: 15



=== TEST 2: a body that has come before it
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 300);
--- request eval
["POST /t\n" . 'x' x 300000, "PUT /t\nshort"]
--- more_headers eval
$::remote[0]
--- response_body_filters eval
\&::with_length
--- response_body eval
["user1 (backend 1, resolver 1) body-length: 300000\n", "user1 (backend 2, resolver 2) body-length: 5\n"]



=== TEST 3: a body in chunks, some before and some after the answer
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 150);
--- raw_request eval
["POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n$::remote[0]\r\n\r\n5\r\nhello\r\n", "6\r\n world\r\n", "3\r\n...\r\n0\r\n", "\r\n"]
--- raw_request_middle_delay: 0.1
--- response_body_filters eval
\&::with_length
--- response_body
user1 (backend 1, resolver 1) body-length: 14



=== TEST 4: a body that nginx does not buffer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_request_buffering off; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass $TEST_NGINX_BACKEND; }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 300);
--- raw_request eval
["POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n$::remote[0]\r\n\r\n", 'first', 'next_']
--- raw_request_middle_delay: 0.1
--- response_body_filters eval
\&::with_length
--- response_body
user1 (backend 1, resolver 1) body-length: 10



=== TEST 5: a request that is refused after waiting, its body unread
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500, delay => 200);
--- request eval
["POST /t\n" . 'x' x 300000, "GET /t"]
--- more_headers eval
$::remote[0]
--- error_code eval
[503, 503]
--- response_body eval
["refused (backend 0, resolver 1)\n", "refused (backend 0, resolver 2)\n"]



=== TEST 6: requests behind it on the connection wait their turn, each with its own identity
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 100);
--- pipelined_requests eval
[map { "GET /t$_" } 1 .. 7]
--- more_headers eval
[map { $::forged . $_ } @::remote[0 .. 2], '', @::remote[3 .. 5]]
--- response_body_filters eval
sub { ($_[0] =~ /^GET (\S+)/)[0] . ' ' . ::verdict(@_) =~ s/ .*//r }
--- response_body eval
["/t1 user1\n", "/t2 user2\n", "/t3 user3\n", "/t4 nobody\n", "/t5 user4\n", "/t6 user5\n", "/t7 user6\n"]



=== TEST 7: also when some of them are judged here, and some refused
--- init
Authgear::Suite::then_fault(target => 'resolver', kind => 'delay', ms => 100, times => 1);
Authgear::Suite::then_fault(target => 'resolver', kind => 'close', times => 1);
--- pipelined_requests eval
[map { "GET /t$_" } 1 .. 4]
--- more_headers eval
[map { $::forged . $_ } $::local, @::remote[1 .. 3]]
--- error_code eval
[200, 200, 503, 200]
--- response_body_filters eval
sub { ::verdict(@_) =~ s/ .*//r }
--- response_body eval
["user1\n", "user2\n", "refused\n", "user4\n"]



=== TEST 8: requests with bodies behind one another
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 100);
--- pipelined_requests eval
["POST /t1\nthe first body", "POST /t2\nand the second", "GET /t3"]
--- more_headers eval
[@::remote[0 .. 2]]
--- response_body_filters eval
sub { ::with_length(@_) =~ s/ \(.*\)//r }
--- response_body eval
["user1 body-length: 14\n", "user2 body-length: 14\n", "user3 no body\n"]



=== TEST 9: an answer byte by byte
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'drip', ms => 2);
--- request
GET /t
--- more_headers eval
$::forged . $::remote[0]
--- response_body
user1 (backend 1, resolver 1)



=== TEST 10: keys byte by byte
--- init
Authgear::Suite::fault(target => 'jwks', kind => 'drip', ms => 1);
--- timeout: 10
--- request
GET /t
--- more_headers eval
$::forged . $::local
--- response_body_like
^user1 \(backend 1, resolver [01]\)$



=== TEST 11: an answer that never comes ends within the location's own time
--- timeout: 10
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'hang');
--- request
GET /t
--- more_headers eval
$::remote[0]
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- response_body
refused (backend 0, resolver 1)
--- error_log
authgear: no verdict could be had: resolver_timed_out
--- no_error_log
[alert]



=== TEST 12: the client's own time for its request is not spent on the question
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { client_body_timeout 200ms; send_timeout 200ms; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 600);
--- request
POST /t
a body
--- more_headers eval
$::remote[0]
--- response_body_filters eval
\&::with_length
--- response_body
user1 (backend 1, resolver 1) body-length: 6



=== TEST 13: a client that asks for leave to send its body gets it after the verdict
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 200);
--- raw_request eval
["POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n$::remote[0]\r\n\r\n", 'hello']
--- raw_request_middle_delay: 0.4
--- ignore_response
--- error_code: 200
--- wait: 0.3
--- no_error_log
[alert]
[error]
