//! A background question holds nothing: no response, no connection, no client, no worker that shall leave.

use std::thread::sleep;
use std::time::{Duration, Instant};

use authgear_scenarios::client::Connection;
use authgear_scenarios::repeated_use::{
    await_questions, prove, use_until_invalid, use_until_roles, with_roles, AT_ONCE,
};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use authgear_scenarios::stand_in::{now, request_with};
use serde_json::json;

/// A question here takes as long as the module lets it: 5 s.
const PATIENT: &str = "authgear_resolve_request /patient;\n\
    location = /patient { internal; proxy_read_timeout 60s; proxy_set_header Host $authgear_endpoint_host;\n\
    proxy_set_header X-Forwarded-Proto $authgear_endpoint_scheme; proxy_pass http://%AUTHGEAR%/_resolver/resolve; }\n\
    location /due { authgear_resolve on; authgear_revalidate 2s max=90s; proxy_pass http://%BACKEND%; }\n\
    location /bound { authgear_resolve on; authgear_revalidate 1s max=3s; proxy_pass http://%BACKEND%; }";
/// Sooner than a question ends.
const BEFORE_THE_ANSWER: Duration = Duration::from_millis(3200);

#[test]
fn the_next_request_on_the_clients_connection_is_served_while_the_question_is_under_way() {
    Setup::new().server(PATIENT).run(|fixture| {
        fixture.await_keys();
        let tokens = [
            fixture.stand_in.aged(120),
            fixture.stand_in.aged(120),
            fixture.stand_in.jwt(),
        ];
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let mut connection = Connection::open(fixture.port());
        let begun = Instant::now();
        for round in 0..3 {
            for token in &tokens {
                connection.ask(&request_with("/", token)).assert_user(&token.user);
            }
            if round == 0 {
                soon("both are asked about", || fixture.stand_in.count().resolver == 2);
            }
        }
        assert!(
            begun.elapsed() < BEFORE_THE_ANSWER,
            "the client waited {:?}",
            begun.elapsed()
        );
    });
}

#[test]
fn an_answer_counts_though_its_asker_has_left() {
    Setup::new().server(PATIENT).run(|fixture| {
        fixture.await_keys();
        for leave in [Connection::reset, Connection::leave] {
            let token = with_roles(fixture, 120, &["admin"]);
            fixture
                .stand_in
                .change(&token.user, &json!({"roles": ["reader"]}));
            fixture.stand_in.forget();
            fixture
                .stand_in
                .resolver_fault(json!({"kind": "delay", "ms": 500}));
            let mut asker = Connection::open(fixture.port());
            asker.send(&request_with("/", &token));
            soon("the question is asked", || fixture.stand_in.count().resolver == 1);
            leave(asker);
            use_until_roles(fixture, "/", &token, &["reader"]);
            assert_eq!(fixture.stand_in.count().resolver, 1, "the first answer counted");
        }
    });
}

#[test]
fn a_graceful_quit_does_not_wait_for_background_questions() {
    Setup::new().workers(2).server(PATIENT).run(|fixture| {
        fixture.await_keys();
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        for _ in 0..6 {
            let token = fixture.stand_in.aged(120);
            request_with("/", &token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        soon("questions are under way", || {
            fixture.stand_in.count().resolver >= 6
        });
        let begun = Instant::now();
        fixture.nginx.signal("QUIT");
        fixture.nginx.await_end(Duration::from_secs(20));
        assert!(
            begun.elapsed() < BEFORE_THE_ANSWER,
            "left after {:?}",
            begun.elapsed()
        );
    });
}

#[test]
fn a_reload_does_not_keep_the_old_workers_for_background_questions() {
    Setup::new().workers(2).server(PATIENT).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/due");
        fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
        let tokens: Vec<_> = (0..6).map(|_| fixture.stand_in.aged(120)).collect();
        for token in &tokens {
            request_with("/due", token)
                .send(fixture.port())
                .assert_user(&token.user);
        }
        soon("questions are under way", || {
            fixture.stand_in.count().resolver >= 6
        });
        let begun = Instant::now();
        fixture.nginx.reload();
        fixture.nginx.await_workers(2, Duration::from_secs(20));
        assert!(
            begun.elapsed() < BEFORE_THE_ANSWER,
            "left after {:?}",
            begun.elapsed()
        );
        // A question that went down with its worker is no reason never to ask again.
        fixture.stand_in.heal();
        prove(fixture, "/due");
        for token in &tokens {
            fixture.stand_in.revoke(token);
        }
        for token in &tokens {
            use_until_invalid(fixture, "/due", token);
        }
    });
}

