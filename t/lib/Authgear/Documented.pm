package Authgear::Documented;

# The nginx blocks of docs/, as sections of a block.
#
# Enters: a document's name and a heading in it. Leaves: what the first block below that heading says, by the context that its comment names: in
# `http`, in the `server`. Always: only the backend's address and the directory of logs are changed.

use strict;
use warnings;

use Exporter 'import';

use Authgear::Locations;

our @EXPORT = qw(documented);

# documented(DOCUMENT, HEADING, FURTHER): FURTHER is for the server.
sub documented {
    my ($document, $heading, $further) = @_;
    my ($context, $block) = block($document, $heading);
    return (config => server($block, $further // '')) if $context eq 'server';
    die "$heading: its context is $context\n" if $context ne 'http';
    my ($http, $in) = $block =~ /\A(.*?)(?:^server \{\n(.*)^\}\n)?\z/ms;
    $in //= '';
    $in =~ s/^ *(?:listen|authgear_endpoint|include) .*\n//gm;
    return (http_config => $http, config => server($in, $further // ''));
}

sub block {
    my ($document, $heading) = @_;
    open my $file, '<', "$ENV{TEST_NGINX_ROOT}/docs/$document.md" or die "$document: $!\n";
    my $text = do { local $/; <$file> };
    my ($context, $block) = $text =~ /^##+ \Q$heading\E\n.*?^<!-- (\w+) -->\n```nginx\n(.*?)^```/ms or die "$document: no block below $heading\n";
    $block =~ s{http://backend}{\$TEST_NGINX_BACKEND}g;
    $block =~ s{/var/log/nginx/}{logs/}g;
    return ($context, $block);
}

1;
