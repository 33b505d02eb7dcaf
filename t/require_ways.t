# Every way by which nginx itself leads a request on: none leads into a location whose requirements do not hold.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Access;
use Authgear::Suite;

user(id => 'alice', roles => ['editor']);
user(id => 'bob');
my $alice  = bearer(user => 'alice');
my $bob    = bearer(user => 'bob');
my $bobs   = bearer(opaque(user => 'bob'));
my $pass   = 'proxy_pass $TEST_NGINX_BACKEND;';
my $area   = required('role=editor');
my $open   = "authgear_resolve on; $pass";

# Each way from /t to a location of its own, beside which stands nothing that lets anybody in.
my %ways = (
    'try_files to a named location'      => [ 'try_files /none @area;', "location \@area { $area }" ],
    'try_files to a URI'                 => [ 'try_files /none /area;', "location /area { $area }" ],
    'error_page to a URI'                => [ 'error_page 404 = /area; root html;', "location /area { $area }" ],
    'error_page to a named location'     => [ 'error_page 404 = @area; root html;', "location \@area { $area }" ],
    'error_page of a backend\'s answer'  => [ 'proxy_pass $TEST_NGINX_BACKEND_DOWN; error_page 502 504 = @area;', "location \@area { $area }" ],
    'an internal location'               => [ 'try_files /none /area;', "location = /area { internal; $area }" ],
    'rewrite last'                       => [ 'rewrite ^ /area last;', "location /area { $area }" ],
    'rewrite of the server'              => [ '', "rewrite ^/t\$ /area last; location /area { $area }" ],
    'a chain of them'                    => [ 'try_files /none @one;', "location \@one { error_page 404 = /two; root html; } location /two { rewrite ^ /area last; } location /area { $area }" ],
    'index'                              => [ 'alias html/;', "location = /t/in.txt { $area }", 'GET /t/', "index in.txt;" ],
    'a regular expression'               => [ '', "location ~ ^/T { } location ~ ^/t { $area }" ],
    'if'                                 => [ 'set $go 1; if ($go) { rewrite ^ /area last; }', "location /area { $area }" ],
);

