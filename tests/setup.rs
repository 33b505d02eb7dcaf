//! What a scenario writes into nginx.conf, and what it needs besides.
//!
//! What enters: lines of configuration with `%NAME%` where a port or a place belongs: `%PORT0%` is the server
//! that is always there, `%PORT1%` to `%PORT7%` are free, `%DIR%`, `%ORIGIN%`, `%AUTHGEAR%` and `%BACKEND%`
//! say themselves. What leaves: a [`Setup`] for [`crate::fixture::Fixture`]. What always holds: the two
//! internal locations are those that are shipped.

use std::fs;
use std::path::Path;

use crate::setting;
use crate::stand_in::StandIn;

/// What a scenario needs.
#[derive(Clone)]
pub struct Setup {
    pub(crate) workers: usize,
    pub(crate) connections: usize,
    pub(crate) main: String,
    pub(crate) events: String,
    pub(crate) http: String,
    pub(crate) server: String,
    pub(crate) kept: usize,
    pub(crate) tolerated: Vec<&'static str>,
    pub(crate) options: Vec<&'static str>,
    pub(crate) wrapper: Vec<String>,
    pub(crate) counts: bool,
    pub(crate) before: fn(&StandIn),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            workers: 1,
            connections: 1024,
            main: String::new(),
            events: String::new(),
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

impl Setup {
    /// One worker, and one server that resolves in `/`.
    pub fn new() -> Self {
        Self::default()
    }

    /// So many workers.
    #[must_use]
    pub fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// No master and no workers: one process does everything.
    #[must_use]
    pub fn single_process(self) -> Self {
        self.workers(0).main("master_process off;")
    }

    /// So many connections a worker.
    #[must_use]
    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// More lines at the top.
    #[must_use]
    pub fn main(self, lines: &str) -> Self {
        Self {
            main: self.main + lines + "\n",
            ..self
        }
    }

    /// More lines in `events`.
    #[must_use]
    pub fn events(self, lines: &str) -> Self {
        Self {
            events: self.events + lines + "\n",
            ..self
        }
    }

    /// More lines in `http`.
    #[must_use]
    pub fn http(self, lines: &str) -> Self {
        Self {
            http: self.http + lines + "\n",
            ..self
        }
    }

    /// More lines in the server.
    #[must_use]
    pub fn server(self, lines: &str) -> Self {
        Self {
            server: self.server + lines + "\n",
            ..self
        }
    }

    /// So many connections to upstreams may be kept open.
    #[must_use]
    pub fn kept(self, kept: usize) -> Self {
        Self { kept, ..self }
    }

    /// Workers are killed: nginx says so, and which zone one of them had locked.
    pub fn kills_workers(self) -> Self {
        self.tolerate("exited on signal 9").tolerate("was locked by")
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
        Self {
            wrapper: wrapper.iter().map(|&word| word.to_owned()).collect(),
            ..self
        }
    }

    /// nginx's count of connections ends wrong: a killed worker takes its own with it.
    #[must_use]
    pub fn loses_count(self) -> Self {
        Self {
            counts: false,
            ..self
        }
    }

    /// What to do before nginx starts.
    #[must_use]
    pub fn before(self, before: fn(&StandIn)) -> Self {
        Self { before, ..self }
    }

    /// The whole nginx.conf.
    pub(crate) fn text(
        &self,
        stand_in: &StandIn,
        directory: &Path,
        ports: &[u16],
        status_port: u16,
    ) -> String {
        let Self {
            workers,
            connections,
            main,
            events,
            http,
            server,
            ..
        } = self;
        let resolving = if server.contains("location / {") {
            ""
        } else {
            "location / { authgear_resolve on; proxy_pass http://%BACKEND%; }"
        };
        let loading = if main.contains("%MODULE%") {
            ""
        } else {
            "load_module %MODULE%;"
        };
        let text = format!(
            "{loading}\ndaemon off; worker_processes {workers};\nerror_log %DIR%/error.log info; pid %DIR%/pid;\n{main}\n\
             events {{ worker_connections {connections}; {events}}}\n\
             http {{\n\
             access_log off; client_body_temp_path %DIR%/body; proxy_temp_path %DIR%/proxy; fastcgi_temp_path %DIR%/fastcgi;\n\
             uwsgi_temp_path %DIR%/uwsgi; scgi_temp_path %DIR%/scgi; keepalive_timeout 65; keepalive_requests 100000;\n\
             {http}\n\
             server {{ listen 127.0.0.1:{status_port}; location / {{ stub_status; }} }}\n\
             server {{\nlisten 127.0.0.1:%PORT0% backlog=4096; server_name localhost;\n\
             {endpoint}\ninclude %DIR%/authgear.conf;\n{resolving}\n{server}\n}}\n}}\n",
            endpoint = if server.contains("authgear_endpoint ") { "" } else { "authgear_endpoint %ORIGIN%;" },
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

/// The two locations that users include, less what only HTTPS needs: the stand-in speaks plain HTTP, and a
/// machine may have no certificates.
pub fn shipped_locations() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nginx-conf/authgear.conf");
    let text = fs::read_to_string(path).expect("reading nginx-conf/authgear.conf");
    text.lines()
        .filter(|line| !line.trim_start().starts_with("proxy_ssl_"))
        .collect::<Vec<_>>()
        .join("\n")
}
