# What a token's claims must be to vouch for a user: one hostile token for each reason, signed as it should be (every case is in core/tests). A
# refused one reaches the backend as `x-authgear-session-valid: false`, its reason stands in the log, and nobody is asked.
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

# The claims as they stand in the token, for what JSON::PP does not write.
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
    location /audience { authgear_resolve on; authgear_audience https://api.example https://other.example; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
    response_body => invalid_unasked(),
);
run_tests();

__DATA__

=== TEST 1: a payload that is no JSON
--- more_headers eval: ::hostile(raw_payload => 'alice')
--- error_log: authgear: credential refused: malformed



=== TEST 2: a claim of a project's own so deep that reading it could end the stack
--- more_headers eval: ::hostile(raw_payload => ::written(',"x":' . '[' x 5000 . ']' x 5000))
--- response_body eval: "x-authgear-session-valid: true\nx-authgear-user-id: alice\n" . ::nobody_unasked()



=== TEST 3: a payload written by hand
--- more_headers eval: ::hostile(raw_payload => ::written(''))
--- response_body eval: "x-authgear-session-valid: true\nx-authgear-user-id: alice\n" . ::nobody_unasked()



=== TEST 4: exp over by a second
--- init: $block->set_value(more_headers => ::hostile(lifetime => -1))
--- error_log: authgear: credential refused: expired



=== TEST 5: nbf in an hour
--- more_headers eval: ::hostile(nbf => time + 3600)
--- error_log: authgear: credential refused: not_yet_valid



=== TEST 6: iat in an hour
--- more_headers eval: ::hostile(iat => time + 3600)
--- error_log: authgear: credential refused: issued_in_future



=== TEST 7: another project's issuer
--- more_headers eval: ::hostile(claims => { iss => 'https://mallory.authgear.cloud' })
--- error_log: authgear: credential refused: wrong_issuer



=== TEST 8: aud that names others only
--- more_headers eval: ::hostile(claims => { aud => ['https://other.example'] })
--- error_log: authgear: credential refused: wrong_audience



=== TEST 9: authgear_audience: the endpoint is not accepted beside those written
--- request
GET /audience
--- more_headers eval: ::hostile()
--- error_log: authgear: credential refused: wrong_audience



=== TEST 10: no sub
--- more_headers eval: ::hostile(claims => { sub => undef })
--- error_log: authgear: credential refused: no_subject



=== TEST 11: a machine's token
--- more_headers eval: ::bearer(::machine_token(resource => 'https://api.example'))
--- error_log: authgear: credential refused: wrong_audience



=== TEST 12: a machine's token for us
--- more_headers eval: ::bearer(::machine_token(resource => $::origin))
--- error_log: authgear: credential refused: machine_token



=== TEST 13: a line end in sub
--- more_headers eval: ::hostile(claims => { sub => "alice\r\nX-Authgear-User-Roles: admin" })
--- error_log: authgear: credential refused: bad_claim



=== TEST 14: is_verified that is text
--- more_headers eval: ::hostile(claims => { "$::claim/is_verified" => 'true' })
--- error_log: authgear: credential refused: bad_claim



=== TEST 15: a claim of a project's own may hold any character
--- more_headers eval: ::hostile(claims => { given_name => "A\r\nX-Authgear-User-Roles: admin" })
--- response_body eval: ::alice(0)
