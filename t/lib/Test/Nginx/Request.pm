package Test::Nginx::Request;

# In: a block's `request`, `pipelined_requests` or `raw_request`, and its `more_headers`.
# Out: the connections to make, each with the packets to send and the method of each response to come.
# Always: what a block does not name (Host, Connection, Content-Length) is added, what it names is sent as it stands.

use strict;
use warnings;

use Exporter 'import';
use Test::Nginx::Settings qw(%setting bail_out expand);

our @EXPORT_OK = qw(connections);

sub connections {
    my ($block) = @_;
    return raw($block->raw_request)  if defined $block->raw_request;
    return pipelined($block)         if defined $block->pipelined_requests;
    my $name    = $block->name;
    my $request = $block->request // bail_out("$name - no request");
    return requests($block, @$request) if ref $request eq 'ARRAY';
    bail_out("$name - a request is text or an array") if ref $request;
    1 while $request =~ s/^\s*#[^\n]+\s+|^\s+//g;
    return requests($block, $request);
}

sub raw {
    my ($raw) = @_;
    return connection([ map { { value => $_ } } ref $raw ? @$raw : $raw ]);
}

sub connection {
    my ($packets, @methods) = @_;
    if (!@methods) {
        @methods = join('', map { $_->{value} } @$packets) =~ /^\s*(\S+)/ ? $1 : '';
    }
    return { packets => $packets, methods => \@methods };
}

sub requests {
    my ($block, @requests) = @_;
    my $name = $block->name;
    my $index = 0;
    return map {
        my @packets = map { ref $_ ? {%$_} : { value => $_ } } ref $_ ? @$_ : $_;
        complete($name, \@packets, headers($block, $index++), 'close');
        connection(\@packets);
    } @requests;
}

sub pipelined {
    my ($block) = @_;
    my ($name, $requests) = ($block->name, $block->pipelined_requests);
    bail_out("$name - pipelined_requests is an array") if ref $requests ne 'ARRAY';
    my ($text, @methods) = ('');
    for my $index (0 .. $#$requests) {
        my @packet = { value => expand($requests->[$index], $name) };
        complete($name, \@packet, headers($block, $index), $index == $#$requests ? 'close' : 'keep-alive');
        $text .= $packet[0]{value};
        push @methods, $packet[0]{value} =~ /^(\S+)/;
    }
    return connection([ { value => $text } ], @methods);
}

sub headers {
    my ($block, $index) = @_;
    my $headers = $block->more_headers // '';
    if (ref $headers) {
        $headers = $headers->[$index] // bail_out($block->name . " - more_headers has nothing for request $index");
    }
    my $lines = '';
    for my $line (grep { length && !/^\s*#/ } split /\r?\n/, $headers) {
        my ($name, $value) = split /:\s*/, $line, 2;
        $lines .= $name . ': ' . ($value // '') . "\r\n";
    }
    return $lines;
}

# Turns `METHOD [URL [VERSION]]` and the body below it into a whole request. The cuts between packets stay where they were in the text.
sub complete {
    my ($test, $packets, $headers, $connection) = @_;
    my $text = join '', map { $_->{value} } @$packets;
    $text =~ /\A(\s*)(\S+)( *)(\S*)( *)(\S*)([ \t\r]*(?:\n|\z))(.*)\z/s
        or bail_out("$test - a request line is METHOD [URL [VERSION]]: $text");
    my ($before, $method, $gap, $url, $gap_2, $version, $end, $body) = ($1, $2, $3, $4, $5, $6, $7, $8);
    my $sent = $body;
    $headers = "Connection: $connection\r\n$headers" if $headers !~ /^Connection/mi;
    $headers = "Host: $setting{name}\r\n$headers"    if $headers !~ /^Host:/mi;
    if (length $body && $headers !~ /^Transfer-Encoding: chunked\r$/mi && $headers !~ /^Content-Length:/m) {
        $sent =~ s/\A\s+|\s+\z//g;
        $headers .= 'Content-Length: ' . length($sent) . "\r\n";
    }
    recut(
        $packets,
        [ $before                          => '' ],
        [ $method                          => $method ],
        [ $gap                             => ' ' ],
        [ $url                             => length $url ? $url : '/' ],
        [ $gap_2                           => ' ' ],
        [ $version                         => length $version ? $version : 'HTTP/1.1' ],
        [ $end                             => "\r\n$headers\r\n" ],
        [ $body                            => $sent ],
    );
    return;
}

# Each piece is [old text, new text]; the pieces follow each other without a gap.
sub recut {
    my ($packets, @pieces) = @_;
    my ($old_end, @cuts) = (0);
    for my $packet (@$packets) {
        $old_end += length $packet->{value};
        push @cuts, $old_end;
    }
    pop @cuts;
    my ($new, $old_start, @new_cuts) = ('', 0);
    for my $piece (@pieces) {
        my ($old, $text) = @$piece;
        while (@cuts && $cuts[0] < $old_start + length $old) {
            my $offset = shift(@cuts) - $old_start;
            push @new_cuts, length($new) + ($offset < length $text ? $offset : length $text);
        }
        $new       .= $text;
        $old_start += length $old;
    }
    push @new_cuts, (length $new) x (1 + @cuts);
    my $from = 0;
    for my $packet (@$packets) {
        my $to = shift @new_cuts;
        $packet->{value} = substr $new, $from, $to - $from;
        $from = $to;
    }
    return;
}

1;
