//! Everything that can happen to a worker, under valgrind: it finds nothing in our code.

use std::thread;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::h2::Streams;
use authgear_scenarios::nginx::has_old_http2;
use authgear_scenarios::soon;
use authgear_scenarios::valgrind::watched;
use authgear_scenarios::workload::{setup, Workload};
use serde_json::json;

#[test]
fn valgrind_finds_nothing_in_our_code() {
    let listen = if has_old_http2() {
        "listen 127.0.0.1:%PORT1% http2;"
    } else {
        "listen 127.0.0.1:%PORT1%; http2 on;"
    };
    watched(setup().server(listen), |fixture| {
        fixture.await_keys();
        let workload = Workload::new(fixture);
        workload.run(fixture, 2, 3);
        fixture.stand_in.rotate();
        workload.run(fixture, 1, 1);
        fixture.nginx.reload();
        fixture.nginx.await_workers(1, Duration::from_secs(30));
        workload.run(fixture, 1, 1);
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 200}));
        for round in 0..3 {
            let leaving: Vec<Connection> = (0..10)
                .map(|index| send(fixture, &format!("unknown{}", index % (round + 2))))
                .collect();
            thread::sleep(Duration::from_millis(100));
            leaving.into_iter().for_each(Connection::reset);
        }
        // What fails after its askers have gone is logged with their address.
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "close", "delay": 300}));
        let gone: Vec<Connection> = (0..5)
            .map(|index| send(fixture, &format!("gone{index}")))
            .collect();
        thread::sleep(Duration::from_millis(100));
        gone.into_iter().for_each(Connection::leave);
        for kind in ["close_mid_answer", "garbage", "reset", "refuse", "hang"] {
            fixture.stand_in.resolver_fault(json!({"kind": kind}));
            Request::get("/")
                .bearer("never-issued")
                .send(fixture.port())
                .assert_unavailable(503);
        }
        fixture.stand_in.heal();
        soon("the resolver is found again", || {
            Request::get("/")
                .bearer("never-issued")
                .send(fixture.port())
                .status
                == 200
        });
        let mut streams = Streams::open(fixture.port_of(1));
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 400}));
        let opened: Vec<u32> = (0..10)
            .map(|index| streams.get("/", &[("authorization", &format!("Bearer stream{index}"))]))
            .collect();
        opened[..5].iter().for_each(|stream| streams.reset(*stream));
        for _ in 5..10 {
            streams.next_answer().1.assert_invalid();
        }
        // A quit with a client waiting, and with nobody waiting any more.
        let mut last = send(fixture, "last");
        send(fixture, "leaving").reset();
        thread::sleep(Duration::from_millis(100));
        fixture.nginx.signal("QUIT");
        last.answer().assert_invalid();
        drop((last, streams));
        fixture.nginx.await_end(Duration::from_secs(30));
    });
}

/// A request with a token, on its way.
fn send(fixture: &Fixture, token: &str) -> Connection {
    let mut connection = Connection::open(fixture.port());
    connection.send(&Request::get("/").bearer(token));
    connection
}
