# What runs beside a request (auth_request, mirror, SSI, post_action): it carries the same identity or none, and asks nothing of its own.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

user(id => 'alice');
our $local = bearer(user => 'alice');
our $remote = bearer(opaque(user => 'alice'));

# For `response_body_filters`: which paths the backend heard of, for whom.
sub backend_heard {
    my $text = '';
    for my $entry (log_of_backend()) {
        my %ours = map { @$_ } grep { $_->[0] =~ /^x.authgear/i } @{ $entry->{headers} };
        $text .= "$entry->{path} " . ($ours{'x-authgear-user-id'} // (%ours ? 'not valid' : 'nobody')) . "\n";
    }
    return $text;
}

no_root_location();
run_tests();

__DATA__

=== TEST 1: auth_request sees no forged header and no verdict, the backend sees the verdict
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /check { internal; proxy_pass $TEST_NGINX_BACKEND/check; }
    location / { auth_request /check; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
\&::backend_heard
--- response_body
/check nobody
/t alice



=== TEST 2: a mirror of a request carries its identity
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /mirror { internal; proxy_pass $TEST_NGINX_BACKEND/mirror; }
    location / { mirror /mirror; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND/slow/200; }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_like
^/mirror alice
/slow/200\S* alice
--- response_body_filters eval
sub { ::text(sort { $a cmp $b } ::backend_heard() =~ /(.*\n)/g) }



=== TEST 3: so it does where another rule has admitted under satisfy any
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /mirror { internal; proxy_pass $TEST_NGINX_BACKEND/mirror; }
    location / { satisfy any; allow all; mirror /mirror; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND/slow/200; }
--- request
GET /t
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
sub { ::text(sort { $a cmp $b } ::backend_heard() =~ /(.*\n)/g) }
--- response_body_like
^/mirror alice
/slow/200\S* alice



=== TEST 4: an SSI subrequest carries the identity of its page, and asks nothing of its own
--- user_files
>>> page.html
<!--#include virtual="/part" --><!--#include virtual="/resolving/part" -->
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    default_type text/html;
    location = /page.html { ssi on; authgear_resolve on; root html; }
    location /part { proxy_pass $TEST_NGINX_BACKEND; }
    location /resolving { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /page.html
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
sub { ::text(sort { $a cmp $b } ::backend_heard() =~ /(.*\n)/g) . ::heard('') }
--- response_body_like
^/part alice
/resolving/part alice
heard: backend 2, resolver 1, keys \d



=== TEST 5: an SSI subrequest of a page without a verdict has nobody's identity
--- user_files
>>> page.html
<!--#include virtual="/resolving/part" -->
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    default_type text/html;
    location = /page.html { ssi on; root html; }
    location /resolving { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /page.html
--- more_headers eval
"X-Authgear-User-Id: mallory\n$::remote"
--- response_body_filters eval
sub { ::backend_heard() . ::heard('') }
--- response_body_like
^/resolving/part nobody
heard: backend 1, resolver 0, keys \d



=== TEST 6: post_action carries the identity
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location = /after { internal; proxy_pass $TEST_NGINX_BACKEND/after; }
    location / { post_action /after; authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
["X-Authgear-User-Id: mallory\n$::remote", "X-Authgear-User-Id: mallory"]
--- response_body_filters eval
sub { select undef, undef, undef, 0.3; ::backend_heard() }
--- response_body eval
["/t alice\n/after alice\n", "/t alice\n/after alice\n/t nobody\n/after nobody\n"]
