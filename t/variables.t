# $authgear_endpoint, $authgear_endpoint_host and $authgear_endpoint_scheme: what they hold, and where they can be used.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;

run_tests();

__DATA__

=== TEST 1: the endpoint, its host with the port, and its scheme
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /t { return 200 "$authgear_endpoint|$authgear_endpoint_host|$authgear_endpoint_scheme\n"; }
--- request
GET /t
--- response_body eval
"$ENV{TEST_NGINX_AUTHGEAR}|$ENV{TEST_NGINX_AUTHGEAR_HOST}|http\n"



=== TEST 2: a default port is left out, and the case of scheme and host is folded
--- config
    authgear_endpoint HTTPS://Project.Authgear.Cloud:443/;
    location = /t { return 200 "$authgear_endpoint|$authgear_endpoint_host|$authgear_endpoint_scheme\n"; }
--- request
GET /t
--- response_body
https://project.authgear.cloud|project.authgear.cloud|https



=== TEST 3: another port than the default stays, also that of the other scheme
--- config
    authgear_endpoint https://project.authgear.cloud:80;
    location = /t { return 200 "$authgear_endpoint|$authgear_endpoint_host|$authgear_endpoint_scheme\n"; }
--- request
GET /t
--- response_body
https://project.authgear.cloud:80|project.authgear.cloud:80|https



=== TEST 4: all are empty where no endpoint is
--- config
    location = /t { return 200 "[$authgear_endpoint$authgear_endpoint_host$authgear_endpoint_scheme]\n"; }
--- request
GET /t
--- response_body
[]



=== TEST 5: each server has its own, and inherits that of http
--- http_config
    authgear_endpoint https://outer.example;
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        location = /t { return 200 "$authgear_endpoint\n"; }
    }
--- config
    authgear_endpoint https://inner.example;
    location = /t { return 200 "$authgear_endpoint\n"; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["Host: second", "Host: localhost"]
--- response_body eval
["https://outer.example\n", "https://inner.example\n"]



=== TEST 6: they work in map, in proxy_pass and in an access log
--- http_config
    map $authgear_endpoint_host $mapped { default other; ~^127 loopback; }
    log_format endpoint "logged $authgear_endpoint $mapped";
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /t {
        access_log logs/access.log endpoint;
        add_header X-Mapped $mapped;
        proxy_pass $authgear_endpoint/.well-known/openid-configuration;
        proxy_set_header Host $authgear_endpoint_host;
    }
--- request
GET /t
--- response_headers
X-Mapped: loopback
--- response_body_like: "jwks_uri"
--- access_log eval
"logged $ENV{TEST_NGINX_AUTHGEAR} loopback"
