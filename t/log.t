# The error log: one line for a refusal, with the reason; what goes with it; what never does.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;
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

# What no line may hold: of a token of which nothing is known to be true, and of anything that a client sent.
our $of_the_token = [qr/token has/, qr/custom\.example/, qr/secret-kid/];
our $secrets      = [qr/alice-the-subject/, qr/custom-claim-of-hers/, qr/eyJ/, qr/a-secret-of-hers/, qr/Bearer/];

blocks_have(
    response_body_filters => \&verdict,
    response_body         => "invalid (backend 1, resolver 0)\n",
);
run_tests();

__DATA__

=== TEST 1: refused as resolver_said_no
--- more_headers eval: 'Cookie: session=dead'
--- response_body eval: "invalid (backend 1, resolver 1)\n"
--- error_log eval: qr/\[notice\] .*authgear: credential refused: resolver_said_no\b/



=== TEST 2: a wrong issuer: what the token has, and what is expected
--- init: ::flood(1, $::alice);
--- more_headers eval: ::alices(claims => { iss => 'https://custom.example' })
--- response_body eval: "invalid (backend 2, resolver 0)\n"
--- error_log eval: qr/authgear: credential refused: wrong_issuer; token has iss "https:\/\/custom\.example" aud "$::origin" typ "at\+jwt" kid "[^"]+"; expected iss "$::origin" aud "$::origin"/



=== TEST 3: a wrong audience: all that the token has, and all that are expected
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_issuer $TEST_NGINX_AUTHGEAR https://second.example;
    authgear_audience one two;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init: ::flood(1, ::token(user => 'alice-the-subject', claims => { aud => 'one' }));
