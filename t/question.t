# What reaches Authgear: a question that the module makes, with the credentials that are undecided and nothing else of the client's but its
# User-Agent and address.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::MadeUp;
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
our $opaque  = opaque(user => 'alice');
our $session = session(user => 'alice');
our $host    = $ENV{TEST_NGINX_AUTHGEAR_HOST};

# For `response_body_filters`: every question whole, its headers in alphabetical order.
sub asked {
    return join "\n", map { whole($_) } grep { $_->{target} eq 'resolver' } log_of_authgear();
}

sub fetched {
    return join "\n", map { whole($_) } grep { $_->{target} eq 'jwks' } log_of_authgear();
}

sub whole {
    my ($request) = @_;
    my $headers = join '', sort map {"$_->[0]: $_->[1]\n"} @{ $request->{headers} };
    return hidden("$request->{method} $request->{path}\n${headers}body: $request->{body_length}\n");
}

# The question with these headers beside those that every one has.
sub question {
    my @credentials = sent(@_);
    my @headers = sort @credentials, "host: $host", 'x-forwarded-proto: http', (grep {/^x-forwarded-for:/} @_) ? () : 'x-forwarded-for: 127.0.0.1';
    return join '', map {"$_\n"} 'GET /_resolver/resolve', @headers, 'body: 0';
}

# A request with these lines, whole: 'POST /t', header, ..., '', body.
sub request_of {
    my ($first, @lines) = @_;
    return join "\r\n", "$first HTTP/1.1", 'Host: localhost', 'Connection: close', @lines, '', '';
}

blocks_have(response_body_filters => \&asked);
run_tests();

__DATA__

=== TEST 1: a question about a bearer token
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque")
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 2: a question about a cookie
--- raw_request eval: ::request_of('GET /t', "Cookie: $::session")
--- response_body eval: ::question("cookie: $::session")



=== TEST 3: a question about both
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", "Cookie: theme=dark; $::session; basket=7")
--- response_body eval: ::question("authorization: Bearer $::opaque", "cookie: $::session")



=== TEST 4: the asker's User-Agent goes with it
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'User-Agent: Mozilla/5.0 (X11)')
--- response_body eval: ::question("authorization: Bearer $::opaque", 'user-agent: Mozilla/5.0 (X11)')



=== TEST 5: the asker's X-Forwarded-For goes with it, and the address behind it
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'X-Forwarded-For: 203.0.113.7')
--- response_body eval: ::question("authorization: Bearer $::opaque", 'x-forwarded-for: 203.0.113.7, 127.0.0.1')



=== TEST 6: several X-Forwarded-For go as one
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'X-Forwarded-For: 203.0.113.7', 'X-Forwarded-For: 198.51.100.2')
--- response_body eval: ::question("authorization: Bearer $::opaque", 'x-forwarded-for: 203.0.113.7, 198.51.100.2, 127.0.0.1')



