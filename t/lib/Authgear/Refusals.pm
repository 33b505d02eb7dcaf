package Authgear::Refusals;

# A table of what `nginx -t` refuses, warns of and takes, as blocks.
#
# Enters: rows, each by a call: NAME, PLACE => TEXT, LINE => MESSAGE, and further sections if there are any; `keys` among them is what stands in
# keys.json. The line is undef where nginx names none. Leaves: `table`, the blocks' own text, for `spec_string`. Always: the text stands in a
# file of its own, part.conf, so that its lines count from 1.
#
# A message is written as it is read, but for two signs: `...` is any text, and `#` a number.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(invalid duplicate misplaced refused warned taken table);

my $part    = "include ../html/part.conf;\n";
my $project = "authgear_endpoint \$TEST_NGINX_AUTHGEAR;\n";
my %places  = (
    server  => { config => $part },
    http    => { http_config => $part, config => '# Nothing here.' },
    # A server that has an endpoint.
    project => { config => $project . $part },
    # In http, around a server that has an endpoint and the locations for it.
    around  => { http_config => $part, config => $project . 'include $TEST_NGINX_AUTHGEAR_CONF;' },
);

my @blocks;

# invalid(NAME, PLACE, DIRECTIVE, WHY, ...): the last argument of the directive is refused.
sub invalid {
    my ($name, $place, $directive, $why, @more) = @_;
    my ($word) = $directive =~ /^(\w+) /;
    my ($value) = map { s/^"(.*)"$/$1/r } $directive =~ /("[^"]*"|\S+)$/;
    my $text = "# The directive stands on the second line.\n$directive;\n";
    return refused($name, $place, $text, 2, qq(invalid value "$value" in "$word" directive, $why...), @more);
}

# duplicate(DIRECTIVE): it must not be there twice at one level.
sub duplicate {
    my ($directive) = @_;
    my ($word) = $directive =~ /^(\w+) /;
    return refused("$word twice at one level", server => "$directive;\n" x 2, 2, qq("$word" directive is duplicate));
}

# misplaced(DIRECTIVE): it must not stand in a location.
sub misplaced {
    my ($directive) = @_;
    my ($word) = $directive =~ /^(\w+) /;
    return refused("$word in a location", server => "location /t {\n$directive;\n}\n", 2, qq("$word" directive is not allowed here));
}

sub refused {
    my ($name, $place, $text, $line, $message, @more) = @_;
    return add($name, $place, $text, 'must_die' => '', said('emerg', $message, $line), @more);
}

sub warned {
    my ($name, $place, $text, $line, $message, @more) = @_;
    return add("warned: $name", $place, $text, request => 'GET /', said('warn', $message, $line), @more);
}

sub taken {
    my ($name, $place, $text, @more) = @_;
    return add("taken: $name", $place, $text, request => 'GET /', no_error_log => "[emerg]\n[warn]", @more);
}

sub said {
    my ($level, $message, $line) = @_;
    my $pattern = quotemeta($message) =~ s/\\\.\\\.\\\./.*/gr =~ s/\\#/\\d+/gr;
    my $there = defined $line ? " in .*part\\.conf:$line\$" : '';
    return ('error_log eval' => "[qr/\\[$level\\] .*$pattern$there/]");
}

sub add {
    my ($name, $place, $text, %sections) = @_;
    my $keys = delete $sections{keys};
    my $files = ">>> part.conf\n$text" . (defined $keys ? ">>> keys.json\n$keys" : '');
    my $stands = $places{$place} // die "$name: there is no place \"$place\"\n";
    %sections = (%$stands, user_files => $files, %sections);
    push @blocks, sprintf("=== TEST %d: %s\n", @blocks + 1, $name) . join '', map {"--- $_\n$sections{$_}\n"} sort keys %sections;
    return;
}

sub table { return join "\n", @blocks }

1;
