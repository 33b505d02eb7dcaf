# Servers of one endpoint of which only some have the two internal locations: the others ask through theirs, and share what is known.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;

user(id => 'alice');
our $alice   = bearer(user => 'alice');
our $session = session(user => 'alice', kind => 'session');

run_tests();

__DATA__

=== TEST 1: a server without the locations asks through those of another, for keys and for answers
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Host: second\n$::alice", "Host: second\nCookie: $::session"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n"]
--- no_error_log
[emerg]
[warn]



=== TEST 2: at level info the log names whose locations they are, the first in the file's, and both places
--- http_config
    include ../html/part.conf;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location /t { authgear_resolve on; return 204; }
--- user_files eval
[["part.conf", <<"END"]]
authgear_endpoint $ENV{TEST_NGINX_AUTHGEAR};
server { listen 127.0.0.1:1; authgear_endpoint http://127.0.0.1:1; include $ENV{TEST_NGINX_AUTHGEAR_CONF}; }
server { listen 127.0.0.1:1; server_name keys; location = /_auth/jwks { internal; return 204; } }
server { listen 127.0.0.1:1; server_name both; include $ENV{TEST_NGINX_AUTHGEAR_CONF}; }
server { listen 127.0.0.1:1; server_name later; include $ENV{TEST_NGINX_AUTHGEAR_CONF}; }
END
--- request
GET /t
--- error_code: 204
--- error_log eval
[qr/\[info\] .*authgear: the server at .*nginx\.conf:\d+ has no "location = \/_auth\/jwks": it uses that of the server at .*part\.conf:3$/,
 qr/\[info\] .*authgear: the server at .*nginx\.conf:\d+ has no "location = \/_auth": it uses that of the server at .*part\.conf:4$/]



=== TEST 3: an answer that one of them remembers is the other's too, for as long as either may use it
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        location /t { authgear_resolve on; authgear_cache_valid 60s; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Cookie: $::session", "Host: second\nCookie: $::session", "Cookie: $::session"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 1)\n", "alice (backend 3, resolver 2)\n"]



=== TEST 4: servers with locations of their own stay apart
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        include $TEST_NGINX_AUTHGEAR_CONF;
        location /t { authgear_resolve on; authgear_cache_valid 60s; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; authgear_cache_valid 60s; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["Cookie: $::session", "Host: second\nCookie: $::session", "Cookie: $::session"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 2)\n", "alice (backend 3, resolver 2)\n"]
--- no_error_log
it uses that of



=== TEST 5: what each server accepts stays its own
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        authgear_issuer https://elsewhere.example;
        authgear_cookie_prefix other_;
        location /t { authgear_resolve on; authgear_cache_valid 60s; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; authgear_cache_valid 60s; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::alice, "Host: second\n$::alice", "Cookie: $::session", "Host: second\nCookie: $::session"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n", "alice (backend 3, resolver 1)\n", "nobody (backend 4, resolver 1)\n"]



=== TEST 6: the location of another server whose endpoint is another one is not used
--- http_config
    server {
        listen 127.0.0.1:1;
        authgear_endpoint http://127.0.0.1:1;
        include $TEST_NGINX_AUTHGEAR_CONF;
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_jwks_request", by default "\/_auth\/jwks", but neither the server at .*nginx\.conf:\d+ nor another one of this endpoint has an internal "location = \/_auth\/jwks": write it, or include authgear\.conf in .*part\.conf:1$/]



=== TEST 7: nor one under another URI, nor one that is not internal
--- http_config
    server {
        listen 127.0.0.1:1;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        authgear_resolve_request /ask;
        location = /ask { internal; return 204; }
        location = /_auth { internal; return 204; }
    }
    server {
        listen 127.0.0.1:1;
        server_name public;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        location = /_auth { return 204; }
        location = /_auth/jwks { internal; return 204; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_resolve_request", by default "\/_auth", but neither the server at .*nginx\.conf:\d+ nor another one of this endpoint has an internal "location = \/_auth": .* in .*part\.conf:1$/]



=== TEST 8: nor that of a server whose keys come from a file
--- http_config
    server {
        listen 127.0.0.1:1;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        authgear_jwks_file ../html/keys.json;
        include $TEST_NGINX_AUTHGEAR_CONF;
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolve local;
--- user_files eval
[["keys.json", ::jwks()]]
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_jwks_request", by default "\/_auth\/jwks", but neither the server at .*nginx\.conf:\d+ nor another one/]



=== TEST 9: a location of one's own that clients reach is refused, whoever else has a good one
--- http_config
    server {
        listen 127.0.0.1:1;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        include $TEST_NGINX_AUTHGEAR_CONF;
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth { return 204; }
    authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_resolve_request", by default "\/_auth", but that location of the server at .*nginx\.conf:\d+ is not internal/]



=== TEST 10: the locations of a default server that answers nothing are enough, in http's endpoint
--- http_config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    server { listen 127.0.0.1:1; include $TEST_NGINX_AUTHGEAR_CONF; return 444; }
--- config
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::alice, "Cookie: $::session"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n"]
