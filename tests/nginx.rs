//! One nginx in the foreground, as a direct child.
//!
//! What enters: a directory with an `nginx.conf`. What leaves: its workers, what they hold, and its error
//! log. What always holds: master and workers are gone when it is dropped, and reaped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::{eventually, setting};

/// A running nginx.
pub struct Nginx {
    child: Child,
    directory: PathBuf,
    exited: Option<ExitStatus>,
}

/// Whether this nginx is older than 1.25.1, which learned `http2 on`.
pub fn has_old_http2() -> bool {
    let said = Command::new(setting("AUTHGEAR_NGINX"))
        .arg("-v")
        .output()
        .expect("asking nginx for its version")
        .stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    let version = said.trim().rsplit('/').next().unwrap_or_default();
    let numbers: Vec<u32> = version
        .split('.')
        .filter_map(|word| word.split(' ').next()?.parse().ok())
        .collect();
    numbers < vec![1, 25, 1]
}

impl Nginx {
    /// Starts it, as an argument of `wrapper` when there is one, and waits until it listens on `port`.
    pub fn start(wrapper: &[String], directory: PathBuf, port: u16) -> Self {
        let binary = setting("AUTHGEAR_NGINX");
        let mut words = wrapper.iter().map(String::as_str).chain([binary.as_str()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .arg("-p")
            .arg(&directory)
            .arg("-c")
            .arg(directory.join("nginx.conf"))
            .arg("-e")
            .arg(directory.join("error.log"));
        let output = fs::File::create(directory.join("output")).expect("creating a file");
        let errors = output.try_clone().expect("a second descriptor");
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .expect("starting nginx");
        let mut nginx = Self {
            child,
            directory,
            exited: None,
        };
        eventually(
            &format!("nginx listens on {port}"),
            Duration::from_secs(60),
            || {
                assert!(
                    nginx.status().is_none(),
                    "nginx ended at once:\n{}\n{}",
                    nginx.output(),
                    nginx.log()
                );
                Connection::try_open(port).ok()
            },
        );
        nginx
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.exited.is_none() {
            self.exited = self.child.try_wait().expect("looking at nginx");
        }
        self.exited
    }

    /// The error log so far.
    pub fn log(&self) -> String {
        let log = fs::read(self.directory.join("error.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn output(&self) -> String {
        fs::read_to_string(self.directory.join("output")).unwrap_or_default()
    }

    /// The number of the master process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the master.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Reloads, and waits until workers of the new configuration are there.
    pub fn reload(&self) {
        let before = self.workers();
        self.signal("HUP");
        eventually("new workers after a reload", Duration::from_secs(20), || {
            self.workers()
                .iter()
                .any(|worker| !before.contains(worker))
                .then_some(())
        });
    }

    /// Waits until exactly `count` workers are left: those of the latest configuration.
    pub fn await_workers(&self, count: usize, within: Duration) {
        eventually(&format!("{count} workers"), within, || {
            (self.workers().len() == count).then_some(())
        });
    }

    /// Waits until it has ended by itself.
    pub fn await_end(&mut self, within: Duration) {
        let status = eventually("nginx ends", within, || self.status());
        assert!(status.success(), "nginx ended with {status}");
    }

    /// The worker processes; those that are leaving too.
    pub fn workers(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").expect("reading /proc").flatten();
        let mut workers: Vec<u32> = processes
            .filter_map(|process| process.file_name().to_str()?.parse().ok())
            .filter(|pid| parent(*pid) == Some(self.pid()) && !serves_the_cache(*pid))
            .collect();
        workers.sort_unstable();
        workers
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let workers = self.workers();
        if self.status().is_none() {
            self.signal("TERM");
            let end = Instant::now() + Duration::from_secs(5);
            while self.status().is_none() && Instant::now() < end {
                sleep(Duration::from_millis(10));
            }
        }
        if self.status().is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
            // Orphans by now, and still the ones that were started here.
            workers
                .into_iter()
                .filter(|pid| is_ours(*pid, &self.directory))
                .for_each(|pid| signal(pid, "KILL"));
        }
        if std::thread::panicking() {
            eprintln!(
                "---- nginx in {} said:\n{}\n{}----",
                self.directory.display(),
                self.output(),
                tail(&self.log())
            );
        }
    }
}

/// Sends a signal to a process that the harness started.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh")
        .arg("-c")
        .arg(format!("kill -{name} {pid}"))
        .stderr(Stdio::null())
        .status();
    sent.expect("running sh");
}

/// How many descriptors a process holds.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// What those descriptors are, for a failure's text.
pub fn descriptor_names(pid: u32) -> Vec<String> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return Vec::new();
    };
    let names = descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok());
    names.map(|name| name.display().to_string()).collect()
}

/// Whether a process has a connection to that port of 127.0.0.1.
pub fn is_connected_to(pid: u32, port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").expect("reading the table of connections");
    let (remote, established) = (format!("0100007F:{port:04X}"), "01");
    let sockets: Vec<String> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.len() > 9 && words[2] == remote && words[3] == established)
        .map(|words| format!("socket:[{}]", words[9]))
        .collect();
    descriptor_names(pid).iter().any(|name| sockets.contains(name))
}

/// How long a process has been at work on a processor.
pub fn processor_time(pid: u32) -> Duration {
    // Linux counts it in hundredths of a second, whatever its own clock ticks in.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("reading a process's numbers");
    let (_, after) = stat.rsplit_once(')').expect("a name in parentheses");
    let times = after.split_whitespace().skip(11).take(2);
    let ticks: u32 = times.map(|word| word.parse::<u32>().expect("a number")).sum();
    TICK * ticks
}

/// Kilobytes of memory that a process holds.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("reading a process's status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("a line about memory");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number of kilobytes")
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    let mut words = after.split_whitespace();
    // A zombie is gone but for its parent's notice.
    words.next().filter(|state| *state != "Z")?;
    words.next()?.parse().ok()
}

fn serves_the_cache(pid: u32) -> bool {
    let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    // `nginx: cache manager process`, or `angie: ...`, behind the words of whatever program started it.
    title.windows(7).any(|words| words == b": cache")
}

fn is_ours(pid: u32, directory: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|_| {
        let opened = descriptor_names(pid);
        opened
            .iter()
            .any(|name| name.starts_with(&directory.display().to_string()))
    })
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(80)..].join("\n") + "\n"
}
