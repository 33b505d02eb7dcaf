# What a token must be to vouch for a user, by its form, header, key, signature and size (claims.t has its claims): one hostile token for each
# reason; every case is in core/tests. A refused one reaches the backend as `x-authgear-session-valid: false`, its reason stands in the log, and
# nobody is asked.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;
use JSON::PP ();

user(id => 'alice');
our $origin = $ENV{TEST_NGINX_AUTHGEAR};

# alice's token with something wrong.
sub hostile { return bearer(user => 'alice', auth_time => 1_700_000_000, @_) }

# alice's token, with a claim so long that the whole has at most, or for the first time more than, so many bytes.
sub sized {
    my ($bytes, $over) = @_;
    my $least = length token(user => 'alice', claims => { filling => '' });
    my $filling = int(($bytes - $least) * 3 / 4) - 4;
    my ($before, $token);
    for (1 .. 12) {
        ($before, $token) = ($token, token(user => 'alice', auth_time => 1_700_000_000, claims => { filling => 'x' x ++$filling }));
        return 'Authorization: Bearer ' . ($over ? $token : $before) if length $token > $bytes;
    }
    die "no token of about $bytes bytes\n";
}

# The key set's first key, once under each of these kids; '' stands for its own.
sub keys_named {
    my ($key) = @{ JSON::PP::decode_json(jwks())->{keys} };
    return JSON::PP::encode_json({ keys => [map { { %$key, kid => $_ || $key->{kid} } } @_] });
}

blocks_have(
    user_files => ">>> keys.json\n" . jwks(),
    config     => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/keys.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    large_client_header_buffers 4 64k;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
    response_body => invalid_unasked(),
);
run_tests();

__DATA__

=== TEST 1: alice's token is good as it is
--- more_headers eval: ::hostile()
--- response_body eval: ::alice(0)



=== TEST 2: typ in its long form, in another case
--- more_headers eval: ::hostile(header => { typ => 'Application/at+JWT' })
--- response_body eval: ::alice(0)



=== TEST 3: an ID token
--- more_headers eval: ::bearer(::id_token(user => 'alice'))
--- error_log: authgear: credential refused: wrong_type



=== TEST 4: alg none
--- more_headers eval: ::hostile(alg => 'none')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 5: alg HS256, keyed by the public key's PEM
--- more_headers eval: ::hostile(alg => 'HS256')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 6: crit that names a member
--- more_headers eval: ::hostile(header => { crit => ['exp'], exp => 1 })
--- error_log: authgear: credential refused: critical_header



=== TEST 7: a key that was never published
--- more_headers eval: ::hostile(key => 'foreign')
--- error_log: authgear: credential refused: unknown_key



=== TEST 8: no kid, while the set has one key
--- more_headers eval: ::hostile(kid => undef)
--- response_body eval: ::alice(0)



=== TEST 9: another's signature under a published kid
--- more_headers eval: ::hostile(key => 'foreign', kid => 'current')
--- error_log: authgear: credential refused: bad_signature



=== TEST 10: a signature with one letter changed
--- more_headers eval: ::hostile(tamper => 'signature')
--- error_log: authgear: credential refused: bad_signature



=== TEST 11: two dots and nothing else
--- more_headers eval: 'Authorization: Bearer eyJ..'
--- error_log: authgear: credential refused: malformed



=== TEST 12: a token of just under 16 KiB
--- more_headers eval: ::sized(16384)
--- response_body eval: ::alice(0)



=== TEST 13: a token of just over 16 KiB
--- more_headers eval: ::sized(16384, 1)
--- error_log: authgear: credential refused: too_large



=== TEST 14: an app_access_token cookie that is expired
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', lifetime => -5)
--- error_log: authgear: credential refused: expired



=== TEST 15: an app_access_token cookie that is forged
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', key => 'foreign', kid => 'current')
--- error_log: authgear: credential refused: bad_signature



=== TEST 16: no kid, while the set has two keys
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/two.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files eval: ">>> two.json\n" . ::keys_named('', 'other')
--- more_headers eval: ::hostile(kid => undef)
--- error_log: authgear: credential refused: unknown_key



=== TEST 17: a kid that stands twice in the set
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/two.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files eval: ">>> two.json\n" . ::keys_named('', '', 'other')
--- more_headers eval: ::hostile()
--- error_log: authgear: credential refused: unknown_key
