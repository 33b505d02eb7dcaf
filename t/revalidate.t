# authgear_revalidate: which tokens are asked about, with what, and what the answer makes of them.
#
# How old a token is, its iat says; that time passes, tests/scenarios/ have.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;

user(id => 'alice');
user(id => 'bob');
user(id => $_) for qw(revoked barred);
our $session = session(user => 'bob');

# A good token that nobody has vouched for in two minutes.
sub due { return bearer(token_due(@_)) }
sub token_due { return token(iat => time - 120, lifetime => 36_000, @_) }

our $due   = due(user => 'alice');
our $fresh = bearer(user => 'alice');
our $proof = due(user => 'alice');
our $gone  = due(user => 'revoked', register => false);
our $barred = due(user => 'barred');
change('barred', barred => true);

# Claims say `admin`; the server has taken that back since.
user(id => 'demoted', roles => ['admin']);
our $demoted = due(user => 'demoted');
change('demoted', roles => ['reader']);

# For `response_body_filters`: the verdict, after a question in the background has had its time.
sub later {
    my $told = verdict(@_) =~ s/ .*//sr;
    select undef, undef, undef, 0.4;
    return "$told (resolver " . count()->{resolver} . ")\n";
}

# The same, and every question whole, its headers in alphabetical order.
sub later_and_asked {
    my $told = later(@_);
    for my $asked (grep { $_->{target} eq 'resolver' } log_of_authgear()) {
        $told .= "$asked->{method} $asked->{path}\n" . join '', sort map {"$_->[0]: $_->[1]\n"} @{ $asked->{headers} };
    }
    return $told;
}

# The same, and the roles that the backend was told of.
sub later_with_roles { return later(@_) . join '', $_[0] =~ /^x-authgear-user-roles.*\n/mg }

# A server that resolves everywhere; /t has what IN says.
sub server {
    my ($in, $around) = @_;
    $around //= '';
    return <<"END";
    authgear_endpoint \$TEST_NGINX_AUTHGEAR;
    include \$TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    $around
    location /t { $in proxy_pass \$TEST_NGINX_BACKEND; }
    location /none { proxy_pass \$TEST_NGINX_BACKEND; }
END
}

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(request => [('GET /t') x 2]) unless defined $block->request;
    $block->set_value(response_body_filters => \&later) unless defined $block->response_body_filters;
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: by default a token that was confirmed two minutes ago is asked about, once
--- config eval
::server('')
--- more_headers eval
$::due
--- response_body eval
["alice (resolver 1)\n", "alice (resolver 1)\n"]



=== TEST 2: and one that was issued just now is not
--- config eval
::server('')
--- more_headers eval
$::fresh
--- response_body eval
["alice (resolver 0)\n", "alice (resolver 0)\n"]



=== TEST 3: off
--- config eval
::server('authgear_revalidate off;')
--- more_headers eval
$::due
--- response_body eval
["alice (resolver 0)\n", "alice (resolver 0)\n"]



=== TEST 4: with local there is none
--- config eval
::server('authgear_resolve local;', 'authgear_revalidate 1s;')
--- more_headers eval
$::due
--- response_body eval
["alice (resolver 0)\n", "alice (resolver 0)\n"]



=== TEST 5: a token that does not verify is asked about by nobody
--- config eval
::server('authgear_revalidate 1s;')
--- more_headers eval
[::due(user => 'alice', tamper => 'signature'), ::due(user => 'alice', lifetime => 60)]
--- response_body eval
["invalid (resolver 0)\n", "invalid (resolver 0)\n"]



=== TEST 6: from http, server and location the innermost holds
--- http_config
    authgear_revalidate off;
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        include $TEST_NGINX_AUTHGEAR_CONF;
        location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config eval
::server('authgear_revalidate 1m;', 'authgear_revalidate 1h;')
--- request eval
['GET /none', 'GET /none', 'GET /t']
--- more_headers eval
["Host: second\n$::due", "Host: localhost\n$::due", "Host: localhost\n$::due"]
--- response_body eval
["alice (resolver 0)\n", "alice (resolver 0)\n", "alice (resolver 1)\n"]



=== TEST 7: the question carries the token alone, as a bearer, and shows who asked
--- config eval
::server('')
--- request
GET /t
--- more_headers eval
my $token = $::due =~ s/.* //r;
"User-Agent: the asker's own\nX-Forwarded-For: 203.0.113.7\nX-Private: yes\nCookie: theme=dark; app_access_token=$token; $::session"
--- response_body_filters eval
\&::later_and_asked
--- response_body eval
"alice (resolver 1)\nGET /_resolver/resolve\n" . lcfirst($::due) . "\nhost: $ENV{TEST_NGINX_AUTHGEAR_HOST}\nuser-agent: the asker's own\n"
  . "x-forwarded-for: 203.0.113.7, 127.0.0.1\nx-forwarded-proto: http\n"



=== TEST 8: yes: what the resolver says takes the place of the claims
--- config eval
::server('')
--- more_headers eval
$::demoted
--- response_body_filters eval
\&::later_with_roles
--- response_body eval
["demoted (resolver 1)\nx-authgear-user-roles: admin\n", "demoted (resolver 1)\nx-authgear-user-roles: reader\n"]



