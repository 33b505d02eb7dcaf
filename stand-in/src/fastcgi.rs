//! An application that speaks FastCGI, one request at a time on a connection.
//!
//! Enters: records. Leaves: the parameters that carry an identity, as text.
//! Always holds: at most 256 KiB of parameters a request.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::backend::note;
use crate::world::World;

const MOST: usize = 256 << 10;
const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;

/// Accepts until the end of the program.
pub async fn listen(listener: TcpListener, world: Arc<World>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let world = Arc::clone(&world);
                tokio::spawn(async move { drop(serve(stream, &world).await) });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve(mut stream: TcpStream, world: &World) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut params, mut body, mut keep) = (Vec::new(), 0_u64, false);
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head).await?;
        let [_, kind, id1, id0, length1, length0, padding, _] = head;
        let length = usize::from(u16::from_be_bytes([length1, length0]));
        let mut content = vec![0; length.saturating_add(usize::from(padding))];
        stream.read_exact(&mut content).await?;
        content.truncate(length);
        match (kind, length) {
            (BEGIN_REQUEST, _) => {
                (params, body) = (Vec::new(), 0);
                keep = content.get(2).is_some_and(|flags| flags & 1 == 1);
            }
            (PARAMS, _) if params.len().saturating_add(length) <= MOST => params.extend(content),
            (STDIN, 1..) => body = body.saturating_add(length as u64),
            (STDIN, 0) => {
                let page = page(&pairs(&params), body, world);
                stream.write_all(&answer([id1, id0], &page)).await?;
                if !keep {
                    return stream.shutdown().await;
                }
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn length(bytes: &mut &[u8]) -> Option<usize> {
    match **bytes {
        [short @ 0..128, ref rest @ ..] => {
            *bytes = rest;
            Some(usize::from(short))
        }
        [a, b, c, d, ref rest @ ..] => {
            *bytes = rest;
            usize::try_from(u32::from_be_bytes([a & 0x7f, b, c, d])).ok()
        }
        _ => None,
    }
}

/// Name and value pairs, as far as they are whole.
fn pairs(mut bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pairs = Vec::new();
    while let (Some(name), Some(value)) = (length(&mut bytes), length(&mut bytes)) {
        let Some((name, rest)) = bytes.split_at_checked(name) else {
            break;
        };
        let Some((value, rest)) = rest.split_at_checked(value) else {
            break;
        };
        pairs.push((name.to_vec(), value.to_vec()));
        bytes = rest;
    }
    pairs
}

fn page(params: &Vec<(Vec<u8>, Vec<u8>)>, body: u64, world: &World) -> Vec<u8> {
    let named = |name: &[u8]| {
        params
            .iter()
            .find(|(n, _)| n == name)
            .map_or(&b"-"[..], |(_, value)| value)
    };
    let (method, path) = (named(b"REQUEST_METHOD"), named(b"REQUEST_URI"));
    note(world, method, path, params, Some(body));
    let mut page = [b"Content-Type: text/plain\r\n\r\n", method, b" ", path, b"\n"].concat();
    for (name, value) in params
        .iter()
        .filter(|(name, _)| name.starts_with(b"HTTP_X_AUTHGEAR_"))
    {
        page.extend([name, &b": "[..], value, b"\n"].concat());
    }
    page
}

fn record(kind: u8, id: [u8; 2], content: &[u8]) -> Vec<u8> {
    let [length1, length0] = u16::try_from(content.len()).unwrap_or(0).to_be_bytes();
    let [id1, id0] = id;
    [&[1, kind, id1, id0, length1, length0, 0, 0], content].concat()
}

fn answer(id: [u8; 2], page: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = page
        .chunks(32 << 10)
        .flat_map(|chunk| record(STDOUT, id, chunk))
        .collect();
    bytes.extend(record(STDOUT, id, b""));
    bytes.extend(record(END_REQUEST, id, &[0; 8]));
    bytes
}
