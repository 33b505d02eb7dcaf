# authgear_phase: with preaccess, limit_req, limit_conn and auth_request see who is calling, whatever the credential, and what is required is
# still held in the access phase. The verdict is made once.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Backends;
use Authgear::Suite;

user(id => $_) for qw(alice bob);
user(id => 'boss', roles => ['admin']);
# Of each kind: alice's, then bob's.
our @jwt    = map { bearer(user => $_) } qw(alice bob);
our @opaque = map { bearer(opaque(user => $_)) } qw(alice bob);
our @cookie = map { 'Cookie: ' . session(user => $_, kind => 'session') } qw(alice bob);
our $boss   = bearer(user => 'boss');
our $forged = "X-Authgear-User-Id: mallory";
our $expired = bearer(user => 'alice', lifetime => -60);

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(http_config => <<'HTTP') unless defined $block->http_config;
    map $authgear_user_id $by_user {
        ""      $binary_remote_addr;
        default $authgear_user_id;
    }
    limit_req_zone $by_user zone=rate:1m rate=1r/m;
    limit_conn_zone $http_x_authgear_user_id zone=connections:1m;
    limit_req_status 429;
    limit_conn_status 429;
HTTP
    $block->set_value(request => 'GET /t') unless defined $block->request || defined $block->pipelined_requests;
    $block->set_value(response_body_filters => \&verdict) unless defined $block->response_body_filters;
    $block->set_value(no_error_log => "[alert]\n[crit]\na bug in the module\n") unless defined $block->no_error_log;
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: a rate for each user, by JWT, opaque token and cookie, and for each address without one
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; authgear_phase preaccess; limit_req zone=rate burst=2 nodelay; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[("GET /t") x 9]
--- more_headers eval
[$::jwt[0], $::opaque[0], "$::forged\n$::cookie[0]", $::jwt[0], $::jwt[1], $::forged, '', $::expired, $::expired]
--- error_code eval
[200, 200, 200, 429, 200, 200, 200, 200, 429]
--- response_body eval
["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n", "alice (backend 3, resolver 2)\n", "refused (backend 3, resolver 2)\n",
 "bob (backend 4, resolver 2)\n", "nobody (backend 5, resolver 2)\n", "nobody (backend 6, resolver 2)\n", "invalid (backend 7, resolver 2)\n",
 "refused (backend 7, resolver 2)\n"]



=== TEST 2: with access, the default, limit_req sees nobody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; authgear_phase access; limit_req zone=rate; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[$::jwt[0], $::opaque[1]]
--- error_code eval
[200, 429]
--- response_body eval
["alice (backend 1, resolver 0)\n", "refused (backend 1, resolver 0)\n"]



