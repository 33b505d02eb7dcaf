//! A real browser without a window, steered over WebDriver.
//!
//! What enters: where hosts are found, and what a person would do. What leaves: what that person would see.
//! What always holds: the browser starts with an empty profile, asks nobody but the hosts it is told of, and
//! goes with its files.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use authgear_scenarios::client::{Connection, Request};
use authgear_scenarios::{eventually, free_port, soon};
use serde_json::{json, Value};

const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // It would try https:// first where a test says http://.
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable",
];

/// A browser with one page.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: PathBuf,
}

impl Browser {
    /// Starts one that finds each of these hosts, and no other, at a port of this machine.
    pub fn start(hosts: &[(&str, u16)]) -> Self {
        let port = free_port();
        let profile = std::env::temp_dir().join(format!("authgear-browser-{}-{port}", std::process::id()));
        fs::create_dir_all(&profile).expect("creating a directory");
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starting chromedriver");
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            profile,
        };
        eventually("chromedriver listens", Duration::from_secs(20), || {
            Connection::try_open(port).ok()
        });
        let opened = browser.order("", &capabilities(&browser.profile, hosts));
        browser.session = opened["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    fn path(&self, command: &str) -> String {
        match self.session.is_empty() {
            true => "/session".to_owned(),
            false => format!("/session/{}{command}", self.session),
        }
    }

    fn ask(&self, request: &Request) -> Value {
        let answer = request.send(self.port);
        let said: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        assert_eq!(answer.status, 200, "{said}");
        said["value"].clone()
    }

    fn order(&self, command: &str, body: &Value) -> Value {
        let request = Request::post(&self.path(command), body.to_string().into_bytes());
        self.ask(&request.with("Content-Type", "application/json"))
    }

    /// Goes to a page, as by its address.
    pub fn open(&self, url: &str) {
        self.order("/url", &json!({ "url": url }));
    }

    /// The address of the page.
    pub fn url(&self) -> String {
        let url = self.ask(&Request::get(&self.path("/url")));
        url.as_str().expect("an address").to_owned()
    }

    /// Waits until the page's address begins so.
    pub fn await_url(&self, start: &str) {
        let mut last = String::new();
        let mut is_there = || {
            last = self.url();
            last.starts_with(start)
        };
        soon(&format!("the browser is at {start}"), &mut is_there);
    }

    /// The text of the page.
    pub fn text(&self) -> String {
        let text = self.run("return document.documentElement.innerText");
        text.as_str().expect("text").to_owned()
    }

    /// Runs a script in the page; what it returns, if need be later.
    pub fn run(&self, script: &str) -> Value {
        self.order("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Clicks on what a CSS selector finds.
    pub fn click(&self, selector: &str) {
        let found = self.order("/element", &json!({"using": "css selector", "value": selector}));
        let id = found
            .as_object()
            .and_then(|found| found.values().next()?.as_str());
        let command = format!("/element/{}/click", id.expect("an element"));
        self.order(&command, &json!({}));
    }

    /// The browser's last processes may still write into it.
    fn remove_profile(&self) {
        for _ in 0..50 {
            if fs::remove_dir_all(&self.profile).is_ok() {
                return;
            }
            sleep(Duration::from_millis(100));
        }
    }
}

/// What the driver is to start.
fn capabilities(profile: &std::path::Path, hosts: &[(&str, u16)]) -> Value {
    let mut rules: Vec<String> = hosts
        .iter()
        .map(|(host, port)| format!("MAP {host} 127.0.0.1:{port}"))
        .collect();
    rules.push("MAP * ~NOTFOUND".to_owned());
    rules.push("EXCLUDE 127.0.0.1".to_owned());
    let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments.push(format!("--host-resolver-rules={}", rules.join(", ")));
    json!({"capabilities": {"alwaysMatch": {
        "acceptInsecureCerts": true,
        "goog:chromeOptions": {"args": arguments},
    }}})
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // Ends the browser; where that fails, the test has failed already.
            drop(Request::delete(&self.path("")).try_send(self.port));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
        self.remove_profile();
    }
}
