# The files of nginx-conf/, run as their readers run them: only what each tells its reader to change is changed.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite origin => 'http://project.authgear.cloud';
use Authgear::Example;
use HTTP::Tiny ();

user(id => 'alice', roles => ['editor']);
our $alice   = bearer(user => 'alice');
our $opaque  = bearer(opaque(user => 'alice'));
our $expired = bearer(user => 'alice', lifetime => -60);
our $session = 'Cookie: ' . session(user => 'alice', kind => 'session');
our $app     = 'Cookie: ' . session(user => 'alice', kind => 'app_session');
our $revoked = session(user => 'alice', kind => 'session');
revoke($revoked);
our $forged  = "X-Authgear-Session-Valid: true\nX-Authgear-User-Id: mallory";

our $backend = $ENV{TEST_NGINX_BACKEND_HOST};
our $fastcgi = $ENV{TEST_NGINX_FASTCGI};

# What happened within so many seconds: a slow machine may need several attempts. Each begins with nothing counted.
sub in_time {
    my ($seconds, $act) = @_;
    for (1 .. 10) {
        my $begun = time;
        Authgear::Suite::reset();
        my $seen = $act->();
        return $seen if time - $begun < $seconds;
    }
    return "never within $seconds seconds\n";
}

# A request of its own, for a header that must be made at the last moment.
sub answer_to {
    my ($token) = $_[0] =~ /^Authorization: (.*)/;
    return HTTP::Tiny->new->get('http://127.0.0.1:' . server_port() . '/', { headers => { authorization => $token } })->{content};
}

# What the backend heard of the WebSocket and its user.
sub handshakes {
    return join '', map {"$_->[0]: $_->[1]\n"} grep { $_->[0] =~ /^(?:upgrade|x-authgear-user-id)$/ } map { @{ $_->{headers} } } log_of_backend();
}

# Where each question arrived.
sub listeners { return join '', map {"$_->{listener} $_->{path}\n"} grep { $_->{target} eq 'resolver' } log_of_authgear() }

no_root_location();
run_tests();

__DATA__

=== TEST 1: minimal.conf: who is calling arrives, for tokens and sessions; who is anonymous passes
--- http_config eval
::http_of('minimal', $::backend)
--- config eval
::server_of('minimal')
--- request eval
["GET /", "GET /", "GET /", "GET /", "GET /", "GET /"]
--- more_headers eval
[$::alice, $::forged, $::expired, $::opaque, $::session, "$::forged\nCookie: $::revoked"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n", "invalid (backend 3, resolver 0)\n", "alice (backend 4, resolver 1)\n",
 "alice (backend 5, resolver 2)\n", "invalid (backend 6, resolver 3)\n"]



=== TEST 2: minimal.conf: the resolver is asked over one connection that is kept, with the project's host and scheme
--- http_config eval
::http_of('minimal', $::backend)
--- config eval
::server_of('minimal')
--- request eval
[("GET /") x 4]
--- more_headers eval
[$::alice, $::opaque, $::session, $::app]
--- response_body_filters eval
sub { my %connections = map { $_->{connection} => 1 } ::log_of_authgear(); return ::questions() . 'connections: ' . keys(%connections) }
--- response_body_like eval
['^connections: 1\z', ('GET /_resolver/resolve\n(?=.*host: project\.authgear\.cloud\n)(?=.*x-forwarded-proto: http\n).*connections: 1\z') x 3]



=== TEST 3: minimal.conf: neither internal location can be asked by a client
--- http_config eval
::http_of('minimal', $::backend)
--- config eval
::server_of('minimal')
--- request eval
["GET /_auth", "GET /_auth/jwks"]
--- more_headers eval
$::alice
--- error_code eval
[404, 404]
--- response_body_filters eval
\&::verdict
--- response_body eval
["refused (backend 0, resolver 0)\n", "refused (backend 0, resolver 0)\n"]



=== TEST 4: minimal.conf: what is around it in the server does not reach the internal locations
--- http_config eval
::http_of('minimal', $::backend)
--- config eval
::server_of('minimal', 'deny 192.0.2.0/24;', 'proxy_intercept_errors on;', 'error_page 404 500 502 = /nowhere;', 'proxy_hide_header X-Authgear-User-Id;',
    'location /open { authgear_resolve on; proxy_pass http://backend; }')
--- request eval
["POST /open\nhello world", "GET /open"]
--- more_headers eval
$::session
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 2)\n"]



=== TEST 5: api.conf: bearer tokens alone count; JWTs are verified, opaque tokens asked about
--- http_config eval
::http_of('api', $::backend)
--- config eval
::server_of('api')
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
[$::alice, $::opaque, $::session]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n", "nobody (backend 3, resolver 1)\n"]



=== TEST 6: api.conf: /feed/ never asks, /payments/ always does; both need a valid token to tell of anybody
--- http_config eval
::http_of('api', $::backend)
--- config eval
::server_of('api')
--- request eval
["GET /feed/", "GET /feed/", "GET /payments/", "GET /payments/"]
--- more_headers eval
[$::alice, $::opaque, $::alice, $::session]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n", "alice (backend 3, resolver 1)\n", "nobody (backend 4, resolver 1)\n"]



