//! Many requests of every kind: nothing grows, and valgrind finds nothing in our code.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::nginx::resident;
use authgear_scenarios::scene::{Plan, Scene};
use authgear_scenarios::stand_in::request_with;
use serde_json::json;

/// What every client sends in turn, and the status that it gets.
struct Mix(Vec<(Request, u16)>);

impl Mix {
    fn new(scene: &Scene) -> Self {
        let stand_in = &scene.stand_in;
        let [jwt, opaque, cookie] = [stand_in.jwt(), stand_in.opaque(), stand_in.session()];
        let bad = |wish: serde_json::Value| Request::get("/").bearer(&stand_in.token(&wish).value);
        let forged = (0..30).fold(Request::get("/"), |request, index| request.with(&format!("X-Authgear-Forged-{index}"), "mallory"));
        Self(vec![
            (Request::get("/"), 200),
            (request_with("/", &jwt), 200),
            (request_with("/", &opaque), 200),
            (request_with("/", &cookie), 200),
            (forged.bearer(&jwt.value), 200),
            (bad(json!({"lifetime": -10})), 200),
            (bad(json!({"key": "foreign"})), 200),
            (bad(json!({"tamper": "signature"})), 200),
            (bad(json!({"claims": {"iss": "https://elsewhere.test", "padding": "x".repeat(4000)}})), 200),
            (Request::get("/").bearer("eyJ.eyJ.eyJ"), 200),
            (Request::get("/").bearer(&"x".repeat(6000)), 200),
            (Request::get("/").with("Cookie", "session=never-issued; app_session=\"\""), 200),
            (Request::post("/", vec![b'x'; 20_000]).bearer(&opaque.value), 200),
            (Request::get("/redirected").bearer(&opaque.value), 200),
            (request_with("/", &jwt).with("Authorization", "Basic dTpw"), 400),
            (Request::get("/failing").bearer(&opaque.value), 503),
        ])
    }

    /// `clients` at once, each `rounds` times through the mix.
    fn run(&self, scene: &Scene, clients: usize, rounds: usize) {
        let port = scene.port();
        thread::scope(|scope| {
            for _ in 0..clients {
                scope.spawn(|| {
                    let mut connection = Connection::open(port);
                    for _ in 0..rounds {
                        for (request, status) in &self.0 {
                            let answer = connection.ask(request);
                            assert_eq!(answer.status, *status, "{request:?}: {answer:?}");
                            assert!(!answer.body.contains("mallory"), "{answer:?}");
                            // nginx closes after a 400.
                            if answer.header("connection") == Some("close") {
                                connection = Connection::open(port);
                            }
                        }
                    }
                });
            }
        });
    }
}

fn plan() -> Plan {
    Plan::new()
        .stand_in("--no-log")
        .server("large_client_header_buffers 8 16k;")
        .server("location /redirected { authgear_resolve on; error_page 404 = @other; return 404; }")
        .server("location @other { authgear_resolve on; proxy_pass http://%BACKEND%; }")
        .http(
            "upstream kept { server %BACKEND%; keepalive 8; }",
        )
        .server("location /failing { proxy_pass http://127.0.0.1:%PORT2%; }")
        .http(
            "server { listen 127.0.0.1:%PORT2%; authgear_endpoint http://127.0.0.1:1; include %DIR%/authgear.conf;\n\
             location / { authgear_resolve remote; proxy_pass http://kept; } }",
        )
        .kept(8)
}

#[test]
fn twenty_thousand_requests_leave_memory_as_it_was() {
    plan().play(|scene| {
        scene.await_keys();
        let mix = Mix::new(scene);
        mix.run(scene, 4, 80);
        let worker = scene.nginx.some_worker();
        let before = resident(worker);
        mix.run(scene, 4, 240);
        let grown = resident(worker).saturating_sub(before);
        assert!(grown < 3000, "the worker grew from {before} kB by {grown} kB");
    });
}

#[test]
fn valgrind_finds_nothing_in_our_code() {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("valgrind is not installed: nothing was looked at");
        return;
    }
    let report = std::env::temp_dir().join(format!("authgear-scenario-valgrind-{}", std::process::id()));
    let log = format!("--log-file={}", report.display());
    let wrapper = ["valgrind", "--leak-check=full", "--show-leak-kinds=definite", "--num-callers=40", &log];
    plan().main("master_process off;").under(&wrapper).play(|scene| {
        scene.await_keys();
        let mix = Mix::new(scene);
        mix.run(scene, 2, 3);
        scene.stand_in.rotate();
        mix.run(scene, 1, 1);
        scene.stand_in.resolver_fault(json!({"kind": "delay", "ms": 200}));
        for round in 0..3 {
            let leaving: Vec<Connection> = (0..10)
                .map(|index| {
                    let mut connection = Connection::open(scene.port());
                    connection.send(&Request::get("/").bearer(&format!("unknown{}", index % (round + 2))));
                    connection
                })
                .collect();
            thread::sleep(std::time::Duration::from_millis(100));
            leaving.into_iter().for_each(Connection::reset);
        }
        for kind in ["close_mid_answer", "garbage", "reset", "refuse"] {
            scene.stand_in.resolver_fault(json!({"kind": kind}));
            Request::get("/").bearer("never-issued").send(scene.port()).assert_unavailable(503);
        }
        scene.stand_in.heal();
    });
    let found = fs::read_to_string(&report).unwrap();
    fs::copy(&report,"/tmp/vg.log").unwrap();
    fs::remove_file(&report).unwrap();
    let ours: Vec<&str> = errors(&found).filter(|error| error.contains("authgear")).collect();
    assert!(found.contains("ERROR SUMMARY"), "valgrind did not come to its end:\n{found}");
    assert!(ours.is_empty(), "{}", ours.join("\n"));
}

/// The blocks of a report that have a stack.
fn errors(report: &str) -> impl Iterator<Item = &str> {
    let blank = report.lines().next().and_then(|line| line.split(' ').next()).unwrap_or_default().len();
    report.split("== \n").filter(move |block| blank > 0 && block.contains("   at 0x"))
}
