//! The resolver counts as failing after five failures in a row, for all workers: no verdict at once, and a
//! probe a second.

use std::sync::Mutex;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::repeated_use::{use_until_invalid, AT_ONCE};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::{json, Value};

fn fails(fixture: &Fixture, fault: Value, times: usize) {
    fixture.stand_in.resolver_fault(fault);
    for _ in 0..times {
        // Each is another question, and none is shared.
        let token = fixture.stand_in.opaque();
        request_with("/", &token)
            .send(fixture.port())
            .assert_unavailable(503);
    }
}

fn is_failing(fixture: &Fixture) -> bool {
    let line = format!("authgear: the resolver of {} is failing", fixture.stand_in.origin);
    fixture.nginx.log().contains(&line)
}

fn lines_with(fixture: &Fixture, words: &str) -> Vec<String> {
    let log = fixture.nginx.log();
    let lines = log.lines().filter(|line| line.contains(words));
    lines.map(str::to_owned).collect()
}

fn close() -> Value {
    json!({"kind": "close"})
}

fn forbidden() -> Value {
    json!({"kind": "status", "status": 403})
}

#[test]
fn a_failing_resolver_is_probed_once_a_second_and_keeps_nobody_waiting() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        fails(fixture, close(), 5);
        soon("it counts as failing", || is_failing(fixture));
        // The next answers would take as long as the location lets them.
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        fixture.stand_in.forget();
        let (port, begun, times) = (fixture.port(), Instant::now(), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for client in 0..4 {
                let (token, times) = (&token, &times);
                scope.spawn(move || {
                    for round in 0.. {
                        if begun.elapsed() > Duration::from_secs(4) {
                            break;
                        }
                        // Each its own question: those that raise a probe's own may wait for it together.
                        let request = match (client, round % 2) {
                            (0, 0) => request_with("/", token),
                            _ => Request::get("/").bearer(&format!("unknown{client}x{round}")),
                        };
                        let sent = Instant::now();
                        request.send(port).assert_unavailable(503);
                        times.lock().unwrap().push(sent.elapsed());
                        sleep(Duration::from_millis(50));
                    }
                });
            }
        });
        let seconds = begun.elapsed().as_secs();
        let asked = fixture.stand_in.count().resolver;
        assert!(
            (1..=seconds + 2).contains(&asked),
            "{asked} probes in {seconds} s"
        );
        let times = times.into_inner().unwrap();
        let waited = times.iter().filter(|time| **time > AT_ONCE).count();
        assert!(times.len() > 40, "only {} requests", times.len());
        assert!(
            waited <= usize::try_from(asked).unwrap(),
            "{waited} requests waited, with {asked} probes"
        );
        assert_eq!(fixture.stand_in.count().backend, 0);
        assert!(fixture
            .nginx
            .log()
            .contains("authgear: no verdict could be had: resolver_failing"));
        fixture.stand_in.heal();
        soon("answers again", || {
            request_with("/", &token).send(fixture.port()).status == 200
        });
        for _ in 0..20 {
            request_with("/", &token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        let failing = lines_with(fixture, "is failing");
        let again = lines_with(fixture, "answers again");
        assert_eq!(
            (failing.len(), again.len()),
            (1, 1),
            "one line for each change of state, whatever the workers: {failing:?} {again:?}"
        );
        assert!(failing[0].contains("[error]"), "{failing:?}");
        assert!(again[0].contains("[notice]"), "{again:?}");
    });
}

/// Short intervals in `/fast`; in `/bound` the question soon comes first.
const DUE: &str = "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }\n\
    location /fast { authgear_resolve on; authgear_revalidate 1s max=60s; proxy_pass http://%BACKEND%; }\n\
    location /bound { authgear_resolve on; authgear_revalidate 1s max=2s; proxy_pass http://%BACKEND%; }";

/// Uses good tokens, with the answer's status, and unknown ones, for so long; how long the slowest took.
fn use_both(fixture: &Fixture, path: &str, tokens: &[Credential], status: u16, time: Duration) -> Duration {
    let (port, begun, slowest) = (fixture.port(), Instant::now(), Mutex::new(Duration::ZERO));
    let use_ = |request: Request, status: u16| {
        let sent = Instant::now();
        assert_eq!(request.send(port).status, status);
        let mut slowest = slowest.lock().unwrap();
        *slowest = slowest.max(sent.elapsed());
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for token in tokens.iter().cycle().take_while(|_| begun.elapsed() < time) {
                use_(request_with(path, token), status);
                sleep(Duration::from_millis(30));
            }
        });
        for client in 0..3 {
            let use_ = &use_;
            scope.spawn(move || {
                for round in (0..).take_while(|_| begun.elapsed() < time) {
                    use_(Request::get("/").bearer(&format!("unknown{client}x{round}")), 503);
                    sleep(Duration::from_millis(50));
                }
            });
        }
    });
    slowest.into_inner().unwrap()
}

#[test]
fn where_a_token_is_due_no_client_waits_for_a_probe() {
    Setup::new().workers(2).server(DUE).run(|fixture| {
        fixture.await_keys();
        sleep(Duration::from_millis(2300));
        // Those that are served meanwhile, and those about which the question comes first.
        for (path, status) in [("/fast", 200), ("/bound", 503)] {
            let tokens: Vec<Credential> = (0..2).map(|_| fixture.stand_in.aged(20)).collect();
            fails(fixture, close(), 5);
            soon("it counts as failing", || is_failing(fixture));
            fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
            fixture.stand_in.forget();
            let slowest = use_both(fixture, path, &tokens, status, Duration::from_secs(7));
            assert!(slowest < AT_ONCE, "{path}: a client waited {slowest:?}");
            let asked = fixture.stand_in.count().resolver;
            assert!((2..=9).contains(&asked), "{path}: {asked} probes in 7 s");
            fixture.stand_in.heal();
            soon("it answers again", || {
                let statuses = tokens
                    .iter()
                    .map(|token| request_with("/bound", token).send(fixture.port()).status);
                statuses.filter(|status| *status == 200).count() == tokens.len()
            });
        }
    });
}

