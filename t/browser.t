# nginx-conf/browser.conf as its readers run it: who is sent to sign in, who gets 401, and where a browser comes back to.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite origin => 'http://project.authgear.cloud';
use Authgear::Example;

user(id => 'alice');
our $jwt     = bearer(user => 'alice');
our $expired = bearer(user => 'alice', lifetime => -60);
our $session = 'Cookie: ' . session(user => 'alice', kind => 'session');
our $old     = 'Cookie: ' . session(user => 'alice', kind => 'session', auth_time => 1_700_000_000);
our $revoked = session(user => 'alice', kind => 'session');
revoke($revoked);

our $navigation = 'Sec-Fetch-Mode: navigate';
our $html       = 'Accept: text/html,application/xhtml+xml';
our $sign_in    = 'http://project.authgear.cloud/oauth2/authorize?response_type=none&client_id=CLIENT_ID&scope=openid&prompt=login'
    . '&x_sso_enabled=true&redirect_uri=https%3A%2F%2Fwww.example.com%2Fsigned-in';

# remembers(PLACE): the cookie by which the browser comes back.
sub remembers { return "return_to=$_[0]; Path=/signed-in; Max-Age=3600; Secure; HttpOnly; SameSite=Lax" }
our $forgets = 'return_to=; Path=/signed-in; Max-Age=0; Secure; HttpOnly; SameSite=Lax';

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(http_config => http_of('browser', $ENV{TEST_NGINX_BACKEND_HOST}));
    $block->set_value(config => server_of('browser', $block->further // ''));
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: a navigation without a session goes to sign in, and its place is remembered
--- request eval
["GET /some/page?a=1&b=2", "GET /some/page?a=1&b=2"]
--- more_headers eval
[$::navigation, $::html]
--- error_code eval
[302, 302]
--- response_headers eval
[("Location: $::sign_in\nSet-Cookie: " . ::remembers('/some/page?a=1&b=2') . "\nCache-Control: no-store\nWWW-Authenticate:") x 2]
--- response_body_filters eval
\&::verdict
--- response_body eval
[("refused (backend 0, resolver 0)\n") x 2]



=== TEST 2: everything else without a session gets 401 with the challenge, and no cookie
--- request eval
["GET /", "GET /", "GET /", "GET /", "HEAD /", "POST /\nform", "OPTIONS /"]
--- more_headers eval
['', "Sec-Fetch-Mode: cors\n$::html", "Sec-Fetch-Mode: no-cors\n$::html", 'Accept: application/json', ($::navigation) x 3]
--- error_code eval
[(401) x 7]
--- response_headers eval
[("WWW-Authenticate: Bearer\nLocation:\nSet-Cookie:") x 7]



=== TEST 3: who comes with a token is told that it is worth nothing, whatever else it says
--- request eval
["GET /", "GET /"]
--- more_headers eval
["$::expired\n$::navigation", "$::expired\n$::html"]
--- error_code eval
[401, 401]
--- response_headers eval
[("WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"expired\"\nLocation:\nSet-Cookie:") x 2]



=== TEST 4: a session and a token both enter, and the backend knows who it is
--- request eval
["GET /page", "GET /page"]
--- more_headers eval
["$::session\n$::navigation", $::jwt]
--- response_headers eval
["Location:\nSet-Cookie:", "Location:\nSet-Cookie:"]
--- response_body_filters eval
\&::verdict
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 1)\n"]



=== TEST 5: a session that has ended: a page goes to sign in, a fetch gets 401
--- request eval
["GET /page", "GET /page"]
--- more_headers eval
["Cookie: $::revoked\n$::navigation", "Cookie: $::revoked\nSec-Fetch-Mode: cors"]
--- error_code eval
[302, 401]
--- response_headers eval
["Location: $::sign_in\nWWW-Authenticate:", "WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\"resolver_said_no\"\nLocation:"]



=== TEST 6: a place that is another host's, or would end the cookie, is not remembered
--- request eval
[map {"GET $_"}
    '//evil.example/', '//evil.example', '/\evil.example', '/a;Domain=example.com', '/a"b', "/\xc3\xa4", '/' . 'a' x 2001]
--- more_headers eval
$::navigation
--- error_code eval
[(302) x 7]
--- response_headers eval
[("Location: $::sign_in\nSet-Cookie: " . ::remembers('/')) x 7]



=== TEST 7: a place that only looks like one is remembered as it came, encoded
--- request eval
[map {"GET $_"}
    '/%2f%2fevil.example', '/%5cevil.example', '/%0d%0aSet-Cookie:%20a=b', '/@evil.example', '/a?next=//evil.example', '/.//evil.example']
--- more_headers eval
"Host: evil.example\n$::navigation"
--- error_code eval
[302, 302, 302, 302, 302, 302]
--- response_headers eval
[map {"Location: $::sign_in\nSet-Cookie: " . ::remembers($_)}
    '/%2f%2fevil.example', '/%5cevil.example', '/%0d%0aSet-Cookie:%20a=b', '/@evil.example', '/a?next=//evil.example', '/.//evil.example']



=== TEST 8: who has signed in comes back to the place, which is then forgotten
--- request
GET /signed-in
--- more_headers eval
"$::session; return_to=/some/page?a=1&b=2,3\n$::navigation"
--- error_code: 302
--- response_headers eval
"Location: https://www.example.com/some/page?a=1&b=2,3\nSet-Cookie: $::forgets\nCache-Control: no-store"



=== TEST 9: without a place that was remembered, or with somebody else's, the first page is the place
--- request eval
[("GET /signed-in") x 6]
--- more_headers eval
[$::session, map {"$::session; return_to=$_"} '//evil.example', '/\evil.example', 'https://evil.example/', '.evil.example', '@evil.example']
--- error_code eval
[(302) x 6]
--- response_headers eval
[("Location: https://www.example.com/\nSet-Cookie: $::forgets") x 6]



=== TEST 10: a place stays on this host, whatever it holds
--- request eval
[("GET /signed-in") x 4]
--- more_headers eval
[map {"Host: evil.example\n$::session; return_to=$_"} '/@evil.example', '/%0d%0aa:b', '/%2f%2fevil.example', '/.evil.example']
--- error_code eval
[(302) x 4]
--- response_headers eval
[map {"Location: https://www.example.com$_"} '/@evil.example', '/%0d%0aa:b', '/%2f%2fevil.example', '/.evil.example']



=== TEST 11: where the sign-in page sends a browser, it is never sent there again
--- request eval
["GET /signed-in", "GET /signed-in?error=access_denied", "GET /signed-in"]
--- more_headers eval
["Cookie: return_to=/page\n$::navigation", $::navigation, "Cookie: $::revoked\n$::navigation"]
--- error_code eval
[403, 403, 403]
--- response_headers eval
[("Location:\nWWW-Authenticate:\nContent-Type: text/html") x 3]
--- response_body_like eval
[('You are not signed in') x 3]



=== TEST 12: a page that wants a more recent sign-in asks for one, and does not send a fetch there
--- further
location /payment {
    authgear_require max_age=15m;
    error_page 401 = @sign_in;
    proxy_pass http://backend;
}
--- request eval
["GET /payment", "GET /payment", "GET /page"]
--- more_headers eval
["$::old\n$::navigation", "$::old\nSec-Fetch-Mode: cors", "$::old\n$::navigation"]
--- error_code eval
[302, 401, 200]
--- response_headers eval
["Location: $::sign_in\nSet-Cookie: " . ::remembers('/payment'),
 "Location:\nWWW-Authenticate: Bearer error=\"insufficient_user_authentication\", max_age=\"900\"", 'Location:']



=== TEST 13: without a verdict nobody is sent to sign in
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- request eval
["GET /page", "GET /signed-in"]
--- more_headers eval
["$::session\n$::navigation", "$::session\n$::navigation"]
--- error_code eval
[503, 503]
--- response_headers eval
["Location:\nSet-Cookie:", "Location:\nSet-Cookie:"]



=== TEST 14: signing out leads to Authgear, whoever asks, and back to a page that is open to all
--- request eval
["GET /sign-out", "GET /signed-out"]
--- more_headers eval
[$::session, $::navigation]
--- error_code eval
[302, 200]
--- response_headers eval
['Location: http://project.authgear.cloud/oauth2/end_session?post_logout_redirect_uri=https%3A%2F%2Fwww.example.com%2Fsigned-out', 'Location:']
