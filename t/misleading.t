# What reads as one thing and does another: variables that say nothing yet or never say no, requirements that nobody meets, dry runs that nobody
# sees. `nginx -t` refuses what can't be meant, and warns of the rest.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Refusals;
use Authgear::Suite;


my $both = "location = /_auth { internal; return 500; }\nlocation = /_auth/jwks { internal; return 500; }\n";
$both .= "location = / { authgear_require off; return 200; }\n";

# A token is looked for before there is a verdict.

invalid "$_ as the token", server => "authgear_token $_",
    'no token stands in a variable of the module\'s own: write where clients send it, like $arg_access_token'
    for qw($authgear_user_id $authgear_claim_sub $Authgear_Kid $authgear_endpoint);
refused 'a claim of a name of its own as the token', server => "\nlocation /t { authgear_token \$Tenant; }\n",
    2 => '"authgear_token" can\'t take "$tenant", which "authgear_claim_set" defines: it is empty until there is a verdict; write where clients send the token, like $arg_access_token,',
    http_config => "authgear_claim_set \$tenant org id;\n";
taken 'a variable of another name, also one that a map makes of a claim', server => "authgear_token \$made;\n",
    http_config => "authgear_claim_set \$tenant org id;\nmap \$tenant \$made { volatile; default \$arg_access_token; }\n";

# Variables that say "false" where something does not hold, which counts as met.

# never_no(VARIABLE, WHAT-TO-WRITE)
sub never_no {
    my ($variable, $instead) = @_;
    return refused("$variable as a requirement", server => "authgear_require verified $variable;\n",
        1 => qq(invalid value "verified $variable" in "authgear_require" directive, "$variable" is never 0: where it does not hold it is "false", which counts as met; $instead));
}

never_no '$authgear_session_valid', 'write "valid"';
never_no '$authgear_user_verified', 'write "verified"';
never_no '$Authgear_User_Anonymous', 'write "not_anonymous"';
never_no '$authgear_user_can_reauthenticate', 'make "0" of "false" by a map';
never_no '$http_x_authgear_user_verified', 'write "verified"';
taken 'a map of one of them, and variables that say something else', project => $both . <<'PART', http_config => 'map $authgear_user_verified $is_verified { volatile; default 0; true 1; }';
authgear_resolve on;
authgear_require $is_verified $authgear_claim_tenant $authgear_user_id $http_x_authgear_user_roles;
PART

# Requirements that nobody meets.

my $first = '"first_party" of "authgear_require" holds for nobody in ';
my $remote = ', where the resolver judges all tokens by "authgear_resolve remote" of ...part.conf:#: write "on" or "local" there, or require something else';
refused 'first_party where the resolver judges tokens and no cookie of a sign-in counts', project => $both . <<'PART', 7 => qq(${first}the location "/t"$remote);
location /t {
    authgear_resolve remote;
    authgear_credentials bearer app_access_token;
    authgear_require first_party;
}
PART
taken "first_party where $_ counts, too", project => $both . "authgear_resolve remote;\nauthgear_credentials bearer $_;\nauthgear_require first_party;\n"
    for qw(session app_session);
taken 'first_party of tokens that are judged here', project => $both . "authgear_resolve on;\nauthgear_credentials bearer;\nauthgear_require first_party;\n";

my $machine = '"machine" of "authgear_require" admits no machine in the location "/t", as long as only tokens for the endpoint itself count there: name the resource that their tokens are for, by "authgear_audience",';
warned 'machines without a resource', project => $both . <<'PART', 6 => $machine;
authgear_resolve on;
location /t {
    authgear_require machine;
}
PART
taken 'machines with a resource', project => $both . <<'PART';
authgear_resolve on;
authgear_audience https://api.example.com;
location /t { authgear_require machine; }
location /u { authgear_audience $TEST_NGINX_AUTHGEAR; authgear_require machine; }
PART

# Dry runs that nobody sees.

sub unseen {
    my ($level, $where) = (@_, 'the location "/t"');
    return qq("authgear_dry_run" says at level "$level" who would be refused, which the error log of $where leaves out: write "error_log FILE $level;" there, or nobody sees what is tried);
}
my $dry = <<'PART';
authgear_resolve on;
authgear_require valid;
location /t {
    authgear_dry_run on;
}
PART
my @left_out = (log_level => 'warn');
warned 'a dry run whose lines are left out', project => $both . $dry, 7 => unseen('notice'), @left_out;
warned 'one whose lines have a level of their own', project => $both . "authgear_log_level info;\n$dry", 8 => unseen('info'), log_level => 'notice';
warned 'one in a location whose log leaves out what the others have', project => $both . $dry =~ s/dry_run on;/dry_run on; error_log logs\/t.log warn;/r, 7 => unseen('notice');
warned 'one of a whole server, once', project => $both . "authgear_dry_run on;\n" . $dry =~ s/\n.*dry_run on;//r, 4 => unseen('notice'), @left_out,
    'grep_error_log eval' => 'qr/dry_run" says at level/', grep_error_log_out => 'dry_run" says at level';
taken 'a dry run whose lines are written', project => $both . $dry, log_level => 'notice';
taken 'one whose location writes them', project => $both . $dry =~ s/dry_run on;/dry_run on; error_log logs\/t.log notice;/r, @left_out;
taken 'one whose lines are written at the level of the log', project => $both . "authgear_log_level warn;\n$dry", @left_out;
taken 'one that another log tells of', project => $both . $dry, @left_out, http_config => 'log_format tried "$authgear_result";';
taken 'one that is counted', project => $both . "location = /metrics { authgear_require off; authgear_metrics; }\n" . $dry, @left_out;
taken 'one where nothing is required', project => $both . $dry =~ s/require valid/require off/r, @left_out;

spec_string(table());
run_tests();
