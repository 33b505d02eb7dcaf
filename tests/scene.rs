//! One scenario's nginx and stand-in, and the checks that end every scenario.
//!
//! What enters: a [`Plan`], with `%NAME%` where a port or a place belongs. What leaves: a [`Scene`] to play in. What always holds: a
//! scene that is played to its end has left nginx with no connection, no descriptor and no grave line more than it began with, and nginx
//! then ends in good order by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Request;
use crate::nginx::{descriptor_names, descriptors, Nginx};
use crate::stand_in::StandIn;
use crate::{eventually, free_port, setting, soon, soon_within};

/// What no scenario may find in the error log.
const GRAVE: [&str; 6] = ["[alert]", "[emerg]", "[crit]", "panic", "open socket", "exited on signal"];
/// Longer than the longest thing that may still be under way: a question's five seconds.
const SETTLING: Duration = Duration::from_secs(15);
/// A worker's own socket for requests of its own, opened by the first of them.
const LATE_DESCRIPTORS: usize = 1;
/// Workers started later hold a few channels more to each other.
const CHANNELS: usize = 6;

/// What a scenario needs.
#[derive(Clone)]
pub struct Plan {
    workers: usize,
    connections: usize,
    main: String,
    http: String,
    server: String,
    kept: usize,
    tolerated: Vec<&'static str>,
    options: Vec<&'static str>,
    wrapper: Vec<String>,
    counts: bool,
    before: fn(&StandIn),
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            workers: 1,
            connections: 1024,
            main: String::new(),
            http: String::new(),
            server: String::new(),
            kept: 0,
            tolerated: Vec::new(),
            options: Vec::new(),
            wrapper: Vec::new(),
            counts: true,
            before: |_| {},
        }
    }
}

impl Plan {
    /// One worker, and one server that resolves in `/`.
    pub fn new() -> Self {
        Self::default()
    }

    /// So many workers.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// So many connections a worker.
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// More lines at the top.
    #[must_use]
    pub fn main(self, lines: &str) -> Self {
        Self { main: self.main + lines + "\n", ..self }
    }

    /// More lines in `http`.
    #[must_use]
    pub fn http(self, lines: &str) -> Self {
        Self { http: self.http + lines + "\n", ..self }
    }

    /// More lines in the server.
    #[must_use]
    pub fn server(self, lines: &str) -> Self {
        Self { server: self.server + lines + "\n", ..self }
    }

    /// So many connections to upstreams may be kept open.
    #[must_use]
    pub fn kept(self, kept: usize) -> Self {
        Self { kept, ..self }
    }

    /// A grave line that this scenario provokes.
    #[must_use]
    pub fn tolerate(mut self, line: &'static str) -> Self {
        self.tolerated.push(line);
        self
    }

    /// An option of the stand-in's.
    #[must_use]
    pub fn stand_in(mut self, option: &'static str) -> Self {
        self.options.push(option);
        self
    }

    /// nginx is run by this command.
    #[must_use]
    pub fn under(self, wrapper: &[&str]) -> Self {
        Self { wrapper: wrapper.iter().map(|&word| word.to_owned()).collect(), ..self }
    }

    /// nginx's count of connections ends wrong: a killed worker takes its own with it.
    #[must_use]
    pub fn loses_count(self) -> Self {
        Self { counts: false, ..self }
    }

    /// What to do before nginx starts.
    #[must_use]
    pub fn before(self, before: fn(&StandIn)) -> Self {
        Self { before, ..self }
    }

    /// Starts everything, plays, and checks what is left.
    pub fn play(self, play: impl FnOnce(&mut Scene)) {
        let stand_in = StandIn::start(&self.options);
        (self.before)(&stand_in);
        let directory = Directory::new();
        let ports: Vec<u16> = (0..8).map(|_| free_port()).collect();
        let status_port = free_port();
        let text = self.text(&stand_in, &directory.0, &ports, status_port);
        fs::write(directory.0.join("nginx.conf"), text).expect("writing nginx.conf");
        fs::write(directory.0.join("authgear.conf"), shipped_locations()).expect("writing authgear.conf");
        let nginx = Nginx::start(&self.wrapper, directory.0.clone(), ports[0]);
        let mut scene = Scene { nginx, stand_in, ports, status_port, baseline: Vec::new(), directory, plan: self };
        scene.take_baseline();
        play(&mut scene);
        scene.end();
    }

