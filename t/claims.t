# What a token's claims must be to vouch for a user: one hostile token for each check, signed as it should be. A refused one reaches the backend as
# `x-authgear-session-valid: false`, its reason stands in the log, and nobody is asked.
#
# Tokens are made when the file is read, so an hour is before them; those of this very second are made when their block runs. The claims alone
# decide here: nobody is asked whether an old token's session still stands.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
our $origin = $ENV{TEST_NGINX_AUTHGEAR};
our $claim  = 'https://authgear.com/claims/user';

# alice's token with something wrong.
sub hostile { return bearer(user => 'alice', auth_time => 1_700_000_000, @_) }

# The claims as they stand in the token, for what JSON::PP can't write: the same member twice.
sub written {
    my ($more) = @_;
    my ($now, $then) = (time, time + 3600);
    return qq({"iss":"$origin","aud":"$origin","iat":$now,"exp":$then,"sub":"alice"$more});
}

blocks_have(
    user_files => ">>> keys.json\n" . jwks(),
    config     => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_file ../html/keys.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    large_client_header_buffers 4 32k;
    authgear_revalidate off;
    location /t        { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /leeway   { authgear_resolve on; authgear_leeway 1h; proxy_pass $TEST_NGINX_BACKEND; }
    location /audience { authgear_resolve on; authgear_audience https://api.example https://other.example; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
    response_body => invalid_unasked(),
);
run_tests();

__DATA__

=== TEST 1: a payload that is no JSON
--- more_headers eval: ::hostile(raw_payload => 'alice')
--- error_log: authgear: credential refused: malformed



=== TEST 2: a payload that is a list
--- more_headers eval: ::hostile(raw_payload => '["alice"]')
--- error_log: authgear: credential refused: malformed



=== TEST 3: a payload that is empty
--- more_headers eval: ::hostile(raw_payload => '')
--- error_log: authgear: credential refused: malformed



=== TEST 4: a claim of a project's own so deep that reading it could end the stack
--- more_headers eval: ::hostile(raw_payload => ::written(',"x":' . '[' x 5000 . ']' x 5000))
--- response_body eval: "x-authgear-session-valid: true\nx-authgear-user-id: alice\n" . ::nobody_unasked()



=== TEST 5: a payload written by hand
--- more_headers eval: ::hostile(raw_payload => ::written(''))
--- response_body eval: "x-authgear-session-valid: true\nx-authgear-user-id: alice\n" . ::nobody_unasked()



=== TEST 6: sub twice
--- more_headers eval: ::hostile(raw_payload => ::written(',"sub":"bob"'))
--- error_log: authgear: credential refused: malformed



=== TEST 7: exp twice
--- more_headers eval: ::hostile(raw_payload => ::written(',"exp":9999999999'))
--- error_log: authgear: credential refused: malformed



=== TEST 8: exp over by a second
--- init: $block->set_value(more_headers => ::hostile(lifetime => -1))
--- error_log: authgear: credential refused: expired



=== TEST 9: exp that is now
--- init: $block->set_value(more_headers => ::hostile(exp => time))
--- error_log: authgear: credential refused: expired



=== TEST 10: no exp
--- more_headers eval: ::hostile(claims => { exp => undef })
--- error_log: authgear: credential refused: expired



=== TEST 11: exp that is text
--- more_headers eval: ::hostile(exp => '' . (time + 3600))
--- error_log: authgear: credential refused: bad_claim



=== TEST 12: exp with a fraction
--- more_headers eval: ::hostile(exp => time + 3600.5)
--- error_log: authgear: credential refused: bad_claim



=== TEST 13: exp below zero
--- more_headers eval: ::hostile(exp => -1)
--- error_log: authgear: credential refused: bad_claim



=== TEST 14: exp null
--- more_headers eval: ::hostile(raw_payload => ::written('') =~ s/"exp":\d+/"exp":null/r)
--- error_log: authgear: credential refused: bad_claim



=== TEST 15: exp beyond what a clock can show
--- more_headers eval: ::hostile(raw_payload => ::written('') =~ s/"exp":\d+/"exp":18446744073709551615/r)
--- error_log: authgear: credential refused: bad_claim



=== TEST 16: exp beyond what 64 bits can hold
--- more_headers eval: ::hostile(raw_payload => ::written('') =~ s/"exp":\d+/"exp":1e400/r)
--- error_log eval: qr/authgear: credential refused: (?:malformed|bad_claim)/



=== TEST 17: exp over by less than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(lifetime => -1800)
--- response_body eval: ::alice(0)



=== TEST 18: exp over by the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(lifetime => -3600)
--- error_log: authgear: credential refused: expired



=== TEST 19: nbf in an hour
--- more_headers eval: ::hostile(nbf => time + 3600)
--- error_log: authgear: credential refused: not_yet_valid



=== TEST 20: nbf that is now
--- init: $block->set_value(more_headers => ::hostile(nbf => time))
--- response_body eval: ::alice(0)



=== TEST 21: nbf later by less than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(nbf => time + 1800)
--- response_body eval: ::alice(0)



=== TEST 22: nbf later than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(nbf => time + 7200)
--- error_log: authgear: credential refused: not_yet_valid



=== TEST 23: nbf that is text
--- more_headers eval: ::hostile(nbf => '0')
--- error_log: authgear: credential refused: bad_claim



=== TEST 24: iat in an hour
--- more_headers eval: ::hostile(iat => time + 3600)
--- error_log: authgear: credential refused: issued_in_future



=== TEST 25: iat later by less than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(iat => time + 1800)
--- response_body eval: ::alice(0)



=== TEST 26: iat later than the leeway
--- request
GET /leeway
--- more_headers eval: ::hostile(iat => time + 7200)
--- error_log: authgear: credential refused: issued_in_future



=== TEST 27: iat that is text
--- more_headers eval: ::hostile(iat => '0', exp => time + 3600)
--- error_log: authgear: credential refused: bad_claim



=== TEST 28: iat with a fraction
--- more_headers eval: ::hostile(iat => 0.5, exp => time + 3600)
--- error_log: authgear: credential refused: bad_claim



=== TEST 29: no iat
--- more_headers eval: ::hostile(claims => { iat => undef })
--- response_body eval: ::alice(0)



=== TEST 30: another project's issuer
--- more_headers eval: ::hostile(claims => { iss => 'https://mallory.authgear.cloud' })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 31: the issuer with a slash after it
--- more_headers eval: ::hostile(claims => { iss => "$::origin/" })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 32: the issuer in upper case
--- more_headers eval: ::hostile(claims => { iss => uc $::origin })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 33: no issuer
--- more_headers eval: ::hostile(claims => { iss => undef })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 34: a list of issuers
--- more_headers eval: ::hostile(claims => { iss => [$::origin] })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 35: aud that is one string
--- more_headers eval: ::hostile(claims => { aud => $::origin })
--- response_body eval: ::alice(0)



=== TEST 36: aud that names others beside us
--- more_headers eval: ::hostile(claims => { aud => ['https://other.example', $::origin] })
--- response_body eval: ::alice(0)



=== TEST 37: aud that names others only
--- more_headers eval: ::hostile(claims => { aud => ['https://other.example'] })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 38: aud that is an empty list
--- more_headers eval: ::hostile(claims => { aud => [] })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 39: no aud
--- more_headers eval: ::hostile(claims => { aud => undef })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 40: aud that begins with ours
--- more_headers eval: ::hostile(claims => { aud => "$::origin.mallory.example" })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 41: aud with a member that is no string
--- more_headers eval: ::hostile(claims => { aud => [$::origin, 1] })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 42: authgear_audience: one of those written
--- request
GET /audience
--- more_headers eval: ::hostile(claims => { aud => 'https://other.example' })
--- response_body eval: ::alice(0)



=== TEST 43: authgear_audience: the endpoint is not accepted beside those written
--- request
GET /audience
--- more_headers eval: ::hostile()
--- error_log: authgear: credential refused: wrong_audience



=== TEST 44: authgear_issuer: one of those written
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_issuer https://login.example https://auth.example/;
    authgear_jwks_file ../html/keys.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: ::hostile(claims => { iss => 'https://auth.example' })
--- response_body eval: ::alice(0)



=== TEST 45: authgear_issuer: the endpoint is not accepted beside those written
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_issuer https://login.example https://auth.example;
    authgear_jwks_file ../html/keys.json;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval: ::hostile()
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 46: the log names what a token of good signature has, and what was expected
--- more_headers eval: ::hostile(claims => { iss => 'https://mallory.example' })
--- error_log: ; token has iss "https://mallory.example" aud "



=== TEST 47: no sub
--- more_headers eval: ::hostile(claims => { sub => undef })
--- error_log: authgear: credential refused: no_subject



=== TEST 48: an empty sub
--- more_headers eval: ::hostile(claims => { sub => '' })
--- error_log: authgear: credential refused: no_subject



=== TEST 49: a sub that is a number
--- more_headers eval: ::hostile(claims => { sub => 7 })
--- error_log: authgear: credential refused: no_subject



=== TEST 50: a machine's token
--- more_headers eval: ::bearer(::machine_token(resource => 'https://api.example'))
--- error_log: authgear: credential refused: wrong_audience



=== TEST 51: a machine's token for us
--- more_headers eval: ::bearer(::machine_token(resource => $::origin))
--- error_log: authgear: credential refused: machine_token



=== TEST 52: a user whose id begins as a machine's
--- more_headers eval: ::hostile(claims => { sub => 'client_id_alice' })
--- error_log: authgear: credential refused: machine_token



=== TEST 53: a line end in sub
--- more_headers eval: ::hostile(claims => { sub => "alice\r\nX-Authgear-User-Roles: admin" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 54: a NUL in sub
--- more_headers eval: ::hostile(claims => { sub => "alice\0" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 55: DEL in sub
--- more_headers eval: ::hostile(claims => { sub => "alice\x7f" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 56: a letter outside ASCII in sub
--- more_headers eval: ::hostile(claims => { sub => "alic\x{e9}" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 57: a line end in a role
--- more_headers eval: ::hostile(claims => { "$::claim/roles" => ["admin\nx"] })
--- error_log: authgear: credential refused: bad_claim



=== TEST 58: a comma in a role
--- more_headers eval: ::hostile(claims => { "$::claim/roles" => ['reader,admin'] })
--- error_log: authgear: credential refused: bad_claim



=== TEST 59: roles that are no list
--- more_headers eval: ::hostile(claims => { "$::claim/roles" => 'admin' })
--- error_log: authgear: credential refused: bad_claim



=== TEST 60: a role that is no string
--- more_headers eval: ::hostile(claims => { "$::claim/roles" => [1] })
--- error_log: authgear: credential refused: bad_claim



=== TEST 61: a line end in amr
--- more_headers eval: ::hostile(claims => { amr => ["pwd\r\nx"] })
--- error_log: authgear: credential refused: bad_claim



=== TEST 62: a letter outside ASCII in acr
--- more_headers eval: ::hostile(claims => { acr => "\x{e9}" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 63: is_anonymous that is text
--- more_headers eval: ::hostile(claims => { "$::claim/is_anonymous" => 'true' })
--- error_log: authgear: credential refused: bad_claim



=== TEST 64: is_verified that is text
--- more_headers eval: ::hostile(claims => { "$::claim/is_verified" => 'true' })
--- error_log: authgear: credential refused: bad_claim



=== TEST 65: can_reauthenticate that is text
--- more_headers eval: ::hostile(claims => { "$::claim/can_reauthenticate" => 'true' })
--- error_log: authgear: credential refused: bad_claim



=== TEST 66: is_verified that is a number
--- more_headers eval: ::hostile(claims => { "$::claim/is_verified" => 1 })
--- error_log: authgear: credential refused: bad_claim



=== TEST 67: a claim of a project's own may hold any character
--- more_headers eval: ::hostile(claims => { given_name => "A\r\nX-Authgear-User-Roles: admin" })
--- response_body eval: ::alice(0)
