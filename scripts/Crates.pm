package Crates;

# What is compiled into the module's .so, for scripts/copyright and scripts/sbom: from `cargo tree`, `cargo metadata` and Cargo.lock.
#
# Enters: the checkout, with the crates in cargo's registry or in a directory that cargo's configuration puts in its place. Leaves: `linked`
# and `library`, and what both scripts need besides. Always: normal dependencies alone, as they are compiled for one platform. What only runs
# while building (build scripts, macros) and what only tests use is not in the module.

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename dirname);
use JSON::PP qw(decode_json);

our @EXPORT_OK = qw($root fail usage contents linked library platform_of);
our $root = abs_path(dirname(__FILE__) . '/..');

my $module = 'ngx_http_authgear_module';

sub fail {
    my ($sentence) = @_;
    die basename($0), ": $sentence\n";
}

# The header comment of a script is its usage text.
sub usage {
    my ($header) = contents($0) =~ /^#!.*\n((?:#.*\n)+)/;
    print $header =~ s/^# ?//mgr;
    exit 0;
}

sub contents {
    my ($file) = @_;
    open my $handle, '<:encoding(UTF-8)', $file or fail("$file: $!");
    local $/;
    return <$handle>;
}

# What a command says on stdout, as bytes.
sub said {
    my @command = @_;
    open my $output, '-|', @command or fail("$command[0] cannot be run: $!");
    local $/;
    my $said = <$output>;
    close $output or fail("`@command` failed");
    return $said;
}

# In the checkout, for there lies the configuration that says where crates come from.
sub cargo {
    my ($command, @arguments) = @_;
    return said('env', '-C', $root, 'cargo', $command, '--locked', '--manifest-path', "$root/Cargo.toml", @arguments);
}

# What `rustc -vV` says of that name.
sub rustc {
    my ($name) = @_;
    my ($value) = said('rustc', '-vV') =~ /^\Q$name\E: (\S+)/m or fail("rustc does not say its $name");
    return $value;
}

# The platform that was asked for, or this machine's own.
sub platform_of {
    my ($given) = @_;
    return $given // $ENV{CARGO_BUILD_TARGET} // rustc('host');
}

# Rust's standard library, which is compiled in like a crate and is in no list of crates.
sub library {
    return { name => 'std', version => rustc('release'), license => 'MIT OR Apache-2.0', repository => 'https://github.com/rust-lang/rust' };
}

# The checksum of each crate that comes from a registry, by "NAME VERSION".
sub checksums {
    my %checksums;
    for my $package (split /^\[\[package\]\]\n/m, contents("$root/Cargo.lock")) {
        my %of = $package =~ /^(name|version|checksum) = "(.*)"$/mg;
        $checksums{"$of{name} $of{version}"} = $of{checksum} if $of{checksum};
    }
    return \%checksums;
}

# Which crates are linked, by "NAME VERSION", and which of them each one uses. `cargo metadata` would name the features that any package
# of the workspace turns on, and so crates that the module does not have.
sub tree {
    my ($platform) = @_;
    my (%uses, @above);
    my $text = cargo('tree', '--package', $module, '--edges', 'normal,no-proc-macro', '--target', $platform, '--prefix', 'depth',
        '--format', ' {p}');
    for (split /\n/, $text) {
        my ($depth, $name, $version) = /^(\d+) (\S+) v(\S+)/ or fail("`cargo tree` says what is not understood here: $_");
        my $id = "$name $version";
        $uses{$id} //= {};
        $uses{ $above[$depth - 1] }{$id} = 1 if $depth > 0;
        $above[$depth] = $id;
    }
    return \%uses;
}

# The linked crates, the module itself among them, by "NAME VERSION": what `cargo metadata` says of each, with `uses`, `checksum` (when it is
# from a registry) and `directory`, where it lies.
sub linked {
    my ($platform) = @_;
    my $uses = tree($platform);
    my $checksums = checksums();
    my $packages = decode_json(cargo('metadata', '--format-version', '1', '--filter-platform', $platform))->{packages};
    my %linked;
    for my $package (@$packages) {
        my $id = "$package->{name} $package->{version}";
        next if !$uses->{$id};
        fail("$id is there twice, from two sources, and only one of them is linked") if $linked{$id};
        fail("$id comes from a registry, but Cargo.lock has no checksum of it") if $package->{source} && !$checksums->{$id};
        $linked{$id} = {
            %$package,
            uses => [sort keys %{ $uses->{$id} }],
            checksum => $checksums->{$id},
            directory => dirname($package->{manifest_path}),
        };
    }
    for (sort keys %$uses) {
        fail("$_ is linked, but `cargo metadata` does not have it") if !$linked{$_};
    }
    return \%linked;
}

1;
