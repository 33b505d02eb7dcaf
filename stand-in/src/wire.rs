//! HTTP/1 on a socket, by hand: a test must see the very bytes that came, and send answers that no library
//! would send.
//!
//! Enters: a stream. Leaves: requests with their headers byte for byte (names in lower case), and answers as
//! bytes. Always holds: a head of at most 256 KiB; bodies are counted and not kept.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LONGEST_HEAD: usize = 256 << 10;

/// A request; its body has been read.
pub struct Request {
    pub method: Vec<u8>,
    pub path: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub keep_alive: bool,
    /// Nothing where no body was announced.
    pub body_length: Option<u64>,
}

impl Request {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(n, _)| n == name.as_bytes())
            .map(|(_, value)| value.as_slice())
    }

    /// The path without its query.
    pub fn bare_path(&self) -> &[u8] {
        self.path.split(|byte| *byte == b'?').next().unwrap_or_default()
    }
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn contains(value: &[u8], word: &str) -> bool {
    String::from_utf8_lossy(value).to_ascii_lowercase().contains(word)
}

/// Reads a head without its empty line.
fn parse(head: &[u8]) -> io::Result<Request> {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.next().unwrap_or_default().splitn(3, |byte| *byte == b' ');
    let (Some(method), Some(path), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Err(malformed("request line"));
    };
    let mut headers = Vec::with_capacity(16);
    for line in lines {
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .ok_or_else(|| malformed("header"))?;
        let (name, value) = line.split_at(colon);
        headers.push((
            name.to_ascii_lowercase(),
            value.get(1..).unwrap_or_default().trim_ascii().to_vec(),
        ));
    }
    let mut request = Request {
        method: method.to_vec(),
        path: path.to_vec(),
        headers,
        keep_alive: true,
        body_length: None,
    };
    let connection = request.header("connection").unwrap_or_default();
    request.keep_alive = if version == b"HTTP/1.1" {
        !contains(connection, "close")
    } else {
        contains(connection, "keep-alive")
    };
    Ok(request)
}

/// A connection with what has been read too far.
pub struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    /// Takes the stream over.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::with_capacity(4096),
        }
    }

    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// The next line without its end.
    async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.truncate(line.trim_ascii_end().len());
                return Ok(line);
            }
            if self.buffer.len() > LONGEST_HEAD || !self.fill().await? {
                return Err(malformed("line"));
            }
        }
    }

    async fn skip(&mut self, mut left: u64) -> io::Result<()> {
        while left > 0 {
            if self.buffer.is_empty() && !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            self.buffer.drain(..here);
            left = left.saturating_sub(here as u64);
        }
        Ok(())
    }

    async fn skip_chunks(&mut self) -> io::Result<u64> {
        let mut total = 0_u64;
        loop {
            let line = self.line().await?;
            let size = line
                .split(|byte| *byte == b';')
                .next()
                .unwrap_or_default()
                .trim_ascii();
            let size = std::str::from_utf8(size)
                .ok()
                .and_then(|size| u64::from_str_radix(size, 16).ok());
            let size = size.ok_or_else(|| malformed("chunk"))?;
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(total);
            }
            self.skip(size).await?;
            self.line().await?;
            total = total.saturating_add(size);
        }
    }

    /// The next request, or nothing once the other side has finished.
    pub async fn request(&mut self) -> io::Result<Option<Request>> {
        let mut from = 0_usize;
        let end = loop {
            let fresh = self.buffer.get(from..).unwrap_or_default();
            if let Some(at) = fresh.windows(4).position(|four| four == b"\r\n\r\n") {
                break from.saturating_add(at);
            }
            from = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > LONGEST_HEAD {
                return Err(malformed("head too long"));
            }
            if !self.fill().await? {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        };
        let mut request = parse(self.buffer.get(..end).unwrap_or_default())?;
        self.buffer.drain(..end.saturating_add(4));
        request.body_length = if contains(request.header("transfer-encoding").unwrap_or_default(), "chunked")
        {
            Some(self.skip_chunks().await?)
        } else if let Some(length) = request.header("content-length") {
            let length = std::str::from_utf8(length)
                .ok()
                .and_then(|length| length.parse().ok());
            let length = length.ok_or_else(|| malformed("content-length"))?;
            self.skip(length).await?;
            Some(length)
        } else {
            None
        };
        Ok(Some(request))
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Ends the sending side.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Returns when the other side has gone; what it still sends is thrown away.
    pub async fn gone(&mut self) {
        while matches!(self.fill().await, Ok(true)) {
            self.buffer.clear();
        }
    }

    /// Makes the end of this connection a reset.
    pub fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

/// An answer before it is bytes.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// A status and nothing else.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A body with its type.
    pub fn body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::status(status)
            .with("Content-Type", content_type)
            .with_body(body)
    }

    /// One header more.
    pub fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With that body.
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// The bytes: `surplus` is announced and not sent, a HEAD has no body.
    pub fn bytes(&self, head: bool, keep_alive: bool, surplus: usize) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).into_bytes();
        let mut put = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        for (name, value) in &self.headers {
            put(name, value);
        }
        let bodiless = matches!(self.status, 100..=199 | 204 | 304);
        if !bodiless && !self.has("content-length") && !self.has("transfer-encoding") {
            put(
                "Content-Length",
                self.body.len().saturating_add(surplus).to_string().as_bytes(),
            );
        }
        if !keep_alive && !self.has("connection") {
            put("Connection", b"close");
        }
        bytes.extend_from_slice(b"\r\n");
        if !head && !bodiless {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        404 => "Not Found",
        405 => "Method Not Allowed",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
