# authgear_require where the resolver judges: opaque tokens and cookies. It says nothing of a client and its scope, and while it says nothing at
# all nobody gets in.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Access;
use Authgear::Answer;
use Authgear::Suite;

user(id => 'alice', verified => true, roles => ['editor']);
user(id => 'bob');
user(id => 'guest', anonymous => true);

sub cookie { return 'Cookie: ' . session(@_) }

my %alice = (
    'an opaque token'          => bearer(opaque(user => 'alice', auth_time => time - 60)),
    'a session cookie'         => cookie(user => 'alice', auth_time => time - 60),
    'an app_session cookie'    => cookie(user => 'alice', auth_time => time - 60, kind => 'app_session'),
    'an opaque app_access_token' => cookie(user => 'alice', auth_time => time - 60, kind => 'app_access_token', jwt => false),
);
my $opaque = $alice{'an opaque token'};
my $guest  = cookie(user => 'guest', kind => 'app_session');
my $bob    = cookie(user => 'bob', auth_time => time - 3600);

for my $what (sort keys %alice) {
    title $what;
    my $hers = $alice{$what};
    admitted 'all that the resolver tells', required('verified not_anonymous role=editor|admin max_age=15m'), $hers, 'alice', asked => 1;
    turned_away 'a role', required('role=admin'), $hers, 403, undef, 'missing_role', asked => 1;
    turned_away 'a scope fails closed', required('scope=openid'), $hers,
        403, 'Bearer error="insufficient_scope", scope="openid"', 'scope_unknown', asked => 1;
    turned_away 'a client fails closed', required('client_id=jwtapp'), $hers, 403, undef, 'client_unknown', asked => 1;
    turned_away 'an old sign-in', required('max_age=30s'), $hers,
        401, 'Bearer error="insufficient_user_authentication", max_age="30"', 'authentication_too_old', asked => 1;
    turned_away 'a method', required('amr=mfa'), $hers, 401, 'Bearer error="insufficient_user_authentication"', 'missing_amr', asked => 1;
}

title 'first_party';
admitted 'a session cookie', required('first_party'), $alice{'a session cookie'}, 'alice', asked => 1;
admitted 'an app_session cookie', required('first_party'), $alice{'an app_session cookie'}, 'alice', asked => 1;
turned_away 'an opaque token', required('first_party'), $opaque, 403, undef, 'not_first_party', asked => 1;
turned_away 'an opaque app_access_token', required('first_party'), $alice{'an opaque app_access_token'}, 403, undef, 'not_first_party', asked => 1;
turned_away 'a session cookie behind an opaque token', required('first_party'), "$opaque\n$bob", 403, undef, 'not_first_party', asked => 1;
turned_away 'a JWT where the resolver alone judges', 'authgear_resolve remote; authgear_require first_party; proxy_pass $TEST_NGINX_BACKEND;',
    bearer(user => 'alice'), 403, undef, 'not_first_party', asked => 1;

title 'another user';
turned_away 'not verified', required('verified'), $bob, 403, undef, 'not_verified', asked => 1;
turned_away 'anonymous', required('not_anonymous'), $guest, 403, undef, 'anonymous', asked => 1;
turned_away 'no role', required('role=editor'), $bob, 403, undef, 'missing_role', asked => 1;
admitted 'valid is enough', required('valid'), $guest, 'guest', asked => 1;

title 'the resolver\'s no';
my $said_no = 'Bearer error="invalid_token", error_description="resolver_said_no"';
turned_away 'a dead cookie', required('valid'), 'Cookie: session=dead', 401, $said_no, 'credential resolver_said_no', asked => 1;
turned_away 'a dead token', required('valid'), bearer('dead'), 401, $said_no, 'credential resolver_said_no', asked => 1;
turned_away 'one that is remembered', required('valid', 'authgear_cache_valid 1m invalid=1m;'), 'Cookie: session=dead', 401, $said_no,
    'credential resolver_said_no', asked => 1,
    request => undef, 'request eval' => '["GET /t", "GET /t"]', error_code => undef, 'error_code eval' => '[401, 401]',
    'response_headers' => undef, 'response_headers eval' => qq(['WWW-Authenticate: $said_no', 'WWW-Authenticate: $said_no']),
    'response_body' => undef, 'response_body eval' => qq(["refused (backend 0, resolver 1)\\n", "refused (backend 0, resolver 1)\\n"]);
turned_away 'a token that was revoked, beside nothing', 'authgear_resolve remote; authgear_require valid; proxy_pass $TEST_NGINX_BACKEND;',
    do { my $token = token(user => 'alice'); revoke($token); bearer($token) }, 401, $said_no, 'credential resolver_said_no', asked => 1;

title 'an expired JWT';
admitted 'beside a live cookie', required('role=editor'),
    bearer(user => 'alice', lifetime => -5) . "\n$alice{'a session cookie'}", 'alice', asked => 1;

title 'amr of the resolver';
my $with_amr = '::says("X-Authgear-Session-Valid: true", "X-Authgear-User-Id: alice", "X-Authgear-Session-Amr: pwd mfa");';
admitted 'one of the methods', required('amr=mfa'), $opaque, 'alice', asked => 1, init => $with_amr;
turned_away 'another', required('amr=hwk'), $opaque, 401, 'Bearer error="insufficient_user_authentication"', 'missing_amr',
    asked => 1, init => $with_amr;

title 'what the resolver leaves out holds nothing';
my $bare = '::says("X-Authgear-Session-Valid: true", "X-Authgear-User-Id: alice");';
my %bare = (asked => 1, init => $bare);
admitted 'valid', required('valid'), $opaque, 'alice', %bare;
turned_away 'verified', required('verified'), $opaque, 403, undef, 'not_verified', %bare;
turned_away 'not_anonymous', required('not_anonymous'), $opaque, 403, undef, 'anonymous', %bare;
turned_away 'role', required('role=editor'), $opaque, 403, undef, 'missing_role', %bare;
turned_away 'max_age', required('max_age=1d'), $opaque, 401, 'Bearer error="insufficient_user_authentication", max_age="86400"',
    'authentication_time_unknown', %bare;

title 'while the resolver fails';
my %down = (
    asked            => 1,
    init             => 'Authgear::Suite::fault(target => "resolver", kind => "status", status => 500);',
    'error_log eval' => 'qr/authgear: no verdict could be had: resolver_failed/',
    no_error_log     => "access refused\n[alert]",
);
my $later = "!WWW-Authenticate\nRetry-After: 5";
turned_away 'a 5xx stays one', required('role=admin'), $opaque, 503, undef, '', %down, response_headers => $later;
turned_away 'the status of authgear_unavailable', required('valid', 'authgear_unavailable 599;'), $opaque, 599, undef, '', %down,
    response_headers => $later;
turned_away 'satisfy any: nobody else admits', required('valid', 'satisfy any; deny all;'), $opaque, 503, undef, '', %down,
    response_headers => $later, 'error_log eval' => 'qr/authgear: no verdict could be had: resolver_failed/';
admitted 'a JWT that was verified lately', required('role=editor'), bearer(user => 'alice'), 'alice',
    init => 'Authgear::Suite::fault(target => "resolver", kind => "status", status => 500);';
admitted 'satisfy any: somebody else admits', required('valid', 'satisfy any; allow all;'), $opaque, 'nobody', %down;
turned_away 'nobody is still nobody', required('valid'), '', 401, 'Bearer', 'no_credential',
    init => 'Authgear::Suite::fault(target => "resolver", kind => "status", status => 500);';

spec_string(table());
no_root_location();
run_tests();
