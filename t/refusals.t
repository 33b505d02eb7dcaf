# What `nginx -t` refuses and warns of: each with the directive, the value and its own file and line.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;
use Authgear::Refusals;

# What a directive takes.

invalid 'an endpoint with a path', server => 'authgear_endpoint https://project.authgear.cloud/app', 'it must be an origin, without a path';
invalid 'an endpoint with a variable', server => 'authgear_endpoint https://$host', 'variables are not allowed in it';
invalid 'an endpoint with a query', server => 'authgear_endpoint https://project.authgear.cloud?x=1', 'a query or fragment is not allowed in it';
invalid 'an endpoint with a user name', server => 'authgear_endpoint https://me@project.authgear.cloud',
    'a user name or password is not allowed in it';
invalid 'an endpoint of another scheme', server => 'authgear_endpoint ftp://project.authgear.cloud', 'its scheme must be https or http';
invalid 'an endpoint without a scheme', server => 'authgear_endpoint project.authgear.cloud',
    'it is not an absolute URL such as https://project.authgear.cloud';
invalid 'an endpoint with a port that is none', server => 'authgear_endpoint https://project.authgear.cloud:65536',
    'its port must be a number from 1 to 65535';
invalid 'a malformed endpoint in http', http => 'authgear_endpoint https:///', '';

invalid 'a malformed issuer, in a list', server => 'authgear_issuer https://good.example "not a url"', '';
invalid 'an issuer with a variable', server => 'authgear_issuer https://$host', 'variables are not allowed in it';
invalid 'an empty audience', server => 'authgear_audience one ""', 'it must not be empty';

invalid 'a word that authgear_resolve does not know', server => 'authgear_resolve maybe', 'it must be "on", "local", "remote" or "off"';
invalid 'a phase that authgear_phase does not know', server => 'authgear_phase rewrite', 'it must be "access" or "preaccess"';
invalid 'a credential that does not exist', server => 'authgear_credentials bearer cookie',
    'the credentials are bearer, app_session, app_access_token, session';
invalid 'a credential that is named twice', server => 'authgear_credentials bearer session bearer', 'it is there twice';

for my $word ('access_token', '$', '$arg-token', '"$arg_a$arg_b"', '"Bearer $arg_a"', '""') {
    invalid "$word in authgear_token", server => "authgear_token $word", 'it must be a variable, like $arg_access_token';
}
refused 'a variable that nobody defines, in authgear_token', server => "authgear_token \$nowhere;\n", undef, 'unknown "nowhere" variable';

for my $asked ([ authgear_resolve_request => '/_resolver/resolve' ], [ authgear_jwks_request => '/oauth2/jwks' ]) {
    my ($directive, $path) = @$asked;
    my $must = 'it must be the URI of a location';
    invalid "an absolute URL in $directive, with the hint where the host comes from", server => "$directive https://project.authgear.cloud$path",
        "$must of this server; the host comes from authgear_endpoint";
    invalid "no URI in $directive", server => "$directive _auth", qq($must of this server, and begin with "/");
    invalid "a variable in $directive", server => "$directive /\$host", qq($must as it stands, without "\$");
}

my $file = 'authgear_jwks_file ../html/keys.json';
invalid 'a file of keys that is not there', server => 'authgear_jwks_file nowhere.json', 'the file cannot be read: ';
invalid 'a file of keys that holds none', server => $file, 'it holds no usable key (RSA, 2048 to 8192 bits, for RS256 signatures)',
    keys => '{"keys": []}';
invalid 'a file of keys that holds only other kinds', server => $file, 'it holds no usable key',
    keys => '{"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}';
invalid 'a file of keys that is not JSON', server => $file, 'it is not a JSON object with an array "keys" (RFC 7517)',
    keys => '-----BEGIN PUBLIC KEY-----';
invalid 'an empty file of keys', server => $file, 'it is not a JSON object', keys => '';
invalid 'a directory as a file of keys', server => 'authgear_jwks_file ../html', 'the file cannot be read: ';

