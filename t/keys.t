# Where keys come from, and when they are fetched again; keys that cannot be had are in keys_unfetched.t.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;
use HTTP::Tiny ();
use JSON::PP   ();

user(id => 'alice');

# Two of Authgear's keys: the set before a rotation and the one after it, and a token by each.
our $before   = jwks();
our $by_first = bearer(user => 'alice');
rotate();
our $after     = jwks();
our $by_second = bearer(user => 'alice');
our $unknown   = bearer(user => 'alice', kid => 'never-published');

our $foreign    = foreign_jwks();
our $by_foreign = bearer(user => 'alice', key => 'foreign');

# A key set of the first key of `before`, once for each kid, and a token by one of them.
our $first = JSON::PP::decode_json($before)->{keys}[0];
sub set_of { return JSON::PP::encode_json({ keys => [ map { +{ %$first, kid => $_ } } @_ ] }) }
sub by_kid { return bearer(user => 'alice', key => $first->{kid}, kid => shift) }

# A request before the block's own, which waits until there are keys.
sub have_keys {
    my ($header) = @_;
    my ($token) = $header =~ /Bearer (.*)/;
    HTTP::Tiny->new->get('http://127.0.0.1:' . server_port() . '/t', { headers => { authorization => "Bearer $token" } });
    return;
}

# What is answered for keys the first time only.
sub first_keys { fault(target => 'jwks', kind => 'answer', status => 200, headers => [], body => shift, times => 1) }

# What Authgear was sent for its keys.
sub fetches {
    my $text = '';
    for my $fetch (grep { $_->{target} eq 'jwks' } log_of_authgear()) {
        $text .= "$fetch->{method} $fetch->{path}\n" . join '', map {"$_->[0]: $_->[1]\n"} @{ $fetch->{headers} };
    }
    return $text;
}

blocks_have(
    more_headers          => $by_first,
    user_files            => [ [ 'keys.json', $after ], [ 'foreign.json', $foreign ] ],
    response_body_filters => \&verdict,
    response_body         => "alice (backend 1, resolver 0)\n",
);
run_tests();

__DATA__

=== TEST 1: keys are fetched once for all requests
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [$::by_first, $::by_second, $::by_first]
--- response_body_filters eval: \&::heard
--- response_body_like eval: ["alice.*\nheard: backend 1, resolver 0, keys 1", "alice.*\nheard: backend 2, resolver 0, keys 1", "alice.*\nheard: backend 3, resolver 0, keys 1"]



=== TEST 2: a fetch carries nothing of a client
--- request: GET /t?secret=1
--- more_headers eval: "$::by_first\nCookie: session=secret\nUser-Agent: secret\nX-Forwarded-For: 192.0.2.9\nX-Secret: secret"
--- response_body_filters eval: sub { ::fetches() }
--- response_body_like
\AGET /oauth2/jwks\n(?!.*(?:secret|192|Bearer|cookie|authorization)).*host: [^\n]*\nx-forwarded-proto: http



=== TEST 3: a kid that is not in the set is looked for once, and verifies when the new set has it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_jwks_valid 10m refetch=1h;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- post_setup_server_root: ::first_keys($::before);
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [$::by_first, $::by_second, $::by_second]
--- response_body_filters eval: \&::heard
--- response_body_like eval: ["alice.*\nheard: backend 1, resolver 0, keys 1", "alice.*\nheard: backend 2, resolver 0, keys 2", "alice.*\nheard: backend 3, resolver 0, keys 2"]



=== TEST 4: a kid that the new set does not have either does not verify, and nobody is asked
--- init: ::have_keys($::by_first);
--- more_headers eval: $::unknown
--- response_body_filters eval: \&::heard
--- response_body_like
session-valid: false\n.*heard: backend 2, resolver 0, keys 2
--- error_log eval: qr/\[notice\] .*authgear: credential refused: unknown_key/



=== TEST 5: while looking again is paused, on asks the resolver about such a token
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_jwks_valid 10m refetch=1h;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- post_setup_server_root: Authgear::Suite::serve_jwks($::before);
--- init: ::have_keys($::by_first);
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [$::by_second, $::by_second, $::by_second]
--- response_body_filters eval: \&::heard
--- response_body_like eval: ["session-valid: false\n.*heard: backend 2, resolver 0, keys 2", "user-id: alice\n.*heard: backend 3, resolver 1, keys 2", "user-id: alice\n.*heard: backend 4, resolver 2, keys 2"]



=== TEST 6: while looking again is paused, local has no verdict about such a token
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_jwks_valid 10m refetch=1h;
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- post_setup_server_root: Authgear::Suite::serve_jwks($::before);
--- init: ::have_keys($::by_first);
--- request eval: ["GET /t", "GET /t"]
--- more_headers eval: [$::by_second, $::by_second]
--- error_code eval: [200, 503]
--- response_body eval: ["invalid (backend 2, resolver 0)\n", "refused (backend 2, resolver 0)\n"]



