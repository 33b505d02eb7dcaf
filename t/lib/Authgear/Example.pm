package Authgear::Example;

# The complete configurations of nginx-conf/, as sections of a block.
#
# Enters: a file's name. Leaves: what stands in its `http` and what stands in its `server`. Always: only that differs from the file which the
# file tells its reader to change: the project's name, the addresses of the backend and of Authgear (in cleartext here), and the
# directories of static files and of logs; the harness itself says where the server listens.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(http_of server_of);

use constant PROJECT => 'project.authgear.cloud';

# http_of(NAME, BACKEND): what stands around the `server`; BACKEND is HOST:PORT.
sub http_of {
    my ($name, $backend) = @_;
    my ($http) = adapted($name, $backend) =~ /^http \{\n(.*?)^ {4}server \{/ms or die "$name: no http block\n";
    return $http;
}

# server_of(NAME, FURTHER...): what stands in it, and further directives.
sub server_of {
    my ($name, @further) = @_;
    my ($server) = adapted($name, '') =~ /^ {4}server \{\n(.*)^ {4}\}\n\}/ms or die "$name: no server block\n";
    $server =~ s/^ *(?:listen|server_name) .*\n//gm;
    return join "\n", $server, @further;
}

sub adapted {
    my ($name, $backend) = @_;
    open my $file, '<', "$ENV{TEST_NGINX_ROOT}/nginx-conf/$name.conf" or die "$name: $!\n";
    my $text = do { local $/; <$file> };
    my $project = PROJECT;
    $text =~ s/auth\.example\.com/$project/g;
    $text =~ s{https://\Q$project\E}{http://$project}g;
    $text =~ s/server 127\.0\.0\.1:\d+;/server $backend;/g;
    $text =~ s/server \Q$project\E:443;/server $ENV{TEST_NGINX_AUTHGEAR_ADDRESS};/g;
    $text =~ s{include authgear\.conf;}{include $ENV{TEST_NGINX_AUTHGEAR_CONF};}g;
    $text =~ s{root /var/www;}{root html;}g;
    $text =~ s{/var/log/nginx/}{logs/}g;
    return $text;
}

1;
