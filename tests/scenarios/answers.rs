//! A resolver that is down, slow or cut short for a while: no verdict, the backend hears nothing, and afterwards it is as before. What each
//! answer means is a table in core, and what each reason looks like on the wire is in t/answer.t.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::{json, Value};

fn ask(scene: &Scene, credential: &Credential) -> Answer {
    request_with("/", credential).send(scene.port())
}

/// The fault makes every kind of question fail, and its end makes them succeed again.
fn assert_fails_with(scene: &Scene, fault: &Value) {
    let credentials = [scene.stand_in.opaque(), scene.stand_in.session()];
    scene.stand_in.resolver_fault(fault.clone());
    scene.stand_in.forget();
    for credential in &credentials {
        let answer = ask(scene, credential);
        assert_eq!(answer.status, 503, "{fault}: {answer:?}");
        answer.assert_unavailable(503);
    }
    Request::get("/").send(scene.port()).assert_anonymous();
    assert_eq!(
        scene.stand_in.count().backend,
        1,
        "{fault}: the backend hears of the anonymous request alone"
    );
    scene.stand_in.heal();
    for credential in &credentials {
        soon(&format!("answers after {fault}"), || {
            ask(scene, credential).status == 200
        });
        ask(scene, credential).assert_user(&credential.user);
    }
}

#[test]
fn a_failure_of_any_kind_is_no_verdict_for_as_long_as_it_lasts() {
    Plan::new().play(|scene| {
        scene.await_keys();
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
            assert_fails_with(scene, &fault);
        }
    });
}

#[test]
fn a_dripping_answer_is_given_up_after_five_seconds_however_patient_the_location_is() {
    let patient = "server { listen 127.0.0.1:%PORT1%; authgear_endpoint %ORIGIN%; authgear_resolve_request /patient;\n\
        location = /patient { internal; proxy_read_timeout 60s; proxy_pass http://%AUTHGEAR%/_resolver/resolve; }\n\
        location / { authgear_resolve remote; proxy_pass http://%BACKEND%; } }";
    Plan::new().http(patient).play(|scene| {
        scene.await_keys();
        let credentials = [scene.stand_in.opaque(), scene.stand_in.session()];
        scene.stand_in.resolver_fault(json!({"kind": "drip", "ms": 700}));
        let begun = Instant::now();
        let mut waiting: Vec<Connection> = [0, 1, 1]
            .into_iter()
            .map(|index| Connection::open(scene.port_of(index)))
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
        scene.stand_in.heal();
        soon("answers again", || ask(scene, &credentials[0]).status == 200);
    });
}

#[test]
fn a_hanging_resolver_holds_up_nobody_who_does_not_need_it() {
    Plan::new().play(|scene| {
        scene.await_keys();
        let [jwt, opaque] = [scene.stand_in.jwt(), scene.stand_in.opaque()];
        scene.stand_in.resolver_fault(json!({"kind": "hang"}));
        let mut waiting = Connection::open(scene.port());
        let begun = Instant::now();
        waiting.send(&request_with("/", &opaque));
        for _ in 0..10 {
            ask(scene, &jwt).assert_user(&jwt.user);
            Request::get("/").send(scene.port()).assert_anonymous();
        }
        assert!(begun.elapsed() < Duration::from_millis(2500), "they waited too");
        waiting.answer().assert_unavailable(503);
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    });
}

#[test]
fn a_late_answer_is_still_an_answer() {
    Plan::new().play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        scene
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500, "times": 1}));
        ask(scene, &token).assert_user(&token.user);
        scene.stand_in.resolver_fault(json!({"kind": "drip", "ms": 1}));
        ask(scene, &token).assert_user(&token.user);
    });
}

#[test]
fn many_failures_are_forgotten_when_the_resolver_is_back() {
    Plan::new().workers(2).play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        scene.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for _ in 0..40 {
            ask(scene, &token).assert_unavailable(503);
        }
        scene.stand_in.heal();
        soon("answers again", || ask(scene, &token).status == 200);
        sleep(Duration::from_millis(1200));
        for _ in 0..20 {
            ask(scene, &token).assert_user(&token.user);
        }
    });
}
