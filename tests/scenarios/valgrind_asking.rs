//! Remembered verdicts and questions of the worker's own, under valgrind.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{
    prove, use_until_invalid, use_until_roles, use_until_valid, with_roles,
};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{now, request_with, Credential};
use authgear_scenarios::valgrind::watched;
use serde_json::json;

const ZONE: &str = "authgear_zone zone=authgear:512k;";
const LOCATIONS: &str = "authgear_resolver_limit 8;\n\
    location / { authgear_resolve on; authgear_revalidate 1s max=2s; authgear_stale_if_error 1s; proxy_pass http://%BACKEND%; }\n\
    location /due { authgear_resolve on; authgear_revalidate 1s max=90s; proxy_pass http://%BACKEND%; }\n\
    location /late { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /cached { authgear_resolve on; authgear_cache_valid 1s invalid=1s; authgear_stale_if_error 1s; proxy_pass http://%BACKEND%; }";

fn send_all(fixture: &Fixture, path: &str, tokens: &[Credential]) -> Vec<Connection> {
    let send = |token: &Credential| {
        let mut connection = Connection::open(fixture.port());
        connection.send(&request_with(path, token));
        connection
    };
    tokens.iter().map(send).collect()
}

/// Every row of the table of answers, and an evaluation that goes on.
fn every_answer(fixture: &Fixture) {
    let stand_in = &fixture.stand_in;
    let (ended, barred, session) = (stand_in.jwt(), stand_in.jwt(), stand_in.session());
    let demoted = with_roles(fixture, 1, &["admin"]);
    stand_in.change(&demoted.user, &json!({"roles": ["reader"]}));
    use_until_roles(fixture, "/", &demoted, &["reader"]);
    stand_in.revoke(&ended);
    use_until_invalid(fixture, "/", &ended);
    let beside = request_with("/", &ended).with("Cookie", &session.value);
    beside.send(fixture.port()).assert_user(&session.user);
    stand_in.change(&barred.user, &json!({"barred": true}));
    use_until_invalid(fixture, "/", &barred);
    stand_in.change(&barred.user, &json!({"barred": false}));
    use_until_valid(fixture, "/", &barred);
    let swapped = json!({"kind": "headers", "headers": {"x-authgear-user-id": "somebody-else"}});
    stand_in.resolver_fault(swapped);
    use_until_invalid(fixture, "/", &barred);
    stand_in.heal();
}

fn remembered_answers(fixture: &Fixture) {
    let tokens = fixture.stand_in.tokens(40, &json!({"jwt": false}));
    let session = fixture.stand_in.session();
    for _ in 0..2 {
        for credential in tokens.iter().chain([&session]) {
            request_with("/cached", credential)
                .send(fixture.port())
                .assert_user(&credential.user);
        }
        Request::get("/cached")
            .bearer("never-issued")
            .send(fixture.port())
            .assert_invalid();
    }
}

/// More than fits, by claims and by answers.
fn a_full_zone(fixture: &Fixture) {
    let fresh = fixture.stand_in.tokens(700, &json!({}));
    let wish = json!({"iat": now() - 60, "lifetime": 9000});
    let told = fixture.stand_in.tokens(350, &wish);
    fixture
        .stand_in
        .change(&told[0].user, &json!({"roles": ["late"]}));
    for (path, tokens) in [("/late", &fresh), ("/", &told)] {
        let mut connection = Connection::open(fixture.port());
        for token in tokens {
            connection
                .ask(&request_with(path, token))
                .assert_user(&token.user);
        }
    }
}

/// Answers that never come, with clients that leave and clients beyond the limit; then the failing state, and
/// its end.
fn an_outage(fixture: &Fixture) {
    let due = fixture.stand_in.tokens(6, &json!({"iat": now() - 60}));
    let opaque = fixture.stand_in.tokens(12, &json!({"jwt": false}));
    fixture
        .stand_in
        .resolver_fault(json!({"kind": "delay", "ms": 900}));
    let mut leaving = send_all(fixture, "/", &due);
    leaving.extend(send_all(fixture, "/late", &opaque));
    sleep(Duration::from_millis(300));
    let mut staying = leaving.split_off(9);
    leaving.into_iter().for_each(Connection::reset);
    for connection in &mut staying {
        assert!([200, 503].contains(&connection.answer().status));
    }
    for kind in ["close_mid_answer", "garbage", "reset", "refuse", "close", "close"] {
        fixture.stand_in.resolver_fault(json!({"kind": kind}));
        Request::get("/late")
            .bearer("never-issued")
            .send(fixture.port())
            .assert_unavailable(503);
        let answer = request_with("/", &due[0]).send(fixture.port());
        assert!([200, 503].contains(&answer.status), "{answer:?}");
    }
    // An answer that was late may have begun the count anew.
    soon("it counts as failing", || {
        Request::get("/late")
            .bearer("never-issued")
            .send(fixture.port())
            .assert_unavailable(503);
        fixture.nginx.log().contains("is failing")
    });
    fixture.stand_in.heal();
    soon("answers again", || {
        request_with("/late", &opaque[0]).send(fixture.port()).status == 200
    });
}

#[test]
fn valgrind_finds_nothing_in_what_is_remembered_and_asked() {
    let setup = Setup::new()
        .stand_in("--no-log")
        .http(ZONE)
        .server(LOCATIONS)
        .kept(8);
    watched(setup, |fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        every_answer(fixture);
        remembered_answers(fixture);
        a_full_zone(fixture);
        fixture.reconfigure(|conf| conf.replace(ZONE, "authgear_zone zone=authgear:1m;"));
        every_answer(fixture);
        a_full_zone(fixture);
        an_outage(fixture);
        remembered_answers(fixture);
        // A quit with questions in the background. What was forgotten above is older than these.
        let due = fixture.stand_in.tokens(4, &json!({}));
        for pause in [0, 1200] {
            sleep(Duration::from_millis(pause));
            if pause > 0 {
                fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
            }
            for connection in &mut send_all(fixture, "/due", &due) {
                connection.answer().assert_user(&due[0].user);
            }
        }
        fixture.nginx.signal("QUIT");
        fixture.nginx.await_end(Duration::from_secs(30));
    });
}
