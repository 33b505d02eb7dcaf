# Who else guards a location: the other access rules come first, so that whoever is turned away by them asks nothing, and what runs beside a
# request (auth_request, mirror, SSI, post_action) carries the same identity or none.

use Test::Nginx::Socket 'no_plan';
use Authgear::Suite;
use Authgear::Echo;

user(id => 'alice');
our $local = bearer(user => 'alice');
our $remote = bearer(opaque(user => 'alice'));
our $cookie = 'Cookie: ' . session(kind => 'app_session', user => 'alice');

# For `response_body_filters`: which paths the backend heard of, for whom.
sub backend_heard {
    my $text = '';
    for my $entry (log_of_backend()) {
        my %ours = map { @$_ } grep { $_->[0] =~ /^x.authgear/i } @{ $entry->{headers} };
        $text .= "$entry->{path} " . ($ours{'x-authgear-user-id'} // (%ours ? 'not valid' : 'nobody')) . "\n";
    }
    return $text;
}

no_root_location();
run_tests();

__DATA__

=== TEST 1: a denied client asks nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { deny all; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::local, $::remote]
--- error_code eval
[403, 403]
--- response_body_filters eval
\&::verdict
--- response_body eval
[("refused (backend 0, resolver 0)\n") x 2]



=== TEST 2: also with remote, where the resolver is never asked for keys
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { deny all; authgear_resolve remote; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::remote
--- error_code: 403
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 0)
--- error_log
access forbidden by rule



=== TEST 3: a wrong password asks nothing, the right one goes on to the verdict
--- user_files
>>> users
ann:{PLAIN}secret
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        auth_basic realm;
        auth_basic_user_file ../html/users;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::cookie, "$::cookie\nAuthorization: Basic YW5uOndyb25n", "$::cookie\nAuthorization: Basic YW5uOnNlY3JldA=="]
--- error_code eval
[401, 401, 200]
--- response_body_filters eval
\&::verdict
--- response_body eval
["refused (backend 0, resolver 0)\n", "refused (backend 0, resolver 0)\n", "alice (backend 1, resolver 1)\n"]



=== TEST 4: the password is never sent to the resolver
--- user_files
>>> users
ann:{PLAIN}secret
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        auth_basic realm;
        auth_basic_user_file ../html/users;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
"$::cookie\nAuthorization: Basic YW5uOnNlY3JldA=="
--- response_body_filters eval
\&::questions
--- response_body_unlike eval
qr/authorization|basic|YW5u/i



=== TEST 5: who is turned away by auth_request asks nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /check { internal; return 403; }
    location / { auth_request /check; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::remote
--- error_code: 403
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 0)



