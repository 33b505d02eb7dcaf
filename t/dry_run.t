# authgear_dry_run: what would be refused is let through and told to the log; no status is ever changed by it.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Access;
use Authgear::Suite;

user(id => 'alice', roles => ['editor']);
user(id => 'bob');
my $alice   = bearer(user => 'alice');
my $bob     = bearer(user => 'bob');
my $opaque  = bearer(opaque(user => 'alice'));
my $expired = bearer(user => 'alice', lifetime => -5);
my $robot   = bearer(machine_token(client_id => 'robot', resource => $ENV{TEST_NGINX_AUTHGEAR}));
my $dry     = 'authgear_dry_run on;';

# let_through(NAME, LOCATION, HEADERS, WHO, REASON, ...): with the log's line.
sub let_through {
    my ($name, $location, $headers, $who, $reason, %more) = @_;
    return admitted($name, $location, $headers, $who, 'response_headers' => '!WWW-Authenticate', no_error_log => "access refused\n[alert]\n[error]",
        'error_log eval' => "qr/\\[notice\\] .*authgear: access would be refused \\(dry run\\): $reason, client: /", %more);
}

title 'what is required';
admitted 'who may enter has no line', required('role=editor', $dry), $alice, 'alice', no_error_log => 'refused';
let_through 'nobody', required('role=editor', $dry), '', 'nobody', 'no_credential';
let_through 'without the role', required('role=editor', $dry), $bob, 'bob', 'missing_role';
let_through 'a scope', required('scope=x', $dry), $bob, 'bob', 'insufficient_scope';
let_through 'an old sign-in', required('max_age=1m', $dry), bearer(user => 'bob', auth_time => time - 600), 'bob', 'authentication_too_old';
let_through 'a variable', required('$unset', $dry), $alice, 'alice', 'variable', server => 'location /u { set $unset 1; }';
let_through 'an expired token', required('valid', $dry), $expired, 'invalid', 'expired';
let_through 'a machine', required('valid', $dry), $robot, 'invalid', 'machine_token';
let_through 'a user among machines', required('machine', $dry), $alice, 'alice', 'not_a_machine';
let_through 'what the resolver does not know', required('client_id=x', $dry), $opaque, 'alice', 'client_unknown', asked => 1;
let_through 'of the server', required('role=editor'), $bob, 'bob', 'missing_role', server => $dry;
let_through 'at the log\'s level', required('role=editor', $dry, 'authgear_log_level warn;'), $bob, 'bob', 'missing_role',
    'error_log eval' => 'qr/\[warn\] .*authgear: access would be refused \(dry run\): missing_role, client: /';

title 'what else would be refused';
my %down = (init => 'Authgear::Suite::fault(target => "resolver", kind => "status", status => 500);', no_error_log => "access refused\n[alert]");
let_through 'while the resolver fails', required('valid', $dry), $opaque, 'nobody', '', asked => 1, %down,
    no_error_log => "authgear: access\n[alert]", 'error_log eval' => 'qr/no verdict could be had: resolver_failed/';
let_through 'while the resolver fails, where nothing is required', "authgear_resolve on; $dry proxy_pass \$TEST_NGINX_BACKEND;", $opaque, 'nobody', '', asked => 1, %down,
    'error_log eval' => 'qr/no verdict could be had: resolver_failed/';
# From 1.23 on nginx itself refuses them.
let_through 'two Authorization headers pass for nobody', required('valid', $dry), "$alice\n$bob", '', '', error_code_like => '^(?:200|400)$',
    response_body => undef, response_body_unlike => 'alice|bob', 'error_log eval' => undef, no_error_log => '[alert]';

title 'satisfy any';
turned_away 'who may enter is not let in by a dry run', required('role=editor', $dry, 'satisfy any; deny all;'), $alice, 403, undef, '',
    'error_log eval' => undef, no_error_log => 'authgear: access';
turned_away 'who may not is told what would be', required('role=editor', $dry, 'satisfy any; deny all;'), $bob, 403, undef, '',
    'error_log' => 'access would be refused (dry run): missing_role', 'error_log eval' => undef, no_error_log => '[alert]';
admitted 'another rule admits', required('role=editor', $dry, 'satisfy any; allow all;'), $bob, 'bob';

title 'off';
turned_away 'in a location of a server that has it on', required('role=editor', 'authgear_dry_run off;'), $bob, 403, undef, 'missing_role', server => $dry;
turned_away 'after a redirect from where it is on', "authgear_resolve on; authgear_require role=editor; $dry try_files /none \@area;", $bob, 403, undef, 'missing_role',
    server => 'location @area { ' . required('role=editor') . ' }';

spec_string(table());
no_root_location();
run_tests();
