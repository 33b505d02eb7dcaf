# The error log: one line for a refusal, with the reason; what goes with it; what never does.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use HTTP::Tiny ();

user(id => 'alice-the-subject');
our $origin = $ENV{TEST_NGINX_AUTHGEAR};
our $alice  = token(user => 'alice-the-subject');

sub alices { return bearer(user => 'alice-the-subject', @_) }

# So many requests before the block's own. One with a good token waits until there are keys.
sub flood {
    my ($times, $token) = @_;
    my $http = HTTP::Tiny->new(keep_alive => 1);
    $http->get('http://127.0.0.1:' . server_port() . '/t', { headers => { authorization => "Bearer $token" } }) for 1 .. $times;
    return;
}

run_tests();

__DATA__

=== TEST 1: refused as malformed
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
'Authorization: Bearer eyJ.x.y'
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: malformed\b/



=== TEST 2: refused as too_large
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    large_client_header_buffers 4 64k;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(claims => { filling => 'x' x 16_384 })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: too_large\b/



=== TEST 3: refused as unsupported_algorithm
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(alg => 'HS256')
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: unsupported_algorithm\b/



=== TEST 4: refused as wrong_type
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::bearer(::id_token(user => 'alice-the-subject'))
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: wrong_type\b/



=== TEST 5: refused as critical_header
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(header => { crit => ['b64'], b64 => ::false })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: critical_header\b/



=== TEST 6: refused as unknown_key
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(kid => 'never-published')
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: unknown_key\b/



=== TEST 7: refused as bad_signature
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(tamper => 'signature')
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: bad_signature\b/



=== TEST 8: refused as wrong_issuer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(claims => { iss => 'https://custom.example' })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: wrong_issuer\b/



=== TEST 9: refused as wrong_audience
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(claims => { aud => ['https://api.example'] })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: wrong_audience\b/



=== TEST 10: refused as expired
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(lifetime => -60)
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: expired\b/



=== TEST 11: refused as not_yet_valid
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(nbf => time + 3600)
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: not_yet_valid\b/



=== TEST 12: refused as issued_in_future
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(iat => time + 3600)
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: issued_in_future\b/



=== TEST 13: refused as no_subject
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(claims => { sub => '' })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: no_subject\b/



=== TEST 14: refused as machine_token
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::bearer(::machine_token(resource => $::origin))
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: machine_token\b/



=== TEST 15: refused as bad_claim
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(claims => { 'https://authgear.com/claims/user/is_verified' => 'yes' })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: bad_claim\b/



=== TEST 16: refused as malformed_credential
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
'Cookie: app_session="a b"'
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: malformed_credential\b/



=== TEST 17: refused as remote_credential
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
'Cookie: session=whatever'
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: remote_credential\b/



=== TEST 18: refused as resolver_said_no
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
'Cookie: session=dead'
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 1)
--- error_log eval
qr/\[notice\] .*authgear: credential refused: resolver_said_no\b/



=== TEST 19: a wrong issuer: what the token has, and what is expected
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
::flood(1, $::alice);
--- request
GET /t
--- more_headers eval
::alices(claims => { iss => 'https://custom.example' })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 2, resolver 0)
--- error_log eval
qr/authgear: credential refused: wrong_issuer; token has iss "https:\/\/custom\.example" aud "$::origin" typ "at\+jwt" kid "[^"]+"; expected iss "$::origin" aud "$::origin"/



=== TEST 20: a wrong audience: all that the token has, and all that are expected
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_issuer $TEST_NGINX_AUTHGEAR https://second.example;
    authgear_audience one two;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
