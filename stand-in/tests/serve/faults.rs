//! Each fault, seen from the socket.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use crate::harness::StandIn;

#[test]
fn faults_are_real_on_the_wire_and_end_when_told() {
    let stand_in = StandIn::start(&[]);
    let fault = |order: Value| assert_eq!(stand_in.order("PUT", "/fault", order)["error"], Value::Null);
    let question = format!(
        "GET /resolve HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: session=x\r\n\r\n",
        stand_in.origin_host()
    );
    let ask = || stand_in.raw("resolver", question.as_bytes());
    let whole = ask().unwrap();

    fault(json!({"target": "resolver", "kind": "close"}));
    assert_eq!(ask().unwrap(), b"");
    fault(json!({"kind": "reset"}));
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::ConnectionReset);
    fault(json!({"kind": "close_mid_answer"}));
    assert!(String::from_utf8(ask().unwrap())
        .unwrap()
        .contains("Content-Length: 64\r\n"));
    fault(json!({"kind": "close_mid_answer", "after": 20}));
    assert_eq!(ask().unwrap().len(), 20);
    fault(json!({"kind": "garbage"}));
    assert!(!ask().unwrap().starts_with(b"HTTP/"));
    fault(
        json!({"kind": "answer", "status": 299, "headers": [["X", "1"], ["X", "2"]], "body": "b", "repeat": 2}),
    );
    let answer = String::from_utf8(ask().unwrap()).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 299 ")
            && answer.contains("X: 1\r\nX: 2\r\n")
            && answer.ends_with("\r\n\r\nbb")
    );
    fault(json!({"kind": "headers", "headers": {"set-cookie": null, "x-authgear-session-valid": "maybe"}}));
    let answer = String::from_utf8(ask().unwrap()).unwrap();
    assert!(
        answer.contains("x-authgear-session-valid: maybe") && !answer.contains("Cookie"),
        "{answer}"
    );

    let timed = || {
        let start = Instant::now();
        assert_eq!(ask().unwrap(), whole);
        start.elapsed()
    };
    fault(json!({"kind": "delay", "ms": 50}));
    let late = timed();
    assert!((50..1000).contains(&late.as_millis()), "{late:?}");
    fault(json!({"kind": "drip", "ms": 1}));
    assert!(timed() >= Duration::from_millis(whole.len() as u64));

    fault(json!({"kind": "status", "status": 500, "times": 2}));
    stand_in.order(
        "POST",
        "/fault",
        json!({"kind": "status", "status": 502, "times": 1}),
    );
    let statuses: Vec<_> = (0..4)
        .map(|_| String::from_utf8(ask().unwrap()[9..12].to_vec()).unwrap())
        .collect();
    assert_eq!(statuses, ["500", "500", "502", "200"]);
}

#[test]
fn a_hanging_answer_ends_with_its_fault() {
    let stand_in = StandIn::start(&[]);
    stand_in.order("PUT", "/fault", json!({"target": "jwks", "kind": "hang"}));
    let mut hung = stand_in.connect("authgear").unwrap();
    hung.write_all(b"GET /oauth2/jwks HTTP/1.1\r\n\r\n").unwrap();
    hung.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(hung.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(stand_in.order("GET", "/count", json!({}))["jwks"], 1);
    stand_in.order("DELETE", "/fault", json!({}));
    hung.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(hung.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_refused_port_is_closed_with_its_connections_and_opens_again_in_its_place() {
    let stand_in = StandIn::start(&[]);
    let mut kept = stand_in.connect("resolver").unwrap();
    kept.write_all(b"GET /resolve HTTP/1.1\r\n\r\n").unwrap();
    assert!(kept.read(&mut [0; 4096]).unwrap() > 0);
    stand_in.order("PUT", "/fault", json!({"target": "resolver", "kind": "refuse"}));
    assert_eq!(
        stand_in.connect("resolver").unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert_eq!(kept.read(&mut [0; 1]).unwrap(), 0);
    assert!(stand_in
        .request("authgear", "GET", "/oauth2/jwks", "", "")
        .contains("200 OK"));
    stand_in.order("DELETE", "/fault", json!({}));
    assert!(stand_in.resolve("").contains("200 OK"));
}

#[test]
fn a_half_failing_database_answers_a_good_credential_with_nothing_and_a_made_up_one_with_no_yes() {
    let stand_in = StandIn::start(&[]);
    let token = stand_in.token(json!({"jwt": false}));
    let good = [
        format!("Authorization: Bearer {token}\r\n"),
        format!("Authorization: Bearer {token}\r\nCookie: session=a.b\r\n"),
    ];
    let made_up = "Authorization: Bearer dead\r\nCookie: session=a.b\r\n";
    let fault = |order: Value| assert_eq!(stand_in.order("PUT", "/fault", order)["error"], Value::Null);
    let says = |headers: &str| {
        let answer = stand_in.resolve(headers);
        let ours = answer.contains("X-Authgear");
        let (status, valid) = (&answer[9..12], answer.contains("X-Authgear-Session-Valid: true"));
        match (status, ours, valid) {
            ("200", true, true) => "true",
            ("200", true, false) => "false",
            ("200", false, _) => {
                assert!(
                    answer.contains("Content-Length: 0\r\n") && !answer.contains("Cookie"),
                    "{answer}"
                );
                "silence"
            }
            ("500", false, _) => "error",
            _ => panic!("{answer}"),
        }
    };
    assert_eq!(
        (says(&good[0]), says(&good[1]), says(made_up)),
        ("true", "true", "false")
    );

    for (dead, said) in [("true", "false"), ("error", "error"), ("silence", "silence")] {
        fault(json!({"target": "resolver", "kind": "half_failing_database", "dead": dead}));
        assert_eq!(
            (says(&good[0]), says(&good[1]), says(made_up)),
            ("silence", "silence", said)
        );
    }
    fault(json!({"kind": "half_failing_database", "times": 1}));
    assert_eq!((says(&good[0]), says(&good[0])), ("silence", "true"));

    fault(json!({"kind": "half_failing_database", "percent": 50}));
    let counts = |headers: &str, said: &str| (0..200).filter(|_| says(headers) == said).count();
    assert!((50..150).contains(&counts(&good[0], "silence")));
    assert!((100..200).contains(&counts(made_up, "false")));
    assert_eq!(counts(made_up, "true"), 0);
    fault(json!({"kind": "half_failing_database", "percent": 0}));
    assert_eq!(counts(&good[0], "true"), 200);
}