for my $way (sort keys %ways) {
    my ($location, $there, $request, $more) = @{ $ways{$way} };
    # Port 1 is where some files listen.
    $location =~ s/\$TEST_NGINX_BACKEND_DOWN/http:\/\/127.0.0.1:2/;
    for my $first ('nothing', 'a verdict') {
        title "$way, from a location with $first";
        my $from = $first eq 'nothing' ? $location : "authgear_resolve on; $location";
        my %sections = (server => join(' ', $more // '', $there), request => $request // 'GET /t', user_files => ">>> in.txt\nsecret");
        admitted 'who may enter', $from, $alice, 'alice', %sections, no_error_log => 'refused:';
        turned_away 'who may not', $from, $bob, 403, undef, 'missing_role', %sections, no_error_log => '[alert]';
        turned_away 'nobody', $from, '', 401, 'Bearer', 'no_credential', %sections, no_error_log => '[alert]';
    }
}

# What nginx refuses before any phase leads to an error page like any other.
title 'refused before any phase';
for my $page ('/area', '@area') {
    my %early = (
        'a request without Host' => [ 400, qq("GET /t HTTP/1.1\\r\\n%sConnection: close\\r\\n\\r\\n") ],
        'TRACE'                  => [ 405, qq("TRACE /t HTTP/1.1\\r\\nHost: localhost\\r\\n%sConnection: close\\r\\n\\r\\n") ],
        'a body that is too large' => [ 413, qq("POST /t HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 5\\r\\n%sConnection: close\\r\\n\\r\\nhello") ],
    );
    for my $what (sort keys %early) {
        my ($status, $request) = @{ $early{$what} };
        my %sections = (request => undef, no_error_log => '[alert]', server => "error_page $status = $page; location $page { client_max_body_size 0; $area }");
        turned_away "$what, to $page, nobody", 'client_max_body_size 1; root html;', '', 401, 'Bearer', 'no_credential', %sections, 'raw_request eval' => sprintf $request, '';
        turned_away "$what, to $page, who may not", 'client_max_body_size 1; root html;', '', 403, undef, 'missing_role', %sections, 'raw_request eval' => sprintf $request, "$bob\\r\\n";
    }
}

title 'X-Accel-Redirect';
my $accel = 'authgear_resolve on; proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/accel;';
for my $to ('/area', '@area') {
    my $internal = $to =~ /^@/ ? '' : 'internal;';
    my %sections = (server => "location = /accel { add_header X-Accel-Redirect $to; return 200; } location $to { $internal $area }", no_error_log => '[alert]');
    admitted "to $to, who may enter", $accel, $alice, 'alice', %sections;
    turned_away "to $to, who may not", $accel, $bob, 403, undef, 'missing_role', %sections;
    turned_away "to $to, nobody", $accel, '', 401, 'Bearer', 'no_credential', %sections;
}

title 'to other requirements';
my %admin = (server => 'location @admin { ' . required('role=admin') . ' } location @off { authgear_require off; ' . $pass . ' }', no_error_log => '[alert]');
turned_away 'the second\'s hold, too', 'authgear_resolve on; authgear_require role=editor; try_files /none @admin;', $alice, 403, undef, 'missing_role', %admin;
turned_away 'the first\'s hold although the second has none', 'authgear_resolve on; authgear_require role=editor; try_files /none @off;', $bob,
    403, undef, 'missing_role', %admin;
admitted 'off for the second', 'authgear_resolve on; authgear_require role=editor; try_files /none @off;', $alice, 'alice', %admin;
turned_away 'a second with other credentials makes its own verdict', 'authgear_resolve on; authgear_require valid; try_files /none @web;', $alice,
    401, 'Bearer', 'no_credential', server => 'location @web { authgear_credentials session; ' . $area . ' }';
turned_away 'an outage stays one', 'authgear_resolve on; error_page 503 = @area; ' . $pass, $bobs, 503, undef, '', asked => 1,
    server => "location \@area { $area }", init => 'Authgear::Suite::fault(target => "resolver", kind => "status", status => 500);',
    'error_log eval' => 'qr/no verdict could be had/', no_error_log => '[alert]';

title 'error_page for a refusal';
my $page = 'authgear_resolve on; authgear_require role=editor;';
my %body = ('response_body_filters eval' => undef, 'response_body' => "sign in\n");
turned_away 'a page under the same status keeps the challenge', "$page error_page 401 /login; $pass", '', 401, 'Bearer', 'no_credential',
    server => 'location = /login { return 200 "sign in\n"; }', %body;
turned_away 'a page under a 403 has none', "$page error_page 403 /login; $pass", $bob, 403, undef, 'missing_role',
    server => 'location = /login { return 200 "sign in\n"; }', %body;
turned_away 'a page under 200 has none', "$page error_page 401 =200 /login; $pass", '', 200, undef, 'no_credential',
    server => 'location = /login { return 200 "sign in\n"; }', %body;
turned_away 'a named location that redirects has none', "$page error_page 401 = \@login; $pass", '', 302, undef, 'no_credential',
    server => 'location @login { return 302 /login?from=$request_uri; }',
    'response_headers' => "!WWW-Authenticate\nLocation: http://localhost:\$ServerPort/login?from=/t", %body, 'response_body' => undef,
    'response_body_like' => '302 Found';
turned_away 'a redirect that nginx writes itself', "$page error_page 401 https://login.example/; $pass", '', 302, undef, 'no_credential',
    'response_headers' => "!WWW-Authenticate\nLocation: https://login.example/", %body, 'response_body' => undef, 'response_body_like' => '302 Found';
turned_away 'a status of a backend\'s own is none of ours', "$page error_page 401 = \@page; $pass", '', 401, undef, 'no_credential',
    server => "location \@page { rewrite ^ /status/401 break; $pass }", 'response_body' => 'nobody (backend 1, resolver 0)';
turned_away 'a page that is held itself says why', "$page error_page 401 = /other; $pass", '', 401, 'Bearer', 'no_credential',
    server => "location = /other { $area }";
turned_away 'a page that is held by something else', "$page error_page 403 = /other; $pass", $bob, 403, 'Bearer error="insufficient_scope", scope="x"',
    'insufficient_scope', server => 'location = /other { ' . required('scope=x') . ' }';
admitted 'a page that lets the user in', "$page error_page 403 = /other; $pass", $bob, 'bob', server => 'location = /other { ' . required('valid') . ' }',
    no_error_log => '[alert]';
admitted 'who may enter sees no challenge of a backend\'s 401', required('valid') =~ s{BACKEND;}{BACKEND/status/401;}r, $alice, 'alice', error_code => 401,
    response_headers => '!WWW-Authenticate';

title 'the same connection';
admitted 'a second request is held by itself', $area, '', 'alice', request => undef, 'pipelined_requests eval' => '["GET /t", "GET /t"]',
    'more_headers eval' => qq(["$alice", "X-Other: 1"]), 'error_code eval' => '[200, 401]',
    'response_headers eval' => qq(["!WWW-Authenticate", "WWW-Authenticate: Bearer"]), 'response_body' => undef,
    'response_body eval' => qq(["alice (backend 1, resolver 0)\n", "refused (backend 1, resolver 0)\n"]), no_error_log => '[alert]';

spec_string(table());
no_root_location();
run_tests();
