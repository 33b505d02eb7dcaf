# What `nginx -t` refuses of authgear_require and of what stands beside it.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Refusals;

# What a directive takes.

# wrong(NAME, WORDS, WHY): these words of authgear_require are refused.
sub wrong {
    my ($name, $words, $why) = @_;
    return refused($name, server => "authgear_require $words;\n", 1 => qq(invalid value "$words" in "authgear_require" directive, $why));
}

refused 'authgear_require with nothing', server => "authgear_require;\n", 1 => 'invalid number of arguments in "authgear_require" directive';
wrong 'a status alone',              'error=401',                'it requires nothing: write "valid", or "off"';
wrong 'off beside another word',     'off valid',                '"off" stands alone';
wrong 'another word beside off',     'verified off',             '"off" stands alone';
wrong 'a word that is none',         'valid signed_in',          'there is no requirement "signed_in"';
wrong 'a word in capitals',          'Valid',                    'there is no requirement "Valid"';
wrong 'a role without a value',      'role',                     '"role" needs a value, as in "role=..."';
wrong 'a role that is empty',        'role=',                    'a value is empty in "role="';
wrong 'one of two roles that is empty', 'role=admin|',           'a value is empty in "role=admin|"';
wrong 'a role with a comma',         'role=a,b',                 '"role=a,b" has a character that no such value has';
wrong 'a method with a comma',       'amr=otp,pwd',              '"amr=otp,pwd" has a character that no such value has';
wrong 'a variable in a value',       'role=$role',               'variables are not allowed in the value of "role=$role"';
wrong 'a value for verified',        'verified=true',            '"verified=true" takes no value';
wrong 'verified twice',              'verified verified',        '"verified" may be required once';
wrong 'a time that is none',         'max_age=soon',             '"max_age=soon" is not a time of at least one second';
wrong 'no time at all',              'max_age=0',                '"max_age=0" is not a time of at least one second';
wrong 'less than a second',          'max_age=500ms',            '"max_age=500ms" is not a time of at least one second';
wrong 'two times',                   'max_age=1m max_age=2m',    '"max_age=2m" may be required once';
wrong 'two lists of clients',        'client_id=a client_id=b',  '"client_id=b" may be required once';
wrong 'one of two scopes',           'scope=a|b',                '"scope=a|b" has a "|": scopes are required one by one, and all must be granted';
wrong 'another status',              'valid error=404',          '"error=404" is neither "error=401" nor "error=403"';
wrong 'two statuses',                'valid error=401 error=403', '"error=403" may be required once';
wrong 'a variable without a name',   '$',                        '"$" is not the name of a variable';
wrong 'a variable in braces',        '"${uri}"' =~ s/"//gr,      '"${uri}" is not the name of a variable';
wrong 'a variable twice',            '$arg_a $arg_a',            '"$arg_a" may be required once';
wrong 'a machine with a role',       'machine role=admin',       'no machine fulfils "role": it can\'t stand beside "machine"';
refused 'a variable that nobody knows', around => "authgear_resolve on;\nauthgear_require \$nowhere;\n", undef, 'unknown "nowhere" variable';

for my $bad (
    [ 'a variable'                => 'https://$host/',           'variables are not allowed in it' ],
    [ 'no scheme'                 => 'api.example.com',          'it is not an absolute URL such as' ],
    [ 'another scheme'            => 'ftp://api.example.com/',   'its scheme must be https or http' ],
    [ 'a user name'               => 'https://me@api.example/',  'a user name or password is not allowed in it' ],
    [ 'a character to be encoded' => '"https://api.example/a b"', 'it has a character that must be percent-encoded' ],
) {
    my ($what, $url, $why) = @$bad;
    invalid "metadata with $what", server => "authgear_resource_metadata $url", $why;
}
refused 'metadata with a fragment', server => qq(authgear_resource_metadata "https://api.example/#a";\n),
    1 => '...in "authgear_resource_metadata" directive, a fragment is not allowed in it';
invalid "$_ that is neither on nor off", server => "$_ yes", 'it must be "on" or "off"' for qw(authgear_preflight authgear_dry_run);

# How often it stands at a level, and where.

duplicate $_ for (
    'authgear_require valid',
    'authgear_resource_metadata https://api.example.com/',
    'authgear_preflight on',
    'authgear_dry_run on',
);
refused 'authgear_require inside if', server => "location /t {\n    if (\$arg_x) {\n        authgear_require valid;\n    }\n}\n",
    3 => '"authgear_require" directive is not allowed here';
