//! Many requests of every kind: nothing grows.

use std::thread;

use authgear_scenarios::client::Connection;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::resident;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::{request_with, Credential};
use authgear_scenarios::workload::{setup, Workload};
use serde_json::json;

#[test]
fn twenty_thousand_requests_leave_memory_as_it_was() {
    setup().run(|fixture| {
        fixture.await_keys();
        let workload = Workload::new(fixture);
        workload.run(fixture, 4, 80);
        let worker = fixture.nginx.workers()[0];
        let before = resident(worker);
        workload.run(fixture, 4, 240);
        let grown = resident(worker).saturating_sub(before);
        assert!(grown < 500, "the worker grew from {before} kB by {grown} kB");
    });
}

/// Four clients, each of which uses its quarter of the tokens in turn, so many times.
fn use_in_turn(fixture: &Fixture, tokens: &[Credential], rounds: usize) {
    let port = fixture.port();
    thread::scope(|scope| {
        for part in tokens.chunks(tokens.len() / 4) {
            scope.spawn(move || {
                let mut connection = Connection::open(port);
                for _ in 0..rounds {
                    for token in part {
                        connection.ask(&request_with("/", token)).assert_user(&token.user);
                    }
                }
            });
        }
    });
}

#[test]
fn thousands_of_background_questions_leave_memory_as_it_was_and_share_few_connections() {
    // Every request finds its token due.
    let always = "authgear_endpoint http://project.test; authgear_resolver_limit 32;\n\
        location / { authgear_resolve on; authgear_revalidate 1ms max=1d; proxy_pass http://%BACKEND%; }";
    Setup::new()
        .stand_in("--no-log")
        .stand_in("--origin")
        .stand_in("http://project.test")
        .http("upstream project.test { server %AUTHGEAR%; keepalive 16; }")
        .server(always)
        .kept(16)
        .run(|fixture| {
            let wish = json!({"iat": authgear_scenarios::stand_in::now() - 60, "lifetime": 9000});
            let tokens = fixture.stand_in.tokens(400, &wish);
            use_in_turn(fixture, &tokens, 20);
            fixture.stand_in.forget();
            let worker = fixture.nginx.workers()[0];
            let before = resident(worker);
            use_in_turn(fixture, &tokens, 20);
            let grown = resident(worker).saturating_sub(before);
            assert!(grown < 500, "the worker grew from {before} kB by {grown} kB");
            let count = fixture.stand_in.count();
            assert!(
                count.resolver > 1000 && count.connections <= 40,
                "kept, not opened for each: {count:?}"
            );
        });
}
