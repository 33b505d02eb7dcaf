package Authgear::Locations;

# A server's part of a configuration with the locations of nginx-conf/authgear.conf written out, for blocks that want other directives in them.
#
# Enters: further directives, each with the place where they stand. Leaves: text for a block's `config`. Always: what is not named is as plain
# as it can be, so that the directives of the server around count in the locations, too.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(locations);

my $question = <<'CONFIG';
proxy_pass $authgear_endpoint/_resolver/resolve;
proxy_set_header Host $authgear_endpoint_host;
proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
CONFIG

# locations(asking => TEXT, resolving => TEXT, server => TEXT): what stands in the location that asks the resolver, in the one that the request
# meets, and around both. With `answering` in place of `asking` this nginx answers in the first itself.
sub locations {
    my (%at) = @_;
    $_ //= '' for @at{qw(asking resolving server)};
    my $asking = $at{answering} // "$question$at{asking}";
    return <<"CONFIG";
authgear_endpoint \$TEST_NGINX_AUTHGEAR;
location = /_auth {
internal;
$asking
}
location = /_auth/jwks { internal; proxy_pass \$authgear_endpoint/oauth2/jwks; }
location /t {
authgear_resolve on;
$at{resolving}
proxy_pass \$TEST_NGINX_BACKEND;
}
$at{server}
CONFIG
}

1;
