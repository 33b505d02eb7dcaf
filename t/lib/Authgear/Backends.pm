package Authgear::Backends;

# Which backends a request reached on its way through nginx, and who each was told is calling.
#
# Enters: how many are to hear of it. Leaves: a line for each, its path and the caller, and how often the resolver was asked, for
# `response_body_filters`. Always: headers of ours that go with no session are told as well.

use strict;
use warnings;

use Authgear::Suite;
use Exporter 'import';
use Time::HiRes ();

our @EXPORT = qw(backends);

# A mirrored request may come after the answer: it is waited for.
sub backends {
    my ($wanted) = @_;
    return sub {
        my $until = Time::HiRes::time() + 3;
        Time::HiRes::sleep(0.02) while count()->{backend} < $wanted && Time::HiRes::time() < $until;
        my @told = map { "$_->{path}: " . caller_in($_) . "\n" } log_of_backend();
        return join('', sort @told) . 'resolver ' . count()->{resolver} . "\n";
    };
}

# The user's id; else the verdict's word; else nobody.
sub caller_in {
    my ($heard) = @_;
    my %ours = map {@$_} grep { $_->[0] =~ /^x-authgear-/ } @{ $heard->{headers} };
    return $ours{'x-authgear-user-id'} // $ours{'x-authgear-session-valid'} // join ' ', 'nobody', sort keys %ours;
}

1;
