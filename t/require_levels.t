# Where authgear_require holds: what a location inherits, `off`, limit_except, variables, and beside nginx's own access rules (satisfy).

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Access;
use Authgear::Suite;

user(id => 'alice', roles => ['editor']);
user(id => 'bob');
my $alice  = bearer(user => 'alice');
my $bob    = bearer(user => 'bob');
my $basic  = 'Authorization: Basic YW5uOnNlY3JldA==';
my $cookie = 'Cookie: ' . session(user => 'alice', kind => 'app_session');
my $bobs   = 'Cookie: ' . session(user => 'bob', kind => 'app_session');

my $on = 'authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND;';
my $pass = 'proxy_pass $TEST_NGINX_BACKEND;';
my $said_expired = 'Bearer error="invalid_token", error_description="expired"';
my $expired = bearer(user => 'alice', lifetime => -5);

title 'inheritance';
my $server = 'authgear_resolve on; authgear_require role=editor;';
admitted 'of the server', $pass, $alice, 'alice', server => $server;
turned_away 'of the server, not met', $pass, $bob, 403, undef, 'missing_role', server => $server;
turned_away 'of the server, where no location is found', 'proxy_pass $TEST_NGINX_BACKEND;', $bob, 403, undef, 'missing_role',
    server => $server, request => 'GET /elsewhere';
turned_away 'of http', $on, '', 401, 'Bearer', 'no_credential', http_config => "authgear_resolve on;\nauthgear_require valid;";
turned_away 'of a location around', "authgear_resolve on; authgear_require role=editor; location /t/in { $pass }", $bob, 403, undef, 'missing_role',
    request => 'GET /t/in';
admitted 'an inner one replaces the outer whole', "authgear_require valid; $pass", $bob, 'bob', server => $server;
turned_away 'an inner one is not loosened by the outer', "authgear_require role=admin; $pass", $alice, 403, undef, 'missing_role', server => $server;
turned_away 'from around an if', "if (\$arg_x) { set \$y 1; } $pass", $bob, 403, undef, 'missing_role', server => $server, request => 'GET /t?x=1';
turned_away 'inside an if that proxies', "if (\$arg_x) { proxy_pass \$TEST_NGINX_BACKEND; } $pass", $bob, 403, undef, 'missing_role',
    server => $server, request => 'GET /t?x=1';
admitted 'questions are asked though their location inherits it', $pass, $cookie, 'alice', server => $server, asked => 1;

title 'off';
admitted 'nobody', "authgear_require off; $pass", '', 'nobody', server => $server;
admitted 'an expired token', "authgear_require off; $pass", $expired, 'invalid', server => $server, no_error_log => 'access refused';
admitted 'where resolving is off, too', "authgear_resolve off; authgear_require off; $pass", $alice, 'nobody', server => $server;

title 'limit_except';
my $writing = "authgear_resolve on; limit_except GET { authgear_require role=editor; } $pass";
admitted 'a method that is excepted', $writing, '', 'nobody';
turned_away 'another, by nobody', $writing, '', 401, 'Bearer', 'no_credential', request => "POST /t\nx=1";
turned_away 'another, without the role', $writing, $bob, 403, undef, 'missing_role', request => 'DELETE /t';
admitted 'another, with the role', $writing, $alice, 'alice', request => "POST /t\nx=1";
turned_away 'a method that nginx does not know', $writing, $bob, 403, undef, 'missing_role', request => 'PURGE /t';
my $reading = "limit_except GET HEAD { authgear_require off; } $pass";
turned_away 'the location\'s own holds for what is excepted', $reading, '', 401, 'Bearer', 'no_credential', server => $server;
admitted 'and off for the others', $reading, '', 'nobody', server => $server, request => "POST /t\nx=1";

title 'a variable';
my $map = "map \$http_x_address \$allowed { default 1; blocked 0; silent ''; odd 00; }";
my %map = (http_config => $map);
my $listed = required('$allowed');
admitted 'that is 1', $listed, $alice, 'alice', %map;
turned_away 'that is 0', $listed, "$alice\nX-Address: blocked", 403, undef, 'variable', %map;
turned_away 'that is empty', $listed, "$alice\nX-Address: silent", 403, undef, 'variable', %map;
admitted 'that is anything else', $listed, "$alice\nX-Address: odd", 'alice', %map;
turned_away 'nobody is told of it', $listed, "X-Address: blocked", 401, 'Bearer', 'no_credential', %map;
turned_away 'and error=401', required('$allowed error=401'), "$alice\nX-Address: blocked", 401, 'Bearer', 'variable', %map;
turned_away 'that nobody has set', required('$unset'), $alice, 403, undef, 'variable', server => 'location /u { set $unset 1; }';
admitted 'of a prefix that nginx knows', required('$http_x_mine'), "$alice\nX-Mine: 1", 'alice';
turned_away 'one of two', required('$http_x_mine $http_x_other'), "$alice\nX-Mine: 1", 403, undef, 'variable';
admitted 'that is set by who is calling', required('$entry'), $alice, 'alice', http_config => 'map $http_x_authgear_user_id $entry { alice 1; }';
turned_away 'that is set by who is calling, for another', required('$entry'), $bob, 403, undef, 'variable',
    http_config => 'map $http_x_authgear_user_id $entry { alice 1; }';
