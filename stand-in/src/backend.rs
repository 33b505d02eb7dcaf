//! The application behind nginx: tells what reached it.
//!
//! Enters: any request over HTTP/1, WebSocket or HTTP/2. Leaves: its own head as text. Always holds: over
//! HTTP/1 nothing is normalised but the case of names; every request is counted and logged.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::engine::general_purpose::STANDARD as BASE64;
use base64::Engine;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::header::{HeaderName, HeaderValue, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use crate::seen::{Count, Entry};
use crate::wire::{Answer, Request, Wire};
use crate::world::World;

type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// Accepts until the end of the program.
pub async fn listen(listener: TcpListener, world: Arc<World>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let world = Arc::clone(&world);
                tokio::spawn(async move { drop(greet(stream, world).await) });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Looks whether HTTP/2 is spoken, without taking a byte.
async fn greet(stream: TcpStream, world: Arc<World>) -> io::Result<()> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0";
    stream.set_nodelay(true)?;
    let mut seen = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut seen).await?;
        let seen = seen.get(..length).unwrap_or_default();
        if length == 0 {
            return Ok(());
        }
        if !PREFACE.starts_with(seen) {
            return http1(stream, &world).await;
        }
        if seen == PREFACE {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let service = service_fn(move |request| {
        let world = Arc::clone(&world);
        async move { Ok::<_, Infallible>(http2(request, &world).await) }
    });
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    serving
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

/// Notes a request, on whatever protocol it came.
pub fn note(world: &World, method: &[u8], path: &[u8], headers: &Headers, body_length: Option<u64>) {
    world.backend_seen.count(Count::Requests);
    world.backend_seen.write(|| Entry {
        target: "backend",
        listener: "backend",
        method: method.to_vec(),
        path: path.to_vec(),
        headers: headers.clone(),
        body_length: body_length.unwrap_or(0),
        connection: 0,
    });
}

fn number_after(path: &[u8], prefix: &[u8]) -> Option<u64> {
    let rest = path.strip_prefix(prefix)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()
}

/// The status that a path asks for, after the pause that it asks for.
async fn wish(path: &[u8]) -> u16 {
    if let Some(pause) = number_after(path, b"/slow/") {
        tokio::time::sleep(Duration::from_millis(pause.min(600_000))).await;
    }
    let status = number_after(path, b"/status/").and_then(|status| u16::try_from(status).ok());
    status
        .filter(|status| (200..=599).contains(status))
        .unwrap_or(200)
}

fn lines<'a>(headers: impl IntoIterator<Item = &'a (Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    headers
        .into_iter()
        .flat_map(|(name, value)| [name, &b": "[..], value, b"\n"].concat())
        .collect()
}

fn echo(method: &[u8], path: &[u8], headers: &Headers, body_length: Option<u64>) -> Vec<u8> {
    let mut text = [method, b" ", path, b"\n"].concat();
    text.extend(lines(headers));
    text.push(b'\n');
    if let Some(length) = body_length {
        text.extend(format!("body-length: {length}\n").into_bytes());
    }
    text
}

fn ours(headers: &Headers) -> impl Iterator<Item = &(Vec<u8>, Vec<u8>)> {
    headers
        .iter()
        .filter(|(name, _)| name.starts_with(b"x-authgear-"))
}

async fn http1(stream: TcpStream, world: &World) -> io::Result<()> {
    let mut wire = Wire::new(stream);
    while let Some(request) = wire.request().await? {
        note(
            world,
            &request.method,
            &request.path,
            &request.headers,
            request.body_length,
        );
        let key = request.header("sec-websocket-key");
        if let Some(key) = key.filter(|_| request.path.starts_with(b"/ws")) {
            return websocket(&mut wire, key, &request).await;
        }
        let status = wish(&request.path).await;
        let text = echo(
            &request.method,
            &request.path,
            &request.headers,
            request.body_length,
        );
        let answer = Answer::body(status, "text/plain", text);
        wire.send(&answer.bytes(request.method == b"HEAD", request.keep_alive, 0))
            .await?;
        if !request.keep_alive {
            return wire.finish().await;
        }
    }
    Ok(())
}

/// RFC 6455: the handshake, one text frame, a close frame; then the client's turn to close.
async fn websocket(wire: &mut Wire, key: &[u8], request: &Request) -> io::Result<()> {
    let digest = openssl::sha::sha1(&[key, b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"].concat());
    let answer = Answer::status(101)
        .with("Upgrade", "websocket")
        .with("Connection", "Upgrade")
        .with("Sec-WebSocket-Accept", BASE64.encode(digest));
    let mut bytes = answer.bytes(false, true, 0);
    let text = lines(ours(&request.headers));
    bytes.push(0x81);
    match u8::try_from(text.len()) {
        Ok(short @ 0..126) => bytes.push(short),
        Ok(_) | Err(_) => {
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            bytes.push(126);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend(text.iter().take(usize::from(u16::MAX)));
    bytes.extend_from_slice(&[0x88, 0x02, 0x03, 0xe8]);
    wire.send(&bytes).await?;
    drop(tokio::time::timeout(Duration::from_secs(2), wire.gone()).await);
    wire.finish().await
}

/// A body of frames whose length is not announced, as gRPC has it.
struct Frames(VecDeque<Frame<Bytes>>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

async fn http2(request: hyper::Request<Incoming>, world: &World) -> hyper::Response<Body> {
    let (head, mut body) = request.into_parts();
    let mut length = None::<u64>;
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            length = Some(length.unwrap_or(0).saturating_add(data.len() as u64));
        }
    }
    let mut headers: Headers = Vec::new();
    if let Some(authority) = head.uri.authority() {
        headers.push((b"host".to_vec(), authority.as_str().as_bytes().to_vec()));
    }
    let named = head.headers.iter();
    headers.extend(named.map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())));
    let method = head.method.as_str().as_bytes();
    let path = head
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .as_bytes();
    note(world, method, path, &headers, length);
    let grpc = head
        .headers
        .get(CONTENT_TYPE)
        .filter(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let text = if grpc.is_some() {
        Vec::new()
    } else {
        echo(method, path, &headers, length)
    };
    let mut response = hyper::Response::new(Body::default());
    if let Some(kind) = grpc {
        response.headers_mut().insert(CONTENT_TYPE, kind.clone());
        for (name, value) in ours(&headers) {
            let name = HeaderName::from_bytes(&[b"seen-", name.as_slice()].concat());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                response.headers_mut().append(name, value);
            }
        }
        let trailers = [(
            HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )];
        // One empty message, uncompressed.
        let message = Frame::data(Bytes::from_static(&[0; 5]));
        let frames = [message, Frame::trailers(trailers.into_iter().collect())];
        *response.body_mut() = Frames(VecDeque::from(frames)).boxed();
    } else {
        *response.status_mut() = hyper::StatusCode::from_u16(wish(path).await).unwrap_or_default();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        *response.body_mut() = Full::new(Bytes::from(text)).boxed();
    }
    response
}
