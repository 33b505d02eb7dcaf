//! Time that passes while a token is in use.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use serde_json::json;

#[test]
fn a_token_expires_in_the_middle_of_a_kept_connection() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.token(&json!({"lifetime": 4}));
        let request = Request::get("/").bearer(&token.value);
        let mut connection = Connection::open(fixture.port());
        connection.ask(&request).assert_user(&token.user);
        let mut last = None;
        soon("it expires", || {
            sleep(Duration::from_millis(200));
            last = Some(connection.ask(&request));
            last.as_ref().is_some_and(|answer| answer.ours().len() == 1)
        });
        last.unwrap().assert_invalid();
        connection.ask(&request).assert_invalid();
    });
}

#[test]
fn a_token_that_expires_while_it_waits_for_keys_is_not_valid() {
    Setup::new()
        .server("authgear_jwks_valid 10m refetch=1s;")
        .run(|fixture| {
            fixture.await_keys();
            fixture.stand_in.rotate();
            fixture.stand_in.keys_fault(json!({"kind": "delay", "ms": 2500}));
            let token = fixture.stand_in.token(&json!({"lifetime": 1}));
            Request::get("/")
                .bearer(&token.value)
                .send(fixture.port())
                .assert_invalid();
        });
}
