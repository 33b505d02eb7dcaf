# What `nginx -t` refuses and warns of: each with the directive, the value and its own file and line.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Suite;

run_tests();

__DATA__

=== TEST 1: an endpoint with a path
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_endpoint https://project.authgear.cloud/app;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "https:\/\/project\.authgear\.cloud\/app" in "authgear_endpoint" directive, it must be an origin, without a path.* in .*part\.conf:2$/]



=== TEST 2: an endpoint with a variable
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_endpoint https://$host;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "https:\/\/\$host" in "authgear_endpoint" directive, variables are not allowed in it.* in .*part\.conf:2$/]



=== TEST 3: an endpoint with a query
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_endpoint https://project.authgear.cloud?x=1;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "https:\/\/project\.authgear\.cloud\?x=1" in "authgear_endpoint" directive, a query or fragment is not allowed in it.* in .*part\.conf:2$/]



=== TEST 4: an endpoint with a user name
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_endpoint https://me@project.authgear.cloud;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "https:\/\/me\@project\.authgear\.cloud" in "authgear_endpoint" directive, a user name or password is not allowed in it.* in .*part\.conf:2$/]



=== TEST 5: an endpoint of another scheme
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_endpoint ftp://project.authgear.cloud;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "ftp:\/\/project\.authgear\.cloud" in "authgear_endpoint" directive, its scheme must be https or http.* in .*part\.conf:2$/]



=== TEST 6: an endpoint without a scheme
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_endpoint project.authgear.cloud;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "project\.authgear\.cloud" in "authgear_endpoint" directive, it is not an absolute URL such as https:\/\/project\.authgear\.cloud.* in .*part\.conf:2$/]



=== TEST 7: an endpoint with a port that is none
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_endpoint https://project.authgear.cloud:65536;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "https:\/\/project\.authgear\.cloud:65536" in "authgear_endpoint" directive, its port must be a number from 1 to 65535.* in .*part\.conf:2$/]



=== TEST 8: a malformed endpoint in http
--- http_config
    include ../html/part.conf;
--- config
    # Nothing here.
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_endpoint https:///;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "https:\/\/\/" in "authgear_endpoint" directive, .* in .*part\.conf:2$/]



=== TEST 9: a malformed issuer, in a list
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_issuer https://good.example "not a url";
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "not a url" in "authgear_issuer" directive, .* in .*part\.conf:2$/]



=== TEST 10: an issuer with a variable
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_issuer https://$host;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "https:\/\/\$host" in "authgear_issuer" directive, variables are not allowed in it.* in .*part\.conf:2$/]



=== TEST 11: an empty audience
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_audience one "";
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "" in "authgear_audience" directive, it must not be empty.* in .*part\.conf:2$/]



=== TEST 12: a word that authgear_resolve does not know
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_resolve maybe;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "maybe" in "authgear_resolve" directive, it must be "on", "local", "remote" or "off".* in .*part\.conf:2$/]



=== TEST 13: a credential that does not exist
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_credentials bearer cookie;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "cookie" in "authgear_credentials" directive, the credentials are bearer, app_session, app_access_token, session.* in .*part\.conf:2$/]



=== TEST 14: a credential that is named twice
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_credentials bearer session bearer;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "bearer" in "authgear_credentials" directive, it is there twice.* in .*part\.conf:2$/]



=== TEST 15: an absolute URL in authgear_resolve_request, with the hint where the host comes from
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_resolve_request https://project.authgear.cloud/_resolver/resolve;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "https:\/\/project\.authgear\.cloud\/_resolver\/resolve" in "authgear_resolve_request" directive, it must be the URI of a location of this server; the host comes from authgear_endpoint.* in .*part\.conf:2$/]



=== TEST 16: no URI in authgear_resolve_request
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_resolve_request _auth;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "_auth" in "authgear_resolve_request" directive, it must be the URI of a location of this server, and begin with "\/".* in .*part\.conf:2$/]



=== TEST 17: a variable in authgear_resolve_request
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_resolve_request /$host;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "\/\$host" in "authgear_resolve_request" directive, it must be the URI of a location as it stands, without "\$".* in .*part\.conf:2$/]



=== TEST 18: an absolute URL in authgear_jwks_request, with the hint where the host comes from
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_request https://project.authgear.cloud/oauth2/jwks;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "https:\/\/project\.authgear\.cloud\/oauth2\/jwks" in "authgear_jwks_request" directive, it must be the URI of a location of this server; the host comes from authgear_endpoint.* in .*part\.conf:2$/]



