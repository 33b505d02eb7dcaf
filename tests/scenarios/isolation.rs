//! Two projects, two servers of one project, and what a server says around: none of it shares or changes what
//! is known.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Answer, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{
    await_questions, prove, prove_at, use_until_invalid, use_until_roles, with_roles, HEARD,
};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{now, request_with, Credential, StandIn};
use serde_json::json;

const OLDER_THAN_MAX: Duration = Duration::from_millis(3300);
const BOUND: &str =
    "location /bound { authgear_resolve on; authgear_revalidate 1s max=3s; proxy_pass http://%BACKEND%; }";

fn send(fixture: &Fixture, host: &str, path: &str, credential: &Credential) -> Answer {
    request_with(path, credential)
        .with("Host", host)
        .send(fixture.port())
}

#[test]
fn two_projects_never_share_a_remembered_answer() {
    let other = StandIn::start(&[]);
    let cached = "location / { authgear_resolve on; authgear_cache_valid 60s invalid=60s; proxy_pass http://%BACKEND%; }";
    let server = format!(
        "server {{ listen 127.0.0.1:%PORT0%; server_name other; authgear_endpoint {}; include %DIR%/authgear.conf; {cached} }}",
        other.origin
    );
    Setup::new()
        .workers(2)
        .server(cached)
        .http(&server)
        .run(|fixture| {
            fixture.await_keys();
            let value = "thesamevalueinbothprojects000000";
            let users = [
                ("localhost", &fixture.stand_in, "first-user"),
                ("other", &other, "second-user"),
            ];
            for (_, stand_in, user) in users {
                stand_in.user(&json!({"id": user}));
                for kind in ["token", "session"] {
                    let known = json!({"value": value, "kind": kind, "user": user});
                    stand_in.control("POST", "/register", &known);
                }
            }
            other.forget();
            let requests = [
                Request::get("/").bearer(value),
                Request::get("/").with("Cookie", &format!("session={value}")),
            ];
            for _ in 0..6 {
                for (host, _, user) in users {
                    for request in &requests {
                        request
                            .clone()
                            .with("Host", host)
                            .send(fixture.port())
                            .assert_user(user);
                    }
                }
            }
            assert_eq!(
                (fixture.stand_in.count().resolver, other.count().resolver),
                (2, 2),
                "each project is asked for itself"
            );
            // What is dead in one and alive in the other.
            let [ours, theirs] = [fixture.stand_in.opaque(), other.opaque()];
            for _ in 0..4 {
                send(fixture, "localhost", "/", &ours).assert_user(&ours.user);
                send(fixture, "other", "/", &theirs).assert_user(&theirs.user);
                send(fixture, "localhost", "/", &theirs).assert_invalid();
                send(fixture, "other", "/", &ours).assert_invalid();
            }
        });
}

#[test]
fn two_servers_of_one_project_share_neither_knowledge_nor_proof() {
    let second = format!(
        "server {{ listen 127.0.0.1:%PORT0%; server_name second; authgear_endpoint %ORIGIN%; include %DIR%/authgear.conf;\n\
         location / {{ authgear_resolve on; proxy_pass http://%BACKEND%; }} {BOUND} }}"
    );
    Setup::new()
        .workers(2)
        .server(BOUND)
        .http(&second)
        .run(|fixture| {
            fixture.await_keys();
            prove(fixture, "/bound");
            sleep(OLDER_THAN_MAX);
            let wish = json!({"iat": now() - 20, "register": false});
            let ended = fixture.stand_in.token(&wish);
            send(fixture, "localhost", "/bound", &ended).assert_invalid();
            send(fixture, "localhost", "/", &ended).assert_invalid();
            // The second server has not heard of it, and may not ask yet.
            for _ in 0..4 {
                send(fixture, "second", "/", &ended).assert_user(&ended.user);
            }
            // Asked its own way, the resolver has said yes to no token yet: a wrong Host would look the same.
            send(fixture, "second", "/bound", &ended).assert_unavailable(503);
            prove_at(fixture, "/bound", "second");
            soon("its own proof counts", || {
                send(fixture, "second", "/bound", &ended).status == 200
            });
            send(fixture, "second", "/bound", &ended).assert_invalid();
            send(fixture, "second", "/", &ended).assert_invalid();
        });
}

