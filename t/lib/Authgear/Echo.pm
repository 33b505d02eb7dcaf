package Authgear::Echo;

# What the echoing backend heard, reduced to what a block claims: for `response_body_filters`.
#
# Enters: the backend's answer, a line for each header. Leaves: text that can be compared whole. Always: a line of the backend's answer is
# either kept as it came or dropped.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(identity ordinary sorted_ordinary forged text);

# The headers whose names fold to x-authgear-, whoever sent them, sorted; `nothing` when there is none.
sub identity {
    my ($body) = @_;
    my @ours = grep { is_ours($_) } header_lines($body);
    return @ours ? join('', sort @ours) : "nothing\n";
}

# The headers whose names begin with `keep-`, in the order of their arrival, and those of `identity`.
sub ordinary {
    my ($body) = @_;
    return join '', grep { /^keep-/ || is_ours($_) } header_lines($body);
}

# The same, sorted.
sub sorted_ordinary {
    my @lines = ordinary($_[0]) =~ /(.*\n)/g;
    return join "", sort @lines;
}

# Its arguments as one text. (In a block `join` is a filter's name too, and Perl warns.)
sub text { return join '', @_ }

# As many headers as a client may send to pass for somebody else, each with another name, most of them in another spelling.
sub forged {
    my ($count) = @_;
    my @names = qw(X-Authgear-User-Id x-authgear-session-valid X_Authgear_User_Id X-Authgear.User.Roles X-AUTHGEAR-USER-VERIFIED X_AUTHGEAR-Forged);
    return map { $names[ $_ % @names ] . ($_ < @names ? '' : "-$_") . ": mallory$_\n" } 0 .. $count - 1;
}

sub header_lines { return grep { /^[^ ]+: / } $_[0] =~ /(.*\n)/g }

sub is_ours {
    my ($name) = $_[0] =~ /^([^:]+)/;
    return lc($name) =~ s/[^a-z0-9]/-/gr =~ /^x-authgear-/;
}

1;
