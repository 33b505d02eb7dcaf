# What nginx -t says of the directives that bound memory and questions: each refusal with the directive, the value and its own file and line.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;

# The whole of a part.conf whose second line is refused.
sub part {
    my ($line) = @_;
    return ">>> part.conf\n# The directive stands on the second line.\n$line\n";
}

# What is said of a value in that line.
sub refusal {
    my ($directive, $value) = @_;
    return [qr/\[emerg\] .*invalid value "\Q$value\E" in "$directive" directive, .* in .*part\.conf:2$/];
}

my $here = <<'CONFIG';
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    include ../html/part.conf;
    location /t { return 204; }
CONFIG

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(config => $here) unless defined $block->config;
    if (!defined $block->must_die) {
        $block->set_value(request => 'GET /t');
        $block->set_value(error_code => 204);
        $block->set_value(no_error_log => "[emerg]\n[warn]\n");
    }
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: authgear_revalidate: a time that is none
--- user_files eval: ::part('authgear_revalidate soon;')
--- must_die
--- error_log eval: ::refusal('authgear_revalidate', 'soon')



=== TEST 2: authgear_revalidate: no time at all, which would be to ask about every request
--- user_files eval: ::part('authgear_revalidate 0;')
--- must_die
--- error_log eval: ::refusal('authgear_revalidate', '0')



=== TEST 3: authgear_revalidate: a negative time
--- user_files eval: ::part('authgear_revalidate -1s;')
--- must_die
--- error_log eval: ::refusal('authgear_revalidate', '-1s')



=== TEST 4: authgear_revalidate: a max that is no time
--- user_files eval: ::part('authgear_revalidate 60s max=never;')
--- must_die
--- error_log eval: ::refusal('authgear_revalidate', 'max=never')



