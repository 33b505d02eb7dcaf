package Authgear::Access;

# A table of who may enter and who may not, as blocks.
#
# Enters: rows, each by a call: NAME, what stands in the location /t, the request's headers, and what comes of it; then further sections, if
# there are any. Leaves: `table`, the blocks' own text, for `spec_string`. Always: who is turned away gets exactly this status and this
# WWW-Authenticate field or none, the log has its line, and the backend hears nothing. A
# token that is older than a minute is asked about nowhere: a slow machine takes that long for a file.
#
# Further sections are those of the harness, and `server`: what stands beside the location; `asked`: how often the resolver was asked.

use strict;
use warnings;

use Exporter 'import';

use Authgear::Locations;

our @EXPORT = qw(admitted turned_away required title table);

my @blocks;
my $title = '';

# What the rows that follow have in common: it stands before each one's name.
sub title { $title = "$_[0]: "; return }

# required(WORDS) -> a location that resolves, requires this, and hands on to the backend.
sub required {
    my ($words, @more) = @_;
    return join ' ', 'authgear_resolve on;', "authgear_require $words;", @more, 'proxy_pass $TEST_NGINX_BACKEND;';
}

# admitted(NAME, LOCATION, HEADERS, WHO, ...): the backend is told WHO, as `verdict` of Authgear::Suite has it.
sub admitted {
    my ($name, $location, $headers, $who, %sections) = @_;
    my $asked = delete $sections{asked} // 0;
    return add($name, $location, $headers,
        'response_body' => "$who (backend 1, resolver $asked)",
        no_error_log    => "access refused\ncredential refused\n[alert]\n[error]",
        %sections);
}

# turned_away(NAME, LOCATION, HEADERS, STATUS, CHALLENGE, REASON, ...): CHALLENGE is undef where there is none.
sub turned_away {
    my ($name, $location, $headers, $status, $challenge, $reason, %sections) = @_;
    my $asked = delete $sections{asked} // 0;
    my $line = $reason =~ s/^credential // ? 'credential' : 'access';
    return add($name, $location, $headers,
        'error_code'       => $status,
        'response_headers' => defined $challenge ? "WWW-Authenticate: $challenge" : '!WWW-Authenticate',
        'response_body'    => "refused (backend 0, resolver $asked)",
        'error_log eval'   => "qr/\\[notice\\] .*authgear: $line refused: ${reason}[,; ]/",
        no_error_log       => "[alert]\n[error]",
        %sections);
}

sub add {
    my ($name, $location, $headers, %sections) = @_;
    my $server = delete $sections{server} // '';
    %sections = (
        config                       => server('authgear_revalidate off;', "location /t { $location }", $server),
        request                      => 'GET /t',
        'response_body_filters eval' => '\&Authgear::Suite::verdict',
        %sections,
    );
    $sections{more_headers} = $headers if $headers ne '';
    my @sections = map { /^(?:error_code|error_code_like|response_body_like|raw_response_headers_like)$/ ? "--- $_: $sections{$_}\n" : "--- $_\n$sections{$_}\n" } grep { defined $sections{$_} } sort keys %sections;
    push @blocks, sprintf("=== TEST %d: %s%s\n", @blocks + 1, $title, $name) . join '', @sections;
    return;
}

sub table { return join "\n", @blocks }

1;
