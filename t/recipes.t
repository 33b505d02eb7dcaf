# Blocks of docs/ that promise more than a status, as they stand: a log in JSON, CORS by maps.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Documented;
use Authgear::Suite;

user(id => 'alice', roles => ['admin']);
user(id => 'bob');
our $alice  = bearer(user => 'alice');
our $opaque = bearer(opaque(user => 'bob'));
our $worn   = bearer(user => 'alice', lifetime => -60);
our $app    = 'Origin: https://app.example.com';
our $other  = 'Origin: https://other.example.com';
our $asks   = 'Access-Control-Request-Method: PUT';

# The lines of the log in JSON so far, each with what is of interest in it.
sub lines {
    open my $log, '<', Test::Nginx::Util::server_root() . '/logs/requests.json' or return '';
    my @lines = map { JSON::PP->new->utf8->decode($_) } <$log>;
    my @members = qw(path status user client credential result reason source);
    return join '', map { my $line = $_; join(' ', map { length $line->{$_} ? $line->{$_} : '-' } @members) . "\n" } @lines;
}

add_block_preprocessor(sub {
    my ($block) = @_;
    my %sections = documented(@{ $block->documented });
    $block->set_value($_ => $sections{$_}) for keys %sections;
    $block->set_value(no_error_log => "[alert]\n[emerg]\n[warn]\na bug in the module\n");
});
no_root_location();
run_tests();

__DATA__

=== TEST 1: a line of JSON a request: who called, what became of it, and why
--- documented eval
[variables => 'A line of JSON for each request', <<'MORE']
location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
location /admin/ { authgear_resolve on; authgear_require role=admin; proxy_pass $TEST_NGINX_BACKEND; }
location = /told { access_log off; return 200; }
MORE
--- request eval
["GET /admin/a?access_token=secret", "GET /admin/b", "GET /admin/c", "GET /d", "GET /%22%5C%0A", "GET /told"]
--- more_headers eval
[$::alice, $::opaque, '', $::worn, $::alice, '']
--- error_code eval
[200, 403, 401, 200, 200, 200]
--- response_body_filters eval
sub { $_[0] eq '' ? ::lines() : '' }
--- response_body eval
[('') x 5, <<'LINES']
/admin/a 200 alice jwtapp bearer PASSED - token
/admin/b 403 bob - bearer REJECTED missing_role resolver
/admin/c 401 - - - REJECTED no_credential -
/d 200 - - - PASSED expired -
/"\
 200 alice jwtapp bearer PASSED - token_cache
LINES



=== TEST 2: origins by maps: a preflight of one of them is answered by nginx
--- documented eval
[policies => 'Origins that nginx allows']
--- request
OPTIONS /api/orders
--- more_headers eval
"$::app\n$::asks"
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Allow-Methods: GET, POST, PUT, DELETE
Access-Control-Allow-Headers: Authorization, Content-Type
Vary: Origin



=== TEST 3: a refusal can be read by its page, and says what is missing
--- documented eval
[policies => 'Origins that nginx allows']
--- request
GET /api/orders
--- more_headers eval
$::app
--- error_code: 401
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
Access-Control-Expose-Headers: WWW-Authenticate
!Access-Control-Allow-Methods
WWW-Authenticate: Bearer



=== TEST 4: so can an answer
--- documented eval
[policies => 'Origins that nginx allows']
--- request
GET /api/orders
--- more_headers eval
"$::app\n$::alice"
--- response_headers
Access-Control-Allow-Origin: https://app.example.com
!WWW-Authenticate
--- response_body_filters eval
\&::verdict
--- response_body
alice (backend 1, resolver 0)



=== TEST 5: nothing is said to another origin, whose preflight is refused
--- documented eval
[policies => 'Origins that nginx allows']
--- request eval
["OPTIONS /api/orders", "GET /api/orders", "OPTIONS /api/orders"]
--- more_headers eval
["$::other\n$::asks", "$::other\n$::alice", $::asks]
--- error_code eval
[401, 200, 401]
--- raw_response_headers_unlike eval
[(qr/Access-Control/i) x 3]