=== TEST 19: no URI in authgear_jwks_request
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_request _auth;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "_auth" in "authgear_jwks_request" directive, it must be the URI of a location of this server, and begin with "\/".* in .*part\.conf:2$/]



=== TEST 20: a variable in authgear_jwks_request
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_request /$host;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "\/\$host" in "authgear_jwks_request" directive, it must be the URI of a location as it stands, without "\$".* in .*part\.conf:2$/]



=== TEST 21: a file of keys that is not there
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_file nowhere.json;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "nowhere\.json" in "authgear_jwks_file" directive, the file cannot be read: .* in .*part\.conf:2$/]



=== TEST 22: a file of keys that holds none
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_file ../html/keys.json;
>>> keys.json
{"keys": []}
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "\.\.\/html\/keys\.json" in "authgear_jwks_file" directive, it holds no usable key \(RSA, 2048 to 8192 bits, for RS256 signatures\).* in .*part\.conf:2$/]



=== TEST 23: a file of keys that holds only other kinds
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_file ../html/keys.json;
>>> keys.json
{"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "\.\.\/html\/keys\.json" in "authgear_jwks_file" directive, it holds no usable key.* in .*part\.conf:2$/]



=== TEST 24: a file of keys that is not JSON
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_file ../html/keys.json;
>>> keys.json
-----BEGIN PUBLIC KEY-----
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "\.\.\/html\/keys\.json" in "authgear_jwks_file" directive, it is not a JSON object with an array "keys" \(RFC 7517\).* in .*part\.conf:2$/]



=== TEST 25: an empty file of keys
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_file ../html/keys.json;
>>> keys.json
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "\.\.\/html\/keys\.json" in "authgear_jwks_file" directive, it is not a JSON object.* in .*part\.conf:2$/]



=== TEST 26: a directory as a file of keys
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_file ../html;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "\.\.\/html" in "authgear_jwks_file" directive, the file cannot be read: .* in .*part\.conf:2$/]



=== TEST 27: a time that is none
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_valid soon;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "soon" in "authgear_jwks_valid" directive, it is not a time, like 30s or 10m.* in .*part\.conf:2$/]



=== TEST 28: a stale time that is none
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_valid 10m stale=x;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "stale=x" in "authgear_jwks_valid" directive, it is not a time, like 30s or 10m.* in .*part\.conf:2$/]



=== TEST 29: a refetch time that is none
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_valid 10m refetch=;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "refetch=" in "authgear_jwks_valid" directive, it is not a time, like 30s or 10m.* in .*part\.conf:2$/]



=== TEST 30: a parameter that authgear_jwks_valid does not know
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_valid 10m retry=1s;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "retry=1s" in "authgear_jwks_valid" directive, it must be TIME \[stale=TIME\] \[refetch=TIME\].* in .*part\.conf:2$/]



=== TEST 31: a parameter of authgear_jwks_valid that is there twice
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_valid 10m stale=1d stale=2d;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "stale=2d" in "authgear_jwks_valid" directive, "stale" is there twice.* in .*part\.conf:2$/]



=== TEST 32: authgear_jwks_valid without its first time
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_valid stale=1d;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "stale=1d" in "authgear_jwks_valid" directive, its first argument must be a time.* in .*part\.conf:2$/]



=== TEST 33: a negative time
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_jwks_valid -1s;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "-1s" in "authgear_jwks_valid" directive, it is not a time, like 30s or 10m.* in .*part\.conf:2$/]



=== TEST 34: a leeway that is no time
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_leeway much;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "much" in "authgear_leeway" directive, it is not a time in seconds, like 30s or 1m.* in .*part\.conf:2$/]



=== TEST 35: a cookie prefix that no name may hold
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_cookie_prefix "a b";
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "a b" in "authgear_cookie_prefix" directive, it holds a character that no cookie's name may hold.* in .*part\.conf:2$/]



=== TEST 36: a cookie prefix with a separator
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_cookie_prefix "a=b";
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "a=b" in "authgear_cookie_prefix" directive, it holds a character that no cookie's name may hold.* in .*part\.conf:2$/]



