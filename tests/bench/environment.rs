//! What stands around the nginx under test.
//!
//! What enters: how the machine is divided and which rows are wanted. What leaves: a stand-in Authgear, a
//! backend, tokens, and a directory for each row. What always holds: none of it runs on the core of the nginx
//! under test.

use std::fs;
use std::path::{Path, PathBuf};

use authgear_scenarios::client::Request;
use authgear_scenarios::free_port;
use authgear_scenarios::nginx::Nginx;
use authgear_scenarios::stand_in::StandIn;

use crate::configuration::{backend, PROJECT};
use crate::credentials::{needed, Credentials};
use crate::machine::Machine;
use crate::rows::Row;

/// Everything that all rows share.
pub struct Environment {
    /// Authgear.
    pub stand_in: StandIn,
    /// The backend's port.
    pub backend: u16,
    /// What the requests carry.
    pub credentials: Credentials,
    /// Whose core is whose.
    pub machine: Machine,
    _backend: Nginx,
    directory: PathBuf,
}

impl Environment {
    /// Starts it. The tokens are made while every core is still free for that.
    pub fn open(rows: &[Row]) -> Self {
        let directory = std::env::temp_dir().join(format!("authgear-bench-{}", std::process::id()));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let origin = format!("http://{PROJECT}");
        let stand_in = StandIn::start(&["--no-log", "--threads", &threads.to_string(), "--origin", &origin]);
        let many = rows.iter().map(|row| needed(row.load)).max().unwrap_or(0);
        eprintln!("making {many} tokens");
        let credentials = Credentials::make(&stand_in, many, threads);
        let machine = Machine::divide();
        let port = free_port();
        let at = made(directory.join("backend"));
        fs::write(at.join("nginx.conf"), backend(&at, port)).expect("writing the backend's nginx.conf");
        Self {
            stand_in,
            backend: port,
            credentials,
            machine,
            _backend: Nginx::start(&[], at, port),
            directory,
        }
    }

    /// How many requests have reached the backend: what nginx under test counts has its own questions in it.
    pub fn arrived(&self) -> u64 {
        let answer = Request::get("/count").send(self.backend);
        let numbers = answer.body.lines().nth(2).unwrap_or_default();
        let requests = numbers
            .split_whitespace()
            .last()
            .and_then(|word| word.parse().ok());
        requests.unwrap_or_else(|| panic!("no count of requests: {answer:?}"))
    }

    /// The directory of a row, made when it is not there.
    pub fn directory_of(&self, row: &str) -> PathBuf {
        made(self.directory.join(row))
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept to be looked at: {}", self.directory.display());
        } else {
            drop(fs::remove_dir_all(&self.directory));
        }
    }
}

fn made(path: PathBuf) -> PathBuf {
    fs::create_dir_all(Path::new(&path)).expect("creating a directory");
    path
}
