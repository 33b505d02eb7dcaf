//! An HTTP/1.1 client that sends exactly the bytes it is told to.
//!
//! What enters: a port of 127.0.0.1 and bytes. What leaves: the answers, in order. What always holds: nothing
//! waits longer than [`PATIENCE`]; a connection that ends instead of answering is an `io::Error`, for the
//! scenario to judge.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

/// How long a client waits for bytes: far longer than anything may take.
pub const PATIENCE: Duration = Duration::from_secs(25);

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A GET of `path`.
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A POST of `body` to `path`.
    pub fn post(path: &str, body: Vec<u8>) -> Self {
        Self {
            method: "POST".to_owned(),
            body,
            ..Self::get(path)
        }
    }

    /// A DELETE of `path`.
    pub fn delete(path: &str) -> Self {
        Self {
            method: "DELETE".to_owned(),
            ..Self::get(path)
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    /// Its bytes; `Host` is `localhost` unless it has one.
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head.push_str("Host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(&self.body);
        bytes
    }

    /// Sends it on a connection of its own.
    pub fn send(&self, port: u16) -> Answer {
        self.try_send(port)
            .unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.path))
    }

    /// The same, where a connection may end without an answer.
    pub fn try_send(&self, port: u16) -> io::Result<Answer> {
        let mut connection = Connection::try_open(port)?;
        connection.try_send(&self.clone().with("Connection", "close"))?;
        connection.try_answer()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body, when it has one.
    pub body: String,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }

    /// The values of a request header as the echoing backend saw them.
    pub fn seen(&self, name: &str) -> Vec<&str> {
        let head = self.body.split("\n\n").next().unwrap_or_default();
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines
            .filter(|(have, _)| *have == name)
            .map(|(_, value)| value)
            .collect()
    }

    /// Every line of the backend's that has to do with the module.
    pub fn ours(&self) -> Vec<&str> {
        self.body
            .lines()
            .filter(|line| line.starts_with("x-authgear-") || line.starts_with("x_authgear_"))
            .collect()
    }

    /// Fails unless the backend was told that `user` is calling, once.
    pub fn assert_user(&self, user: &str) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.seen("x-authgear-session-valid"), ["true"], "{self:?}");
        assert_eq!(self.seen("x-authgear-user-id"), [user], "{self:?}");
    }

    /// Fails unless the backend was told that the credential is invalid, and nothing else.
    pub fn assert_invalid(&self) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.ours(), ["x-authgear-session-valid: false"], "{self:?}");
    }

    /// Fails unless the backend was told nothing.
    pub fn assert_anonymous(&self) {
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.ours().is_empty(), "{self:?}");
    }

    /// Fails unless it is the refusal for want of a verdict.
    pub fn assert_unavailable(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.header("retry-after").is_some(), "{self:?}");
        assert!(self.ours().is_empty(), "{self:?}");
    }
}

/// One connection to nginx or the stand-in.
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(port: u16) -> Self {
        Self::try_open(port).unwrap_or_else(|error| panic!("connecting to {port}: {error}"))
    }

    /// Connects, if somebody listens.
    pub fn try_open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            unread: Vec::new(),
        })
    }

    /// Connects from another address of this machine.
    pub fn open_from(address: &str, port: u16) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let own: SocketAddr = format!("{address}:0").parse().expect("an address");
        let nginx: SocketAddr = format!("127.0.0.1:{port}").parse().expect("an address");
        socket.bind(&own.into()).expect("binding");
        socket.connect(&nginx.into()).expect("connecting");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        Self {
            stream: socket.into(),
            unread: Vec::new(),
        }
    }

    /// Sends a request.
    pub fn send(&mut self, request: &Request) {
        self.send_bytes(&request.bytes());
    }

    /// Sends a request, if the connection still stands.
    pub fn try_send(&mut self, request: &Request) -> io::Result<()> {
        self.stream.write_all(&request.bytes())
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sending");
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        self.try_answer()
            .unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, request: &Request) -> Answer {
        self.send(request);
        self.answer()
    }

    /// The next answer, or how the connection ended instead. `100 Continue` is stepped over.
    pub fn try_answer(&mut self) -> io::Result<Answer> {
        loop {
            let answer = self.any_answer()?;
            if answer.status >= 200 {
                return Ok(answer);
            }
        }
    }

    fn any_answer(&mut self) -> io::Result<Answer> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            self.read_more()?;
        };
        let head: Vec<u8> = self.unread.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status: u16 = status.ok_or_else(|| odd(&head))?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_start().to_owned()))
            .collect();
        let mut answer = Answer {
            status,
            headers,
            body: String::new(),
        };
        if status >= 200 && status != 204 && status != 304 {
            let body = self.body(&answer)?;
            answer.body = String::from_utf8_lossy(&body).into_owned();
        }
        Ok(answer)
    }

    fn body(&mut self, answer: &Answer) -> io::Result<Vec<u8>> {
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.chunks();
        }
        if let Some(length) = answer.header("content-length") {
            return self.take(length.parse().map_err(|_| odd(length))?);
        }
        while self.read_more().is_ok() {}
        Ok(std::mem::take(&mut self.unread))
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = self.unread.windows(2).position(|window| window == b"\r\n") {
                    break at;
                }
                self.read_more()?;
            };
            let line = self.take(end + 2)?;
            let size = String::from_utf8_lossy(&line).trim().to_owned();
            let size = usize::from_str_radix(&size, 16).map_err(|_| odd(&size))?;
            body.extend(self.take(size)?);
            self.take(2)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.read_more()?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    fn read_more(&mut self) -> io::Result<()> {
        let mut part = [0; 16_384];
        let length = loop {
            match self.stream.read(&mut part) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => break other?,
            }
        };
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend(&part[..length]);
        Ok(())
    }

    /// Leaves in good order, without reading on.
    pub fn leave(self) {
        drop(self.stream);
    }

    /// Says that nothing more will be sent, and stays.
    pub fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).expect("shutting down");
    }

    /// Leaves with a TCP reset.
    pub fn reset(self) {
        SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .expect("lingering");
        drop(self.stream);
    }
}

fn odd(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not HTTP: {what:?}"))
}