=== TEST 37: authgear_unavailable 499
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_unavailable 499;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "499" in "authgear_unavailable" directive, it must be a status from 500 to 599, or "pass".* in .*part\.conf:2$/]



=== TEST 38: authgear_unavailable 600
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_unavailable 600;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "600" in "authgear_unavailable" directive, it must be a status from 500 to 599, or "pass".* in .*part\.conf:2$/]



=== TEST 39: authgear_unavailable 200
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_unavailable 200;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "200" in "authgear_unavailable" directive, it must be a status from 500 to 599, or "pass".* in .*part\.conf:2$/]



=== TEST 40: authgear_unavailable 5030
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_unavailable 5030;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "5030" in "authgear_unavailable" directive, it must be a status from 500 to 599, or "pass".* in .*part\.conf:2$/]



=== TEST 41: authgear_unavailable off
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_unavailable off;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "off" in "authgear_unavailable" directive, it must be a status from 500 to 599, or "pass".* in .*part\.conf:2$/]



=== TEST 42: authgear_pass_set_cookie that is neither on nor off
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_pass_set_cookie yes;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "yes" in "authgear_pass_set_cookie" directive, it must be "on" or "off".* in .*part\.conf:2$/]



=== TEST 43: authgear_trust_request_headers that is neither on nor off
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_trust_request_headers yes;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "yes" in "authgear_trust_request_headers" directive, it must be "on" or "off".* in .*part\.conf:2$/]



=== TEST 44: a log level that does not exist
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_log_level debug;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "debug" in "authgear_log_level" directive, it must be "info", "notice", "warn" or "error".* in .*part\.conf:2$/]



=== TEST 45: a zone without its parameter
--- http_config
    include ../html/part.conf;
--- config
    # Nothing here.
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_zone mine:8m;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "mine:8m" in "authgear_zone" directive, it must be zone=NAME:SIZE.* in .*part\.conf:2$/]



=== TEST 46: a zone without a name
--- http_config
    include ../html/part.conf;
--- config
    # Nothing here.
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_zone zone=:8m;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "zone=:8m" in "authgear_zone" directive, it must be zone=NAME:SIZE.* in .*part\.conf:2$/]



=== TEST 47: a zone whose size is none
--- http_config
    include ../html/part.conf;
--- config
    # Nothing here.
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_zone zone=mine:big;
--- must_die
--- error_log eval
[qr/\[emerg\] .*invalid value "zone=mine:big" in "authgear_zone" directive, its size is not one, like 512k or 8m.* in .*part\.conf:2$/]



=== TEST 48: a zone that is too small, with the size that would do
--- http_config
    include ../html/part.conf;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    authgear_resolve on;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_zone zone=mine:8k;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_zone" is too small for 1 key set\(s\): its smallest size is \d+k in .*part\.conf:2$/]



=== TEST 49: authgear_endpoint twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_endpoint https://project.authgear.cloud;
authgear_endpoint https://project.authgear.cloud;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_endpoint" directive is duplicate in .*part\.conf:2$/]



=== TEST 50: authgear_issuer twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_issuer https://project.authgear.cloud;
authgear_issuer https://project.authgear.cloud;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_issuer" directive is duplicate in .*part\.conf:2$/]



=== TEST 51: authgear_audience twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_audience one;
authgear_audience one;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_audience" directive is duplicate in .*part\.conf:2$/]



=== TEST 52: authgear_resolve twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve on;
authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" directive is duplicate in .*part\.conf:2$/]



=== TEST 53: authgear_credentials twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_credentials bearer;
authgear_credentials bearer;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_credentials" directive is duplicate in .*part\.conf:2$/]



=== TEST 54: authgear_resolve_request twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve_request /_auth;
authgear_resolve_request /_auth;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve_request" directive is duplicate in .*part\.conf:2$/]



=== TEST 55: authgear_jwks_request twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_jwks_request /_auth/jwks;
authgear_jwks_request /_auth/jwks;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_request" directive is duplicate in .*part\.conf:2$/]



=== TEST 56: authgear_jwks_valid twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_jwks_valid 10m;
authgear_jwks_valid 10m;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_valid" directive is duplicate in .*part\.conf:2$/]



=== TEST 57: authgear_leeway twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_leeway 1s;
authgear_leeway 1s;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_leeway" directive is duplicate in .*part\.conf:2$/]



