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

# What `openssl ca` wants to know before it makes an empty list of revoked certificates.
sub authority {
    for (['index', ''], ['number', "01\n"], ['authority', "[ca]\ndefault_ca = one\n[one]\ndatabase = $dir/index\ncrlnumber = $dir/number\ndefault_md = sha256\n"]) {
        my ($name, $text) = @$_;
        open my $out, '>', "$dir/$name" or die "$dir: $!\n";
        print {$out} $text;
        close $out;
    }
    return "$dir/authority";
}

sub chain { return system("cd $dir && cat @_ > chain-$_[0]") == 0 || die "$dir: no chain\n" }

certify('root',  undef,   'basicConstraints=critical,CA:true');
certify('one',   'root',  'basicConstraints=critical,CA:true');
certify('two',   'one',   'basicConstraints=critical,CA:true');
certify('three', 'two',   'basicConstraints=critical,CA:true');
certify('good',  'three', 'subjectAltName=DNS:authgear.test');
certify('other', 'three', 'subjectAltName=DNS:elsewhere.test');
certify('mine',  'root',  'subjectAltName=DNS:mine.test');
openssl("ca -gencrl -keyfile $dir/other.key -cert $dir/other.crt -out $dir/other.crl -crldays 2 -config " . authority());
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

# The same, where each request comes on a connection of its own, by one protocol and one kind of cipher; it tells who asked.
sub strict_front {
    return front('good') =~ s{ssl;}{ssl; ssl_protocols TLSv1.2; ssl_ciphers ECDHE+AESGCM; ssl_verify_client optional_no_ca; keepalive_requests 1; ssl_session_cache shared:front:1m;}r
        =~ s{Seen "[^"]*"}{Seen "\$ssl_server_name by \$ssl_protocol, certificate '\$ssl_client_s_dn', reused '\$ssl_session_reused'"}r;
}

# Everything about TLS that a server can hand down, each to the worst.
sub hostile {
    return <<"END";
    proxy_ssl_trusted_certificate $dir/mine.crt;
    proxy_ssl_verify off;
    proxy_ssl_verify_depth 1;
    proxy_ssl_crl $dir/other.crl;
    proxy_ssl_server_name off;
    proxy_ssl_name elsewhere.test;
    proxy_ssl_protocols TLSv1.3;
    proxy_ssl_ciphers AES128-SHA;
    proxy_ssl_session_reuse off;
    proxy_ssl_conf_command MinProtocol TLSv1.3;
    proxy_ssl_certificate $dir/mine.crt;
    proxy_ssl_certificate_key $dir/mine.key;
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



=== TEST 5: what the server around says of TLS is not heard
--- http_config eval
::strict_front()
--- config eval
"authgear_endpoint https://authgear.test; include ../html/authgear.conf;" . ::hostile() . "location / { authgear_resolve on; proxy_pass \$TEST_NGINX_BACKEND; }"
--- request eval
[("GET /t") x 2]
--- more_headers eval
[$::local, $::remote]
--- response_body_filters eval
sub { ::verdict(@_) . ::text(map { "$_->{path} $_->{seen}{seen}\n" } map { +{ %$_, seen => { map { @$_ } @{ $_->{headers} } } } } ::log_of_authgear()) }
--- response_body eval
my ($keys, $question) = map { "$_ authgear.test by TLSv1.2, certificate '', reused " } '/oauth2/jwks', '/_resolver/resolve';
["alice (backend 1, resolver 0)\n$keys'.'\n", "alice (backend 2, resolver 1)\n$keys'.'\n${question}'r'\n"]
