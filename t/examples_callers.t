# The files of nginx-conf/ for who is calling before the access phase, and for tokens from elsewhere, run as their readers run them; t/examples.t
# has the others.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite origin => 'http://project.authgear.cloud';
use Authgear::Backends;
use Authgear::Example;

user(id => $_) for qw(alice bob);
our $token   = token(user => 'alice');
our $alice   = bearer($token);
our $bob     = bearer(user => 'bob');
our $opaque  = bearer(opaque(user => 'alice'));
our ($robot, $other_robot) = map { bearer(machine_token(client_id => $_, resource => 'https://api.example.com')) } qw(robot other);
our $expired = bearer(user => 'alice', lifetime => -60);
our $session = 'Cookie: ' . session(user => 'alice', kind => 'session');
our $forged  = "X-Authgear-Session-Valid: true\nX-Authgear-User-Id: mallory";
our $backend = $ENV{TEST_NGINX_BACKEND_HOST};

# The policy service that refuses.
sub refusing { return $_[0] =~ s{http://policy/check}{http://policy/status/403}r }

# What the policy service heard besides, and that is no identity.
sub text_of_policy {
    my ($heard) = grep { $_->{path} eq '/check' } log_of_backend();
    return join '', sort map {"$_->[0]: $_->[1]\n"} grep { $_->[0] =~ /^(?:x-original|authorization|cookie)/ } @{ $heard->{headers} };
}

# Whether nginx's own log has this.
sub logged {
    my ($text) = @_;
    open my $log, '<', Test::Nginx::Util::server_root() . '/logs/access.log' or die "access.log: $!\n";
    return index(do { local $/; <$log> }, $text) >= 0 ? 'logged' : 'not logged';
}

no_root_location();
run_tests();

__DATA__

=== TEST 1: websocket.conf: a token among the subprotocols counts, and the backend sees the others
--- http_config eval
::http_of('websocket', $::backend)
--- config eval
::server_of('websocket')
--- request eval
[("GET /ws") x 4]
--- more_headers eval
[map {"$::forged\nSec-WebSocket-Protocol: $_"} "chat.v1, bearer.$::token", "bearer.$::token,chat.v1", "chat.v1, bearer.$::token, chat.v2", 'chat.v1']
--- response_body_filters eval
sub { ::verdict($_[0]) . ($_[0] =~ /^(sec-websocket-protocol: .*\n)/m)[0] }
--- response_body eval
[map {"$_->[0] (backend $_->[1], resolver 0)\nsec-websocket-protocol: $_->[2]\n"}
    ['alice', 1, 'chat.v1'], ['alice', 2, 'chat.v1'], ['alice', 3, 'chat.v1, chat.v2'], ['nobody', 4, 'chat.v1']]



=== TEST 2: sse.conf: a token in the query counts; neither the backend nor the log sees it
--- http_config eval
::http_of('sse', $::backend)
--- config eval
::server_of('sse')
--- request eval
["GET /events?access_token=$::token&channel=news", "GET /events?channel=news", "GET /events?access_token=none"]
--- error_code eval
[200, 401, 401]
--- response_body_filters eval
sub { ($_[0] =~ /\A(GET .*\n)/)[0] // '' . ::verdict($_[0]) . ::logged('/events') . ', ' . ::logged($::token) }
--- response_body eval
["GET /events?channel=news\n", map {"refused (backend 1, resolver $_)\nlogged, not logged"} 0, 1]



=== TEST 3: rate-limit.conf: each user has a rate, each address without one another
--- http_config eval
::http_of('rate-limit', $::backend)
--- config eval
::server_of('rate-limit')
--- request eval
[("GET /") x 9, ("GET /downloads/") x 2]
--- more_headers eval
[(map { ($::alice, $::forged) } 1 .. 3), $::bob, '', $::expired, $::session, $::forged]
--- error_code eval
[(200) x 10, 401]
--- response_body_filters eval
sub { ::verdict($_[0]) =~ s/ .*//r }
--- response_body eval
[map {"$_\n"} (qw(alice nobody) x 3), qw(bob nobody invalid alice refused)]



=== TEST 4: rate-limit.conf: a machine has a rate of its own, whatever its address has used up
--- http_config eval
::http_of('rate-limit', $::backend) =~ s/(zone=machines:\S+ rate=)\S+;/${1}1r\/m;/r
--- config eval
::server_of('rate-limit') =~ s/(zone=machines burst=)\d+/${1}1/r =~ s/(zone=addresses burst=)5/${1}1/gr
--- request eval
[("GET /internal-api/") x 7]
--- more_headers eval
['', '', '', $::robot, $::robot, $::robot, $::other_robot]
--- error_code eval
[401, 401, 429, 200, 200, 429, 200]
--- response_body_filters eval
sub { ($_[0] =~ /^x-authgear-client-id: (.*)$/m)[0] // 'refused' }
--- response_body eval
[('refused') x 3, 'robot', 'robot', 'refused', 'other']



=== TEST 5: policy-service.conf: the service and the backend know who is calling, and the service sees no credential
--- http_config eval
::http_of('policy-service', $::backend)
--- config eval
::server_of('policy-service')
--- request
GET /orders
--- more_headers eval
"$::forged\n$::opaque"
--- response_body_filters eval
sub { ::backends(2)->() . ::text_of_policy() }
--- response_body
/check: alice
/orders: alice
resolver 1
x-original-method: GET
x-original-uri: /orders



=== TEST 6: policy-service.conf: who may not, and who is nobody
--- http_config eval
::http_of('policy-service', $::backend)
--- config eval
::refusing(::server_of('policy-service'))
--- request eval
["GET /orders", "GET /orders"]
--- more_headers eval
[$::alice, $::forged]
--- error_code eval
[403, 403]
--- response_body_filters eval
\&::verdict
--- response_body eval
["refused (backend 1, resolver 0)\n", "refused (backend 2, resolver 0)\n"]
