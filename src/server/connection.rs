//! A client's connection with the time limits that the HTTP layer does not have: on an unread reply, on the heads of
//! all requests but the first, and on what follows an answered request. It knows when a request begins and ends only
//! from what it is told through [`Watch`], and nothing of what the bytes mean.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// How long a connection stays open after its last reply, so that a client that is still sending can read it.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// Connections that are read on after they ended; they are beyond the limit of connections.
const MOST_LINGERING: usize = 1024;
static LINGERING: AtomicUsize = AtomicUsize::new(0);

/// Bytes of a reply for which the client has the whole time limit again.
const STRETCH: usize = 256 * 1024;

/// Bytes of a request's head. The HTTP layer alone would hold four times as much for each connection.
const LONGEST_HEAD: usize = 32 * 1024;

/// The limits of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From the first byte of a further request to the end of its head.
    pub(super) head: Duration,
    /// Between a reply and the first byte of a further request.
    pub(super) idle: Duration,
    /// For the client to take a reply, or the next 256 KiB of it.
    pub(super) reply: Duration,
}

/// What a connection is doing, as far as its time limits depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No request has been read yet; the HTTP layer limits the time and answers 408.
    Opening,
    /// A request is being answered; whoever reads its body limits the time.
    Busy,
    /// A request was answered, another one may follow.
    Idle,
    /// Bytes came after an answered request: a further head, or the rest of a body that nobody wanted.
    Further,
    /// The last request was answered.
    Closing,
    /// Another request came after the last one. It is not answered; the connection ends when the last reply is out.
    Ended,
}

/// The view of a connection that its requests share.
#[derive(Debug)]
pub(super) struct Watch {
    phase: Cell<Phase>,
    since: Cell<Instant>,
}

impl Watch {
    fn new() -> Watch {
        Watch { phase: Cell::new(Phase::Opening), since: Cell::new(Instant::now()) }
    }

    /// A request's head was read; tells whether it is to be answered. After a reply that was to be the last, nothing
    /// is: what came along with that request could be anything (RFC 9112 §9.6).
    pub(super) fn begin(&self) -> bool {
        let is_over = matches!(self.phase.get(), Phase::Closing | Phase::Ended);
        self.enter(if is_over { Phase::Ended } else { Phase::Busy });
        !is_over
    }

    /// The request has been answered; further ones may follow.
    pub(super) fn finish(&self) {
        self.enter(Phase::Idle);
    }

    /// The last request has been answered.
    pub(super) fn close(&self) {
        self.enter(Phase::Closing);
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Instant::now());
    }

    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let limit = match self.phase.get() {
            Phase::Opening | Phase::Busy | Phase::Ended => return None,
            Phase::Idle => limits.idle,
            Phase::Further => limits.head,
            Phase::Closing => LINGER,
        };
        Some(self.since.get() + limit)
    }
}

/// A reply that the client does not take as fast as it is sent.
struct Stalled {
    since: Instant,
    taken: usize,
}

/// What was read since the last request began.
#[derive(Default)]
struct Head {
    length: usize,
    was_parsed: bool,
}

