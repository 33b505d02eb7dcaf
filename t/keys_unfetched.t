# Keys that cannot be had: what counts as no answer for keys, and what then becomes of a token.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
our $keys  = jwks();
our $alice = bearer(user => 'alice');

# What Authgear does wrong about its keys, from nginx's start on.
sub keys_fail { return fault(target => 'jwks', @_) }

# The same where it answers, if not with keys.
sub keys_are { my ($body, $status, @headers) = @_; return keys_fail(kind => 'answer', status => $status // 200, headers => \@headers, body => $body) }

# `on` asks the resolver about the token, `local` has no verdict.
blocks_have(
    config => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t     { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /local { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
    request               => ['GET /t', 'GET /local'],
    more_headers          => $alice,
    error_code            => [200, 503],
    response_body_filters => \&verdict,
    response_body         => ["alice (backend 1, resolver 1)\n", "refused (backend 1, resolver 1)\n"],
);
run_tests();

__DATA__

=== TEST 1: a status 500
--- post_setup_server_root: ::keys_fail(kind => 'status', status => 500);



=== TEST 2: a status 404
--- post_setup_server_root: ::keys_fail(kind => 'status', status => 404);



=== TEST 3: a status 204
--- post_setup_server_root: ::keys_fail(kind => 'status', status => 204);



=== TEST 4: a redirect
--- post_setup_server_root: ::keys_are($::keys, 302, ['location', '/elsewhere']);



=== TEST 5: a status 203
--- post_setup_server_root: ::keys_are($::keys, 203);



=== TEST 6: a closed connection
--- post_setup_server_root: ::keys_fail(kind => 'close');



=== TEST 7: bytes that are no HTTP
--- post_setup_server_root: ::keys_fail(kind => 'garbage');



=== TEST 8: an answer that is cut short
--- post_setup_server_root: ::keys_fail(kind => 'close_mid_answer');



=== TEST 9: an empty answer
--- post_setup_server_root: ::keys_are('');



=== TEST 10: what is not JSON
--- post_setup_server_root: ::keys_are('<html>maintenance</html>');



=== TEST 11: an answer that is too large
--- post_setup_server_root: ::keys_are($::keys . ' ' x 262_144);



=== TEST 12: why keys could not be fetched is logged, and that no verdict could be had
--- post_setup_server_root: ::keys_fail(kind => 'status', status => 500);
--- request: GET /local
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: "refused (backend 0, resolver 0)\n"
--- error_log eval: [qr/\[error\] .*authgear: keys of http:.* could not be fetched: status 500/, qr/\[error\] .*authgear: no verdict could be had: no_keys/]



=== TEST 13: a set of exactly 256 KiB is taken
--- post_setup_server_root: Authgear::Suite::serve_jwks($::keys . ' ' x (262_144 - length $::keys));
--- request: GET /local
--- response_body eval: "alice (backend 1, resolver 0)\n"



=== TEST 14: one byte more is not
--- post_setup_server_root: Authgear::Suite::serve_jwks($::keys . ' ' x (262_145 - length $::keys));
--- request: GET /local
--- error_code: 503
--- response_body eval: "refused (backend 0, resolver 0)\n"
--- error_log eval: qr/could not be fetched: the answer is larger than 262144 bytes/



=== TEST 15: nginx starts with Authgear down; who carries no credential notices nothing
--- post_setup_server_root: Authgear::Suite::fault(target => 'all', kind => 'refuse');
--- request eval: ["GET /t", "GET /t", "GET /local", "GET /t"]
--- more_headers eval: ["", $::alice, $::alice, "Cookie: theme=dark"]
--- error_code eval: [200, 503, 503, 200]
--- response_body eval: ["nobody (backend 1, resolver 0)\n", "refused (backend 1, resolver 0)\n", "refused (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n"]
