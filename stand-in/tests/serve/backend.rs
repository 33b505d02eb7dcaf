//! The application behind nginx, on each protocol.

use std::io::{Read, Write};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;

use crate::harness::StandIn;

#[test]
fn the_backend_tells_what_reached_it_byte_for_byte() {
    let stand_in = StandIn::start(&[]);
    let request = b"PUT /a?b HTTP/1.1\r\nX_Odd: 1\r\nX-Authgear-User-Id: \xe9\r\nx-authgear-user-id: b\r\n\
        Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let answer = stand_in.raw("backend", request).unwrap();
    let body = &answer[answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4..];
    let wanted = b"PUT /a?b\nx_odd: 1\nx-authgear-user-id: \xe9\nx-authgear-user-id: b\nconnection: close\n\
        transfer-encoding: chunked\n\nbody-length: 3\n";
    assert_eq!(body, wanted);
    assert!(stand_in
        .request("backend", "GET", "/status/403/x", "", "")
        .starts_with("HTTP/1.1 403 "));
    let log = stand_in.order("GET", "/backend/log", json!({}));
    assert_eq!(log[0]["headers"][1], json!(["x-authgear-user-id", "\u{e9}"]));
    assert_eq!(log.as_array().unwrap().len(), 2);
    stand_in.order("DELETE", "/backend/log", json!({}));
    assert_eq!(stand_in.order("GET", "/count", json!({}))["backend"], 0);
}

#[test]
fn a_websocket_gets_one_frame_with_the_identity() {
    let stand_in = StandIn::start(&[]);
    let mut stream = stand_in.connect("backend").unwrap();
    let handshake =
        "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Authgear-User-Id: a\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).unwrap();
    let mut answer = vec![0; 1024];
    let mut length = 0;
    while !answer[..length].ends_with(b"\x88\x02\x03\xe8") {
        length += stream.read(&mut answer[length..]).unwrap();
    }
    let answer = String::from_utf8_lossy(&answer[..length]);
    // The accept value is RFC 6455's own example.
    assert!(
        answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\u{16}x-authgear-user-id: a\n"), "{answer}");
}

#[test]
fn fastcgi_tells_the_identity_and_keeps_the_connection() {
    let stand_in = StandIn::start(&["--fastcgi", "127.0.0.1:0"]);
    let record = |kind: u8, content: &[u8]| {
        [
            &[1, kind, 0, 1, 0, u8::try_from(content.len()).unwrap(), 0, 0],
            content,
        ]
        .concat()
    };
    let pair = |name: &str, value: &str| {
        let lengths = [
            u8::try_from(name.len()).unwrap(),
            u8::try_from(value.len()).unwrap(),
        ];
        [&lengths, name.as_bytes(), value.as_bytes()].concat()
    };
    let params = [
        pair("REQUEST_METHOD", "GET"),
        pair("REQUEST_URI", "/f"),
        pair("HTTP_HOST", "h"),
        pair("HTTP_X_AUTHGEAR_USER_ID", "a"),
    ];
    let begin = record(1, &[0, 1, 1, 0, 0, 0, 0, 0]);
    let request = [begin, record(4, &params.concat()), record(4, b""), record(5, b"")].concat();
    let mut stream = stand_in.connect("fastcgi").unwrap();
    for _ in 0..2 {
        stream.write_all(&request).unwrap();
        let page = b"Content-Type: text/plain\r\n\r\nGET /f\nHTTP_X_AUTHGEAR_USER_ID: a\n";
        let wanted = [record(6, page), record(6, b""), record(3, &[0; 8])].concat();
        let mut answer = vec![0; wanted.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, wanted);
    }
}

/// One request over cleartext HTTP/2: the answer's headers, body and trailers.
fn http2(stand_in: &StandIn, content_type: &str) -> (hyper::HeaderMap, Bytes, Option<hyper::HeaderMap>) {
    let stream = stand_in.connect("backend").unwrap();
    stream.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let stream = TokioIo::new(tokio::net::TcpStream::from_std(stream).unwrap());
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = hyper::Request::post("http://backend/svc/method")
            .header("content-type", content_type)
            .header("x-authgear-user-id", "a")
            .body(Full::new(Bytes::from_static(&[0; 5])))
            .unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned();
        (head.headers, body.to_bytes(), trailers)
    })
}

#[test]
fn grpc_gets_the_identity_back_in_headers_and_a_status_in_the_trailer() {
    let (headers, body, trailers) = http2(&StandIn::start(&[]), "application/grpc");
    assert_eq!(headers["seen-x-authgear-user-id"], "a");
    assert_eq!(headers["content-type"], "application/grpc");
    assert_eq!(&body[..], [0; 5]);
    assert_eq!(trailers.unwrap()["grpc-status"], "0");
}

#[test]
fn http2_without_grpc_is_echoed_like_http1() {
    let (headers, body, trailers) = http2(&StandIn::start(&[]), "text/plain");
    assert_eq!(headers["content-type"], "text/plain");
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.starts_with("POST /svc/method\nhost: backend\n"), "{text}");
    assert!(
        text.contains("x-authgear-user-id: a\n") && text.ends_with("\n\nbody-length: 5\n"),
        "{text}"
    );
    assert_eq!(trailers, None);
}