turned_away 'that is set by who is calling, not by what a client says', required('$entry'), "$bob\nX-Authgear-User-Id: alice", 403, undef, 'variable',
    http_config => 'map $http_x_authgear_user_id $entry { alice 1; }';

# nginx keeps what a map gave: what is required is looked at anew all the same.
my $early = 'map $http_x_authgear_user_id $not_banned { default 1; bob 0; }';
turned_away 'a map that something looked at before the verdict', 'set $seen $not_banned; ' . required('$not_banned'), $bob, 403, undef, 'variable', http_config => $early;
admitted 'the same for another user', 'set $seen $not_banned; ' . required('$not_banned'), $alice, 'alice', http_config => $early;
turned_away 'a map of where the request is by now', 'authgear_resolve on; authgear_require $here; try_files /none /in;', $alice, 403, undef, 'variable',
    server => 'location /in { ' . required('$here') . ' }', http_config => 'map $uri $here { default 1; /in 0; }';
admitted 'a variable that the location has set keeps its value', 'set $mine 1; ' . required('$mine'), $alice, 'alice';
turned_away 'also one that is 0', 'set $mine 0; ' . required('$mine'), $alice, 403, undef, 'variable';
admitted 'what a regular expression has found keeps its value', 'return 404;', $alice, 'alice', request => 'GET /t/7',
    server => 'location ~ ^/t/(?<part>.*) { ' . required('$part') . ' }';

title 'limit_except and if';
my $branch = "authgear_resolve on; limit_except GET { authgear_require role=editor; } if (\$arg_x) { set \$y 1; } $pass";
turned_away 'where the condition does not hold', $branch, $bob, 403, undef, 'missing_role', request => 'DELETE /t';
turned_away 'an if does not get around it', $branch, $bob, 403, undef, 'missing_role', request => 'DELETE /t?x=1';

title 'satisfy all';
my %users = (user_files => ">>> users\nann:{PLAIN}secret");
my $password = 'auth_basic area; auth_basic_user_file ../html/users;';
admitted 'both', required('role=editor', $password), "$basic\n$cookie", 'alice', asked => 1, %users;
turned_away 'a session alone', required('role=editor', $password), $cookie, 401, 'Basic realm="area"', '', %users,
    'error_log eval' => undef, no_error_log => 'refused';
turned_away 'a password alone', required('role=editor', $password), $basic, 401, 'Bearer', 'no_credential', %users;
turned_away 'a denied address asks nobody', required('role=editor', 'deny all;'), $cookie, 403, undef, '',
    'error_log eval' => undef, no_error_log => 'refused';

title 'satisfy any';
admitted 'a password alone', required('role=editor', 'satisfy any;', $password), $basic, 'nobody', %users;
admitted 'a session alone', required('role=editor', 'satisfy any;', $password), $cookie, 'alice', asked => 1, %users,
    no_error_log => 'access refused', response_headers => '!WWW-Authenticate';
admitted 'a token beside deny', required('role=editor', 'satisfy any; deny all;'), $alice, 'alice', no_error_log => 'access refused';
turned_away 'neither', required('role=editor', 'satisfy any; deny all;'), '', 401, 'Bearer', 'no_credential', no_error_log => '[alert]';
turned_away 'a session without the role beside deny', required('role=editor', 'satisfy any; deny all;'), $bob, 403, undef, 'missing_role',
    no_error_log => '[alert]';
turned_away 'a session without the role beside a password', required('role=editor', 'satisfy any;', $password), $bobs,
    401, 'Basic realm="area"', 'missing_role', asked => 1, no_error_log => '[alert]', %users;
turned_away 'no challenge of a 403 where another rule says 401', required('scope=x', 'satisfy any;', $password), $bobs,
    401, 'Basic realm="area"', 'scope_unknown', asked => 1, no_error_log => '[alert]', %users;
turned_away 'both challenges where both say 401', required('valid', 'satisfy any;', $password), '',
    401, 'Basic realm="area", Bearer', 'no_credential', no_error_log => '[alert]', %users;
admitted 'an address alone', required('role=editor', 'satisfy any; allow all;'), '', 'nobody';
admitted 'an address, and the identity arrives all the same', required('role=admin', 'satisfy any; allow all;'), $bob, 'bob';
turned_away 'without another rule', required('role=editor', 'satisfy any;'), $bob, 403, undef, 'missing_role', no_error_log => '[alert]';
admitted 'without another rule, met', required('role=editor', 'satisfy any;'), $alice, 'alice';

spec_string(table());
no_root_location();
run_tests();
