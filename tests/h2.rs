//! As much of HTTP/2 as a client needs that opens streams, reads their answers, and resets some.
//!
//! What enters: a port that speaks HTTP/2 with prior knowledge. What leaves: a status and a body for each
//! stream. What always holds: headers are written as literals, without Huffman; of an answer's only the
//! status is read.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::client::{Answer, PATIENCE};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: u32 = 8;

/// One connection.
pub struct Streams {
    stream: TcpStream,
    next: u32,
    open: HashMap<u32, Answer>,
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Streams {
    /// Connects and says so in HTTP/2.
    pub fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connecting");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        stream.set_nodelay(true).expect("no delay");
        let mut streams = Self {
            stream,
            next: 1,
            open: HashMap::new(),
        };
        streams
            .stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .expect("sending");
        streams.write(SETTINGS, 0, 0, &[]);
        streams
    }

    /// Opens a stream with a GET, and gives its number.
    pub fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> u32 {
        let stream = self.next;
        self.next += 2;
        let pseudo = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", path),
        ];
        let mut block = Vec::new();
        for (name, value) in pseudo.iter().chain(headers) {
            block.push(0);
            literal(&mut block, name.as_bytes());
            literal(&mut block, value.as_bytes());
        }
        self.write(HEADERS, END_STREAM | END_HEADERS, stream, &block);
        stream
    }

    /// Resets a stream.
    pub fn reset(&mut self, stream: u32) {
        self.write(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
    }

    /// Waits for the next stream that is answered whole.
    pub fn next_answer(&mut self) -> (u32, Answer) {
        loop {
            let frame = self.read().expect("a frame");
            assert!(frame.kind != GOAWAY, "nginx gave the connection up");
            assert!(frame.kind != RST_STREAM, "nginx reset stream {}", frame.stream);
            match frame.kind {
                SETTINGS if frame.flags & ACK == 0 => self.write(SETTINGS, ACK, 0, &[]),
                HEADERS => {
                    let answer = Answer {
                        status: status(&frame.payload),
                        headers: Vec::new(),
                        body: String::new(),
                    };
                    self.open.insert(frame.stream, answer);
                }
                DATA => {
                    let answer = self.open.get_mut(&frame.stream).expect("a head before a body");
                    answer.body.push_str(&String::from_utf8_lossy(&frame.payload));
                }
                _ => continue,
            }
            if frame.kind <= HEADERS && frame.flags & END_STREAM != 0 {
                return (frame.stream, self.open.remove(&frame.stream).expect("an answer"));
            }
        }
    }

    fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).expect("sending a frame");
    }

    fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).map_err(|_| ErrorKind::InvalidData)?];
        self.stream.read_exact(&mut payload)?;
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        Ok(Frame {
            kind: head[3],
            flags: head[4],
            stream,
            payload,
        })
    }
}

/// RFC 7541, 5.2: a length in a prefix of seven bits, then the bytes.
fn literal(block: &mut Vec<u8>, bytes: &[u8]) {
    match u8::try_from(bytes.len()) {
        Ok(length) if length < 127 => block.push(length),
        _ => {
            block.push(127);
            let mut rest = bytes.len() - 127;
            while rest >= 128 {
                block.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap());
        }
    }
    block.extend(bytes);
}

/// nginx writes the status first: an entry of the static table, or three digits under the name of one.
fn status(block: &[u8]) -> u16 {
    let block = match block {
        // A change of the table's size may come before it.
        [first, rest @ ..] if first & 0xe0 == 0x20 => rest,
        all => all,
    };
    match block {
        [0x88, ..] => 200,
        [0x89, ..] => 204,
        [0x8a, ..] => 206,
        [0x8b, ..] => 304,
        [0x8c, ..] => 400,
        [0x8d, ..] => 404,
        [0x8e, ..] => 500,
        [0x08 | 0x48, 3, digits @ ..] => std::str::from_utf8(&digits[..3]).unwrap().parse().unwrap(),
        odd => panic!("no status in {odd:?}"),
    }
}
