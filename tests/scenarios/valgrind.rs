//! Everything that can happen to a worker, under valgrind: it finds nothing in our code.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::h2::Streams;
use authgear_scenarios::nginx::has_old_http2;
use authgear_scenarios::plan::Plan;
use authgear_scenarios::scene::Scene;
use authgear_scenarios::soon;
use serde_json::json;

use crate::mix::{plan, Mix};

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

/// Plays under valgrind, which must find nothing in our code; at least one reload is part of the play.
pub fn watched(plan: Plan, play: impl FnOnce(&mut Scene)) {
    if Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        println!("valgrind is not installed: nothing was looked at");
        return;
    }
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "authgear-scenario-valgrind-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    let reports = std::env::temp_dir().join(name);
    fs::create_dir_all(&reports).unwrap();
    let log = format!("--log-file={}/%p", reports.display());
    let wrapper = [
        "valgrind",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--num-callers=40",
        &log,
    ];
    plan.under(&wrapper).play(play);
    let found: Vec<String> = fs::read_dir(&reports)
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    fs::remove_dir_all(&reports).unwrap();
    assert!(found.len() >= 3, "a master and two workers, not {}", found.len());
    for report in &found {
        assert!(
            report.contains("ERROR SUMMARY"),
            "valgrind did not come to its end:\n{report}"
        );
        let ours: Vec<&str> = errors(report)
            .filter(|error| error.contains("authgear") || error.contains("Invalid"))
            .collect();
        assert!(ours.is_empty(), "{}", ours.join("\n"));
    }
}

/// A request with a token, on its way.
fn send(scene: &Scene, token: &str) -> Connection {
    let mut connection = Connection::open(scene.port());
    connection.send(&Request::get("/").bearer(token));
    connection
}

/// The blocks of a report that have a stack.
fn errors(report: &str) -> impl Iterator<Item = &str> {
    report.split("== \n").filter(|block| block.contains("   at 0x"))
}
