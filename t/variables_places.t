# Where nginx reads the variables of a verdict: before it is made they are empty, and afterwards they are what it says, until the request is logged.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Variables;

user(id => 'alice', roles => [ 'admin', 'editor' ]);
user(id => 'bob');
our $alice = bearer(user => 'alice', claims => { title => 'the "first" \\ one' });
our $bob   = bearer(user => 'bob');
our $opaque = bearer(opaque(user => 'bob'));
our $nobody = 'X-Nothing: here';

shows('$authgear_user_id|$authgear_result|$authgear_reason');
no_root_location();
run_tests();

__DATA__

=== TEST 1: in a log
--- http_config
log_format who "who=[$authgear_user_id] roles=[$authgear_user_roles] result=[$authgear_result] reason=[$authgear_reason] source=[$authgear_source] kid=[$authgear_kid] time=[$authgear_time]";
--- further
access_log logs/access.log who;
authgear_require role=admin;
--- more_headers eval: $::alice
--- shown: alice|PASSED|
--- access_log eval: qr/who=\[alice\] roles=\[admin,editor\] result=\[PASSED\] reason=\[-\] source=\[token\] kid=\[[\w-]+\] time=\[/



=== TEST 2: in a log, of a user who was refused
--- http_config
log_format who "who=[$authgear_user_id] roles=[$authgear_user_roles] result=[$authgear_result] reason=[$authgear_reason] source=[$authgear_source] kid=[$authgear_kid] time=[$authgear_time]";
--- further
access_log logs/access.log who;
authgear_require role=admin;
--- more_headers eval: $::bob
--- error_code: 403
--- shown: bob|REJECTED|missing_role
--- access_log eval: qr/who=\[bob\] roles=\[-\] result=\[REJECTED\] reason=\[missing_role\] source=\[token\] kid=\[[\w-]+\]/



=== TEST 3: in a log, of nobody
--- http_config
log_format who "who=[$authgear_user_id] roles=[$authgear_user_roles] result=[$authgear_result] reason=[$authgear_reason] source=[$authgear_source] kid=[$authgear_kid] time=[$authgear_time]";
--- further
access_log logs/access.log who;
authgear_require role=admin;
--- more_headers eval: $::nobody
--- error_code: 401
--- shown: |REJECTED|no_credential
--- access_log eval: qr/who=\[-\] roles=\[-\] result=\[REJECTED\] reason=\[no_credential\] source=\[-\] kid=\[-\] time=\[-\]/



=== TEST 4: in a log of JSON, where nginx escapes what a claim holds
--- http_config
log_format who escape=json '{"user":"$authgear_user_id","title":"$authgear_claim_title","reason":"$authgear_reason"}';
--- further
access_log logs/access.log who;
--- more_headers eval: $::alice
--- shown: alice|PASSED|
--- access_log eval: qr/\{"user":"alice","title":"the \\"first\\" \\\\ one","reason":""\}/



=== TEST 5: in a log of JSON, of nobody
--- http_config
log_format who escape=json '{"user":"$authgear_user_id","title":"$authgear_claim_title","reason":"$authgear_reason"}';
--- further
access_log logs/access.log who;
--- more_headers eval: $::nobody
--- shown: |PASSED|
--- access_log eval: qr/\{"user":"","title":"","reason":""\}/



=== TEST 6: in the condition of a log, where it holds
--- http_config
log_format refused "refused: $authgear_reason";
map $authgear_result $is_refused { volatile; default 1; PASSED 0; "" 0; }
--- further
access_log logs/access.log refused if=$is_refused;
authgear_require role=admin;
--- more_headers eval: $::bob
--- error_code: 403
--- shown: bob|REJECTED|missing_role
--- access_log eval: qr/refused: missing_role/



=== TEST 7: and where it does not
--- http_config
log_format refused "refused: $authgear_reason";
map $authgear_result $is_refused { volatile; default 1; PASSED 0; "" 0; }
--- further
access_log logs/access.log refused if=$is_refused;
authgear_require role=admin;
--- more_headers eval: $::alice
--- shown: alice|PASSED|
--- no_access_log
refused:



=== TEST 8: in a map that is volatile, also one that was looked at too early; one that is not keeps what it found
--- http_config
map $authgear_user_id $plan { volatile; default none; alice gold; bob basic; }
map $authgear_user_id $early { default none; alice gold; }
--- server
set $seen "$plan$early";
--- show: $plan|$early|$seen
--- more_headers eval
[$::alice, $::bob, $::nobody]
--- shown eval
["gold|none|nonenone", "basic|none|nonenone", "none|none|nonenone"]



=== TEST 9: if and set come before the verdict and find nothing, whatever a client sends
--- further
set $seen "[$authgear_user_id$authgear_session_valid$authgear_result$authgear_reason$authgear_source$authgear_claim_sub$authgear_kid]";
if ($authgear_user_id) { return 500; }
if ($authgear_result) { return 501; }
--- show: $authgear_user_id|$authgear_result|$seen
--- more_headers eval
["$::alice\nX-Authgear-User-Id: mallory", "X-Authgear-User-Id: mallory"]
--- shown eval
["alice|PASSED|[]", "|PASSED|[]"]



=== TEST 10: what is sent to the backend
--- further
proxy_set_header X-User "[$authgear_user_id]";
proxy_set_header X-Empty $authgear_reason;
--- more_headers eval
[$::alice, $::nobody]
--- shown eval
["alice|PASSED|", "|PASSED|"]
--- response_body_filters eval
sub { CORE::join '', $_[0] =~ /^(x-(?:user|empty): .*\n)/mg }
--- response_body eval
["x-user: [alice]\n", "x-user: []\n"]



=== TEST 11: a rate for each user, behind a redirect to where the verdict is known before requests are counted
--- http_config
limit_req_zone $authgear_user_id zone=users:1m rate=1r/m;
--- further
try_files /nothing /t/limited;
location = /t/limited { limit_req zone=users; limit_req_status 429; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval
[$::alice, $::alice, $::bob, $::nobody, $::nobody]
--- error_code eval
[200, 429, 200, 200, 200]
--- shown eval
["alice|PASSED|", "alice|PASSED|", "bob|PASSED|", "|PASSED|", "|PASSED|"]



=== TEST 12: what they say survives an internal redirect to where nobody judges
--- server
location @other { rewrite ^ /other break; proxy_pass $TEST_NGINX_BACKEND; }
location /t/status { authgear_resolve on; error_page 404 = @other; proxy_intercept_errors on; rewrite ^ /status/404 break; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t/status", "GET /t/status"]
--- show: $authgear_user_id|$authgear_result|$authgear_claim_sub|$authgear_source
--- more_headers eval
[$::alice, $::opaque]
--- shown eval
[qr/alice\|PASSED\|alice\|token(?:_cache)?/, "bob|PASSED||resolver"]



=== TEST 13: an error page answers a refusal, and it is a refusal still
--- http_config
log_format who "end: $authgear_user_id $authgear_result $authgear_reason $status";
--- server
access_log logs/access.log who;
location @login { return 302 /login; }
--- further
authgear_require role=admin;
error_page 401 403 = @login;
--- more_headers eval: $::bob
--- error_code: 302
--- shown: bob|REJECTED|missing_role
--- access_log eval: qr/end: bob REJECTED missing_role 302/



=== TEST 14: also of nobody
--- http_config
log_format who "end: $authgear_user_id $authgear_result $authgear_reason $status";
--- server
access_log logs/access.log who;
location @login { return 302 /login; }
--- further
authgear_require role=admin;
error_page 401 403 = @login;
--- more_headers eval: $::nobody
--- error_code: 302
--- shown: |REJECTED|no_credential
--- access_log eval: qr/end: - REJECTED no_credential 302/



=== TEST 15: also where the page's own location judges and lets in
--- http_config
log_format who "end: $authgear_user_id $authgear_result $authgear_reason $status";
--- server
access_log logs/access.log who;
location = /open { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- further
authgear_require role=admin;
error_page 401 403 = /open;
--- more_headers eval: $::bob
--- shown: bob|REJECTED|missing_role
--- access_log eval: qr/end: bob REJECTED missing_role 200/



=== TEST 16: and where it says that nobody judges, by whom nobody is known any more
--- http_config
log_format who "end: $authgear_user_id $authgear_result $authgear_reason $status";
--- server
access_log logs/access.log who;
location = /off { authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }
--- further
authgear_require role=admin;
error_page 401 403 = /off;
--- more_headers eval: $::bob
--- shown: |REJECTED|missing_role
--- access_log eval: qr/end: - REJECTED missing_role 200/



=== TEST 17: a later location that judges by other rules has its own verdict
--- server
location = /t/cookies { authgear_resolve on; authgear_credentials session; proxy_pass $TEST_NGINX_BACKEND; }
--- further
try_files /nothing /t/cookies;
--- show: $authgear_user_id|$authgear_session_valid|$authgear_claim_sub|$authgear_result
--- more_headers eval
[$::alice]
--- shown eval
["|||PASSED"]



=== TEST 18: where a later location says that nobody judges, nobody is known
--- server
location = /t/off { authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }
--- further
try_files /nothing /t/off;
--- show: $authgear_user_id|$authgear_session_valid|$authgear_claim_sub|$authgear_result
--- more_headers eval
[$::alice]
--- shown eval
["|||"]



=== TEST 19: a part of a request says what the request does
--- user_files
>>> page.html
[<!--# include virtual="/part" -->]
--- config
authgear_endpoint $TEST_NGINX_AUTHGEAR;
include $TEST_NGINX_AUTHGEAR_CONF;
location = /page.html { authgear_resolve on; ssi on; }
location = /part { return 200 "$authgear_user_id $authgear_claim_sub $authgear_result"; }
--- request eval
["GET /page.html", "GET /page.html"]
--- more_headers eval
[$::alice, $::nobody]
--- response_body eval
["[alice alice PASSED]\n", "[  PASSED]\n"]



=== TEST 20: a mirrored request, too
--- further
mirror /mirror;
--- server
location = /mirror { internal; proxy_set_header X-User "[$authgear_user_id]"; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::alice
--- shown
alice|PASSED|
--- wait: 0.2
--- access_log
GET /t
--- response_body_filters eval
sub { CORE::join ' ', sort map { "$_->{path} " . (map { $_->[1] } grep { $_->[0] eq 'x-user' } @{ $_->{headers} })[0] // '' } grep { $_->{path} eq '/mirror' } ::log_of_backend() }
--- response_body chomp
/mirror [alice]



=== TEST 21: a request that nobody could read is logged without them
--- http_config
log_format who "bad: [$authgear_user_id][$authgear_result][$authgear_claim_sub] $status";
--- server
access_log logs/access.log who;
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: a b\r\n\r\n"
--- error_code: 400
--- shown
||
--- access_log
bad: [-][-][-] 400



=== TEST 22: they are there once it is answered, although the client has left while it waited
--- http_config
log_format who "left: [$authgear_user_id][$authgear_result] [$authgear_time] $status";
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 800)
--- config
authgear_endpoint $TEST_NGINX_AUTHGEAR;
include $TEST_NGINX_AUTHGEAR_CONF;
access_log logs/access.log who;
location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::opaque
--- timeout: 0.3
--- abort
--- ignore_response
--- wait: 0.3
--- access_log eval
qr/left: \[-\]\[-\] \[0\.[2-9]\d\d\] 499/



=== TEST 23: an emergency list of who may not enter is a map of the user, by which access is decided
--- http_config
map $authgear_user_id $may_enter { volatile; default 1; bob 0; }
--- further
authgear_require $may_enter;
--- more_headers eval
[$::alice, $::bob, $::opaque]
--- error_code eval
[200, 403, 403]
--- shown eval
["alice|PASSED|", "bob|REJECTED|variable", "bob|REJECTED|variable"]



=== TEST 24: and of a claim
--- http_config
map $authgear_claim_title $is_first { volatile; default 0; ~first 1; }
--- further
authgear_require $is_first;
--- more_headers eval
[$::alice, $::bob]
--- error_code eval
[200, 403]
--- shown eval
["alice|PASSED|", "bob|REJECTED|variable"]