=== TEST 58: authgear_cookie_prefix twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_cookie_prefix a_;
authgear_cookie_prefix a_;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_cookie_prefix" directive is duplicate in .*part\.conf:2$/]



=== TEST 59: authgear_unavailable twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_unavailable 503;
authgear_unavailable 503;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_unavailable" directive is duplicate in .*part\.conf:2$/]



=== TEST 60: authgear_pass_set_cookie twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_pass_set_cookie on;
authgear_pass_set_cookie on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_pass_set_cookie" directive is duplicate in .*part\.conf:2$/]



=== TEST 61: authgear_trust_request_headers twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_trust_request_headers on;
authgear_trust_request_headers on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_trust_request_headers" directive is duplicate in .*part\.conf:2$/]



=== TEST 62: authgear_log_level twice at one level
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_log_level info;
authgear_log_level info;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_log_level" directive is duplicate in .*part\.conf:2$/]



=== TEST 63: authgear_zone twice
--- http_config
    include ../html/part.conf;
--- config
    # Nothing here.
--- user_files
>>> part.conf
authgear_zone zone=a:8m;
authgear_zone zone=b:8m;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_zone" directive is duplicate in .*part\.conf:2$/]



=== TEST 64: authgear_endpoint in a location
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
authgear_endpoint https://project.authgear.cloud;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_endpoint" directive is not allowed here in .*part\.conf:2$/]



=== TEST 65: authgear_issuer in a location
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
authgear_issuer https://project.authgear.cloud;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_issuer" directive is not allowed here in .*part\.conf:2$/]



=== TEST 66: authgear_resolve_request in a location
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
authgear_resolve_request /_auth;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve_request" directive is not allowed here in .*part\.conf:2$/]



=== TEST 67: authgear_jwks_request in a location
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
authgear_jwks_request /_auth/jwks;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_request" directive is not allowed here in .*part\.conf:2$/]



=== TEST 68: authgear_jwks_file in a location
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
authgear_jwks_file keys.json;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_file" directive is not allowed here in .*part\.conf:2$/]



=== TEST 69: authgear_jwks_valid in a location
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
authgear_jwks_valid 10m;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_valid" directive is not allowed here in .*part\.conf:2$/]



=== TEST 70: authgear_cookie_prefix in a location
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
authgear_cookie_prefix a_;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_cookie_prefix" directive is not allowed here in .*part\.conf:2$/]



=== TEST 71: authgear_trust_request_headers in a location
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
authgear_trust_request_headers on;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_trust_request_headers" directive is not allowed here in .*part\.conf:2$/]



=== TEST 72: authgear_zone in a location
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
authgear_zone zone=a:8m;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_zone" directive is not allowed here in .*part\.conf:2$/]



=== TEST 73: authgear_zone in a server
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_zone zone=a:8m;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_zone" directive is not allowed here in .*part\.conf:1$/]



=== TEST 74: authgear_resolve on without an endpoint
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
    authgear_resolve on;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_endpoint", but the server at .*nginx\.conf:\d+ has none: write one there, or "authgear_resolve off" in .*part\.conf:2$/]



=== TEST 75: authgear_resolve local without an endpoint
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
    authgear_resolve local;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_endpoint", but the server at .*nginx\.conf:\d+ has none: write one there, or "authgear_resolve off" in .*part\.conf:2$/]



=== TEST 76: authgear_resolve remote without an endpoint
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
    authgear_resolve remote;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_endpoint", but the server at .*nginx\.conf:\d+ has none: write one there, or "authgear_resolve off" in .*part\.conf:2$/]



=== TEST 77: resolving in http, and one server of two without an endpoint
--- http_config
    include ../html/part.conf;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
