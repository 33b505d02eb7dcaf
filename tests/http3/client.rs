//! An HTTP/3 client: one connection, whose streams are opened, answered, reset, or left without a word.
//!
//! What enters: a port of 127.0.0.1, and the certificate that is trusted. What leaves: [`Answer`]s. What
//! always holds: nothing waits longer than [`PATIENCE`]; what goes on between two calls is a thread's of its
//! own.

use std::future::{poll_fn, Future};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use authgear_scenarios::certificate::Certificate;
use authgear_scenarios::client::{Answer, PATIENCE};
use bytes::{Buf, Bytes};
use h3::client::{RequestStream, SendRequest};
use h3::error::Code;
use h3_quinn::{BidiStream, OpenStreams};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, VarInt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;
use rustls::{version::TLS13, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

/// A request's headers.
pub type Headers<'h> = &'h [(&'h str, &'h str)];

/// A stream whose request was sent.
pub struct Asked(RequestStream<BidiStream<Bytes>, Bytes>);

pub struct Client {
    runtime: Runtime,
    connection: quinn::Connection,
    requests: SendRequest<OpenStreams, Bytes>,
    port: u16,
}

impl Client {
    pub fn open(port: u16, certificate: &Certificate) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let config = trusting(certificate);
        let (connection, requests) = within(&runtime, async move {
            let here = SocketAddr::from(([127, 0, 0, 1], 0));
            let there = SocketAddr::from(([127, 0, 0, 1], port));
            let endpoint = Endpoint::client(here).expect("a socket");
            let connecting = endpoint.connect_with(config, there, "localhost");
            let connection = connecting.expect("connecting").await.expect("a connection");
            // nginx 1.28.3 refuses a request that ends with a reserved frame, as h3 would send, without this
            // module too.
            let (mut driver, requests) = h3::client::builder()
                .send_grease(false)
                .build(h3_quinn::Connection::new(connection.clone()))
                .await
                .expect("HTTP/3");
            tokio::spawn(async move { poll_fn(|context| driver.poll_close(context)).await });
            (connection, requests)
        });
        Self {
            runtime,
            connection,
            requests,
            port,
        }
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, method: &str, path: &str, headers: Headers, body: &[u8]) -> Answer {
        let asked = self.send(method, path, headers, body);
        self.answer(asked)
    }

    pub fn get(&mut self, path: &str, headers: Headers) -> Answer {
        self.ask("GET", path, headers, b"")
    }

    /// Sends a whole request.
    pub fn send(&mut self, method: &str, path: &str, headers: Headers, body: &[u8]) -> Asked {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("https://localhost:{}{path}", self.port));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let body = Bytes::copy_from_slice(body);
        let requests = &mut self.requests;
        within(&self.runtime, async move {
            let mut stream = requests.send_request(request).await.expect("sending");
            if !body.is_empty() {
                stream.send_data(body).await.expect("sending a body");
            }
            stream.finish().await.expect("ending a request");
            Asked(stream)
        })
    }

    pub fn answer(&self, asked: Asked) -> Answer {
        let Asked(mut stream) = asked;
        within(&self.runtime, async move {
            let head = stream.recv_response().await.expect("an answer");
            let mut body = Vec::new();
            while let Some(mut part) = stream.recv_data().await.expect("a body") {
                body.extend(part.copy_to_bytes(part.remaining()));
            }
            let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
            let headers = head.headers().iter();
            Answer {
                status: head.status().as_u16(),
                headers: headers
                    .map(|(name, value)| (name.to_string(), text(value)))
                    .collect(),
                body: String::from_utf8_lossy(&body).into_owned(),
            }
        })
    }

    /// Gives one request up, in both directions.
    pub fn reset(&self, asked: Asked) {
        let Asked(mut stream) = asked;
        stream.stop_sending(Code::H3_REQUEST_CANCELLED);
        stream.stop_stream(Code::H3_REQUEST_CANCELLED);
    }

    /// Closes the connection, and says so.
    pub fn leave(self) {
        self.connection.close(VarInt::from_u32(0x100), b"");
        self.runtime.shutdown_timeout(Duration::from_millis(100));
    }

    /// Is gone from one moment to the next.
    pub fn vanish(self) {
        self.runtime.shutdown_background();
    }
}

fn trusting(certificate: &Certificate) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let der = CertificateDer::from_pem_file(certificate.file()).expect("a certificate");
    roots.add(der).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).expect("QUIC's TLS")))
}

fn within<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    runtime.block_on(async { timeout(PATIENCE, work).await.expect("in time") })
}
