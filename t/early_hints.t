# A backend that says 103 Early Hints before its answer: a Set-Cookie of the resolver's reaches the client with the final answer, once. nginx reads
# 103 since 1.29.0, and since 1.29.7 it forgets then what stands in the answer's header; older ones take it for the answer.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Answer;
use Authgear::Suite;
use Authgear::Told;

our $cookie = 'session=; Path=/; Domain=auth.example; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure';

blocks_have(
    more_headers => 'Cookie: session=gone',
    init         => "::says('X-Authgear-Session-Valid: false', 'Set-Cookie: $cookie')",
    tcp_listen   => '$TEST_NGINX_RAND_PORT_1',
    tcp_reply    => join("\r\n", 'HTTP/1.1 103 Early Hints', 'Link: </style.css>', '', 'HTTP/1.1 200 OK', 'Content-Length: 6', 'Connection: close', '', 'final' . "\n"),
    config       => <<'CONFIG',
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_pass_set_cookie on;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t          { authgear_resolve on; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
    location /hinted     { authgear_resolve on; early_hints 1; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
    location /redirected { authgear_resolve on; try_files /nothing /t; }
    location /again      { authgear_resolve on; try_files /nothing /remote; }
    location /remote     { authgear_resolve remote; proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
CONFIG
    response_body_filters => sub { return $_[0] },
    response_body         => "final\n",
    raw_response_headers_like   => "\\nSet-Cookie: $cookie\\r",
    raw_response_headers_unlike => '(?s)session=.*session=',
);
run_tests();

__DATA__

=== TEST 1: a 103 that goes no further takes no cookie with it
--- skip_nginx: 7: < 1.29.0



=== TEST 2: nor does one after a redirect
--- skip_nginx: 7: < 1.29.0
--- request
GET /redirected



=== TEST 3: a verdict made twice hands on its cookie once
--- skip_nginx: 7: < 1.29.0
--- request
GET /again



=== TEST 4: a 103 that is handed on holds no cookie, the answer after it does
--- skip_nginx: 7: < 1.29.0
--- request
GET /hinted
--- error_code: 103
--- raw_response_headers_like: Link: </style.css>
--- raw_response_headers_unlike: (?i)set-cookie
--- response_body_like eval: qr/\AHTTP\/1.1 200 OK\r\n(?s:.*)\nSet-Cookie: \Q$::cookie\E\r\n(?s:.*)\r\nfinal\n\z/
