# authgear_require for a token that is judged here: each requirement, met and not met, and what the client and the log are told.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Access;
use Authgear::Suite;

user(id => 'alice', verified => true, roles => [ 'editor', 'reviewer' ]);
user(id => 'bob');
user(id => 'guest', anonymous => true);

my $full  = 'https://authgear.com/scopes/full-access';
my $alice = bearer(user => 'alice', auth_time => time - 60, claims => { amr => [ 'pwd', 'mfa' ] });
my $bob   = bearer(user => 'bob',   auth_time => time - 3600);
my $guest = bearer(user => 'guest');
my $third = bearer(user => 'bob', client_id => 'shop', scope => 'openid orders:read');

title 'valid';
admitted 'a token', required('valid'), $alice, 'alice';
admitted 'a token of an anonymous user', required('valid'), $guest, 'guest';
turned_away 'nobody', required('valid'), '', 401, 'Bearer', 'no_credential';
turned_away 'credentials of another kind', required('valid'), 'Authorization: Basic YW5uOnNlY3JldA==', 401, 'Bearer', 'no_credential';
turned_away 'a header of a client\'s own', required('valid'), "X-Authgear-User-Id: alice\nX-Authgear-Session-Valid: true", 401, 'Bearer', 'no_credential';
turned_away 'an expired token', required('valid'), bearer(user => 'alice', lifetime => -5),
    401, 'Bearer error="invalid_token", error_description="expired"', 'credential expired';
turned_away 'a forged token', required('valid'), bearer(user => 'alice', tamper => 'signature'),
    401, 'Bearer error="invalid_token", error_description="bad_signature"', 'credential bad_signature';
turned_away 'a token of another project', required('valid'), bearer(user => 'alice', claims => { iss => 'https://other.example' }),
    401, 'Bearer error="invalid_token", error_description="wrong_issuer"', 'credential wrong_issuer';
turned_away 'an ID token', required('valid'), bearer(id_token(user => 'alice')),
    401, 'Bearer error="invalid_token", error_description="wrong_type"', 'credential wrong_type';

title 'verified';
admitted 'a verified user', required('verified'), $alice, 'alice';
turned_away 'another user', required('verified'), $bob, 403, undef, 'not_verified';
turned_away 'nobody', required('verified'), '', 401, 'Bearer', 'no_credential';

title 'not_anonymous';
admitted 'a user', required('not_anonymous'), $bob, 'bob';
turned_away 'an anonymous user', required('not_anonymous'), $guest, 403, undef, 'anonymous';
turned_away 'a token that does not say', required('not_anonymous'),
    bearer(user => 'bob', claims => { 'https://authgear.com/claims/user/is_anonymous' => undef }), 403, undef, 'anonymous';

title 'role';
admitted 'one of the user\'s', required('role=reviewer'), $alice, 'alice';
admitted 'any of several', required('role=admin|editor'), $alice, 'alice';
admitted 'all of several words', required('role=editor role=reviewer'), $alice, 'alice';
turned_away 'not all of several words', required('role=editor role=admin'), $alice, 403, undef, 'missing_role';
turned_away 'a part of a role\'s name', required('role=edit'), $alice, 403, undef, 'missing_role';
turned_away 'two roles as one', required('"role=editor reviewer"'), $alice, 403, undef, 'missing_role';
turned_away 'a user without roles', required('role=editor'), $bob, 403, undef, 'missing_role';

title 'max_age';
admitted 'a recent sign-in', required('max_age=15m'), $alice, 'alice';
turned_away 'an old one', required('max_age=15m'), $bob,
    401, 'Bearer error="insufficient_user_authentication", max_age="900"', 'authentication_too_old';
turned_away 'an unknown time', required('max_age=15m'), bearer(user => 'bob', claims => { auth_time => undef }),
    401, 'Bearer error="insufficient_user_authentication", max_age="900"', 'authentication_time_unknown';
turned_away 'a time to come', required('max_age=15m'), bearer(user => 'bob', auth_time => time + 600),
    401, 'Bearer error="insufficient_user_authentication", max_age="900"', 'authentication_time_unknown';
admitted 'a time to come within the leeway', required('max_age=15m', 'authgear_leeway 1h;'), bearer(user => 'bob', auth_time => time + 600), 'bob';

title 'scope';
admitted 'a scope of the token', required('scope=orders:read'), $third, 'bob';
admitted 'several', required('scope=orders:read scope=openid'), $third, 'bob';
turned_away 'one of several', required('scope=orders:read scope=orders:write'), $third,
    403, 'Bearer error="insufficient_scope", scope="orders:read orders:write"', 'insufficient_scope';
