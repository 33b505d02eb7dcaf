//! Other modules lead a request on, or ask for something of their own: none of them gets into a location
//! whose requirements do not hold.

use authgear_scenarios::client::Request;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

use crate::everything::{setup, Loaded};

/// Each way from a location of its own into `/area` or `@named`, with resolving on where it begins.
const WAYS: &str = r#"
    location /area { authgear_resolve on; authgear_require role=editor; proxy_pass http://%BACKEND%; }
    location @named { authgear_resolve on; authgear_require role=editor; proxy_pass http://%BACKEND%; }
    location /way/ {
        authgear_resolve on;
        location = /way/lua/capture { content_by_lua_block { local a = ngx.location.capture("/area"); ngx.status = a.status; ngx.print(a.body) } }
        location = /way/lua/capture-put {
            content_by_lua_block {
                local a = ngx.location.capture("/area", { method = ngx.HTTP_PUT, body = "x", share_all_vars = true })
                ngx.status = a.status
                ngx.print(a.body)
            }
        }
        location = /way/lua/exec { content_by_lua_block { ngx.exec("/area") } }
        location = /way/lua/exec-named { content_by_lua_block { ngx.exec("@named") } }
        location = /way/lua/exec-early { access_by_lua_block { ngx.exec("@named") } }
        location = /way/lua/rewritten { rewrite_by_lua_block { ngx.req.set_uri("/area", true) } }
        location = /way/lua/method { content_by_lua_block { ngx.req.set_method(ngx.HTTP_OPTIONS); ngx.exec("@named") } }
        location = /way/lua/admitted { access_by_lua_block { ngx.exit(ngx.OK) } try_files /none @named; }
        location = /way/njs/subrequest { js_content reader.area; }
        location = /way/njs/redirect { js_content reader.leads; }
        location = /way/njs/redirect-to { set $args to=/area; js_content reader.leads; }
        location = /way/echo/exec { echo_exec @named; }
        location = /way/echo/exec-uri { echo_exec /area; }
    }
    # Those whose own answer is a 200 whatever the part that they ask for was.
    location = /part/echo { authgear_resolve on; echo_location /area; }
    location = /part/echo-async { authgear_resolve on; echo_location_async /area; }
    location = /part/echo-subrequest { authgear_resolve on; echo_subrequest PUT /area; }
    location = /part/lua-in-two { authgear_resolve on; content_by_lua_block { local a, b = ngx.location.capture_multi{{"/area"}, {"/area"}}; ngx.print(a.body, b.body) } }
    location = /part/perl {
        authgear_resolve on;
        perl 'sub { my $r = shift; $r->internal_redirect("/area"); return OK; }';
    }
    location = /held/lua { authgear_resolve on; authgear_require role=editor; access_by_lua_block { ngx.exit(ngx.OK) } proxy_pass http://%BACKEND%; }
    location = /held/any { satisfy any; authgear_resolve on; authgear_require role=editor; access_by_lua_block { ngx.exit(403) } proxy_pass http://%BACKEND%; }
"#;

fn paths(begin: &str) -> Vec<&'static str> {
    let lines = WAYS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("location = "));
    let paths = lines.filter_map(|line| line.split_whitespace().next());
    paths.filter(|path| path.starts_with(begin)).collect()
}

fn of_role(fixture: &Fixture, role: &str) -> Credential {
    let user = fixture.stand_in.user(&json!({ "roles": [role] }));
    fixture.stand_in.token(&json!({ "user": user }))
}

fn backend_heard(fixture: &Fixture) -> usize {
    fixture.stand_in.backend_log().len()
}

fn nobody_gets_in_who_may_not(ours: Loaded) {
    setup(ours).server(WAYS).run(|fixture| {
        fixture.await_keys();
        let editor = of_role(fixture, "editor");
        let other = of_role(fixture, "reader");
        let strangers = |path: &str| [request_with(path, &other), Request::get(path)];
        for path in [paths("/way/"), paths("/part/"), paths("/held/")].concat() {
            let before = backend_heard(fixture);
            for request in strangers(path) {
                let answer = request.send(fixture.port());
                assert!(
                    path.starts_with("/part/") || matches!(answer.status, 401 | 403),
                    "{path}: {answer:?}"
                );
                assert!(!answer.body.contains("x-authgear-user-id"), "{path}: {answer:?}");
            }
            assert_eq!(backend_heard(fixture), before, "{path}: the backend heard of it");
            request_with(path, &editor).send(fixture.port());
            assert_ne!(backend_heard(fixture), before, "{path}: who may enter gets in");
        }
    });
}

#[test]
fn no_module_gets_in_who_may_not_with_ours_loaded_first() {
    nobody_gets_in_who_may_not(Loaded::First);
}

#[test]
fn no_module_gets_in_who_may_not_with_ours_loaded_last() {
    nobody_gets_in_who_may_not(Loaded::Last);
}
