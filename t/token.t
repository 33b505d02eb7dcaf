# What a token must be to vouch for a user, by its form, header, key, signature and size (claims.t has its claims): one hostile token for each check. A refused one reaches the backend as
# `x-authgear-session-valid: false`, its reason stands in the log, and nobody is asked.

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



=== TEST 2: typ in another case
--- more_headers eval: ::hostile(header => { typ => 'AT+JWT' })
--- response_body eval: ::alice(0)



=== TEST 3: typ in its long form, in another case
--- more_headers eval: ::hostile(header => { typ => 'Application/at+JWT' })
--- response_body eval: ::alice(0)



=== TEST 4: an ID token
--- more_headers eval: ::bearer(::id_token(user => 'alice'))
--- error_log: authgear: credential refused: wrong_type



=== TEST 5: typ JWT with all the claims of an access token
--- more_headers eval: ::hostile(header => { typ => 'JWT' })
--- error_log: authgear: credential refused: wrong_type



=== TEST 6: no typ
--- more_headers eval: ::hostile(header => { typ => undef })
--- error_log: authgear: credential refused: wrong_type



=== TEST 7: typ that only begins right
--- more_headers eval: ::hostile(header => { typ => 'at+jwt2' })
--- error_log: authgear: credential refused: wrong_type



=== TEST 8: typ that is no string
--- more_headers eval: ::hostile(header => { typ => ['at+jwt'] })
--- error_log: authgear: credential refused: malformed



=== TEST 9: alg none
--- more_headers eval: ::hostile(alg => 'none')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 10: alg HS256, keyed by the public key's PEM
--- more_headers eval: ::hostile(alg => 'HS256')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 11: alg HS384
--- more_headers eval: ::hostile(alg => 'HS384')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 12: alg HS512
--- more_headers eval: ::hostile(alg => 'HS512')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 13: alg RS384
--- more_headers eval: ::hostile(alg => 'RS384')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 14: alg RS512
--- more_headers eval: ::hostile(alg => 'RS512')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 15: alg PS256
--- more_headers eval: ::hostile(alg => 'PS256')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 16: alg NONE
--- more_headers eval: ::hostile(header => { alg => 'NONE' })
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 17: alg None
--- more_headers eval: ::hostile(header => { alg => 'None' })
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 18: alg nOnE
--- more_headers eval: ::hostile(header => { alg => 'nOnE' })
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 19: alg rs256
--- more_headers eval: ::hostile(header => { alg => 'rs256' })
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 20: alg ES256
--- more_headers eval: ::hostile(header => { alg => 'ES256' })
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 21: alg that is empty
--- more_headers eval: ::hostile(header => { alg => '' })
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 22: alg none with the signature of a good token left off
--- more_headers eval: ::hostile(alg => 'none', tamper => 'empty_signature')
--- error_log: authgear: credential refused: unsupported_algorithm



=== TEST 23: no alg
--- more_headers eval: ::hostile(raw_header => '{"typ":"at+jwt"}')
--- error_log: authgear: credential refused: malformed



=== TEST 24: alg twice
--- more_headers eval: ::hostile(raw_header => '{"alg":"RS256","alg":"none","typ":"at+jwt"}')
--- error_log: authgear: credential refused: malformed



=== TEST 25: alg that is no string
--- more_headers eval: ::hostile(header => { alg => ['RS256'] })
--- error_log: authgear: credential refused: malformed



=== TEST 26: crit that names a member
--- more_headers eval: ::hostile(header => { crit => ['exp'], exp => 1 })
--- error_log: authgear: credential refused: critical_header



=== TEST 27: crit that is empty
--- more_headers eval: ::hostile(header => { crit => [] })
--- error_log: authgear: credential refused: critical_header



=== TEST 28: crit that is null
--- more_headers eval: ::hostile(raw_header => '{"alg":"RS256","typ":"at+jwt","crit":null}')
--- error_log: authgear: credential refused: critical_header



=== TEST 29: an unencoded payload (RFC 7797)
--- more_headers eval: ::hostile(header => { b64 => ::false, crit => ['b64'] })
--- error_log: authgear: credential refused: critical_header



=== TEST 30: a key that was never published
--- more_headers eval: ::hostile(key => 'foreign')
--- error_log: authgear: credential refused: unknown_key



=== TEST 31: a kid that is a path
--- more_headers eval: ::hostile(kid => '../../../dev/null')
--- error_log: authgear: credential refused: unknown_key



