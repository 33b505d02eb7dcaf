//! One row's nginx.
//!
//! What enters: the row and where everything else is. What leaves: the time its worker spent, by the kernel's
//! account. What always holds: before anything is measured it has its keys, has seen what it is said to have
//! seen, and tells the backend what it should.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use authgear_scenarios::client::Connection;
use authgear_scenarios::nginx::Nginx;
use authgear_scenarios::setup::shipped_locations;
use authgear_scenarios::{eventually, free_port, soon};

use crate::configuration::Places;
use crate::environment::Environment;
use crate::load::{request, send_each};
use crate::rows::{Load, Row};

/// How many requests warm up a row that has few tokens.
const WARMING: usize = 2000;

/// How long everybody's token is trusted without a question, where nothing else is written.
const INTERVAL: u64 = 60;

/// A running nginx.
pub struct Proxy {
    nginx: Nginx,
    directory: PathBuf,
    /// The port under test.
    pub port: u16,
}

impl Proxy {
    /// Starts it under `wrapper`, `single` as one process, and waits until it can answer as it should.
    pub fn start(environment: &Environment, row: &Row, wrapper: &[String], single: bool) -> Self {
        let directory = environment.directory_of(&row.name);
        // A cache on disk belongs to the memory that is to be empty.
        drop(fs::remove_dir_all(directory.join("cache")));
        drop(fs::remove_file(directory.join("error.log")));
        let port = free_port();
        let places = Places {
            directory: &directory,
            port,
            backend: environment.backend,
            authgear: environment.stand_in.authgear,
            single,
        };
        fs::write(directory.join("nginx.conf"), row.configuration.text(&places)).expect("writing nginx.conf");
        fs::write(directory.join("authgear.conf"), shipped_locations()).expect("writing authgear.conf");
        let proxy = Self {
            nginx: Nginx::start(wrapper, directory.clone(), port),
            directory,
            port,
        };
        if !single {
            proxy.nginx.await_workers(1, Duration::from_secs(10));
        }
        if row.resolves() {
            soon("the keys are fetched", || proxy.nginx.log().contains("fetched"));
        }
        proxy
    }

    /// The process that serves the requests.
    pub fn worker(&self) -> u32 {
        self.nginx.workers().first().copied().unwrap_or(self.nginx.pid())
    }

    /// Sends the master, which may be all there is, a signal.
    pub fn signal(&self, name: &str) {
        self.nginx.signal(name);
    }

    /// Where it writes.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Lets it see what it is said to have seen. `seconds` is how long it will then be measured.
    pub fn warm(&self, environment: &Environment, row: &Row, seconds: u64) {
        let lines = environment.credentials.lines(row.load);
        match row.load {
            Load::Due(count) => {
                let due = count * usize::try_from(seconds).unwrap_or(1) / INTERVAL as usize;
                self.confirm(environment, &lines[due.max(1)..]);
            }
            Load::Live(_) => send_each(self.port, lines.iter()),
            Load::Unseen(_) => {
                let line = environment.credentials.line_beside(row.load);
                send_each(self.port, std::iter::repeat_n(&line, WARMING));
            }
            Load::Bare | Load::Token | Load::Opaque | Load::Opaques(_) => {
                send_each(self.port, lines.iter().cycle().take(WARMING));
            }
        }
    }

    /// Lets the resolver vouch for each. Questions over the limit are skipped, so it takes more than one
    /// pass.
    fn confirm(&self, environment: &Environment, lines: &[String]) {
        eventually("the resolver vouches for all", Duration::from_secs(60), || {
            let before = environment.stand_in.count().resolver;
            send_each(self.port, lines.iter());
            (environment.stand_in.count().resolver == before).then_some(())
        });
    }

    /// Fails unless a request gets through, and the backend is told what the row says.
    pub fn check(&self, environment: &Environment, row: &Row) {
        let line = environment.credentials.line_beside(row.load);
        let mut connection = Connection::open(self.port);
        connection.send_bytes(request("/seen", &line).as_bytes());
        let answer = connection.answer();
        assert_eq!(answer.status, 200, "{}: {answer:?}", row.name);
        let user = row.told.then_some(environment.credentials.user.as_str());
        assert_eq!(answer.header("x-seen-user"), user, "{}: {answer:?}", row.name);
    }

    /// Nanoseconds that the worker was on a core so far.
    pub fn nanoseconds(&self) -> u64 {
        nanoseconds(self.worker())
    }
}

/// What the kernel says that a process has spent: exactly where it keeps that account, else in hundredths of
/// a second.
fn nanoseconds(pid: u32) -> u64 {
    const TICK: u64 = 10_000_000;
    if let Ok(text) = fs::read_to_string(format!("/proc/{pid}/schedstat")) {
        let spent = text.split_whitespace().next().and_then(|word| word.parse().ok());
        if let Some(spent @ 1..) = spent {
            return spent;
        }
    }
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("reading a process's account");
    let (_, after) = text.rsplit_once(')').expect("a process's name in its account");
    let words = after.split_whitespace().skip(11).take(2);
    words.filter_map(|word| word.parse::<u64>().ok()).sum::<u64>() * TICK
}
