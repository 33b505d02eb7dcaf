package Authgear::Apart;

# A port and a server root of its own for a file of t/, so that several can run at once: loaded before the file, by `perl -MAuthgear::Apart`.
#
# Enters: this process's id. Leaves: TEST_NGINX_PORT and TEST_NGINX_SERVROOT, unless they are given. Always: the server root of a file that
# passed is gone when the file ends; one that failed is left for a look.

use strict;
use warnings;

use File::Path       ();
use File::Spec       ();
use IO::Socket::INET ();

# Below the kernel's usual range for outgoing connections: one of those could hold the port while nginx starts anew for the next block.
use constant { FIRST_PORT => 10_000, PORTS => 22_000 };

# Files that run at once have different ids.
sub free_port {
    for my $port (map { FIRST_PORT + ($$ + $_) % PORTS } 0 .. PORTS - 1) {
        return $port if IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1);
    }
    die "no free port\n";
}

my $owner = $$;
my $port  = $ENV{TEST_NGINX_PORT} //= free_port();
my $root  = $ENV{TEST_NGINX_SERVROOT} //= File::Spec->rel2abs("t/servroot_$port");

# The first END to be written is the last to run: nginx has ended by now.
END {
    if ($$ == $owner && $? == 0) {
        local $?;
        File::Path::remove_tree($root);
    }
}

1;
