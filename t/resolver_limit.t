# authgear_resolver_limit: a quarter of it is for questions in the background. Requests that wait for the rest of it, tests/scenarios/ have.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;

user(id => 'alice');
our @due = map { bearer(user => 'alice', iat => time - 120, lifetime => 36_000) } 1 .. 5;

# For `response_body_filters`: the verdict, after a question in the background has begun.
sub later {
    my $told = verdict(@_) =~ s/ .*//sr;
    select undef, undef, undef, 0.3;
    return "$told (resolver " . count()->{resolver} . ")\n";
}

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(init => q{Authgear::Suite::fault(target => 'resolver', kind => 'hang')});
    $block->set_value(request => [map { 'GET /t' } @due]);
    $block->set_value(more_headers => [@due]) unless defined $block->more_headers;
    $block->set_value(response_body_filters => \&later);
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: the default leaves room for more than five
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- response_body eval
[map { "alice (resolver $_)\n" } 1 .. 5]



=== TEST 2: a quarter of eight is two
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolver_limit 8;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- response_body eval
[map { "alice (resolver $_)\n" } 1, 2, 2, 2, 2]



=== TEST 3: a quarter of one is one
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolver_limit 1;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- response_body eval
[map { "alice (resolver $_)\n" } 1, 1, 1, 1, 1]



=== TEST 4: that of a server takes the place of that of http
--- http_config
    authgear_resolver_limit 4;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    authgear_resolver_limit 12;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- response_body eval
[map { "alice (resolver $_)\n" } 1, 2, 3, 3, 3]



=== TEST 5: each server counts for itself
--- http_config
    authgear_resolver_limit 4;
    server {
        listen $TEST_NGINX_SERVER_PORT;
        server_name second;
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        include $TEST_NGINX_AUTHGEAR_CONF;
        location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- more_headers eval
[map { "Host: $_->[0]\n$::due[$_->[1]]" } ['localhost', 0], ['localhost', 1], ['second', 2], ['second', 3], ['localhost', 4]]
--- response_body eval
[map { "alice (resolver $_)\n" } 1, 1, 2, 2, 2]