my $no_time = 'it is not a time, like 30s or 10m';
invalid 'a time that is none', server => 'authgear_jwks_valid soon', $no_time;
invalid 'a stale time that is none', server => 'authgear_jwks_valid 10m stale=x', $no_time;
invalid 'a refetch time that is none', server => 'authgear_jwks_valid 10m refetch=', $no_time;
invalid 'a parameter that authgear_jwks_valid does not know', server => 'authgear_jwks_valid 10m retry=1s',
    'it must be TIME [stale=TIME] [refetch=TIME]';
invalid 'a parameter of authgear_jwks_valid that is there twice', server => 'authgear_jwks_valid 10m stale=1d stale=2d', '"stale" is there twice';
invalid 'authgear_jwks_valid without its first time', server => 'authgear_jwks_valid stale=1d', 'its first argument must be a time';
invalid 'a negative time', server => 'authgear_jwks_valid -1s', $no_time;
invalid 'a leeway that is no time', server => 'authgear_leeway much', 'it is not a time in seconds, like 30s or 1m';

invalid 'a time to ask again that is none', server => 'authgear_revalidate soon', $no_time;
invalid 'no time at all, which would be to ask about every request', server => 'authgear_revalidate 0',
    'its time must be longer than nothing: to ask about every request write "authgear_resolve remote"';
invalid 'a negative time to ask again', server => 'authgear_revalidate -1s', $no_time;
invalid 'a max that is no time', server => 'authgear_revalidate 60s max=never', $no_time;
refused 'a max below the time', server => "authgear_revalidate 60s max=59s;\n",
    1 => 'invalid value "60s max=59s" in "authgear_revalidate" directive, its "max" must not be shorter than its time';
invalid 'a parameter that authgear_revalidate does not know', server => 'authgear_revalidate 60s least=10s', 'it must be TIME [max=TIME]';
invalid 'max alone', server => 'authgear_revalidate max=5m', 'its first argument must be a time';
refused 'off with a max', server => "authgear_revalidate off max=5m;\n", 1 => qq(invalid value "off" in "authgear_revalidate" directive, $no_time);
invalid 'max twice', server => 'authgear_revalidate max=5m max=6m', '"max" is there twice';
refused 'authgear_revalidate with nothing', server => "authgear_revalidate;\n",
    1 => 'invalid number of arguments in "authgear_revalidate" directive';

invalid 'an answer to be kept for no time', server => 'authgear_cache_valid always', $no_time;
invalid 'an answer to be kept for on', server => 'authgear_cache_valid on', $no_time;
invalid 'invalid= that is no time', server => 'authgear_cache_valid 10s invalid=off', $no_time;
invalid 'invalid= alone', server => 'authgear_cache_valid invalid=1s', 'its first argument must be a time';
invalid 'two times for an answer', server => 'authgear_cache_valid 10s 1s', 'it must be TIME [invalid=TIME]';
refused 'off with invalid=', server => "authgear_cache_valid off invalid=1s;\n",
    1 => qq(invalid value "off" in "authgear_cache_valid" directive, $no_time);
invalid 'a time for an outage that is none', server => 'authgear_stale_if_error on', $no_time;
refused 'two times for an outage', server => "authgear_stale_if_error 10s 20s;\n",
    1 => 'invalid number of arguments in "authgear_stale_if_error" directive';
for my $limit (qw(0 many -5 64k 99999999999999999999)) {
    invalid "authgear_resolver_limit $limit", server => "authgear_resolver_limit $limit", 'it must be a whole number, at least 1';
}

invalid 'a cookie prefix that no name may hold', server => 'authgear_cookie_prefix "a b"', "it holds a character that no cookie's name may hold";
invalid 'a cookie prefix with a separator', server => 'authgear_cookie_prefix "a=b"', "it holds a character that no cookie's name may hold";

