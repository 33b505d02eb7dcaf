//! Clients that leave at every step: nothing of theirs stays, and nobody else notices.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::{descriptors, signal};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::stand_in::StandIn;
use authgear_scenarios::{soon, soon_within};
use serde_json::json;

/// Half of them in good order, half with a reset.
fn leave(connections: Vec<Connection>) {
    for (index, connection) in connections.into_iter().enumerate() {
        if index % 2 == 0 {
            connection.leave();
        } else {
            connection.reset();
        }
    }
}

fn clients(fixture: &Fixture, count: usize, bytes: impl Fn(usize) -> Vec<u8>) -> Vec<Connection> {
    (0..count)
        .map(|index| {
            let mut connection = Connection::open(fixture.port());
            connection.send_bytes(&bytes(index));
            connection
        })
        .collect()
}

#[test]
fn a_hundred_clients_leave_while_the_resolver_hangs() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let shared = fixture.stand_in.opaque();
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let shared_request = Request::get("/").bearer(&shared.value).bytes();
        let workers = fixture.nginx.workers();
        let waiting = clients(fixture, 100, |index| match index % 3 {
            0 => shared_request.clone(),
            1 => Request::get("/").bearer(&format!("unknown{index}")).bytes(),
            _ => Request::post("/", vec![b'x'; 5000])
                .with("Cookie", &format!("session=unknown{index}"))
                .bytes(),
        });
        soon("questions are under way", || {
            fixture.stand_in.count().resolver >= 30
        });
        leave(waiting);
        fixture.await_quiet();
        assert_eq!(fixture.nginx.workers(), workers, "no worker has died");
        fixture.stand_in.heal();
        soon("answers again", || {
            Request::get("/")
                .bearer(&shared.value)
                .send(fixture.port())
                .status
                == 200
        });
        for _ in 0..20 {
            Request::get("/")
                .bearer(&shared.value)
                .send(fixture.port())
                .assert_user(&shared.user);
        }
    });
}

#[test]
fn a_client_that_leaves_is_noticed_at_once_and_not_when_its_question_ends() {
    let patient = "authgear_resolve_request /patient;\n\
        location = /patient { internal; proxy_read_timeout 60s; proxy_pass http://%AUTHGEAR%/_resolver/resolve; }";
    Setup::new().server(patient).run(|fixture| {
        fixture.await_keys();
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let worker = fixture.nginx.workers()[0];
        // One question for all of them, so that almost every descriptor is a client's.
        let waiting = clients(fixture, 60, |_| Request::get("/").bearer("unknown").bytes());
        soon("they are connected", || {
            fixture.stand_in.count().resolver == 1 && descriptors(worker) >= 60
        });
        let held = descriptors(worker);
        leave(waiting);
        soon_within(Duration::from_secs(3), "their connections are closed", || {
            descriptors(worker) <= held - 60
        });
    });
}

#[test]
fn a_client_that_left_before_its_request_was_read_is_noticed_at_once() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let worker = fixture.nginx.workers()[0];
        let held = descriptors(worker);
        // The worker meets request and farewell at once: nothing more will come from these clients.
        signal(worker, "STOP");
        for client in clients(fixture, 40, |_| Request::get("/").bearer("unknown").bytes()) {
            client.leave();
        }
        signal(worker, "CONT");
        soon("the resolver is asked", || fixture.stand_in.count().resolver == 1);
        // The question's own two are left, and the worker's socket for such requests.
        soon_within(Duration::from_secs(2), "their connections are closed", || {
            descriptors(worker) <= held + 3
        });
    });
}

#[test]
fn a_request_that_waits_is_not_taken_for_gone_because_another_follows_it() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 500}));
        let request = Request::get("/").bearer(&token.value).bytes();
        let mut connection = Connection::open(fixture.port());
        connection.send_bytes(&request.repeat(3));
        for _ in 0..3 {
            connection.answer().assert_user(&token.user);
        }
    });
}

#[test]
fn clients_leave_at_every_step_of_a_request() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let [jwt, opaque] = [fixture.stand_in.jwt(), fixture.stand_in.opaque()];
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 60}));
        let request = Request::post("/slow/300", vec![b'x'; 3000])
            .bearer(&opaque.value)
            .bytes();
        let steps = [0, 1, 20, request.len() / 2, request.len() - 1, request.len()];
        for step in steps {
            leave(clients(fixture, 12, |_| request[..step].to_vec()));
        }
        for pause in [5, 30, 60, 90, 200] {
            let waiting = clients(fixture, 12, |_| request.clone());
            sleep(Duration::from_millis(pause));
            leave(waiting);
        }
        let slow = Request::get("/slow/300").bearer(&jwt.value).bytes();
        leave(clients(fixture, 12, |_| slow.clone()));
        fixture.await_quiet();
        fixture.stand_in.heal();
        Request::get("/")
            .bearer(&opaque.value)
            .send(fixture.port())
            .assert_user(&opaque.user);
        Request::get("/")
            .bearer(&jwt.value)
            .send(fixture.port())
            .assert_user(&jwt.user);
    });
}

#[test]
fn clients_leave_while_the_keys_are_fetched() {
    fn hanging_keys(stand_in: &StandIn) {
        stand_in.keys_fault(json!({"kind": "hang"}));
    }
    Setup::new()
        .workers(2)
        .server("authgear_jwks_valid 10m refetch=1s;")
        .before(hanging_keys)
        .run(|fixture| {
            let jwt = fixture.stand_in.jwt();
            let request = Request::get("/").bearer(&jwt.value);
            soon("the keys are being fetched", || fixture.stand_in.count().jwks > 0);
            let waiting = clients(fixture, 50, |_| request.bytes());
            sleep(Duration::from_millis(200));
            leave(waiting);
            let mut stayed = Connection::open(fixture.port());
            stayed.send(&request);
            fixture.stand_in.heal();
            stayed.answer().assert_user(&jwt.user);
            fixture.await_keys();
            request.send(fixture.port()).assert_user(&jwt.user);
        });
}

#[test]
fn those_who_stay_get_the_answer_that_those_who_left_had_asked_for() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1200}));
        let request = Request::get("/").bearer(&token.value).bytes();
        let mut leavers = clients(fixture, 1, |_| request.clone());
        soon("the first has asked", || fixture.stand_in.count().resolver == 1);
        let mut stayers = clients(fixture, 10, |_| request.clone());
        leavers.extend(clients(fixture, 10, |_| request.clone()));
        sleep(Duration::from_millis(100));
        leave(leavers);
        for stayer in &mut stayers {
            stayer.answer().assert_user(&token.user);
        }
        assert_eq!(
            fixture.stand_in.count().resolver,
            1,
            "whoever leaves, the question goes on"
        );
    });
}

#[test]
fn a_client_that_only_closed_its_sending_side_leaves_no_trace() {
    Setup::new().run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 400}));
        for _ in 0..20 {
            let mut connection = Connection::open(fixture.port());
            connection.send(&Request::get("/").bearer(&token.value));
            connection.finish_sending();
            // nginx takes a closed sending side for a client that has left; either is allowed.
            if let Ok(answer) = connection.try_answer() {
                answer.assert_user(&token.user);
            }
        }
    });
}