#[test]
fn rules_of_the_server_around_do_not_touch_background_questions() {
    let server = "\
        deny all; auth_basic closed; auth_basic_user_file %DIR%/nobody; auth_request /never;\n\
        limit_req zone=rate; limit_conn one 1; proxy_intercept_errors on; error_page 401 403 404 500 502 503 =200 /fine;\n\
        proxy_cache shared; proxy_cache_valid any 1m; proxy_cache_key one; proxy_method DELETE; proxy_hide_header x-authgear-session-valid;\n\
        if ($http_x_let_in = \"\") { return 301 /elsewhere; }\n\
        location = /never { return 403; }\n\
        location = /fine { add_header x-authgear-session-valid true; add_header x-authgear-user-id mallory; return 200; }\n\
        location / { allow all; auth_basic off; auth_request off; limit_req zone=generous burst=1000 nodelay; limit_conn many 1000;\n\
        proxy_cache off; proxy_method $request_method; error_page 599 /fine; authgear_resolve on; authgear_revalidate 1s max=30s;\n\
        proxy_pass http://%BACKEND%; }";
    let http = "\
        limit_req_zone all zone=rate:1m rate=1r/m; limit_conn_zone all zone=one:1m;\n\
        limit_req_zone $binary_remote_addr zone=generous:1m rate=1000r/s; limit_conn_zone $binary_remote_addr zone=many:1m;\n\
        proxy_cache_path %DIR%/cache keys_zone=shared:1m;";
    Setup::new().server(server).http(http).run(|fixture| {
        soon("the keys are fetched", || fixture.nginx.log().contains("fetched"));
        let send = |token: &Credential| {
            request_with("/", token)
                .with("X-Let-In", "1")
                .send(fixture.port())
        };
        let token = with_roles(fixture, 5, &["claimed"]);
        fixture
            .stand_in
            .change(&token.user, &json!({"roles": ["answered"]}));
        for roles in ["answered", "changed"] {
            fixture.stand_in.change(&token.user, &json!({"roles": [roles]}));
            soon("the answer counts", || {
                let answer = send(&token);
                answer.assert_user(&token.user);
                answer.seen("x-authgear-user-roles") == [roles]
            });
        }
        // What this nginx makes of a failure is no answer.
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "status", "status": 500}));
        fixture.stand_in.forget();
        soon("it is asked about again", || {
            send(&token).assert_user(&token.user);
            fixture.stand_in.count().resolver >= 2
        });
        sleep(HEARD);
        let answer = send(&token);
        answer.assert_user(&token.user);
        assert_eq!(answer.seen("x-authgear-user-roles"), ["changed"]);
        fixture.stand_in.heal();
        fixture.stand_in.revoke(&token);
        soon("it has ended", || send(&token).ours().len() == 1);
        send(&token).assert_invalid();
    });
}

#[test]
fn a_cache_in_the_resolvers_own_location_answers_nothing_about_a_token() {
    let cached = "authgear_resolve_request /cached;\n\
        location = /cached { internal; proxy_cache answers; proxy_cache_valid any 1m; proxy_cache_key one; proxy_cache_use_stale error timeout;\n\
        proxy_set_header Host $authgear_endpoint_host; proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme;\n\
        proxy_ignore_headers Cache-Control Expires Set-Cookie Vary; proxy_pass http://%AUTHGEAR%/_resolver/resolve; }";
    Setup::new()
        .http("proxy_cache_path %DIR%/cache keys_zone=answers:1m;")
        .server(cached)
        .run(|fixture| {
            fixture.await_keys();
            // The first answer comes from Authgear, and fills the cache.
            let first = with_roles(fixture, 120, &["claimed"]);
            fixture
                .stand_in
                .change(&first.user, &json!({"roles": ["answered"]}));
            use_until_roles(fixture, "/", &first, &["answered"]);
            fixture.stand_in.forget();
            let second = fixture.stand_in.aged(120);
            for _ in 0..3 {
                request_with("/", &second)
                    .send(fixture.port())
                    .assert_user(&second.user);
                sleep(HEARD);
            }
            assert_eq!(
                fixture.stand_in.count().resolver,
                0,
                "the cache answered, and nobody believed it"
            );
        });
}

#[test]
fn a_single_process_asks_in_the_background_too() {
    Setup::new().single_process().server(BOUND).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        let token = fixture.stand_in.aged(120);
        fixture.stand_in.revoke(&token);
        use_until_invalid(fixture, "/", &token);
        let other = fixture.stand_in.aged(120);
        fixture.stand_in.forget();
        request_with("/", &other)
            .send(fixture.port())
            .assert_user(&other.user);
        await_questions(fixture, 1);
        request_with("/", &other)
            .send(fixture.port())
            .assert_user(&other.user);
        assert_eq!(fixture.stand_in.count().resolver, 1);
    });
}
