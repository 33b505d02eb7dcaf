# authgear_require in front of each kind of content, with each method and protocol; and the CORS preflight.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Access;
use Authgear::Suite;
use Authgear::Told;

user(id => 'alice', roles => ['editor']);
user(id => 'bob');
my $alice = bearer(user => 'alice');
my $bob   = bearer(user => 'bob');
my $on    = 'authgear_resolve on; authgear_require role=editor;';

# Kinds of content, and what in an answer says that it was reached.
my $secret = ">>> t/in.txt\nsecret\n>>> t/list/one\nx";
my %text = (user_files => $secret, 'response_body_filters eval' => undef, no_error_log => "refused:\n[alert]");
my %kinds = (
    'a static file'      => [ "$on root html;", { request => 'GET /t/in.txt', %text, response_body => 'secret' } ],
    'an alias'           => [ "$on alias html/t/;", { request => 'GET /t/in.txt', %text, response_body => 'secret' } ],
    'a part of a file'   => [ "$on root html;", { request => 'GET /t/in.txt', %text, response_body => 'secret' }, 'Range: bytes=0-2' ],
    'a list of files'    => [ "$on root html; autoindex on;", { request => 'GET /t/list/', %text, response_body => undef, response_body_like => 'one' } ],
    'an index file'      => [ "$on root html; index in.txt;", { request => 'GET /t/', %text, response_body => 'secret' } ],
    'try_files'          => [ "$on root html; try_files /t/in.txt =404;", { request => 'GET /t/x', %text, response_body => 'secret' } ],
    'stub_status'        => [ "$on stub_status;", { %text, response_body => undef, response_body_like => 'Active connections' } ],
    'fastcgi_pass'       => [ "$on fastcgi_pass \$TEST_NGINX_FASTCGI;", { %text, response_body => undef, response_body_like => 'HTTP_X_AUTHGEAR_USER_ID: alice' } ],
    'grpc_pass'          => [ "$on grpc_pass grpc://\$TEST_NGINX_BACKEND_HOST;", { request => 'POST /t HTTP/1.0', %text, response_body => undef,
        raw_response_headers_like => '(?i)seen-x-authgear-user-id: alice' }, 'Content-Type: application/grpc' ],
    'a WebSocket'        => [ "$on keepalive_timeout 0; proxy_http_version 1.1; proxy_set_header Connection upgrade; proxy_set_header Upgrade \$http_upgrade; proxy_pass \$TEST_NGINX_BACKEND;",
        { request => 'GET /ws/t', %text, response_body => undef, error_code => 101 },
        "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" ],
);
for my $kind (sort keys %kinds) {
    my ($location, $there, $headers) = @{ $kinds{$kind} };
    title $kind;
    my $all = sub { return join "\n", grep {defined} @_, $headers };
    my %ask = (request => $there->{request} // 'GET /t', user_files => $secret, no_error_log => "[alert]");
    my $own = $kind eq 'a WebSocket' ? "location /ws { $location }" : '';
    my %more = %$there;
    $more{error_code} = 206, $more{response_body} = undef, $more{'response_body eval'} = '"sec"' if $kind eq 'a part of a file';
    admitted 'who may', $own ? '' : $location, $all->($alice), '', %more, server => $own;
    turned_away 'who may not', $own ? '' : $location, $all->($bob), 403, undef, 'missing_role', %ask, server => $own;
    turned_away 'nobody', $own ? '' : $location, $headers // '', 401, 'Bearer', 'no_credential', %ask, server => $own;
}

title 'methods';
my $area = "$on proxy_pass \$TEST_NGINX_BACKEND;";
for my $method (qw(HEAD OPTIONS PUT DELETE PATCH PROPFIND MKCOL PURGE TRACK)) {
    my $body = $method eq 'HEAD' ? '' : "refused (backend 0, resolver 0)";
    turned_away "$method by nobody", $area, '', 401, 'Bearer', 'no_credential', request => "$method /t",
        'response_body_filters eval' => $method eq 'HEAD' ? undef : '\&Authgear::Suite::verdict', 'response_body' => $body;
}
turned_away 'a body that is larger than allowed is not read first', "client_max_body_size 1; $area", '', 413, undef, '', request => "POST /t\nlonger",
    'error_log eval' => undef, no_error_log => 'authgear: access', response_headers => '!WWW-Authenticate';

# What writes files, where nginx has the module for it.
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
if (`$nginx -V 2>&1` =~ /http_dav_module/) {
    title 'WebDAV';
    my $dav = "$on root html; dav_methods PUT DELETE; create_full_put_path on;";
    my %files = (user_files => $secret, no_error_log => '[alert]');
    for my $row ([ 'PUT', "PUT /t/new\ntext", 201 ], [ 'DELETE', 'DELETE /t/in.txt', 204 ]) {
        my ($method, $request, $status) = @$row;
        admitted "$method, who may", $dav, $alice, '', %files, request => $request, error_code => $status, 'response_body_filters eval' => undef, response_body => undef;
        turned_away "$method, who may not", $dav, $bob, 403, undef, 'missing_role', %files, request => $request;
        turned_away "$method, nobody", $dav, '', 401, 'Bearer', 'no_credential', %files, request => $request;
    }
    turned_away 'a file that may be read, but not be written', 'authgear_resolve on; root html; dav_methods PUT; limit_except GET { authgear_require valid; }', '',
        401, 'Bearer', 'no_credential', %files, request => "PUT /t/new\ntext";
}

title 'authgear_preflight';
my $preflight = 'authgear_resolve on; authgear_require role=editor; authgear_preflight on; proxy_pass $TEST_NGINX_BACKEND;';
my $cors = "Origin: https://app.example\nAccess-Control-Request-Method: PUT";
my %options = (request => 'OPTIONS /t');
admitted 'a preflight', $preflight, $cors, 'nobody', %options;
admitted 'with headers that it asks for', $preflight, "$cors\nAccess-Control-Request-Headers: authorization", 'nobody', %options;
admitted 'satisfy any', "satisfy any; deny all; $preflight", $cors, 'nobody', %options;
admitted 'what a client says of itself is gone', $preflight, "$cors\nX-Authgear-User-Id: alice", 'nobody', %options;
turned_away 'off, as it is by default', $preflight =~ s/authgear_preflight on;//r, $cors, 401, 'Bearer', 'no_credential', %options;
turned_away 'without Origin', $preflight, 'Access-Control-Request-Method: PUT', 401, 'Bearer', 'no_credential', %options;
turned_away 'without the method that it asks for', $preflight, 'Origin: https://app.example', 401, 'Bearer', 'no_credential', %options;
turned_away 'with a cookie, whatever it is', $preflight, "$cors\nCookie: theme=dark", 401, 'Bearer', 'no_credential', %options;
turned_away 'with an Authorization of another scheme', $preflight, "$cors\nAuthorization: Basic YW5uOg==", 401, 'Bearer', 'no_credential', %options;
turned_away 'with a token without the role', $preflight, "$cors\n$bob", 403, undef, 'missing_role', %options;
turned_away 'with a dead token', $preflight, "$cors\n" . bearer(user => 'alice', lifetime => -5), 401, 'Bearer error="invalid_token", error_description="expired"',
    'credential expired', %options;
turned_away 'with a body', $preflight, $cors, 401, 'Bearer', 'no_credential', request => "OPTIONS /t\nbody";
turned_away 'with a body in chunks', $preflight, '', 401, 'Bearer', 'no_credential', request => undef,
    'raw_request eval' => '"OPTIONS /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"';
turned_away "$_, with the same headers", $preflight, $cors, 401, 'Bearer', 'no_credential', request => "$_ /t" for qw(GET POST PUT OPTION);
turned_away 'after an internal redirect to another method', 'authgear_resolve on; root html; error_page 404 405 = /area;', $cors, 401, 'Bearer', 'no_credential', %options,
    server => "location = /area { $preflight }";

spec_string(table());
no_root_location();
run_tests();
