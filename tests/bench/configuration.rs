//! What each row writes into nginx.conf.
//!
//! What enters: which way of telling who is calling. What leaves: the text of a complete nginx.conf. What
//! always holds: all rows have one worker, no access log, and the same kept connections to the same backend;
//! they differ in the lines named here and in nothing else.

use std::path::Path;

use authgear_scenarios::setting;

/// The host of the project's origin, and the name of the upstream that leads to it.
pub const PROJECT: &str = "project.authgear.cloud";

/// The lines in which one row differs from another.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    module: bool,
    http: String,
    server: String,
    location: String,
}

/// Where everything is.
pub struct Places<'a> {
    /// The row's own directory.
    pub directory: &'a Path,
    /// The port under test.
    pub port: u16,
    /// The backend's port.
    pub backend: u16,
    /// The stand-in's port.
    pub authgear: u16,
    /// Whether one process does everything: one to count instructions in.
    pub single: bool,
}

/// nginx without authentication and without the module.
pub fn plain() -> Configuration {
    Configuration::default()
}

/// nginx with the module, of which no directive is used.
pub fn unused() -> Configuration {
    Configuration {
        module: true,
        ..Configuration::default()
    }
}

/// The module, with further lines.
pub fn module(http: &str, location: &str) -> Configuration {
    Configuration {
        module: true,
        http: http.to_owned(),
        server: format!("authgear_endpoint http://{PROJECT};\ninclude %DIR%/authgear.conf;"),
        location: format!("authgear_resolve on; {location}"),
    }
}

/// `auth_request` as Authgear's documentation has it: a connection for each question.
pub fn auth_request() -> Configuration {
    asking(
        "",
        "set $resolver http://127.0.0.1:%AUTHGEAR%/_resolver/resolve; proxy_pass $resolver;",
    )
}

/// The same with kept connections.
pub fn auth_request_keepalive() -> Configuration {
    asking("", KEPT)
}

/// The same with a cache, as the documentation has it.
pub fn auth_request_cached() -> Configuration {
    asking(
        "proxy_cache_path %DIR%/cache keys_zone=auth_cache:10m;",
        &format!(
            "{KEPT} proxy_cache auth_cache; proxy_cache_key \"$cookie_session|$http_authorization\"; proxy_cache_valid 200 10m;"
        ),
    )
}

const KEPT: &str = "proxy_pass http://project.authgear.cloud/_resolver/resolve; proxy_http_version 1.1; \
                    proxy_set_header Connection \"\";";

/// The headers that the documentation copies, one by one.
const COPIED: [&str; 8] = [
    "session_valid",
    "user_id",
    "user_anonymous",
    "user_verified",
    "session_acr",
    "session_amr",
    "session_authenticated_at",
    "user_can_reauthenticate",
];

fn asking(http: &str, resolver: &str) -> Configuration {
    let copied: String = COPIED
        .iter()
        .map(|name| {
            let header = name.replace('_', "-");
            format!(
                "auth_request_set $x_authgear_{name} $upstream_http_x_authgear_{name};\n\
                 proxy_set_header x-authgear-{header} $x_authgear_{name};\n"
            )
        })
        .collect();
    Configuration {
        module: false,
        http: http.to_owned(),
        server: format!(
            "location = /_auth {{\ninternal; {resolver}\nproxy_set_header Host {PROJECT};\n\
             proxy_pass_request_body off; proxy_set_header Content-Length \"\";\n}}"
        ),
        location: format!("auth_request /_auth;\n{copied}"),
    }
}

impl Configuration {
    /// Whether it has the module at work.
    pub fn resolves(&self) -> bool {
        self.location.contains("authgear_resolve")
    }

    /// The whole nginx.conf.
    pub fn text(&self, places: &Places) -> String {
        let load = match self.module {
            true => format!("load_module {};\n", setting("AUTHGEAR_MODULE")),
            false => String::new(),
        };
        let Self {
            http,
            server,
            location,
            ..
        } = self;
        let text = format!(
            "{load}{process}\n{FRAME}\n\
             upstream backend {{ server 127.0.0.1:%BACKEND%; keepalive 64; keepalive_requests 1000000000; }}\n\
             upstream {PROJECT} {{ server 127.0.0.1:%AUTHGEAR%; keepalive 16; }}\n\
             {http}\n\
             server {{\nlisten 127.0.0.1:%PORT%; server_name app.example.com;\n{server}\n\
             location / {{\n{location}\nproxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection \"\";\n}}\n\
             }}\n}}\n",
            process = if places.single { "master_process off;" } else { "" },
        );
        places.fill(&text)
    }
}

/// What every nginx.conf here begins with, the backend's too.
const FRAME: &str = "daemon off; worker_processes 1; error_log %DIR%/error.log notice; pid %DIR%/pid;\n\
                     events { worker_connections 2048; }\n\
                     http {\n\
                     access_log off; keepalive_timeout 3600; keepalive_requests 1000000000;\n\
                     client_body_temp_path %DIR%/body; proxy_temp_path %DIR%/proxy; fastcgi_temp_path %DIR%/fastcgi;\n\
                     uwsgi_temp_path %DIR%/uwsgi; scgi_temp_path %DIR%/scgi;";

/// The backend: a few bytes for a timed request, who it was told is calling for one that checks, and how many
/// requests there were.
pub fn backend(directory: &Path, port: u16) -> String {
    let text = format!(
        "{FRAME}\nserver {{\nlisten 127.0.0.1:%PORT% backlog=1024;\nlocation / {{ return 200 \"hello\\n\"; }}\n\
         location = /seen {{ add_header x-seen-user $http_x_authgear_user_id; return 200 \"hello\\n\"; }}\n\
         location = /count {{ stub_status; }}\n}}\n}}\n"
    );
    text.replace("%DIR%", &directory.display().to_string())
        .replace("%PORT%", &port.to_string())
}

impl Places<'_> {
    fn fill(&self, text: &str) -> String {
        text.replace("%DIR%", &self.directory.display().to_string())
            .replace("%PORT%", &self.port.to_string())
            .replace("%BACKEND%", &self.backend.to_string())
            .replace("%AUTHGEAR%", &self.authgear.to_string())
    }
}
