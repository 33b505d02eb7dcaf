# What nginx asks for beside the request itself (SSI, addition, mirror, slice, auth_request): it gets into a location that requires something
# only where the client itself would, by the verdict that the client's request already has.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Access;
use Authgear::Backends;
use Authgear::Suite;

user(id => 'alice', roles => ['editor']);
user(id => 'bob');
my $alice   = bearer(user => 'alice');
my $bob     = bearer(user => 'bob');
my $opaque  = bearer(opaque(user => 'bob'));
my $expired = bearer(user => 'alice', lifetime => -5);
my $machine = bearer(machine_token(client_id => 'robot', resource => $ENV{TEST_NGINX_AUTHGEAR}));
my $area    = 'location = /area { ' . required('role=editor') . ' }';
my $files   = ">>> page\none: <!--# include virtual=\"/area\" -->\n>>> outer\ntwo: <!--# include virtual=\"/page\" -->\n";
my $ssi     = 'ssi on; ssi_types text/plain;';

# gets(NAME, LOCATION, HEADERS, HEARD, ...): the answer is the page's own, and the backends heard these.
sub gets {
    my ($name, $location, $headers, $heard, %more) = @_;
    my $count = () = $heard =~ /: /g;
    return admitted($name, $location, $headers, 'x', %more, user_files => $files, 'response_body_filters eval' => "::backends($count)", 'response_body' => $heard);
}

# refused(NAME, LOCATION, HEADERS, STATUS, REASON, HEARD, ...): the part is refused, which the log says; STATUS is the answer's.
sub refused {
    my ($name, $location, $headers, $status, $reason, $heard, %more) = @_;
    my $count = () = $heard =~ /: /g;
    return turned_away($name, $location, $headers, $status, undef, $reason, no_error_log => '[alert]', user_files => $files,
        'response_body_filters eval' => "::backends($count)", 'response_body' => $heard, %more);
}

title 'SSI';
my $page = "authgear_resolve on; alias html/page; $ssi";
gets 'an include for who may', $page, $alice, "/area: alice\nresolver 0", server => $area;
refused 'an include for who may not', $page, $bob, 200, 'missing_role', 'resolver 0', server => $area;
refused 'an include for nobody', $page, '', 200, 'no_credential', 'resolver 0', server => $area;
refused 'an include for an expired token', $page, $expired, 200, 'expired', 'resolver 0', server => $area;
refused 'by the resolver\'s answer, which is asked for once', $page, $opaque, 200, 'missing_role', 'resolver 1', server => $area;
refused 'an include of a page that makes no verdict', "alias html/page; $ssi", $alice, 200, 'no_credential', 'resolver 0', server => $area;
refused 'a page without a verdict, since the resolver fails', "authgear_resolve on; authgear_unavailable pass; alias html/page; $ssi", $opaque,
    200, 'no_credential', 'resolver 1', server => "location = /area { authgear_unavailable 503; " . required('valid') . ' }',
    init => 'Authgear::Suite::fault(target => "resolver", kind => "status", status => 500);';
my $deep = "location = /page { alias html/page; $ssi } $area";
my $outer = "authgear_resolve on; alias html/outer; $ssi";
gets 'an include of an include for who may', $outer, $alice, "/area: alice\nresolver 0", server => $deep;
refused 'an include of an include for who may not', $outer, $bob, 200, 'missing_role', 'resolver 0', server => $deep;
for my $way ([ 'try_files' => 'try_files /none @area;' ], [ 'rewrite' => 'rewrite ^ /real last;' ], [ 'error_page' => 'root html; log_not_found off; error_page 404 = @area;' ]) {
    my ($how, $led) = @$way;
    my $there = "location = /area { $led } location \@area { " . required('role=editor') . ' } location /real { ' . required('role=editor') . ' }';
    refused "an include that $how leads on", $page, $bob, 200, 'missing_role', 'resolver 0', server => $there;
    my $heard = $how eq 'rewrite' ? '/real' : '/area';
    gets "the same for who may, by $how", $page, $alice, "$heard: alice\nresolver 0", server => $there;
}
refused 'a variable, looked at for the part itself', $page, $alice, 200, 'variable', 'resolver 0',
    server => 'location = /area { ' . required('$allowed') . ' }', http_config => 'map $uri $allowed { default 1; /area 0; }';