=== TEST 6: auth_request sees no forged header and no verdict, the backend sees the verdict
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /check { internal; proxy_pass $TEST_NGINX_BACKEND/check; }
    location / { auth_request /check; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
\&::backend_heard
--- response_body
/check nobody
/t alice



=== TEST 7: the access rules of limit_except come first, too
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        limit_except GET { deny all; }
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["POST /t", "GET /t"]
--- more_headers eval
$::remote
--- error_code eval
[403, 200]
--- response_body_filters eval
\&::verdict
--- response_body eval
["refused (backend 0, resolver 0)\n", "alice (backend 1, resolver 1)\n"]



=== TEST 8: inside limit_except the location's verdict is made as outside
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        limit_except GET { allow all; }
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["POST /t", "GET /t"]
--- more_headers eval
["$::local\nX-Authgear-User-Id: mallory", "X-Authgear-User-Id: mallory"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n"]



=== TEST 9: satisfy any: a wrong password is turned away, unasked
--- user_files
>>> users
ann:{PLAIN}secret
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        satisfy any;
        deny all;
        auth_basic realm;
        auth_basic_user_file ../html/users;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["$::cookie\nAuthorization: Basic YW5uOndyb25n", "$::cookie\nAuthorization: Basic YW5uOnNlY3JldA=="]
--- error_code eval
[401, 200]
--- response_body_filters eval
\&::verdict
--- response_body eval
["refused (backend 0, resolver 0)\n", "alice (backend 1, resolver 1)\n"]



=== TEST 10: satisfy any: a session by itself admits nobody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        satisfy any;
        deny all;
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::local, $::remote]
--- error_code eval
[403, 403]
--- response_body_filters eval
\&::verdict
--- response_body eval
[("refused (backend 0, resolver 0)\n") x 2]



=== TEST 11: satisfy any without another rule is a location like any other
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { satisfy any; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::local, $::remote, 'X-Authgear-User-Id: mallory']
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n", "nobody (backend 3, resolver 1)\n"]



=== TEST 12: satisfy any: no verdict to be had, and no other rule has admitted
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { satisfy any; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request
GET /t
--- more_headers eval
$::remote
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 1)
--- error_log
authgear: no verdict could be had



=== TEST 13: satisfy any: two Authorization headers where another rule has admitted pass for nobody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { satisfy any; allow all; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::local\n$::remote"
--- error_code_like: ^(?:200|400)$
--- response_body_filters eval
\&::verdict
--- response_body_unlike
alice|mallory



=== TEST 14: return answers before any access rule, and asks nothing
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; return 200 "returned\n"; }
--- request
GET /t
--- more_headers eval
$::remote
--- response_body_filters eval
\&::heard
--- response_body_like
^returned
heard: backend 0, resolver 0, keys \d



=== TEST 15: a request over its rate asks nothing
--- http_config
    limit_req_zone all zone=all:1m rate=1r/m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { limit_req zone=all; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
$::remote
--- error_code eval
[200, 503]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "refused (backend 1, resolver 1)\n"]



=== TEST 16: a delayed request gets its verdict after the delay
--- http_config
    limit_req_zone all zone=all:1m rate=5r/s;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { limit_req zone=all burst=5; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
\&::verdict
--- response_body eval
[map { "alice (backend $_, resolver $_)\n" } 1 .. 3]



=== TEST 17: a body that is too large is refused unasked
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { client_max_body_size 10; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
POST /t
more than ten bytes
--- more_headers eval
$::remote
--- error_code: 413
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 0)
--- error_log
client intended to send too large body



=== TEST 18: a mirror of a request carries its identity
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /mirror { internal; proxy_pass $TEST_NGINX_BACKEND/mirror; }
    location / { mirror /mirror; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND/slow/200; }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_like
^/mirror alice
/slow/200\S* alice
--- response_body_filters eval
sub { ::text(sort { $a cmp $b } ::backend_heard() =~ /(.*\n)/g) }



=== TEST 19: so it does where another rule has admitted under satisfy any
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /mirror { internal; proxy_pass $TEST_NGINX_BACKEND/mirror; }
    location / { satisfy any; allow all; mirror /mirror; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND/slow/200; }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
sub { ::text(sort { $a cmp $b } ::backend_heard() =~ /(.*\n)/g) }
--- response_body_like
^/mirror alice
/slow/200\S* alice



=== TEST 20: an SSI subrequest carries the identity of its page, and asks nothing of its own
--- user_files
>>> page.html
<!--#include virtual="/part" --><!--#include virtual="/resolving/part" -->
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    default_type text/html;
    location = /page.html { ssi on; authgear_resolve on; root html; }
    location /part { proxy_pass $TEST_NGINX_BACKEND; }
    location /resolving { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /page.html
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
sub { ::text(sort { $a cmp $b } ::backend_heard() =~ /(.*\n)/g) . ::heard('') }
--- response_body_like
^/part alice
/resolving/part alice
heard: backend 2, resolver 1, keys \d



=== TEST 21: an SSI subrequest of a page without a verdict has nobody's identity
--- user_files
>>> page.html
<!--#include virtual="/resolving/part" -->
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    default_type text/html;
    location = /page.html { ssi on; root html; }
    location /resolving { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /page.html
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
sub { ::backend_heard() . ::heard('') }
--- response_body_like
^/resolving/part nobody
heard: backend 1, resolver 0, keys \d



=== TEST 22: post_action carries the identity
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /after { internal; proxy_pass $TEST_NGINX_BACKEND/after; }
    location / { post_action /after; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["X-Authgear-User-Id: mallory\n$::remote", "X-Authgear-User-Id: mallory"]
--- response_body_filters eval
sub { select undef, undef, undef, 0.3; ::backend_heard() }
--- response_body eval
["/t alice\n/after alice\n", "/t alice\n/after alice\n/t nobody\n/after nobody\n"]