turned_away 'a part of a scope', required('scope=orders'), $third,
    403, 'Bearer error="insufficient_scope", scope="orders"', 'insufficient_scope';
turned_away 'a token without scope', required('scope=openid'), bearer(user => 'bob', claims => { scope => undef }),
    403, 'Bearer error="insufficient_scope", scope="openid"', 'insufficient_scope';

title 'client_id';
admitted 'one of several', required('client_id=web|shop'), $third, 'bob';
turned_away 'another client', required('client_id=web|mobile'), $third, 403, undef, 'wrong_client';
turned_away 'a token without client', required('client_id=shop'), bearer(user => 'bob', claims => { client_id => undef }),
    403, undef, 'wrong_client';

title 'first_party';
admitted 'a token of the project\'s own client', required('first_party'), $alice, 'alice';
turned_away 'a token of another client', required('first_party'), $third, 403, undef, 'not_first_party';
turned_away 'a scope that only looks like it', required('first_party'), bearer(user => 'bob', scope => "${full}-not"),
    403, undef, 'not_first_party';

title 'amr';
admitted 'one of the methods', required('amr=hwk|mfa'), $alice, 'alice';
turned_away 'another method', required('amr=hwk'), $alice, 401, 'Bearer error="insufficient_user_authentication"', 'missing_amr';
turned_away 'no method', required('amr=mfa max_age=1d'), $bob,
    401, 'Bearer error="insufficient_user_authentication", max_age="86400"', 'missing_amr';

title 'several that do not hold';
turned_away 'a role goes before a scope', required('scope=x max_age=1s role=admin'), $bob, 403, undef, 'missing_role';
turned_away 'a scope goes before a new sign-in', required('max_age=1s scope=x'), $bob,
    403, 'Bearer error="insufficient_scope", scope="x"', 'insufficient_scope';

title 'error=';
turned_away '401 in place of 403', required('role=admin error=401'), $alice, 401, 'Bearer', 'missing_role';
turned_away '403 as without it', required('role=admin error=403'), $alice, 403, undef, 'missing_role';
turned_away 'nobody gets 401 all the same', required('role=admin error=403'), '', 401, 'Bearer', 'no_credential';
turned_away 'a scope keeps its own status', required('scope=x error=401'), $alice,
    403, 'Bearer error="insufficient_scope", scope="x"', 'insufficient_scope';

title 'authgear_resource_metadata';
my $metadata = 'authgear_resource_metadata https://api.example.com/.well-known/oauth-protected-resource?a=1;';
my $url = 'resource_metadata="https://api.example.com/.well-known/oauth-protected-resource?a=1"';
turned_away 'nobody', required('valid', $metadata), '', 401, "Bearer $url", 'no_credential';
turned_away 'an expired token', required('valid', $metadata), bearer(user => 'alice', lifetime => -5),
    401, qq(Bearer error="invalid_token", error_description="expired", $url), 'credential expired';
turned_away 'a scope', required('scope=x', $metadata), $alice,
    403, qq(Bearer error="insufficient_scope", scope="x", $url), 'insufficient_scope';
turned_away 'an old sign-in', required('max_age=1m', $metadata), $bob,
    401, qq(Bearer error="insufficient_user_authentication", max_age="60", $url), 'authentication_too_old';
turned_away 'no challenge where there is none', required('role=admin', $metadata), $alice, 403, undef, 'missing_role';
turned_away 'of the server', required('valid'), '', 401, "Bearer $url", 'no_credential', server => $metadata;

title 'authgear_resolve local';
my $local = 'authgear_resolve local; authgear_require role=editor; proxy_pass $TEST_NGINX_BACKEND;';
admitted 'a token', $local, $alice, 'alice';
turned_away 'a token without the role', $local, $bob, 403, undef, 'missing_role';
turned_away 'an opaque token, about which nobody is asked', $local, bearer(opaque(user => 'alice')),
    401, 'Bearer error="invalid_token", error_description="remote_credential"', 'credential remote_credential';

title 'authgear_log_level';
turned_away 'the line\'s level', required('role=admin', 'authgear_log_level error;'), $alice, 403, undef, 'missing_role',
    'error_log eval' => 'qr/\[error\] .*authgear: access refused: missing_role, client: /', no_error_log => '[alert]';

spec_string(table());
no_root_location();
run_tests();
