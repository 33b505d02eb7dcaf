package Test::Nginx::Socket;

# A small stand-in for openresty's module of this name: the same meaning for the sections and helpers named here.
# In: the blocks below a .t file's __DATA__. Out: one nginx a block, and a test for each of its expectations.
# Always: a section or helper that is not named here is an error, never silently without effect.

use Test::Base -Base;

use Test::Nginx::Checks qw(check_logs check_response check_shutdown_log rewind_error_log);
use Test::Nginx::Client qw(exchange parse_response);
use Test::Nginx::Config qw(html_dir remove_root write_root write_user_files);
use Test::Nginx::Request qw(connections);
use Test::Nginx::Server qw(in_words log_tail run_until_listening stop);
use Test::Nginx::Settings qw(%setting bail_out expand forget_rand_ports seconds);
use List::Util qw(shuffle);
use Scalar::Util qw(looks_like_number);
use Time::HiRes qw(sleep);

our @EXPORT = qw(
    add_block_preprocessor add_cleanup_handler add_test_cleanup_handler bail_out config_preamble env_to_nginx html_dir log_level
    master_off master_on master_process_enabled no_long_string no_root_location no_shuffle repeat_each run_tests server_addr
    server_name server_port server_port_for_client server_root timeout worker_connections workers
);

my %known = map { $_ => 1 } qw(
    ONLY LAST SKIP
    abort access_log config error_code error_code_like error_log grep_error_log grep_error_log_out http_config ignore_response init
    log_level main_config more_headers must_die no_access_log no_error_log no_shutdown_error_log pipelined_requests post_main_config
    post_setup_server_root raw_request raw_request_middle_delay raw_response_headers_like raw_response_headers_unlike request
    response_body response_body_filters response_body_like response_body_unlike response_headers response_headers_like shutdown
    shutdown_error_log skip_eval skip_nginx suppress_stderr timeout user_files wait
);

my (@preprocessors, @cleanup_handlers, @test_cleanup_handlers, $last_block, $listening);
my $owner = $$;

sub setting ($@) {
    my ($key, @value) = @_;
    $setting{$key} = $value[0] if @value;
    return $setting{$key};
}

sub log_level (@)               { return setting('log_level',          @_) }
sub repeat_each (@)             { return setting('repeat_each',        @_) }
sub server_addr (@)             { return setting('address',            @_) }
sub server_name (@)             { return setting('name',               @_) }
sub server_port (@)             { return setting('port',               @_) }
sub server_port_for_client (@)  { return setting('port_for_client',    @_) }
sub server_root ()              { return $setting{root} }
sub timeout (@)                 { return setting('timeout',            @_) }
sub worker_connections (@)      { return setting('worker_connections', @_) }
sub workers (@)                 { return setting('workers',            @_) }
sub config_preamble ($)         { return setting('preamble',           @_) }
sub master_on ()                { return setting('master_process',     'on') }
sub master_off ()               { return setting('master_process',     'off') }
sub master_process_enabled (@)  { return setting('master_process',     map { $_ ? 'on' : 'off' } @_) }
sub no_root_location ()         { return setting('root_location',      0) }
sub no_shuffle ()               { return setting('shuffle',            0) }
sub env_to_nginx (@)            { return push @{ $setting{env} }, @_ }
sub add_block_preprocessor (&)  { return unshift @preprocessors, @_ }
sub add_cleanup_handler ($)     { return unshift @cleanup_handlers, @_ }
sub add_test_cleanup_handler ($) { return unshift @test_cleanup_handlers, @_ }

# Values are always shown in full.
sub no_long_string () { return }

sub run_tests () {
    # By `exit`, so that END stops nginx.
    local @SIG{qw(INT TERM)} = (sub { exit 130 }) x 2;
    $ENV{TEST_NGINX_SERVER_PORT} //= $setting{port};
    my @blocks = blocks();
    check_sections($_) for @blocks;
    for my $block ($setting{shuffle} ? shuffle(@blocks) : @blocks) {
        $_->($block) for @preprocessors;
        $block->set_value(name => $0 . ' ' . $block->name);
        run_block($block);
        $_->($block) for @test_cleanup_handlers;
    }
    end_nginx();
    return;
}

sub check_sections ($) {
    my ($block) = @_;
    for my $section (@{ $block->_section_order }) {
        bail_out("$0 " . $block->name . " - unknown section: $section") if !$known{$section};
    }
    return;
}

sub failures () {
    return scalar grep { !$_ } Test::More->builder->summary;
}

sub end_nginx () {
    stop();
    check_shutdown_log($last_block) if $last_block;
    undef $last_block;
    $listening = 0;
    return;
}