for my $status (qw(499 600 200 5030 off)) {
    invalid "authgear_unavailable $status", server => "authgear_unavailable $status", 'it must be a status from 500 to 599, or "pass"';
}
for my $switch (qw(authgear_pass_set_cookie authgear_trust_request_headers)) {
    invalid "$switch that is neither on nor off", server => "$switch yes", 'it must be "on" or "off"';
}
invalid 'a log level that does not exist', server => 'authgear_log_level debug', 'it must be "info", "notice", "warn" or "error"';

invalid 'a zone without its parameter', http => 'authgear_zone mine:8m', 'it must be zone=NAME:SIZE';
invalid 'a zone without a name', http => 'authgear_zone zone=:8m', 'it must be zone=NAME:SIZE';
invalid 'a zone whose size is none', http => 'authgear_zone zone=mine:big', 'its size is not one, like 512k or 8m';
refused 'a zone that is too small, with the size that would do', around => "authgear_resolve on;\nauthgear_zone zone=mine:8k;\n",
    2 => '"authgear_zone" is too small for 1 key set(s): its smallest size is #k';

for my $name (qw(tenant 1 $ $1st $a-b), '"$a b"', '$a$b') {
    refused "authgear_claim_set $name, which is no variable", http => "authgear_claim_set $name tenant;\n",
        1 => 'invalid value "' . $name =~ s/"//gr . '" in "authgear_claim_set" directive, its first argument must be a variable, like $tenant';
}
refused 'authgear_claim_set without a claim', http => "authgear_claim_set \$tenant;\n",
    1 => 'invalid number of arguments in "authgear_claim_set" directive';
invalid 'a claim without a name', http => 'authgear_claim_set $tenant ""', 'it must not be empty';
refused 'a variable of authgear_claim_set that is there twice, in any case', http => "authgear_claim_set \$tenant a;\nauthgear_claim_set \$TENANT b;\n",
    2 => 'invalid value "$TENANT" in "authgear_claim_set" directive, it is there twice';
