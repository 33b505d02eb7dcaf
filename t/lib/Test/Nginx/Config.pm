package Test::Nginx::Config;

# In: a block's config sections and files. Out: a fresh server root on disk with its nginx.conf.
# Always: nothing but what was made here is left in or removed from the server root.

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use Test::Nginx::Settings qw(%setting bail_out expand);

our @EXPORT_OK = qw(access_log config_file error_log html_dir pid_file remove_root write_root write_user_files);

use constant TEMPORARY => qw(client_body proxy fastcgi scgi uwsgi);

sub html_dir    { return "$setting{root}/html" }
sub config_file { return "$setting{root}/conf/nginx.conf" }
sub error_log   { return "$setting{root}/logs/error.log" }
sub access_log  { return "$setting{root}/logs/access.log" }
sub pid_file    { return "$setting{root}/logs/nginx.pid" }

# Only these names: TEST_NGINX_SERVROOT may point at a directory that holds more, and then `rmdir` refuses.
sub remove_root {
    my $root = $setting{root};
    return 1 if !-d $root;
    remove_tree((map { "$root/$_" } qw(conf html logs cache)), glob("$root/*_temp $root/*_cache"));
    return rmdir $root;
}

sub write_root {
    my ($block, $config) = @_;
    remove_root() or bail_out("$setting{root} holds files that are not a test's: $!");
    make_path(map { "$setting{root}/$_" } qw(conf html logs));
    write_file(html_dir() . '/index.html', '<html><head><title>It works!</title></head><body>It works!</body></html>');
    if (defined $block->post_setup_server_root) {
        eval $block->post_setup_server_root;
        bail_out($block->name . " - post_setup_server_root: $@") if $@;
    }
    write_user_files($block);
    write_file(config_file(), nginx_conf($block, $config));
    return;
}

sub write_file {
    my ($path, $body) = @_;
    make_path(dirname($path));
    open my $out, '>:raw', $path or bail_out("$path: $!");
    print {$out} $body;
    close $out or bail_out("$path: $!");
    return;
}

# A `>>> NAME` line opens each file; an array gives [NAME, BODY] pairs.
sub write_user_files {
    my ($block) = @_;
    my $files = $block->user_files;
    return if !defined $files;
    my $name = $block->name;
    if (!ref $files) {
        my ($before, @parts) = split /^>>> (\S+)[ \t]*(.*)\n/m, $files;
        bail_out("$name - user_files: no `>>> NAME` first") if length $before;
        my @list;
        while (my ($file, $date, $body) = splice @parts, 0, 3) {
            bail_out("$name - user_files: dates are not supported") if length $date;
            push @list, [ $file, $body // '' ];
        }
        $files = \@list;
    }
    for my $file (@$files) {
        my ($path, $body) = @$file;
        $path = html_dir() . "/$path" if $path !~ m{^/};
        write_file($path, expand($body // '', $name));
    }
    return;
}

sub nginx_conf {
    my ($block, $config) = @_;
    my $name = $block->name;
    my ($main, $http, $post_main) = map { expand(scalar $block->$_, $name) // '' } qw(main_config http_config post_main_config);
    my $modules   = join '', map { "load_module $_;\n" } @{ $setting{modules} };
    my $env       = join '', map { /\s/ ? "env '$_';\n" : "env $_;\n" } qw(ASAN_OPTIONS LD_LIBRARY_PATH LD_PRELOAD), @{ $setting{env} };
    my $temporary = join '', map { $http =~ /\b${_}_temp_path\b/ ? '' : "    ${_}_temp_path $setting{root}/${_}_temp;\n" } TEMPORARY;
    my $user      = $> == 0 ? "user root;\n" : '';
    my $log_level = $block->log_level || $setting{log_level};
    my $root_location = $setting{root_location} ? 'location / { root ' . html_dir() . '; index index.html index.htm; }' : '';
    my ($error_log, $access_log, $pid_file) = (error_log(), access_log(), pid_file());
    return <<"CONF";
worker_processes $setting{workers};
daemon off;
master_process $setting{master_process};
error_log $error_log $log_level;
pid $pid_file;
$user$env
$modules
$main

http {
    access_log $access_log;
$temporary
    default_type text/plain;
    keepalive_timeout 68000ms;

$http
    server {
        listen $setting{port};
        server_name '$setting{name}';
        client_max_body_size 30M;

$setting{preamble}
$config
        $root_location
    }
}

$post_main

events {
    accept_mutex off;
    worker_connections $setting{worker_connections};
}
CONF
}

1;
