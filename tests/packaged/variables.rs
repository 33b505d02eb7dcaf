//! The variables of a verdict, as Lua, njs and Perl read them: by names that no line of the configuration
//! has.

use authgear_scenarios::client::{Answer, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

const MODULES: &str = "load_module /usr/lib/nginx/modules/ndk_http_module.so;
    load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
    load_module /usr/lib/nginx/modules/ngx_http_js_module.so;
    load_module /usr/lib/nginx/modules/ngx_http_perl_module.so;";

const SERVER: &str = r#"
    authgear_resolve on;
    location = /lua {
        rewrite_by_lua_block { ngx.ctx.early = said() }
        access_by_lua_block { ngx.ctx.access = said() }
        content_by_lua_block { ngx.say(said(), " early ", ngx.ctx.early, " access ", ngx.ctx.access) }
        log_by_lua_block { ngx.shared.logged:set("last", said()) }
    }
    location = /njs { js_content reader.variables; }
    location = /perl {
        perl 'sub {
            my $r = shift;
            $r->send_http_header("text/plain");
            $r->print(join "|", map { $r->variable("authgear_$_") // "" } qw(user_id claim_tenant source result));
            return OK;
        }';
    }
    location = /part { internal; content_by_lua_block { ngx.say(said()) } }
    location = /lua/capture { content_by_lua_block { ngx.print(ngx.location.capture("/part").body) } }
    location = /replaced/lua {
        content_by_lua_block { ngx.req.set_header("Authorization", ngx.var.http_x_other); ngx.say(said()) }
    }
    location = /replaced/cookie {
        content_by_lua_block { ngx.req.set_header("Cookie", "app_access_token=" .. ngx.var.http_x_other); ngx.say(said()) }
    }
    location = /admitted {
        satisfy any;
        authgear_require role=nobody-has-it;
        access_by_lua_block { ngx.exit(ngx.OK) }
        content_by_lua_block { ngx.say(said(), "|", ngx.var.authgear_reason or "") }
    }
    location = /logged { authgear_resolve off; content_by_lua_block { ngx.print(ngx.shared.logged:get("last")) } }
    location = /refused {
        authgear_require role=nobody-has-it;
        log_by_lua_block { ngx.shared.logged:set("last", said() .. "|" .. ngx.var.authgear_reason) }
        proxy_pass http://%BACKEND%;
    }
"#;

fn setup() -> Setup {
    let lua = r#"init_by_lua_block {
        function said()
            local var = ngx.var
            local all = { var.authgear_user_id, var.authgear_claim_tenant, var.authgear_source, var.authgear_result }
            for at = 1, 4 do all[at] = all[at] or "" end
            return table.concat(all, "|")
        end
    }"#;
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/packaged");
    let njs = format!("js_import reader from {here}/reader.js;");
    Setup::new()
        .main(MODULES)
        .http(&format!("lua_shared_dict logged 1m;\n{lua}\n{njs}"))
        .server(SERVER)
}

fn of_tenant(fixture: &Fixture, tenant: &str) -> Credential {
    fixture.stand_in.token(&json!({ "claims": { "tenant": tenant } }))
}

fn ask(fixture: &Fixture, path: &str, credential: &Credential) -> Answer {
    request_with(path, credential).send(fixture.port())
}

/// A request is logged after its answer was sent.
fn await_logged(fixture: &Fixture, wanted: &str) {
    soon("it is logged", || {
        Request::get("/logged").send(fixture.port()).body == wanted
    });
}

#[test]
fn lua_njs_and_perl_read_them_once_there_is_a_verdict() {
    setup().run(|fixture| {
        fixture.await_keys();
        let token = of_tenant(fixture, "acme");
        let user = &token.user;
        ask(fixture, "/lua", &token);
        let by_token = format!("{user}|acme|token_cache|PASSED");
        let lua = ask(fixture, "/lua", &token);
        assert_eq!(
            lua.body,
            format!("{by_token} early ||| access {by_token}\n"),
            "{lua:?}"
        );
        await_logged(fixture, &by_token);
        for path in ["/njs", "/perl", "/lua/capture"] {
            let answer = ask(fixture, path, &token);
            assert_eq!(answer.body.trim_end(), by_token, "{path}: {answer:?}");
        }
        for credential in [fixture.stand_in.opaque(), fixture.stand_in.session()] {
            for path in ["/njs", "/perl", "/lua/capture"] {
                let answer = ask(fixture, path, &credential);
                let wanted = format!("{}||resolver|PASSED", credential.user);
                assert_eq!(answer.body.trim_end(), wanted, "{path}: {answer:?}");
            }
        }
        let nobody = Request::get("/njs").send(fixture.port());
        assert_eq!(nobody.body.trim_end(), "|||PASSED", "{nobody:?}");
    });
}

#[test]
fn they_are_there_when_a_refusal_is_logged() {
    setup().run(|fixture| {
        fixture.await_keys();
        let token = of_tenant(fixture, "acme");
        assert_eq!(ask(fixture, "/refused", &token).status, 403);
        await_logged(
            fixture,
            &format!("{}|acme|token|REJECTED|missing_role", token.user),
        );
    });
}

#[test]
fn whom_lua_admits_after_us_has_passed() {
    setup().run(|fixture| {
        fixture.await_keys();
        let token = of_tenant(fixture, "acme");
        let answer = ask(fixture, "/admitted", &token);
        assert_eq!(
            answer.body,
            format!("{}|acme|token|PASSED|\n", token.user),
            "{answer:?}"
        );
    });
}

#[test]
fn no_claim_is_read_of_a_credential_that_another_module_has_put_there_since() {
    setup().run(|fixture| {
        fixture.await_keys();
        let token = of_tenant(fixture, "acme");
        let unsigned = json!({ "user": token.user, "claims": { "tenant": "mallory" }, "key": "foreign" });
        let other = fixture.stand_in.token(&unsigned).value;
        let cookie = fixture
            .stand_in
            .cookie(&json!({ "kind": "app_access_token", "claims": { "tenant": "acme" } }));
        for (path, credential) in [("/replaced/lua", &token), ("/replaced/cookie", &cookie)] {
            let asked = request_with(path, credential).with("X-Other", &other);
            let answer = asked.send(fixture.port());
            let wanted = format!("{}||token|PASSED\n", credential.user);
            assert_eq!(answer.body, wanted, "{path}: {answer:?}");
        }
    });
}