#[test]
fn without_a_due_token_clients_notice_the_recovery() {
    Setup::new().workers(2).server(DUE).run(|fixture| {
        fixture.await_keys();
        let (opaque, token) = (fixture.stand_in.opaque(), fixture.stand_in.aged(20));
        let recovers = |within: u64| {
            fixture.stand_in.heal();
            let begun = Instant::now();
            soon("it answers again", || {
                request_with("/", &opaque).send(fixture.port()).status == 200
            });
            assert!(
                begun.elapsed() < Duration::from_secs(within),
                "{:?}",
                begun.elapsed()
            );
        };
        fails(fixture, close(), 5);
        soon("it counts as failing", || is_failing(fixture));
        recovers(4);
        // Tokens that were due are used no more.
        fails(fixture, close(), 5);
        for _ in 0..10 {
            request_with("/fast", &token)
                .send(fixture.port())
                .assert_user(&token.user);
            sleep(Duration::from_millis(200));
        }
        recovers(10);
    });
}

#[test]
fn confirmed_silence_counts() {
    Setup::new().workers(2).server(DUE).run(|fixture| {
        fixture.await_keys();
        let opaque = fixture.stand_in.opaque();
        fails(fixture, json!({"kind": "half_failing_database"}), 5);
        soon("it counts as failing", || is_failing(fixture));
        assert!(fixture
            .nginx
            .log()
            .contains("is failing (resolver_silent, 5 times in a row)"));
        fixture.stand_in.heal();
        soon("it answers again", || {
            request_with("/", &opaque).send(fixture.port()).status == 200
        });
        // About tokens alone, both askings are one.
        let tokens: Vec<Credential> = (0..5).map(|_| fixture.stand_in.aged(20)).collect();
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "half_failing_database"}));
        for token in &tokens {
            request_with("/fast", token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        soon("it counts as failing again", || {
            lines_with(fixture, "is failing").len() == 2
        });
    });
}

#[test]
fn what_a_client_could_provoke_neither_counts_nor_resets() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        for fault in [
            forbidden(),
            json!({"kind": "status", "status": 401}),
            json!({"kind": "status", "status": 404}),
            json!({"kind": "status", "status": 431}),
            json!({"kind": "body", "body": "x"}),
            json!({"kind": "answer", "status": 200, "headers": [["x-authgear-session-valid", "true"]], "body": ""}),
        ] {
            fixture.stand_in.forget();
            fails(fixture, fault.clone(), 6);
            assert_eq!(fixture.stand_in.count().resolver, 6, "{fault}: each is asked about");
        }
        assert!(!is_failing(fixture));
        fails(fixture, close(), 4);
        fails(fixture, forbidden(), 3);
        assert!(!is_failing(fixture), "four failures are not five");
        fails(fixture, close(), 1);
        soon("the fifth counts", || is_failing(fixture));
        fixture.stand_in.heal();
        soon("answers again", || request_with("/", &token).send(fixture.port()).status == 200);
    });
}

#[test]
fn an_answer_begins_the_count_anew() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let token = fixture.stand_in.opaque();
        for _ in 0..3 {
            fails(fixture, close(), 4);
            fixture.stand_in.heal();
            request_with("/", &token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        assert!(!is_failing(fixture));
    });
}

#[test]
fn each_kind_of_failure_counts() {
    let faults = [
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503}),
        json!({"kind": "refuse"}),
        json!({"kind": "close_mid_answer"}),
        json!({"kind": "reset"}),
    ];
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        for fault in faults {
            fails(fixture, fault, 1);
        }
        soon("five of five kinds", || is_failing(fixture));
    });
}

#[test]
fn answers_that_never_come_count_too() {
    Setup::new().workers(2).run(|fixture| {
        fixture.await_keys();
        let tokens = fixture.stand_in.tokens(6, &json!({"jwt": false}));
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let mut waiting: Vec<Connection> = tokens.iter().map(|_| Connection::open(fixture.port())).collect();
        for (connection, token) in waiting.iter_mut().zip(&tokens) {
            connection.send(&request_with("/", token));
        }
        for connection in &mut waiting {
            connection.answer().assert_unavailable(503);
        }
        soon("it counts as failing", || is_failing(fixture));
    });
}

#[test]
fn tokens_in_use_are_served_while_the_resolver_is_failing() {
    let fast =
        "location /fast { authgear_resolve on; authgear_revalidate 1s max=60s; proxy_pass http://%BACKEND%; }";
    Setup::new().workers(2).server(fast).run(|fixture| {
        fixture.await_keys();
        let tokens: Vec<Credential> = (0..4).map(|_| fixture.stand_in.jwt()).collect();
        fails(fixture, close(), 5);
        soon("it counts as failing", || is_failing(fixture));
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        fixture.stand_in.forget();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(3) {
            for token in &tokens {
                let sent = Instant::now();
                request_with("/fast", token)
                    .send(fixture.port())
                    .assert_user(&token.user);
                assert!(sent.elapsed() < AT_ONCE, "it waited {:?}", sent.elapsed());
            }
            sleep(Duration::from_millis(40));
        }
        let asked = fixture.stand_in.count().resolver;
        assert!(asked <= 5, "{asked} probes in 3 s");
        fixture.stand_in.heal();
        let gone = &tokens[0];
        fixture.stand_in.change(&gone.user, &json!({"barred": true}));
        use_until_invalid(fixture, "/fast", gone);
    });
}
