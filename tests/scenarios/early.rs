//! The verdict before `limit_req` and `limit_conn`: clients that leave while it is made, reloads, and many
//! users at once.

use std::thread;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::request_with;
use serde_json::json;

/// Each user may have so many requests, and never again one.
const BURST: usize = 20;

fn setup() -> Setup {
    Setup::new()
        .http(
            "limit_req_zone $http_x_authgear_user_id zone=users:1m rate=1r/m;\n\
             limit_conn_zone $http_x_authgear_user_id zone=under_way:1m;\n\
             limit_req_status 429; limit_conn_status 429;",
        )
        .server(
            "authgear_phase preaccess; authgear_token $arg_access_token;\n\
             location /limited { limit_req zone=users burst=19 nodelay; authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
             location /slow { limit_conn under_way 1; authgear_resolve on; proxy_pass http://%BACKEND%; }",
        )
}

fn waiting(fixture: &Fixture, count: usize, request: &Request) -> Vec<Connection> {
    let before = fixture.stand_in.count().resolver;
    let waiting = (0..count)
        .map(|_| {
            let mut connection = Connection::open(fixture.port());
            connection.send(request);
            connection
        })
        .collect();
    soon("the resolver is asked", || {
        fixture.stand_in.count().resolver > before
    });
    waiting
}

#[test]
fn clients_that_leave_before_the_limits_are_counted_by_none() {
    setup().run(|fixture| {
        fixture.await_keys();
        let user = fixture.stand_in.opaque();
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let request = Request::get("/slow/10").bearer(&user.value);
        for (index, connection) in waiting(fixture, 40, &request).into_iter().enumerate() {
            match index % 2 {
                0 => connection.leave(),
                _ => connection.reset(),
            }
        }
        fixture.await_quiet();
        fixture.stand_in.heal();
        soon("answers again", || request.send(fixture.port()).status == 200);
        request.send(fixture.port()).assert_user(&user.user);
    });
}

#[test]
fn requests_that_wait_before_the_limits_outlive_a_reload() {
    setup().run(|fixture| {
        fixture.await_keys();
        let user = fixture.stand_in.opaque();
        let delay = json!({"kind": "delay", "ms": 1500});
        fixture.stand_in.resolver_fault(delay);
        let request = Request::get("/limited").bearer(&user.value);
        let parked = waiting(fixture, 10, &request);
        fixture.nginx.reload();
        for mut connection in parked {
            connection.answer().assert_user(&user.user);
        }
        fixture.nginx.await_workers(1, Duration::from_secs(10));
    });
}

#[test]
fn many_users_at_once_are_counted_each_by_itself() {
    setup().workers(2).run(|fixture| {
        fixture.await_keys();
        let stand_in = &fixture.stand_in;
        let users = [
            stand_in.jwt(),
            stand_in.opaque(),
            stand_in.session(),
            stand_in.opaque(),
        ];
        let port = fixture.port();
        thread::scope(|scope| {
            for user in &users {
                let request = request_with("/limited", user);
                scope.spawn(move || {
                    let mut connection = Connection::open(port);
                    let mut admitted = 0;
                    for _ in 0..BURST * 3 {
                        let answer = connection.ask(&request);
                        if answer.status == 200 {
                            answer.assert_user(&user.user);
                            admitted += 1;
                        } else {
                            assert_eq!(answer.status, 429, "{answer:?}");
                        }
                    }
                    assert_eq!(admitted, BURST, "{}", user.user);
                });
            }
        });
    });
}

#[test]
fn a_token_in_the_query_is_parked_and_never_logged() {
    setup().run(|fixture| {
        fixture.await_keys();
        let user = fixture.stand_in.opaque();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 300}));
        let path = format!("/limited?access_token={}", user.value);
        Request::get(&path).send(fixture.port()).assert_user(&user.user);
        // The fixture's end looks for it in the error log.
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "status", "status": 500}));
        Request::get(&path).send(fixture.port()).assert_unavailable(503);
    });
}
