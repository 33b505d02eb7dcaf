# authgear_cache_valid: how long the resolver's answers are remembered, and for whom.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

user(id => 'alice', roles => ['admin', 'editor'], verified => true);
user(id => 'bob');
our $opaque  = bearer(opaque(user => 'alice'));
our $session = session(user => 'alice');
our $app     = session(user => 'bob', kind => 'app_session');
our $jwt     = bearer(user => 'alice');
our $told    = bearer(opaque(user => 'alice', auth_time => 1_700_000_000));
our $dead    = bearer('nobody-knows-this-token-0000000000');

# A server that resolves in every location; AROUND stands in the server, and /t has what IN says.
sub server {
    my ($in, $around) = @_;
    $around //= '';
    return <<"END";
    authgear_endpoint \$TEST_NGINX_AUTHGEAR;
    include \$TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    $around
    location /t { $in proxy_pass \$TEST_NGINX_BACKEND; }
    location /other { authgear_cache_valid 60s; authgear_audience other; proxy_pass \$TEST_NGINX_BACKEND; }
    location /off { authgear_cache_valid off; proxy_pass \$TEST_NGINX_BACKEND; }
    location /none { proxy_pass \$TEST_NGINX_BACKEND; }
END
}

# As many answers as there are numbers, each the same but for how often the resolver was asked by then.
sub answers {
    my ($who, @asked) = @_;
    my $backend = 0;
    return [map { $backend++; "$who (backend $backend, resolver $_)\n" } @asked];
}

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(request => [('GET /t') x 3]) unless defined $block->request;
    $block->set_value(response_body_filters => \&verdict) unless defined $block->response_body_filters;
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: off unless written
--- config eval
::server('')
--- more_headers eval
$::opaque
--- response_body eval
::answers('alice', 1, 2, 3)



=== TEST 2: off where it is written
--- config eval
::server('authgear_cache_valid off;')
--- more_headers eval
$::opaque
--- response_body eval
::answers('alice', 1, 2, 3)



=== TEST 3: an opaque token is asked about once
--- config eval
::server('authgear_cache_valid 60s;')
--- more_headers eval
$::opaque
--- response_body eval
::answers('alice', 1, 1, 1)



=== TEST 4: so is a session cookie, whatever stands beside it
--- config eval
::server('authgear_cache_valid 60s;')
--- more_headers eval
["Cookie: $::session", "Cookie: theme=dark; $::session", "Cookie: $::session; basket=7\nUser-Agent: another"]
--- response_body eval
::answers('alice', 1, 1, 1)



=== TEST 5: and a JWT where the resolver decides all
--- config eval
::server('authgear_resolve remote; authgear_cache_valid 60s;')
--- more_headers eval
$::jwt
--- response_body eval
::answers('alice', 1, 1, 1)



=== TEST 6: whatever the method
--- config eval
::server('authgear_cache_valid 60s;')
--- request eval
["POST /t\na body", 'DELETE /t', 'OPTIONS /t']
--- more_headers eval
$::opaque
--- response_body eval
::answers('alice', 1, 1, 1)



=== TEST 7: no is not remembered without invalid=
--- config eval
::server('authgear_cache_valid 60s;')
--- more_headers eval
$::dead
--- response_body eval
::answers('invalid', 1, 2, 3)



=== TEST 8: with it, no is
--- config eval
::server('authgear_cache_valid 60s invalid=60s;')
--- more_headers eval
$::dead
--- response_body eval
::answers('invalid', 1, 1, 1)



=== TEST 9: also the no to a cookie
--- config eval
::server('authgear_cache_valid 60s invalid=60s;')
--- more_headers
Cookie: session=never-issued
--- response_body eval
::answers('invalid', 1, 1, 1)



=== TEST 10: the times are over after themselves
--- config eval
::server('authgear_cache_valid 300ms invalid=300ms;')
--- request eval
[('GET /t') x 4]
--- more_headers eval
[$::opaque, $::opaque, $::dead, $::dead]
--- response_body_filters eval
sub { my $verdict = ::verdict(@_); select undef, undef, undef, 0.5; return $verdict }
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 2)\n", "invalid (backend 3, resolver 3)\n", "invalid (backend 4, resolver 4)\n"]



