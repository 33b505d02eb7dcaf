# authgear_metrics: what is counted, and how it is told. tests/scenarios/metrics.rs has what takes several workers, a reload or another size.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice', roles => ['staff']);
user(id => 'bob', barred => true);
our $alice   = bearer(user => 'alice');
our $bob     = bearer(user => 'bob');
our $broken  = 'Authorization: Bearer eyJ.x.y';
our $machine = bearer(machine_token(resource => 'https://api.example.com'));
our $session = 'Cookie: session=' . session(user => 'alice', kind => 'session') =~ s/.*=//r;
our $forged  = "X-Authgear-User-Id: mallory";

# What is told is the same for the same requests, once times, the memory and what has not happened are left out.
sub happened {
    my ($body) = @_;
    return verdict($body) unless $body =~ /^# HELP/;
    my @lines = grep { !/^#|_(seconds|entries|zone|build|jwks|evictions)|key_fetches| 0$/ } split /\n/, $body;
    return join '', map {"$_\n"} @lines;
}

# Lines of one family, whatever they say.
sub family {
    my ($name) = @_;
    return sub { my ($body) = @_; return join '', map {"$_\n"} grep {/^(# (HELP|TYPE) )?nginx_authgear_$name\b/} split /\n/, $body };
}

# The same, with time behind each answer for what is asked in the background.
sub family_later {
    my $family = family(@_);
    return sub { select undef, undef, undef, 0.8; return $family->(@_) };
}

# What happened, of the metrics alone, and of them what has these words in its name.
sub only {
    my ($words) = @_;
    return sub { my ($body) = @_; return $body =~ /^# HELP/ ? join '', grep {/$words/} map {"$_\n"} split /\n/, happened($body) : '' };
}

sub requests { my ($verdict, $source, $count) = @_; return qq(nginx_authgear_requests_total{server="localhost",verdict="$verdict",source="$source"} $count\n) }
sub refusals { my ($reason, $count, $name) = (@_, 'refusals'); return qq(nginx_authgear_${name}_total{server="localhost",reason="$reason"} $count\n) }
sub asked { my ($result, $count) = @_; return qq(nginx_authgear_resolver_questions_total{result="$result"} $count\n) }

# A server with this in it, and the metrics. No two blocks have the same, so each begins with a zone of its own.
my $number = 0;
sub with {
    my ($more) = @_;
    $number++;
    return <<"CONFIG" . $more;
    # $number
    authgear_endpoint \$TEST_NGINX_AUTHGEAR;
    include \$TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
    location = /metrics { authgear_metrics; }
    location /t         { proxy_pass \$TEST_NGINX_BACKEND; }
CONFIG
}

blocks_have(response_body_filters => \&happened);
run_tests();

__DATA__

=== TEST 1: each request once, by its verdict and who vouched
--- config eval: ::with('')
--- request eval: ["GET /t", "GET /t", "GET /t", "GET /t", "GET /t", "GET /metrics"]
--- more_headers eval: ["X: y", $::alice, $::alice, $::broken, $::session, "X: y"]
--- response_body eval
["nobody (backend 1, resolver 0)\n", "alice (backend 2, resolver 0)\n", "alice (backend 3, resolver 0)\n", "invalid (backend 4, resolver 0)\n",
 "alice (backend 5, resolver 1)\n",
 ::requests(valid => 'token', 1) . ::requests(valid => 'token_cache', 1) . ::requests(valid => 'resolver', 1) . ::requests(invalid => '', 1)
 . ::requests(none => '', 1) . ::refusals(malformed => 1) . ::asked(valid => 1)]



=== TEST 2: a request for the metrics is resolved by nobody, and not counted
--- config eval: ::with('')
--- request eval: ["GET /metrics", "GET /metrics", "GET /metrics"]
--- more_headers eval: [$::session, $::alice, $::broken]
--- response_body eval: ["", "", ""]
--- no_error_log
authgear: credential refused
[alert]



=== TEST 3: a request without a credential counts once: through rewrite, try_files, an error page and satisfy any
--- config eval
::with(<<'CONFIG')
    rewrite ^/old$ /t last;
    location /try   { try_files /nothing @there; }
    location @there { proxy_pass $TEST_NGINX_BACKEND; }
    location /lost  { error_page 404 = /t; root /nowhere; }
    location /any   { satisfy any; allow all; proxy_pass $TEST_NGINX_BACKEND; }
    location /not   { satisfy any; deny all; authgear_require valid; proxy_pass $TEST_NGINX_BACKEND; }
    location /off   { authgear_resolve off; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
--- request eval: ["GET /old", "GET /try", "GET /lost", "GET /any", "GET /not", "GET /off", "GET /t", "GET /metrics"]
--- more_headers eval: ["X: y", "X: y", $::forged, "X: y", "X: y", "X: y", "X: y", "X: y"]
--- error_code eval: [200, 200, 200, 200, 401, 200, 200, 200]
--- response_body_filters eval: ::only('.')
--- response_body eval: ['', '', '', '', '', '', '', ::requests(none => '', 6) . ::refusals(no_credential => 1)]



=== TEST 4: a request with a credential counts once, by its first verdict
--- config eval
::with(<<'CONFIG')
    location /try   { try_files /nothing @there; }
    location @there { authgear_leeway 5s; proxy_pass $TEST_NGINX_BACKEND; }
    location /any   { satisfy any; allow all; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
--- request eval: ["GET /try", "GET /any", "GET /metrics"]
--- more_headers eval: [$::alice, $::alice, "X: y"]
--- response_body_filters eval: ::only('requests_total')
--- response_body eval: ['', '', ::requests(valid => 'token', 1) . ::requests(valid => 'token_cache', 1)]



=== TEST 5: who may not enter, by reason; a dry run by itself
--- config eval
::with(<<'CONFIG')
    location /admin { authgear_require role=admin; proxy_pass $TEST_NGINX_BACKEND; }
    location /dry   { authgear_require role=admin; authgear_dry_run on; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
--- request eval: ["GET /admin", "GET /admin", "GET /admin", "GET /dry", "GET /dry", "GET /metrics"]
--- more_headers eval: [$::alice, "X: y", $::broken, $::alice, $::broken, "X: y"]
--- error_code eval: [403, 401, 401, 200, 200, 200]
--- response_body_filters eval: ::only('refusals_total')
--- response_body eval
['', '', '', '', '',
 ::refusals(malformed => 2) . ::refusals(no_credential => 1) . ::refusals(missing_role => 1)
 . ::refusals(malformed => 1, 'dry_run_refusals') . ::refusals(missing_role => 1, 'dry_run_refusals')]



=== TEST 6: no verdict could be had: counted as unknown, with why, and so is the question
--- config eval: ::with('')
--- init: ::fault(target => 'resolver', kind => 'status', status => 500);
--- request eval: ["GET /t", "GET /metrics"]
--- more_headers eval: [$::session, "X: y"]
--- error_code eval: [503, 200]
--- response_body_filters eval: ::only('.')
--- response_body eval: ['', ::requests(unknown => 'unavailable', 1) . ::refusals(resolver_failed => 1) . ::asked(resolver_failed => 1)]



=== TEST 7: a token whose session has ended is a revocation, noticed once
--- config eval: ::with('authgear_revalidate 1ms max=1ms;')
--- request eval: ["GET /t", "GET /t", "GET /metrics"]
--- more_headers eval: [$::bob, $::bob, "X: y"]
--- response_body_filters eval: ::family_later('revocations_total')
--- response_body eval: ['', '', "# HELP nginx_authgear_revocations_total Tokens that verify, and that the resolver said no to.\n# TYPE nginx_authgear_revocations_total counter\nnginx_authgear_revocations_total 1\n"]



=== TEST 8: how long the resolver took: as many as were asked
--- config eval: ::with('')
--- request eval: ["GET /t", "GET /metrics"]
--- more_headers eval: [$::session, "X: y"]
--- response_body_filters eval: sub { CORE::join "\n", $_[0] =~ /^(nginx_authgear_resolver_seconds_(?:count|bucket\{le="(?:5|\+Inf)"\}) \d+)$/gm }
--- response_body eval: ['', qq(nginx_authgear_resolver_seconds_bucket{le="5"} 1\nnginx_authgear_resolver_seconds_bucket{le="+Inf"} 1\nnginx_authgear_resolver_seconds_count 1)]



=== TEST 9: keys: fetched once, and as old as that is; what is remembered; the size of the zone; the versions
--- config eval: ::with('')
--- request eval: ["GET /t", "GET /metrics"]
--- more_headers eval: [$::alice, "X: y"]
--- response_body_filters eval
sub {
    my ($body) = @_;
    my @found = $body =~ /^nginx_authgear_(key_fetches_total\{result="key_set"\} \d+|entries\{table="verdicts"\} \d+|zone_bytes \d+)$/gm;
    push @found, 'an age' if $body =~ /^nginx_authgear_jwks_age_seconds\{endpoint="\Q$ENV{TEST_NGINX_AUTHGEAR}\E"\} [0-9.]+$/m;
    push @found, 'versions' if $body =~ /^nginx_authgear_build_info\{version="\d+\.\d+\.\d+",nginx="\d+\.\d+\.\d+"\} 1$/m;
    return CORE::join ', ', @found;
}
--- response_body eval: ['', 'key_fetches_total{result="key_set"} 1, entries{table="verdicts"} 1, zone_bytes 8388608, an age, versions']



=== TEST 10: the type of the text format, and no other header of ours
--- config eval: ::with('')
--- request: GET /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
! Set-Cookie
! WWW-Authenticate
--- response_body_filters eval: ::family('zone_bytes')
--- response_body
# HELP nginx_authgear_zone_bytes The size of the shared memory.
# TYPE nginx_authgear_zone_bytes gauge
nginx_authgear_zone_bytes 8388608



=== TEST 11: JSON for who asks for it, with the same numbers
--- config eval: ::with('')
--- request eval: ["GET /t", "GET /metrics"]
--- more_headers eval: [$::alice, "Accept: application/json"]
--- response_headers eval: ["Content-Type: text/plain", "Content-Type: application/json"]
--- response_body_filters eval
sub {
    my ($body) = @_;
    return '' unless $body =~ /^\{/;
    my $all = JSON::PP::decode_json($body);
    my ($token) = grep { $_->{labels}{server} && $_->{labels}{source} eq 'token' && $_->{labels}{verdict} eq 'valid' } @{ $all->{nginx_authgear_requests_total}{samples} };
    return CORE::join ' ', $all->{nginx_authgear_requests_total}{type}, $token->{labels}{server}, $token->{value}, scalar keys %{$all};
}
--- response_body eval: ['', 'counter localhost 1 14']



=== TEST 12: HEAD: the header alone
--- config eval: ::with('')
--- request: HEAD /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
--- response_headers_like
Content-Length: [1-9]\d{3,}
--- response_body_filters eval: sub { $_[0] }
--- response_body:



=== TEST 13: anything but GET and HEAD is refused
--- config eval: ::with('')
--- request eval: ["POST /metrics\nx=y", "PUT /metrics\nx", "DELETE /metrics", "OPTIONS /metrics"]
--- error_code eval: [405, 405, 405, 405]
--- response_body_filters eval: sub { $_[0] =~ /nginx_authgear/ ? 'told' : '' }
--- response_body eval: ['', '', '', '']



=== TEST 14: a body that comes with GET is thrown away
--- config eval: ::with('')
--- request
GET /metrics
some body
--- response_body:



=== TEST 15: a server is its first name, and that is escaped; servers of one name are one
--- http_config
server {
    listen $TEST_NGINX_SERVER_PORT;
    server_name "~^(?<x>a\.b\"c)$" x.example;
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
}
--- config eval: ::with('')
--- request eval: ["GET http://x.example/t", "GET /t", "GET /metrics"]
--- response_body eval
["nobody (backend 1, resolver 0)\n", "nobody (backend 2, resolver 0)\n",
 ::requests(none => '', 1) . qq(nginx_authgear_requests_total{server="~^(?<x>a\\\\.b\\"c)\$",verdict="none",source=""} 1\n)]



=== TEST 16: without a zone there is nothing to tell but the versions
--- config
    location = /metrics { authgear_metrics; }
--- request: GET /metrics
--- response_body_filters eval: sub { CORE::join ' ', map {/^# TYPE (\S+)/} split /\n/, $_[0] }
--- response_body chomp
nginx_authgear_build_info



=== TEST 17: where a client's own x-authgear headers are trusted, too: by rewrite
--- config eval
::with(<<'CONFIG')
    authgear_trust_request_headers on;
    rewrite ^/old$ /t last;
    location /try { rewrite ^/try$ /t last; }
CONFIG
--- request eval: ["GET /old", "GET /old", "GET /try", "GET /metrics"]
--- more_headers eval: ["X: y", $::forged, "X: y", "X: y"]
--- response_body_filters eval: ::only('.')
--- response_body eval: ['', '', '', ::requests(none => '', 3)]



=== TEST 18: and by redirects, also under satisfy any
--- config eval
::with(<<'CONFIG')
    authgear_trust_request_headers on;
    location /try   { try_files /nothing @there; }
    location @there { proxy_pass $TEST_NGINX_BACKEND; }
    location /lost  { error_page 404 = /t; root /nowhere; }
    location /to    { try_files /nothing /any; }
    location /any   { satisfy any; proxy_pass $TEST_NGINX_BACKEND; }
    location /not   { satisfy any; deny all; authgear_require valid; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
--- request eval: ["GET /try", "GET /lost", "GET /to", "GET /to", "GET /not", "GET /metrics"]
--- more_headers eval: ["X: y", $::forged, "X: y", $::forged, "X: y", "X: y"]
--- error_code eval: [200, 200, 200, 200, 401, 200]
--- response_body_filters eval: ::only('.')
--- response_body eval: ['', '', '', '', '', ::requests(none => '', 5) . ::refusals(no_credential => 1)]



=== TEST 19: a part of a page that is refused counts when its line is due, whoever the page is for
--- config eval
::with(<<'CONFIG')
    default_type text/html;
    location = /robots.html { authgear_audience https://api.example.com; authgear_require machine; ssi on; root html; }
    location = /page.html   { ssi on; root html; }
    location /part          { authgear_require valid; proxy_pass $TEST_NGINX_BACKEND; }
CONFIG
--- user_files
>>> robots.html
<!--#include virtual="/part" --><!--#include virtual="/part" -->
>>> page.html
<!--#include virtual="/part" -->
--- request eval: ["GET /robots.html", "GET /page.html", "GET /page.html", "GET /metrics"]
--- more_headers eval: [$::machine, $::broken, "X: y", "X: y"]
--- response_body_filters eval: ::only('refusals_total')
--- response_body eval: ['', '', '', ::refusals(malformed => 2) . ::refusals(machine_token => 2) . ::refusals(no_credential => 1)]
