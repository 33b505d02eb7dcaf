//! Remembered verdicts and questions of the worker's own, under valgrind.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{now, request_with, Credential};
use authgear_scenarios::steady::{prove, use_until_invalid, use_until_roles, use_until_valid, with_roles};
use authgear_scenarios::valgrind::watched;
use serde_json::json;

const ZONE: &str = "authgear_zone zone=authgear:512k;";
const LOCATIONS: &str = "authgear_resolver_limit 8;\n\
    location / { authgear_resolve on; authgear_revalidate 1s max=2s; authgear_stale_if_error 1s; proxy_pass http://%BACKEND%; }\n\
    location /due { authgear_resolve on; authgear_revalidate 1s max=90s; proxy_pass http://%BACKEND%; }\n\
    location /late { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /cached { authgear_resolve on; authgear_cache_valid 1s invalid=1s; authgear_stale_if_error 1s; proxy_pass http://%BACKEND%; }";

fn send_all(scene: &Scene, path: &str, tokens: &[Credential]) -> Vec<Connection> {
    let send = |token: &Credential| {
        let mut connection = Connection::open(scene.port());
        connection.send(&request_with(path, token));
        connection
    };
    tokens.iter().map(send).collect()
}

/// Every row of the table of answers, and a walk that goes on.
fn every_answer(scene: &Scene) {
    let stand_in = &scene.stand_in;
    let (ended, barred, session) = (stand_in.jwt(), stand_in.jwt(), stand_in.session());
    let demoted = with_roles(scene, 1, &["admin"]);
    stand_in.change(&demoted.user, &json!({"roles": ["reader"]}));
    use_until_roles(scene, "/", &demoted, &["reader"]);
    stand_in.revoke(&ended);
    use_until_invalid(scene, "/", &ended);
    let beside = request_with("/", &ended).with("Cookie", &session.value);
    beside.send(scene.port()).assert_user(&session.user);
    stand_in.change(&barred.user, &json!({"barred": true}));
    use_until_invalid(scene, "/", &barred);
    stand_in.change(&barred.user, &json!({"barred": false}));
    use_until_valid(scene, "/", &barred);
    let swapped = json!({"kind": "headers", "headers": {"x-authgear-user-id": "somebody-else"}});
    stand_in.resolver_fault(swapped);
    use_until_invalid(scene, "/", &barred);
    stand_in.heal();
}

fn remembered_answers(scene: &Scene) {
    let tokens = scene.stand_in.tokens(40, &json!({"jwt": false}));
    let session = scene.stand_in.session();
    for _ in 0..2 {
        for credential in tokens.iter().chain([&session]) {
            request_with("/cached", credential)
                .send(scene.port())
                .assert_user(&credential.user);
        }
        Request::get("/cached")
            .bearer("never-issued")
            .send(scene.port())
            .assert_invalid();
    }
}

/// More than fits, by claims and by answers.
fn a_full_zone(scene: &Scene) {
    let fresh = scene.stand_in.tokens(700, &json!({}));
    let wish = json!({"iat": now() - 60, "lifetime": 9000});
    let told = scene.stand_in.tokens(350, &wish);
    scene.stand_in.change(&told[0].user, &json!({"roles": ["late"]}));
    for (path, tokens) in [("/late", &fresh), ("/", &told)] {
        let mut connection = Connection::open(scene.port());
        for token in tokens {
            connection
                .ask(&request_with(path, token))
                .assert_user(&token.user);
        }
    }
}

/// Answers that never come, with clients that leave and clients beyond the limit; then the failing state, and
/// its end.
fn an_outage(scene: &Scene) {
    let due = scene.stand_in.tokens(6, &json!({"iat": now() - 60}));
    let opaque = scene.stand_in.tokens(12, &json!({"jwt": false}));
    scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 900}));
    let mut leaving = send_all(scene, "/", &due);
    leaving.extend(send_all(scene, "/late", &opaque));
    sleep(Duration::from_millis(300));
    let mut staying = leaving.split_off(9);
    leaving.into_iter().for_each(Connection::reset);
    for connection in &mut staying {
        assert!([200, 503].contains(&connection.answer().status));
    }
    for kind in ["close_mid_answer", "garbage", "reset", "refuse", "close", "close"] {
        scene.stand_in.resolver_fault(json!({"kind": kind}));
        Request::get("/late")
            .bearer("never-issued")
            .send(scene.port())
            .assert_unavailable(503);
        let answer = request_with("/", &due[0]).send(scene.port());
        assert!([200, 503].contains(&answer.status), "{answer:?}");
    }
    // An answer that was late may have begun the count anew.
    soon("it counts as failing", || {
        Request::get("/late")
            .bearer("never-issued")
            .send(scene.port())
            .assert_unavailable(503);
        scene.nginx.log().contains("is failing")
    });
    scene.stand_in.heal();
    soon("answers again", || {
        request_with("/late", &opaque[0]).send(scene.port()).status == 200
    });
}

#[test]
fn valgrind_finds_nothing_in_what_is_remembered_and_asked() {
    let plan = Plan::new()
        .stand_in("--no-log")
        .http(ZONE)
        .server(LOCATIONS)
        .kept(8);
    watched(plan, |scene| {
        scene.await_keys();
        prove(scene, "/");
        every_answer(scene);
        remembered_answers(scene);
        a_full_zone(scene);
        scene.reconfigure(|conf| conf.replace(ZONE, "authgear_zone zone=authgear:1m;"));
        every_answer(scene);
        a_full_zone(scene);
        an_outage(scene);
        remembered_answers(scene);
        // A quit with questions in the background. What was forgotten above is older than these.
        let due = scene.stand_in.tokens(4, &json!({}));
        for pause in [0, 1200] {
            sleep(Duration::from_millis(pause));
            if pause > 0 {
                scene.stand_in.resolver_fault(json!({"kind": "hang"}));
            }
            for connection in &mut send_all(scene, "/due", &due) {
                connection.answer().assert_user(&due[0].user);
            }
        }
        scene.nginx.signal("QUIT");
        scene.nginx.await_end(Duration::from_secs(30));
    });
}
