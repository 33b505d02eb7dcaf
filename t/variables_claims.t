# $authgear_claim_NAME, $authgear_kid and authgear_claim_set: a claim of the token that the verdict rests on, and of no other.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Variables;

user(id => 'alice');
user(id => 'bob');
our %claims = (
    tenant => 'acme', level => 3, beta => true, groups => [ 'a', 'b' ], empty => '', none => undef, object => { in => 'side' },
    lines => "one\r\nX-Forged: two", deleted => "\x7f", 'tenantId' => 't-1', 'https://example.com/org' => { 'id.of' => 'o-1', list => [ 1, 2 ] },
    quoted => 'say "hi" \\ there', umlaut => "\x{e4}",
);
our $token  = bearer(user => 'alice', claims => \%claims);
our $in_app = 'Cookie: first=1; ' . session(kind => 'app_access_token', user => 'alice', claims => \%claims);
our $worn   = bearer(user => 'alice', lifetime => -10, claims => \%claims);
our $opaque = bearer(opaque(user => 'alice'));
our $cookie = 'Cookie: ' . session(user => 'alice');
our $foreign = bearer(user => 'bob', claims => { tenant => 'mallory' }, key => 'foreign');
our $machine = bearer(machine_token(client_id => 'robot', resource => $ENV{TEST_NGINX_AUTHGEAR}, claims => { tenant => 'acme' }));
our $old    = bearer(user => 'alice', iat => time - 7200, lifetime => 14_400, claims => { tenant => 'acme' });
our $ended  = bearer(user => 'bob', iat => time - 7200, lifetime => 14_400, register => false, claims => { tenant => 'acme' });
our $nobody = 'X-Nothing: here';

# For `response_body_filters`: the next request comes when a verdict is old.
sub later { select undef, undef, undef, 0.8; return $_[0] }

shows('$authgear_claim_tenant');
no_root_location();
run_tests();

__DATA__

=== TEST 1: a claim of a token that was verified here, also in a cookie, and when it is remembered; there is none of anything else
--- more_headers eval
[$::token, $::token, $::in_app, $::in_app, $::opaque, $::cookie, $::worn, $::foreign, $::nobody]
--- shown eval
["acme", "acme", "acme", "acme", "", "", "", "", ""]



=== TEST 2: the standard claims, too
--- show: $authgear_claim_sub|$authgear_claim_iss|$authgear_claim_nothing
--- more_headers eval
[$::token]
--- shown eval
["alice|$ENV{TEST_NGINX_AUTHGEAR}|"]



=== TEST 3: numbers, booleans and lists are text; what is empty, no text or holds a control character is empty
--- show: $authgear_claim_level|$authgear_claim_beta|$authgear_claim_groups|$authgear_claim_empty$authgear_claim_none$authgear_claim_object$authgear_claim_lines$authgear_claim_deleted|$authgear_claim_quoted
--- more_headers eval
[$::token]
--- shown eval
['3|true|a,b||say "hi" \\ there']



=== TEST 4: authgear_claim_set reaches names in any spelling, and into objects
--- http_config
authgear_claim_set $tenant_id tenantId;
authgear_claim_set $org https://example.com/org id.of;
authgear_claim_set $Numbers https://example.com/org list;
authgear_claim_set $too_far tenant acme;
--- show: $tenant_id|$org|$numbers|$too_far|$authgear_claim_tenantId
--- more_headers eval
[$::token, $::nobody]
--- shown eval
["t-1|o-1|1,2||", "||||"]



=== TEST 5: the key that vouched for the token
--- show: $authgear_kid
--- more_headers eval
[$::token, $::in_app, $::opaque, $::worn, $::foreign, $::nobody]
--- shown eval
[qr/[\w-]+/, qr/[\w-]+/, "", "", "", ""]



=== TEST 6: of a machine that is admitted
--- further
authgear_require machine;
--- more_headers eval
[$::machine]
--- shown eval
["acme"]



=== TEST 7: and of one that is not there is none
--- more_headers eval
[$::machine]
--- shown eval
[""]



=== TEST 8: with remote nobody here has verified the token: no claim is read of it
--- resolve: remote
--- more_headers eval
[$::token]
--- show: $authgear_user_id|$authgear_claim_tenant|$authgear_kid
--- shown eval
["alice||"]



=== TEST 9: a token that is passed over on the way to a credential that holds is not the one
--- show: $authgear_user_id|$authgear_credential|$authgear_claim_tenant
--- more_headers eval
["$::worn\n$::in_app", "$::worn\n$::cookie", "$::foreign\n$::in_app", "$::token\nCookie: app_session=0"]
--- shown eval
["alice|app_access_token|acme", "alice|session|", "alice|app_access_token|acme", "alice|bearer|acme"]



=== TEST 10: in a cookie of the project's own name
--- server
authgear_cookie_prefix app_;
--- more_headers eval
[$::in_app =~ s/app_access_token/app_app_access_token/r]
--- show: $authgear_user_id|$authgear_claim_tenant
--- shown eval
["alice|acme"]



=== TEST 11: a claim that would write a second header line writes none
--- further
proxy_set_header X-Lines "[$authgear_claim_lines]";
proxy_set_header X-Tenant "[$authgear_claim_tenant]";
--- request
GET /t
--- more_headers eval
$::token
--- response_body_filters eval
sub { CORE::join '', $_[0] =~ /^(x-(?:lines|tenant|forged): .*\n)/mg }
--- response_body
x-lines: []
x-tenant: [acme]
--- shown
acme



=== TEST 12: of a token that was verified here, once it was asked about
--- further
authgear_revalidate 100ms;
--- show: $authgear_user_id|$authgear_claim_tenant|$authgear_source
--- more_headers eval
[$::nobody, $::old]
--- response_body_filters eval
\&::later
--- shown eval
["||", "alice|acme|resolver"]



=== TEST 13: and of none that Authgear says has ended
--- further
authgear_revalidate 100ms;
--- show: $authgear_user_id|$authgear_claim_tenant|$authgear_reason
--- more_headers eval
[$::nobody, $::old, $::ended]
--- response_body_filters eval
\&::later
--- shown eval
["||", "alice|acme|", "||session_ended"]



=== TEST 14: of two tokens in one place nobody reads the other
--- show: $authgear_user_id|$authgear_claim_tenant
--- more_headers eval
["Cookie: app_access_token=" . ($::token =~ s/.* //r) . "; app_access_token=" . ($::foreign =~ s/.* //r)]
--- shown eval
["alice|acme"]
