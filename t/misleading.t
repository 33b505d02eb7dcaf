# What reads as one thing and does another: variables that say nothing yet or never say no. `nginx -t` refuses it.

use Test::Nginx::Socket 'no_plan';
use lib 't/lib';
use Authgear::Refusals;
use Authgear::Suite;


# A token is looked for before there is a verdict.

invalid "$_ as the token", server => "authgear_token $_",
    'no token stands in a variable of the module\'s own: write where clients send it, like $arg_access_token'
    for qw($authgear_user_id $authgear_claim_sub $Authgear_Kid $authgear_endpoint);
refused 'a claim of a name of its own as the token', server => "\nlocation /t { authgear_token \$Tenant; }\n",
    2 => '"authgear_token" can\'t take "$tenant", which "authgear_claim_set" defines: it is empty until there is a verdict; write where clients send the token, like $arg_access_token,',
    http_config => "authgear_claim_set \$tenant org id;\n";
taken 'a variable of another name, also one that a map makes of a claim', server => "authgear_token \$made;\n",
    http_config => "authgear_claim_set \$tenant org id;\nmap \$tenant \$made { volatile; default \$arg_access_token; }\n";

spec_string(table());
run_tests();
