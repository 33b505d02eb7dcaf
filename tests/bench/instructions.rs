//! Instructions a request: the figure that repeats.
//!
//! What enters: a row. What leaves: how many instructions nginx runs for one of its requests, in user mode.
//! What always holds: the row is warm before anything is counted; two amounts of requests are sent and only
//! their difference counts, so that starting, waking and counting cost nothing.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::Connection;
use authgear_scenarios::eventually;
use authgear_scenarios::nginx::signal;

use crate::callgrind::{self, Dump};
use crate::environment::Environment;
use crate::load::{send_in_turn, wake};
use crate::proxy::Proxy;
use crate::rows::{Load, Row};

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// The processor, read by perf.
    Perf,
    /// valgrind, which interprets each instruction.
    Callgrind,
}

/// Instructions for one request.
#[derive(Clone, Copy, Debug)]
pub struct Instructions {
    /// All of nginx's own.
    pub all: f64,
    /// Without SHA-256, where only a processor that lacks its instructions was at hand.
    pub without_digest: Option<f64>,
}

/// Amounts of requests: the first only cancels what is not a request's.
#[derive(Clone, Copy, Debug)]
pub struct Amounts {
    few: usize,
    many: usize,
}

impl Amounts {
    /// For a quick run or a full one.
    pub fn for_run(quick: bool) -> Self {
        match quick {
            true => Self { few: 100, many: 700 },
            false => Self { few: 200, many: 2200 },
        }
    }
}

impl Counter {
    /// What this machine has.
    pub fn available() -> Option<Self> {
        if perf_counts() {
            return Some(Self::Perf);
        }
        let valgrind = Command::new("valgrind")
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        valgrind.is_ok().then_some(Self::Callgrind)
    }

    /// Instructions for one request of `row`.
    pub fn count(self, environment: &Environment, row: &Row, amounts: Amounts) -> Instructions {
        let wrapper = match self {
            Self::Perf => environment.machine.for_nginx(),
            Self::Callgrind => [environment.machine.for_nginx(), under_callgrind(environment, row)].concat(),
        };
        let proxy = Proxy::start(environment, row, &wrapper, self == Self::Callgrind);
        proxy.warm(environment, row, 1);
        proxy.check(environment, row);
        let lines = chosen(environment, row, amounts);
        let (few, many) = lines.split_at(amounts.few);
        let mut connection = Connection::open(proxy.port);
        let mut phase = Phase::of(self, &proxy);
        let few = phase.count(|| send_in_turn(&mut connection, few.iter()));
        let many = phase.count(|| send_in_turn(&mut connection, many.iter()));
        let each = |few: u64, many: u64| (many - few) as f64 / (amounts.many - amounts.few) as f64;
        let (all, digest) = (each(few.all, many.all), each(few.digest, many.digest));
        Instructions {
            all,
            without_digest: (self == Self::Callgrind).then_some(all - digest),
        }
    }
}

/// The lines to send, spread over all that the row has.
fn chosen(environment: &Environment, row: &Row, amounts: Amounts) -> Vec<String> {
    let lines = environment.credentials.lines(row.load);
    let count = amounts.few + amounts.many;
    let stride = (lines.len() / count).max(1);
    lines
        .iter()
        .cycle()
        .step_by(stride)
        .take(count)
        .cloned()
        .collect()
}

/// Counting from one moment to another.
struct Phase<'a> {
    counter: Counter,
    proxy: &'a Proxy,
    dumps: u32,
}

impl<'a> Phase<'a> {
    fn of(counter: Counter, proxy: &'a Proxy) -> Self {
        let mut phase = Self {
            counter,
            proxy,
            dumps: 0,
        };
        if counter == Counter::Callgrind {
            begin_counting(proxy);
            phase.dump();
        }
        phase
    }

    fn count(&mut self, work: impl FnOnce()) -> Dump {
        match self.counter {
            Counter::Callgrind => {
                work();
                self.dump()
            }
            Counter::Perf => Dump {
                all: self.watched(work),
                digest: 0,
            },
        }
    }

    /// What callgrind counted since it last wrote that down, which it does when nginx opens its logs anew.
    fn dump(&mut self) -> Dump {
        self.dumps += 1;
        self.proxy.signal("USR1");
        let file = self.proxy.directory().join(format!("callgrind.{}", self.dumps));
        eventually(
            "callgrind writes what it counted",
            Duration::from_secs(60),
            || {
                let text = fs::read(&file).ok()?;
                callgrind::read(&String::from_utf8_lossy(&text))
            },
        )
    }

    fn watched(&self, work: impl FnOnce()) -> u64 {
        let file = self.proxy.directory().join("perf");
        let mut perf = perf_of(self.proxy.worker(), &file);
        // Nothing says when it has begun.
        sleep(Duration::from_millis(500));
        work();
        signal(perf.id(), "INT");
        drop(perf.wait());
        let said = fs::read_to_string(&file).unwrap_or_default();
        perf_figure(&said).unwrap_or_else(|| panic!("perf said:\n{said}"))
    }
}

fn under_callgrind(environment: &Environment, row: &Row) -> Vec<String> {
    let file = environment.directory_of(&row.name).join("callgrind");
    vec![
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        // Warming up is many times as fast while nothing is counted.
        "--instr-atstart=no".to_owned(),
        // Written at each signal that reopens the logs: it costs the process nothing else, and Debian's nginx
        // still has the name.
        "--dump-before=ngx_reopen_files".to_owned(),
        format!("--callgrind-out-file={}", file.display()),
    ]
}

/// Where valgrind may not stop a process that sleeps, the order reaches it with a request.
fn begin_counting(proxy: &Proxy) {
    let mut order = Command::new("vgdb")
        .arg(format!("--pid={}", proxy.worker()))
        .args(["instrumentation", "on"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("running vgdb, which comes with valgrind");
    let status = eventually("callgrind begins to count", Duration::from_secs(60), || {
        wake(proxy.port);
        order.try_wait().expect("looking at vgdb")
    });
    assert!(status.success(), "vgdb ended with {status}");
}

fn perf_of(pid: u32, file: &PathBuf) -> Child {
    Command::new("perf")
        .args([
            "stat",
            "-x,",
            "-e",
            "instructions:u",
            "-p",
            &pid.to_string(),
            "-o",
        ])
        .arg(file)
        .spawn()
        .expect("running perf")
}

/// The first field of perf's line about instructions; words when they can't be counted.
fn perf_figure(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("instructions"))?;
    line.split(',').next()?.parse().ok()
}

fn perf_counts() -> bool {
    let output = Command::new("perf")
        .args(["stat", "-x,", "-e", "instructions:u", "true"])
        .output();
    output.is_ok_and(|output| perf_figure(&String::from_utf8_lossy(&output.stderr)).is_some())
}

/// Whether a row can be counted in time: every live token costs a verification, which valgrind makes a
/// hundred times as long.
pub fn affordable(counter: Counter, row: &Row, quick: bool) -> bool {
    let most = match (counter, quick) {
        (Counter::Perf, _) => usize::MAX,
        (Counter::Callgrind, true) => 10_000,
        (Counter::Callgrind, false) => 100_000,
    };
    match row.load {
        Load::Live(count) | Load::Due(count) => count <= most,
        Load::Bare | Load::Token | Load::Opaque | Load::Opaques(_) | Load::Unseen(_) => true,
    }
}
