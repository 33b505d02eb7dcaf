# What the server around says about ordinary requests does not reach the question and the fetch of keys: both are requests of the worker's
# own, and go through the two internal locations alone. Here these are as bare as they can be; nginx-conf/authgear.conf shields them once more.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

user(id => 'alice');
our $local = bearer(user => 'alice');
our @opaque = map { opaque(user => 'alice') } 1 .. 3;
our $remote = bearer($opaque[0]);

# A server where every verdict needs keys and an answer; AROUND stands in the server.
sub server {
    my ($around, %in) = @_;
    my ($location, $question) = map { $in{$_} // '' } qw(location question);
    return <<"END";
    authgear_endpoint \$TEST_NGINX_AUTHGEAR;
    $around
    location = /_auth {
        internal;
        proxy_pass \$authgear_endpoint/_resolver/resolve;
        proxy_set_header Host \$authgear_endpoint_host;
        proxy_set_header X-Forwarded-Proto \$authgear_endpoint_scheme;
        $question
    }
    location = /_auth/jwks { internal; proxy_pass \$authgear_endpoint/oauth2/jwks; $question }
    location / { $location authgear_resolve on; proxy_pass \$TEST_NGINX_BACKEND; }
END
}

# Each block is one server; it asks about a token that is judged here and about one that is not.
add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(request => ['GET /t', 'GET /t']) unless defined $block->request;
    $block->set_value(more_headers => [$local, $remote]) unless defined $block->more_headers;
    $block->set_value(response_body_filters => \&verdict);
    $block->set_value(response_body => ["alice (backend 1, resolver 0)\n", "alice (backend 2, resolver 1)\n"]) unless defined $block->response_body;
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: nothing around
--- config eval
::server('')



=== TEST 2: deny all
--- config eval
::server('deny all;', location => 'allow all;')



=== TEST 3: deny all in the internal locations themselves
--- config eval
::server('', question => 'deny all;')



=== TEST 4: auth_basic
--- user_files
>>> users
ann:{PLAIN}secret
--- config eval
::server('auth_basic realm; auth_basic_user_file ../html/users;', location => 'auth_basic off;')



=== TEST 5: auth_request
--- config eval
::server('auth_request /no; location = /no { internal; return 403; }', location => 'auth_request off;')



=== TEST 6: a rate limit
--- http_config
    limit_req_zone all zone=strict:1m rate=1r/m;
    limit_req_zone all zone=lax:1m rate=1000r/s;
--- config eval
::server('limit_req zone=strict;', location => 'limit_req zone=lax burst=100;')
--- request eval
[("GET /t") x 3]
--- more_headers eval
[map { ::bearer($_) } @::opaque]
--- response_body eval
[map { "alice (backend $_, resolver $_)\n" } 1 .. 3]



=== TEST 7: a limit of connections
--- http_config
    limit_conn_zone $server_name zone=one:1m;
--- config eval
::server('limit_conn one 1;')



=== TEST 8: a redirect to TLS
--- config eval
::server('if ($http_test = "") { return 301 https://$host$request_uri; }')
--- more_headers eval
["$::local\nTest: yes", "$::remote\nTest: yes"]



=== TEST 9: a rewrite of the internal locations' own URIs
--- config eval
::server('rewrite ^/_auth /t last;')



=== TEST 10: a return for all that has no Host
--- config eval
::server('if ($http_host = "") { return 444; }')



=== TEST 11: an error page that says yes, while the resolver's port is closed
--- config eval
::server('error_page 500 502 503 504 =200 /yes; location = /yes { internal; add_header X-Authgear-Session-Valid true always; add_header X-Authgear-User-Id mallory always; return 200; }', question => 'proxy_intercept_errors on;', location => 'error_page 404 /none;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'close');
--- error_code eval
[200, 503]
--- response_body eval
["alice (backend 1, resolver 0)\n", "refused (backend 1, resolver 1)\n"]



=== TEST 12: an error page that says yes, while the resolver answers 500
--- config eval
::server('proxy_intercept_errors on; error_page 500 502 503 504 =200 /yes; location = /yes { internal; add_header X-Authgear-Session-Valid true always; add_header X-Authgear-User-Id mallory always; return 200; }', location => 'error_page 404 /none;')
--- init
Authgear::Suite::fault(target => 'resolver', kind => 'status', status => 500);
--- error_code eval
[200, 503]
--- response_body eval
["alice (backend 1, resolver 0)\n", "refused (backend 1, resolver 1)\n"]



=== TEST 13: headers that this nginx adds to the resolver's answer
--- config eval
::server('add_header X-Authgear-Session-Valid true always; add_header X-Authgear-User-Id mallory always;')
--- more_headers eval
[$::local, ::bearer('nobody-knows-this-token-0000000000')]
--- response_body eval
["alice (backend 1, resolver 0)\n", "invalid (backend 2, resolver 1)\n"]



=== TEST 14: headers that it adds to a yes
--- config eval
::server('add_header X-Authgear-User-Roles admin always; add_header X-Authgear-Session-Valid true always;')



=== TEST 15: filters over bodies
--- config eval
::server('gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; gunzip on; ssi on; ssi_types *; addition_types *; add_before_body /before; add_after_body /before; location = /before { return 200 before; }', location => 'add_before_body ""; add_after_body ""; ssi off;')



=== TEST 16: buffers off, and as small as they can be
--- config eval
::server('proxy_buffering off; proxy_buffer_size 1k;')



=== TEST 17: buffers in files
--- config eval
::server('proxy_buffer_size 1k; proxy_buffers 2 1k; proxy_busy_buffers_size 1k; proxy_max_temp_file_size 1m; output_buffers 1 1k; subrequest_output_buffer_size 1;')



=== TEST 18: a mirror
--- config eval
::server('mirror /mirror; location = /mirror { internal; return 204; }', location => 'mirror off;')



=== TEST 19: a body limit: a request that may be large asks all the same
--- config eval
::server('', question => 'client_max_body_size 1k;')
--- request eval
["POST /t\n" . 'x' x 2000000, "POST /t\n" . 'x' x 2000000]



=== TEST 20: a method that the internal locations do not take
--- config eval
::server('', question => 'limit_except GET { deny all; } if ($request_method != GET) { return 405; }')
--- request eval
["DELETE /t", "POST /t\nbody"]



=== TEST 21: a short send_timeout and lingering
--- config eval
::server('send_timeout 1s; client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 0; lingering_close always; reset_timedout_connection on;')



=== TEST 22: a bandwidth limit
--- config eval
::server('limit_rate 100;', location => 'limit_rate 0;')



=== TEST 23: an access log that cannot be spoiled by them
--- http_config
    log_format one "[$request] $status [$remote_addr] $request_time $bytes_sent $connection $server_port $server_addr $remote_port $binary_remote_addr";
--- config eval
::server('log_subrequest on; access_log logs/access.log one;')



=== TEST 24: satisfy any
--- config eval
::server('satisfy any; deny all;', location => 'satisfy all; allow all;')



=== TEST 25: an image of the URI in variables of the server
--- http_config
    map $uri $known { default 0; /_auth 1; /_auth/jwks 1; /t 1; }
--- config eval
::server('if ($known = 0) { return 404; } set $who "$remote_addr $remote_port $server_addr $server_port $scheme $host $request_uri $args $cookie_session $connection $pid";')
