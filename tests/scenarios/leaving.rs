//! Clients that leave at every step: nothing of theirs stays, and nobody else notices.

use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::nginx::{descriptors, signal};
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
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

fn clients(scene: &Scene, count: usize, bytes: impl Fn(usize) -> Vec<u8>) -> Vec<Connection> {
    (0..count)
        .map(|index| {
            let mut connection = Connection::open(scene.port());
            connection.send_bytes(&bytes(index));
            connection
        })
        .collect()
}

#[test]
fn a_hundred_clients_leave_while_the_resolver_hangs() {
    Plan::new().workers(2).play(|scene| {
        scene.await_keys();
        let shared = scene.stand_in.opaque();
        scene.stand_in.resolver_fault(json!({"kind": "hang"}));
        let shared_request = Request::get("/").bearer(&shared.value).bytes();
        let workers = scene.nginx.workers();
        let waiting = clients(scene, 100, |index| match index % 3 {
            0 => shared_request.clone(),
            1 => Request::get("/").bearer(&format!("unknown{index}")).bytes(),
            _ => Request::post("/", vec![b'x'; 5000])
                .with("Cookie", &format!("session=unknown{index}"))
                .bytes(),
        });
        soon("questions are under way", || {
            scene.stand_in.count().resolver >= 30
        });
        leave(waiting);
        scene.await_quiet();
        assert_eq!(scene.nginx.workers(), workers, "no worker has died");
        scene.stand_in.heal();
        soon("answers again", || {
            Request::get("/").bearer(&shared.value).send(scene.port()).status == 200
        });
        for _ in 0..20 {
            Request::get("/")
                .bearer(&shared.value)
                .send(scene.port())
                .assert_user(&shared.user);
        }
    });
}

#[test]
fn a_client_that_leaves_is_noticed_at_once_and_not_when_its_question_ends() {
    let patient = "authgear_resolve_request /patient;\n\
        location = /patient { internal; proxy_read_timeout 60s; proxy_pass http://%AUTHGEAR%/_resolver/resolve; }";
    Plan::new().server(patient).play(|scene| {
        scene.await_keys();
        scene.stand_in.resolver_fault(json!({"kind": "hang"}));
        let worker = scene.nginx.workers()[0];
        // One question for all of them, so that almost every descriptor is a client's.
        let waiting = clients(scene, 60, |_| Request::get("/").bearer("unknown").bytes());
        soon("they are connected", || {
            scene.stand_in.count().resolver == 1 && descriptors(worker) >= 60
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
    Plan::new().play(|scene| {
        scene.await_keys();
        scene.stand_in.resolver_fault(json!({"kind": "hang"}));
        let worker = scene.nginx.workers()[0];
        let held = descriptors(worker);
        // The worker meets request and farewell at once: nothing more will come from these clients.
        signal(worker, "STOP");
        for client in clients(scene, 40, |_| Request::get("/").bearer("unknown").bytes()) {
            client.leave();
        }
        signal(worker, "CONT");
        soon("the resolver is asked", || scene.stand_in.count().resolver == 1);
        // The question's own two are left, and the worker's socket for such requests.
        soon_within(Duration::from_secs(2), "their connections are closed", || {
            descriptors(worker) <= held + 3
        });
    });
}

#[test]
fn a_request_that_waits_is_not_taken_for_gone_because_another_follows_it() {
    Plan::new().play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 500}));
        let request = Request::get("/").bearer(&token.value).bytes();
        let mut connection = Connection::open(scene.port());
        connection.send_bytes(&request.repeat(3));
        for _ in 0..3 {
            connection.answer().assert_user(&token.user);
        }
    });
}

#[test]
fn clients_leave_at_every_step_of_a_request() {
    Plan::new().play(|scene| {
        scene.await_keys();
        let [jwt, opaque] = [scene.stand_in.jwt(), scene.stand_in.opaque()];
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 60}));
        let request = Request::post("/slow/300", vec![b'x'; 3000])
            .bearer(&opaque.value)
            .bytes();
        let steps = [0, 1, 20, request.len() / 2, request.len() - 1, request.len()];
        for step in steps {
            leave(clients(scene, 12, |_| request[..step].to_vec()));
        }
        for pause in [5, 30, 60, 90, 200] {
            let waiting = clients(scene, 12, |_| request.clone());
            sleep(Duration::from_millis(pause));
            leave(waiting);
        }
        let slow = Request::get("/slow/300").bearer(&jwt.value).bytes();
        leave(clients(scene, 12, |_| slow.clone()));
        scene.await_quiet();
        scene.stand_in.heal();
        Request::get("/")
            .bearer(&opaque.value)
            .send(scene.port())
            .assert_user(&opaque.user);
        Request::get("/")
            .bearer(&jwt.value)
            .send(scene.port())
            .assert_user(&jwt.user);
    });
}

#[test]
fn clients_leave_while_the_keys_are_fetched() {
    fn hanging_keys(stand_in: &StandIn) {
        stand_in.keys_fault(json!({"kind": "hang"}));
    }
    Plan::new()
        .workers(2)
        .server("authgear_jwks_valid 10m refetch=1s;")
        .before(hanging_keys)
        .play(|scene| {
            let jwt = scene.stand_in.jwt();
            let request = Request::get("/").bearer(&jwt.value);
            soon("the keys are being fetched", || scene.stand_in.count().jwks > 0);
            let waiting = clients(scene, 50, |_| request.bytes());
            sleep(Duration::from_millis(200));
            leave(waiting);
            let mut stayed = Connection::open(scene.port());
            stayed.send(&request);
            scene.stand_in.heal();
            stayed.answer().assert_user(&jwt.user);
            scene.await_keys();
            request.send(scene.port()).assert_user(&jwt.user);
        });
}

#[test]
fn those_who_stay_get_the_answer_that_those_who_left_had_asked_for() {
    Plan::new().play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        scene
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1200}));
        let request = Request::get("/").bearer(&token.value).bytes();
        let mut leavers = clients(scene, 1, |_| request.clone());
        soon("the first has asked", || scene.stand_in.count().resolver == 1);
        let mut stayers = clients(scene, 10, |_| request.clone());
        leavers.extend(clients(scene, 10, |_| request.clone()));
        sleep(Duration::from_millis(100));
        leave(leavers);
        for stayer in &mut stayers {
            stayer.answer().assert_user(&token.user);
        }
        assert_eq!(
            scene.stand_in.count().resolver,
            1,
            "whoever leaves, the question goes on"
        );
    });
}

#[test]
fn a_client_that_only_closed_its_sending_side_leaves_no_trace() {
    Plan::new().play(|scene| {
        scene.await_keys();
        let token = scene.stand_in.opaque();
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 400}));
        for _ in 0..20 {
            let mut connection = Connection::open(scene.port());
            connection.send(&Request::get("/").bearer(&token.value));
            connection.finish_sending();
            // nginx takes a closed sending side for a client that has left; either is allowed.
            if let Ok(answer) = connection.try_answer() {
                answer.assert_user(&token.user);
            }
        }
    });
}
