package Authgear::MadeUp;

# The `session` cookie that is nobody's, which goes with every question that holds none of the client's.
#
# Enters: what the resolver was sent, or what a test says that it was. Leaves: the same with MADE-UP for the value that is drawn for each
# question. Always: a value is only taken for made up when it is well-formed, and nobody was given it.

use strict;
use warnings;

use Exporter 'import';
use Authgear::Suite;

our @EXPORT = qw(hidden sent);

# The value of a well-formed one becomes MADE-UP.
sub hidden {
    my ($text) = @_;
    return $text =~ s{(?<=session=)([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.[0-9A-Za-z]{32})(?![^\n])}{was_given($1) ? $1 : 'MADE-UP'}ger;
}

# The headers `authorization: ...` and `cookie: ...` of a question as they are sent: with a made-up cookie, unless the client's own is there.
sub sent {
    my @headers = @_;
    return @headers if grep {/^cookie: (?:.*; )?session=/} @headers;
    return (@headers, 'cookie: session=MADE-UP') unless grep {/^cookie: /} @headers;
    return map { /^cookie: / ? "$_; session=MADE-UP" : $_ } @headers;
}

1;
