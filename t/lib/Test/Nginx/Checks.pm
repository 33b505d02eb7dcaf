package Test::Nginx::Checks;

# In: a block's expectations, a response, the logs. Out: one test for each expectation, and nothing for what a block does not name,
# save that a status other than 200 must be named.
# Always: a log is looked at from where the check before stopped, so that a second request's lines are its own.

use strict;
use warnings;

use Exporter 'import';
use Test::More ();
use Test::Nginx::Client qw(header);
use Test::Nginx::Config qw(access_log error_log);
use Test::Nginx::Settings qw(%setting bail_out expand);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(check_logs check_response check_shutdown_log rewind_error_log);

# Lines of a request's last phase come after its response; a busy machine may take its time.
use constant PATIENCE => 2;

my $error_log_position = 0;

my %named_filters = (
    lc      => sub { lc shift },
    lcfirst => sub { lcfirst shift },
    length  => sub { length shift },
    uc      => sub { uc shift },
    ucfirst => sub { ucfirst shift },
);

sub rewind_error_log {
    $error_log_position = 0;
    return;
}

# $many: the block made several requests, so each expectation must be an array, one for each of them.
sub check_response {
    my ($block, $response, $index, $many) = @_;
    my $name = $block->name . ($many ? " (request $index)" : '');
    my $of   = sub { expected($block, shift, $index, $many) };
    check_code($block, $response, $name, $of);
    check_raw_headers($block, $response, $name, $of);
    check_headers($block, $response, $name, $of);
    check_body($block, $response, $name, $of, $index);
    return;
}

sub expected {
    my ($block, $section, $index, $many) = @_;
    my $value = $block->$section;
    return $value->[$index] if ref $value eq 'ARRAY';
    bail_out($block->name . " - many requests, so $section must be an array") if $many;
    return $value;
}

sub ports {
    my ($text) = @_;
    return $text if ref $text || !defined $text;
    $text =~ s/\$ServerPortForClient\b/$setting{port_for_client}/g;
    $text =~ s/\$ServerPort\b/$setting{port}/g;
    return $text;
}

sub check_code {
    my ($block, $response, $name, $of) = @_;
    if (defined $block->error_code_like) {
        my $pattern = $of->('error_code_like');
        Test::More::like($response->{code}, qr/$pattern/sm, "$name - status");
    }
    else {
        Test::More::is($response->{code}, defined $block->error_code ? $of->('error_code') : 200, "$name - status");
    }
    return;
}

sub check_raw_headers {
    my ($block, $response, $name, $of) = @_;
    if (defined $block->raw_response_headers_like) {
        my $pattern = $of->('raw_response_headers_like');
        Test::More::like($response->{raw_headers}, qr/$pattern/s, "$name - raw headers");
    }
    if (defined $block->raw_response_headers_unlike) {
        my $pattern = $of->('raw_response_headers_unlike');
        Test::More::unlike($response->{raw_headers}, qr/$pattern/s, "$name - raw headers");
    }
    return;
}

sub check_headers {
    my ($block, $response, $name, $of) = @_;
    my $section = defined $block->response_headers ? 'response_headers' : 'response_headers_like';
    return if !defined $block->$section;
    for my $line (grep { length } split /\s*\n\s*/, $of->($section) // '') {
        if ($line =~ /^!\s*(.*\S)/) {
            Test::More::unlike($response->{raw_headers}, qr/^\s*\Q$1\E\s*:/mi, "$name - no header $1");
            next;
        }
        my ($header, $value) = $line =~ /^([^\s:]+)\s*:\s*(.*?)\s*\z/
            or bail_out("$name - $section has a line that is neither `Name: value` nor `!Name`: $line");
        my $got = header($response, $header) // '';
        if ($section eq 'response_headers') {
            Test::More::is($got, ports($value), "$name - header $header");
        }
        else {
            Test::More::like($got, qr/^$value$/, "$name - header $header");
        }
    }
    return;
}

# By name or by code; a list of lists has one for each request.
sub filtered {
    my ($block, $body, $name, $index) = @_;
    my $filters = $block->response_body_filters // return $body;
    my @filters = ref $filters eq 'ARRAY' ? @$filters : ref $filters ? $filters : split ' ', $filters;
    if (ref $filters[0] eq 'ARRAY') {
        my $own = $filters[$index] // bail_out("$name - response_body_filters has nothing for request $index");
        @filters = @$own;
    }
    for my $filter (@filters) {
        my $code = ref $filter eq 'CODE' ? $filter : $named_filters{$filter} // bail_out("$name - no filter of the name $filter");
        $body = $code->($body);
    }
    return $body;
}

