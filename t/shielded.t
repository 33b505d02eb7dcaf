# The shipped locations amid a server that says everything else than they need: what is inherited into them changes no question, no fetch of
# keys and no answer. The application is asked by FastCGI here, since all that is said of proxy_pass is said against it.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite origin => 'http://authgear.test';
use Authgear::Answer;
use Authgear::Echo;
use Authgear::MadeUp;

user(id => 'alice');
our $local  = bearer(user => 'alice');
our $opaque = opaque(user => 'alice');
our $remote = bearer($opaque);
our $root   = $ENV{TEST_NGINX_ROOT};
our $cookie = 'Set-Cookie: session=; Path=/where/ever; Domain=sub.auth.example; Secure; HttpOnly; SameSite=Lax';

# Directives of nginx's own that are inherited, each with a value that would change a question or its answer.
our $proxy = <<'END';
    proxy_pass_request_headers off;
    proxy_pass_request_body on;
    proxy_set_body "not a question";
    proxy_method DELETE;
    proxy_http_version 1.0;
    proxy_set_header Authorization "Bearer mallory";
    proxy_set_header Cookie "session=mallory";
    proxy_set_header Host elsewhere;
    proxy_request_buffering off;
    proxy_bind 192.0.2.1;
    proxy_buffering off;
    proxy_buffer_size 128;
    proxy_buffers 2 128;
    proxy_busy_buffers_size 128;
    proxy_temp_file_write_size 128;
    proxy_max_temp_file_size 128;
    proxy_force_ranges on;
    proxy_hide_header X-Authgear-Session-Valid;
    proxy_hide_header X-Authgear-User-Id;
    proxy_pass_header X-Accel-Redirect;
    proxy_ignore_headers Set-Cookie;
    proxy_ignore_client_abort on;
    proxy_intercept_errors on;
    proxy_limit_rate 1;
    proxy_connect_timeout 1ms;
    proxy_send_timeout 1ms;
    proxy_read_timeout 1ms;
    proxy_next_upstream off;
    proxy_next_upstream_tries 1;
    proxy_next_upstream_timeout 1ms;
    proxy_redirect ~(.*) http://elsewhere/;
    proxy_cookie_domain auth.example x;
    proxy_cookie_path /where /;
    proxy_cookie_flags ~ nosecure nohttponly samesite=none;
    proxy_socket_keepalive on;
    proxy_headers_hash_max_size 1024;
    proxy_headers_hash_bucket_size 128;
END
our $cached = <<'END';
    proxy_cache all;
    proxy_cache_key one;
    proxy_cache_valid any 1h;
    proxy_cache_methods GET HEAD POST;
    proxy_cache_use_stale error timeout updating http_500 http_403;
    proxy_cache_background_update on;
    proxy_cache_lock on;
    proxy_cache_min_uses 1;
    proxy_cache_revalidate on;
    proxy_cache_convert_head off;
    proxy_cache_bypass $arg_none;
    proxy_no_cache $arg_none;
END
our $stored = 'proxy_store $document_root/stored; proxy_store_access all:rw;';
our $others = <<'END';
    deny all;
    satisfy all;
    auth_basic closed;
    auth_basic_user_file nobody;
    auth_request /never;
    limit_req zone=strict;
    limit_conn one 1;
    limit_rate 1;
    limit_rate_after 0;
    error_page 400 401 403 404 405 500 502 503 504 =200 /fine;
    recursive_error_pages on;
    mirror /never;
    mirror_request_body on;
    add_header X-Authgear-User-Id mallory always;
    expires max;
    userid on;
    gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; gunzip on;
    ssi on; ssi_types *;
    charset utf-8; source_charset koi8-r; override_charset on; charset_types *;
    sub_filter keys locks; sub_filter true false; sub_filter_types *; sub_filter_once off;
    addition_types *; add_before_body /never; add_after_body /never;
    output_buffers 1 128; postpone_output 1; sendfile on; send_timeout 1ms; subrequest_output_buffer_size 1;
    reset_timedout_connection on; keepalive_timeout 0; keepalive_disable safari; lingering_close always;
    chunked_transfer_encoding off; max_ranges 0; etag off; if_modified_since before; server_tokens off;
    log_subrequest on;
    location = /never { return 403; }
    location = /fine { add_header X-Authgear-Session-Valid true; add_header X-Authgear-User-Id mallory; return 200; }
END

our $http = <<'END';
    proxy_cache_path $TEST_NGINX_SERVER_ROOT/cache keys_zone=all:1m;
    limit_req_zone all zone=strict:1m rate=1r/m;
    limit_req_zone all zone=lax:1m rate=1000r/s;
    limit_conn_zone $server_name zone=one:1m;
    charset_map koi8-r utf-8 { C0 D18E; }
    upstream authgear.test { server $TEST_NGINX_AUTHGEAR_ADDRESS; keepalive 4; }
    upstream authgear_resolver { server $TEST_NGINX_RESOLVER_ADDRESS; keepalive 4; }
    upstream authgear_public { server $TEST_NGINX_AUTHGEAR_ADDRESS; keepalive 4; }
END

