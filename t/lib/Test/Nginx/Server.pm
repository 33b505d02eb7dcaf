package Test::Nginx::Server;

# In: a server root with its nginx.conf. Out: a running nginx, or the status it left with.
# Always: nginx is a direct child in the foreground, so that its end is always seen, and it never outlives this process.

use strict;
use warnings;

use Exporter 'import';
use POSIX qw(WNOHANG);
use Test::More ();
use Test::Nginx::Config qw(config_file error_log pid_file);
use Test::Nginx::Settings qw(%setting bail_out);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(in_words log_tail run_until_listening stop);

use constant { STEP => 0.01, START_SECONDS => 20, TAIL_LINES => 30 };

my ($child, $owner, $running_for);

# The status nginx left with, or nothing once it listens. The pid file tells: nginx writes it when all its sockets listen, and a
# probing connection would leave lines of its own in the logs that a block looks at.
sub run_until_listening {
    my ($block) = @_;
    my $quiet = defined $block->suppress_stderr || defined $block->must_die;
    ($owner, $running_for) = ($$, $block->name);
    unlink pid_file();
    $child = fork // bail_out("fork: $!");
    exec_nginx($quiet) if $child == 0;
    my $until = time + START_SECONDS;
    while (time < $until) {
        my $status = ended();
        return $status if defined $status;
        return if written_pid() == $child;
        sleep STEP;
    }
    stop();
    return bail_out("$running_for - nginx neither listens nor ends\n" . log_tail());
}

sub exec_nginx {
    my ($quiet) = @_;
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null' if $quiet;
    my @command = ($setting{binary}, '-e', error_log(), '-p', "$setting{root}/", '-c', config_file());
    no warnings 'exec';
    exec { $command[0] } @command;
    # Not `exit`: the END blocks belong to the parent.
    POSIX::_exit(127);
}

sub written_pid {
    open my $in, '<', pid_file() or return 0;
    my ($pid) = (<$in> // '') =~ /^(\d+)\n/;
    return $pid // 0;
}

# The wait status once the child has ended, else nothing.
sub ended {
    return if waitpid($child, WNOHANG) != $child;
    my $status = $?;
    undef $child;
    return $status;
}

# A test fails if nginx ended by itself, or not cleanly.
sub stop {
    return if !defined $child || $owner != $$;
    my $status = ended();
    if (defined $status) {
        Test::More::fail("$running_for - nginx ended by itself, " . in_words($status)) or Test::More::diag(log_tail());
        return;
    }
    for my $signal (qw(QUIT TERM KILL)) {
        kill $signal, $child;
        my $until = time + $setting{timeout};
        while (time < $until) {
            $status = ended();
            if (!defined $status) {
                sleep STEP;
                next;
            }
            if ($status != 0 && $signal ne 'KILL') {
                Test::More::fail("$running_for - nginx ended with " . in_words($status)) or Test::More::diag(log_tail());
            }
            return;
        }
        Test::More::diag("$running_for - nginx heeds no SIG$signal");
    }
    return;
}

sub in_words {
    my ($status) = @_;
    return $status & 127 ? 'signal ' . ($status & 127) : 'exit code ' . ($status >> 8);
}

# Debug lines are left out: they hide the others.
sub log_tail {
    open my $in, '<', error_log() or return '';
    my @lines = grep { !/ \[debug\] / } <$in>;
    splice @lines, 0, -TAIL_LINES() if @lines > TAIL_LINES;
    return join '', 'end of ', error_log(), ":\n", @lines;
}

1;