sub check_body {
    my ($block, $response, $name, $of, $index) = @_;
    my $body = filtered($block, $response->{body}, $name, $index);
    if (defined $block->response_body) {
        my $expected = ports(expand($of->('response_body'), $name));
        if (ref $expected) {
            Test::More::like($body, $expected, "$name - body");
        }
        else {
            Test::More::is($body, $expected, "$name - body");
        }
    }
    elsif (defined $block->response_body_like) {
        my $pattern = ports($of->('response_body_like'));
        Test::More::like($body, qr/$pattern/s, "$name - body");
    }
    elsif (defined $block->response_body_unlike) {
        my $pattern = ports($of->('response_body_unlike'));
        Test::More::unlike($body, qr/$pattern/s, "$name - body");
    }
    return;
}

sub check_logs {
    my ($block, $repetition) = @_;
    my $name  = $block->name;
    my @error = patterns($block->error_log);
    sleep $setting{pause} * 3;
    my $lines = read_log(error_log(), \$error_log_position, @error);
    check_grep($block, $lines, $repetition);
    check_present($name, 'error.log', $lines, @error);
    check_absent($name, 'error.log', $lines, patterns($block->no_error_log));
    check_unnamed($block, $lines);
    if (defined $block->access_log || defined $block->no_access_log) {
        my $from_start = 0;
        my @access     = patterns($block->access_log);
        $lines = read_log(access_log(), \$from_start, @access);
        check_present($name, 'access.log', $lines, @access);
        check_absent($name, 'access.log', $lines, patterns($block->no_access_log));
    }
    return;
}

# After nginx has ended.
sub check_shutdown_log {
    my ($block) = @_;
    return if !defined $block->shutdown_error_log && !defined $block->no_shutdown_error_log;
    my $lines = read_log(error_log(), \$error_log_position);
    check_present($block->name, 'error.log at the end', $lines, patterns($block->shutdown_error_log));
    check_absent($block->name, 'error.log at the end', $lines, patterns($block->no_shutdown_error_log));
    return;
}

# Text: a pattern a line. An array or a Regexp: as it stands.
sub patterns {
    my ($section) = @_;
    return if !defined $section;
    return grep { defined } @$section if ref $section eq 'ARRAY';
    return ref $section ? $section : grep { length } split /\n+/, $section;
}

sub matches {
    my ($line, $pattern) = @_;
    return ref $pattern ? $line =~ $pattern : index($line, $pattern) >= 0;
}

# The lines after the position, which moves on. Waits a while for what is awaited.
sub read_log {
    my ($path, $position, @awaited) = @_;
    my $until = time + PATIENCE;
    my @lines;
    while (1) {
        if (open my $in, '<', $path) {
            seek $in, $$position, 0;
            push @lines, <$in>;
            $$position = tell $in;
            close $in;
        }
        @awaited = grep { my $pattern = $_; !grep { matches($_, $pattern) } @lines } @awaited;
        return \@lines if !@awaited || time > $until;
        sleep $setting{pause};
    }
}

sub check_present {
    my ($name, $log, $lines, @patterns) = @_;
    for my $pattern (@patterns) {
        Test::More::ok((grep { matches($_, $pattern) } @$lines) > 0, "$name - $log has a line with \"$pattern\"");
    }
    return;
}

sub check_absent {
    my ($name, $log, $lines, @patterns) = @_;
    for my $pattern (@patterns) {
        my @found = grep { matches($_, $pattern) } @$lines;
        Test::More::ok(!@found, "$name - $log has no line with \"$pattern\"") or Test::More::diag(@found);
    }
    return;
}

sub check_grep {
    my ($block, $lines, $repetition) = @_;
    my $name     = $block->name;
    my $pattern  = $block->grep_error_log;
    my $expected = $block->grep_error_log_out;
    return if !defined $pattern && !defined $expected;
    bail_out("$name - grep_error_log and grep_error_log_out need each other") if !defined $pattern || !defined $expected;
    $pattern  = $pattern->[$repetition] if ref $pattern eq 'ARRAY';
    $expected = expand($expected, $name);
    $expected = $expected->[$repetition] if ref $expected eq 'ARRAY';
    $pattern  = quotemeta $pattern if !ref $pattern;
    my $found = join '', map { /($pattern)/ && $1 !~ /\n/ ? "$1\n" : () } @$lines;
    if (ref $expected) {
        Test::More::like($found, $expected, "$name - grep_error_log_out");
    }
    else {
        Test::More::is($found, $expected, "$name - grep_error_log_out");
    }
    return;
}

# An alert that a block does not speak of is shown, but fails nothing; a failed assertion always does.
sub check_unnamed {
    my ($block, $lines) = @_;
    my $name  = $block->name;
    my @named = (patterns($block->error_log), patterns($block->no_error_log));
    for my $level (qw(alert crit), defined $block->must_die ? () : 'emerg') {
        next if grep { /\[$level/ } @named;
        Test::More::diag("WARNING: $name - $_") for grep { /\[$level\]/ } @$lines;
    }
    Test::More::fail("$name - $_") for grep { /\bAssertion .*?failed\b/ } @$lines;
    return;
}

1;
