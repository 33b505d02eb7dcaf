package Authgear::Locations;

# A server's part of a configuration, with the locations of nginx-conf/authgear.conf as they are shipped or written out.
#
# Enters: what else stands in it. Leaves: text for a block's `config`. Always: the endpoint is the stand-in's.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(locations server);

my $question = <<'CONFIG';
proxy_pass $authgear_endpoint/_resolver/resolve;
proxy_set_header Host $authgear_endpoint_host;
proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;
CONFIG

# The shipped locations, and these beside them.
sub server { return join "\n", 'authgear_endpoint $TEST_NGINX_AUTHGEAR;', 'include $TEST_NGINX_AUTHGEAR_CONF;', @_, '' }

# The locations written out, as plain as they can be, so that the directives of the server around count in them, too:
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
