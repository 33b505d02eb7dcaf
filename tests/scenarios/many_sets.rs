//! Hundreds of servers with a key set each: what is fetched at a start and at a reload takes nothing from
//! anybody else.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::fixture::Fixture;
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon_within;
use authgear_scenarios::stand_in::{Credential, StandIn};
use serde_json::json;

const SETS: usize = 300;
/// Fetches that a worker may have under way.
const AT_ONCE: u64 = 4;
/// Those of them that nobody waits for.
const IN_BACKGROUND: u64 = 3;

/// Seconds after which authgear.conf gives an answer up.
const READ_TIMEOUT: u64 = 3;

/// Each with a key set of its own.
fn setup() -> Setup {
    let server = |index: usize| {
        format!(
            "server {{ listen 127.0.0.1:%PORT0%; server_name host{index}; authgear_endpoint %ORIGIN%; include %DIR%/authgear.conf;\n\
             location / {{ authgear_resolve local; proxy_pass http://%BACKEND%; }} }}\n"
        )
    };
    let servers: String = (1..SETS).map(server).collect();
    Setup::new()
        .connections(512)
        .http("authgear_zone zone=authgear:64m; server_names_hash_max_size 4096;")
        .http(&servers)
        .server("location / { authgear_resolve local; proxy_pass http://%BACKEND%; }")
}

fn hanging(stand_in: &StandIn) {
    stand_in.keys_fault(json!({"kind": "hang"}));
}

fn slow(stand_in: &StandIn) {
    stand_in.keys_fault(json!({"kind": "delay", "ms": 150}));
}

fn host(index: usize) -> String {
    match index {
        0 => "localhost".to_owned(),
        index => format!("host{index}"),
    }
}

fn request(index: usize, token: &Credential) -> Request {
    Request::get("/").bearer(&token.value).with("Host", &host(index))
}

/// Requests without a credential are answered, by whatever server.
fn assert_anonymous_served(fixture: &Fixture, turns: usize) {
    for turn in 0..turns {
        let request = Request::get("/").with("Host", &host(turn * 7 % SETS));
        request.send(fixture.port()).assert_anonymous();
        sleep(Duration::from_millis(10));
    }
}

/// Never more fetches at once than so many, each of which hangs until the location gives it up.
fn assert_under_way(fixture: &Fixture, at_once: u64, begun: Instant) {
    let turns = begun.elapsed().as_secs() / READ_TIMEOUT + 1;
    let count = fixture.stand_in.count().jwks;
    assert!(
        (at_once..=at_once * turns).contains(&count),
        "{count} fetches in {turns} turns"
    );
}

fn assert_all_fetched(fixture: &Fixture) {
    let token = fixture.stand_in.jwt();
    let fetched = || fixture.nginx.log().matches("key(s) of").count();
    soon_within(Duration::from_secs(60), "all sets are fetched", || {
        fetched() >= SETS
    });
    for index in 0..SETS {
        request(index, &token)
            .send(fixture.port())
            .assert_user(&token.user);
    }
    assert_eq!(fixture.stand_in.count().resolver, 0);
}

#[test]
fn three_hundred_key_sets_are_fetched_a_few_at_a_time_while_the_server_of_the_keys_hangs() {
    setup().before(hanging).run(|fixture| {
        let begun = Instant::now();
        assert_anonymous_served(fixture, 100);
        assert_under_way(fixture, IN_BACKGROUND, begun);
        // Requests that need keys wait for a turn like the others.
        let token = fixture.stand_in.jwt();
        let mut waiting: Vec<Connection> = Vec::new();
        for index in 100..120 {
            let mut connection = Connection::open(fixture.port());
            connection.send(&request(index, &token));
            waiting.push(connection);
        }
        assert_anonymous_served(fixture, 50);
        // One turn is left to who waits.
        assert_under_way(fixture, AT_ONCE, begun);
        // Whatever hangs is now cut off. That was the first one's fetch; the others have theirs now.
        fixture.stand_in.heal();
        let [first, others @ ..] = &mut waiting[..] else {
            panic!("nobody waits");
        };
        first.answer().assert_unavailable(503);
        for connection in others {
            connection.answer().assert_user(&token.user);
        }
        assert_all_fetched(fixture);
    });
}

#[test]
fn three_hundred_key_sets_refuse_nobody_over_ten_reloads() {
    setup().before(slow).run(|fixture| {
        for _ in 0..10 {
            assert_anonymous_served(fixture, 30);
            fixture.nginx.reload();
        }
        fixture.nginx.await_workers(1, Duration::from_secs(15));
        fixture.stand_in.heal();
        assert_all_fetched(fixture);
    });
}

#[test]
fn a_set_that_a_request_waits_for_is_fetched_before_those_that_are_only_due() {
    setup()
        .before(|stand_in| stand_in.keys_fault(json!({"kind": "delay", "ms": 400})))
        .run(|fixture| {
            let token = fixture.stand_in.jwt();
            let last = request(SETS - 1, &token);
            last.send(fixture.port()).assert_user(&token.user);
            let fetched = fixture.stand_in.count().jwks;
            assert!(
                fetched < 40,
                "{fetched} sets were fetched before that which was needed"
            );
            // The others come at once now, so that nothing is left to wait for.
            fixture.stand_in.heal();
        });
}

#[test]
fn the_next_set_is_fetched_as_soon_as_one_has_come() {
    setup().run(|fixture| {
        // Four a second would take more than a minute.
        soon_within(Duration::from_secs(20), "all sets are fetched", || {
            fixture.nginx.log().matches("key(s) of").count() >= SETS
        });
    });
}