=== TEST 7: api.conf: a token that ended a second ago is within the leeway, one of a minute ago is not
--- http_config eval
::http_of('api', $::backend)
--- config eval
::server_of('api')
--- request
GET /
--- more_headers eval
$::expired
--- response_body_filters eval
sub { ::verdict($_[0]) . ::in_time(4, sub { ::verdict(::answer_to(::bearer(user => 'alice', lifetime => 30, iat => time - 31))) }) }
--- response_body
invalid (backend 1, resolver 0)
alice (backend 1, resolver 0)



=== TEST 8: cookies.conf: sessions count, bearer tokens do not, and a style sheet asks nothing
--- http_config eval
::http_of('cookies', $::backend)
--- config eval
::server_of('cookies')
--- user_files
>>> static/style.css
body {}
--- request eval
["GET /", "GET /", "GET /", "GET /static/style.css"]
--- more_headers eval
[$::session, $::app, $::alice, $::session]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 2)\n", "nobody (backend 3, resolver 2)\n", "refused (backend 3, resolver 2)\n"]



=== TEST 9: cookies.conf: when Authgear clears a dead cookie, the browser is told
--- http_config eval
::http_of('cookies', $::backend)
--- config eval
::server_of('cookies')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'headers', headers => { 'set-cookie' => 'session=; Path=/; Domain=example.com; Max-Age=0' });
--- request
GET /
--- more_headers eval
"Cookie: $::revoked"
--- response_headers
Set-Cookie: session=; Path=/; Domain=example.com; Max-Age=0
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 1)



=== TEST 10: cookies.conf: without the resolver a visitor is not logged in
--- http_config eval
::http_of('cookies', $::backend)
--- config eval
::server_of('cookies')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request
GET /
--- more_headers eval
$::session
--- response_body_filters eval
\&::verdict
--- response_body
nobody (backend 1, resolver 1)



=== TEST 11: fastcgi.conf: the headers arrive as parameters, forged ones do not
--- http_config eval
::http_of('fastcgi', $::fastcgi)
--- config eval
::server_of('fastcgi')
--- request eval
["GET /app?x=1", "GET /app"]
--- more_headers eval
["$::forged\n$::alice", $::forged]
--- response_body_like eval
['(?s)\AGET /app\?x=1\n(?!.*mallory)(?=.*HTTP_X_AUTHGEAR_USER_ID: alice\n)(?=.*HTTP_X_AUTHGEAR_SESSION_VALID: true\n)(?=.*HTTP_X_AUTHGEAR_USER_ROLES: editor\n)',
 '(?s)\AGET /app\n(?!.*HTTP_X_AUTHGEAR)']



=== TEST 12: grpc.conf: the headers arrive as metadata, forged ones do not
--- http_config eval
::http_of('grpc', $::backend)
--- config eval
::server_of('grpc')
--- request eval
["POST /service/Method HTTP/1.0\n", "POST /service/Method HTTP/1.0\n"]
--- more_headers eval
["Content-Type: application/grpc\n$::forged\n$::alice", "Content-Type: application/grpc\n$::forged"]
--- raw_response_headers_like eval
['(?i)seen-x-authgear-user-id: alice\r\n', '(?i)grpc']
--- raw_response_headers_unlike eval
['mallory', '(?i)seen-x-authgear']



=== TEST 13: grpc.conf: a call that nobody can judge gets 503, which a client takes for UNAVAILABLE
--- http_config eval
::http_of('grpc', $::backend)
--- config eval
::server_of('grpc')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request
POST /service/Method HTTP/1.0
--- more_headers eval
"Content-Type: application/grpc\n$::opaque"
--- error_code: 503
--- response_body_filters eval
\&::heard
--- response_body_like
heard: backend 0, resolver 1, keys [01]



=== TEST 14: websocket.conf: the handshake carries who is calling
--- http_config eval
::http_of('websocket', $::backend)
--- config eval
::server_of('websocket')
--- request
GET /ws
--- more_headers eval
"Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n$::forged\n$::session"
--- error_code: 101
--- response_body_filters eval
\&::handshakes
--- response_body
upgrade: websocket
x-authgear-user-id: alice



=== TEST 15: websocket.conf: a page of another site is refused and costs no question; ours is let in
--- http_config eval
::http_of('websocket', $::backend)
--- config eval
::server_of('websocket')
--- request eval
["GET /ws", "GET /ws"]
--- more_headers eval
[map { "Origin: $_\n$::session" } 'https://evil.example', 'https://www.example.com']
--- error_code eval
[403, 200]
--- response_body_filters eval
\&::verdict
--- response_body_like eval
['refused \(backend 0, resolver 0\)', '\(backend 1, resolver 1\)']



=== TEST 16: self-hosted.conf: keys from the public port, questions at the resolver's own
--- http_config eval
"upstream authgear_resolver { server $ENV{TEST_NGINX_RESOLVER_ADDRESS}; keepalive 16; }
upstream authgear_public { server $ENV{TEST_NGINX_AUTHGEAR_ADDRESS}; keepalive 2; }"
--- config
    authgear_endpoint http://project.authgear.cloud;
    include $TEST_NGINX_ROOT/nginx-conf/self-hosted.conf;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /", "GET /", "GET /"]
--- more_headers eval
[$::alice, $::opaque, $::session]
--- response_body_filters eval
sub { ::verdict($_[0]) . ::listeners() }
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\nresolver /resolve\n", "alice (backend 3, resolver 2)\nresolver /resolve\nresolver /resolve\n"]
