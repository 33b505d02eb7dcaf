package Authgear::Answer;

# What the resolver says when a block wants it said byte by byte, and what a backend is then told.
#
# Enters: header lines, a status, or bytes. Leaves: nothing; the stand-in answers so until the next block. Always: exactly these bytes, and then
# the connection is closed.

use strict;
use warnings;

use Exporter 'import';
use MIME::Base64 ();

use Authgear::Suite;

our @EXPORT = qw(says says_yes_but says_with says_bytes yes no);

# 200 with these header lines and an empty body.
sub says { return says_with('200 OK', "Content-Length: 0\r\n" . join('', map {"$_\r\n"} @_)) }

# This status, and yes in the headers.
sub says_yes_but {
    my ($status) = @_;
    return says_with($status, "Content-Length: 0\r\nX-Authgear-Session-Valid: true\r\nX-Authgear-User-Id: alice\r\n");
}

sub says_with {
    my ($status, $headers, $body) = @_;
    return says_bytes("HTTP/1.1 $status\r\nConnection: close\r\n$headers\r\n" . ($body // ''));
}

sub says_bytes {
    my ($bytes) = @_;
    fault(target => 'resolver', kind => 'raw', base64 => MIME::Base64::encode_base64($bytes, ''));
    return;
}

# What `told` makes of it when the answer was true, alice, and no more; and when it was no.
sub yes { return "x-authgear-session-valid: true\nx-authgear-user-id: alice\nheard: backend 1, resolver 1\n" }
sub no  { return "x-authgear-session-valid: false\nheard: backend 1, resolver 1\n" }

1;
