//! Starts the program and speaks to its ports.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A running program and where its ports are.
pub struct StandIn {
    pub child: Child,
    pub at: Value,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl StandIn {
    pub fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_authgear-stand-in"));
        command
            .arg("serve")
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self {
            child,
            at: serde_json::from_str(&line).unwrap(),
        }
    }

    pub fn connect(&self, port: &str) -> std::io::Result<TcpStream> {
        let address = self.at[port].as_str().unwrap();
        let stream = TcpStream::connect(address.strip_prefix("http://").unwrap_or(address))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        Ok(stream)
    }

    /// Sends bytes and reads until the other side closes.
    pub fn raw(&self, port: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut stream = self.connect(port)?;
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    pub fn request(&self, port: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        String::from_utf8(self.raw(port, request.as_bytes()).unwrap()).unwrap()
    }

    pub fn order(&self, method: &str, path: &str, order: Value) -> Value {
        let answer = self.request("control", method, path, "Host: control\r\n", &order.to_string());
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    pub fn token(&self, order: Value) -> String {
        self.order("POST", "/tokens", order)["token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub fn origin_host(&self) -> &str {
        self.at["origin"].as_str().unwrap().split_once("://").unwrap().1
    }

    pub fn resolve(&self, headers: &str) -> String {
        let headers = format!("Host: {}\r\n{headers}", self.origin_host());
        self.request("resolver", "GET", "/resolve", &headers, "")
    }

    pub fn resolves(&self, token: &str) -> bool {
        self.resolve(&format!("Authorization: Bearer {token}\r\n"))
            .contains("X-Authgear-Session-Valid: true")
    }
}
