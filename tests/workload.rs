//! Requests of every kind, in turn.
//!
//! What enters: a fixture that [`setup`] made. What leaves: nothing but a failure when an answer is not what
//! it should be.

use std::thread;

use crate::client::{Connection, Request};
use crate::fixture::Fixture;
use crate::setup::Setup;
use crate::stand_in::request_with;
use serde_json::json;

/// What every client sends in turn, and the status that it gets.
pub struct Workload(Vec<(Request, u16)>);

impl Workload {
    /// Needs the fixture's stand-in.
    pub fn new(fixture: &Fixture) -> Self {
        let stand_in = &fixture.stand_in;
        let [jwt, opaque, cookie] = [stand_in.jwt(), stand_in.opaque(), stand_in.session()];
        let bad = |wish: serde_json::Value| Request::get("/").bearer(&stand_in.token(&wish).value);
        let forged = (0..30).fold(Request::get("/"), |request, index| {
            request.with(&format!("X-Authgear-Forged-{index}"), "mallory")
        });
        Self(vec![
            (Request::get("/"), 200),
            (request_with("/", &jwt), 200),
            (request_with("/", &opaque), 200),
            (request_with("/", &cookie), 200),
            (forged.bearer(&jwt.value), 200),
            (bad(json!({"lifetime": -10})), 200),
            (bad(json!({"key": "foreign"})), 200),
            (bad(json!({"tamper": "signature"})), 200),
            (
                bad(json!({"claims": {"iss": "https://elsewhere.test", "padding": "x".repeat(4000)}})),
                200,
            ),
            (Request::get("/").bearer("eyJ.eyJ.eyJ"), 200),
            (Request::get("/").bearer(&"x".repeat(6000)), 200),
            (
                Request::get("/").with("Cookie", "session=never-issued; app_session=\"\""),
                200,
            ),
            (Request::post("/", vec![b'x'; 20_000]).bearer(&opaque.value), 200),
            (Request::get("/redirected").bearer(&opaque.value), 200),
            (request_with("/", &jwt).with("Authorization", "Basic dTpw"), 400),
            (Request::get("/failing").bearer(&opaque.value), 503),
        ])
    }

    /// `clients` at once, each `rounds` times through the workload.
    pub fn run(&self, fixture: &Fixture, clients: usize, rounds: usize) {
        let port = fixture.port();
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

/// Where the workload can be sent.
pub fn setup() -> Setup {
    Setup::new()
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
