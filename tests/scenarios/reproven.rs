//! Whether the resolver is asked the right way is known of the running configuration only: a reload is when
//! the way changes.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::Connection;
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::nginx::signal;
use authgear_scenarios::repeated_use::{prove, use_until_invalid};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{request_with, Credential};
use serde_json::json;

const LOCATIONS: &str =
    "location / { authgear_resolve on; authgear_revalidate 1s max=60s; proxy_pass http://%BACKEND%; }\n\
    location /bound { authgear_resolve on; authgear_revalidate 1s max=2s; proxy_pass http://%BACKEND%; }";
/// After this the zone is older than `max` of `/bound`.
const OLDER_THAN_MAX: Duration = Duration::from_millis(2300);

/// From the next reload on `Host` is wrong in the two locations: the resolver knows no token, and says
/// nothing.
fn spoil_host(fixture: &Fixture) {
    let path = fixture.directory().join("authgear.conf");
    let text = fs::read_to_string(&path).expect("reading authgear.conf");
    let spoilt = text.replace("Host $authgear_endpoint_host", "Host elsewhere.test");
    assert_ne!(text, spoilt);
    fs::write(&path, spoilt).expect("writing authgear.conf");
}

/// Uses all of them for so long: each stays its user's.
fn stay_good(fixture: &Fixture, tokens: &[Credential], time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        for token in tokens {
            request_with("/", token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        sleep(Duration::from_millis(30));
    }
}

fn says_what_to_look_at(fixture: &Fixture) -> bool {
    fixture.nginx.log().contains("look at Host and X-Forwarded-Proto")
}

#[test]
fn after_a_reload_that_spoils_host_no_good_token_is_called_ended() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        let tokens: Vec<Credential> = (0..5).map(|_| fixture.stand_in.aged(20)).collect();
        stay_good(fixture, &tokens, Duration::from_millis(1500));
        spoil_host(fixture);
        fixture.nginx.reload();
        fixture.stand_in.forget();
        stay_good(fixture, &tokens, Duration::from_secs(4));
        assert!(fixture.stand_in.count().resolver > 0, "they were asked about");
        soon("it says what to look at", || says_what_to_look_at(fixture));
        assert!(!fixture.nginx.log().contains("session_ended"));
    });
}

#[test]
fn after_an_ordinary_reload_the_first_yes_lets_an_end_be_noticed() {
    Setup::new().workers(2).server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        let [gone, stays] = [fixture.stand_in.aged(20), fixture.stand_in.aged(20)];
        stay_good(
            fixture,
            &[gone.clone(), stays.clone()],
            Duration::from_millis(1500),
        );
        for _ in 0..3 {
            fixture.nginx.reload();
        }
        fixture.stand_in.revoke(&gone);
        stay_good(fixture, &[stays], Duration::from_millis(1500));
        use_until_invalid(fixture, "/", &gone);
    });
}

#[test]
fn a_reload_that_fails_late_changes_nothing_for_workers_born_after_it() {
    Setup::new()
        .workers(2)
        .server(LOCATIONS)
        .tolerate("bind()")
        .kills_workers()
        .loses_count()
        .run(|fixture| {
            fixture.await_keys();
            prove(fixture, "/");
            // The shared memory is there already when nginx finds the port taken.
            let taken = format!(
                "http {{ server {{ listen 127.0.0.1:{}; }}",
                fixture.stand_in.backend
            );
            fixture.try_in_vain(
                |conf| conf.replacen("http {", &taken, 1),
                "still could not bind()",
            );
            let old = fixture.nginx.workers();
            for worker in &old {
                signal(*worker, "KILL");
            }
            soon("workers born after it", || {
                let workers = fixture.nginx.workers();
                workers.len() == 2 && workers.iter().all(|worker| !old.contains(worker))
            });
            // Nobody says yes to any token now: what was proven is still known.
            let gone = fixture.stand_in.aged(20);
            fixture.stand_in.revoke(&gone);
            use_until_invalid(fixture, "/", &gone);
        });
}

#[test]
fn a_yes_to_the_configuration_that_is_leaving_proves_nothing_of_the_new_one() {
    Setup::new().server(LOCATIONS).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/");
        sleep(OLDER_THAN_MAX);
        let tokens: Vec<Credential> = (0..3).map(|_| fixture.stand_in.aged(20)).collect();
        // A client waits for a yes that the old configuration asked for.
        let first = fixture.stand_in.aged(20);
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 2500, "times": 1}));
        fixture.stand_in.forget();
        let mut waiting = Connection::open(fixture.port());
        waiting.send(&request_with("/bound", &first));
        soon("it is asked about", || fixture.stand_in.count().resolver == 1);
        spoil_host(fixture);
        fixture.nginx.reload();
        assert_eq!(waiting.answer().status, 200);
        stay_good(fixture, &tokens, Duration::from_secs(4));
        soon("it says what to look at", || says_what_to_look_at(fixture));
        assert!(!fixture.nginx.log().contains("session_ended"));
    });
}