# The server; its own location says for itself what ordinary requests need.
sub amid {
    my ($hostile, $file) = @_;
    return <<"END";
    authgear_endpoint http://authgear.test;
$hostile
    include $::root/nginx-conf/$file;
    location = /stored { limit_rate 0; add_before_body ""; add_after_body ""; allow all; auth_basic off; auth_request off; limit_req zone=lax burst=100; error_page 599 /fine; mirror off; send_timeout 10s; }
    location / {
        allow all; auth_basic off; auth_request off; limit_req zone=lax burst=100; limit_conn one 100; limit_rate 0;
        error_page 599 /fine; mirror off; add_header X-Seen yes; expires off; userid off; gzip off; ssi off; charset off; sub_filter nothing nothing;
        add_before_body ""; add_after_body ""; output_buffers 2 32k; send_timeout 10s; keepalive_timeout 60s; chunked_transfer_encoding on;
        authgear_resolve on;
        authgear_pass_set_cookie on;
        fastcgi_pass \$TEST_NGINX_FASTCGI;
    }
END
}

# For `response_body_filters`: whom the application was told of, then each fetch of keys and each question, whole, and over how many connections.
sub seen {
    my ($body) = @_;
    my $user = join ' ', $body =~ /^HTTP_X_AUTHGEAR_(?:SESSION_VALID|USER_ID): (.*)$/mg;
    my %connections = map { $_->{connection} => 1 } log_of_authgear();
    return "$user\n" . join('', map { whole($_) } log_of_authgear()) . 'connections: ' . keys(%connections) . "\n";
}

sub whole {
    my ($request) = @_;
    my $headers = join '', sort map {"$_->[0]: $_->[1]\n"} @{ $request->{headers} };
    return hidden("$request->{method} $request->{path}\n${headers}body: $request->{body_length}\n");
}

# As they are with nothing around: one after a token that is judged here, and two after tokens that are not.
sub expected {
    my ($path, $connections) = @_;
    my $to = "host: authgear.test\n";
    my $keys = "GET /oauth2/jwks\n${to}x-forwarded-proto: http\nbody: 0\n";
    my $question = "GET $path\nauthorization: Bearer $::opaque\ncookie: session=MADE-UP\n${to}x-forwarded-for: 127.0.0.1\nx-forwarded-proto: http\nbody: 0\n";
    return ["true alice\n${keys}connections: 1\n", map { "true alice\n$keys${\($question x $_)}connections: $connections\n" } 1 .. 2];
}

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(http_config => $::http);
    $block->set_value(request => ['GET /t', 'GET /t', 'GET /t']) unless defined $block->request;
    $block->set_value(more_headers => [$::local, $::remote, $::remote]) unless defined $block->more_headers;
    $block->set_value(response_body_filters => \&seen);
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: authgear.conf with nothing hostile around
--- config eval: ::amid('location = /fine { return 200; }', 'authgear.conf')
--- response_body eval: ::expected('/_resolver/resolve', 1)



=== TEST 2: authgear.conf amid what proxy_pass may be told
--- config eval: ::amid("$::proxy location = /fine { return 200; }", 'authgear.conf')
--- response_body eval: ::expected('/_resolver/resolve', 1)



=== TEST 3: authgear.conf amid a cache for everything
--- config eval: ::amid("$::cached location = /fine { return 200; }", 'authgear.conf')
--- response_body eval: ::expected('/_resolver/resolve', 1)



=== TEST 4: authgear.conf amid rules, limits and filters
--- config eval: ::amid($::others, 'authgear.conf')
--- response_body eval: ::expected('/_resolver/resolve', 1)



=== TEST 5: authgear.conf amid all of them
--- config eval: ::amid("$::proxy$::cached$::others", 'authgear.conf')
--- response_body eval: ::expected('/_resolver/resolve', 1)



=== TEST 6: authgear.conf amid all of them, and everything stored
--- config eval: ::amid("$::proxy$::stored$::others", 'authgear.conf')
--- response_body eval: ::expected('/_resolver/resolve', 1)



=== TEST 7: self-hosted.conf amid all of them
--- config eval: ::amid("$::proxy$::cached$::others", 'self-hosted.conf')
--- response_body eval: ::expected('/resolve', 2)



=== TEST 8: self-hosted.conf amid all of them, and everything stored
--- config eval: ::amid("$::proxy$::stored$::others", 'self-hosted.conf')
--- response_body eval: ::expected('/resolve', 2)



=== TEST 9: a Set-Cookie of the resolver's goes to the client as it was sent, amid all of them
--- config eval: ::amid("$::proxy$::cached$::others", 'authgear.conf')
--- init: ::says('X-Authgear-Session-Valid: false', $::cookie)
--- request
GET /t
--- more_headers
Cookie: session=gone
--- raw_response_headers_like eval: "\n\Q$::cookie\E\r"
--- response_body_like: ^false



=== TEST 10: nothing of an answer is stored where everything is
--- config eval: ::amid("$::proxy$::stored$::others", 'authgear.conf')
--- request eval
["GET /t", "GET /stored"]
--- more_headers eval
$::remote
--- error_code eval
[200, 404]
--- response_body_like eval
["^true alice", "^\n"]
