package Test::Nginx::Client;

# In: one connection's packets. Out: the bytes the server sent back, and what they say as HTTP responses.
# Always: a response is read as it stands on the wire; nothing follows a redirect or decodes a content encoding.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Exporter 'import';
use IO::Select ();
use IO::Socket::INET ();
use Test::More ();
use Test::Nginx::Settings qw(%setting seconds);
use Time::HiRes qw(sleep);

our @EXPORT_OK = qw(exchange header parse_response);

sub exchange {
    my ($block, $connection) = @_;
    my $name    = $block->name;
    my $timeout = seconds($block->timeout) // $setting{timeout};
    my $socket  = IO::Socket::INET->new(
        PeerAddr => $setting{address},
        PeerPort => $setting{port_for_client},
        Proto    => 'tcp',
        Timeout  => $timeout,
    );
    if (!$socket) {
        Test::More::fail("$name - cannot connect to $setting{address}:$setting{port_for_client}: $!");
        return '';
    }
    $socket->blocking(0);
    local $SIG{PIPE} = 'IGNORE';
    my @packets  = map { {%$_} } @{ $connection->{packets} };
    my $pending  = (shift @packets)->{value};
    my $readable = IO::Select->new($socket);
    my $writable = IO::Select->new($socket);
    my $answer   = '';
    while (1) {
        my ($can_read, $can_write) = IO::Select->select($readable, $writable, undef, $timeout);
        if (!defined $can_read) {
            next if $! == EINTR;
            Test::More::fail("$name - client socket timed out") if !defined $block->abort;
            last;
        }
        last if @$can_read && !receive($socket, \$answer, $name);
        next if !@$can_write;
        if (!transmit($socket, \$pending, $name)) {
            $writable = undef;
        }
        elsif (!length $pending) {
            if (my $packet = shift @packets) {
                sleep($packet->{delay_before} // seconds($block->raw_request_middle_delay) // 0);
                $pending = $packet->{value};
            }
            else {
                $writable = undef;
                shut($socket, $block->shutdown) if defined $block->shutdown;
            }
        }
    }
    close $socket;
    return $answer;
}

# False once there is no more to come.
sub receive {
    my ($socket, $answer, $name) = @_;
    my $got = sysread $socket, $$answer, 65_536, length $$answer;
    return $got if defined $got;
    return 1 if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
    Test::More::diag("$name - reading the response: $!");
    return 0;
}

# False once nothing more can be sent. What was answered before may still be read.
sub transmit {
    my ($socket, $pending, $name) = @_;
    return 1 if !length $$pending;
    my $sent = syswrite $socket, $$pending;
    if (!defined $sent) {
        return 1 if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        Test::More::diag("$name - sending the request: $!");
        return 0;
    }
    substr $$pending, 0, $sent, '';
    return 1;
}

sub shut {
    my ($socket, $how) = @_;
    shutdown $socket, $how =~ /\d/ ? $how : 1;
    return;
}

# (the first response in the text, what follows it). A text that is no response gives one without a code.
sub parse_response {
    my ($name, $text, $method) = @_;
    my %response = (code => '', headers => [], raw_headers => '', body => '');
    my $rest = $text;
    if ($rest =~ s/\A(.*?\r\n)\r\n//s) {
        $response{raw_headers} = $1;
    }
    else {
        return ({ %response, body => $text }, '');
    }
    my ($status, @lines) = split /\r\n/, $response{raw_headers};
    $response{code} = $1 if $status =~ m{\AHTTP/\S+ +(\d+)};
    for my $line (@lines) {
        if ($line =~ /^([^\s:]+)[ \t]*:[ \t]?(.*)\z/) {
            push @{ $response{headers} }, [ $1, $2 ];
        }
    }
    if ($method eq 'HEAD' || $response{code} =~ /\A(?:204|304)\z/) {
        return (\%response, $rest);
    }
    if ($response{code} eq '101') {
        # The other protocol's bytes: a block can look at them as the body.
        return ({ %response, body => $rest }, '');
    }
    my $encoding = header(\%response, 'Transfer-Encoding');
    my $length   = header(\%response, 'Content-Length');
    if (defined $encoding && lc $encoding eq 'chunked') {
        ($response{body}, $rest) = unchunk($name, $rest);
    }
    elsif (defined $length && $length =~ /\A\d+\z/) {
        Test::More::diag("$name - $length bytes of body expected, " . length($rest) . ' came') if length $rest < $length;
        $response{body} = substr $rest, 0, $length, '';
    }
    else {
        ($response{body}, $rest) = ($rest, '');
    }
    return (\%response, $rest);
}

# All values of a name, joined as one list; nothing if there is none.
sub header {
    my ($response, $name) = @_;
    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $response->{headers} };
    return @values ? join ', ', @values : undef;
}

# (body, what follows the last chunk)
sub unchunk {
    my ($name, $text) = @_;
    my $body = '';
    while ($text =~ s/\A[ \t]*([0-9A-Fa-f]+)[^\r\n]*\r\n//) {
        my $size = hex $1;
        if ($size == 0) {
            return ($body, $text) if $text =~ s/\A(?:[^\r\n]+\r\n)*\r\n//;
            last;
        }
        last if length $text < $size + 2;
        $body .= substr $text, 0, $size, '';
        last if $text !~ s/\A\r\n//;
    }
    Test::More::fail("$name - the chunked body breaks off or is malformed");
    return ($body, '');
}

1;
