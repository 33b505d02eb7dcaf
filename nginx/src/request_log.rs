//! Lines in the error log about one request.
//!
//! nginx ends each line of a request with the whole request line and the `Referer`: a token in a query would
//! stand in ours. What is written here instead has who, where and what, and no query.

use nginx_sys::ngx_http_core_srv_conf_t;

use crate::log::{escape, Level};
use crate::module::core_entry;
use crate::request::{bytes, Request};

/// A line about a request; nothing when its log's level is lower.
pub fn write(request: Request<'_>, level: Level, line: &str) {
    if let Some(log) = request.log().filter(|log| log.has(level)) {
        log.write_alone(level, &format!("{line}{}", whose(request)));
    }
}

/// In nginx's own words.
fn whose(request: Request<'_>) -> String {
    let client = request.main().unwrap_or(request);
    let mut text = format!(
        ", client: {}, server: {}, request: \"{} {}\"",
        escape(request.address()),
        escape(server_name(request)),
        escape(bytes(&client.raw().method_name)),
        escape(path_of(bytes(&client.raw().unparsed_uri)))
    );
    if !request.is_main() {
        text = format!("{text}, subrequest: \"{}\"", escape(bytes(&request.raw().uri)));
    }
    if let Some(host) = request.header("host").next() {
        text = format!("{text}, host: \"{}\"", escape(host));
    }
    text
}

fn path_of(uri: &[u8]) -> &[u8] {
    let mut parts = uri.split(|byte| matches!(byte, b'?' | b'#'));
    parts.next().unwrap_or_default()
}

fn server_name(request: Request<'_>) -> &[u8] {
    // SAFETY: the array of the request's server.
    let core = unsafe { core_entry::<ngx_http_core_srv_conf_t>(request.raw().srv_conf) };
    // SAFETY: it lives as long as the cycle.
    core.map_or(&[], |core| bytes(&unsafe { core.as_ref() }.server_name))
}
