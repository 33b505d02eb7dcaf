# Only what the resolver itself said counts, not what this nginx made of it: redirects, error pages, rules of the server around, files and caches.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Answer;
use Authgear::Locations;
use Authgear::Suite;
use Authgear::Told;
use HTTP::Tiny ();

user(id => 'alice');

# What this nginx says by itself, in the resolver's own words.
our $says_yes = 'add_header X-Authgear-Session-Valid true always; add_header X-Authgear-User-Id mallory always;';
our $fake     = "location = /fake { $says_yes return 200; }\n";

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

=== TEST 1: X-Accel-Redirect: /t/other beside yes is ignored by the shipped location
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: /t/other')
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
--- config eval: ::locations(server => "location = /fake { internal; $::says_yes return 200; }")
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: /fake')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 8: X-Accel-Redirect to a named location
--- config eval: ::locations(server => 'location @fake { ' . "$::says_yes return 200; }")
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'X-Accel-Redirect: @fake')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 9: error_page 502 =200 in the question's location
--- config eval: ::locations(asking => 'error_page 502 504 =200 /fake;', server => $::fake)
--- init: ::fault(target => 'resolver', kind => 'close')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_unreachable)/



=== TEST 10: error_page 502 =200 in the server around
--- config eval: ::locations(server => $::fake . 'error_page 502 504 =200 /fake;')
--- init: ::fault(target => 'resolver', kind => 'close')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_unreachable)/



=== TEST 11: error_page for what the resolver answered, intercepted
--- config eval: ::locations(asking => 'proxy_intercept_errors on; error_page 404 =200 /fake;', server => $::fake)
--- init: ::says_yes_but('404 Not Found')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_status)/



=== TEST 12: 401 intercepted in the server around
--- config eval: ::locations(server => $::fake . 'proxy_intercept_errors on; error_page 401 403 404 =200 /fake;')
--- init: ::says_yes_but('401 Unauthorized')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(1)
--- error_log eval: qr/authgear: no verdict could be had: (?:not_the_resolvers_answer|resolver_status)/



=== TEST 13: return 200 in the question's location is no answer
--- config eval: ::locations(answering => "$::says_yes return 200;")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log eval: qr/authgear: no verdict could be had: not_the_resolvers_answer .*asked at \/_auth.*: this nginx answered there itself: look for return, rewrite, try_files, limit_req, error_page, proxy_cache, X-Accel-Redirect/



=== TEST 14: return 204 in the question's location is no answer
--- config eval: ::locations(answering => "$::says_yes return 204;")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 15: an empty file in the question's location is no answer
--- config eval: ::locations(answering => "$::says_yes alias html/empty;")
--- user_files
>>> empty
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 16: try_files in the question's location is no answer
--- config eval: ::locations(answering => "$::says_yes try_files /empty =404;")
--- user_files
>>> empty
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 17: a picture of this nginx's in the question's location is no answer
--- config eval: ::locations(answering => "$::says_yes empty_gif;")
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: resolver_body



=== TEST 18: an error page that would ask the resolver from another location is not followed
--- config eval: ::locations(answering => 'proxy_intercept_errors on; error_page 404 = @fine; proxy_pass $authgear_endpoint/nothing-there;', server => 'location @fine { rewrite ^ /_resolver/resolve break; proxy_pass $authgear_endpoint; }')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0)
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 19: another server's answer in the question's location is no answer
--- config eval: ::locations(answering => 'proxy_method GET; proxy_pass $TEST_NGINX_BACKEND;')
--- error_code: 503
--- response_headers: Retry-After: 5
--- response_body eval: ::unheard(0) =~ s/backend 0/backend 1/r
--- error_log: authgear: no verdict could be had: resolver_body



=== TEST 20: add_header in the question's location is not the resolver's word
--- config eval: ::locations(asking => $::says_yes)
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice')
--- response_body eval: ::yes()



=== TEST 21: add_header in the question's location makes no yes of a no
--- config eval: ::locations(asking => $::says_yes)
--- init: ::says('X-Authgear-Session-Valid: false')
--- response_body eval: ::no()
--- error_log: authgear: credential refused: resolver_said_no



=== TEST 22: more of nginx's own headers do no harm
--- config eval: ::locations(asking => 'expires 1h; add_trailer X-Authgear-User-Id mallory; sub_filter a b; gzip on; charset utf-8;')
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice')
--- response_body eval: ::yes()



=== TEST 23: deny in the server around does not meet the question
--- config eval: ::locations(resolving => 'allow all;', server => 'deny all;')
--- response_body eval: ::alice(1)



=== TEST 24: auth_basic in the server around does not meet the question
--- config eval: ::locations(resolving => 'auth_basic off;', server => 'auth_basic "area"; auth_basic_user_file html/none;')
--- response_body eval: ::alice(1)



=== TEST 25: a rewrite in the server around does not meet the question
--- config eval: ::locations(server => $::fake . 'rewrite ^/_auth$ /fake last; if ($uri = /_auth) { return 403; }')
--- response_body eval: ::alice(1)



=== TEST 26: limit_req in the server around does not meet the question
--- http_config
    limit_req_zone $server_name zone=one:32k rate=1r/m;
--- config eval: ::locations(server => 'limit_req zone=one;')
--- response_body eval: ::alice(1)



=== TEST 27: an answer from a cache does not count
--- http_config
    proxy_cache_path cache keys_zone=answers:1m;
--- config eval: ::locations(asking => 'proxy_cache answers; proxy_cache_key same; proxy_cache_valid 200 1m;')
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'Cache-Control: max-age=60'); ::asks_once() == 200 or die 'the first answer was to come from the resolver'
--- error_code: 503
--- response_body eval: ::unheard(0) =~ s/backend 0, resolver 0/backend 1, resolver 1/r
--- error_log: authgear: no verdict could be had: not_the_resolvers_answer



=== TEST 28: in the shipped location a cache of the server around does not meet the question
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



=== TEST 29: a compressed empty body is an empty body
--- init: ::says('X-Authgear-Session-Valid: true', 'X-Authgear-User-Id: alice', 'Content-Encoding: gzip')
--- response_body eval: ::yes()
