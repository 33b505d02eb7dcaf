# What the resolver says of a user with many roles: handed on whole, or, where it is more than is handed on, a matter of that user alone.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Echo;

our %roles = (some => roles(160), many => roles(400), most => roles(1000), none => []);
our %opaque = map { user(id => $_, roles => $roles{$_}); ($_ => bearer(user => $_, jwt => JSON::PP::false)) } sort keys %roles;

# So many names of 28 bytes.
sub roles { return [map { sprintf 'role-%023d', $_ } 1 .. $_[0]] }

sub told {
    my ($user, $roles) = map { $_[0] =~ /^x-authgear-user-$_: (.*)$/m ? $1 : '-' } qw(id roles);
    return "$user " . length($roles) . "\n";
}

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(config => '
        authgear_endpoint $TEST_NGINX_AUTHGEAR;
        include $TEST_NGINX_AUTHGEAR_CONF;
        location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }');
    $block->set_value(response_body_filters => \&told) unless defined $block->error_code;
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: more than nginx reads of an answer's header by itself
--- request
GET /t
--- more_headers eval
$::opaque{some}
--- response_body
some 4639



=== TEST 2: more than is handed on
--- request
GET /t
--- more_headers eval
$::opaque{many}
--- error_code: 503
--- error_log
authgear: no verdict could be had: resolver_too_large



=== TEST 3: more than the location has room for
--- request
GET /t
--- more_headers eval
$::opaque{most}
--- error_code: 503
--- error_log
authgear: no verdict could be had: resolver_too_large



=== TEST 4: again and again, which does not count against the resolver
--- request eval
[map { "GET /t" } 1 .. 8]
--- more_headers eval
[($::opaque{most}) x 7, $::opaque{none}]
--- error_code eval
[(503) x 7, 200]
--- no_error_log
is failing