    fn text(&self, stand_in: &StandIn, directory: &Path, ports: &[u16], status_port: u16) -> String {
        let Self { workers, connections, main, http, server, .. } = self;
        let processes = if main.contains("master_process") { "" } else { "master_process on;" };
        let resolving = if server.contains("location / {") { "" } else { "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }" };
        let text = format!(
            "load_module %MODULE%;\ndaemon off; {processes} worker_processes {workers};\nerror_log %DIR%/error.log info; pid %DIR%/pid;\n{main}\n\
             events {{ worker_connections {connections}; }}\n\
             http {{\n\
             access_log off; client_body_temp_path %DIR%/body; proxy_temp_path %DIR%/proxy; fastcgi_temp_path %DIR%/fastcgi;\n\
             uwsgi_temp_path %DIR%/uwsgi; scgi_temp_path %DIR%/scgi; keepalive_timeout 65; keepalive_requests 100000;\n\
             {http}\n\
             server {{ listen 127.0.0.1:{status_port}; location / {{ stub_status; }} }}\n\
             server {{\nlisten 127.0.0.1:%PORT0% backlog=4096; server_name localhost;\n\
             {endpoint}\ninclude %DIR%/authgear.conf;\n{resolving}\n{server}\n}}\n}}\n",
            endpoint = if server.contains("authgear_endpoint") { "" } else { "authgear_endpoint %ORIGIN%;" },
        );
        let mut text = text
            .replace("%MODULE%", &setting("AUTHGEAR_MODULE"))
            .replace("%DIR%", &directory.display().to_string())
            .replace("%ORIGIN%", &stand_in.origin)
            .replace("%AUTHGEAR%", &format!("127.0.0.1:{}", stand_in.authgear))
            .replace("%BACKEND%", &format!("127.0.0.1:{}", stand_in.backend));
        for (index, port) in ports.iter().enumerate() {
            text = text.replace(&format!("%PORT{index}%"), &port.to_string());
        }
        text
    }
}

/// The two locations that users include, less what only HTTPS needs: the stand-in speaks plain HTTP, and a machine may have no certificates.
fn shipped_locations() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nginx-conf/authgear.conf");
    let text = fs::read_to_string(path).expect("reading nginx-conf/authgear.conf");
    text.lines().filter(|line| !line.trim_start().starts_with("proxy_ssl_")).collect::<Vec<_>>().join("\n")
}

/// A directory that goes when the scenario is over.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("authgear-scenario-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
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

/// One nginx and one stand-in.
pub struct Scene {
    // First, so that it goes first: it shall not see its upstreams go.
    /// The nginx.
    pub nginx: Nginx,
    /// Authgear and the backend.
    pub stand_in: StandIn,
    ports: Vec<u16>,
    status_port: u16,
    baseline: Vec<(u32, usize)>,
    directory: Directory,
    plan: Plan,
}

impl Scene {
    /// The port of the server that is always there.
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// The port that the plan calls `%PORTn%`.
    pub fn port_of(&self, index: usize) -> u16 {
        self.ports[index]
    }

    /// The scenario's directory, `%DIR%`.
    pub fn directory(&self) -> &Path {
        &self.directory.0
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

    /// Waits until no client's connection and no work of the worker's own is left, and no descriptor of theirs.
    pub fn await_quiet(&self) {
        if self.plan.counts {
            self.await_no_connections();
        }
        let end = Instant::now() + SETTLING;
        while self.holders().into_iter().any(|(pid, count)| count > self.allowed(pid)) {
            assert!(Instant::now() < end, "began with {:?}, still hold {}", self.baseline, self.holdings());
            sleep(Duration::from_millis(20));
        }
    }

    fn await_no_connections(&self) {
        let mut last = String::new();
        let quiet = || {
            last = Request::get("/").try_send(self.status_port).map(|answer| answer.body).unwrap_or_default();
            last.starts_with("Active connections: 1 ")
        };
        soon_within(SETTLING, "no connection is left but the one that asks", quiet);
    }

    fn holders(&self) -> Vec<(u32, usize)> {
        let workers = self.nginx.workers();
        let serving = if workers.is_empty() { vec![self.nginx.pid()] } else { workers };
        serving.into_iter().map(|pid| (pid, descriptors(pid))).collect()
    }

    fn holdings(&self) -> String {
        self.holders().into_iter().map(|(pid, _)| format!("{pid}: {:?}\n", descriptor_names(pid))).collect()
    }

    fn allowed(&self, pid: u32) -> usize {
        let at_first = self.baseline.iter().find(|(known, _)| *known == pid).map(|(_, count)| *count);
        let most = self.baseline.iter().map(|(_, count)| *count).max().unwrap_or(0);
        at_first.unwrap_or(most + CHANNELS) + LATE_DESCRIPTORS + self.plan.kept
    }

    fn take_baseline(&mut self) {
        let expected = if self.plan.main.contains("master_process off") { 0 } else { self.plan.workers };
        self.nginx.await_workers(expected, Duration::from_secs(10));
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

    /// Fails when the error log has a line that no scenario may provoke.
    pub fn assert_nothing_grave(&self) {
        let log = self.nginx.log();
        let tolerated = |line: &str| self.plan.tolerated.iter().any(|known| line.contains(known));
        let grave: Vec<&str> =
            log.lines().filter(|line| GRAVE.iter().any(|word| line.contains(word)) && !tolerated(line)).collect();
        assert!(grave.is_empty(), "in the error log:\n{}", grave.join("\n"));
    }
}