=== TEST 5: authgear_revalidate: a max below the time
--- user_files eval: ::part('authgear_revalidate 60s max=59s;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "[^"]*max=59s" in "authgear_revalidate" directive, .* in .*part\.conf:2$/]



=== TEST 6: authgear_revalidate: a parameter that there is not
--- user_files eval: ::part('authgear_revalidate 60s least=10s;')
--- must_die
--- error_log eval: ::refusal('authgear_revalidate', 'least=10s')



=== TEST 7: authgear_revalidate: max alone
--- user_files eval: ::part('authgear_revalidate max=5m;')
--- must_die
--- error_log eval: ::refusal('authgear_revalidate', 'max=5m')



=== TEST 8: authgear_revalidate: off with a max
--- user_files eval: ::part('authgear_revalidate off max=5m;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_revalidate" directive.* in .*part\.conf:2$/]



=== TEST 9: authgear_revalidate: max twice
--- user_files eval: ::part('authgear_revalidate max=5m max=6m;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_revalidate" directive.* in .*part\.conf:2$/]



=== TEST 10: authgear_revalidate: nothing
--- user_files eval: ::part('authgear_revalidate;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid number of arguments in "authgear_revalidate" directive in .*part\.conf:2$/]



=== TEST 11: authgear_revalidate twice at one level
--- user_files eval: ::part('authgear_revalidate 60s; authgear_revalidate off;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_revalidate" directive is duplicate in .*part\.conf:2$/]



=== TEST 12: authgear_revalidate: a time beside authgear_resolve local in one location
--- user_files eval: ::part('location /l { authgear_resolve local; authgear_revalidate 60s; return 204; }')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_revalidate" .*"authgear_resolve local".* in .*part\.conf:2$/]



=== TEST 13: authgear_revalidate: a time in a location that has local from its server
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve local;
    include ../html/part.conf;
--- user_files eval: ::part('location /l { authgear_revalidate 60s; return 204; }')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_revalidate" .*"authgear_resolve local".* in .*part\.conf:2$/]



=== TEST 14: authgear_revalidate: a time beside local in the server
--- user_files eval: ::part('authgear_revalidate 60s; authgear_resolve local; location /l { return 204; }')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_revalidate" .*"authgear_resolve local".* in .*part\.conf:2$/]



=== TEST 15: taken: a time further out than local, and off beside it
--- user_files eval: ::part('authgear_revalidate 60s; location /l { authgear_resolve local; return 204; } location /m { authgear_resolve local; authgear_revalidate off; return 204; }')



=== TEST 16: taken: a max as long as the time, and every unit
--- user_files eval: ::part('authgear_revalidate 60s max=1m; location /l { authgear_resolve on; authgear_revalidate 500ms max=1d; return 204; }')



=== TEST 17: authgear_revalidate: not in limit_except
--- user_files eval: ::part('location /l { limit_except GET { authgear_revalidate 60s; } }')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_revalidate" directive is not allowed here in .*part\.conf:2$/]



=== TEST 18: authgear_cache_valid: a time that is none
--- user_files eval: ::part('authgear_cache_valid always;')
--- must_die
--- error_log eval: ::refusal('authgear_cache_valid', 'always')



=== TEST 19: authgear_cache_valid: on is no time
--- user_files eval: ::part('authgear_cache_valid on;')
--- must_die
--- error_log eval: ::refusal('authgear_cache_valid', 'on')



=== TEST 20: authgear_cache_valid: invalid= that is no time
--- user_files eval: ::part('authgear_cache_valid 10s invalid=off;')
--- must_die
--- error_log eval: ::refusal('authgear_cache_valid', 'invalid=off')



=== TEST 21: authgear_cache_valid: invalid= alone
--- user_files eval: ::part('authgear_cache_valid invalid=1s;')
--- must_die
--- error_log eval: ::refusal('authgear_cache_valid', 'invalid=1s')



=== TEST 22: authgear_cache_valid: two times
--- user_files eval: ::part('authgear_cache_valid 10s 1s;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_cache_valid" directive.* in .*part\.conf:2$/]



=== TEST 23: authgear_cache_valid: off with invalid=
--- user_files eval: ::part('authgear_cache_valid off invalid=1s;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_cache_valid" directive.* in .*part\.conf:2$/]



=== TEST 24: authgear_cache_valid twice at one level
--- user_files eval: ::part('authgear_cache_valid 10s; authgear_cache_valid 20s;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_cache_valid" directive is duplicate in .*part\.conf:2$/]



=== TEST 25: authgear_stale_if_error: a time that is none
--- user_files eval: ::part('authgear_stale_if_error on;')
--- must_die
--- error_log eval: ::refusal('authgear_stale_if_error', 'on')



=== TEST 26: authgear_stale_if_error: two
--- user_files eval: ::part('authgear_stale_if_error 10s 20s;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid number of arguments in "authgear_stale_if_error" directive in .*part\.conf:2$/]



=== TEST 27: authgear_stale_if_error twice at one level
--- user_files eval: ::part('authgear_stale_if_error 10s; authgear_stale_if_error off;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_stale_if_error" directive is duplicate in .*part\.conf:2$/]



=== TEST 28: authgear_resolver_limit: none at all
--- user_files eval: ::part('authgear_resolver_limit 0;')
--- must_die
--- error_log eval: ::refusal('authgear_resolver_limit', '0')



=== TEST 29: authgear_resolver_limit: no number
--- user_files eval: ::part('authgear_resolver_limit many;')
--- must_die
--- error_log eval: ::refusal('authgear_resolver_limit', 'many')



=== TEST 30: authgear_resolver_limit: a negative number
--- user_files eval: ::part('authgear_resolver_limit -5;')
--- must_die
--- error_log eval: ::refusal('authgear_resolver_limit', '-5')



=== TEST 31: authgear_resolver_limit: a number with something behind it
--- user_files eval: ::part('authgear_resolver_limit 64k;')
--- must_die
--- error_log eval: ::refusal('authgear_resolver_limit', '64k')



=== TEST 32: authgear_resolver_limit: a number beyond all others
--- user_files eval: ::part('authgear_resolver_limit 99999999999999999999;')
--- must_die
--- error_log eval: ::refusal('authgear_resolver_limit', '99999999999999999999')



=== TEST 33: authgear_resolver_limit: not in a location
--- user_files eval: ::part('location /l { authgear_resolver_limit 8; }')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolver_limit" directive is not allowed here in .*part\.conf:2$/]



=== TEST 34: authgear_resolver_limit twice at one level
--- user_files eval: ::part('authgear_resolver_limit 8; authgear_resolver_limit 9;')
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolver_limit" directive is duplicate in .*part\.conf:2$/]



=== TEST 35: taken: all of them, at every level
--- http_config
    authgear_revalidate 30s;
    authgear_cache_valid 5s;
    authgear_stale_if_error 1m;
    authgear_resolver_limit 8;
--- user_files eval: ::part('authgear_revalidate off; authgear_cache_valid 5s invalid=1s; authgear_stale_if_error off; authgear_resolver_limit 1; location /l { authgear_resolve on; authgear_revalidate 10s max=20s; authgear_cache_valid off; authgear_stale_if_error 10s; return 204; }')