--- user_files
>>> part.conf
authgear_resolve on;
server {
    listen 127.0.0.1:1;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_endpoint", but the server at .*part\.conf:2 has none: write one there, or "authgear_resolve off" in .*part\.conf:1$/]



=== TEST 78: no location for the keys
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
location = /_auth { internal; return 204; }
authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_jwks_request", by default "\/_auth\/jwks", but neither the server at .*nginx\.conf:\d+ nor another one of this endpoint has an internal "location = \/_auth\/jwks": write it, or include authgear\.conf in .*part\.conf:2$/]



=== TEST 79: no location for the resolver
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
location = /_auth/jwks { internal; return 204; }
authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_resolve_request", by default "\/_auth", but neither the server at .*nginx\.conf:\d+ nor another one of this endpoint has an internal "location = \/_auth": write it, or include authgear\.conf in .*part\.conf:2$/]



=== TEST 80: no location for the keys with local
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve local;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_jwks_request", by default "\/_auth\/jwks", but neither the server at .*nginx\.conf:\d+ nor another one of this endpoint has an internal "location = \/_auth\/jwks": write it, or include authgear\.conf in .*part\.conf:1$/]



=== TEST 81: no location for the resolver with remote
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve remote;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_resolve_request", by default "\/_auth", but neither the server at .*nginx\.conf:\d+ nor another one of this endpoint has an internal "location = \/_auth": write it, or include authgear\.conf in .*part\.conf:1$/]



=== TEST 82: authgear_resolve_request leads nowhere
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve_request /ask;
location = /_auth/jwks { internal; return 204; }
authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve_request" leads to "\/ask", but neither the server at .*nginx\.conf:\d+ nor another one of this endpoint has an internal "location = \/ask".* in .*part\.conf:1$/]



=== TEST 83: authgear_resolve_request leads to a location that is not internal
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve_request /ask;
location = /_auth/jwks { internal; return 204; }
authgear_resolve on;
location = /ask { return 204; }
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve_request" leads to "\/ask", but that location of the server at .*nginx\.conf:\d+ is not internal in .*part\.conf:1$/]



=== TEST 84: authgear_resolve_request leads to a prefix location
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve_request /ask;
location = /_auth/jwks { internal; return 204; }
authgear_resolve on;
location /ask { internal; return 204; }
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve_request" leads to "\/ask", but that location of the server at .*nginx\.conf:\d+ is not exact: write "location = \/ask" in .*part\.conf:1$/]



=== TEST 85: authgear_resolve_request meets only a regular expression
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve_request /ask;
location = /_auth/jwks { internal; return 204; }
authgear_resolve on;
location ~ ^/ask$ { internal; return 204; }
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve_request" leads to "\/ask", but neither the server at .* nor another one of this endpoint has an internal "location = \/ask"/]



=== TEST 86: authgear_jwks_request leads nowhere
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_jwks_request /keys;
location = /_auth { internal; return 204; }
authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_request" leads to "\/keys", but neither the server at .*nginx\.conf:\d+ nor another one of this endpoint has an internal "location = \/keys".* in .*part\.conf:1$/]



=== TEST 87: authgear_jwks_request leads to a location that is not internal
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_jwks_request /keys;
location = /_auth { internal; return 204; }
authgear_resolve on;
location = /keys { return 204; }
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_request" leads to "\/keys", but that location of the server at .*nginx\.conf:\d+ is not internal in .*part\.conf:1$/]



=== TEST 88: authgear_jwks_request leads to a prefix location
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_jwks_request /keys;
location = /_auth { internal; return 204; }
authgear_resolve on;
location /keys { internal; return 204; }
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_request" leads to "\/keys", but that location of the server at .*nginx\.conf:\d+ is not exact: write "location = \/keys" in .*part\.conf:1$/]



=== TEST 89: authgear_jwks_request meets only a regular expression
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_jwks_request /keys;
location = /_auth { internal; return 204; }
authgear_resolve on;
location ~ ^/keys$ { internal; return 204; }
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_jwks_request" leads to "\/keys", but neither the server at .* nor another one of this endpoint has an internal "location = \/keys"/]



=== TEST 90: the location stands in another server
--- http_config
    server {
        listen 127.0.0.1:1;
        location = /_auth { internal; return 204; }
    }
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
location = /_auth/jwks { internal; return 204; }
authgear_resolve on;
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_resolve_request", by default "\/_auth", but neither the server at .*nginx\.conf:\d+ nor another one of this endpoint has an internal "location = \/_auth": write it, or include authgear\.conf in .*part\.conf:2$/]



=== TEST 91: a server that inherits resolving and has neither location
--- http_config
    include ../html/part.conf;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
--- user_files
>>> part.conf
authgear_resolve on;
server {
    listen 127.0.0.1:1;
    authgear_endpoint https://another.example;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_jwks_request", by default "\/_auth\/jwks", but neither the server at .*part\.conf:2 nor another one of this endpoint has an internal "location = \/_auth\/jwks": write it, or include authgear\.conf in .*part\.conf:1$/]



=== TEST 92: resolving in a nested location, without an endpoint
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
    location /t/deep {
        authgear_resolve local;
    }
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_endpoint", but the server at .*nginx\.conf:\d+ has none: write one there, or "authgear_resolve off" in .*part\.conf:3$/]



=== TEST 93: resolving in a named location, without an endpoint
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location @t {
    authgear_resolve on;
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" needs "authgear_endpoint", but the server at .*nginx\.conf:\d+ has none: write one there, or "authgear_resolve off" in .*part\.conf:2$/]



=== TEST 94: authgear_resolve inside if
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
    if ($arg_x) {
        authgear_resolve on;
    }
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" directive is not allowed here in .*part\.conf:3$/]



=== TEST 95: authgear_resolve inside limit_except
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
location /t {
    limit_except GET {
        authgear_resolve on;
    }
}
--- must_die
--- error_log eval
[qr/\[emerg\] .*"authgear_resolve" directive is not allowed here in .*part\.conf:3$/]



=== TEST 96: warned: an http endpoint that is not on this machine
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
# The directive stands on the second line.
authgear_endpoint http://project.authgear.cloud;
--- request
GET /
--- error_log eval
[qr/\[warn\] .*"authgear_endpoint" http:\/\/project\.authgear\.cloud is neither https:\/\/ nor on this machine: credentials travel unprotected in .*part\.conf:2$/]



=== TEST 97: warned: auth_request of the questions' location where authgear_resolve is on
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
location = /_auth/jwks { internal; return 204; }
location = /_auth { internal; return 204; }
location /t {
    auth_request /_auth;
    authgear_resolve on;
}
--- request
GET /
--- error_log eval
[qr/\[warn\] .*"auth_request" asks the resolver once more where "authgear_resolve" does, on every request, in .*part\.conf:5$/]



=== TEST 98: warned: auth_request of the server, inherited, of a location that is named otherwise
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
location = /_auth/jwks { internal; return 204; }
authgear_resolve_request /ask;
location = /ask { internal; return 204; }
auth_request /ask;
location /t {
    authgear_resolve on;
}
--- request
GET /
--- error_log eval
[qr/\[warn\] .*"auth_request" asks the resolver once more where "authgear_resolve" does, on every request, in .*part\.conf:6$/]



=== TEST 99: warned: proxy_cache in the location that asks the resolver
--- http_config
    proxy_cache_path $TEST_NGINX_SERVER_ROOT/answers_cache keys_zone=answers:1m;
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
location = /_auth/jwks { internal; return 204; }
location = /_auth {
    internal;
    proxy_cache answers;
    proxy_pass $authgear_endpoint/_resolver/resolve;
}
authgear_resolve on;
--- request
GET /
--- error_log eval
[qr/\[warn\] .*"proxy_cache" is on in the location "\/_auth" of the server at .*nginx\.conf:\d+: an answer from a cache does not count as the resolver\'s/]



=== TEST 100: taken: remote alone needs no location for keys
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
location = /_auth { internal; return 204; }
authgear_resolve remote;
--- request
GET /
--- no_error_log
[emerg]
[warn]



=== TEST 101: taken: local alone needs no location for the resolver
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
location = /_auth/jwks { internal; return 204; }
authgear_resolve local;
--- request
GET /
--- no_error_log
[emerg]
[warn]



=== TEST 102: taken: no location at all where resolving is off everywhere
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_resolve off;
--- request
GET /
--- no_error_log
[emerg]
[warn]



=== TEST 103: taken: the locations nested in the prefix that nginx enters for them
--- config
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include ../html/part.conf;
--- user_files
>>> part.conf
location /_auth {
    location = /_auth { internal; return 204; }
    location = /_auth/jwks { internal; return 204; }
}
authgear_resolve on;
--- request
GET /
--- no_error_log
[emerg]
[warn]



=== TEST 104: taken: an http endpoint on this machine, by name and by address
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_endpoint http://localhost:3000;
server_name x;
--- request
GET /
--- no_error_log
[emerg]
[warn]



=== TEST 105: taken: statuses at both ends
--- config
    include ../html/part.conf;
--- user_files
>>> part.conf
authgear_unavailable 500;
location /t { authgear_unavailable 599; }
--- request
GET /
--- no_error_log
[emerg]
[warn]
