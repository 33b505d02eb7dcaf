# authgear_dry_run: nothing of any answer changes: no header, no page, no part.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Backends;
use Authgear::Told;

user(id => 'alice', roles => ['editor']);
our $alice   = bearer(user => 'alice');
our $expired = bearer(user => 'alice', lifetime => -60);
our $opaque  = bearer(opaque(user => 'alice'));
our $would   = 'authgear: access would be refused \(dry run\): ';

no_root_location();
blocks_have(
    response_body_filters => \&verdict,
    config                => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_dry_run on;
    location /t { authgear_resolve on; authgear_require role=admin; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
);
run_tests();

__DATA__

=== TEST 1: the backend's own failure is handed on as it is, without Retry-After
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; authgear_dry_run on; try_files /nowhere =503; }
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'close');
--- request: GET /t
--- more_headers eval: $::opaque
--- error_code: 503
--- raw_response_headers_unlike: Retry-After
--- response_body eval: "refused (backend 0, resolver 1)\n"
--- error_log: authgear: no verdict could be had


=== TEST 2: a part of a page that would be left out is there, and the log says so
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { mirror /part; proxy_pass $TEST_NGINX_BACKEND; }
    location = /part { internal; authgear_resolve on; authgear_require valid; authgear_dry_run on; proxy_pass $TEST_NGINX_BACKEND/part; }
--- request: GET /t
--- response_body_filters eval: ::backends(2)
--- response_body
/part: nobody
/t: nobody
resolver 0
--- error_log eval: qr/${main::would}no_credential/


=== TEST 3: the page for a refusal is never shown
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    error_page 401 403 503 = @page;
    location /t { authgear_resolve on; authgear_require verified; authgear_dry_run on; proxy_pass $TEST_NGINX_BACKEND; }
    location @page { return 200 page; }
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request eval: [("GET /t") x 3]
--- more_headers eval: ['', $::expired, $::opaque]
--- response_body_like eval: ['nobody \(backend 1', 'invalid \(backend 2', 'nobody \(backend 3']


=== TEST 4: and a location that a request is sent on to without a dry run refuses whom nobody could judge
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location /t { authgear_dry_run on; try_files /nowhere /held; }
    location /held { proxy_pass $TEST_NGINX_BACKEND; }
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request: GET /t
--- more_headers eval: $::opaque
--- error_code: 503
--- response_body eval: "refused (backend 0, resolver 1)\n"
--- raw_response_headers_like: Retry-After
