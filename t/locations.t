# Which location's word counts: nested, regular and exact locations, `if` and limit_except, rewrites and aliases. The verdict is that of the
# location which answers, and what a request passed through on its way leaves no trace.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

user(id => 'alice');
our $local = bearer(user => 'alice');
our $remote = bearer(opaque(user => 'alice'));
our $both = "$local\nCookie: " . session(kind => 'app_session', user => user(id => 'bob'));
our $forged = "X-Authgear-User-Id: mallory\n";

no_root_location();
run_tests();

__DATA__

=== TEST 1: a nested location takes what the outer one says, unless it says otherwise
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
        location /a/ {
            proxy_pass $TEST_NGINX_BACKEND;
            location /a/b/ {
                authgear_resolve off;
                proxy_pass $TEST_NGINX_BACKEND;
                location /a/b/c/ { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
            }
        }
    }
--- request eval
["GET /", "GET /a/", "GET /a/b/", "GET /a/b/c/"]
--- more_headers eval
$::forged . $::remote
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 2)\n", "nobody (backend 3, resolver 2)\n", "invalid (backend 4, resolver 2)\n"]



=== TEST 2: each of a nested location's directives is taken by itself
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        authgear_credentials app_session;
        authgear_audience https://other.example;
        proxy_pass $TEST_NGINX_BACKEND;
        location /bearer { authgear_credentials bearer; proxy_pass $TEST_NGINX_BACKEND; }
        location /both { authgear_credentials bearer; authgear_audience $TEST_NGINX_AUTHGEAR; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- request eval
["GET /", "GET /bearer", "GET /both"]
--- more_headers eval
$::both
--- response_body_filters eval
\&::verdict
--- response_body eval
["bob (backend 1, resolver 1)\n", "invalid (backend 2, resolver 1)\n", "alice (backend 3, resolver 1)\n"]



=== TEST 3: a regular expression's location, found inside and outside
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve off;
    location / {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
        location ~ \.in$ { proxy_pass $TEST_NGINX_BACKEND; }
    }
    location ~ \.out$ { proxy_pass $TEST_NGINX_BACKEND; }
    location = /exact.in { proxy_pass $TEST_NGINX_BACKEND; }
    location ^~ /prefix/ { proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /x.in", "GET /x.out", "GET /exact.in", "GET /prefix/x.in"]
--- more_headers eval
$::forged . $::local
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n", "nobody (backend 3, resolver 0)\n", "nobody (backend 4, resolver 0)\n"]



=== TEST 4: the location is found by the decoded and merged URI
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { proxy_pass $TEST_NGINX_BACKEND; }
    location /admin/ { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /%61dmin/x", "GET //admin//x", "GET /open/../admin/x", "GET /admin/../open", "GET /admin;x"]
--- more_headers eval
$::forged . $::local
--- response_body_filters eval
sub { ::verdict(@_) =~ s/ .*//r }
--- response_body eval
["alice\n", "alice\n", "alice\n", "nobody\n", "nobody\n"]



=== TEST 5: if inside a location changes nothing of its verdict
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        authgear_credentials bearer;
        if ($arg_set) { set $x 1; }
        if ($arg_pass) { proxy_pass $TEST_NGINX_BACKEND; }
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /", "GET /?set=1", "GET /?pass=1", "GET /?pass=1", "GET /?pass=1"]
--- more_headers eval
[(map { $::forged . $_ } $::local, $::local, $::local, $::remote), $::forged]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n", "alice (backend 3, resolver 0)\n", "alice (backend 4, resolver 1)\n", "nobody (backend 5, resolver 1)\n"]



=== TEST 6: nor does if inside a location whose word is off
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location / { authgear_resolve off; if ($arg_pass) { proxy_pass $TEST_NGINX_BACKEND; } proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /?pass=1
--- more_headers eval
$::forged . $::local
--- response_body_filters eval
\&::verdict
--- response_body
nobody (backend 1, resolver 0)



=== TEST 7: limit_except, with the pass inside
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        limit_except GET { proxy_pass $TEST_NGINX_BACKEND; }
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "DELETE /t"]
--- more_headers eval
$::forged . $::remote
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 2)\n"]



=== TEST 8: a rewrite: the location that it leads to makes the verdict
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /to-on { rewrite ^ /on last; }
    location /to-off { authgear_resolve on; rewrite ^ /off last; }
    location /stays { authgear_resolve on; rewrite ^ /off break; proxy_pass $TEST_NGINX_BACKEND; }
    location /on { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /off { authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /to-on", "GET /to-off", "GET /stays"]
--- more_headers eval
$::forged . $::remote
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "nobody (backend 2, resolver 1)\n", "alice (backend 3, resolver 2)\n"]



=== TEST 9: a location in http, by a server that says nothing
--- http_config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolve on;
--- config
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::forged . $::remote
--- response_body_filters eval
\&::verdict
--- response_body
alice (backend 1, resolver 1)



=== TEST 10: the server is that of the Host, not the first
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        include $TEST_NGINX_AUTHGEAR_CONF;
        location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET http://second/t"]
--- more_headers eval
[map { "$_\n$::remote" } 'Host: second', 'Host: localhost', 'Host: SECOND:80', 'Host: localhost']
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "invalid (backend 2, resolver 1)\n", "alice (backend 3, resolver 2)\n", "alice (backend 4, resolver 3)\n"]



=== TEST 11: static files, by root and by alias
--- user_files
>>> on/file.txt
a file
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location /on/ { root html; }
    location /alias/ { alias html/on/; }
--- request eval
["GET /on/file.txt", "GET /alias/file.txt", "GET /alias/file.txt", "HEAD /on/file.txt"]
--- more_headers eval
[$::local, $::remote, '', $::remote]
--- response_body eval
["a file\n", "a file\n", "a file\n", ""]



=== TEST 12: a static file of a location without a verdict to be had
--- user_files
>>> on/file.txt
a file
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /on/ { authgear_resolve on; root html; }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'close');
--- request eval
["GET /on/file.txt", "GET /on/file.txt", "GET /on/file.txt"]
--- more_headers eval
[$::local, $::remote, '']
--- error_code eval
[200, 503, 200]
--- response_body_like eval
[qr/^a file$/, qr/503/, qr/^a file$/]



=== TEST 13: the internal locations are nobody's door
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /_auth", "GET /_auth/jwks", "POST /_auth"]
--- more_headers eval
$::remote
--- error_code eval
[404, 404, 404]
--- response_body_filters eval
\&::verdict
--- response_body eval
[("refused (backend 0, resolver 0)\n") x 3]



=== TEST 14: an index file's internal redirect keeps the verdict
--- user_files
>>> dir/index.php
x
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; root html; index index.php; }
    location ~ \.php$ { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /dir/
--- more_headers eval
$::forged . $::remote
--- response_body_filters eval
\&::verdict
--- response_body
alice (backend 1, resolver 1)
