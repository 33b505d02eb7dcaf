# The headers of a verdict reach a backend of any protocol with no further directive, and a client's own reach none.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;
use Authgear::Sink;

user(id => 'alice', verified => true, roles => ['editor', 'a:b']);
our $auth_time = time - 60;
our $alice = bearer(user => 'alice', auth_time => $auth_time);
our $forged = "X-Authgear-User-Id: mallory\nX-Authgear-User-Roles: admin\nX-Authgear-Forged: yes\nX_Authgear_User_Id: mallory\n";
our %claims = (
    'session-valid' => 'true', 'user-id' => 'alice', 'user-anonymous' => 'false', 'user-verified' => 'true', 'user-can-reauthenticate' => 'true',
    'user-roles' => 'editor,a:b', 'session-authenticated-at' => $auth_time,
);
our $session = text(map {"x-authgear-$_: $claims{$_}\n"} sort keys %claims);

# What CGI-like protocols make of the headers, sorted: NAME: value.
sub parameters { return text(map { 'HTTP_X_AUTHGEAR_' . uc(s/-/_/gr) . ": $claims{$_}\n" } sort keys %claims) }

# For `response_body_filters`: the parameters that carry an identity, sorted. The sink writes name and value each in a line of its own,
# with what the protocol had between them: uwsgi's length of the next name can be a printable character.
sub from_sink {
    my ($body) = @_;
    my @pairs = $body =~ /(HTTP_X_AUTHGEAR_[A-Z_]*)\n+(.*)\n/g;
    my %seen;
    while (my ($name, $value) = splice @pairs, 0, 2) { $seen{$name} .= "$name: " . ($value =~ s/[ -.]\z//r) . "\n" }
    return %seen ? text(map { $seen{$_} } sort keys %seen) : "nothing\n";
}

sub from_fastcgi {
    my ($body) = @_;
    my @lines = $body =~ /^(HTTP_X_AUTHGEAR_.*\n)/mg;
    return @lines ? text(sort { $a cmp $b } @lines) : "nothing\n";
}

no_root_location();
run_tests();

__DATA__

=== TEST 1: fastcgi_pass forwards a verdict
--- http_config
    underscores_in_headers on;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; fastcgi_pass $TEST_NGINX_FASTCGI; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["$::forged$::alice", $::forged, $::forged . ::bearer(user => 'alice', lifetime => -5)]
--- response_body_filters eval
\&::from_fastcgi
--- response_body eval
[::parameters(), "nothing\n", "HTTP_X_AUTHGEAR_SESSION_VALID: false\n"]



=== TEST 2: fastcgi_pass where nothing resolves has none of a client's
--- http_config
    underscores_in_headers on;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /on { authgear_resolve on; fastcgi_pass $TEST_NGINX_FASTCGI; }
    location / { fastcgi_pass $TEST_NGINX_FASTCGI; }
--- request
GET /t
--- more_headers eval
$::forged
--- response_body_filters eval
\&::from_fastcgi
--- response_body
nothing



=== TEST 3: uwsgi_pass
--- http_config
    underscores_in_headers on;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /on { authgear_resolve on; uwsgi_pass $TEST_NGINX_SINK; }
    location / { uwsgi_pass $TEST_NGINX_SINK; }
--- request eval
["GET /on", "GET /on", "GET /off"]
--- more_headers eval
["$::forged$::alice", $::forged, $::forged . $::alice]
--- response_body_filters eval
\&::from_sink
--- response_body eval
[::parameters(), "nothing\n", "nothing\n"]



=== TEST 4: scgi_pass
--- http_config
    underscores_in_headers on;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /on { authgear_resolve on; scgi_pass $TEST_NGINX_SINK; }
    location / { scgi_pass $TEST_NGINX_SINK; }
--- request eval
["GET /on", "GET /on", "GET /off"]
--- more_headers eval
["$::forged$::alice", $::forged, $::forged . $::alice]
--- response_body_filters eval
\&::from_sink
--- response_body eval
[::parameters(), "nothing\n", "nothing\n"]



=== TEST 5: grpc_pass
--- http_config
    underscores_in_headers on;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /on { authgear_resolve on; grpc_pass grpc://$TEST_NGINX_BACKEND_HOST; }
    location / { grpc_pass grpc://$TEST_NGINX_BACKEND_HOST; }
--- request eval
["GET /on", "GET /on", "GET /off"]
--- more_headers eval
["$::forged$::alice", $::forged, $::forged . $::alice]
--- response_body_filters eval
\&::identity
--- response_body eval
[$::session, "nothing\n", "nothing\n"]



=== TEST 6: a gRPC call's metadata
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; grpc_pass grpc://$TEST_NGINX_BACKEND_HOST; }
--- request
POST /service/method HTTP/1.0
--- more_headers eval
"Content-Type: application/grpc\nTE: trailers\n$::forged$::alice"
--- response_headers
seen-x-authgear-user-id: alice
seen-x-authgear-user-roles: editor,a:b
seen-x-authgear-session-valid: true
! seen-x-authgear-forged
--- response_body eval
"\0" x 5



=== TEST 7: proxy_pass of HTTP/1.0 and of HTTP/1.1
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location /old { proxy_pass $TEST_NGINX_BACKEND; }
    location /new { proxy_pass $TEST_NGINX_BACKEND; proxy_http_version 1.1; proxy_set_header Connection ""; }
--- request eval
["GET /old", "GET /new"]
--- more_headers eval
"$::forged$::alice"
--- response_body_filters eval
\&::identity
--- response_body eval
[($::session) x 2]



=== TEST 8: proxy_pass to a named upstream, tried again at the next server
--- http_config
    upstream app {
        server 127.0.0.1:2;
        server $TEST_NGINX_BACKEND_HOST backup;
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass http://app; }
--- request
GET /t
--- more_headers eval
"$::forged$::alice"
--- response_body_filters eval
\&::identity
--- response_body eval
$::session



=== TEST 9: a request with a body arrives whole, body and identity
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; client_body_buffer_size 1k; }
--- request eval
["POST /t\n" . 'x' x 70000, "POST /t\n" . 'x' x 70000]
--- more_headers eval
["$::forged$::alice", "$::forged" . ::bearer(::opaque(user => 'alice', auth_time => $::auth_time))]
--- response_body_filters eval
sub { ::identity(@_) . "$1\n" if $_[0] =~ /^(body-length: \d+)$/m }
--- response_body eval
[($::session . "body-length: 70000\n") x 2]



=== TEST 10: a body in chunks
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval
["POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n" . ::bearer(::opaque(user => 'alice', auth_time => $::auth_time)) . "\r\n\r\n",
    "5\r\nhello\r\n", "6\r\n world\r\n0\r\n\r\n"]
--- raw_request_middle_delay: 0.1
--- response_body_filters eval
sub { ::identity(@_) . "$1\n" if $_[0] =~ /^(body-length: \d+)$/m }
--- response_body eval
$::session . "body-length: 11\n"
