//! The other side: a server on a free port whose handler writes what it likes, and counts who came.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What a client sent.
#[derive(Clone)]
pub(crate) struct Received {
    /// Its head, without the empty line.
    pub(crate) head: String,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

/// A server; it stays until the tests end.
pub(crate) struct Peer {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Peer {
    /// Answers every request on every connection.
    pub(crate) fn start(handler: impl Fn(&mut TcpStream, &Received) + Send + Sync + 'static) -> Peer {
        Peer::raw_at(SocketAddr::from(([127, 0, 0, 1], 0)), move |stream| {
            while let Some(received) = receive(stream) {
                handler(stream, &received);
            }
        })
    }

    /// The same on an address of its own.
    pub(crate) fn start_at(
        address: SocketAddr,
        handler: impl Fn(&mut TcpStream, &Received) + Send + Sync + 'static,
    ) -> Peer {
        Peer::raw_at(address, move |stream| {
            while let Some(received) = receive(stream) {
                handler(stream, &received);
            }
        })
    }

    /// Does as it likes with every connection, which ends when it is done.
    pub(crate) fn raw(handler: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Peer {
        Peer::raw_at(SocketAddr::from(([127, 0, 0, 1], 0)), handler)
    }

    fn raw_at(address: SocketAddr, handler: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Peer {
        let listener = TcpListener::bind(address).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let (connections, handler) = (Arc::new(AtomicUsize::new(0)), Arc::new(handler));
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let (mut stream, handler) = (stream.expect("a connection"), Arc::clone(&handler));
                std::thread::spawn(move || handler(&mut stream));
            }
        });
        Peer { address, connections }
    }

    /// Its address as a URL without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were made to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads one request; `None` at the end of the connection.
pub(crate) fn receive(stream: &mut impl Read) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if bytes.len() - end - 4 >= length.unwrap_or(0) {
                return Some(Received { head, body: bytes[end + 4..].to_vec() });
            }
        }
        match stream.read(&mut buffer) {
            Ok(length @ 1..) => bytes.extend_from_slice(&buffer[..length]),
            Ok(0) | Err(_) => return None,
        }
    }
}

/// Sends an answer, with its length unless that is given or there is no body. The client may be gone.
pub(crate) fn answer(stream: &mut impl Write, head: &str, body: &[u8]) {
    let status = head.split(' ').nth(1).unwrap_or_default();
    let has_length = head.to_ascii_lowercase().contains("content-length") || matches!(status, "204" | "304");
    let length = if has_length { String::new() } else { format!("\r\nContent-Length: {}", body.len()) };
    let _ = stream.write_all(&[format!("{head}{length}\r\n\r\n").as_bytes(), body].concat());
}

/// Keeps the connection until the client ends it.
pub(crate) fn outlast(stream: &mut TcpStream) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
}

/// Sends the same again and again, as slowly as told, until the client ends the connection.
pub(crate) fn trickle(stream: &mut TcpStream, bytes: &[u8], pause: Option<Duration>) {
    stream.set_read_timeout(pause).expect("a pause");
    let mut buffer = [0; 1024];
    while stream.write_all(bytes).is_ok() {
        // Waiting for the client is the pause.
        match pause.map(|_| stream.read(&mut buffer)) {
            Some(Err(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            None | Some(Ok(1..)) => {}
            Some(Ok(0) | Err(_)) => return,
        }
    }
}

/// A port that is taken and does not listen.
pub(crate) struct Unused {
    /// The address.
    pub(crate) address: SocketAddr,
    _socket: tokio::net::TcpSocket,
}

/// Takes a port without listening on it.
pub(crate) fn unused() -> Unused {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port");
    Unused { address: socket.local_addr().expect("an address"), _socket: socket }
}

/// The bytes, compressed.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Lets requests go on two by two, and knows how many there were at once.
#[derive(Clone, Default)]
pub(crate) struct Pairs(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    begun: usize,
    present: usize,
    most: usize,
}

impl Pairs {
    /// Waits for another one, then does the work.
    pub(crate) fn meet(&self, work: impl FnOnce()) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("the state");
        state.begun += 1;
        state.present += 1;
        state.most = state.most.max(state.present);
        let enough = state.begun.next_multiple_of(2);
        changed.notify_all();
        let mut state = changed.wait_while(state, |state| state.begun < enough).expect("the state");
        // Nobody's place is taken before its answer is on the way.
        state.present -= 1;
        work();
    }

    /// The most that were there at once.
    pub(crate) fn most(&self) -> usize {
        self.0.0.lock().expect("the state").most
    }
}
