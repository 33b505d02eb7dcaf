# Only what the resolver itself said counts, not what this nginx made of it: redirects, error pages, rules of the server around, files and caches.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Answer;
use Authgear::Suite;
use Authgear::Told;
use HTTP::Tiny ();

user(id => 'alice');

# A request before the block's own, for its status.
sub asks_once {
    my $answer = HTTP::Tiny->new->get("http://127.0.0.1:$ENV{TEST_NGINX_SERVER_PORT}/t", { headers => { Authorization => 'Bearer some' } });
    return $answer->{status};
}

blocks_have(
    more_headers => 'Authorization: Bearer ' . opaque(user => 'alice', auth_time => 1_700_000_000),
    config       => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
);
run_tests();

__DATA__

=== TEST 1: X-Accel-Redirect: /fake beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: /fake')
--- response_body eval: ::yes()



=== TEST 2: X-Accel-Redirect: @fake beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: @fake')
--- response_body eval: ::yes()



=== TEST 3: X-Accel-Limit-Rate: 1 beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Limit-Rate: 1')
--- response_body eval: ::yes()



=== TEST 4: X-Accel-Buffering: no beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Buffering: no')
--- response_body eval: ::yes()



=== TEST 5: X-Accel-Charset: utf-16 beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Charset: utf-16')
--- response_body eval: ::yes()



=== TEST 6: X-Accel-Expires: 60 beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Expires: 60')
--- response_body eval: ::yes()



=== TEST 7: X-Accel-Redirect where the location follows it
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /fake {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: /fake')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 8: X-Accel-Redirect to a named location
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location @fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: @fake')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 9: error_page 502 =200 in the question's location
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        error_page 502 504 =200 /fake;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
--- init: ::fault(target => 'resolver', kind => 'close')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_unreachable)/



=== TEST 10: error_page 502 =200 in the server around
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
    error_page 502 504 =200 /fake;
--- init: ::fault(target => 'resolver', kind => 'close')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_unreachable)/



=== TEST 11: error_page for what the resolver answered, intercepted
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        proxy_intercept_errors on;
        error_page 404 =200 /fake;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
--- init: ::says_yes_but('404 Not Found')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_status)/



=== TEST 12: 401 intercepted in the server around
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
    proxy_intercept_errors on;
    error_page 401 403 404 =200 /fake;
--- init: ::says_yes_but('401 Unauthorized')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_status)/



=== TEST 13: return 200 in the question's location is no answer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log eval: qr/authgear: no verdict could be had: not_the_resolvers_answer .*asked at \/_auth.*: this nginx answered there itself: look for return, rewrite, try_files, limit_req, error_page, proxy_cache, X-Accel-Redirect/



=== TEST 14: return 204 in the question's location is no answer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 204;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 15: an empty file in the question's location is no answer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        alias html/empty;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files
>>> empty
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 16: try_files in the question's location is no answer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        try_files /empty =404;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- user_files
>>> empty
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 17: add_header in the question's location is not the resolver's word
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice')
--- response_body eval: ::yes()



=== TEST 18: add_header in the question's location makes no yes of a no
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::says('X-Authgear-Session-Valid: false')
--- response_body eval: ::no()
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 19: more of nginx's own headers do no harm
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        expires 1h;
        add_trailer X-Authgear-User-Id mallory;
        sub_filter a b;
        gzip on;
        charset utf-8;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice')
--- response_body eval: ::yes()



=== TEST 20: deny in the server around does not meet the question
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        allow all;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    deny all;
--- response_body eval: ::alice(1)



=== TEST 21: auth_basic in the server around does not meet the question
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        auth_basic off;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    auth_basic "area";
    auth_basic_user_file html/none;
--- response_body eval: ::alice(1)



=== TEST 22: a rewrite in the server around does not meet the question
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /fake {
        add_header X-Authgear-Session-Valid true always;
        add_header X-Authgear-User-Id mallory always;
        return 200;
    }
    rewrite ^/_auth$ /fake last;
    if ($uri = /_auth) { return 403; }
--- response_body eval: ::alice(1)



=== TEST 23: limit_req in the server around does not meet the question
--- http_config
    limit_req_zone $server_name zone=one:32k rate=1r/m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    limit_req zone=one;
--- response_body eval: ::alice(1)



=== TEST 24: an answer from a cache does not count
--- http_config
    proxy_cache_path cache keys_zone=answers:1m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    location = /_auth {
        internal;
        proxy_pass $authgear_endpoint/_resolver/resolve;
        proxy_set_header Host $authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
        proxy_cache answers;
        proxy_cache_key same;
        proxy_cache_valid 200 1m;
    }
    location = /_auth/jwks { internal; proxy_pass $authgear_endpoint/oauth2/jwks; }
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'Cache-Control: max-age=60'); ::asks_once() == 200 or die 'the first answer was to come from the resolver'
--- error_code: 503
--- response_body eval: ::unheard(0) =~ s/backend 0, resolver 0/backend 1, resolver 1/r
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 25: in the shipped location a cache of the server around does not meet the question
--- http_config
    proxy_cache_path cache keys_zone=answers:1m;
    proxy_cache_valid 200 1m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    proxy_cache answers;
    proxy_cache_key same;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_cache off; proxy_pass $TEST_NGINX_BACKEND; }
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'Cache-Control: max-age=60')
--- request eval: ["GET /t/1", "GET /t/2"]
--- response_body eval: [::yes(), ::yes() =~ s/backend 1, resolver 1/backend 2, resolver 2/r]



=== TEST 26: a compressed empty body is an empty body
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'Content-Encoding: gzip')
--- response_body eval: ::yes()
