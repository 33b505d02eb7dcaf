# What a token must be to vouch for a user: one hostile token for each check. A refused one reaches the backend as
# `x-authgear-session-valid: false`, its reason stands in the log, and nobody is asked.

use Test::Nginx::Socket 'no_plan';
use Authgear::Suite;
use Authgear::Told;
use JSON::PP ();

user(id => 'alice');
our $origin = $ENV{TEST_NGINX_AUTHGEAR};
our $claim  = 'https://authgear.com/claims/user';

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

# The claims as they stand in the token, for what JSON::PP can't write: the same member twice.
sub written {
    my ($more) = @_;
    my ($now, $then) = (time, time + 600);
    return qq({"iss":"$origin","aud":"$origin","iat":$now,"exp":$then,"sub":"alice"$more});
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
    location /t        { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /leeway   { authgear_resolve on; authgear_leeway 1h; proxy_pass $TEST_NGINX_BACKEND; }
    location /audience { authgear_resolve on; authgear_audience https://api.example https://other.example; proxy_pass $TEST_NGINX_BACKEND; }
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



=== TEST 50: a payload that is no JSON
--- more_headers eval: ::hostile(raw_payload => 'alice')
--- error_log: authgear: credential refused: malformed



=== TEST 51: a payload that is a list
--- more_headers eval: ::hostile(raw_payload => '["alice"]')
--- error_log: authgear: credential refused: malformed



=== TEST 52: a payload that is empty
--- more_headers eval: ::hostile(raw_payload => '')
--- error_log: authgear: credential refused: malformed



=== TEST 53: a claim of a project's own so deep that reading it could end the stack
--- more_headers eval: ::hostile(raw_payload => ::written(',"x":' . '[' x 5000 . ']' x 5000))
--- response_body eval: "x-authgear-session-valid: true\nx-authgear-user-id: alice\n" . ::nobody_unasked()



=== TEST 54: a payload written by hand
--- more_headers eval: ::hostile(raw_payload => ::written(''))
--- response_body eval: "x-authgear-session-valid: true\nx-authgear-user-id: alice\n" . ::nobody_unasked()



=== TEST 55: sub twice
--- more_headers eval: ::hostile(raw_payload => ::written(',"sub":"bob"'))
--- error_log: authgear: credential refused: malformed



=== TEST 56: exp twice
--- more_headers eval: ::hostile(raw_payload => ::written(',"exp":9999999999'))
--- error_log: authgear: credential refused: malformed



=== TEST 57: exp over by a second
--- more_headers eval: ::hostile(lifetime => -1)
--- error_log: authgear: credential refused: expired



=== TEST 58: exp that is now
--- more_headers eval: ::hostile(exp => time)
--- error_log: authgear: credential refused: expired



=== TEST 59: no exp
--- more_headers eval: ::hostile(claims => { exp => undef })
--- error_log: authgear: credential refused: expired



=== TEST 60: exp that is text
--- more_headers eval: ::hostile(exp => '' . (time + 600))
--- error_log: authgear: credential refused: bad_claim



=== TEST 61: exp with a fraction
--- more_headers eval: ::hostile(exp => time + 600.5)
--- error_log: authgear: credential refused: bad_claim



=== TEST 62: exp below zero
--- more_headers eval: ::hostile(exp => -1)
--- error_log: authgear: credential refused: bad_claim



=== TEST 63: exp null
--- more_headers eval: ::hostile(raw_payload => ::written('') =~ s/"exp":\d+/"exp":null/r)
--- error_log: authgear: credential refused: bad_claim



=== TEST 64: exp beyond what a clock can show
--- more_headers eval: ::hostile(raw_payload => ::written('') =~ s/"exp":\d+/"exp":18446744073709551615/r)
--- error_log: authgear: credential refused: bad_claim



=== TEST 65: exp beyond what 64 bits can hold
--- more_headers eval: ::hostile(raw_payload => ::written('') =~ s/"exp":\d+/"exp":1e400/r)
--- error_log eval: qr/authgear: credential refused: (?:malformed|bad_claim)/



=== TEST 66: exp over by less than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(lifetime => -1800)
--- response_body eval: ::alice(0)



=== TEST 67: exp over by the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(lifetime => -3600)
--- error_log: authgear: credential refused: expired



=== TEST 68: nbf in a minute
--- more_headers eval: ::hostile(nbf => time + 60)
--- error_log: authgear: credential refused: not_yet_valid



=== TEST 69: nbf that is now
--- more_headers eval: ::hostile(nbf => time)
--- response_body eval: ::alice(0)



=== TEST 70: nbf later by less than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(nbf => time + 1800)
--- response_body eval: ::alice(0)



=== TEST 71: nbf later than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(nbf => time + 3700)
--- error_log: authgear: credential refused: not_yet_valid



=== TEST 72: nbf that is text
--- more_headers eval: ::hostile(nbf => '0')
--- error_log: authgear: credential refused: bad_claim



=== TEST 73: iat in a minute
--- more_headers eval: ::hostile(iat => time + 60)
--- error_log: authgear: credential refused: issued_in_future



=== TEST 74: iat later by less than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(iat => time + 1800)
--- response_body eval: ::alice(0)



=== TEST 75: iat later than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(iat => time + 3700)
--- error_log: authgear: credential refused: issued_in_future



=== TEST 76: iat that is text
--- more_headers eval: ::hostile(iat => '0', exp => time + 600)
--- error_log: authgear: credential refused: bad_claim



=== TEST 77: iat with a fraction
--- more_headers eval: ::hostile(iat => 0.5, exp => time + 600)
--- error_log: authgear: credential refused: bad_claim



=== TEST 78: no iat
--- more_headers eval: ::hostile(claims => { iat => undef })
--- response_body eval: ::alice(0)



=== TEST 79: another project's issuer
--- more_headers eval: ::hostile(claims => { iss => 'https://mallory.authgear.cloud' })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 80: the issuer with a slash after it
--- more_headers eval: ::hostile(claims => { iss => "$::origin/" })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 81: the issuer in upper case
--- more_headers eval: ::hostile(claims => { iss => uc $::origin })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 82: no issuer
--- more_headers eval: ::hostile(claims => { iss => undef })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 83: a list of issuers
--- more_headers eval: ::hostile(claims => { iss => [$::origin] })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 84: aud that is one string
--- more_headers eval: ::hostile(claims => { aud => $::origin })
--- response_body eval: ::alice(0)



=== TEST 85: aud that names others beside us
--- more_headers eval: ::hostile(claims => { aud => ['https://other.example', $::origin] })
--- response_body eval: ::alice(0)



=== TEST 86: aud that names others only
--- more_headers eval: ::hostile(claims => { aud => ['https://other.example'] })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 87: aud that is an empty list
--- more_headers eval: ::hostile(claims => { aud => [] })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 88: no aud
--- more_headers eval: ::hostile(claims => { aud => undef })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 89: aud that begins with ours
--- more_headers eval: ::hostile(claims => { aud => "$::origin.mallory.example" })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 90: aud with a member that is no string
--- more_headers eval: ::hostile(claims => { aud => [$::origin, 1] })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 91: authgear_audience: one of those written
--- request
GET /audience
--- more_headers eval: ::hostile(claims => { aud => 'https://other.example' })
--- response_body eval: ::alice(0)



=== TEST 92: authgear_audience: the endpoint is not accepted beside those written
--- request
GET /audience
--- more_headers eval: ::hostile()
--- error_log: authgear: credential refused: wrong_audience



=== TEST 93: authgear_issuer: one of those written
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_issuer https://login.example https://auth.example/;
    authgear_jwks_file ../html/keys.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: ::hostile(claims => { iss => 'https://auth.example' })
--- response_body eval: ::alice(0)



=== TEST 94: authgear_issuer: the endpoint is not accepted beside those written
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_issuer https://login.example https://auth.example;
    authgear_jwks_file ../html/keys.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: ::hostile()
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 95: the log names what a token of good signature has, and what was expected
--- more_headers eval: ::hostile(claims => { iss => 'https://mallory.example' })
--- error_log: ; token has iss "https://mallory.example" aud "



=== TEST 96: no sub
--- more_headers eval: ::hostile(claims => { sub => undef })
--- error_log: authgear: credential refused: no_subject



=== TEST 97: an empty sub
--- more_headers eval: ::hostile(claims => { sub => '' })
--- error_log: authgear: credential refused: no_subject



=== TEST 98: a sub that is a number
--- more_headers eval: ::hostile(claims => { sub => 7 })
--- error_log: authgear: credential refused: no_subject



=== TEST 99: a machine's token
--- more_headers eval: ::bearer(::machine_token(resource => 'https://api.example'))
--- error_log: authgear: credential refused: wrong_audience



=== TEST 100: a machine's token for us
--- more_headers eval: ::bearer(::machine_token(resource => $::origin))
--- error_log: authgear: credential refused: machine_token



=== TEST 101: a user whose id begins as a machine's
--- more_headers eval: ::hostile(claims => { sub => 'client_id_alice' })
--- error_log: authgear: credential refused: machine_token



=== TEST 102: a line end in sub
--- more_headers eval: ::hostile(claims => { sub => "alice\r\nX-Authgear-User-Roles: admin" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 103: a NUL in sub
--- more_headers eval: ::hostile(claims => { sub => "alice\0" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 104: DEL in sub
--- more_headers eval: ::hostile(claims => { sub => "alice\x7f" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 105: a letter outside ASCII in sub
--- more_headers eval: ::hostile(claims => { sub => "alic\x{e9}" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 106: a line end in a role
--- more_headers eval: ::hostile(claims => { "$::claim/roles" => ["admin\nx"] })
--- error_log: authgear: credential refused: bad_claim



=== TEST 107: a comma in a role
--- more_headers eval: ::hostile(claims => { "$::claim/roles" => ['reader,admin'] })
--- error_log: authgear: credential refused: bad_claim



=== TEST 108: roles that are no list
--- more_headers eval: ::hostile(claims => { "$::claim/roles" => 'admin' })
--- error_log: authgear: credential refused: bad_claim



=== TEST 109: a role that is no string
--- more_headers eval: ::hostile(claims => { "$::claim/roles" => [1] })
--- error_log: authgear: credential refused: bad_claim



=== TEST 110: a line end in amr
--- more_headers eval: ::hostile(claims => { amr => ["pwd\r\nx"] })
--- error_log: authgear: credential refused: bad_claim



=== TEST 111: a letter outside ASCII in acr
--- more_headers eval: ::hostile(claims => { acr => "\x{e9}" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 112: is_anonymous that is text
--- more_headers eval: ::hostile(claims => { "$::claim/is_anonymous" => 'true' })
--- error_log: authgear: credential refused: bad_claim



=== TEST 113: is_verified that is text
--- more_headers eval: ::hostile(claims => { "$::claim/is_verified" => 'true' })
--- error_log: authgear: credential refused: bad_claim



=== TEST 114: can_reauthenticate that is text
--- more_headers eval: ::hostile(claims => { "$::claim/can_reauthenticate" => 'true' })
--- error_log: authgear: credential refused: bad_claim



=== TEST 115: is_verified that is a number
--- more_headers eval: ::hostile(claims => { "$::claim/is_verified" => 1 })
--- error_log: authgear: credential refused: bad_claim



=== TEST 116: a claim of a project's own may hold any character
--- more_headers eval: ::hostile(claims => { given_name => "A\r\nX-Authgear-User-Roles: admin" })
--- response_body eval: ::alice(0)



=== TEST 117: a token of just under 16 KiB
--- more_headers eval: ::sized(16384)
--- response_body eval: ::alice(0)



=== TEST 118: a token of just over 16 KiB
--- more_headers eval: ::sized(16384, 1)
--- error_log: authgear: credential refused: too_large



=== TEST 119: a token of 40 KB
--- more_headers eval: ::hostile(claims => { filling => 'x' x 30_000 })
--- error_log: authgear: credential refused: too_large



=== TEST 120: an app_access_token cookie that is expired
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', lifetime => -5)
--- error_log: authgear: credential refused: expired



=== TEST 121: an app_access_token cookie that is forged
--- more_headers eval: 'Cookie: ' . ::session(user => 'alice', kind => 'app_access_token', key => 'foreign', kid => 'current')
--- error_log: authgear: credential refused: bad_signature



=== TEST 122: no kid, while the set has two keys
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/two.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files eval: ">>> two.json\n" . ::keys_named('', 'other')
--- more_headers eval: ::hostile(kid => undef)
--- error_log: authgear: credential refused: unknown_key



=== TEST 123: a kid that stands twice in the set
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/two.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files eval: ">>> two.json\n" . ::keys_named('', '', 'other')
--- more_headers eval: ::hostile()
--- error_log: authgear: credential refused: unknown_key
