//! Many servers of one project, one of which has the internal locations: they ask through it, and what one
//! learns all know.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Answer, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::prove_at;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

/// With the fixture's own, `localhost`, these are three hundred.
const HOSTS: usize = 299;
const RELOADS: u64 = 10;
/// Longer than a worker's timer: by then a second fetch would have begun.
const LATER: Duration = Duration::from_millis(1200);

fn host(index: usize) -> String {
    format!("h{index}.test")
}

fn setup(lines: &str) -> Setup {
    let mut servers = String::from("server_names_hash_max_size 4096;\n");
    for index in 0..HOSTS {
        writeln!(
            servers,
            "server {{ listen 127.0.0.1:%PORT0%; server_name {}; authgear_endpoint %ORIGIN%; {lines}\n\
             location / {{ authgear_resolve on; proxy_pass http://%BACKEND%; }} }}",
            host(index)
        )
        .unwrap();
    }
    Setup::new().workers(2).connections(512).http(&servers)
}

fn send(fixture: &Fixture, host: &str, credential: &Credential) -> Answer {
    request_with("/", credential)
        .with("Host", host)
        .send(fixture.port())
}

/// Every thirtieth.
fn some() -> impl Iterator<Item = String> {
    (0..HOSTS).step_by(30).map(host)
}

#[test]
fn three_hundred_servers_of_one_project_fetch_one_key_set_and_ask_through_one() {
    setup("").run(|fixture| {
        fixture.await_keys();
        let (jwt, session) = (fixture.stand_in.jwt(), fixture.stand_in.session());
        for name in some() {
            send(fixture, &name, &jwt).assert_user(&jwt.user);
            send(fixture, &name, &session).assert_user(&session.user);
            assert_eq!(
                Request::get("/").with("Host", &name).send(fixture.port()).status,
                200
            );
        }
        let fetched = fixture.nginx.log().matches("key(s) of ").count();
        assert_eq!(fetched, 1, "{}", fixture.nginx.log());
        fixture.stand_in.forget();
        for reload in 1..=RELOADS {
            fixture.nginx.reload();
            for name in some() {
                assert_eq!(
                    Request::get("/").with("Host", &name).send(fixture.port()).status,
                    200
                );
                send(fixture, &name, &jwt).assert_user(&jwt.user);
            }
            soon("the keys are fetched anew", || {
                fixture.stand_in.count().jwks >= reload
            });
            fixture.nginx.await_workers(2, Duration::from_secs(20));
        }
        sleep(LATER);
        assert_eq!(
            fixture.stand_in.count().jwks,
            RELOADS,
            "one fetch for all, each time"
        );
    });
}

#[test]
fn a_token_that_one_server_knows_as_ended_is_ended_for_all_without_another_question() {
    setup("authgear_revalidate 1s max=1s;").run(|fixture| {
        fixture.await_keys();
        prove_at(fixture, "/", "h1.test");
        let ended = fixture.stand_in.aged(60);
        fixture.stand_in.revoke(&ended);
        soon("the end is noticed", || {
            send(fixture, "h2.test", &ended).seen("x-authgear-session-valid") == ["false"]
        });
        // Each of them would have to ask first about what it does not know.
        fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for name in some() {
            send(fixture, &name, &ended).assert_invalid();
        }
    });
}

#[test]
fn a_resolver_that_fails_fails_for_all_that_ask_through_one_location() {
    setup("").run(|fixture| {
        fixture.await_keys();
        let session = fixture.stand_in.session();
        fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for name in some() {
            send(fixture, &name, &session).assert_unavailable(503);
        }
        let failing = fixture.nginx.log().matches("is failing").count();
        assert_eq!(failing, 1, "{}", fixture.nginx.log());
    });
}

#[test]
fn keys_that_two_servers_share_are_fetched_as_often_as_the_more_impatient_wants() {
    let patient = "server { listen 127.0.0.1:%PORT1%; authgear_endpoint %ORIGIN%;\n\
        location / { authgear_resolve on; proxy_pass http://%BACKEND%; } }";
    Setup::new()
        .http(patient)
        .server("authgear_jwks_valid 2s; location / { authgear_resolve on; proxy_pass http://%BACKEND%; }")
        .run(|fixture| {
            fixture.await_keys();
            fixture.stand_in.forget();
            soon("fetched anew, with no request", || {
                fixture.stand_in.count().jwks > 0
            });
        });
}
