package Test::Nginx::Settings;

# In: the TEST_NGINX_* environment and what a .t file asks for by the helpers of Test::Nginx::Socket.
# Out: %setting, read by every other file here, and `expand`, which puts environment variables into a section's text.
# Always: one port and one server root a process, so that two .t files never meet.

use strict;
use warnings;

use Exporter 'import';
use File::Spec ();
use IO::Socket::INET ();
use Test::More ();

our @EXPORT_OK = qw(%setting bail_out expand forget_rand_ports seconds);

# Below the kernel's usual range for outgoing connections: a port picked there could be taken between the probe and nginx's bind.
use constant { FIRST_PORT => 10_000, PORTS => 22_000, PORT_ATTEMPTS => 200 };

my %rand_ports;

our %setting = (
    binary             => $ENV{TEST_NGINX_BINARY} || 'nginx',
    modules            => [ split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '' ],
    log_level          => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
    master_process     => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
    timeout            => $ENV{TEST_NGINX_TIMEOUT} || 3,
    pause              => $ENV{TEST_NGINX_SLEEP} || 0.015,
    shuffle            => !$ENV{TEST_NGINX_NO_SHUFFLE},
    root               => File::Spec->rel2abs($ENV{TEST_NGINX_SERVROOT} || "t/servroot-$$"),
    address            => '127.0.0.1',
    name               => 'localhost',
    workers            => 1,
    worker_connections => 64,
    repeat_each        => 1,
    root_location      => 1,
    preamble           => '',
    env                => [],
);
$setting{port} = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || free_port();
$setting{port_for_client} = $ENV{TEST_NGINX_CLIENT_PORT} || $setting{port};
$ENV{TEST_NGINX_SERVER_ROOT} = $setting{root};

sub bail_out {
    my ($why) = @_;
    Test::More::BAIL_OUT($why);
    return;
}

sub free_port {
    my %taken = map { $_ => 1 } grep { defined } values %rand_ports, $setting{port};
    for (1 .. PORT_ATTEMPTS) {
        my $port = FIRST_PORT + int rand PORTS;
        next if $taken{$port};
        my $probe = IO::Socket::INET->new(LocalAddr => $setting{address}, LocalPort => $port, Proto => 'tcp', Listen => 1) or next;
        close $probe;
        return $port;
    }
    return bail_out('no free port to be had');
}

# $TEST_NGINX_RAND_PORT_1 and its like stand for one free port each until the block ends.
sub expand {
    my ($text, $name) = @_;
    return $text if !defined $text || ref $text;
    $text =~ s{\$(TEST_NGINX_[_A-Z0-9]+)}{ variable($1, $name) }ge;
    return $text;
}

sub variable {
    my ($variable, $name) = @_;
    if ($variable =~ /^TEST_NGINX_RAND_PORT_\d+$/) {
        return $rand_ports{$variable} //= free_port();
    }
    return $ENV{$variable} // bail_out("$name - the environment has no $variable");
}

sub forget_rand_ports {
    %rand_ports = ();
    return;
}

# `5`, `5s` and `500ms` as seconds.
sub seconds {
    my ($time) = @_;
    return if !defined $time;
    my ($number, $unit) = $time =~ /^\s*([\d.]+)\s*(m?s)?\s*$/ or return bail_out("not a time: $time");
    return ($unit // '') eq 'ms' ? $number / 1000 : $number;
}

1;
