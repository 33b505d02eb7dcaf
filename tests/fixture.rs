//! One scenario's nginx and stand-in, and the checks that end every scenario.
//!
//! What enters: a [`Setup`]. What leaves: a [`Fixture`] for it. What always holds: a scenario that comes to
//! its end has left nginx with no connection, no descriptor and no grave line more than it began with, and
//! nginx then ends in good order by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Request;
use crate::nginx::{descriptor_names, descriptors, Nginx};
use crate::setup::{shipped_locations, Setup};
use crate::stand_in::StandIn;
use crate::{eventually, free_port, soon, soon_within};

/// What no scenario may find in the error log.
const GRAVE: [&str; 6] = [
    "[alert]",
    "[emerg]",
    "[crit]",
    "panic",
    "open socket",
    "exited on signal",
];
/// Longer than the longest thing that may still be under way: a question's five seconds.
const SETTLING: Duration = Duration::from_secs(15);
/// A worker's own socket for requests of its own, opened by the first of them.
const LATE_DESCRIPTORS: usize = 1;
/// Workers started later hold a few channels more to each other.
const CHANNELS: usize = 6;

/// A directory that goes when the scenario is over.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "authgear-scenario-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("html")).expect("creating a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept to be looked at: {}", self.0.display());
        } else {
            drop(fs::remove_dir_all(&self.0));
        }
    }
}

impl Setup {
    /// Starts everything, runs the scenario, and checks what is left.
    pub fn run(self, scenario: impl FnOnce(&mut Fixture)) {
        let stand_in = StandIn::start(&self.options);
        (self.before)(&stand_in);
        let directory = Directory::new();
        let ports: Vec<u16> = (0..8).map(|_| free_port()).collect();
        let status_port = free_port();
        let text = self.text(&stand_in, &directory.0, &ports, status_port);
        fs::write(directory.0.join("nginx.conf"), text).expect("writing nginx.conf");
        fs::write(directory.0.join("authgear.conf"), shipped_locations()).expect("writing authgear.conf");
        let nginx = Nginx::start(&self.wrapper, directory.0.clone(), ports[0]);
        let mut fixture = Fixture {
            nginx,
            stand_in,
            ports,
            status_port,
            baseline: Vec::new(),
            directory,
            setup: self,
        };
        fixture.take_baseline();
        scenario(&mut fixture);
        fixture.end();
    }
}

/// One nginx and one stand-in.
pub struct Fixture {
    // First, so that it goes first: it shall not see its upstreams go.
    /// The nginx.
    pub nginx: Nginx,
    /// Authgear and the backend.
    pub stand_in: StandIn,
    ports: Vec<u16>,
    status_port: u16,
    baseline: Vec<(u32, usize)>,
    directory: Directory,
    setup: Setup,
}

impl Fixture {
    /// The port of the server that is always there.
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// The port that the setup calls `%PORTn%`.
    pub fn port_of(&self, index: usize) -> u16 {
        self.ports[index]
    }

    /// The scenario's directory, `%DIR%`.
    pub fn directory(&self) -> &Path {
        &self.directory.0
    }

    /// Changes the configuration's file; what was there before.
    fn rewrite(&self, change: impl FnOnce(&str) -> String) -> String {
        let path = self.directory().join("nginx.conf");
        let before = fs::read_to_string(&path).expect("reading nginx.conf");
        fs::write(&path, change(&before)).expect("writing nginx.conf");
        before
    }

    /// Asks for a reload that nginx refuses with these words, and puts the file back.
    pub fn try_in_vain(&self, change: impl FnOnce(&str) -> String, words: &str) {
        let refusals = || self.nginx.log().matches(words).count();
        let earlier = refusals();
        let before = self.rewrite(change);
        self.nginx.signal("HUP");
        soon("the reload is refused", || refusals() > earlier);
        self.rewrite(|_| before);
    }

    /// Changes the configuration and reloads it.
    pub fn reconfigure(&self, change: impl FnOnce(&str) -> String) {
        self.rewrite(change);
        self.nginx.reload();
        self.nginx
            .await_workers(self.setup.workers, Duration::from_secs(10));
    }

    /// Waits until the keys have been fetched, so that a good token needs nobody.
    pub fn await_keys(&self) {
        soon("the keys are fetched", || self.nginx.log().contains("fetched"));
        let token = self.stand_in.jwt();
        soon("a good token is judged here", || {
            let before = self.stand_in.count().resolver;
            let answer = Request::get("/").bearer(&token.value).send(self.port());
            answer.status == 200 && self.stand_in.count().resolver == before
        });
        self.stand_in.forget();
    }

    /// Waits until no client's connection and no work of the worker's own is left, and no descriptor of
    /// theirs.
    pub fn await_quiet(&self) {
        if self.setup.counts {
            self.await_no_connections();
        }
        let end = Instant::now() + SETTLING;
        while self
            .holders()
            .into_iter()
            .any(|(pid, count)| count > self.allowed(pid))
        {
            assert!(
                Instant::now() < end,
                "began with {:?}, still hold {}",
                self.baseline,
                self.holdings()
            );
            sleep(Duration::from_millis(20));
        }
    }

    fn await_no_connections(&self) {
        let mut last = String::new();
        let quiet = || {
            last = Request::get("/")
                .try_send(self.status_port)
                .map(|answer| answer.body)
                .unwrap_or_default();
            last.starts_with("Active connections: 1 ")
        };
        soon_within(SETTLING, "no connection is left but the one that asks", quiet);
    }

    fn holders(&self) -> Vec<(u32, usize)> {
        let workers = self.nginx.workers().into_iter();
        workers.map(|pid| (pid, descriptors(pid))).collect()
    }

    fn holdings(&self) -> String {
        self.holders()
            .into_iter()
            .map(|(pid, _)| format!("{pid}: {:?}\n", descriptor_names(pid)))
            .collect()
    }

    fn allowed(&self, pid: u32) -> usize {
        let at_first = self
            .baseline
            .iter()
            .find(|(known, _)| *known == pid)
            .map(|(_, count)| *count);
        let most = self.baseline.iter().map(|(_, count)| *count).max().unwrap_or(0);
        at_first.unwrap_or(most + CHANNELS) + LATE_DESCRIPTORS + self.setup.kept
    }

    fn take_baseline(&mut self) {
        self.nginx
            .await_workers(self.setup.workers, Duration::from_secs(60));
        let mut before = Vec::new();
        let pause = Duration::from_millis(150);
        self.baseline = eventually("the workers have started", Duration::from_secs(10), || {
            sleep(pause);
            let now = self.holders();
            let calm = now == before;
            before.clone_from(&now);
            calm.then_some(now)
        });
    }

    fn end(&mut self) {
        if self.nginx.status().is_none() {
            self.await_quiet();
            self.nginx.signal("QUIT");
            self.nginx.await_end(Duration::from_secs(20));
        }
        self.assert_nothing_grave();
    }

    /// Fails when the error log has a line that no scenario may provoke, or tells who was there.
    pub fn assert_nothing_grave(&self) {
        let log = self.nginx.log();
        let tolerated = |line: &str| self.setup.tolerated.iter().any(|known| line.contains(known));
        let grave: Vec<&str> = log
            .lines()
            .filter(|line| GRAVE.iter().any(|word| line.contains(word)) && !tolerated(line))
            .collect();
        assert!(grave.is_empty(), "in the error log:\n{}", grave.join("\n"));
        let told = self.stand_in.secrets().into_iter().find(|secret| {
            log.lines()
                .any(|line| line.contains("authgear") && line.contains(secret))
        });
        assert!(told.is_none(), "the error log tells {told:?}");
    }
}