=== TEST 7: Range stays here
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'Range: bytes=0-0')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 8: If-None-Match stays here
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'If-None-Match: "x"')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 9: If-Match stays here
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'If-Match: "x"')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 10: If-Modified-Since stays here
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'If-Modified-Since: Mon, 23 Nov 2026 00:00:00 GMT')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 11: If-Unmodified-Since stays here
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'If-Unmodified-Since: Mon, 23 Nov 2020 00:00:00 GMT')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 12: If-Range stays here
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'If-Range: "x"')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 13: Upgrade stays here
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'Upgrade: websocket', 'Connection: upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 14: nothing else of 25 headers goes out
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'Accept: */*', 'Accept-Encoding: gzip', 'Accept-Language: en', 'Referer: http://app.example/', 'Origin: http://app.example', 'Forwarded: for=203.0.113.7', 'X-Real-IP: 203.0.113.7', 'X-Forwarded-Host: mallory.example', 'X-Forwarded-Proto: https', 'X-Forwarded-Port: 443', 'X-Original-URL: /admin', 'X-HTTP-Method-Override: DELETE', 'Proxy-Authorization: Basic x', 'X-Custom: 1', 'X-Api-Key: secret', 'Via: 1.1 x', 'Max-Forwards: 0', 'TE: trailers', 'Pragma: no-cache', 'Cache-Control: no-cache', 'Date: Mon, 23 Nov 2026 00:00:00 GMT', 'From: a@b.example', 'Content-Language: en', 'X-Authgear-User-Id: mallory', 'X-Authgear-Session-Valid: true')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 15: nothing else of 25 headers before the credential goes out
--- raw_request eval: ::request_of('GET /t', 'Accept: */*', 'Accept-Encoding: gzip', 'Accept-Language: en', 'Referer: http://app.example/', 'Origin: http://app.example', 'Forwarded: for=203.0.113.7', 'X-Real-IP: 203.0.113.7', 'X-Forwarded-Host: mallory.example', 'X-Forwarded-Proto: https', 'X-Forwarded-Port: 443', 'X-Original-URL: /admin', 'X-HTTP-Method-Override: DELETE', 'Proxy-Authorization: Basic x', 'X-Custom: 1', 'X-Api-Key: secret', 'Via: 1.1 x', 'Max-Forwards: 0', 'TE: trailers', 'Pragma: no-cache', 'Cache-Control: no-cache', 'Date: Mon, 23 Nov 2026 00:00:00 GMT', 'From: a@b.example', 'Content-Language: en', 'X-Authgear-User-Id: mallory', 'X-Authgear-Session-Valid: true', "Authorization: Bearer $::opaque")
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 16: the client's Host stays here
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque") =~ s/Host: localhost/Host: mallory.example/r
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 17: path and query stay here
--- raw_request eval: ::request_of('GET /t/secret?token=abc&x=1', "Authorization: Bearer $::opaque")
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 18: HEAD is asked about by GET
--- raw_request eval: ::request_of('HEAD /t', "Authorization: Bearer $::opaque")
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 19: PUT is asked about by GET
--- raw_request eval: ::request_of('PUT /t', "Authorization: Bearer $::opaque", 'Content-Length: 0')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 20: DELETE is asked about by GET
--- raw_request eval: ::request_of('DELETE /t', "Authorization: Bearer $::opaque")
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 21: OPTIONS is asked about by GET
--- raw_request eval: ::request_of('OPTIONS /t', "Authorization: Bearer $::opaque")
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 22: PATCH is asked about by GET
--- raw_request eval: ::request_of('PATCH /t', "Authorization: Bearer $::opaque", 'Content-Length: 0')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 23: PROPFIND is asked about by GET
--- raw_request eval: ::request_of('PROPFIND /t', "Authorization: Bearer $::opaque")
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 24: a body stays here, its length and type too
--- raw_request eval: ::request_of('POST /t', "Authorization: Bearer $::opaque", 'Content-Type: application/json', 'Content-Length: 2', '', '{}')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 25: a chunked body stays here
--- raw_request eval: ::request_of('POST /t', "Authorization: Bearer $::opaque", 'Transfer-Encoding: chunked', '', '3', 'abc', '0')
--- response_body eval: ::question("authorization: Bearer $::opaque")