refused 'a variable that the page has looked at, too', 'authgear_require $allowed; ' . $page, $alice, 200, 'variable', 'resolver 0',
    server => 'location = /area { ' . required('$allowed') . ' }', http_config => 'map $uri $allowed { default 1; /area 0; }';
gets 'satisfy any is no way around it for who may', $page, $alice, "/area: alice\nresolver 0",
    server => 'location = /area { satisfy any; allow all; ' . required('role=editor') . ' }';
refused 'nor for who may not', $page, $bob, 200, 'missing_role', 'resolver 0',
    server => 'location = /area { satisfy any; allow all; ' . required('role=editor') . ' }';
gets 'a dry run lets it in, and says so', $page, $bob, "/area: bob\nresolver 0", server => 'location = /area { authgear_dry_run on; ' . required('role=editor') . ' }',
    'error_log' => 'authgear: access would be refused (dry run): missing_role';

title 'a machine\'s page';
my $robots = "authgear_resolve on; authgear_require machine; alias html/page; $ssi";
refused 'an include for users alone', $robots, $machine, 200, 'machine_token', 'resolver 0', server => 'location = /area { ' . required('valid') . ' }';
gets 'an include for machines', $robots, $machine, "/area: nobody x-authgear-client-id x-authgear-scope\nresolver 0",
    server => 'location = /area { ' . required('machine') . ' }';
refused 'an include for machines, by a user', $page, $alice, 200, 'not_a_machine', 'resolver 0', server => 'location = /area { ' . required('machine') . ' }';

title 'addition';
my $added = 'authgear_resolve on; alias html/page; add_after_body /area; addition_types text/plain;';
gets 'for who may', $added, $alice, "/area: alice\nresolver 0", server => $area;
refused 'for who may not', $added, $bob, 200, 'missing_role', 'resolver 0', server => $area;

title 'mirror';
my $mirrored = 'authgear_resolve on; mirror /area; proxy_pass $TEST_NGINX_BACKEND;';
gets 'for who may', $mirrored, $alice, "/area: alice\n/t: alice\nresolver 0", server => $area;
refused 'for who may not: the request itself goes on', $mirrored, $bob, 200, 'missing_role', "/t: bob\nresolver 0", server => $area;
refused 'nobody', $mirrored, '', 200, 'no_credential', "/t: nobody\nresolver 0", server => $area;

title 'slice';
my $sliced = required('role=editor', 'slice 1k;', 'proxy_set_header Range $slice_range;');
gets 'for who may', $sliced, $alice, "/t: alice\nresolver 0";
refused 'for who may not', $sliced, $bob, 403, 'missing_role', 'resolver 0';

title 'auth_request';
refused 'it comes before the verdict, and is refused', 'authgear_resolve on; auth_request /area; proxy_pass $TEST_NGINX_BACKEND;', $alice,
    401, 'no_credential', 'resolver 0', server => $area;
my $judged = required('role=editor', 'auth_request /check;');
my $check  = 'location = /check { internal; proxy_pass $TEST_NGINX_BACKEND; proxy_pass_request_body off; proxy_set_header Content-Length ""; }';
gets 'beside a requirement of the location itself, for who may', $judged, $alice, "/check: nobody\n/t: alice\nresolver 0", server => $check;
refused 'and for who may not', $judged, $bob, 403, 'missing_role', "/check: nobody\nresolver 0", server => $check;

spec_string(table());
no_root_location();
run_tests();
