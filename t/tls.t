# The endpoint over TLS, by nginx-conf/authgear.conf: connections are kept, the name is sent (SNI), and nobody is believed whose certificate
# does not lead to a trusted one for that name.

use Test::Nginx::Socket;
use lib 't/lib';
use Authgear::Suite origin => 'https://authgear.test';
use Authgear::Echo;
use File::Temp ();

plan(skip_all => 'openssl is not installed') if system('openssl version >/dev/null 2>&1');
plan('no_plan');

our $dir = File::Temp->newdir;

sub openssl {
    my (@arguments) = @_;
    system("openssl @arguments >>$dir/log 2>&1") == 0 or die "openssl @arguments: see $dir/log\n";
    return;
}

# certify(NAME, ISSUER, EXTENSION): a key and a certificate; without an issuer it is self-signed.
sub certify {
    my ($name, $issuer, $extension) = @_;
    open my $out, '>', "$dir/$name.ext" or die "$dir: $!\n";
    print {$out} "$extension\n";
    close $out;
    openssl("req -newkey rsa:2048 -nodes -keyout $dir/$name.key -out $dir/$name.csr -subj /CN=$name");
    my $by = $issuer ? "-CA $dir/$issuer.crt -CAkey $dir/$issuer.key -CAcreateserial" : "-signkey $dir/$name.key";
    openssl("x509 -req -in $dir/$name.csr -out $dir/$name.crt -days 2 -extfile $dir/$name.ext $by");
    return;
}

sub chain { return system("cd $dir && cat @_ > chain-$_[0]") == 0 || die "$dir: no chain\n" }

certify('root',  undef,   'basicConstraints=critical,CA:true');
certify('one',   'root',  'basicConstraints=critical,CA:true');
certify('two',   'one',   'basicConstraints=critical,CA:true');
certify('three', 'two',   'basicConstraints=critical,CA:true');
certify('good',  'three', 'subjectAltName=DNS:authgear.test');
certify('other', 'three', 'subjectAltName=DNS:elsewhere.test');
chain("$_.crt", 'three.crt', 'two.crt', 'one.crt') for qw(good other);

user(id => 'alice');
our $local = bearer(user => 'alice');
our $remote = bearer(opaque(user => 'alice'));

# Authgear behind TLS, with one of the certificates; it tells the stand-in which name it was asked for, and on which connection.
sub front {
    my ($certificate) = @_;
    return <<"END";
    upstream authgear.test { server 127.0.0.1:\$TEST_NGINX_RAND_PORT_1; keepalive 4; }
    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1 ssl;
        ssl_certificate $dir/chain-$certificate.crt;
        ssl_certificate_key $dir/$certificate.key;
        location / {
            proxy_pass http://\$TEST_NGINX_AUTHGEAR_ADDRESS;
            proxy_set_header Host \$http_host;
            proxy_set_header X-Forwarded-Proto \$http_x_forwarded_proto;
            proxy_set_header Seen "\$ssl_server_name request \$connection_requests";
        }
    }
END
}

# The shipped file as it is, but for the certificates that are trusted.
sub shipped {
    open my $in, '<', $ENV{TEST_NGINX_AUTHGEAR_CONF} or die "$ENV{TEST_NGINX_AUTHGEAR_CONF}: $!\n";
    my $text = do { local $/; <$in> };
    $text =~ s{/etc/ssl/certs/ca-certificates\.crt}{$dir/root.crt}g or die "authgear.conf names no trusted certificates\n";
    return ">>> authgear.conf\n$text";
}

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value(config => <<'END') unless defined $block->config;
    authgear_endpoint https://authgear.test;
    include ../html/authgear.conf;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
END
    $block->set_value(user_files => shipped()) unless defined $block->user_files;
});

no_root_location();
run_tests();

__DATA__

=== TEST 1: keys and answers come over TLS, by the endpoint's name, on a connection that is kept
--- http_config eval
::front('good')
--- request eval
[("GET /t") x 3]
--- more_headers eval
[$::local, $::remote, $::remote]
--- response_body_filters eval
sub { ::verdict(@_) . ::text(map { "$_->{path} $_->{seen}{seen}\n" } map { +{ %$_, seen => { map { @$_ } @{ $_->{headers} } } } } ::log_of_authgear()) }
--- response_body eval
my @seen = ("/oauth2/jwks authgear.test request 1\n", "/_resolver/resolve authgear.test request 2\n", "/_resolver/resolve authgear.test request 3\n");
["alice (backend 1, resolver 0)\n$seen[0]", "alice (backend 2, resolver 1)\n$seen[0]$seen[1]", "alice (backend 3, resolver 2)\n$seen[0]$seen[1]$seen[2]"]



=== TEST 2: the shipped file as it is trusts the machine's certificates, which vouch for no such server
--- http_config eval
::front('good')
--- config
    authgear_endpoint https://authgear.test;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve on; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::remote
--- error_code: 503
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 0)
--- error_log
upstream SSL certificate verify error
authgear: no verdict could be had



=== TEST 3: nor does a key set come from it
--- http_config eval
::front('good')
--- config
    authgear_endpoint https://authgear.test;
    include $TEST_NGINX_AUTHGEAR_CONF;
    location / { authgear_resolve local; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
$::local
--- error_code: 503
--- response_body_filters eval
sub { ::verdict(@_) . ::heard('') }
--- response_body
refused (backend 0, resolver 0)
heard: backend 0, resolver 0, keys 0
--- error_log
upstream SSL certificate verify error
authgear: no verdict could be had: no_keys



=== TEST 4: a certificate for another name
--- http_config eval
::front('other')
--- request
GET /t
--- more_headers eval
$::remote
--- error_code: 503
--- response_body_filters eval
\&::verdict
--- response_body
refused (backend 0, resolver 0)
--- error_log
upstream SSL certificate does not match "authgear.test"
authgear: no verdict could be had
