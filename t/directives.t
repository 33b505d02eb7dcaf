# Each directive: what holds where it is not written, what it does, and that an inner level takes the place of an outer one.
#
# authgear_unavailable has a file of its own, and so have keys, variables and what nginx -t refuses.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice');
our $alice   = bearer(user => 'alice');
our $late    = bearer(user => 'alice', lifetime => 1800, iat => time - 3600);
our $early   = bearer(user => 'alice', nbf => time + 1800);
our $session = session(user => 'alice', kind => 'session');
our $app     = session(user => 'alice', kind => 'app_session');
our $jwt_in_cookie = session(user => 'alice', kind => 'app_access_token');

# A token whose issuer or audience is another one.
sub from { return bearer(user => 'alice', claims => { iss => shift }) }
sub to   { return bearer(user => 'alice', claims => { aud => shift }) }

# A server with these directives beside its endpoint, and a location where resolving is on.
sub with {
    return join "\n", 'authgear_endpoint $TEST_NGINX_AUTHGEAR;', 'include $TEST_NGINX_AUTHGEAR_CONF;', map({ /\}$/ ? $_ : "$_;" } @_),
        'location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }';
}

# Directives in http, where resolving is on, and a second server in it that says no more.
sub in_http {
    return join '', map({"$_;\n"} @_, 'authgear_endpoint $TEST_NGINX_AUTHGEAR', 'authgear_resolve on'), <<'CONFIG';
server {
    listen $TEST_NGINX_SERVER_PORT;
    server_name second;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
}
CONFIG
}

# One directive in the first server, one in its location /inner.
sub in_server {
    my ($server, $inner) = @_;
    return <<"CONFIG";
$server;
include \$TEST_NGINX_AUTHGEAR_CONF;
location /t { proxy_pass \$TEST_NGINX_BACKEND; }
location /inner { $inner; proxy_pass \$TEST_NGINX_BACKEND; }
CONFIG
}

# A refusal that is logged; and what clears a cookie.
our $malformed   = 'Authorization: Bearer eyJ.x.y';
our $its_refusal = 'authgear: credential refused: malformed';
our $cleared     = 'session=; Domain=example.com; Path=/; Max-Age=0';
sub clears { return fault(target => 'resolver', kind => 'headers', headers => { 'set-cookie' => $cleared }) }

blocks_have(
    more_headers          => $alice,
    response_body_filters => \&verdict,
    response_body         => "alice (backend 1, resolver 0)\n",
);
run_tests();

__DATA__

=== TEST 1: authgear_endpoint is normalised, and holds from http
--- http_config: authgear_endpoint HTTP://$TEST_NGINX_AUTHGEAR_HOST/;
--- config
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }



=== TEST 2: authgear_endpoint of a server replaces that of http
--- http_config: authgear_endpoint https://elsewhere.example;



=== TEST 3: authgear_issuer is the endpoint unless written
--- request eval: ["GET /t", "GET /t"]
--- more_headers eval: [::from($ENV{TEST_NGINX_AUTHGEAR}), ::from('https://custom.example')]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n"]



=== TEST 4: authgear_issuer names all that are accepted; the endpoint is no longer one by itself
--- config eval: ::with('authgear_issuer https://custom.example HTTPS://Second.example:443/')
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [::from('https://custom.example'), ::from('https://second.example'), $::alice]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n", "invalid (backend 3, resolver 0)\n"]



=== TEST 5: authgear_issuer of a server is not added to that of http
--- http_config: authgear_issuer https://outer.example;
--- config eval: ::with('authgear_issuer https://inner.example')
--- request eval: ["GET /t", "GET /t"]
--- more_headers eval: [::from('https://inner.example'), ::from('https://outer.example')]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n"]



=== TEST 6: authgear_audience is the endpoint unless written, and one of a token's several is enough
--- request eval: ["GET /t", "GET /t", "GET /t"]
--- more_headers eval: [::to($ENV{TEST_NGINX_AUTHGEAR}), ::to(['other', $ENV{TEST_NGINX_AUTHGEAR}]), ::to('other')]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n", "invalid (backend 3, resolver 0)\n"]