/// A connection. Past a limit on reading it seems to have ended; past that on writing it is cut.
pub(super) struct Connection {
    /// Taken when the connection is dropped or cut.
    stream: Option<TcpStream>,
    peer: Option<SocketAddr>,
    limits: Limits,
    watch: Rc<Watch>,
    reading: Alarm,
    writing: Alarm,
    stalled: Option<Stalled>,
    head: Head,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, limits: Limits) -> Connection {
        Connection {
            peer: stream.peer_addr().ok(),
            stream: Some(stream),
            limits,
            watch: Rc::new(Watch::new()),
            reading: Alarm::default(),
            writing: Alarm::default(),
            stalled: None,
            head: Head::default(),
        }
    }

    /// The other end, if it is still there.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// What requests are told of, and tell.
    pub(super) fn watch(&self) -> Rc<Watch> {
        Rc::clone(&self.watch)
    }

    /// Whether the time for reading is over; wakes the task when it is.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let deadline = self.watch.deadline(&self.limits);
        deadline.is_some_and(|deadline| self.reading.is_due(deadline, context))
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Notes that the client took bytes of a reply.
    fn note_taken(&mut self, length: usize) {
        // Time runs from the end of the reply.
        if matches!(self.watch.phase.get(), Phase::Idle | Phase::Closing) {
            self.watch.since.set(Instant::now());
        }
        if let Some(stalled) = &mut self.stalled {
            stalled.taken += length;
            if stalled.taken >= STRETCH {
                self.stalled = None;
            }
        }
    }

    /// Notes that the client does not take bytes now; an error once it has taken too few for too long.
    fn note_stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stalled = self.stalled.get_or_insert_with(|| Stalled { since: Instant::now(), taken: 0 });
        if !self.writing.is_due(stalled.since + self.limits.reply, context) {
            return Poll::Pending;
        }
        log::info!(peer:? = self.peer; "The client did not take its reply in time; the connection is cut");
        // What the system still holds for this client is dropped with the connection.
        if let Some(stream) = self.stream.take() {
            let _ = stream.set_zero_linger();
        }
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Asked before the bytes, for a client that never stops sending.
        if this.is_over(context) {
            return Poll::Ready(Ok(()));
        }
        let phase = this.watch.phase.get();
        if phase == Phase::Ended {
            return Poll::Pending;
        }
        if !matches!(phase, Phase::Opening | Phase::Further) {
            this.head = Head::default();
        } else if this.head.length >= LONGEST_HEAD {
            if !this.head.was_parsed {
                // Much of it may be a body that came along.
                this.head.was_parsed = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            // No head may hold a zero, so this one is refused now.
            buffer.put_slice(b"\0");
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(this.stream()?.poll_read(context, buffer))?;
        let length = buffer.filled().len() - before;
        if length > 0 && phase == Phase::Idle {
            this.watch.enter(Phase::Further);
        }
        this.head.length += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.stream()?.poll_write(context, bytes) {
            Poll::Pending => this.note_stalled(context),
            Poll::Ready(Ok(length)) => {
                this.note_taken(length);
                Poll::Ready(Ok(length))
            }
            failed => failed,
        }
    }

    /// Called once nothing is left to be written.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.stalled = None;
        // A reply changes what is waited for after reading was last tried.
        if this.is_over(context) {
            context.waker().wake_by_ref();
        }
        ready!(this.stream()?.poll_flush(context))?;
        if this.watch.phase.get() == Phase::Ended {
            // To the HTTP layer a request is still being answered, so nothing else would end its work.
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_shutdown(context)
    }
}

impl Drop for Connection {
    /// Reads on for a while where the client may still be sending: the system takes the last reply away from a client
    /// whose bytes come to a closed connection.
    fn drop(&mut self) {
        let (Some(stream), Ok(runtime)) = (self.stream.take(), Handle::try_current()) else { return };
        let is_sending = match self.watch.phase.get() {
            Phase::Opening | Phase::Further => self.head.length > 0,
            Phase::Ended => true,
            Phase::Busy | Phase::Idle | Phase::Closing => false,
        };
        let has_more = match stream.try_read(&mut [0; 1024]) {
            Ok(length) => length > 0,
            Err(error) => is_sending && error.kind() == io::ErrorKind::WouldBlock,
        };
        if has_more && LINGERING.fetch_add(1, Ordering::Relaxed) < MOST_LINGERING {
            runtime.spawn(async {
                // Whether the client ends or the time, there is nothing more to be done.
                let _ = timeout(LINGER, linger(stream)).await;
                LINGERING.fetch_sub(1, Ordering::Relaxed);
            });
        } else if has_more {
            LINGERING.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

async fn linger(mut stream: TcpStream) -> io::Result<()> {
    poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await?;
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 1024]) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
}

/// A timer that is moved often and rings rarely.
#[derive(Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Whether that time has come; if not, the task is woken then, or earlier.
    fn is_due(&mut self, deadline: Instant, context: &mut Context<'_>) -> bool {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // One that rings too early is moved when it rings: less work than to move it with every request.
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(context).is_ready() {
            if sleep.deadline() >= deadline {
                return true;
            }
            sleep.as_mut().reset(deadline);
        }
        false
    }
}