#[test]
fn whoever_waits_for_a_question_about_a_token_outlasts_the_one_who_raised_it() {
    Setup::new().server(PATIENT).run(|fixture| {
        fixture.await_keys();
        prove(fixture, "/bound");
        sleep(BEFORE_THE_ANSWER);
        let good = fixture.stand_in.aged(60);
        let ended = fixture
            .stand_in
            .token(&json!({"iat": now() - 60, "register": false}));
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1200}));
        // An end takes a second asking.
        for (token, askings, leave) in [
            (&good, 1, Connection::reset as fn(Connection)),
            (&ended, 2, Connection::leave),
        ] {
            fixture.stand_in.forget();
            let request = request_with("/bound", token);
            let mut first = Connection::open(fixture.port());
            first.send(&request);
            soon("the first has asked", || fixture.stand_in.count().resolver == 1);
            let mut others: Vec<Connection> = (0..10).map(|_| Connection::open(fixture.port())).collect();
            others.iter_mut().for_each(|other| other.send(&request));
            sleep(Duration::from_millis(150));
            leave(first);
            for other in &mut others {
                let answer = other.answer();
                match token.value == good.value {
                    true => answer.assert_user(&good.user),
                    false => answer.assert_invalid(),
                }
            }
            assert_eq!(fixture.stand_in.count().resolver, askings, "the question went on");
        }
    });
}

#[test]
fn tokens_are_served_where_no_connection_is_left_for_a_question() {
    let setup = Setup::new()
        .connections(40)
        .tolerate("worker_connections are not enough");
    setup
        .server("authgear_resolver_limit 1000;")
        .server(PATIENT)
        .run(|fixture| {
            fixture.await_keys();
            let tokens = fixture
                .stand_in
                .tokens(80, &json!({"iat": now() - 120, "lifetime": 9000}));
            fixture.stand_in.resolver_fault(json!({"kind": "hang"}));
            let mut served = 0;
            for token in &tokens {
                // The client and the backend need connections too, and nginx may have none for them.
                let Ok(answer) = request_with("/", token).try_send(fixture.port()) else {
                    continue;
                };
                if answer.status == 200 {
                    answer.assert_user(&token.user);
                    served += 1;
                } else {
                    assert!([500, 502].contains(&answer.status), "{answer:?}");
                }
            }
            assert!(served > 10, "{served} were served");
            fixture.stand_in.heal();
            soon("there are connections again", || {
                let answer = request_with("/", &tokens[0]).try_send(fixture.port());
                answer.is_ok_and(|answer| answer.status == 200)
            });
        });
}

#[test]
fn a_request_waits_for_a_background_question_only_where_it_must() {
    Setup::new().server(PATIENT).run(|fixture| {
        fixture.await_keys();
        sleep(BEFORE_THE_ANSWER);
        // Due in `/`, far beyond the bound of `/bound`: one question serves both.
        let token = fixture.stand_in.aged(120);
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500}));
        let sent = Instant::now();
        request_with("/", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        assert!(sent.elapsed() < AT_ONCE, "it waited {:?}", sent.elapsed());
        soon("it is asked about", || fixture.stand_in.count().resolver == 1);
        request_with("/bound", &token)
            .send(fixture.port())
            .assert_user(&token.user);
        assert!(
            sent.elapsed() > AT_ONCE,
            "beyond max it is served on an answer alone"
        );
        await_questions(fixture, 1);
        assert_eq!(
            fixture.stand_in.count().resolver,
            1,
            "the question under way is shared"
        );
    });
}
