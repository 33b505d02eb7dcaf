# The cookbook: each block of docs/policies.md as it stands, and requests that show what its text says.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Documented;
use Authgear::Suite;

my $banned = '3f1c0f6e-1d7b-4a0f-9d0c-0f5b1c3f7a52';
user(id => 'admin',  verified => true, roles => ['admin']);
user(id => 'editor', verified => true, roles => ['editor']);
user(id => 'clerk', roles => [ 'admin', 'billing' ]);
user(id => 'guest', anonymous => true);
user(id => $banned);
my %who = (
    nobody   => '',
    admin    => bearer(user => 'admin'),
    editor   => bearer(user => 'editor'),
    old      => bearer(user => 'admin', auth_time => time - 600),
    clerk    => bearer(user => 'clerk'),
    guest    => bearer(user => 'guest'),
    banned   => bearer(user => $banned),
    opaque   => bearer(opaque(user => $banned)),
    worn     => bearer(user => $banned, lifetime => -60),
    third    => bearer(user => 'editor', client_id => 'shop', scope => 'openid orders:read'),
    writer   => bearer(user => 'editor', client_id => 'shop', scope => 'orders:read orders:write'),
    reports  => bearer(machine_token(client_id => 'reports', resource => 'https://api.example.com', scope => 'orders:read')),
    robot    => bearer(machine_token(client_id => 'robot', resource => 'https://api.example.com', scope => 'orders:read')),
    cookie   => 'Cookie: ' . session(user => 'editor'),
    browser  => "Origin: https://app.example\nAccess-Control-Request-Method: PUT",
);

my @blocks;

# policy(HEADING, 'WHO METHOD URI' => STATUS, ...)
sub policy {
    my ($heading, @requests) = @_;
    my %sections = documented(policies => $heading);
    while (my ($asked, $status) = splice @requests, 0, 2) {
        my ($who, $method, $uri) = split ' ', $asked;
        my $heard = $status == 200 ? 1 : 0;
        push @blocks, join "\n", sprintf('=== TEST %d: %s: %s', @blocks + 1, $heading, $asked),
            (map { ("--- $_", $sections{$_}) } sort keys %sections),
            '--- request', "$method $uri", ($who{$who} ? ('--- more_headers', $who{$who}) : ()), "--- error_code: $status",
            '--- response_body_filters eval', 'sub { "backend " . Authgear::Suite::count()->{backend} . "\n" }', '--- response_body', "backend $heard",
            '--- no_error_log', '[alert]', '', '';
    }
    return;
}

policy 'Everything but a few places', 'nobody GET /' => 401, 'guest GET /' => 200, 'nobody GET /health' => 200, 'nobody GET /assets/none' => 404;
policy 'An admin area', 'nobody GET /admin/' => 401, 'editor GET /admin/' => 403, 'admin GET /admin/' => 200,
    'admin GET /admin/billing/' => 403, 'clerk GET /admin/billing/' => 200;
policy 'Verified users only', 'guest GET /forum/' => 403, 'clerk GET /forum/' => 200, 'clerk GET /vote/' => 403, 'editor GET /vote/' => 200;
policy 'Step-up before a payment', 'old GET /payments/' => 401, 'admin GET /payments/' => 200, 'clerk GET /payments/' => 403;
policy 'An emergency deny list', 'banned GET /' => 403, 'editor GET /' => 200, 'nobody GET /' => 401;
policy 'A deny list where everybody may enter', 'banned GET /' => 403, 'editor GET /' => 200, 'guest GET /' => 200, 'nobody GET /' => 200, 'worn GET /' => 200,
    'opaque GET /' => 403, 'nobody GET /_not_banned' => 404;
policy 'Anonymous users may read', 'nobody GET /articles/' => 200, 'nobody DELETE /articles/' => 401, 'admin DELETE /articles/' => 403, 'editor DELETE /articles/' => 200;
policy 'Machines', 'reports GET /internal-api/' => 200, 'robot GET /internal-api/' => 403, 'admin GET /internal-api/' => 401, 'nobody GET /internal-api/' => 401;
policy 'Scopes for other people\'s apps', 'third GET /api/orders/' => 200, 'third DELETE /api/orders/' => 403, 'writer DELETE /api/orders/' => 200,
    'third GET /' => 403, 'editor GET /' => 200;
policy 'A login page for browsers', 'nobody GET /account/' => 302, 'editor GET /account/' => 302, 'cookie GET /account/' => 200, 'nobody GET /login' => 200;
policy 'Browsers of another origin', 'browser OPTIONS /api/' => 200, 'browser GET /api/' => 401, 'editor GET /api/' => 200, 'cookie GET /api/' => 401;
policy 'Try it first', 'nobody GET /admin/' => 200, 'editor GET /admin/' => 200;

spec_string(join "\n", @blocks);
no_root_location();
run_tests();
