//! Requests, many at a time.
//!
//! What enters: a port and header lines. What leaves: how many were answered, how fast, and how long each
//! took. What always holds: requests of all rows differ in nothing but the one header line; an answer that is
//! no 2xx, or none, ends the bench.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use authgear_scenarios::client::{Answer, Connection};
use serde_json::Value;

/// Connections, each with one request under way: as many as section 1's upstream block keeps, so that none is
/// opened for a question.
pub const CONNECTIONS: usize = 16;

/// How many requests are sent ahead of their answers where nothing is measured.
const AHEAD: usize = 64;

/// wrk's own side: it takes the header lines from a file, and says at the end what it saw.
const SCRIPT: &str = r#"
local requests, at, once = {}, 0, false

function init(arguments)
    once = arguments[2] == "once"
    for line in io.lines(arguments[1]) do
        local header = line == "" and "" or line .. "\r\n"
        requests[#requests + 1] = "GET / HTTP/1.1\r\nHost: app.example.com\r\n" .. header .. "\r\n"
    end
end

function request()
    at = at + 1
    if at > #requests then
        if once then wrk.thread:stop() end
        at = 1
    end
    return requests[at]
end

function done(summary, latency, _)
    local errors = summary.errors
    io.write(string.format('\n{"requests":%d,"microseconds":%d,"p50":%f,"p99":%f,"errors":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"#;

/// What wrk saw.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Answers a second.
    pub per_second: f64,
    /// Half of the answers came within so many milliseconds.
    pub p50: f64,
    /// 99 of a hundred did.
    pub p99: f64,
}

/// A row's requests, ready for wrk.
pub struct Ammunition {
    script: PathBuf,
    lines: PathBuf,
    once: bool,
}

impl Ammunition {
    /// Writes the files that wrk reads; with `once` no line is sent twice.
    pub fn write(directory: &Path, lines: &[String], once: bool) -> Self {
        let ammunition = Self {
            script: directory.join("load.lua"),
            lines: directory.join("lines"),
            once,
        };
        fs::write(&ammunition.script, SCRIPT).expect("writing wrk's script");
        fs::write(&ammunition.lines, lines.join("\n") + "\n").expect("writing the requests");
        ammunition
    }

    /// Sends requests for so many seconds.
    pub fn send(&self, port: u16, seconds: u64) -> Seen {
        let output = Command::new("wrk")
            .args(["--threads", "1", "--timeout", "10s"])
            .args(["--connections", &CONNECTIONS.to_string()])
            .args(["--duration", &format!("{seconds}s")])
            .arg("--script")
            .arg(&self.script)
            .arg(format!("http://127.0.0.1:{port}/"))
            .arg("--")
            .arg(&self.lines)
            .arg(if self.once { "once" } else { "again" })
            .stderr(Stdio::inherit())
            .output()
            .expect("running wrk (scripts/setup bench installs it)");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = said.lines().last().unwrap_or_default();
        let told: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("wrk said:\n{said}"));
        let number = |name: &str| told[name].as_f64().unwrap_or_else(|| panic!("wrk said:\n{said}"));
        assert!(number("errors") == 0.0, "not every answer was good:\n{said}");
        Seen {
            per_second: number("requests") * 1e6 / number("microseconds"),
            p50: number("p50") / 1000.0,
            p99: number("p99") / 1000.0,
        }
    }
}

/// The bytes of a request.
pub fn request(path: &str, line: &str) -> String {
    let header = match line {
        "" => String::new(),
        line => format!("{line}\r\n"),
    };
    format!("GET {path} HTTP/1.1\r\nHost: app.example.com\r\n{header}\r\n")
}

/// Has nginx look at what it was told: a row may refuse who has no credential.
pub fn wake(port: u16) {
    let mut connection = Connection::open(port);
    connection.send_bytes(request("/", "").as_bytes());
    connection.answer();
}

/// Sends each line once, many ahead of their answers.
pub fn send_each<'a>(port: u16, lines: impl Iterator<Item = &'a String>) {
    let mut connection = Connection::open(port);
    let mut lines = lines.peekable();
    while lines.peek().is_some() {
        let some: Vec<String> = lines
            .by_ref()
            .take(AHEAD)
            .map(|line| request("/", line))
            .collect();
        connection.send_bytes(some.concat().as_bytes());
        some.iter().for_each(|_| assert_good(&connection.answer()));
    }
}

/// Sends each line once, one after the other: nginx then does the same each time.
pub fn send_in_turn<'a>(connection: &mut Connection, lines: impl Iterator<Item = &'a String>) {
    for line in lines {
        connection.send_bytes(request("/", line).as_bytes());
        assert_good(&connection.answer());
    }
}

fn assert_good(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
}