for my $ours (qw(authgear_user_id Authgear_Claim_tenant authgear_anything)) {
    refused "authgear_claim_set \$$ours, which would be the module's own", http => "authgear_claim_set \$$ours tenant;\n",
        1 => qq(invalid value "\$$ours" in "authgear_claim_set" directive, the names that begin with "authgear_" are the module's own);
}
for my $nginxs (qw(uri args Host http_x_authgear_user_id arg_a cookie_session)) {
    refused "authgear_claim_set \$$nginxs, which is nginx's", http => "\nauthgear_claim_set \$$nginxs tenant;\n",
        2 => '"authgear_claim_set" can\'t define "$' . lc($nginxs) . '", which is defined already: choose another name';
}
for my $other ('map $uri $tenant { default 1; }', 'server { set $tenant 1; }', 'geo $tenant { default 1; }') {
    for my $text ("authgear_claim_set \$tenant tenant;\n$other\n", "\n$other authgear_claim_set \$tenant tenant;\n") {
        my ($line) = $text =~ /\A\n/ ? 2 : 1;
        refused "authgear_claim_set beside $other", http => $text,
            $line => '"authgear_claim_set" can\'t define "$tenant", which is defined already: choose another name';
    }
}
taken 'several variables of authgear_claim_set', http => "authgear_claim_set \$tenant tenant;\nauthgear_claim_set \$org https://example.com/org id;\n";

# How often it stands at a level.

duplicate $_ for (
    'authgear_endpoint https://project.authgear.cloud',
    'authgear_issuer https://project.authgear.cloud',
    'authgear_audience one',
    'authgear_resolve on',
    'authgear_phase access',
    'authgear_credentials bearer',
    'authgear_token $arg_access_token',
    'authgear_resolve_request /_auth',
    'authgear_jwks_request /_auth/jwks',
    'authgear_jwks_valid 10m',
    'authgear_revalidate 60s',
    'authgear_cache_valid 10s',
    'authgear_stale_if_error 10s',
    'authgear_resolver_limit 8',
    'authgear_leeway 1s',
    'authgear_cookie_prefix a_',
    'authgear_unavailable 503',
    'authgear_pass_set_cookie on',
    'authgear_trust_request_headers on',
    'authgear_log_level info',
);
refused 'authgear_zone twice', http => "authgear_zone zone=a:8m;\nauthgear_zone zone=b:8m;\n", 2 => '"authgear_zone" directive is duplicate';

refused 'authgear_metrics twice in one location', server => "location /t {\nauthgear_metrics;\nauthgear_metrics;\n}\n",
    3 => '"authgear_metrics" directive is duplicate';
refused 'authgear_metrics with an argument', server => "location /t {\nauthgear_metrics on;\n}\n",
    2 => 'invalid number of arguments in "authgear_metrics" directive';

# Where it stands.

misplaced $_ for (
    'authgear_endpoint https://project.authgear.cloud',
    'authgear_issuer https://project.authgear.cloud',
    'authgear_resolve_request /_auth',
    'authgear_jwks_request /_auth/jwks',
    'authgear_jwks_file keys.json',
    'authgear_jwks_valid 10m',
    'authgear_resolver_limit 8',
    'authgear_cookie_prefix a_',
    'authgear_trust_request_headers on',
    'authgear_zone zone=a:8m',
    'authgear_claim_set $tenant tenant',
);
refused 'authgear_claim_set in a server', server => "authgear_claim_set \$tenant tenant;\n", 1 => '"authgear_claim_set" directive is not allowed here';
refused 'authgear_zone in a server', server => "authgear_zone zone=a:8m;\n", 1 => '"authgear_zone" directive is not allowed here';

# What it needs beside it.

sub no_endpoint {
    my ($server) = @_;
    return qq("authgear_resolve" needs "authgear_endpoint", but the server at ...$server has none: write one there, or "authgear_resolve off");
}

sub neither {
    my ($server, $uri) = @_;
    return qq(neither the server at ...$server nor another one of this endpoint has an internal "location = $uri");
}

sub no_location {
    my ($directive, $server, $uri) = @_;
    return qq("authgear_resolve" needs "$directive", by default "$uri", but ) . neither($server, $uri) . ': write it, or include authgear.conf';
}

my $no_keys     = no_location('authgear_jwks_request', 'nginx.conf:#', '/_auth/jwks');
my $no_resolver = no_location('authgear_resolve_request', 'nginx.conf:#', '/_auth');

for my $how (qw(on local remote)) {
    refused "authgear_resolve $how without an endpoint", server => "location /t {\n    authgear_resolve $how;\n}\n",
        2 => no_endpoint('nginx.conf:#');
}
refused 'resolving in http, and one server of two without an endpoint', around => <<'PART', 1 => no_endpoint('part.conf:2');
authgear_resolve on;
server {
    listen 127.0.0.1:1;
}
PART
refused 'no location for the keys', project => <<'PART', 2 => $no_keys;
location = /_auth { internal; return 204; }
authgear_resolve on;
PART
refused 'no location for the resolver', project => <<'PART', 2 => $no_resolver;
location = /_auth/jwks { internal; return 204; }
authgear_resolve on;
PART
refused 'no location for the keys with local', project => "authgear_resolve local;\n", 1 => $no_keys;
refused 'no location for the resolver with remote', project => "authgear_resolve remote;\n", 1 => $no_resolver;

for my $asked ([ authgear_resolve_request => '/ask', '/_auth/jwks' ], [ authgear_jwks_request => '/keys', '/_auth' ]) {
    my ($directive, $uri, $other) = @$asked;
    my $leads = qq("$directive" leads to "$uri", but);
    my $that  = "$leads that location of the server at ...nginx.conf:# is not";
    my $part  = "$directive $uri;\nlocation = $other { internal; return 204; }\nauthgear_resolve on;\n";
    my $nowhere = "$leads " . neither('nginx.conf:#', $uri) . '...';
    refused "$directive leads nowhere", project => $part, 1 => $nowhere;
    refused "$directive leads to a location that is not internal", project => "${part}location = $uri { return 204; }\n", 1 => "$that internal";
    refused "$directive leads to a prefix location", project => "${part}location $uri { internal; return 204; }\n",
        1 => qq($that exact: write "location = $uri");
    refused "$directive meets only a regular expression", project => "${part}location ~ ^$uri\$ { internal; return 204; }\n", 1 => $nowhere;
}

refused 'the location stands in another server', project => <<'PART', 2 => $no_resolver, http_config => <<'HTTP';
location = /_auth/jwks { internal; return 204; }
authgear_resolve on;
PART
server {
    listen 127.0.0.1:1;
    location = /_auth { internal; return 204; }
}
HTTP
my $no_keys_there = no_location('authgear_jwks_request', 'part.conf:2', '/_auth/jwks');
refused 'a server that inherits resolving and has neither location', around => <<'PART', 1 => $no_keys_there;
authgear_resolve on;
server {
    listen 127.0.0.1:1;
    authgear_endpoint https://another.example;
}
PART
refused 'resolving in a nested location, without an endpoint', server => <<'PART', 3 => no_endpoint('nginx.conf:#');
location /t {
    location /t/deep {
        authgear_resolve local;
    }
}
PART
refused 'resolving in a named location, without an endpoint', server => <<'PART', 2 => no_endpoint('nginx.conf:#');
location @t {
    authgear_resolve on;
}
PART
for my $inside ('if ($arg_x)', 'limit_except GET') {
    my ($word) = $inside =~ /^(\w+)/;
    my $part = "location /t {\n    $inside {\n        authgear_resolve on;\n    }\n}\n";
    refused "authgear_resolve inside $word", server => $part, 3 => '"authgear_resolve" directive is not allowed here';
}

for my $directive ('authgear_phase preaccess', 'authgear_token $arg_a') {
    my ($word) = $directive =~ /^(\w+)/;
    refused "$word inside limit_except", server => "location /t {\n    limit_except GET {\n        $directive;\n    }\n}\n",
        3 => qq("$word" directive is not allowed here);
}
refused "authgear_metrics in $_->[0]", $_->[0] => "authgear_metrics;\n", 1 => '"authgear_metrics" directive is not allowed here' for ['http'], ['server'];
refused 'authgear_metrics where something is required of who enters', project => <<'PART', 2 => '"authgear_require" holds in the location "/metrics", where "authgear_metrics" answers and nobody is resolved: write "authgear_require off" there';
authgear_resolve on;
authgear_require valid;
include $TEST_NGINX_AUTHGEAR_CONF;
location = /metrics {
    authgear_metrics;
}
PART

refused 'authgear_revalidate inside limit_except', server => "location /t {\n    limit_except GET {\n        authgear_revalidate 60s;\n    }\n}\n",
    3 => '"authgear_revalidate" directive is not allowed here';

my $for_keys = "location = /_auth/jwks { internal; return 204; }\n";
sub never_asks {
    my ($line) = @_;
    return qq("authgear_revalidate" asks the resolver, but "authgear_resolve local" at ...part.conf:$line never does: )
        . 'write "authgear_revalidate off" or leave it out';
}

refused 'a time to ask again beside local, in one location', project => $for_keys . <<'PART', 4 => never_asks(3);
location /l {
    authgear_resolve local;
    authgear_revalidate 60s;
}
PART
refused 'a time to ask again in a location that has local from its server', project => $for_keys . <<'PART', 4 => never_asks(2);
authgear_resolve local;
location /l {
    authgear_revalidate 60s;
}
PART
refused 'a time to ask again beside local, in the server', project => $for_keys . <<'PART', 2 => never_asks(3);
authgear_revalidate 60s;
authgear_resolve local;
location /l { return 204; }
PART

# What is only warned of.

my $once_more = '"auth_request" asks the resolver once more where "authgear_resolve" does, on every request,';
my $from_a_cache = '"proxy_cache" is on in the location "/_auth" of the server at ...nginx.conf:#: '
    . "an answer from a cache does not count as the resolver's";
my $cache = 'proxy_cache_path $TEST_NGINX_SERVER_ROOT/answers_cache keys_zone=answers:1m;';

warned 'an http endpoint that is not on this machine', server => "\nauthgear_endpoint http://project.authgear.cloud;\n",
    2 => '"authgear_endpoint" http://project.authgear.cloud is neither https:// nor on this machine: credentials travel unprotected';
warned "auth_request of the questions' location where authgear_resolve is on", project => <<'PART', 5 => $once_more;
location = /_auth/jwks { internal; return 204; }
location = /_auth { internal; return 204; }
location /t {
    auth_request /_auth;
    authgear_resolve on;
}
PART
warned 'auth_request of the server, inherited, of a location that is named otherwise', project => <<'PART', 6 => $once_more;
location = /_auth/jwks { internal; return 204; }
authgear_resolve_request /ask;
location = /ask { internal; return 204; }
auth_request /ask;
location /t {
    authgear_resolve on;
}
PART
warned 'proxy_cache in the location that asks the resolver', project => <<'PART', undef, $from_a_cache, http_config => $cache;
location = /_auth/jwks { internal; return 204; }
location = /_auth {
    internal;
    proxy_cache answers;
    proxy_pass $authgear_endpoint/_resolver/resolve;
}
authgear_resolve on;
PART

# What is taken without a word.

taken 'remote alone needs no location for keys', project => "location = /_auth { internal; return 204; }\nauthgear_resolve remote;\n";
taken 'local alone needs no location for the resolver', project => "location = /_auth/jwks { internal; return 204; }\nauthgear_resolve local;\n";
taken 'no location at all where resolving is off everywhere', project => "authgear_resolve off;\n";
taken 'the locations nested in the prefix that nginx enters for them', project => <<'PART';
location /_auth {
    location = /_auth { internal; return 204; }
    location = /_auth/jwks { internal; return 204; }
}
authgear_resolve on;
PART
taken 'an http endpoint on this machine, by name and by address', server => "authgear_endpoint http://localhost:3000;\nserver_name x;\n";
taken 'the phase and the token at every level', server => <<'PART', http_config => "authgear_phase preaccess;\nauthgear_token \$arg_a;\n";
authgear_phase access;
authgear_token $arg_b;
location /t { authgear_phase preaccess; authgear_token $http_x_token; }
PART
taken 'statuses at both ends', server => "authgear_unavailable 500;\nlocation /t { authgear_unavailable 599; }\n";

taken 'a time to ask again further out than local, and off beside it', project => $for_keys . <<'PART';
authgear_revalidate 60s;
location /l { authgear_resolve local; return 204; }
location /m { authgear_resolve local; authgear_revalidate off; return 204; }
PART
my $both = $for_keys . "location = /_auth { internal; return 204; }\n";
taken 'a max as long as the time, and every unit', project => $both . <<'PART';
authgear_revalidate 60s max=1m;
location /l { authgear_resolve on; authgear_revalidate 500ms max=1d; return 204; }
PART
my $outermost = "authgear_revalidate 30s;\nauthgear_cache_valid 5s;\nauthgear_stale_if_error 1m;\nauthgear_resolver_limit 8;";
taken 'what bounds memory and questions, at every level', project => $both . <<'PART', http_config => $outermost;
authgear_revalidate off;
authgear_cache_valid 5s invalid=1s;
authgear_stale_if_error off;
authgear_resolver_limit 1;
location /l { authgear_resolve on; authgear_revalidate 10s max=20s; authgear_cache_valid off; authgear_stale_if_error 10s; return 204; }
PART

spec_string(table());
run_tests();
