# nginx's list of a request's headers, once forged ones are taken out of it and those of a verdict put in: any number of them, at any place.
#
# A block that looks at every header of a backend's says `Connection: close` itself: nginx does so on its own before 1.29.7, and not since.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

our $user = user(id => 'alice', verified => true, roles => ['editor']);
our $auth_time = time - 60;
our $alice = bearer(user => 'alice', auth_time => $auth_time);
our $claims = <<"END";
x-authgear-session-authenticated-at: $auth_time
x-authgear-session-valid: true
x-authgear-user-anonymous: false
x-authgear-user-can-reauthenticate: true
x-authgear-user-id: alice
x-authgear-user-roles: editor
x-authgear-user-verified: true
END

no_root_location();
run_tests();

__DATA__

=== TEST 1: any number of forged headers before ordinary ones
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    underscores_in_headers on;
    ignore_invalid_headers off;
--- request eval
[map { "GET /t$_" } 1 .. 41]
--- more_headers eval
[map { ::text(::forged($_), map { "Keep-$_: $_\n" } 1 .. 3) } 1 .. 41]
--- response_body_filters eval
\&::ordinary
--- response_body eval
[(::text(map { "keep-$_: $_\n" } 1 .. 3)) x 41]



=== TEST 2: any number of forged headers after ordinary ones, and headers of a verdict behind them
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    underscores_in_headers on;
    ignore_invalid_headers off;
--- request eval
[map { "GET /t$_" } 1 .. 41]
--- more_headers eval
[map { ::text("$::alice\n", (map { "Keep-$_: $_\n" } 1 .. 3), ::forged($_)) } 1 .. 41]
--- response_body_filters eval
\&::sorted_ordinary
--- response_body eval
[(::text((map { "keep-$_: $_\n" } 1 .. 3), $::claims)) x 41]



=== TEST 3: forged headers between ordinary ones, which fill several parts of nginx's list
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    underscores_in_headers on;
    ignore_invalid_headers off;
    large_client_header_buffers 4 16k;
--- request eval
[map { "GET /t$_" } 1 .. 41]
--- more_headers eval
[map { my $n = $_; ::text(map { my $i = $_; "Keep-$i: $i\n", $i % 7 < 3 ? (::forged($n))[$i % $n] : () } 1 .. 45) } 1 .. 41]
--- response_body_filters eval
\&::ordinary
--- response_body eval
[(::text(map { "keep-$_: $_\n" } 1 .. 45)) x 41]



=== TEST 4: nothing but forged headers
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        proxy_set_header Host $proxy_host;
        proxy_set_header Connection close;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- raw_request eval
"GET /t HTTP/1.0\r\n" . ::text(map { "X-Authgear-User-Id: mallory$_\r\n" } 1 .. 41) . "\r\n"
--- response_body eval
"GET /t
host: $ENV{TEST_NGINX_BACKEND_HOST}
connection: close

"



=== TEST 5: names with bytes outside ASCII fold, too
--- http_config
    ignore_invalid_headers off;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    . "X\xffAuthgear\xffUser\xffId: mallory\r\nX\xa0Authgear-User-Id: mallory\r\nX-Authgear-User-Id\xe2\x80\x8b: mallory\r\nX-Authgear-\xc3\xa9: mallory\r\n"
    . "Keep-A\xff: a\r\n\xffX-Authgear-User-Id: b\r\n\r\n"
--- response_body_filters eval
sub { ::text($_[0] =~ /^((?![Hh]ost|connection).*: .*\n)/mg) }
--- response_body eval
"keep-a\xff: a\n\xffx-authgear-user-id: b\n"



=== TEST 6: what nginx knows of the other headers is untouched
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    real_ip_recursive on;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location = /t {
        return 200 "$remote_addr|$http_x_forwarded_for|$http_cookie|$cookie_b|$http_user_agent|$http_referer|$http_host|$http_authorization|$content_length\n";
    }
--- request eval
[map { "POST /t\nbody" } 1 .. 41]
--- more_headers eval
[map { ::text(::forged($_ >> 1), "Cookie: a=1; b=2\nX-Authgear-User-Id: mallory\nX-Forwarded-For: 192.0.2.1, 127.0.0.1\nUser-Agent: curl\nReferer: /r\nHost: localhost\nAuthorization: Basic eA==\n", ::forged($_ - ($_ >> 1))) } 1 .. 41]
--- response_body eval
[("192.0.2.1|192.0.2.1, 127.0.0.1|a=1; b=2|2|curl|/r|localhost|Basic eA==|4\n") x 41]



=== TEST 7: the same after the headers of a verdict were set
--- http_config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
        proxy_set_header Seen "$remote_addr|$http_x_forwarded_for|$http_cookie|$cookie_b|$http_user_agent|$http_host";
    }
--- request eval
[map { "GET /t" } 1 .. 25]
--- more_headers eval
[map { ::text(::forged($_), "$::alice\nCookie: a=1; b=2\nX-Forwarded-For: 192.0.2.1\nUser-Agent: curl\nHost: localhost\n") } 1 .. 25]
--- response_body_like eval
[(qr/^seen: 192\.0\.2\.1\|192\.0\.2\.1\|a=1; b=2\|2\|curl\|localhost$/m) x 25]



=== TEST 8: their names leave the client's Connection header
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
        proxy_set_header Connection $http_connection;
    }
--- request eval
[map { "GET /t" } 1 .. 7]
--- more_headers eval
[map { "$::alice\nConnection: $_" }
    'close, X-Authgear-User-Id', 'X-Authgear-User-Id, close', 'close,x-authgear-user-id,x-authgear-session-valid',
    'close, X_Authgear_User_Id , keep-x', 'close', 'close,  te', "close\nConnection: x-authgear-user-roles"]
--- response_body_filters eval
sub { ::text($_[0] =~ /^(connection: .*\n)/mg, $_[0] =~ /^(x-authgear-user-id: .*\n)/mg) }
--- response_body eval
[map { "connection: $_\nx-authgear-user-id: alice\n" } 'close', 'close', 'close', 'close, keep-x', 'close', 'close,  te', 'close']



=== TEST 9: also in a location without a verdict
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /resolves { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location / { proxy_pass $TEST_NGINX_BACKEND; proxy_set_header Connection $http_connection; }
--- request
GET /t
--- more_headers
Connection: close, x-authgear-user-id
--- response_body_like eval
qr/^connection: close$/m
