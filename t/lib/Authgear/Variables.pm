package Authgear::Variables;

# What variables hold, in the header of an answer.
#
# Enters: a block's `show`, a text with variables, and `shown`, for each request what it has to come to, as text or as a pattern. Leaves: the
# block's other sections where it does not write them itself: a GET for each, to one location that resolves. `resolve`, `further` (in that
# location) and `server` (around it) change it. Always: the text is shown whatever the status is.

use strict;
use warnings;

use Exporter 'import';

use Authgear::Suite;

our @EXPORT = qw(shows);

# shows(TEXT): what blocks without `show` show.
sub shows {
    my ($usual) = @_;
    Test::Nginx::Socket::add_block_preprocessor(sub {
        my ($block) = @_;
        return unless defined $block->shown;
        my @shown = ref $block->shown ? @{ $block->shown } : $block->shown =~ s/\n\z//r;
        my %sections = (
            config                    => config($block, $block->show // $usual),
            request                   => [ ('GET /t') x @shown ],
            error_code                => [ (200) x @shown ],
            raw_response_headers_like => [ map { ref $_ ? qr/^X-Shown: \[$_\]\r?$/m : qr/^X-Shown: \[\Q$_\E\]\r?$/m } @shown ],
            no_error_log              => "[alert]\n[crit]\na bug in the module\n",
        );
        for my $section (sort keys %sections) {
            $block->set_value($section => $sections{$section}) unless defined $block->$section;
        }
    });
    return;
}

sub config {
    my ($block, $show) = @_;
    my ($resolve, $further, $server) = ($block->resolve // 'on', $block->further // '', $block->server // '');
    chomp($show, $resolve);
    return <<"CONFIG";
authgear_endpoint \$TEST_NGINX_AUTHGEAR;
include \$TEST_NGINX_AUTHGEAR_CONF;
add_header X-Shown "[$show]" always;
$server
location /t {
authgear_resolve $resolve;
$further
proxy_pass \$TEST_NGINX_BACKEND;
}
CONFIG
}

1;