=== TEST 7: after the pause it is looked for again
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_jwks_valid 10m refetch=1ms;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [$::by_second, $::unknown, $::unknown]
--- response_body_filters eval: \&::heard
--- response_body_like eval
["session-valid: true\n.*heard: backend 1, resolver 0, keys 1", "session-valid: false\n.*heard: backend 2, resolver 0, keys 2",
 "session-valid: false\n.*heard: backend 3, resolver 0, keys 3"]



=== TEST 8: a failure never replaces a good set
--- post_setup_server_root
::first_keys($::before);
Authgear::Suite::then_fault(target => 'jwks', kind => 'status', status => 500);
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [$::by_first, $::unknown, $::by_first]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 1)\n", "alice (backend 3, resolver 1)\n"]



=== TEST 9: garbage never replaces a good set
--- post_setup_server_root
::first_keys($::before);
Authgear::Suite::then_fault(target => 'jwks', kind => 'answer', status => 200, headers => [], body => '{"keys": []}');
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [$::by_first, $::unknown, $::by_first]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 1)\n", "alice (backend 3, resolver 1)\n"]



=== TEST 10: a closed connection never replaces a good set
--- post_setup_server_root
::first_keys($::before);
Authgear::Suite::then_fault(target => 'jwks', kind => 'close');
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [$::by_first, $::unknown, $::by_first]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 1)\n", "alice (backend 3, resolver 1)\n"]



=== TEST 11: a file vouches without a fetch, and needs no location for one
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/keys.json;
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /t", "GET /t"]
--- more_headers eval: [$::by_first, $::by_foreign]
--- response_body_filters eval: \&::heard
--- response_body_like eval: ["user-id: alice\n.*heard: backend 1, resolver 0, keys 0", "session-valid: false\n.*heard: backend 2, resolver 0, keys 0"]



=== TEST 12: a kid that is not in a file does not verify: nothing is fetched, nobody is asked
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_jwks_file ../html/keys.json;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: $::unknown
--- response_body_filters eval: \&::heard
--- response_body_like
session-valid: false\n.*heard: backend 1, resolver 0, keys 0



=== TEST 13: a file vouches only in its server, for the same endpoint
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        authgear_jwks_file ../html/foreign.json;
        location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval: ["Host: second\n$::by_foreign", "Host: localhost\n$::by_foreign", "Host: localhost\n$::by_first", "Host: second\n$::by_first"]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n", "alice (backend 3, resolver 0)\n", "invalid (backend 4, resolver 0)\n"]



=== TEST 14: what one server fetches vouches only there, for the same endpoint and URI
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        location = /_auth/jwks { internal; alias $TEST_NGINX_SERVER_ROOT/html/foreign.json; }
        location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval: ["Host: second\n$::by_foreign", "Host: localhost\n$::by_foreign", "Host: localhost\n$::by_first", "Host: second\n$::by_first"]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n", "alice (backend 3, resolver 0)\n", "invalid (backend 4, resolver 0)\n"]



=== TEST 15: keys of one endpoint do not vouch for another
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint http://localhost:$TEST_NGINX_AUTHGEAR_PORT;
        authgear_issuer $TEST_NGINX_AUTHGEAR;
        authgear_audience $TEST_NGINX_AUTHGEAR;
        location = /_auth/jwks { internal; alias $TEST_NGINX_SERVER_ROOT/html/foreign.json; }
        location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /t", "GET /t"]
--- more_headers eval: ["Host: second\n$::by_first", "Host: localhost\n$::by_first"]
--- response_body eval: ["invalid (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n"]



=== TEST 16: keys from a static file of the location of authgear_jwks_request
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth { internal; return 500; }
    location = /_auth/jwks { internal; alias $TEST_NGINX_SERVER_ROOT/html/keys.json; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }



=== TEST 17: keys from such a file with sendfile, aio threads and directio off
--- config
    sendfile on;
    output_buffers 1 512;
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth { internal; return 500; }
    location = /_auth/jwks { internal; alias $TEST_NGINX_SERVER_ROOT/html/keys.json; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }



=== TEST 18: such a file that is not there
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth { internal; return 500; }
    location = /_auth/jwks { internal; alias $TEST_NGINX_SERVER_ROOT/html/absent.json; }
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- error_code: 503
--- response_body eval: "refused (backend 0, resolver 0)\n"
--- error_log eval: qr/could not be fetched: the location of authgear_jwks_request did not hand on an answer/



=== TEST 19: more than sixteen keys of a file: what is left out is warned of
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/keys.json;
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files eval: [["keys.json", ::set_of(map { "k$_" } 1 .. 18)]]
--- more_headers eval: ::by_kid('k16')
--- error_log eval: qr/\[warn\] .*"authgear_jwks_file" holds 2 usable key\(s\) beyond the first 16, which are not used in .*nginx\.conf:\d+$/



=== TEST 20: more than sixteen keys that are fetched: what is left out is logged
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- post_setup_server_root: Authgear::Suite::serve_jwks(::set_of(map { "k$_" } 1 .. 18));
--- more_headers eval: ::by_kid('k16')
--- error_log eval: qr/\[notice\] .*authgear: 16 key\(s\) of .* fetched; 2 more are beyond the limit and not used/
