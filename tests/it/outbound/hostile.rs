//! Servers that mean no good: whatever they do, the request ends in the time it has, within its memory, with the right
//! kind of failure, and the next one works.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use flowgate::outbound::{Failure, Kind, Outbound, Request};

use super::peer::{Peer, answer, gzip, outlast, receive, trickle};
use super::{failure, get, send, settings};

/// For what has an end of its own.
const LONG: Duration = Duration::from_secs(60);
/// For what has none.
const SHORT: Duration = Duration::from_millis(300);

/// The head of an answer without a length.
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// Asks a server that handles each connection so, once it has read the request, and then a good one.
fn attacked(patience: Duration, handler: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Failure {
    let mut settings = settings(&["127.0.0.0/8"]);
    (settings.timeout, settings.answer_limit) = (LONG, 100_000);
    let outbound = Outbound::new(&settings);
    let peer = Peer::raw(move |stream| {
        if receive(stream).is_some() {
            handler(stream);
        }
    });
    let request = get(format!("{}/path-with-a-secret", peer.url()));
    let failure = failure(&outbound, Request { timeout: Some(patience), ..request });
    assert!(failure.text.contains(&peer.address.to_string()), "the host is named: {failure}");
    assert!(!failure.text.contains("secret") && !failure.is_final(), "{failure}");
    let good = Peer::start(|stream, _| answer(stream, "HTTP/1.1 200 OK", b"fine"));
    assert_eq!(send(&outbound, get(good.url())).expect("an answer").body, b"fine");
    failure
}

/// The same with a server that says so much and then ends the connection.
fn told(bytes: &[u8]) -> Failure {
    let bytes = bytes.to_vec();
    attacked(LONG, move |stream| {
        let _ = stream.write_all(&bytes);
    })
}

#[test]
fn silence_ends_when_the_time_is_up() {
    for said in [
        &b""[..],
        b"HTTP/1.1",
        HEAD,
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
    ] {
        let failure = attacked(SHORT, move |stream| {
            stream.write_all(said).expect("a connection");
            outlast(stream);
        });
        assert_eq!(failure.kind, Kind::TimedOut, "{said:?}: {failure}");
        assert!(failure.text.contains("0.3 seconds"), "{failure}");
    }
}

#[test]
fn a_trickle_ends_when_the_time_is_up() {
    let pause = Some(Duration::from_millis(5));
    for (first, again) in [
        (&b"HTTP/1.1 200 OK\r\nX-Slow: "[..], &b"a"[..]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a"),
        // Told to wait, again and again.
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ] {
        let failure = attacked(SHORT, move |stream| {
            stream.write_all(first).expect("a connection");
            trickle(stream, again, pause);
        });
        assert_eq!(failure.kind, Kind::TimedOut, "{}: {failure}", String::from_utf8_lossy(again));
    }
    let failure = attacked(SHORT, |stream| trickle(stream, b"HTTP/1.1 100 Continue\r\n\r\n", None));
    assert_eq!(failure.kind, Kind::TimedOut, "as fast as can be: {failure}");
}

#[test]
fn an_early_end_is_told_as_one() {
    for said in [
        &b""[..],
        b"HTTP/1.1 200",
        HEAD,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let failure = told(said);
        assert_eq!(failure.kind, Kind::Broken, "{}: {failure}", String::from_utf8_lossy(said));
        assert!(failure.text.contains("ended the connection before"), "{failure}");
    }
    // Ending a connection with something unread in it resets it.
    let peer = Peer::raw(|stream| assert_eq!(stream.peek(&mut [0]).expect("a request"), 1));
    let failure = failure(&super::local(), get(peer.url()));
    assert_eq!(failure.kind, Kind::Broken, "{failure}");
    assert!(failure.text.contains("the connection before"), "{failure}");
}

#[test]
fn what_is_not_http_is_told_as_that() {
    let heads: [&[u8]; 12] = [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example ESMTP\r\n",
        b"<html></html>\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Nul: \0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\na",
    ];
    for head in heads {
        let failure = told(head);
        assert_eq!(failure.kind, Kind::Broken, "{}: {failure}", String::from_utf8_lossy(head));
        assert!(failure.text.contains("did not answer in HTTP/1.1"), "{failure}");
    }
    for chunk in
        ["zz\r\na\r\n0\r\n\r\n", "-1\r\na\r\n0\r\n\r\n", "\r\n\r\n", "ffffffffffffffffff\r\na", "1\r\nab\r\n0\r\n\r\n"]
    {
        let failure = told(&[HEAD, b"Transfer-Encoding: chunked\r\n\r\n", chunk.as_bytes()].concat());
        assert_eq!(failure.kind, Kind::Broken, "{chunk:?}: {failure}");
        assert!(failure.text.contains("sent a malformed body"), "{chunk:?}: {failure}");
    }
}

#[test]
fn heads_are_bounded() {
    let failure = attacked(LONG, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nX-Large: ").expect("a connection");
        // A hundred megabytes, if they are taken.
        let _ = (0..100).try_for_each(|_| stream.write_all(&[b'a'; 1_000_000]));
    });
    assert_eq!(failure.kind, Kind::TooLarge, "{failure}");
    let lines = "X-Line: 1\r\n".repeat(101);
    let failure = told(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n").as_bytes());
    assert_eq!(failure.kind, Kind::TooLarge, "{failure}");
    let (lines, large) = ("X-Line: 1\r\n".repeat(98), "a".repeat(50_000));
    let peer =
        Peer::start(move |stream, _| answer(stream, &format!("HTTP/1.1 200 OK\r\n{lines}X-Large: {large}"), b""));
    let answer = send(&super::local(), get(peer.url())).expect("an answer");
    assert_eq!((answer.headers.len(), answer.header("x-large").map(str::len)), (100, Some(50_000)));
}

#[test]
fn bodies_are_bounded_before_and_after_decompression() {
    let endless = |head: &'static str, piece: &'static [u8]| {
        attacked(LONG, move |stream| {
            stream.write_all(&[HEAD, head.as_bytes(), b"\r\n\r\n"].concat()).expect("a connection");
            trickle(stream, piece, None);
        })
    };
    const CHUNK: &[u8] = b"a\r\n0123456789\r\n";
    for failure in [
        endless("Connection: close", &[b'a'; 10_000]),
        endless("Transfer-Encoding: chunked", CHUNK),
        // It says what it is going to do, and is not let.
        attacked(LONG, |stream| {
            stream.write_all(&[HEAD, b"Content-Length: 100001\r\n\r\n"].concat()).expect("a connection");
            outlast(stream);
        }),
        told(&[HEAD, b"Content-Length: 18446744073709551000\r\n\r\n"].concat()),
    ] {
        assert_eq!(failure.kind, Kind::TooLarge, "{failure}");
        assert!(failure.text.contains("larger than 100000 bytes"), "{failure}");
    }

    let packed = |head: &str, body: &[u8]| {
        told(&[HEAD, format!("Content-Encoding: gzip\r\n{head}\r\n\r\n").as_bytes(), body].concat())
    };
    // A hundred kilobytes become a hundred megabytes.
    let bomb = gzip(&vec![0; 100_000_000]);
    assert!(bomb.len() < 100_000, "small enough to be taken as it comes: {}", bomb.len());
    for failure in [packed("Connection: close", &bomb), packed(&format!("Content-Length: {}", bomb.len()), &bomb)] {
        assert_eq!(failure.kind, Kind::TooLarge, "{failure}");
    }
    let whole = gzip(b"what is said");
    let (half, mut damaged) = (&whole[..whole.len() - 4], whole.clone());
    let last = damaged.len() - 8;
    damaged[last] ^= 1;
    for body in [half, &damaged, b"not compressed at all", &whole[..5]] {
        let failure = packed("Connection: close", body);
        assert_eq!(failure.kind, Kind::Broken, "{failure}");
        assert!(failure.text.contains("decompressed") || failure.text.contains("compression"), "{failure}");
    }
}

#[test]
fn what_follows_an_answer_is_not_taken_for_the_next() {
    let peer = Peer::raw(|stream| {
        while receive(stream).is_some() {
            let smuggled =
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";
            if stream.write_all(smuggled).is_err() {
                return;
            }
        }
    });
    let outbound = super::local();
    crate::support::wait(async {
        for _ in 0..20 {
            // A connection with something left over may break a request; it must not answer it.
            match outbound.send(get(peer.url())).await {
                Ok(answer) => assert_eq!(answer.body, b"first"),
                Err(failure) => assert_eq!(failure.kind, Kind::Broken, "{failure}"),
            }
        }
    });
}