--- more_headers eval: ::alices(claims => { aud => ['a', 'b'] })
--- response_body eval: "invalid (backend 2, resolver 0)\n"
--- error_log eval: qr/authgear: credential refused: wrong_audience; token has iss "$::origin" aud "[^"]*a[^"]*b[^"]*" typ "at\+jwt" kid "[^"]+"; expected iss "$::origin https:\/\/second\.example" aud "one two"/



=== TEST 4: an issuer that would begin a line of its own is written in one
--- init: ::flood(1, $::alice);
--- more_headers eval: ::alices(claims => { iss => qq{https://x\n2026/01/01 00:00:00 [info] forged "line" \x{1b}[2J} })
--- response_body eval: "invalid (backend 2, resolver 0)\n"
--- error_log eval: qr/authgear: credential refused: wrong_issuer; token has iss "https:\/\/x.*forged.*expected iss/
--- no_error_log eval: [qr/^2026\/01\/01 00:00:00/, qr/\x{1b}/]



=== TEST 5: nothing is told of a token with a bad signature
--- more_headers eval: ::alices(tamper => 'signature', claims => { iss => 'https://custom.example' })
--- error_log: authgear: credential refused
--- no_error_log eval: $::of_the_token



=== TEST 6: nothing is told of a token that cannot be read
--- more_headers eval: 'Authorization: Bearer eyJ.https.y'
--- error_log: authgear: credential refused
--- no_error_log eval: $::of_the_token



=== TEST 7: nothing is told of a token of an unknown key
--- more_headers eval: ::alices(kid => 'secret-kid', claims => { iss => 'https://custom.example' })
--- error_log: authgear: credential refused
--- no_error_log eval: $::of_the_token



=== TEST 8: never in the log: token, cookie, subject or claim of an expired token
--- log_level: info
--- more_headers eval: ::alices(lifetime => -60, claims => { given_name => 'custom-claim-of-hers' })
--- no_error_log eval: $::secrets



=== TEST 9: never in the log: token, cookie, subject or claim of a token of a wrong issuer
--- log_level: info
--- more_headers eval: ::alices(claims => { iss => 'https://custom.example', given_name => 'custom-claim-of-hers' })
--- no_error_log eval: $::secrets



=== TEST 10: never in the log: token, cookie, subject or claim of a malformed token
--- log_level: info
--- more_headers eval: 'Authorization: Bearer eyJa-secret-of-hers.eyJb.c'
--- no_error_log eval: $::secrets



=== TEST 11: never in the log: token, cookie, subject or claim of a good token
--- log_level: info
--- more_headers eval: ::alices(claims => { given_name => 'custom-claim-of-hers' })
--- response_body eval: "alice-the-subject (backend 1, resolver 0)\n"
--- no_error_log eval: $::secrets



=== TEST 12: never in the log: token, cookie, subject or claim of an opaque token that is refused
--- log_level: info
--- more_headers eval: 'Authorization: Bearer a-secret-of-hers'
--- response_body eval: "invalid (backend 1, resolver 1)\n"
--- no_error_log eval: $::secrets



=== TEST 13: never in the log: token, cookie, subject or claim of a cookie that is refused
--- log_level: info
--- more_headers eval: 'Cookie: session=a-secret-of-hers; app_session=a-secret-of-hers'
--- response_body eval: "invalid (backend 1, resolver 1)\n"
--- no_error_log eval: $::secrets



=== TEST 14: never in the log: token, cookie, subject or claim of a malformed cookie
--- log_level: info
--- more_headers eval: 'Cookie: app_session="a-secret-of-hers '
--- no_error_log eval: $::secrets



=== TEST 15: never in the log: token, cookie, subject or claim of a cookie that nobody can judge
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'close');
--- log_level: info
--- more_headers eval: 'Cookie: session=a-secret-of-hers'
--- error_code: 503
--- response_body eval: "refused (backend 0, resolver 1)\n"
--- no_error_log eval: $::secrets



=== TEST 16: a good token, a good session and no credential at all write no line
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [::alices(), 'Cookie: ' . ::session(user => 'alice-the-subject'), 'X-Own: mine']
--- response_body eval: ["alice-the-subject (backend 1, resolver 0)\n", "alice-the-subject (backend 2, resolver 1)\n", "nobody (backend 3, resolver 1)\n"]
--- no_error_log
credential refused
no verdict
[error]
[warn]
[crit]
[alert]



=== TEST 17: an expired token beside a live session is no refusal
--- more_headers eval: ::alices(lifetime => -60) . "\nCookie: " . ::session(user => 'alice-the-subject')
--- response_body eval: "alice-the-subject (backend 1, resolver 1)\n"
--- no_error_log
[warn]
[error]



=== TEST 18: a refusal below the error log's level is not written
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_log_level info;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- log_level: notice
--- more_headers: Authorization: Bearer eyJ.x.y
--- no_error_log: credential refused



=== TEST 19: authgear_log_level error does not change how loud a missing verdict is
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_log_level info;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- init: Authgear::Suite::fault(target => 'resolver', kind => 'close');
--- more_headers: Cookie: session=x
--- error_code: 503
--- response_body eval: "refused (backend 0, resolver 1)\n"
--- error_log eval: qr/\[error\] .*authgear: no verdict could be had/



=== TEST 20: a client cannot fill the log: a few lines of one reason a second
--- init: ::flood(200, 'eyJ.x.y');
--- timeout: 10
--- response_body eval: "nobody (backend 201, resolver 0)\n"
--- grep_error_log eval: qr/authgear: credential refused: malformed/
--- grep_error_log_out eval: qr/\A(?:authgear: credential refused: malformed\n){1,60}\z/



=== TEST 21: and another reason is not drowned by it; how many were left out is told
--- init: ::flood(200, 'eyJ.x.y'); sleep 1; ::flood(1, 'eyJ.x.y');
--- timeout: 10
--- more_headers eval: ::alices(lifetime => -60)
--- response_body eval: "invalid (backend 202, resolver 0)\n"
--- error_log eval: [qr/credential refused: expired/, qr/credential refused: malformed \(\d+ more such lines left out\)/]



=== TEST 22: fetched keys are told once
--- more_headers eval: ::alices()
--- init: ::flood(5, $::alice);
--- response_body eval: "alice-the-subject (backend 6, resolver 0)\n"
--- grep_error_log eval: qr/\[notice\] .*authgear: \d+ key\(s\) of \S+ fetched/
--- grep_error_log_out eval: qr/\A\[notice\] .*authgear: 1 key\(s\) of $::origin fetched\n\z/
