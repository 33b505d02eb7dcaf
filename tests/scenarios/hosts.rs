//! Many servers of one project, one of which has the internal locations: they ask through it, and what one
//! learns all know.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Answer, Request};
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use authgear_scenarios::steady::prove_at;
use serde_json::json;

/// With the scene's own, `localhost`, these are three hundred.
const HOSTS: usize = 299;
const RELOADS: u64 = 10;
/// Longer than a worker's timer: by then a second fetch would have begun.
const LATER: Duration = Duration::from_millis(1200);

fn host(index: usize) -> String {
    format!("h{index}.test")
}

fn plan(lines: &str) -> Plan {
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
    Plan::new().workers(2).connections(512).http(&servers)
}

fn send(scene: &Scene, host: &str, credential: &Credential) -> Answer {
    request_with("/", credential)
        .with("Host", host)
        .send(scene.port())
}

/// Every thirtieth.
fn some() -> impl Iterator<Item = String> {
    (0..HOSTS).step_by(30).map(host)
}

#[test]
fn three_hundred_servers_of_one_project_fetch_one_key_set_and_ask_through_one() {
    plan("").play(|scene| {
        scene.await_keys();
        let (jwt, session) = (scene.stand_in.jwt(), scene.stand_in.session());
        for name in some() {
            send(scene, &name, &jwt).assert_user(&jwt.user);
            send(scene, &name, &session).assert_user(&session.user);
            assert_eq!(
                Request::get("/").with("Host", &name).send(scene.port()).status,
                200
            );
        }
        let fetched = scene.nginx.log().matches("key(s) of ").count();
        assert_eq!(fetched, 1, "{}", scene.nginx.log());
        scene.stand_in.forget();
        for reload in 1..=RELOADS {
            scene.nginx.reload();
            for name in some() {
                assert_eq!(
                    Request::get("/").with("Host", &name).send(scene.port()).status,
                    200
                );
                send(scene, &name, &jwt).assert_user(&jwt.user);
            }
            soon("the keys are fetched anew", || {
                scene.stand_in.count().jwks >= reload
            });
            scene.nginx.await_workers(2, Duration::from_secs(20));
        }
        sleep(LATER);
        assert_eq!(
            scene.stand_in.count().jwks,
            RELOADS,
            "one fetch for all, each time"
        );
    });
}

#[test]
fn a_token_that_one_server_knows_as_ended_is_ended_for_all_without_another_question() {
    plan("authgear_revalidate 1s max=1s;").play(|scene| {
        scene.await_keys();
        prove_at(scene, "/", "h1.test");
        let ended = scene.stand_in.aged(60);
        scene.stand_in.revoke(&ended);
        soon("the end is noticed", || {
            send(scene, "h2.test", &ended).seen("x-authgear-session-valid") == ["false"]
        });
        // Each of them would have to ask first about what it does not know.
        scene.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for name in some() {
            send(scene, &name, &ended).assert_invalid();
        }
    });
}

#[test]
fn a_resolver_that_fails_fails_for_all_that_ask_through_one_location() {
    plan("").play(|scene| {
        scene.await_keys();
        let session = scene.stand_in.session();
        scene.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for name in some() {
            send(scene, &name, &session).assert_unavailable(503);
        }
        let failing = scene.nginx.log().matches("is failing").count();
        assert_eq!(failing, 1, "{}", scene.nginx.log());
    });
}

#[test]
fn keys_that_two_servers_share_are_fetched_as_often_as_the_more_impatient_wants() {
    let patient = "server { listen 127.0.0.1:%PORT1%; authgear_endpoint %ORIGIN%;\n\
        location / { authgear_resolve on; proxy_pass http://%BACKEND%; } }";
    Plan::new()
        .http(patient)
        .server("authgear_jwks_valid 2s; location / { authgear_resolve on; proxy_pass http://%BACKEND%; }")
        .play(|scene| {
            scene.await_keys();
            scene.stand_in.forget();
            soon("fetched anew, with no request", || {
                scene.stand_in.count().jwks > 0
            });
        });
}