=== TEST 7: authgear_audience from http, server and location: the innermost alone holds
--- http_config eval: ::in_http('authgear_audience outer')
--- config eval: ::in_server('authgear_audience middle', 'authgear_audience one two')
--- request eval: ["GET /t", "GET /t", "GET /inner", "GET /inner", "GET /t", "GET /t"]
--- more_headers eval: [::to('middle'), ::to('outer'), ::to('two'), ::to('middle'), "Host: second\n" . ::to('outer'), "Host: second\n" . ::to('middle')]
--- response_body eval
["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n", "alice (backend 3, resolver 0)\n",
 "invalid (backend 4, resolver 0)\n", "alice (backend 5, resolver 0)\n", "invalid (backend 6, resolver 0)\n"]



=== TEST 8: authgear_resolve is off unless written
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /on { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- response_body eval: "nobody (backend 1, resolver 0)\n"



=== TEST 9: authgear_resolve on, local and remote for a token that can be judged here
--- config eval: ::with(map {"location /$_ { authgear_resolve $_; proxy_pass \$TEST_NGINX_BACKEND; }"} qw(on local remote))
--- request eval: ["GET /remote", "GET /on", "GET /local"]
--- response_body eval: ["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 1)\n", "alice (backend 3, resolver 1)\n"]



=== TEST 10: authgear_resolve on, local and remote for a session that is known to the server alone
--- config eval: ::with(map {"location /$_ { authgear_resolve $_; proxy_pass \$TEST_NGINX_BACKEND; }"} qw(on local remote))
--- request eval: ["GET /on", "GET /local", "GET /remote"]
--- more_headers eval: "Cookie: $::session"
--- response_body eval: ["alice (backend 1, resolver 1)\n", "invalid (backend 2, resolver 1)\n", "alice (backend 3, resolver 2)\n"]



=== TEST 11: authgear_resolve from http, server and location: the innermost holds, off as well
--- http_config eval: ::in_http()
--- config
    authgear_resolve remote;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        proxy_pass $TEST_NGINX_BACKEND;
        location /t/deep { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
    }
    location /off {
        authgear_resolve off;
        proxy_pass $TEST_NGINX_BACKEND;
        location /off/deep { proxy_pass $TEST_NGINX_BACKEND; }
    }
--- request eval: ["GET /t", "GET /t/deep", "GET /off", "GET /off/deep", "GET /t"]
--- more_headers eval: [("$::alice\nHost: localhost") x 4, "$::alice\nHost: second"]
--- response_body eval
["alice (backend 1, resolver 1)\n", "alice (backend 2, resolver 1)\n", "nobody (backend 3, resolver 1)\n",
 "nobody (backend 4, resolver 1)\n", "alice (backend 5, resolver 1)\n"]



=== TEST 12: authgear_credentials are all four unless written
--- request eval: ["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval: [$::alice, "Cookie: $::app", "Cookie: $::jwt_in_cookie", "Cookie: $::session"]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n", "alice (backend 3, resolver 1)\n", "alice (backend 4, resolver 2)\n"]



=== TEST 13: authgear_credentials: what is not named does not count, and is never sent
--- config eval
::with('authgear_resolve on', 'location /bearer { authgear_credentials bearer; proxy_pass $TEST_NGINX_BACKEND; }',
    'location /cookies { authgear_credentials session app_session; proxy_pass $TEST_NGINX_BACKEND; }')
--- request eval: ["GET /bearer", "GET /bearer", "GET /cookies", "GET /cookies", "GET /cookies"]
--- more_headers eval: [$::alice, "Cookie: $::session; $::app; $::jwt_in_cookie", $::alice, "Cookie: $::jwt_in_cookie", "Cookie: $::session"]
--- response_body eval
["alice (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n", "nobody (backend 3, resolver 0)\n",
 "nobody (backend 4, resolver 0)\n", "alice (backend 5, resolver 1)\n"]



=== TEST 14: authgear_credentials from http, server and location: the innermost alone holds
--- http_config eval: ::in_http('authgear_credentials session')
--- config eval: ::in_server('authgear_credentials bearer', 'authgear_credentials app_session')
--- request eval: ["GET /t", "GET /inner", "GET /inner", "GET /t", "GET /t"]
--- more_headers eval: ["Cookie: $::session", "$::alice\nCookie: $::session", "Cookie: $::app", "Host: second\n$::alice", "Host: second\nCookie: $::session"]
--- response_body eval
["nobody (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n", "alice (backend 3, resolver 1)\n",
 "nobody (backend 4, resolver 1)\n", "alice (backend 5, resolver 2)\n"]



=== TEST 15: authgear_resolve_request and authgear_jwks_request lead elsewhere, by a server and by http
--- http_config
    authgear_resolve_request /outer/ask;
    authgear_jwks_request /outer/keys;
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolve on;
    log_format asked "asked at $uri";
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        location = /outer/ask { internal; proxy_pass $authgear_endpoint/_resolver/resolve; proxy_set_header Host $authgear_endpoint_host; }
        location = /outer/keys { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
        location /t { proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_resolve_request /inner/ask;
    authgear_jwks_request /inner/keys;
    location = /inner/ask { internal; proxy_pass $authgear_endpoint/_resolver/resolve; proxy_set_header Host $authgear_endpoint_host; }
    location = /inner/keys { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval: [$::alice, "Cookie: $::session", "Host: second\n$::alice", "Host: second\nCookie: $::session"]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n", "alice (backend 3, resolver 1)\n", "alice (backend 4, resolver 2)\n"]



=== TEST 16: authgear_jwks_file vouches without a question for keys; the server's replaces http's
--- http_config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolve local;
    authgear_jwks_file ../html/foreign.json;
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        location /t { proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_jwks_file ../html/keys.json;
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
--- user_files eval: [["keys.json", ::jwks()], ["foreign.json", ::foreign_jwks()]]
--- request eval: ["GET /t", "GET /t"]
--- more_headers eval: [$::alice, "Host: second\n$::alice"]
--- response_body eval: ["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n"]



=== TEST 17: authgear_jwks_request of a server replaces the file of http
--- http_config: authgear_jwks_file ../html/foreign.json;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_jwks_request /_auth/jwks;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files eval: [["foreign.json", ::foreign_jwks()]]



=== TEST 18: authgear_jwks_valid, its parameters in any order and unit
--- http_config: authgear_jwks_valid 1h;
--- config eval: ::with('authgear_jwks_valid 500ms refetch=1500ms stale=2w')



=== TEST 19: authgear_leeway is nothing unless written
--- request eval: ["GET /t", "GET /t"]
--- more_headers eval: [$::late, $::early]
--- response_body eval: ["invalid (backend 1, resolver 0)\n", "invalid (backend 2, resolver 0)\n"]



=== TEST 20: authgear_leeway from http, server and location: the innermost holds
--- http_config eval: ::in_http('authgear_leeway 1h', 'authgear_revalidate off')
--- config eval: ::in_server('authgear_leeway 5s', 'authgear_leeway 3600')
--- request eval: ["GET /t", "GET /inner", "GET /inner", "GET /t", "GET /t"]
--- more_headers eval: [$::late, $::late, $::early, "Host: second\n$::late", "Host: second\n$::early"]
--- response_body eval
["invalid (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n", "alice (backend 3, resolver 0)\n",
 "alice (backend 4, resolver 0)\n", "alice (backend 5, resolver 0)\n"]



=== TEST 21: authgear_cookie_prefix: the project's cookies alone are credentials, and go out under their own names
--- config eval: ::with('authgear_cookie_prefix my_')
--- init: ::fault(target => 'resolver', kind => 'headers', headers => { 'X-Authgear-Session-Valid' => 'false' })
--- request eval: ["GET /t", "GET /t"]
--- more_headers eval: ["Cookie: $::session; $::app", "Cookie: session=other; my_session=mine"]
--- response_body_filters eval: sub { ::verdict($_[0]) . ::questions() }
--- response_body_like eval: ['\Anobody \(backend 1, resolver 0\)\n\z', '\Ainvalid \(backend 2, resolver 1\)\n.*\ncookie: my_session=mine\n']



=== TEST 22: authgear_cookie_prefix of a server replaces that of http, the empty one as well
--- http_config eval: ::in_http('authgear_cookie_prefix outer_')
--- config
    authgear_cookie_prefix "";
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /t", "GET /t"]
--- more_headers eval: ["Cookie: $::session", "Host: second\nCookie: $::session"]
--- response_body eval: ["alice (backend 1, resolver 1)\n", "nobody (backend 2, resolver 1)\n"]



=== TEST 23: authgear_zone is named authgear unless written
--- http_config: limit_req_zone $uri zone=authgear:1m rate=1r/s;
--- must_die
--- error_log: the shared memory zone "authgear" is already declared



=== TEST 24: authgear_zone gives it another name and size
--- http_config
    limit_req_zone $uri zone=authgear:1m rate=1r/s;
    authgear_zone zone=mine:2m;



=== TEST 25: authgear_pass_set_cookie is off unless written
--- init: ::clears();
--- more_headers: Cookie: session=dead
--- response_headers: ! Set-Cookie
--- response_body eval: "invalid (backend 1, resolver 1)\n"



=== TEST 26: authgear_pass_set_cookie from http, server and location: the innermost holds
--- http_config eval: ::in_http('authgear_pass_set_cookie on')
--- config eval: ::in_server('authgear_pass_set_cookie off', 'authgear_pass_set_cookie on')
--- init: ::clears();
--- request eval: ["GET /t", "GET /inner", "GET /t"]
--- more_headers eval: ["Cookie: session=dead", "Cookie: session=dead", "Host: second\nCookie: session=dead"]
--- response_headers eval: ["! Set-Cookie", ("Set-Cookie: $::cleared") x 2]
--- response_body eval: ["invalid (backend 1, resolver 1)\n", "invalid (backend 2, resolver 2)\n", "invalid (backend 3, resolver 3)\n"]



=== TEST 27: authgear_trust_request_headers: a client's stay where no verdict is made, and only there
--- config eval: ::with('authgear_trust_request_headers on', 'location /none { proxy_pass $TEST_NGINX_BACKEND; }')
--- request eval: ["GET /none", "GET /t", "GET /t", "GET /t"]
--- more_headers eval: [map { "X-Authgear-Session-Valid: true\nX-Authgear-User-Id: bob\nX-Authgear-User-Roles: admin$_" } '', '', "\n$::alice", "\nAuthorization: Bearer eyJ.x.y"]
--- response_body_filters eval: sub { ::verdict($_[0]) . ($_[0] =~ /roles/ ? "with roles\n" : '') }
--- response_body eval: ["bob (backend 1, resolver 0)\nwith roles\n", "nobody (backend 2, resolver 0)\n", "alice (backend 3, resolver 0)\n", "invalid (backend 4, resolver 0)\n"]



=== TEST 28: authgear_trust_request_headers of a server replaces that of http
--- http_config
    authgear_trust_request_headers on;
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        location /none { proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_trust_request_headers off;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    location /none { proxy_pass $TEST_NGINX_BACKEND; }
--- request eval: ["GET /none", "GET /none"]
--- more_headers eval: ["X-Authgear-Session-Valid: true\nX-Authgear-User-Id: bob", "Host: second\nX-Authgear-Session-Valid: true\nX-Authgear-User-Id: bob"]
--- response_body eval: ["nobody (backend 1, resolver 0)\n", "bob (backend 2, resolver 0)\n"]



=== TEST 29: authgear_log_level is notice unless written
--- more_headers eval: $::malformed
--- response_body eval: "invalid (backend 1, resolver 0)\n"
--- error_log eval: qr/\[notice\] .*$::its_refusal/



=== TEST 30: authgear_log_level of http
--- http_config eval: ::in_http('authgear_log_level error')
--- config eval: ::in_server('authgear_log_level warn', 'authgear_log_level info')
--- more_headers eval: "$::malformed\nHost: second"
--- response_body eval: "invalid (backend 1, resolver 0)\n"
--- error_log eval: qr/\[error\] .*$::its_refusal/



=== TEST 31: authgear_log_level of a server replaces that of http
--- http_config eval: ::in_http('authgear_log_level error')
--- config eval: ::in_server('authgear_log_level warn', 'authgear_log_level info')
--- more_headers eval: "$::malformed\nHost: localhost"
--- response_body eval: "invalid (backend 1, resolver 0)\n"
--- error_log eval: qr/\[warn\] .*$::its_refusal/



=== TEST 32: authgear_log_level of a location replaces both
--- http_config eval: ::in_http('authgear_log_level error')
--- config eval: ::in_server('authgear_log_level warn', 'authgear_log_level info')
--- request: GET /inner
--- more_headers eval: "$::malformed\nHost: localhost"
--- response_body eval: "invalid (backend 1, resolver 0)\n"
--- error_log eval: qr/\[info\] .*$::its_refusal/
