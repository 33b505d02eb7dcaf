//! Tokens that were verified before: what ends a remembered verdict.

use std::time::Duration;

use authgear_scenarios::client::Connection;
use authgear_scenarios::repeated_use::{prove, use_until_invalid, use_until_roles, with_roles};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

const LOCATIONS: &str = "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /off { authgear_resolve on; authgear_revalidate off; proxy_pass http://%BACKEND%; }\n\
    location /local { authgear_resolve local; proxy_pass http://%BACKEND%; }\n\
    location /fast { authgear_resolve on; authgear_revalidate 1s max=30s; proxy_pass http://%BACKEND%; }\n\
    location /elsewhere { authgear_resolve local; authgear_audience elsewhere; proxy_pass http://%BACKEND%; }";
const PATHS: [&str; 4] = ["/", "/off", "/local", "/fast"];

#[test]
fn a_removed_key_takes_the_remembered_verdicts_of_its_tokens_with_it() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let old = [fixture.stand_in.jwt(), with_roles(fixture, 120, &["admin"])];
        fixture
            .stand_in
            .change(&old[1].user, &json!({"roles": ["reader"]}));
        // One is known by its claims alone, the other by the resolver's own yes.
        use_until_roles(fixture, "/", &old[1], &["reader"]);
        for path in PATHS {
            for token in &old {
                for _ in 0..6 {
                    request_with(path, token)
                        .send(fixture.port())
                        .assert_user(&token.user);
                }
            }
        }
        fixture.stand_in.rotate();
        let new = fixture.stand_in.jwt();
        fixture.stand_in.drop_old_keys();
        fixture.nginx.reload();
        fixture.nginx.await_workers(2, Duration::from_secs(10));
        soon("the new keys are there", || {
            request_with("/local", &new).send(fixture.port()).ours().len() > 1
        });
        for path in PATHS {
            for token in &old {
                for _ in 0..6 {
                    let answer = request_with(path, token).send(fixture.port());
                    // Where nobody may be asked, a key that is looked for may yet appear.
                    match path {
                        "/local" if answer.status == 503 => answer.assert_unavailable(503),
                        _ => answer.assert_invalid(),
                    }
                }
            }
            request_with(path, &new)
                .send(fixture.port())
                .assert_user(&new.user);
        }
    });
}

/// One letter of base64url for another, or one more at the end.
fn changed(token: &str, at: usize) -> String {
    let mut letters: Vec<char> = token.chars().collect();
    match letters.get_mut(at) {
        Some(letter) => *letter = if *letter == 'A' { 'B' } else { 'A' },
        None => letters.push('A'),
    }
    letters.into_iter().collect()
}

#[test]
fn a_remembered_token_vouches_for_no_other_that_differs_in_one_letter() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.jwt();
        let mut connection = Connection::open(fixture.port());
        let after_header = token.value.find('.').expect("three parts") + 1;
        for at in after_header..=token.value.len() {
            if token.value[at..].starts_with('.') {
                continue;
            }
            connection
                .ask(&request_with("/local", &token))
                .assert_user(&token.user);
            let other = Credential {
                value: changed(&token.value, at),
                user: token.user.clone(),
            };
            connection.ask(&request_with("/local", &other)).assert_invalid();
        }
    });
}

#[test]
fn a_remembered_verdict_ends_with_its_token_for_all_workers() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.token(&json!({"lifetime": 5}));
        for path in PATHS {
            for _ in 0..6 {
                request_with(path, &token)
                    .send(fixture.port())
                    .assert_user(&token.user);
            }
        }
        soon("it expires", || {
            request_with("/local", &token).send(fixture.port()).ours().len() == 1
        });
        // Also when the resolver would go on saying yes to it.
        let yes = json!([
            ["x-authgear-session-valid", "true"],
            ["x-authgear-user-id", token.user]
        ]);
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "answer", "status": 200, "headers": yes, "body": ""}));
        for path in PATHS {
            for _ in 0..6 {
                request_with(path, &token).send(fixture.port()).assert_invalid();
            }
        }
        assert!(fixture
            .nginx
            .log()
            .contains("authgear: credential refused: expired"));
    });
}

#[test]
fn a_verdict_remembered_under_one_policy_is_none_under_another() {
    let second = "server { listen 127.0.0.1:%PORT0%; server_name second; authgear_endpoint %ORIGIN%; authgear_issuer https://other.test;\n\
        include %DIR%/authgear.conf; location / { authgear_resolve local; proxy_pass http://%BACKEND%; } }";
    Setup::new()
        .workers(2)
        .server(LOCATIONS)
        .http(second)
        .run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.jwt();
            for _ in 0..6 {
                request_with("/local", &token)
                    .send(fixture.port())
                    .assert_user(&token.user);
                request_with("/elsewhere", &token)
                    .send(fixture.port())
                    .assert_invalid();
                request_with("/", &token)
                    .with("Host", "second")
                    .send(fixture.port())
                    .assert_invalid();
            }
        });
}

#[test]
fn a_reload_forgets_nothing_that_is_known_of_a_token() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        let [ended, barred] = [fixture.stand_in.aged(120), fixture.stand_in.aged(120)];
        let demoted = with_roles(fixture, 120, &["admin"]);
        fixture.stand_in.revoke(&ended);
        fixture.stand_in.change(&barred.user, &json!({"barred": true}));
        fixture.stand_in.change(&demoted.user, &json!({"roles": []}));
        use_until_invalid(fixture, "/", &ended);
        use_until_invalid(fixture, "/", &barred);
        use_until_roles(fixture, "/", &demoted, &[]);
        fixture.stand_in.resolver_fault(json!({"kind": "refuse"}));
        for _ in 0..2 {
            fixture.nginx.reload();
            fixture.nginx.await_workers(2, Duration::from_secs(10));
            for path in ["/", "/off", "/local"] {
                for _ in 0..4 {
                    request_with(path, &ended).send(fixture.port()).assert_invalid();
                    request_with(path, &barred).send(fixture.port()).assert_invalid();
                    let answer = request_with(path, &demoted).send(fixture.port());
                    answer.assert_user(&demoted.user);
                    assert!(answer.seen("x-authgear-user-roles").is_empty(), "{answer:?}");
                }
            }
        }
    });
}