=== TEST 9: no headers, after a yes to another token: the session has ended
--- config eval
::server('')
--- request eval
[('GET /t') x 4]
--- more_headers eval
[$::proof, $::gone, $::gone, $::gone]
--- response_body eval
["alice (resolver 1)\n", "revoked (resolver 3)\n", "invalid (resolver 3)\n", "invalid (resolver 3)\n"]



=== TEST 10: then the walk goes on
--- config eval
::server('')
--- request eval
[('GET /t') x 3]
--- more_headers eval
[$::proof, $::gone, "$::gone\nCookie: $::session"]
--- response_body eval
["alice (resolver 1)\n", "revoked (resolver 3)\n", "bob (resolver 4)\n"]



=== TEST 11: no headers before any yes: nothing is known, and the log says what to look at
--- config eval
::server('')
--- request
GET /t
--- more_headers eval
$::gone
--- response_body
revoked (resolver 2)
--- error_log eval
[qr/\[error\] .*authgear: the resolver of \Q$ENV{TEST_NGINX_AUTHGEAR}\E answered a good token with no headers.*Host.*X-Forwarded-Proto/]
--- no_error_log
[alert]
credential refused



=== TEST 12: nor does it become known by being asked about again
--- config eval
::server('authgear_revalidate 100ms max=1m;')
--- request eval
[('GET /t') x 3]
--- more_headers eval
$::gone
--- response_body eval
["revoked (resolver 2)\n", "revoked (resolver 4)\n", "revoked (resolver 6)\n"]



=== TEST 13: false: the user is barred
--- config eval
::server('')
--- more_headers eval
$::barred
--- response_body eval
["barred (resolver 1)\n", "invalid (resolver 1)\n"]



=== TEST 14: then the walk stops, as at the server
--- config eval
::server('')
--- more_headers eval
"$::barred\nCookie: $::session"
--- response_body eval
["barred (resolver 1)\n", "invalid (resolver 1)\n"]



=== TEST 15: another user: the session has ended
--- config eval
::server('')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'headers', headers => { 'x-authgear-user-id' => 'bob' });
--- more_headers eval
$::due
--- response_body eval
["alice (resolver 1)\n", "invalid (resolver 1)\n"]



=== TEST 16: which is told in the log, without a name
--- config eval
::server('')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'headers', headers => { 'x-authgear-user-id' => 'bob' });
--- request
GET /t
--- more_headers eval
$::due
--- response_body
alice (resolver 1)
--- error_log eval
[qr/\[error\] .*authgear: .*another user/]
--- no_error_log eval
[qr/authgear: .*\b(?:bob|alice)\b/]



=== TEST 17: no answer: a yes stays
--- config eval
::server('authgear_revalidate 100ms max=1m;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request eval
[('GET /t') x 3]
--- more_headers eval
$::due
--- response_body eval
["alice (resolver 1)\n", "alice (resolver 2)\n", "alice (resolver 3)\n"]



=== TEST 18: a status other than 200, whatever its headers say
--- config eval
::server('authgear_revalidate 100ms max=1m;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'answer', status => 403, headers => [['x-authgear-session-valid', 'false']], body => '');
--- request eval
[('GET /t') x 3]
--- more_headers eval
$::due
--- response_body eval
["alice (resolver 1)\n", "alice (resolver 2)\n", "alice (resolver 3)\n"]



=== TEST 19: beyond max the answer comes first; max is five intervals unless written
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request eval
['GET /none', 'GET /t']
--- config eval
::server('authgear_revalidate 100ms;')
--- more_headers eval
['', $::due]
--- response_body_filters eval
sub { my $told = ::verdict(@_); select undef, undef, undef, 0.8; return $told }
--- error_code eval
[200, 503]
--- response_headers eval
['! Retry-After', 'Retry-After: 5']
--- response_body eval
["nobody (backend 1, resolver 0)\n", "refused (backend 1, resolver 1)\n"]



=== TEST 20: a longer max serves it
--- config eval
::server('authgear_revalidate 100ms max=1h;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request eval
['GET /none', 'GET /t']
--- more_headers eval
['', $::due]
--- response_body_filters eval
sub { my $told = ::verdict(@_) =~ s/,.*//r; select undef, undef, undef, 0.8; return $told }
--- response_body eval
["nobody (backend 1\n", "alice (backend 2\n"]



=== TEST 21: without an answer beyond max, authgear_unavailable says what happens
--- config eval
::server('authgear_revalidate 100ms; authgear_unavailable pass;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request eval
['GET /none', 'GET /t']
--- more_headers eval
['', "$::due\nX-Authgear-User-Id: mallory"]
--- response_body_filters eval
sub { my $told = ::verdict(@_); select undef, undef, undef, 0.8; return $told }
--- response_body eval
["nobody (backend 1, resolver 0)\n", "nobody (backend 2, resolver 1)\n"]



=== TEST 22: a token that is due is asked about where it is served from memory too, whatever the method
--- config eval
::server('')
--- request eval
["POST /t\n" . 'x' x 100000, 'GET /t']
--- more_headers eval
$::due
--- response_body eval
["alice (resolver 1)\n", "alice (resolver 1)\n"]
