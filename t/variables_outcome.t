# What became of a request, in variables: the result and its reason, who vouched for the caller, and how long that took.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Variables;

user(id => 'alice', roles => ['admin']);
our $token   = bearer(user => 'alice');
our $opaque  = bearer(opaque(user => 'alice'));
our $cookie  = 'Cookie: ' . session(user => 'alice');
our $ended   = 'Cookie: session=' . '0' x 8;
our $worn    = bearer(user => 'alice', lifetime => -10);
our $forged  = bearer(user => 'alice', tamper => 'signature');
our $machine = bearer(machine_token(resource => $ENV{TEST_NGINX_AUTHGEAR}));
our $nobody  = 'X-Nothing: here';
our $outage  = sub { fault(target => 'resolver', kind => 'status', status => 500) };

shows('$authgear_result|$authgear_reason|$authgear_source');
no_root_location();
run_tests();

__DATA__

=== TEST 1: where nothing is required everybody passes, and a credential that is worth nothing has its reason
--- more_headers eval
[$::token, $::token, $::opaque, $::cookie, $::ended, $::worn, $::forged, $::machine, $::nobody]
--- shown eval
["PASSED||token", "PASSED||token_cache", "PASSED||resolver", "PASSED||resolver", "PASSED|resolver_said_no|", "PASSED|expired|",
    "PASSED|bad_signature|", "PASSED|machine_token|", "PASSED||"]



=== TEST 2: an answer that is remembered has another source than the first
--- further
authgear_cache_valid 1m;
--- more_headers eval
[$::cookie, $::cookie]
--- shown eval
["PASSED||resolver", "PASSED||resolver_cache"]



=== TEST 3: who may not enter is rejected, with the reason
--- further
authgear_require role=admin|owner verified;
--- more_headers eval
[$::token, $::cookie, $::worn, $::nobody]
--- error_code eval
[403, 403, 401, 401]
--- shown eval
[qr/REJECTED\|not_verified\|token(?:_cache)?/, "REJECTED|not_verified|resolver", "REJECTED|expired|", "REJECTED|no_credential|"]



=== TEST 4: who may enter has passed
--- further
authgear_require role=admin;
--- more_headers eval
[$::token, $::cookie]
--- shown eval
[qr/PASSED\|\|token(?:_cache)?/, "PASSED||resolver"]



=== TEST 5: a dry run says what it would have done, and lets everybody in
--- further
authgear_require verified;
authgear_dry_run on;
--- more_headers eval
[$::token, $::cookie, $::worn, $::nobody]
--- shown eval
[qr/REJECTED_DRY_RUN\|not_verified\|token(?:_cache)?/, "REJECTED_DRY_RUN|not_verified|resolver", "REJECTED_DRY_RUN|expired|",
    "REJECTED_DRY_RUN|no_credential|"]



=== TEST 6: and of who may enter the same as without one
--- further
authgear_require valid;
authgear_dry_run on;
--- more_headers eval
[$::token]
--- shown eval
[qr/PASSED\|\|token(?:_cache)?/]



=== TEST 7: a machine that is admitted has passed; its token is its source
--- further
authgear_require machine;
--- more_headers eval
[$::machine, $::token]
--- error_code eval
[200, 403]
--- shown eval
["PASSED||token", qr/REJECTED\|not_a_machine\|token(?:_cache)?/]



=== TEST 8: a preflight passes
--- further
authgear_require valid;
authgear_preflight on;
--- request eval
["OPTIONS /t", "GET /t"]
--- more_headers eval
["Origin: https://other.example\nAccess-Control-Request-Method: PUT", $::nobody]
--- error_code eval
[200, 401]
--- shown eval
["PASSED||", "REJECTED|no_credential|"]



=== TEST 9: no verdict could be had
--- init: $::outage->()
--- more_headers eval
[$::opaque, $::token, $::nobody]
--- error_code eval
[503, 200, 200]
--- shown eval
["UNAVAILABLE|resolver_failed|unavailable", qr/PASSED\|\|token(?:_cache)?/, "PASSED||"]



=== TEST 10: and who passes all the same has passed, with the reason
--- init: $::outage->()
--- further
authgear_unavailable pass;
--- more_headers eval
[$::opaque]
--- shown eval
["PASSED|resolver_failed|unavailable"]



=== TEST 11: a dry run lets in whom it cannot judge, and says so
--- init: $::outage->()
--- further
authgear_require valid;
authgear_dry_run on;
--- more_headers eval
[$::opaque]
--- shown eval
["UNAVAILABLE_DRY_RUN|resolver_failed|unavailable"]



=== TEST 12: two Authorization headers, where nginx itself does not refuse them
--- more_headers eval
["$::token\n$::opaque"]
--- error_code eval
[400]
--- shown eval
[qr/REJECTED\|two_authorizations\||\|\|/]



=== TEST 13: where nobody is looked at there is nothing
--- resolve: off
--- more_headers eval
[$::token, $::nobody]
--- shown eval
["||", "||"]



=== TEST 14: whom another module turned away nobody has looked at
--- further
deny all;
--- more_headers eval
[$::token, $::nobody]
--- error_code eval
[403, 403]
--- shown eval
["||", "||"]



=== TEST 15: under satisfy any, whoever is let in has passed, by whichever rule
--- further
satisfy any;
allow 127.0.0.1;
authgear_require verified;
--- more_headers eval
[$::token, $::nobody]
--- shown eval
[qr/PASSED\|\|token(?:_cache)?/, "PASSED||"]



=== TEST 16: and who is not is rejected
--- further
satisfy any;
deny all;
authgear_require verified;
--- more_headers eval
[$::token, $::nobody]
--- error_code eval
[403, 401]
--- shown eval
[qr/REJECTED\|not_verified\|token(?:_cache)?/, "REJECTED|no_credential|"]



=== TEST 17: the time is what a request has waited for the resolver; nothing where it has not waited
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 120)
--- show: $authgear_time
--- more_headers eval
[$::opaque, $::token, $::nobody]
--- shown eval
[qr/0\.(?:1[1-9]|[2-9]\d)\d/, "", ""]



=== TEST 18: whom another module turned away after the verdict nobody here has refused: who it was is known, and what is wrong with a credential
--- http_config
limit_req_zone $server_name zone=all:1m rate=1r/m;
--- server
location = /policy { internal; return 403; }
location /limited { authgear_resolve on; authgear_phase preaccess; limit_req zone=all; limit_req_status 429; limit_req_log_level info; proxy_pass $TEST_NGINX_BACKEND; }
--- further
authgear_phase preaccess;
auth_request /policy;
--- show: $authgear_result|$authgear_reason|$authgear_source|$authgear_user_id
--- request eval
["GET /t", "GET /t", "GET /t", "GET /limited", "GET /limited", "GET /limited"]
--- more_headers eval
[$::opaque, $::worn, $::nobody, $::nobody, $::opaque, $::worn]
--- error_code eval
[403, 403, 403, 200, 429, 429]
--- shown eval
["||resolver|alice", "|expired||", "|||", "PASSED|||", "||resolver|alice", "|expired||"]