for my $directive ('authgear_preflight on', 'authgear_dry_run on', 'authgear_resource_metadata https://api.example.com/') {
    my ($word) = split ' ', $directive;
    refused "$word inside limit_except", server => "location /t {\n    limit_except GET {\n        $directive;\n    }\n}\n",
        3 => qq("$word" directive is not allowed here);
}

# What it needs beside it.

my $both = "location = /_auth/jwks { internal; return 204; }\nlocation = /_auth { internal; return 204; }\n";

sub unresolved {
    my ($place) = @_;
    return qq("authgear_require" holds in $place, where "authgear_resolve" is off: ) . 'write "authgear_require off" there, or switch resolving on';
}

refused 'a requirement where nothing is said of resolving', project => "location /t {\n    authgear_require valid;\n}\n",
    2 => unresolved('the location "/t"');
refused 'a requirement that a location inherits where resolving is off', project => $both . <<'PART', 4 => unresolved('the location "/open/"');
authgear_resolve on;
authgear_require valid;
location /open/ {
    authgear_resolve off;
}
PART
refused 'a requirement of the server, which resolves only in a location', project => $both . <<'PART', 3 => unresolved('the server');
authgear_require valid;
location /t {
    authgear_resolve on;
}
PART
refused 'a requirement of http, and a server that resolves nothing', around => <<'PART', 2 => unresolved('the server');
authgear_resolve on;
authgear_require valid;
server {
    listen 127.0.0.1:1;
    authgear_resolve off;
}
PART
refused 'a requirement in limit_except where nothing resolves', project => <<'PART', 3 => unresolved('the location "..."');
location /t {
    limit_except GET {
        authgear_require valid;
    }
}
PART
refused 'a requirement in a named location where nothing resolves', project => "location \@t {\n    authgear_require valid;\n}\n",
    2 => unresolved('the location "@t"');

my $passes = '"authgear_unavailable pass" of ...part.conf:%d would let in who can\'t be judged, where "authgear_require" holds: write a status';
refused 'who can\'t be judged would pass', project => $both . <<'PART', 6 => sprintf $passes, 5;
location /t {
    authgear_resolve on;
    authgear_unavailable pass;
    authgear_require valid;
}
PART
refused 'the same, inherited', project => $both . <<'PART', 6 => sprintf $passes, 3;
authgear_unavailable pass;
authgear_resolve on;
location /t {
    authgear_require valid;
}
PART

for my $word (qw(scope=a client_id=a machine)) {
    my ($name) = split /=/, $word;
    my $why = qq("$name" of "authgear_require" holds for nobody in the location "/t", where the resolver judges all tokens )
        . 'by "authgear_resolve remote" of ...part.conf:%d: write "on" or "local" there, or require something else';
    refused "$name where the resolver alone judges", project => $both . <<"PART", 5 => sprintf $why, 4;
location /t {
    authgear_resolve remote;
    authgear_require $word valid;
}
PART
    refused "$name that inherits that the resolver alone judges", project => $both . <<"PART", 5 => sprintf $why, 3;
authgear_resolve remote;
location /t {
    authgear_require $word;
}
PART
}

# What is taken without a word. The harness asks for "/".

$both .= "location = / { authgear_require off; return 200; }\n";

taken 'every requirement at once, at every level', project => $both . <<'PART';
authgear_resolve on;
authgear_require valid verified not_anonymous role=a|b role=c max_age=15m scope=a scope=b client_id=x|y first_party amr=mfa|hwk $arg_a $arg_b error=401;
location /t {
    authgear_require off;
    limit_except GET { authgear_require role=editor; }
}
location /m { authgear_audience https://api.example.com; authgear_require machine scope=a client_id=x $arg_a error=403; }
PART
taken 'requirements that the resolver can tell, where it alone judges', project => $both . <<'PART';
authgear_resolve remote;
authgear_require verified not_anonymous role=a max_age=1m first_party amr=mfa $arg_a;
PART
taken 'off where resolving is off, and pass where nothing is required', project => $both . <<'PART';
authgear_resolve on;
authgear_require valid;
location /open/ { authgear_resolve off; authgear_require off; }
location /maybe/ { authgear_unavailable pass; authgear_require off; }
PART

taken 'a mirror into a location that requires something', project => $both . <<'PART';
location /t { authgear_resolve on; mirror /copy; return 204; }
location = /copy { internal; authgear_resolve on; authgear_require valid; return 204; }
PART

spec_string(table());
run_tests();
