# Who is calling, in variables: the session's lines, the credential that the verdict rests on and what its token was issued for.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Variables;

user(id => 'alice', roles => [ 'admin', 'editor' ], verified => true);
user(id => 'ghost', anonymous => true);
our $token  = bearer(user => 'alice', auth_time => 1_700_000_000, client_id => 'web', scope => 'openid email');
our $opaque = bearer(opaque(user => 'alice'));
our $app    = 'Cookie: ' . session(kind => 'app_session', user => 'ghost');
our $cookie = 'Cookie: ' . session(user => 'alice');
our $in_app = 'Cookie: a=b; ' . session(kind => 'app_access_token', user => 'alice');
our $nobody = 'X-Nothing: here';
our $worn   = bearer(user => 'alice', lifetime => -10);
our $machine = bearer(machine_token(client_id => 'robot', resource => $ENV{TEST_NGINX_AUTHGEAR}, scope => 'read write'));

our $session = '$authgear_session_valid|$authgear_user_id|$authgear_user_anonymous|$authgear_user_verified|$authgear_user_roles|$authgear_user_can_reauthenticate';
our $sign_in = '$authgear_session_authenticated_at|$authgear_session_amr|$authgear_session_acr';
our $grant   = '$authgear_credential|$authgear_client_id|$authgear_scope';

shows($session);
no_root_location();
run_tests();

__DATA__

=== TEST 1: who is calling, by each credential; of nobody and of a credential that is worth nothing there is nothing
--- more_headers eval
[$::token, $::opaque, $::app, $::cookie, $::in_app, $::nobody, $::worn]
--- shown eval
["true|alice|false|true|admin,editor|true", "true|alice|false|true|admin,editor|true", "true|ghost|true|false||false",
    "true|alice|false|true|admin,editor|true", "true|alice|false|true|admin,editor|true", "|||||", "false|||||"]



=== TEST 2: the credential that the verdict rests on, and what a token that was verified here was issued for; the resolver says nothing of that
--- more_headers eval
[$::token, $::opaque, $::app, $::cookie, $::nobody, $::worn]
--- show eval: $::grant
--- shown eval
["bearer|web|openid email", "bearer||", "app_session||", "session||", "||", "||"]



=== TEST 3: how and when somebody signed in
--- more_headers eval
[$::token, $::nobody]
--- show eval: $::sign_in
--- shown eval
["1700000000||", "||"]



=== TEST 4: amr and acr, as the resolver says them
--- resolve: remote
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'headers',
    headers => { 'x-authgear-session-amr' => 'pwd mfa', 'x-authgear-session-acr' => 'http://acr.example/2' });
--- more_headers eval
[$::token, $::cookie]
--- show eval: $::sign_in
--- shown eval
["1700000000|pwd mfa|http://acr.example/2", qr/\d+\|pwd mfa\|http:.*/]



=== TEST 5: of several credentials that the resolver was asked about nobody knows which it means
--- more_headers eval
["$::opaque\n$::cookie"]
--- show eval: $::grant
--- shown eval
["||"]



=== TEST 6: a machine that is admitted is no user and has no session: only its client and its scope
--- further
authgear_require machine;
--- more_headers eval
[$::machine]
--- show eval: "$::session|$::grant"
--- shown eval
["||||||bearer|robot|read write"]



=== TEST 7: where machines are not admitted, nothing is said of it
--- more_headers eval
[$::machine]
--- show eval: "$::session|$::grant"
--- shown eval
["false||||||||"]



=== TEST 8: what a client sends under the headers' names is none of it
--- more_headers eval
["X-Authgear-User-Id: mallory\nX-Authgear-Session-Valid: true", "$::worn\nX-Authgear-User-Id: mallory"]
--- shown eval
["|||||", "false|||||"]



=== TEST 9: also where a client's headers are let through, since no verdict is made
--- resolve: off
--- server
authgear_trust_request_headers on;
--- more_headers eval
["X-Authgear-User-Id: mallory\nX-Authgear-Session-Valid: true"]
--- shown eval
["|||||"]
