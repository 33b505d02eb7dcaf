package Authgear::Suite;

# What t/*.t has of Authgear: one stand-in for each file, started here and ended with it.
#
# Enters: AUTHGEAR_STAND_IN, the stand-in's binary; target/release has it otherwise. Leaves: its addresses in the environment, where the harness finds them as $TEST_NGINX_...
# in a block's configuration, and the functions below, by which a block mints its credentials and makes Authgear fail. Always: each block
# begins without faults and with nothing counted; a stand-in that ended too early fails the file and says how.
#
#   $TEST_NGINX_AUTHGEAR          the project's origin, for authgear_endpoint
#   $TEST_NGINX_AUTHGEAR_HOST     the same without the scheme
#   $TEST_NGINX_AUTHGEAR_ADDRESS  where it listens, HOST:PORT; the same unless `origin` is given
#   $TEST_NGINX_AUTHGEAR_PORT     the port of it
#   $TEST_NGINX_AUTHGEAR_RESOLVER the resolver's own port, as a URL
#   $TEST_NGINX_RESOLVER_ADDRESS  the same without the scheme
#   $TEST_NGINX_ROOT              the checkout
#   $TEST_NGINX_AUTHGEAR_CONF     nginx-conf/authgear.conf, for include
#   $TEST_NGINX_AUTHGEAR_CONTROL  the stand-in's control, as a URL
#   $TEST_NGINX_BACKEND           an echoing backend, as a URL
#   $TEST_NGINX_BACKEND_HOST      the same without the scheme
#   $TEST_NGINX_FASTCGI           an echoing FastCGI responder, HOST:PORT

use strict;
use warnings;

use Exporter       ();
use File::Basename ();
use File::Spec     ();
use HTTP::Tiny     ();
use IPC::Open2     ();
use JSON::PP       ();
use POSIX          ();

our @EXPORT = qw(user token tokens bearer opaque id_token machine_token session revoke change
    fault then_fault clear_fault jwks foreign_jwks serve_jwks rotate drop_old add_key
    count log_of_authgear log_of_backend heard verdict questions reset true false was_given);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $http = HTTP::Tiny->new(timeout => 10);
my ($pid, $owner, $stdin, $stdout, $control, $ended);

# use Authgear::Suite [origin => ORIGIN]: the project's origin where it is not the stand-in's own address.
sub import {
    my ($class, %options) = @_;
    start(%options) unless $pid;
    # Exporter's own import, for the caller of this one.
    @_ = ($class);
    goto &Exporter::import;
}

# The binary where cargo leaves it, built when it is not there yet: so prove can be called by itself.
sub built {
    my ($root) = @_;
    my $binary = "$root/target/release/authgear-stand-in";
    my @build = ('cargo', 'build', '--quiet', '--release', '--locked', '--manifest-path', "$root/Cargo.toml", '--target-dir', "$root/target", '-p', 'authgear-stand-in');
    -x $binary or system(@build) == 0 or die "the stand-in could not be built: @build\n";
    return $binary;
}

