//! What is remembered of an answer never outlives a later word, and each location says for itself how old an
//! answer may be.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;
use serde_json::json;

const LOCATIONS: &str = "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /stale { authgear_resolve on; authgear_cache_valid 1s; authgear_stale_if_error 60s; proxy_pass http://%BACKEND%; }\n\
    location /long { authgear_resolve on; authgear_cache_valid 60s; proxy_pass http://%BACKEND%; }\n\
    location /short { authgear_resolve on; authgear_cache_valid 1s; proxy_pass http://%BACKEND%; }\n\
    location /lax { authgear_resolve on; authgear_cache_valid 60s; try_files /none /strict; }\n\
    location /strict { authgear_resolve on; proxy_pass http://%BACKEND%; }";

#[test]
fn an_answer_that_was_contradicted_is_not_used_while_the_resolver_fails() {
    for heard_at in ["/stale", "/"] {
        Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.opaque();
            request_with("/stale", &token)
                .send(fixture.port())
                .assert_user(&token.user);
            fixture.stand_in.revoke(&token);
            sleep(Duration::from_millis(1200));
            request_with(heard_at, &token)
                .send(fixture.port())
                .assert_invalid();
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "status", "status": 500}));
            request_with("/stale", &token)
                .send(fixture.port())
                .assert_unavailable(503);
        });
    }
}

#[test]
fn a_location_uses_no_answer_older_than_it_says_whoever_asked() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        request_with("/long", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        fixture.stand_in.revoke(&token);
        sleep(Duration::from_millis(1200));
        request_with("/long", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        request_with("/short", &token)
            .send(fixture.port())
            .assert_invalid();
        request_with("/long", &token)
            .send(fixture.port())
            .assert_invalid();
    });
}

#[test]
fn a_redirect_into_a_stricter_location_makes_the_verdict_again() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        request_with("/long", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        fixture.stand_in.revoke(&token);
        request_with("/long", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        request_with("/lax", &token).send(fixture.port()).assert_invalid();
    });
}

#[test]
fn odd_questions_do_not_keep_a_resolver_failing_that_answers_again() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "status", "status": 500}));
        soon("the resolver counts as failing", || {
            request_with("/", &token)
                .send(fixture.port())
                .assert_unavailable(503);
            fixture.nginx.log().contains("is failing")
        });
        // From now on it answers, an odd question with a 403.
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "status", "status": 403, "times": 40}));
        let mut odd = Connection::open(fixture.port());
        for _ in 0..40 {
            odd.send(&Request::get("/").with("Cookie", "session=odd"));
            odd.answer().assert_unavailable(503);
        }
        soon("somebody is answered", || {
            request_with("/", &token).send(fixture.port()).status == 200
        });
    });
}