::flood(1, ::token(user => 'alice-the-subject', claims => { aud => 'one' }));
--- request
GET /t
--- more_headers eval
::alices(claims => { aud => ['a', 'b'] })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 2, resolver 0)
--- error_log eval
qr/authgear: credential refused: wrong_audience; token has iss "$::origin" aud "[^"]*a[^"]*b[^"]*" typ "at\+jwt" kid "[^"]+"; expected iss "$::origin https:\/\/second\.example" aud "one two"/



=== TEST 21: an issuer that would begin a line of its own is written in one
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
::flood(1, $::alice);
--- request
GET /t
--- more_headers eval
::alices(claims => { iss => qq{https://x\n2026/01/01 00:00:00 [info] forged "line" \x{1b}[2J} })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 2, resolver 0)
--- error_log eval
qr/authgear: credential refused: wrong_issuer; token has iss "https:\/\/x.*forged.*expected iss/
--- no_error_log eval
[qr/^2026\/01\/01 00:00:00/, qr/\x{1b}/]



=== TEST 22: nothing is told of a token with a bad signature
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(tamper => 'signature', claims => { iss => 'https://custom.example' })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log
authgear: credential refused
--- no_error_log
token has
custom.example
secret-kid



=== TEST 23: nothing is told of a token that cannot be read
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
'Authorization: Bearer eyJ.https.y'
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log
authgear: credential refused
--- no_error_log
token has
custom.example
secret-kid



=== TEST 24: nothing is told of a token of an unknown key
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(kid => 'secret-kid', claims => { iss => 'https://custom.example' })
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- error_log
authgear: credential refused
--- no_error_log
token has
custom.example
secret-kid



=== TEST 25: never in the log: token, cookie, subject or claim of an expired token
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- log_level: info
--- request
GET /t
--- more_headers eval
::alices(lifetime => -60, claims => { given_name => 'custom-claim-of-hers' })
--- error_code: 200
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- no_error_log eval
[qr/alice-the-subject/, qr/custom-claim-of-hers/, qr/eyJ/, qr/a-secret-of-hers/, qr/Bearer/]



=== TEST 26: never in the log: token, cookie, subject or claim of a token of a wrong issuer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- log_level: info
--- request
GET /t
--- more_headers eval
::alices(claims => { iss => 'https://custom.example', given_name => 'custom-claim-of-hers' })
--- error_code: 200
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- no_error_log eval
[qr/alice-the-subject/, qr/custom-claim-of-hers/, qr/eyJ/, qr/a-secret-of-hers/, qr/Bearer/]



=== TEST 27: never in the log: token, cookie, subject or claim of a malformed token
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- log_level: info
--- request
GET /t
--- more_headers eval
'Authorization: Bearer eyJa-secret-of-hers.eyJb.c'
--- error_code: 200
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- no_error_log eval
[qr/alice-the-subject/, qr/custom-claim-of-hers/, qr/eyJ/, qr/a-secret-of-hers/, qr/Bearer/]



=== TEST 28: never in the log: token, cookie, subject or claim of a good token
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- log_level: info
--- request
GET /t
--- more_headers eval
::alices(claims => { given_name => 'custom-claim-of-hers' })
--- error_code: 200
--- response_body_filters eval
\&::verdict
--- response_body
alice-the-subject (backend 1, resolver 0)
--- no_error_log eval
[qr/alice-the-subject/, qr/custom-claim-of-hers/, qr/eyJ/, qr/a-secret-of-hers/, qr/Bearer/]



=== TEST 29: never in the log: token, cookie, subject or claim of an opaque token that is refused
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- log_level: info
--- request
GET /t
--- more_headers eval
'Authorization: Bearer a-secret-of-hers'
--- error_code: 200
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 1)
--- no_error_log eval
[qr/alice-the-subject/, qr/custom-claim-of-hers/, qr/eyJ/, qr/a-secret-of-hers/, qr/Bearer/]



=== TEST 30: never in the log: token, cookie, subject or claim of a cookie that is refused
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- log_level: info
--- request
GET /t
--- more_headers eval
'Cookie: session=a-secret-of-hers; app_session=a-secret-of-hers'
--- error_code: 200
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 1)
--- no_error_log eval
[qr/alice-the-subject/, qr/custom-claim-of-hers/, qr/eyJ/, qr/a-secret-of-hers/, qr/Bearer/]



=== TEST 31: never in the log: token, cookie, subject or claim of a malformed cookie
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- log_level: info
--- request
GET /t
--- more_headers eval
'Cookie: app_session="a-secret-of-hers '
--- error_code: 200
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- no_error_log eval
[qr/alice-the-subject/, qr/custom-claim-of-hers/, qr/eyJ/, qr/a-secret-of-hers/, qr/Bearer/]



=== TEST 32: never in the log: token, cookie, subject or claim of a cookie that nobody can judge
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'close');
--- log_level: info
--- request
GET /t
--- more_headers eval
'Cookie: session=a-secret-of-hers'
--- error_code: 503
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 1)
--- no_error_log eval
[qr/alice-the-subject/, qr/custom-claim-of-hers/, qr/eyJ/, qr/a-secret-of-hers/, qr/Bearer/]



=== TEST 33: a good token, a good session and no credential at all write no line
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[::alices(), 'Cookie: ' . ::session(user => 'alice-the-subject'), 'X-Own: mine']
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice-the-subject (backend 1, resolver 0)\n", "alice-the-subject (backend 2, resolver 1)\n", "nobody (backend 3, resolver 1)\n"]
--- no_error_log
credential refused
no verdict
[error]
[warn]
[crit]
[alert]



=== TEST 34: an expired token beside a live session is no refusal
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices(lifetime => -60) . "\nCookie: " . ::session(user => 'alice-the-subject')
--- response_body_filters eval
\&::verdict
--- response_body
alice-the-subject (backend 1, resolver 1)
--- no_error_log
[warn]
[error]



=== TEST 35: a refusal below the error log's level is not written
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_log_level info;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- log_level: notice
--- request
GET /t
--- more_headers
Authorization: Bearer eyJ.x.y
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 1, resolver 0)
--- no_error_log
credential refused



=== TEST 36: authgear_log_level error does not change how loud a missing verdict is
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_log_level info;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'close');
--- request
GET /t
--- more_headers
Cookie: session=x
--- error_code: 503
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 1)
--- error_log eval
qr/\[error\] .*authgear: no verdict could be had/



=== TEST 37: a client cannot fill the log: a few lines of one reason a second
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
::flood(200, 'eyJ.x.y');
--- timeout: 10
--- request
GET /t
--- grep_error_log eval
qr/authgear: credential refused: malformed/
--- grep_error_log_out eval
qr/\A(?:authgear: credential refused: malformed\n){1,60}\z/



=== TEST 38: and another reason is not drowned by it; how many were left out is told
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init
::flood(200, 'eyJ.x.y'); sleep 1; ::flood(1, 'eyJ.x.y');
--- timeout: 10
--- request
GET /t
--- more_headers eval
::alices(lifetime => -60)
--- response_body_filters eval
\&::verdict
--- response_body
invalid (backend 202, resolver 0)
--- error_log eval
[qr/credential refused: expired/, qr/credential refused: malformed \(\d+ more such lines left out\)/]



=== TEST 39: fetched keys are told once
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
::alices()
--- init
::flood(5, $::alice);
--- response_body_filters eval
\&::verdict
--- response_body
alice-the-subject (backend 6, resolver 0)
--- grep_error_log eval
qr/\[notice\] .*authgear: \d+ key\(s\) of \S+ fetched/
--- grep_error_log_out eval
qr/\A\[notice\] .*authgear: 1 key\(s\) of $::origin fetched\n\z/
