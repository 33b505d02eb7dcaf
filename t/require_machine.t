# authgear_require machine: clients with a token of their own, which is never a user's.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Access;
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
my $origin = $ENV{TEST_NGINX_AUTHGEAR};

sub machine { return bearer(machine_token(client_id => 'robot', resource => $origin, @_)) }

my $robot = machine(scope => 'orders:read orders:write');
my $area  = required('machine');
my $as_a_machine = 'Bearer error="invalid_token", error_description="machine_token"';
my %told = ('response_body_filters eval' => '\&Authgear::Told::told');

sub headers { return join("\n", @_, 'heard: backend 1, resolver 0') }

title 'admitted';
admitted 'its two headers and no other', $area, "$robot\nX-Authgear-User-Id: mallory", '', %told,
    'response_body' => headers('x-authgear-client-id: robot', 'x-authgear-scope: orders:read orders:write');
admitted 'one header without a scope', $area, machine(claims => { scope => undef }), '', %told, 'response_body' => headers('x-authgear-client-id: robot');
admitted 'a scope', required('machine scope=orders:read'), $robot, 'nobody';
admitted 'a client', required('machine client_id=other|robot'), $robot, 'nobody';
admitted 'a resource of its own', required('machine', 'authgear_audience https://api.example;'), machine(resource => 'https://api.example'), 'nobody';
admitted 'a variable', required('machine $http_x_mine'), "$robot\nX-Mine: 1", 'nobody';
admitted 'where nobody can be asked', 'authgear_resolve local; authgear_require machine; proxy_pass $TEST_NGINX_BACKEND;', $robot, 'nobody';
admitted 'nobody is asked about an old one', required('machine', 'authgear_revalidate 1s max=2s;'), machine(iat => time - 600), 'nobody';
admitted 'nobody is asked while the resolver fails', $area, $robot, 'nobody',
    init => 'Authgear::Suite::fault(target => "resolver", kind => "refuse");';

title 'refused';
turned_away 'nobody', $area, '', 401, 'Bearer', 'no_credential';
turned_away 'a user', $area, bearer(user => 'alice'), 403, undef, 'not_a_machine';
turned_away 'a user by a cookie', $area, 'Cookie: ' . session(user => 'alice'), 403, undef, 'not_a_machine', asked => 1;
turned_away 'another resource', $area, machine(resource => 'https://api.example'),
    401, 'Bearer error="invalid_token", error_description="wrong_audience"', 'credential wrong_audience';
turned_away 'an expired one', $area, machine(lifetime => -5), 401, 'Bearer error="invalid_token", error_description="expired"', 'credential expired';
turned_away 'a forged one', $area, machine(tamper => 'signature'), 401, 'Bearer error="invalid_token", error_description="bad_signature"', 'credential bad_signature';
turned_away 'one whose client is another', $area, machine(claims => { client_id => 'other' }),
    401, 'Bearer error="invalid_token", error_description="bad_claim"', 'credential bad_claim';
turned_away 'a scope that it does not have', required('machine scope=orders:delete'), $robot,
    403, 'Bearer error="insufficient_scope", scope="orders:delete"', 'insufficient_scope';
turned_away 'another client', required('machine client_id=other'), $robot, 403, undef, 'wrong_client';
turned_away 'a variable', required('machine $http_x_mine'), $robot, 403, undef, 'variable';

title 'everywhere else it is refused';
turned_away 'where a user is required', required('valid'), $robot, 401, $as_a_machine, 'credential machine_token';
turned_away 'where its scope is required', required('scope=orders:read'), $robot, 401, $as_a_machine, 'credential machine_token';
turned_away 'where its client is required', required('client_id=robot'), $robot, 401, $as_a_machine, 'credential machine_token';
admitted 'it is an invalid credential where nothing is required', 'authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND;', $robot, 'invalid', no_error_log => 'access refused';
turned_away 'after a location that admits it', 'authgear_resolve on; authgear_require machine; try_files /none @users;', $robot, 401, $as_a_machine,
    'credential machine_token', server => 'location @users { ' . required('valid') . ' }';
admitted 'it goes on as invalid where nothing is required', 'authgear_resolve on; authgear_require machine; try_files /none @open;', $robot, 'invalid',
    server => 'location @open { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }', no_error_log => 'access refused';
admitted 'it goes on as it is where nothing is written', 'authgear_resolve on; authgear_require machine; try_files /none @unsaid;', $robot, 'x', %told,
    'response_body' => headers('x-authgear-client-id: robot', 'x-authgear-scope: orders:read orders:write'), server => 'location @unsaid { proxy_pass $TEST_NGINX_BACKEND; }';
admitted 'a user\'s cookie beside it changes nothing', $area, "$robot\nCookie: " . session(user => 'alice', kind => 'app_session'), 'nobody';

spec_string(table());
no_root_location();
run_tests();