=== TEST 32: a kid that is empty
--- more_headers eval: ::hostile(kid => '')
--- error_log: authgear: credential refused: unknown_key



=== TEST 33: a kid that is a number
--- more_headers eval: ::hostile(header => { kid => 1 })
--- error_log: authgear: credential refused: malformed



=== TEST 34: a kid that is null
--- more_headers eval: ::hostile(raw_header => '{"alg":"RS256","typ":"at+jwt","kid":null}')
--- error_log: authgear: credential refused: malformed



=== TEST 35: no kid, while the set has one key
--- more_headers eval: ::hostile(kid => undef)
--- response_body eval: ::alice(0)



=== TEST 36: another's signature under a published kid
--- more_headers eval: ::hostile(key => 'foreign', kid => 'current')
--- error_log: authgear: credential refused: bad_signature



=== TEST 37: a key that the token brings itself
--- more_headers eval: ::hostile(key => 'foreign', kid => 'current', header => { jku => "$::origin/oauth2/jwks", jwk => { kty => 'RSA', n => 'AQAB', e => 'AQAB' } })
--- error_log: authgear: credential refused: bad_signature



=== TEST 38: a signature with one letter changed
--- more_headers eval: ::hostile(tamper => 'signature')
--- error_log: authgear: credential refused: bad_signature



=== TEST 39: a payload changed after signing
--- more_headers eval: ::hostile(tamper => 'payload')
--- error_log: authgear: credential refused: bad_signature



=== TEST 40: a header changed after signing
--- more_headers eval: ::hostile(tamper => 'header')
--- error_log eval: qr/authgear: credential refused: (?:bad_signature|malformed|unknown_key)/



=== TEST 41: padded base64
--- more_headers eval: ::hostile(tamper => 'padding')
--- error_log: authgear: credential refused: malformed



=== TEST 42: base64 with stray bits in its last letter
--- more_headers eval: ::hostile(tamper => 'stray_bits')
--- error_log: authgear: credential refused: malformed



=== TEST 43: an empty signature
--- more_headers eval: ::hostile(tamper => 'empty_signature')
--- error_log: authgear: credential refused: bad_signature



=== TEST 44: half of a signature
--- more_headers eval: ::hostile(tamper => 'truncate')
--- error_log: authgear: credential refused: bad_signature



=== TEST 45: base64's other alphabet
--- more_headers eval: ::bearer(::token(user => 'alice', claims => { filling => '???>>>' x 8 }, tamper => 'alphabet'))
--- error_log: authgear: credential refused: malformed



=== TEST 46: a good token with a space after it
--- more_headers eval: ::hostile() . ' x'
--- error_log: authgear: credential refused: malformed



=== TEST 47: two dots and nothing else
--- more_headers eval: 'Authorization: Bearer eyJ..'
--- error_log: authgear: credential refused: malformed



=== TEST 48: a header that is no JSON
--- more_headers eval: ::hostile(raw_header => '{"alg":"RS256",')
--- error_log: authgear: credential refused: malformed



=== TEST 49: a header with something after it
--- more_headers eval: ::hostile(raw_header => '{"alg":"RS256","typ":"at+jwt"} {}')
--- error_log: authgear: credential refused: malformed



=== TEST 50: a token of just under 16 KiB
--- more_headers eval: ::sized(16384)
--- response_body eval: ::alice(0)



=== TEST 51: a token of just over 16 KiB
--- more_headers eval: ::sized(16384, 1)
--- error_log: authgear: credential refused: too_large



=== TEST 52: a token of 40 KB
--- more_headers eval: ::hostile(claims => { filling => 'x' x 30_000 })
--- error_log: authgear: credential refused: too_large



=== TEST 53: an app_access_token cookie that is expired
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', lifetime => -5)
--- error_log: authgear: credential refused: expired



=== TEST 54: an app_access_token cookie that is forged
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', key => 'foreign', kid => 'current')
--- error_log: authgear: credential refused: bad_signature



=== TEST 55: no kid, while the set has two keys
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/two.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files eval: ">>> two.json\n" . ::keys_named('', 'other')
--- more_headers eval: ::hostile(kid => undef)
--- error_log: authgear: credential refused: unknown_key



=== TEST 56: a kid that stands twice in the set
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/two.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files eval: ">>> two.json\n" . ::keys_named('', '', 'other')
--- more_headers eval: ::hostile()
--- error_log: authgear: credential refused: unknown_key
