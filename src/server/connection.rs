//! A client's connection with the time limits that the HTTP layer does not have: on an unread reply, on the heads of
//! all requests but the first, and on what follows an answered request. It knows when a request begins and ends only
//! from what it is told through [`Watch`], and nothing of what the bytes mean.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a connection stays open after its last reply, so that a client that is still sending can read it.
pub(super) const LINGER: Duration = Duration::from_secs(2);

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
            Phase::Opening | Phase::Busy => return None,
            Phase::Idle => limits.idle,
            Phase::Further => limits.head,
            Phase::Closing | Phase::Ended => LINGER,
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
    stream: TcpStream,
    peer: Option<SocketAddr>,
    limits: Limits,
    watch: Rc<Watch>,
    reading: Alarm,
    writing: Alarm,
    stalled: Option<Stalled>,
    head: Head,
    is_shut: bool,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, limits: Limits) -> Connection {
        Connection {
            peer: stream.peer_addr().ok(),
            stream,
            limits,
            watch: Rc::new(Watch::new()),
            reading: Alarm::default(),
            writing: Alarm::default(),
            stalled: None,
            head: Head::default(),
            is_shut: false,
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

    /// Lets the client read its last reply: a connection that is closed with unread bytes takes that from it.
    fn read_last(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let mut unwanted = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut unwanted);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(io::ErrorKind::ConnectionAborted.into()),
                Ok(()) => {}
                Err(error) => return Poll::Ready(error),
            }
        }
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
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Asked before the bytes, for a client that never stops sending.
        if this.is_over(context) {
            return match this.watch.phase.get() {
                // To the HTTP layer a request is still being answered, so it would wait for ever.
                Phase::Ended => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                _ => Poll::Ready(Ok(())),
            };
        }
        let phase = this.watch.phase.get();
        if phase == Phase::Ended {
            return this.read_last(context).map(Err);
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
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
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
        match Pin::new(&mut this.stream).poll_write(context, bytes) {
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
        ready!(Pin::new(&mut this.stream).poll_flush(context))?;
        if this.watch.phase.get() == Phase::Ended && !std::mem::replace(&mut this.is_shut, true) {
            context.waker().wake_by_ref();
            return Pin::new(&mut this.stream).poll_shutdown(context);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
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
