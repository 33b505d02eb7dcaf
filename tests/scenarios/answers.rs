//! A resolver that is down, slow or cut short for a while: no verdict, the backend hears nothing, and
//! afterwards it is as before. What each answer means is a table in core, and what each reason looks like on
//! the wire is in t/answer.t.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::{json, Value};

fn ask(fixture: &Fixture, credential: &Credential) -> Answer {
    request_with("/", credential).send(fixture.port())
}

/// The fault makes every kind of question fail, and its end makes them succeed again.
fn assert_fails_with(fixture: &Fixture, fault: &Value) {
    let credentials = [fixture.stand_in.opaque(), fixture.stand_in.session()];
    fixture.stand_in.resolver_fault(fault.clone());
    fixture.stand_in.forget();
    for credential in &credentials {
        let answer = ask(fixture, credential);
        assert_eq!(answer.status, 503, "{fault}: {answer:?}");
        answer.assert_unavailable(503);
    }
    Request::get("/").send(fixture.port()).assert_anonymous();
    assert_eq!(
        fixture.stand_in.count().backend,
        1,
        "{fault}: the backend hears of the anonymous request alone"
    );
    fixture.stand_in.heal();
    for credential in &credentials {
        soon(&format!("answers after {fault}"), || {
            ask(fixture, credential).status == 200
        });
        ask(fixture, credential).assert_user(&credential.user);
    }
}

#[test]
fn a_failure_of_any_kind_is_no_verdict_for_as_long_as_it_lasts() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        for fault in [
            json!({"kind": "refuse"}),
            json!({"kind": "close"}),
            json!({"kind": "reset"}),
            json!({"kind": "close_mid_answer"}),
            json!({"kind": "garbage"}),
            json!({"kind": "status", "status": 401}),
            json!({"kind": "status", "status": 500}),
            json!({"kind": "body", "body": "x", "repeat": 2_000_000}),
        ] {
            assert_fails_with(fixture, &fault);
        }
    });
}

#[test]
fn a_dripping_answer_is_given_up_after_five_seconds_however_patient_the_location_is() {
    let patient = "server { listen 127.0.0.1:%PORT1%; authgear_endpoint %ORIGIN%; authgear_resolve_request /patient;\n\
        location = /patient { internal; proxy_read_timeout 60s; proxy_pass http://%AUTHGEAR%/_resolver/resolve; }\n\
        location / { authgear_resolve remote; proxy_pass http://%BACKEND%; } }";
    Setup::new().http(patient).run(|fixture| {
        fixture.await_keys();
        let credentials = [fixture.stand_in.opaque(), fixture.stand_in.session()];
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "drip", "ms": 700}));
        let begun = Instant::now();
        let mut waiting: Vec<Connection> = [0, 1, 1]
            .into_iter()
            .map(|index| Connection::open(fixture.port_of(index)))
            .collect();
        for (connection, credential) in
            waiting
                .iter_mut()
                .zip([&credentials[0], &credentials[0], &credentials[1]])
        {
            connection.send(&request_with("/", credential));
        }
        waiting[0].answer().assert_unavailable(503);
        for connection in &mut waiting[1..] {
            connection.answer().assert_unavailable(503);
            let waited = begun.elapsed();
            assert!(
                (Duration::from_secs(4)..Duration::from_secs(9)).contains(&waited),
                "waited {waited:?}"
            );
        }
        fixture.stand_in.heal();
        soon("answers again", || ask(fixture, &credentials[0]).status == 200);
    });
}

#[test]
fn a_hanging_resolver_holds_up_nobody_who_does_not_need_it() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let [jwt, opaque] = [fixture.stand_in.jwt(), fixture.stand_in.opaque()];
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let mut waiting = Connection::open(fixture.port());
        let begun = Instant::now();
        waiting.send(&request_with("/", &opaque));
        for _ in 0..10 {
            ask(fixture, &jwt).assert_user(&jwt.user);
            Request::get("/").send(fixture.port()).assert_anonymous();
        }
        assert!(begun.elapsed() < Duration::from_millis(2500), "they waited too");
        waiting.answer().assert_unavailable(503);
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    });
}

#[test]
fn a_late_answer_is_still_an_answer() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500, "times": 1}));
        ask(fixture, &token).assert_user(&token.user);
        fixture.stand_in.resolver_fault(json!({"kind": "drip", "ms": 1}));
        ask(fixture, &token).assert_user(&token.user);
    });
}

#[test]
fn many_failures_are_forgotten_when_the_resolver_is_back() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for _ in 0..40 {
            ask(fixture, &token).assert_unavailable(503);
        }
        fixture.stand_in.heal();
        soon("answers again", || ask(fixture, &token).status == 200);
        sleep(Duration::from_millis(1200));
        for _ in 0..20 {
            ask(fixture, &token).assert_user(&token.user);
        }
    });
}