=== TEST 26: a body of 2 MB reaches the backend, and not Authgear, also where the question's location takes 1 KB
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        client_max_body_size 1k;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        proxy_set_header Connection close;      # nginx's own before 1.29.7
    }
    location = /_auth/jwks {
        internal;
        proxy_pass $authgear_endpoint/oauth2/jwks;
    }
    location /t {
        authgear_resolve on;
        client_max_body_size 3m;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval: "POST /t\n" . 'x' x 2_097_152
--- more_headers eval: "Authorization: Bearer $::opaque"
--- timeout: 10
--- response_body_filters eval: sub { my ($body) = @_; return ::asked() . ($body =~ /^(body-length: .*\n)/m ? "backend's $1" : '') }
--- response_body eval: CORE::join('', map {"$_\n"} 'GET /_resolver/resolve', "authorization: Bearer $::opaque", 'connection: close', 'cookie: session=MADE-UP', "host: $::host", 'x-forwarded-proto: http', 'body: 0') . "backend's body-length: 2097152\n"



=== TEST 27: a location without the shipped one's lines sends the same credentials and nothing more of the client's
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        client_max_body_size 1k;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        proxy_set_header Connection close;      # nginx's own before 1.29.7
    }
    location = /_auth/jwks {
        internal;
        proxy_pass $authgear_endpoint/oauth2/jwks;
    }
    location /t {
        authgear_resolve on;
        client_max_body_size 3m;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- raw_request eval: ::request_of('POST /t', "Authorization: Bearer $::opaque", 'Range: bytes=0-0', 'X-Custom: 1', 'User-Agent: x', 'X-Forwarded-For: 203.0.113.7', 'Content-Length: 2', '', '{}')
--- response_body eval: CORE::join('', map {"$_\n"} 'GET /_resolver/resolve', "authorization: Bearer $::opaque", 'connection: close', 'cookie: session=MADE-UP', "host: $::host", 'user-agent: x', 'x-forwarded-for: 203.0.113.7', 'x-forwarded-proto: http', 'body: 0')



=== TEST 28: Host and X-Forwarded-Proto are the endpoint's, whatever the client came by
--- config
    authgear_endpoint https://Project.Example:8443;
    location = /_auth {
        internal;
        proxy_pass $TEST_NGINX_AUTHGEAR/_resolver/resolve;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $TEST_NGINX_AUTHGEAR/oauth2/jwks; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'X-Forwarded-Proto: http', 'X-Forwarded-Host: mallory.example')
--- response_body eval: CORE::join('', map {"$_\n"} 'GET /_resolver/resolve', "authorization: Bearer $::opaque", 'cookie: session=MADE-UP', 'host: project.example:8443', 'x-forwarded-proto: https', 'body: 0')



=== TEST 29: authgear_resolve_request says where a question goes
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolve_request /_questions;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /_questions {
        internal;
        proxy_pass $TEST_NGINX_AUTHGEAR_RESOLVER/resolve;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque")
--- response_body eval: CORE::join('', map {"$_\n"} 'GET /resolve', "authorization: Bearer $::opaque", 'cookie: session=MADE-UP', "host: $::host", 'x-forwarded-proto: http', 'body: 0')



=== TEST 30: each of two requests is answered by a question of its own
--- request eval: ["GET /t/1", "GET /t/2"]
--- more_headers eval: ["Authorization: Bearer $::opaque\nX-Forwarded-For: 203.0.113.1", "Cookie: $::session\nX-Forwarded-For: 203.0.113.2"]
--- response_body eval: [::question("authorization: Bearer $::opaque", 'x-forwarded-for: 203.0.113.1, 127.0.0.1'), ::question("authorization: Bearer $::opaque", 'x-forwarded-for: 203.0.113.1, 127.0.0.1') . "\n" . ::question("cookie: $::session", 'x-forwarded-for: 203.0.113.2, 127.0.0.1')]



=== TEST 31: behind realip the question has the address that realip found
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval: ::request_of('GET /t', "Authorization: Bearer $::opaque", 'X-Real-IP: 203.0.113.9')
--- response_body eval: ::question("authorization: Bearer $::opaque", 'x-forwarded-for: 203.0.113.9')



=== TEST 32: keys are fetched with nothing of anybody's
--- config
    # Other words than elsewhere in this file: nginx starts anew, and fetches.
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval: ::request_of('POST /t', ::bearer(user => 'alice'), "Cookie: $::session", 'X-Forwarded-For: 203.0.113.7', 'User-Agent: x', 'X-Custom: 1', 'Content-Length: 2', '', '{}')
--- response_body_filters eval: \&::fetched
--- response_body eval: CORE::join('', map {"$_\n"} "GET /oauth2/jwks", "host: $::host", "x-forwarded-proto: http", "body: 0")
