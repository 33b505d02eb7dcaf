//! Thousands of refusals: the error log stays short, and the worker as large as it was.

use std::thread;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::resident;
use authgear_scenarios::setup::Setup;
use serde_json::json;

/// Connections that are kept, and how often each sends both requests.
const CLIENTS: usize = 4;
const TIMES: usize = 1250;

/// Lines of one reason that a worker writes in one second.
const LINES_A_SECOND: usize = 10;

/// Anonymous, and with a token that has expired: refused each time.
fn refuse(fixture: &Fixture, expired: &Request) {
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut connection = Connection::open(fixture.port());
                for _ in 0..TIMES {
                    for request in [&Request::get("/closed"), expired] {
                        let answer = connection.ask(request);
                        assert_eq!(answer.status, 401, "{answer:?}");
                    }
                }
            });
        }
    });
}

fn lines(fixture: &Fixture) -> usize {
    let log = fixture.nginx.log();
    log.lines().filter(|line| line.contains("authgear: ")).count()
}

#[test]
fn ten_thousand_refusals_leave_the_log_short_and_memory_as_it_was() {
    Setup::new()
        .stand_in("--no-log")
        .server(
            "location /closed { authgear_resolve on; authgear_require valid; proxy_pass http://%BACKEND%; }",
        )
        .run(|fixture| {
            fixture.await_keys();
            let token = fixture.stand_in.token(&json!({"lifetime": -60}));
            let expired = Request::get("/closed").bearer(&token.value);
            refuse(fixture, &expired);
            let (worker, begun, written) = (fixture.nginx.workers()[0], Instant::now(), lines(fixture));
            let before = resident(worker);
            refuse(fixture, &expired);
            let grown = resident(worker).saturating_sub(before);
            assert!(grown < 500, "the worker grew from {before} kB by {grown} kB");
            // The first and the last second are not whole ones.
            let seconds = usize::try_from(begun.elapsed().as_secs()).expect("a few seconds") + 2;
            let written = lines(fixture) - written;
            assert!(
                written <= 2 * LINES_A_SECOND * seconds,
                "{written} lines of two reasons in {seconds} s"
            );
            println!(
                "{written} lines about {} refusals in {seconds} s, {grown} kB",
                2 * CLIENTS * TIMES
            );
            // The next line, in another second, tells how many are missing.
            thread::sleep(Duration::from_millis(1_100));
            assert_eq!(Connection::open(fixture.port()).ask(&expired).status, 401);
            let left_out = "more such lines left out)";
            assert!(
                fixture.nginx.log().contains(left_out),
                "the log tells how many are missing"
            );
            assert_eq!(fixture.stand_in.count().resolver, 0, "nobody was asked");
        });
}