=== TEST 11: what is told from memory is what was told before
--- config eval
::server('authgear_cache_valid 60s;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'headers', headers => { 'x-authgear-user-future' => 'told' });
--- more_headers eval
"$::told\nX-Authgear-User-Roles: forged\nX-Authgear-Forged: yes"
--- response_body_filters eval
\&::identity
--- response_body eval
[("x-authgear-session-authenticated-at: 1700000000\nx-authgear-session-valid: true\nx-authgear-user-anonymous: false\nx-authgear-user-can-reauthenticate: true\nx-authgear-user-future: told\n"
  . "x-authgear-user-id: alice\nx-authgear-user-roles: admin,editor\nx-authgear-user-verified: true\n") x 3]



=== TEST 12: the anonymous are nobody, before and after
--- config eval
::server('authgear_cache_valid 60s invalid=60s;')
--- request eval
[('GET /t') x 4]
--- more_headers eval
['', "Cookie: $::app", '', 'Cookie: theme=dark']
--- response_body eval
["nobody (backend 1, resolver 0)\n", "bob (backend 2, resolver 1)\n", "nobody (backend 3, resolver 1)\n", "nobody (backend 4, resolver 1)\n"]



=== TEST 13: two cookies are another question than either of them
--- config eval
::server('authgear_cache_valid 60s;')
--- request eval
[('GET /t') x 6]
--- more_headers eval
["Cookie: $::session", "Cookie: $::session; $::app", "Cookie: $::app", "Cookie: $::app; $::session", "Cookie: $::session", "$::opaque\nCookie: $::app"]
--- response_body eval
["alice (backend 1, resolver 1)\n", "bob (backend 2, resolver 2)\n", "bob (backend 3, resolver 3)\n", "bob (backend 4, resolver 3)\n",
 "alice (backend 5, resolver 3)\n", "alice (backend 6, resolver 4)\n"]



=== TEST 14: a location of another policy asks for itself, and one that remembers nothing asks each time
--- config eval
::server('authgear_cache_valid 60s;')
--- request eval
['GET /t', 'GET /other', 'GET /other', 'GET /off', 'GET /none', 'GET /t']
--- more_headers eval
$::opaque
--- response_body eval
::answers('alice', 1, 2, 2, 3, 4, 4)



=== TEST 15: a location that takes other credentials asks another question
--- config eval
::server('authgear_cache_valid 60s;', 'authgear_cache_valid 60s; location /cookies { authgear_credentials session; proxy_pass $TEST_NGINX_BACKEND; }')
--- request eval
['GET /t', 'GET /cookies', 'GET /t', 'GET /cookies']
--- more_headers eval
"$::dead\nCookie: $::session"
--- response_body eval
::answers('alice', 1, 2, 2, 2)



=== TEST 16: another server asks for itself
--- http_config
    authgear_cache_valid 60s;
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        include $TEST_NGINX_AUTHGEAR_CONF;
        location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config eval
::server('')
--- request eval
[('GET /t') x 4]
--- more_headers eval
[map { "Host: $_\n$::opaque" } qw(localhost second localhost second)]
--- response_body eval
::answers('alice', 1, 2, 2, 2)



=== TEST 17: from http, server and location the innermost holds, off as well
--- http_config
    authgear_cache_valid 60s invalid=60s;
--- config eval
::server('authgear_cache_valid 60s;', 'authgear_cache_valid off;')
--- request eval
['GET /t', 'GET /t', 'GET /t', 'GET /none', 'GET /none']
--- more_headers eval
[$::opaque, $::opaque, $::dead, $::opaque, $::opaque]
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 1)\n", "invalid (backend 3, resolver 2)\n",
 "alice (backend 4, resolver 3)\n", "alice (backend 5, resolver 4)\n"]



=== TEST 18: a Set-Cookie goes to who waited for the answer, and is not remembered
--- config eval
::server('authgear_cache_valid 60s invalid=60s; authgear_pass_set_cookie on;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'headers', headers => { 'set-cookie' => 'session=; Domain=example.com; Path=/; Max-Age=0' });
--- more_headers
Cookie: session=never-issued
--- response_headers eval
["Set-Cookie: session=; Domain=example.com; Path=/; Max-Age=0", "! Set-Cookie", "! Set-Cookie"]
--- response_body eval
::answers('invalid', 1, 1, 1)



=== TEST 19: that no verdict could be had is not remembered
--- config eval
::server('authgear_cache_valid 60s invalid=60s;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500, times => 1);
Authgear::Suite::then_fault(target => 'resolver', kind => 'status', status => 403, times => 1);
--- more_headers eval
$::opaque
--- error_code eval
[503, 503, 200]
--- response_body eval
["refused (backend 0, resolver 1)\n", "refused (backend 0, resolver 2)\n", "alice (backend 1, resolver 3)\n"]



=== TEST 20: an answer stays for authgear_stale_if_error while the resolver fails, and not without it
--- config eval
::server('authgear_cache_valid 200ms; authgear_stale_if_error 60s;', 'authgear_cache_valid 200ms;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'delay', ms => 0, times => 2);
Authgear::Suite::then_fault(target => 'resolver', kind => 'close');
--- request eval
['GET /none', 'GET /none', 'GET /none', 'GET /t']
--- more_headers eval
[$::opaque, "Cookie: $::session", $::opaque, $::opaque]
--- response_body_filters eval
sub { my $verdict = ::verdict(@_); select undef, undef, undef, 0.4; return $verdict }
--- error_code eval
[200, 200, 503, 200]
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 2)\n", "refused (backend 2, resolver 3)\n", "alice (backend 3, resolver 4)\n"]
