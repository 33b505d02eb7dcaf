package Authgear::Told;

# What a request came to: the identity that the backend was told, and who was asked on the way.
#
# Enters: a block, and the body that the echoing backend answered with. Leaves: the block's sections that it does not write itself, and a body
# of a few lines to compare with. Always: headers stand in it in alphabetical order, each as often as it arrived.
#
#     x-authgear-session-valid: true
#     x-authgear-user-id: alice
#     heard: backend 1, resolver 0

use strict;
use warnings;

use Exporter 'import';
use Authgear::MadeUp;
use Authgear::Suite;

our @EXPORT = qw(blocks_have told told_and_asked session_of alice invalid_unasked nobody_unasked unheard);

my $location = <<'CONFIG';
    authgear_endpoint $TEST_NGINX_AUTHGEAR;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location /t {
        authgear_resolve on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
CONFIG

# blocks_have(SECTION => VALUE, ...): what each block of the file has when it does not say otherwise. One location that resolves, one request
# to it, and an answer that is read by `told` are the same in all files.
sub blocks_have {
    my %sections = (
        config                => $location,
        request               => 'GET /t',
        response_body_filters => \&told,
        no_error_log          => "[alert]\n[crit]\na bug in the module\n",
        @_,
    );
    Test::Nginx::Socket::add_block_preprocessor(sub {
        my ($block) = @_;
        my $bare = defined $block->raw_request || defined $block->pipelined_requests;
        for my $section (sort keys %sections) {
            next if $section eq 'request' && $bare;
            next if $section eq 'response_body' && (defined $block->response_body_like || defined $block->response_body_unlike);
            $block->set_value($section => $sections{$section}) unless defined $block->$section;
        }
    });
    return;
}

# For `response_body_filters`. Of an answer that is not the backend's only who was asked is left.
sub told {
    my ($body) = @_;
    my $identity = $body =~ /\A[A-Z]+ \// ? join '', map {"$_\n"} sort grep {/\Ax-authgear-/} split /\n/, $body : '';
    return $identity . unheard_by();
}

# The same with the Authorization and Cookie that the resolver was sent, question by question.
sub told_and_asked {
    my ($body) = @_;
    my $asked = '';
    for my $question (grep { $_->{target} eq 'resolver' } log_of_authgear()) {
        $asked .= join '', map {"asked: $_->[0]: $_->[1]\n"} sort { $a->[0] cmp $b->[0] } grep { $_->[0] =~ /\A(?:authorization|cookie)\z/ } @{ $question->{headers} };
    }
    return told($body) . hidden($asked);
}

sub unheard_by {
    my $count = count();
    return "heard: backend $count->{backend}, resolver $count->{resolver}\n";
}

# What a backend is told of a session: session_of('alice', 'user-roles' => 'admin'), then who was asked.
sub session_of {
    my ($user, %more) = @_;
    my %names = (
        'session-valid'           => 'true',
        'user-id'                 => $user,
        'user-anonymous'          => 'false',
        'user-verified'           => 'false',
        'user-can-reauthenticate' => 'true',
        'session-authenticated-at' => 1_700_000_000,
        %more,
    );
    return join '', map { defined $names{$_} ? "x-authgear-$_: $names{$_}\n" : () } sort keys %names;
}

# alice(asked), the answer's whole body when the session is alice's and the resolver was asked so many times.
sub alice { my ($asked, %more) = @_; return session_of('alice', %more) . "heard: backend 1, resolver $asked\n" }

sub invalid_unasked { return "x-authgear-session-valid: false\nheard: backend 1, resolver 0\n" }
sub nobody_unasked  { return "heard: backend 1, resolver 0\n" }
sub unheard         { my ($asked) = @_; return "heard: backend 0, resolver $asked\n" }

1;
