//! Connections that run out.

use std::io;

use authgear_scenarios::client::{Answer, Connection, Request};
use authgear_scenarios::setup::Setup;
use authgear_scenarios::soon;
use serde_json::json;

#[test]
fn a_worker_without_connections_refuses_and_recovers() {
    let setup = Setup::new()
        .connections(48)
        .tolerate("worker_connections are not enough");
    setup.run(|fixture| {
        fixture.await_keys();
        let [jwt, opaque] = [fixture.stand_in.jwt(), fixture.stand_in.opaque()];
        fixture
            .stand_in
            .resolver_fault(json!({"kind": "delay", "ms": 1500}));
        for _ in 0..2 {
            // Each sends at once: nginx closes connections that have not sent anything to make room.
            let connections: Vec<io::Result<Connection>> = (0..80)
                .map(|index| {
                    let token = if index % 4 == 0 {
                        opaque.value.clone()
                    } else {
                        format!("unknown{index}")
                    };
                    let mut open = Connection::try_open(fixture.port())?;
                    open.try_send(&Request::get("/").bearer(&token))?;
                    Ok(open)
                })
                .collect();
            let answers: Vec<Answer> = connections
                .into_iter()
                .flatten()
                .filter_map(|mut open| open.try_answer().ok())
                .collect();
            assert!(!answers.is_empty());
            for answer in &answers {
                assert!([200, 500, 502, 503].contains(&answer.status), "{answer:?}");
                let told = answer.seen("x-authgear-user-id");
                assert!(told.is_empty() || told == [opaque.user.as_str()], "{answer:?}");
            }
            // Some are refused with 503; others nginx closes without a word, or to make room.
            let served = answers.iter().filter(|answer| answer.status == 200).count();
            assert!((1..80).contains(&served), "{served} were served");
            fixture.await_quiet();
        }
        fixture.stand_in.heal();
        soon("answers again", || {
            let answer = Request::get("/").bearer(&opaque.value).try_send(fixture.port());
            answer.is_ok_and(|answer| answer.status == 200)
        });
        for _ in 0..20 {
            Request::get("/")
                .bearer(&opaque.value)
                .send(fixture.port())
                .assert_user(&opaque.user);
            Request::get("/")
                .bearer(&jwt.value)
                .send(fixture.port())
                .assert_user(&jwt.user);
        }
    });
}