=== TEST 3: connections are counted by user
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /outer {
        authgear_resolve on;
        authgear_phase preaccess;
        limit_conn connections 1;
        proxy_set_header Authorization $http_x_inner;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/inner;
    }
    location /inner { authgear_resolve on; authgear_phase preaccess; limit_conn connections 1; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[("GET /outer") x 3]
--- more_headers eval
[map { "$::opaque[0]\n" . s/Authorization/X-Inner/r } $::opaque[1], $::jwt[1], $::opaque[0]]
--- error_code eval
[200, 200, 429]
--- response_body eval
["bob (backend 1, resolver 2)\n", "bob (backend 2, resolver 3)\n", "refused (backend 2, resolver 5)\n"]



=== TEST 4: a policy service behind auth_request is told who is calling
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /policy { internal; proxy_pass $TEST_NGINX_BACKEND/policy; proxy_set_header X-User $http_x_authgear_user_id; }
    location / { authgear_resolve on; authgear_phase preaccess; auth_request /policy; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[("GET /t") x 4]
--- more_headers eval
["$::forged\n$::jwt[0]", "$::forged\n$::opaque[0]", $::cookie[1], $::forged]
--- response_body_filters eval
sub { my $told = ::backends(2)->(); Authgear::Suite::reset(); $told }
--- response_body eval
[map { "/policy: $_->[0]\n/t: $_->[0]\nresolver $_->[1]\n" } ['alice', 0], ['alice', 1], ['bob', 1], ['nobody', 0]]



=== TEST 5: what is required is held in the access phase, after the rate and under satisfy
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    authgear_phase preaccess;
    authgear_require role=admin;
    location /all { limit_req zone=rate; proxy_pass $TEST_NGINX_BACKEND; }
    location /any { satisfy any; deny all; proxy_pass $TEST_NGINX_BACKEND; }
    location /either { satisfy any; allow all; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /all", "GET /all", "GET /all", "GET /any", "GET /any", "GET /any", "GET /either"]
--- more_headers eval
[$::jwt[0], $::jwt[0], $::boss, $::opaque[0], $::boss, '', $::opaque[0]]
--- error_code eval
[403, 429, 200, 403, 200, 401, 200]
--- response_body eval
["refused (backend 0, resolver 0)\n", "refused (backend 0, resolver 0)\n", "boss (backend 1, resolver 0)\n", "refused (backend 1, resolver 1)\n",
 "boss (backend 2, resolver 1)\n", "refused (backend 2, resolver 1)\n", "alice (backend 3, resolver 2)\n"]



=== TEST 6: the price: whom deny turns away has cost a question
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location /early { authgear_phase preaccess; deny all; proxy_pass $TEST_NGINX_BACKEND; }
    location /late { deny all; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /late", "GET /early"]
--- more_headers eval
$::opaque[0]
--- error_code eval
[403, 403]
--- response_body eval
["refused (backend 0, resolver 0)\n", "refused (backend 0, resolver 1)\n"]



=== TEST 7: a dry run lets in whom the requirement would refuse, and the rate counts by user
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        authgear_phase preaccess;
        authgear_require role=admin;
        authgear_dry_run on;
        limit_req zone=rate;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[$::opaque[0], $::jwt[0], $::jwt[1]]
--- error_code eval
[200, 429, 200]
--- response_body eval
["alice (backend 1, resolver 1)\n", "refused (backend 1, resolver 1)\n", "bob (backend 2, resolver 1)\n"]



=== TEST 8: no verdict to be had: refused before the policy service is asked, and it says when to try again
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /policy { internal; proxy_pass $TEST_NGINX_BACKEND/policy; }
    location / { authgear_resolve on; authgear_phase preaccess; auth_request /policy; proxy_pass $TEST_NGINX_BACKEND; }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- more_headers eval
"$::forged\n$::opaque[0]"
--- error_code: 503
--- response_headers_like
Retry-After: \d+
--- response_body
refused (backend 0, resolver 1)
--- error_log
authgear: no verdict could be had: resolver_failed



=== TEST 9: under satisfy any that is for the access phase to say: another rule may admit, as nobody
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    authgear_phase preaccess;
    satisfy any;
    location /admitted { allow all; proxy_pass $TEST_NGINX_BACKEND; }
    location /alone { proxy_pass $TEST_NGINX_BACKEND; }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request eval
["GET /admitted", "GET /alone"]
--- more_headers eval
"$::forged\n$::opaque[0]"
--- error_code eval
[200, 503]
--- response_body eval
["nobody (backend 1, resolver 1)\n", "refused (backend 1, resolver 2)\n"]



=== TEST 10: two Authorization headers are refused, and nobody is asked
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /policy { internal; proxy_pass $TEST_NGINX_BACKEND/policy; }
    location / { authgear_resolve on; authgear_phase preaccess; auth_request /policy; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval
"$::forged\n$::opaque[0]\n$::opaque[1]"
--- error_code: 400
--- response_body
refused (backend 0, resolver 0)



=== TEST 11: redirects between the phases keep the verdict, and make it again under other terms
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /early/to/late { authgear_resolve on; authgear_phase preaccess; try_files /none /late; }
    location /early/to/web { authgear_resolve on; authgear_phase preaccess; try_files /none /web; }
    location /early/to/off { authgear_resolve on; authgear_phase preaccess; try_files /none /off; }
    location /late/to/early { authgear_resolve on; try_files /none /early; }
    location /late/to/named { authgear_resolve on; error_page 404 = @early; root /nowhere; }
    location /off/to/early { try_files /none /early; }
    location /early { authgear_resolve on; authgear_phase preaccess; limit_req zone=rate; proxy_pass $TEST_NGINX_BACKEND; }
    location /late { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /web { authgear_resolve on; authgear_phase preaccess; authgear_credentials session; proxy_pass $TEST_NGINX_BACKEND; }
    location /off { authgear_resolve off; authgear_phase preaccess; proxy_pass $TEST_NGINX_BACKEND; }
    location @early { authgear_resolve on; authgear_phase preaccess; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /early/to/late", "GET /early/to/web", "GET /early/to/off", "GET /late/to/early", "GET /late/to/early", "GET /late/to/named", "GET /off/to/early"]
--- more_headers eval
[$::opaque[0], "$::opaque[0]\n$::cookie[1]", $::opaque[0], $::opaque[0], $::opaque[0], $::opaque[0], $::opaque[1]]
--- error_code eval
[200, 200, 200, 200, 429, 200, 200]
--- response_body eval
["alice (backend 1, resolver 1)\n", "bob (backend 2, resolver 3)\n", "nobody (backend 3, resolver 4)\n", "alice (backend 4, resolver 5)\n",
 "refused (backend 4, resolver 6)\n", "alice (backend 5, resolver 7)\n", "bob (backend 6, resolver 8)\n"]



=== TEST 12: each request of a connection has its own caller
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; authgear_phase preaccess; proxy_pass $TEST_NGINX_BACKEND; }
--- pipelined_requests eval
[("GET /t") x 5]
--- more_headers eval
[$::opaque[0], $::forged, $::jwt[1], "$::forged\n$::cookie[0]", $::expired]
--- response_body_filters eval
sub { ::verdict(@_) =~ s/ .*//r }
--- response_body eval
[map {"$_\n"} qw(alice nobody bob alice invalid)]



=== TEST 13: over HTTP/2
--- http2
--- skip_nginx: 6: < 1.25.1
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    add_header Protocol $server_protocol;
    location / { authgear_resolve on; authgear_phase preaccess; limit_req zone=rate; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval
"$::forged\n$::opaque[0]"
--- response_headers
Protocol: HTTP/2.0
--- response_body
alice (backend 1, resolver 1)



=== TEST 14: a subrequest makes no verdict and carries that of its page
--- user_files
>>> page.html
<!--#include virtual="/part" -->
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    default_type text/html;
    authgear_resolve on;
    authgear_phase preaccess;
    location = /page.html { ssi on; root html; }
    location /part { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /page.html
--- more_headers eval
"$::forged\n$::opaque[0]"
--- response_body_filters eval
::backends(1)
--- response_body
/part: alice
resolver 1



=== TEST 15: what comes before the phase sees no forged header
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        authgear_phase preaccess;
        if ($http_x_authgear_user_id) { return 418; }
        limit_req zone=rate;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
["$::forged\n$::jwt[0]", "$::forged\n$::jwt[0]", "$::forged\n$::jwt[1]"]
--- error_code eval
[200, 429, 200]
--- response_body eval
["alice (backend 1, resolver 0)\n", "refused (backend 1, resolver 0)\n", "bob (backend 2, resolver 0)\n"]



=== TEST 16: who is refused for what is required is told of in the log as elsewhere
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; authgear_phase preaccess; authgear_require role=admin; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval
"$::forged\n$::opaque[0]"
--- error_code: 403
--- response_body
refused (backend 0, resolver 1)
--- error_log
authgear: access refused: missing_role



=== TEST 17: and in a dry run
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / {
        authgear_resolve on;
        authgear_phase preaccess;
        authgear_require role=admin;
        authgear_dry_run on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- more_headers eval
"$::forged\n$::opaque[0]"
--- response_body
alice (backend 1, resolver 1)
--- error_log
authgear: access would be refused (dry run): missing_role
