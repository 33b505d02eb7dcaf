# What `nginx -t` refuses and warns of because two things don't go together: two directives of ours, or one of ours and another module's.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;

run_tests();

__DATA__

=== TEST 1: a file of keys and a request for keys in one server
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    include ../html/part.conf;
--- user_files eval
[["keys.json", ::jwks()], ["part.conf", "authgear_jwks_file ../html/keys.json;\n\nauthgear_jwks_request /_auth/jwks;\n"]]
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_request" directive can't stand beside "authgear_jwks_file" of .*part\.conf:1: keys come from one of them in .*part\.conf:3$/]



=== TEST 2: a request for keys and a file of keys in http
--- http_config
    include ../html/part.conf;
--- config
    # Nothing here.
--- user_files eval
[["keys.json", ::jwks()], ["part.conf", "authgear_jwks_request /_auth/jwks;\nauthgear_jwks_file ../html/keys.json;\n"]]
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_file" directive can't stand beside "authgear_jwks_request" of .*part\.conf:1: keys come from one of them in .*part\.conf:2$/]



=== TEST 3: one URI for questions and for keys
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_request /_auth;
authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_request" and "authgear_resolve_request" both lead to "\/_auth": keys and answers come from different places in .*part\.conf:2$/]



=== TEST 4: one URI for both, written in http for questions
--- http_config
    include ../html/part.conf;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
--- user_files
>>> part.conf
authgear_resolve_request /_auth/jwks;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_request" and "authgear_resolve_request" both lead to "\/_auth\/jwks": .* in .*part\.conf:1$/]



=== TEST 5: taken: one URI where nobody is asked
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve_request /_auth/jwks;
    location /t { authgear_resolve local; return 204; }
--- request
GET /t
--- error_code: 204
--- no_error_log
[emerg]
[warn]



=== TEST 6: a leeway of more than an hour
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_leeway 3601s;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "3601s" in "authgear_leeway" directive, it is for clocks that differ a little: an hour at most in .*part\.conf:2$/]



=== TEST 7: warned: a leeway of more than five minutes, an hour at most
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_leeway 301s;
location /t { authgear_leeway 1h; }
--- request
GET /
--- error_log eval
[qr/\[warn\] .*"authgear_leeway" of 6 minutes is long: a token counts that much longer than Authgear says in .*part\.conf:1$/,
 qr/\[warn\] .*"authgear_leeway" of 60 minutes is long: .* in .*part\.conf:2$/]



=== TEST 8: taken: a leeway of five minutes
--- config
    authgear_leeway 5m;
--- request
GET /
--- no_error_log
[emerg]
[warn]



=== TEST 9: warned: authgear_resolve where only auth_request asks
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t { auth_request /check; return 204; }
location = /check {
    internal;
    authgear_resolve local;
    return 204;
}
--- request
GET /
--- error_log eval
[qr/\[warn\] .*"authgear_resolve" never runs for a subrequest, and "auth_request" of this server asks its location "\/check" by one: write it where "auth_request" stands in .*part\.conf:4$/]



=== TEST 10: warned: authgear_resolve where only mirror asks, in a prefix and in an exact location
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    include ../html/part.conf;
--- user_files
>>> part.conf
mirror /copies/one;
mirror /copy;
location /copies/ {
    internal;
    authgear_resolve remote;
    return 204;
}
location = /copy { authgear_resolve on; return 204; }
--- request
GET /
--- error_log eval
[qr/\[warn\] .*"authgear_resolve" never runs for a subrequest, and "mirror" of this server asks its location "\/copies\/" by one: .* in .*part\.conf:5$/,
 qr/\[warn\] .*"authgear_resolve" never runs for a subrequest, and "mirror" of this server asks its location "\/copy" by one: .* in .*part\.conf:8$/]



=== TEST 11: taken: authgear_resolve of the server, and of locations that clients ask, where subrequests go too
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location = /check { internal; return 204; }
    location = /off { internal; authgear_resolve off; return 204; }
    location = /unasked { internal; authgear_resolve on; return 204; }
    location /t { authgear_resolve local; mirror /t/anything; return 204; }
    location /one { auth_request /check; return 204; }
    location /two { auth_request /off; return 204; }
--- request
GET /t
--- error_code: 204
--- no_error_log
[emerg]
[warn]



=== TEST 12: warned: headers of ours that are left over from the recipe with auth_request
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
    set $x_authgear_user_id "";
    authgear_resolve on;
    proxy_pass http://127.0.0.1:2;
    proxy_set_header Host $host;
    proxy_set_header x-authgear-session-valid $x_authgear_user_id;
    proxy_set_header X-Authgear-User-Id $x_authgear_user_id;
}
--- request
GET /
--- error_log eval
[qr/\[warn\] .*"proxy_set_header" of "x-authgear-session-valid", "X-Authgear-User-Id" in the location "\/t" hides what "authgear_resolve" sets: leave it out; resolving is on in .*part\.conf:3$/]



=== TEST 13: warned: such a header of the server, inherited, in another spelling, and one for gRPC
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    include ../html/part.conf;
--- user_files
>>> part.conf
proxy_set_header X_Authgear_User.Id "";
location /t {
    proxy_pass http://127.0.0.1:2;
    authgear_resolve on;
}
location /grpc {
    authgear_resolve remote;
    grpc_set_header x-authgear-user-id nobody;
    grpc_pass 127.0.0.1:2;
}
--- request
GET /
--- error_log eval
[qr/\[warn\] .*"proxy_set_header" of "X_Authgear_User.Id" in the location "\/t" hides .* in .*part\.conf:4$/,
 qr/\[warn\] .*"grpc_set_header" of "x-authgear-user-id" in the location "\/grpc" hides .* in .*part\.conf:7$/]



=== TEST 14: taken: where resolving is off, where ours are passed on as they are, and where a location has headers of its own
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    proxy_set_header x-authgear-user-id "";
    location /t { authgear_resolve on; proxy_set_header Host $host; proxy_pass $TEST_NGINX_BACKEND; }
    location /same {
        authgear_resolve on;
        proxy_set_header x-authgear-user-id $http_x_authgear_user_id;
        proxy_set_header x-authgearuser $host;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /off { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- no_error_log
[emerg]
[warn]



=== TEST 15: taken: auth_request of something else where authgear_resolve is on
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /check { internal; return 204; }
    location /t { auth_request /check; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /questions { auth_request /_auth; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- no_error_log
[emerg]
[warn]
