//! Everything that can happen to a worker, under valgrind: it finds nothing in our code.

use std::thread;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::h2::Streams;
use authgear_scenarios::mix::{plan, Mix};
use authgear_scenarios::nginx::has_old_http2;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use authgear_scenarios::valgrind::watched;
use serde_json::json;

#[test]
fn valgrind_finds_nothing_in_our_code() {
    let listen = if has_old_http2() {
        "listen 127.0.0.1:%PORT1% http2;"
    } else {
        "listen 127.0.0.1:%PORT1%; http2 on;"
    };
    watched(plan().server(listen), |scene| {
        scene.await_keys();
        let mix = Mix::new(scene);
        mix.run(scene, 2, 3);
        scene.stand_in.rotate();
        mix.run(scene, 1, 1);
        scene.nginx.reload();
        scene.nginx.await_workers(1, Duration::from_secs(30));
        mix.run(scene, 1, 1);
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 200}));
        for round in 0..3 {
            let leaving: Vec<Connection> = (0..10)
                .map(|index| send(scene, &format!("unknown{}", index % (round + 2))))
                .collect();
            thread::sleep(Duration::from_millis(100));
            leaving.into_iter().for_each(Connection::reset);
        }
        // What fails after its askers have gone is logged with their address.
        scene
            .stand_in
            .resolver_fault(json!({"kind": "close", "delay": 300}));
        let gone: Vec<Connection> = (0..5).map(|index| send(scene, &format!("gone{index}"))).collect();
        thread::sleep(Duration::from_millis(100));
        gone.into_iter().for_each(Connection::leave);
        for kind in ["close_mid_answer", "garbage", "reset", "refuse", "hang"] {
            scene.stand_in.resolver_fault(json!({"kind": kind}));
            Request::get("/")
                .bearer("never-issued")
                .send(scene.port())
                .assert_unavailable(503);
        }
        scene.stand_in.heal();
        soon("the resolver is found again", || {
            Request::get("/").bearer("never-issued").send(scene.port()).status == 200
        });
        let mut streams = Streams::open(scene.port_of(1));
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 400}));
        let opened: Vec<u32> = (0..10)
            .map(|index| streams.get("/", &[("authorization", &format!("Bearer stream{index}"))]))
            .collect();
        opened[..5].iter().for_each(|stream| streams.reset(*stream));
        for _ in 5..10 {
            streams.next_answer().1.assert_invalid();
        }
        // A quit with a client waiting, and with nobody waiting any more.
        let mut last = send(scene, "last");
        send(scene, "leaving").reset();
        thread::sleep(Duration::from_millis(100));
        scene.nginx.signal("QUIT");
        last.answer().assert_invalid();
        drop((last, streams));
        scene.nginx.await_end(Duration::from_secs(30));
    });
}

/// A request with a token, on its way.
fn send(scene: &Scene, token: &str) -> Connection {
    let mut connection = Connection::open(scene.port());
    connection.send(&Request::get("/").bearer(token));
    connection
}