sub run_block ($) {
    my ($block) = @_;
    my $name = $block->name;
    return if defined $block->SKIP;
    if (my $skipped = skipped($block)) {
        my ($count, $why) = @$skipped;
        for (1 .. $setting{repeat_each}) {
            SKIP: { skip("$name - $why", $count) }
        }
        return;
    }
    forget_rand_ports();
    my $config = expand(scalar $block->config, $name);
    if (defined $config) {
        end_nginx();
        write_root($block, $config);
    }
    elsif (!$listening) {
        bail_out("$name - no config, and no nginx of the block before");
    }
    my $failed = failures();
    rewind_error_log();
    if (defined $block->must_die) {
        run_to_its_end($block);
    }
    else {
        run_with_requests($block);
    }
    diag(log_tail()) if failures() > $failed;
    return;
}

sub run_with_requests ($) {
    my ($block) = @_;
    my $name = $block->name;
    if (defined $block->config) {
        my $status = run_until_listening($block);
        bail_out("$name - nginx does not start, " . in_words($status) . "\n" . log_tail()) if defined $status;
        $listening = 1;
    }
    $last_block = $block;
    if (defined $block->init) {
        eval $block->init;
        bail_out("$name - init: $@") if $@;
    }
    for my $repetition (0 .. $setting{repeat_each} - 1) {
        write_user_files($block) if $repetition;
        ask($block, $repetition);
    }
    return;
}

# must_die: a number is the exit code, anything else any but 0. A death by a signal is never what a block means.
sub run_to_its_end ($) {
    my ($block) = @_;
    my ($name, $expected) = ($block->name, $block->must_die);
    bail_out("$name - must_die needs a config of its own") if !defined $block->config;
    for my $repetition (0 .. $setting{repeat_each} - 1) {
        my $status = run_until_listening($block);
        if (!defined $status) {
            stop();
            fail("$name - nginx must refuse to start, but it listens");
        }
        elsif ($status & 127) {
            fail("$name - nginx must refuse to start, but signal " . ($status & 127) . ' ended it');
        }
        elsif (looks_like_number($expected)) {
            Test::More::is($status >> 8, $expected, "$name - nginx refuses to start with this exit code");
        }
        else {
            isnt($status, 0, "$name - nginx refuses to start");
        }
        check_logs($block, $repetition);
    }
    return;
}

sub ask ($$) {
    my ($block, $repetition) = @_;
    my @connections = connections($block);
    my $responses   = 0;
    $responses += @{ $_->{methods} } for @connections;
    my $index = 0;
    for my $connection (@connections) {
        my $rest = exchange($block, $connection);
        for my $method (@{ $connection->{methods} }) {
            if (!defined $block->ignore_response) {
                (my $response, $rest) = parse_response($block->name, $rest, $method);
                check_response($block, $response, $index, $responses > 1);
            }
            sleep(seconds($block->wait)) if $block->wait;
            check_logs($block, $repetition);
            $index++;
        }
        diag('WARNING: ' . $block->name . " - bytes after the response: $rest") if length $rest && !defined $block->ignore_response;
    }
    return;
}

# [how many tests, why], or nothing.
sub skipped ($) {
    my ($block) = @_;
    my $name = $block->name;
    if (defined(my $eval = $block->skip_eval)) {
        my ($count, $code) = $eval =~ /^\s*(\d+)\s*:\s*(.*)/s or return bail_out("$name - skip_eval is COUNT: CODE");
        my $skip = eval $code;
        bail_out("$name - skip_eval: $@") if $@;
        return [ $count, 'skip_eval' ] if $skip;
    }
    if (defined(my $nginx = $block->skip_nginx)) {
        my ($count, $operator, $version, $why) = $nginx =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*(\d+\.\d+\.\d+)\s*(?::\s*(.*?))?\s*$/
            or return bail_out("$name - skip_nginx is COUNT: OPERATOR VERSION[: REASON]");
        my $order = nginx_version() cmp join '', map { sprintf '%03d', $_ } split /\./, $version;
        my %holds = ('<' => $order < 0, '<=' => $order <= 0, '>' => $order > 0, '>=' => $order >= 0);
        return [ $count, $why // "nginx $operator $version" ] if $holds{$operator};
    }
    return;
}

# Comparable as text.
sub nginx_version () {
    open my $out, '-|', "'$setting{binary}' -v 2>&1" or bail_out("$setting{binary}: $!");
    my $line = <$out> // '';
    close $out;
    $line =~ m{/(\d+)\.(\d+)\.(\d+)} or bail_out("$setting{binary} -v says $line");
    return sprintf '%03d%03d%03d', $1, $2, $3;
}

END {
    if ($$ == $owner) {
        my $status = $?;
        # The END of Test::Builder, which runs later, must see the exit status that was.
        local $?;
        end_nginx();
        $_->() for @cleanup_handlers;
        if ($status == 0 && Test::More->builder->is_passing) {
            remove_root();
        }
        elsif (-d $setting{root}) {
            diag("left for a look: $setting{root}");
        }
    }
}

1;
