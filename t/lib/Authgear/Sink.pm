package Authgear::Sink;

# A backend for protocols that the stand-in does not speak (uwsgi, SCGI): it answers any request with the request's own bytes.
#
# Leaves: $TEST_NGINX_SINK, its HOST:PORT. Always: the bytes that are not printable ASCII come back as line ends, and the process that
# listens ends with the test file.

use strict;
use warnings;

use IO::Select        ();
use IO::Socket::INET  ();

# A request is over when nothing more has come for so long.
use constant QUIET => 0.1;

my ($pid, $owner);

sub start {
    my $listener = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1', LocalPort => 0) or die "cannot listen: $!\n";
    $ENV{TEST_NGINX_SINK} = '127.0.0.1:' . $listener->sockport;
    $owner = $$;
    defined($pid = fork) or die "cannot fork: $!\n";
    serve($listener) if $pid == 0;
    return;
}

sub serve {
    my ($listener) = @_;
    $SIG{TERM} = 'DEFAULT';
    # Whoever started us may be killed before it can end us.
    my $parent = getppid;
    my $waiting = IO::Select->new($listener);
    while (getppid == $parent) {
        next unless $waiting->can_read(1);
        my $client = $listener->accept or next;
        my $ready = IO::Select->new($client);
        my $seen  = '';
        while ($ready->can_read(QUIET)) {
            last unless $client->sysread($seen, 65536, length $seen);
        }
        $seen =~ s/[^\x20-\x7e]+/\n/g;
        print {$client} "Status: 200 OK\r\nContent-Type: text/plain\r\n\r\n$seen\n";
        close $client;
    }
    require POSIX;
    POSIX::_exit(0);
}

END {
    if ($pid && $owner == $$) {
        my $status = $?;
        kill TERM => $pid;
        waitpid $pid, 0;
        $? = $status;
    }
}

start();

1;
