# Holds the test harness itself to what the blocks of the other files rely on; it needs no module of nginx.

use Test::Nginx::Socket 'no_plan';

repeat_each(2);
no_long_string();
env_to_nginx('HARNESS');

add_block_preprocessor(sub {
    my $block = shift;
    $block->set_value(config => 'location = /preprocessed { return 200 "preprocessed\n"; }') if !defined $block->config;
});

run_tests();

__DATA__

=== body_is_compared_to_the_byte
--- config
location = /t { return 200 "hello\nworld\n"; }
--- request
GET /t
--- response_body
hello
world



=== status_other_than_200_is_named
--- config
location = /t { return 403; }
--- request
GET /t
--- error_code: 403
--- response_body_like: 403 Forbidden



=== headers_are_compared_and_may_be_absent
--- config
location = /t {
    add_header X-One 1;
    add_header X-Two "a, b";
    add_header X-Two c;
    return 200;
}
--- request
GET /t
--- response_headers
X-One: 1
x-two: a, b, c
!X-Three
--- raw_response_headers_like: X-One: 1\r\n
--- raw_response_headers_unlike: X-Three



=== header_may_be_matched
--- config
location = /t { add_header X-Time $msec; return 200; }
--- request
GET /t
--- response_headers_like
X-Time: \d+\.\d+



=== request_headers_and_a_body_are_sent
--- config
location = /t {
    client_body_in_file_only off;
    proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/echo;
}
location = /echo { return 200 "$request_method $http_x_a $content_length $http_connection\n"; }
--- request
POST /t
12345
--- more_headers
X-A: some thing
--- response_body
POST some thing 5 close



=== chunked_request_is_sent_as_it_stands
--- config
location = /t { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/echo; }
location = /echo { return 200 "$content_length\n"; }
--- request eval
"POST /t
3\r
abc\r
0\r
\r
"
--- more_headers
Transfer-Encoding: chunked
--- response_body
3



=== requests_of_an_array_have_expectations_of_their_own
--- config
location = /a { return 200 "a $http_x\n"; }
location = /b { return 401 "b $http_x\n"; }
--- request eval
["GET /a", "GET /b"]
--- more_headers eval
["X: 1", "X: 2"]
--- error_code eval
[200, 401]
--- response_body eval
["a 1\n", qr/b \d/]



=== requests_are_pipelined_over_one_connection
--- config
location ~ . { return 200 "$uri $connection_requests\n"; }
--- pipelined_requests eval
["GET /a", "GET /b"]
--- response_body eval
["/a 1\n", "/b 2\n"]



=== raw_request_is_sent_as_it_stands
--- config
location = /t { return 200 "$http_host|$http_x\n"; }
--- raw_request eval
"GET /t HTTP/1.0\r\nHost: other\r\nX: y\r\n\r\n"
--- response_body
other|y



=== raw_request_may_come_in_parts
--- config
location = /t { return 200 "$http_x\n"; }
--- raw_request eval
["GET /t HTTP/1.0\r\nX: y", "z\r\n\r\n"]
--- raw_request_middle_delay: 0.1
--- response_body
yz



=== packets_of_a_request_stay_apart
--- config
location = /t { return 200 "$http_host $uri\n"; }
--- request eval
[["GET /", {value => "t", delay_before => 0.1}]]
--- response_body
localhost /t



=== configuration_that_is_refused_says_so
--- config
location = /t { no_such_directive; }
--- request
GET /t
--- must_die
--- error_log
unknown directive "no_such_directive"
--- no_error_log
[alert]



=== exit_code_of_a_refusal_may_be_named
--- config
location = /t { return; }
--- must_die: 1
--- suppress_stderr
--- error_log eval
qr/\[emerg\] .* invalid number of arguments in "return" directive/



=== error_log_is_looked_at
--- config
--- request
GET /missing
--- error_code: 404
--- error_log
No such file or directory
--- no_error_log
[crit]
something else



=== error_log_is_each_request_s_own
--- config
--- request eval
["GET /missing", "GET /missing"]
--- error_code eval
[404, 404]
--- response_body_like eval
["404", "404"]
--- error_log
/html/missing" failed



=== error_log_may_be_picked_from
--- config
--- log_level: error
--- request
GET /missing
--- error_code: 404
--- grep_error_log eval: qr/failed \(2: [^)]*\)/
--- grep_error_log_out
failed (2: No such file or directory)
--- wait: 0.1



=== access_log_is_looked_at
--- http_config
log_format mine 'mine $status $uri';
--- config
location = /t { access_log $TEST_NGINX_SERVER_ROOT/logs/access.log mine; return 204; }
--- request
GET /t
--- error_code: 204
--- response_body
--- access_log
mine 204 /t
--- no_access_log
mine 500



=== files_are_written
--- config
--- user_files
>>> file
one
>>> deep/file
port $TEST_NGINX_SERVER_PORT
--- request eval
["GET /file", "GET /deep/file"]
--- response_body eval
["one\n", "port $ENV{TEST_NGINX_SERVER_PORT}\n"]



=== root_location_serves_the_index
--- config
--- request
GET /
--- response_body_like: It works
--- response_body_unlike: nothing



=== main_and_http_config_have_their_places
--- main_config
env HARNESS_OTHER;
--- http_config
map $uri $mapped { default "$uri mapped"; }
server { listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1; return 200 "$mapped\n"; }
--- config
location = /t { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1; }
--- request
GET /t
--- response_body
/t mapped



=== preprocessor_may_add_sections
--- request
GET /preprocessed
--- response_body
preprocessed



=== answer_may_be_given_up
--- config
location = /t { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/slow; }
location = /slow { limit_rate 1; return 200 "many many bytes\n"; }
--- request
GET /t
--- timeout: 200ms
--- abort
--- ignore_response
--- no_error_log
[alert]



=== head_has_no_body
--- config
location = /t { return 200 "hello\n"; }
--- request
HEAD /t
--- response_headers
Content-Length: 6
--- response_body



=== block_may_be_skipped
--- SKIP
--- config
--- request
GET /
--- error_code: 599



=== block_may_be_skipped_by_the_version_of_nginx
--- skip_nginx: 2: > 1.0.0
--- config
--- request
GET /
--- error_code: 599



=== block_may_be_skipped_by_code
--- skip_eval: 2: 1 + 1 == 2
--- config
--- request
GET /
--- error_code: 599



=== body_may_be_filtered_by_code_and_by_name
--- config
location = /t { return 200 "hello at $msec\n"; }
--- request
GET /t
--- response_body_filters eval
[sub { (shift) =~ s/ at .*//sr }, 'uc']
--- response_body: HELLO



=== bytes_of_another_protocol_are_the_body
--- config
location = /t { return 101 "frames\n"; }
--- request
GET /t
--- error_code: 101
--- response_body
frames
