# Several workers, and processes beside them: keys are shared, and only workers fetch them. And a module that is loaded and has nothing to do.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

user(id => 'alice');
our $local = bearer(user => 'alice');
our $remote = bearer(opaque(user => 'alice'));

# For `response_body_filters`: the whole of what was heard, long enough after the answer for a timer to have run.
sub heard_later {
    select undef, undef, undef, 1.3;
    return heard('');
}

master_on();
workers(4);
no_root_location();
run_tests();

__DATA__

=== TEST 1: four workers share one fetch of keys
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; add_header Worker $pid; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[("GET /t") x 40]
--- more_headers eval
$::local
--- response_body_filters eval
sub { ::verdict(@_) . ::heard('') }
--- response_body eval
[map { "alice (backend $_, resolver 0)\nheard: backend $_, resolver 0, keys 1\n" } 1 .. 40]



=== TEST 2: each worker asks for itself, and gives the same answer
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[("GET /t") x 20]
--- more_headers eval
$::remote
--- response_body_filters eval
\&::verdict
--- response_body eval
[map { "alice (backend $_, resolver $_)\n" } 1 .. 20]



=== TEST 3: the cache manager and the cache loader fetch nothing
--- http_config
    proxy_cache_path cache levels=1 keys_zone=cache:1m loader_sleep=10ms;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_cache cache; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::local
--- response_body_filters eval
\&::heard_later
--- response_body
heard: backend 1, resolver 0, keys 1
--- no_error_log
[alert]
[emerg]
exited on signal



=== TEST 4: no worker fetches the keys of a server that never needs them
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve remote; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::local
--- response_body_filters eval
\&::heard_later
--- response_body
heard: backend 1, resolver 1, keys 0



=== TEST 5: nor where nothing resolves
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
"$::local\nX-Authgear-User-Id: somebody"
--- response_body_filters eval
sub { ::identity(@_) . ::heard_later() }
--- response_body
x-authgear-user-id: somebody
heard: backend 1, resolver 0, keys 0



=== TEST 6: a module that is loaded and unused leaves every byte of a request
--- config
    location / { proxy_pass $TEST_NGINX_BACKEND; proxy_set_header Connection $http_connection; }
--- request
GET /t
--- more_headers
Host: localhost
Connection: close, X-Authgear-User-Id
X-Authgear-User-Id: somebody
Authorization: Bearer eyJ.a.b
Cookie: session=1
--- response_body_filters eval
sub { $_[0] =~ s/^host: .*\n//mr . ::heard_later() }
--- response_body
GET /t
connection: close, X-Authgear-User-Id
x-authgear-user-id: somebody
authorization: Bearer eyJ.a.b
cookie: session=1

heard: backend 1, resolver 0, keys 0
--- no_error_log
authgear:



=== TEST 7: a second server's keys are another set, for all workers
--- http_config
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        include $TEST_NGINX_AUTHGEAR_CONF;
        location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[("GET /t") x 20]
--- more_headers eval
[map { "Host: " . ($_ % 2 ? 'second' : 'localhost') . "\n$::local" } 1 .. 20]
--- response_body_filters eval
sub { ::verdict(@_) =~ s/ .*//r . ::heard('') =~ s/.*, //r }
--- response_body_like eval
[map { qr/^alice\nkeys [12]$/ } 1 .. 20]
