//! Time that passes, and clocks that differ.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::now;
use serde_json::{json, Value};

#[test]
fn leeway_forgives_clocks_that_differ_by_less() {
    // Tokens of any age, and a claim about clocks alone.
    let leeway =
        "authgear_revalidate off; location /lenient { authgear_resolve on; authgear_leeway 60s; proxy_pass http://%BACKEND%; }";
    Setup::new().server(leeway).run(|fixture| {
        fixture.await_keys();
        let cases: [(Value, bool, bool); 7] = [
            (json!({"iat": now() - 100, "exp": now() - 20}), false, true),
            (json!({"iat": now() - 1000, "exp": now() - 120}), false, false),
            (json!({"nbf": now() + 20}), false, true),
            (json!({"nbf": now() + 120}), false, false),
            (json!({"iat": now() + 20}), false, true),
            (json!({"iat": now() + 120}), false, false),
            (
                json!({"iat": now() - 5, "nbf": now() - 5, "exp": now() + 300}),
                true,
                true,
            ),
        ];
        for (wish, strict, lenient) in cases {
            let token = fixture.stand_in.token(&wish);
            for (path, good) in [("/", strict), ("/lenient", lenient)] {
                let answer = Request::get(path).bearer(&token.value).send(fixture.port());
                if good {
                    answer.assert_user(&token.user);
                } else {
                    answer.assert_invalid();
                }
            }
        }
        assert_eq!(
            fixture.stand_in.count().resolver,
            0,
            "a clock is no reason to ask"
        );
    });
}

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