sub start {
    my (%options) = @_;
    my $root = File::Spec->rel2abs(File::Spec->catdir(File::Basename::dirname(__FILE__), ('..') x 3));
    my $binary = $ENV{AUTHGEAR_STAND_IN} || built($root);
    my @origin = $options{origin} ? ('--origin', $options{origin}) : ();
    $owner = $$;
    # Both ends stay open as long as it runs: it may write, and it ends when its input does.
    $pid = IPC::Open2::open2($stdout, $stdin, $binary, 'serve', '--exit-on-stdin-eof', '--fastcgi', '127.0.0.1:0', @origin);
    my $line = <$stdout> // die 'it did not say where it listens: ', ending_soon(), "\n";
    my $at = $json->decode($line);
    $control = $at->{control};
    my %names = (
        AUTHGEAR          => $at->{origin},
        AUTHGEAR_RESOLVER => $at->{resolver},
        AUTHGEAR_CONTROL  => $control,
        AUTHGEAR_CONF     => "$root/nginx-conf/authgear.conf",
        ROOT              => $root,
        BACKEND           => $at->{backend},
        FASTCGI           => $at->{fastcgi},
    );
    ($names{AUTHGEAR_HOST})    = $at->{origin} =~ m{//(.*)};
    ($names{AUTHGEAR_ADDRESS}) = $at->{authgear} =~ m{//(.*)};
    ($names{RESOLVER_ADDRESS}) = $at->{resolver} =~ m{//(.*)};
    ($names{AUTHGEAR_PORT})    = $at->{authgear} =~ m{:(\d+)$};
    ($names{BACKEND_HOST})     = $at->{backend} =~ m{//(.*)};
    $ENV{"TEST_NGINX_$_"} = $names{$_} for keys %names;
    require Test::Nginx::Socket;
    Test::Nginx::Socket::add_block_preprocessor(sub { Authgear::Suite::reset() });
    return;
}

# A forked child of the harness must not end what its parent still uses.
END {
    if ($pid && $owner == $$) {
        my $status = $?;
        my $early = ending();
        if (defined $early) {
            warn "$early before the blocks were through\n";
        }
        else {
            close $stdin;
            waitpid $pid, 0;
        }
        $? = $status || defined $early;
    }
}

# How the stand-in ended; nothing while it runs.
sub ending {
    if (!defined $ended && waitpid($pid, POSIX::WNOHANG()) == $pid) {
        $ended = $? & 127 ? 'signal ' . ($? & 127) . ' ended the stand-in' : 'the stand-in ended with exit code ' . ($? >> 8);
    }
    return $ended;
}

# The same where it was not heard: its sockets close a moment before it can be waited for.
sub ending_soon {
    for (1 .. 40) {
        last if defined ending();
        select undef, undef, undef, 0.05;
    }
    return $ended // 'the stand-in still runs';
}

sub call {
    my ($method, $path, $body) = @_;
    my %options = defined $body ? (content => $json->encode($body), headers => { 'content-type' => 'application/json' }) : ();
    return answer($http->request($method, "$control$path", \%options), "$method $path");
}

sub answer {
    my ($answer, $what) = @_;
    # HTTP::Tiny's own status for an answer that never came.
    die "$what: $answer->{content}, and ", ending_soon(), "\n" if $answer->{status} == 599;
    die "$what: $answer->{status} $answer->{content}\n" unless $answer->{success};
    return length $answer->{content} ? $json->decode($answer->{content}) : undef;
}

sub true  { JSON::PP::true }
sub false { JSON::PP::false }

# Users and what they carry. The members are those of the stand-in's control: stand-in/README.md.

# -> the user's id
sub user { my %members = @_; return call(POST => '/users', \%members)->{id} }

# change(ID, barred => true): later news of a user.
sub change { my ($id, %members) = @_; return call(PATCH => "/users/$id", \%members) }

# -> a token
sub token { my %members = @_; return call(POST => '/tokens', \%members)->{token} }
sub opaque { return token(jwt => false, @_) }
sub id_token      { my %members = @_; return call(POST => '/id-tokens',      \%members)->{token} }
sub machine_token { my %members = @_; return call(POST => '/machine-tokens', \%members)->{token} }

# tokens(COUNT, ...) -> so many
sub tokens { my ($count, %members) = @_; return @{ call(POST => '/tokens', { count => $count, %members })->{tokens} } }

# The header that carries a token: a token of `token`'s members, unless one is given.
sub bearer { return 'Authorization: Bearer ' . (@_ == 1 ? $_[0] : token(@_)) }

# session(kind => 'app_session', ...) -> NAME=VALUE, for a Cookie header
# Values that were given out.
my %given;

sub session {
    my %members = @_;
    my $cookie = call(POST => '/sessions', \%members)->{cookie};
    $given{ $cookie =~ s/^.*?=//r } = 1;
    return $cookie;
}

# Whether `session` gave somebody this value.
sub was_given { my ($value) = @_; return $given{$value} }


# Ends a token, or a cookie given as NAME=VALUE, at the server.
sub revoke {
    my ($value) = @_;
    $value =~ s/^(?:session|app_session|app_access_token)=//;
    return call(POST => '/revoke', { value => $value });
}

# What Authgear does wrong from now on: fault(target => 'resolver', kind => 'status', status => 500).
sub fault      { my %members = @_; return call(PUT  => '/fault', \%members) }
sub then_fault { my %members = @_; return call(POST => '/fault', \%members) }
sub clear_fault { return call(DELETE => '/fault') }

# Keys.

# -> the key set's text, as published
sub jwks {
    my $answer = $http->get("$control/jwks.json");
    answer($answer, 'GET /jwks.json');
    return $answer->{content};
}

# -> a key set of Authgear's own form that vouches for none of its tokens
sub foreign_jwks {
    # The stand-in makes that key when it is first asked to sign.
    token(key => 'foreign');
    my ($foreign) = grep { $_->{state} eq 'foreign' } @{ call(GET => '/keys') };
    return $json->encode({ keys => [ $foreign->{jwk} ] });
}

# Publishes these bytes in its place, until the next block.
sub serve_jwks {
    my ($bytes, $status) = @_;
    my $answer = $http->request(PUT => "$control/jwks?status=" . ($status // 200),
        { content => $bytes, headers => { 'content-type' => 'application/json' } });
    return answer($answer, 'PUT /jwks');
}

# -> the new current key's kid
sub rotate { return call(POST => '/keys/rotate', {})->{kid} }
sub drop_old { return call(POST => '/keys/drop-old', {}) }
sub add_key { my %members = @_; return call(POST => '/keys', \%members)->{kid} }

# What was seen.

sub count           { return call(GET => '/count') }
sub log_of_authgear { return @{ call(GET => '/log') } }
sub log_of_backend  { return @{ call(GET => '/backend/log') } }

# For `response_body_filters`: adds to an answer's body who was asked in this block so far.
sub heard {
    my ($body) = @_;
    my $count = count();
    return "${body}heard: backend $count->{backend}, resolver $count->{resolver}, keys $count->{jwks}\n";
}

# For `response_body_filters`: whom the backend was told of, and who was asked in this block so far: `alice (backend 1, resolver 0)`.
# In place of the user, `invalid` for a credential that does not hold, `nobody` without one, `refused` for an answer that is not the backend's.
sub verdict {
    my ($body) = @_;
    my ($valid) = $body =~ /^x-authgear-session-valid: (.*)$/m;
    my ($user)  = $body =~ /^x-authgear-user-id: (.*)$/m;
    my $who =
          $body !~ m{\A[A-Z]+ /}               ? 'refused'
        : !defined $valid && !defined $user    ? 'nobody'
        : ($valid // '') eq 'true'             ? $user // 'true without a user'
        : ($valid // '') eq 'false' && !$user  ? 'invalid'
        :                                        'contradiction';
    my $count = count();
    return "$who (backend $count->{backend}, resolver $count->{resolver})\n";
}

# For `response_body_filters`: the body is what the resolver was sent in this block, request by request.
sub questions {
    my $text = '';
    for my $entry (grep { $_->{target} eq 'resolver' } log_of_authgear()) {
        $text .= "$entry->{method} $entry->{path}\n" . join '', map { "$_->[0]: $_->[1]\n" } @{ $entry->{headers} };
        $text .= "body-length: $entry->{body_length}\n\n";
    }
    return $text;
}

sub reset {
    clear_fault();
    call(DELETE => '/jwks');
    call(DELETE => '/log');
    call(DELETE => '/backend/log');
    return;
}

1;
