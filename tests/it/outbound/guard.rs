//! Addresses that are not for flows, in all their spellings, and names that lead to them.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flowgate::outbound::{Addresses, Kind, Outbound, Resolve};

use super::peer::{Peer, answer};
use super::{failure, get, send, settings};
use crate::support::wait;

/// Spellings of 127.0.0.1.
const SPELLINGS: [&str; 20] = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0X7F.1",
    "0x7f.0.0.0x1",
    "017700000001",
    "0177.0.0.1",
    "0177.0x0.01",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:FFFF:127.0.0.1]",
    "localhost",
    "LocalHost",
];

/// Names that say what they stand for, one answer after another; the last one stays.
#[derive(Default)]
struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Names {
    fn new(names: &[(&str, &[&[&str]])]) -> Arc<Names> {
        let address = |text: &&str| text.parse::<IpAddr>().expect("an address");
        let answers = names.iter().map(|(name, answers)| {
            let answers = answers.iter().rev().map(|answer| answer.iter().map(address).collect());
            ((*name).to_owned(), answers.collect())
        });
        Arc::new(Names { answers: Mutex::new(answers.collect()), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Names {
    fn resolve(&self, name: &str) -> Addresses {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().expect("the names");
        let found = answers.get_mut(name).and_then(|answers| match answers.len() {
            0 | 1 => answers.last().cloned(),
            _ => answers.pop(),
        });
        Box::pin(std::future::ready(found.ok_or_else(|| io::ErrorKind::NotFound.into())))
    }
}

fn canary() -> Peer {
    Peer::start(|stream, _| answer(stream, "HTTP/1.1 200 OK", b"reached"))
}

/// Two servers on one port: the first address is allowed, the second is not.
fn twins() -> (Peer, Peer) {
    loop {
        let inner = canary();
        let address = SocketAddr::from(([127, 0, 0, 2], inner.address.port()));
        // Somebody else may have the port there.
        if std::net::TcpListener::bind(address).is_ok() {
            return (Peer::start_at(address, |stream, _| answer(stream, "HTTP/1.1 200 OK", b"allowed")), inner);
        }
    }
}

#[test]
fn addresses_of_inner_networks_are_refused_in_every_spelling() {
    let canary = canary();
    let port = canary.address.port();
    let names = Names::new(&[]);
    let outbound = Outbound::with_resolver(&settings(&[]), Arc::clone(&names) as Arc<dyn Resolve>);
    let others = [
        "localhost.",
        "a.localhost",
        "A.b.LocalHost.",
        "0",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "012.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.255.255.254",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "4294967295",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::2]",
        "[::127.0.0.1]",
        "[::8.8.8.8]",
        "[::ffff:10.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::8.8.8.8]",
        "[100::1]",
        "[2001::1]",
        "[2001:0:7f00:1::f7f7:f7f7]",
        "[2001:0:808:808::f5ff:fffe]",
        "[2001:2::1]",
        "[2001:20::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::1]",
        "[2002:a9fe:a9fe::]",
        "[2002:c0a8:1::5]",
        "[3fff::1]",
        "[5f00::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fdff:ffff::1]",
        "[fe80::1]",
        "[febf::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[ffff::1]",
        "[4000::1]",
    ];
    for host in SPELLINGS.iter().chain(&others) {
        for scheme in ["http", "https"] {
            let failure = failure(&outbound, get(format!("{scheme}://{host}:{port}/secret")));
            assert_eq!(failure.kind, Kind::Refused, "{host}: {failure}");
            assert!(failure.is_final() && failure.text.contains("outbound.allow"), "{host}: {failure}");
            assert!(!failure.text.contains("secret"), "{failure}");
        }
    }
    assert_eq!(canary.connections(), 0);
    assert_eq!(names.asked.load(Ordering::SeqCst), 0, "addresses and this machine are not looked up");
}

#[test]
fn what_the_operator_allows_is_asked_in_every_spelling() {
    let canary = canary();
    let outbound = Outbound::new(&settings(&["127.0.0.0/8"]));
    for host in SPELLINGS {
        let url = format!("http://{host}:{}/", canary.address.port());
        assert_eq!(send(&outbound, get(url)).expect(host).body, b"reached", "{host}");
    }
    assert!(canary.connections() > 0);
    // The allowance is for these addresses, and for none beside them.
    for host in ["10.0.0.1", "169.254.169.254", "[::1]", "[fe80::1]", "192.168.0.1"] {
        assert_eq!(failure(&outbound, get(format!("http://{host}/"))).kind, Kind::Refused, "{host}");
    }
    let single = Outbound::new(&settings(&["127.0.0.1"]));
    assert_eq!(failure(&single, get("http://127.0.0.2/")).kind, Kind::Refused);
    assert_eq!(send(&single, get(canary.url())).expect("an answer").status, 200);
}

#[test]
fn a_name_leads_only_to_its_allowed_addresses() {
    let (allowed, inner) = twins();
    let port = allowed.address.port();
    let names = Names::new(&[
        ("both.example", &[&["127.0.0.1", "127.0.0.2"]]),
        ("turned.example", &[&["127.0.0.2", "127.0.0.1"]]),
        ("many.example", &[&["::1", "10.0.0.1", "169.254.169.254", "127.0.0.1", "127.0.0.2", "127.0.0.1"]]),
        ("mapped.example", &[&["::ffff:127.0.0.1", "::ffff:127.0.0.2"]]),
        ("inner.example", &[&["127.0.0.1"]]),
        ("inner6.example", &[&["::ffff:127.0.0.1", "::1", "64:ff9b::7f00:1"]]),
        ("metadata.example", &[&["169.254.169.254"]]),
        ("empty.example", &[&[]]),
        ("xn--bcher-kva.example", &[&["127.0.0.2"]]),
    ]);
    let outbound = Outbound::with_resolver(&settings(&["127.0.0.2"]), names);
    let hosts = ["both.example", "turned.example", "many.example", "mapped.example", "BOTH.Example", "bücher.example"];
    for host in hosts {
        let answer = send(&outbound, get(format!("http://{host}:{port}/"))).expect(host);
        assert_eq!(answer.body, b"allowed", "{host}");
    }
    for host in ["inner.example", "inner6.example", "metadata.example"] {
        let failure = failure(&outbound, get(format!("http://{host}:{port}/")));
        assert_eq!((failure.kind, failure.is_final()), (Kind::Refused, true), "{host}: {failure}");
        assert!(failure.text.contains(host), "{failure}");
        assert!(!failure.text.contains("127.0.0") && !failure.text.contains("169.254"), "{failure}");
    }
    for host in ["empty.example", "unknown.example"] {
        let failure = failure(&outbound, get(format!("http://{host}:{port}/")));
        assert_eq!((failure.kind, failure.is_final()), (Kind::Unresolved, false), "{host}: {failure}");
        assert_eq!(failure.text, format!("The name {host} has no address"));
    }
    assert_eq!(inner.connections(), 0);
}

#[test]
fn a_name_that_changes_its_mind_is_judged_each_time() {
    let (allowed, inner) = twins();
    let port = allowed.address.port();
    let names = Names::new(&[("rebind.example", &[&["127.0.0.2"], &["127.0.0.1"]])]);
    let outbound = Outbound::with_resolver(&settings(&["127.0.0.2"]), Arc::clone(&names) as Arc<dyn Resolve>);
    let url = format!("http://rebind.example:{port}/");
    wait(async {
        // One connection, to the address that was judged, although the name now stands for another.
        for _ in 0..3 {
            assert_eq!(outbound.send(get(&url)).await.expect("an answer").body, b"allowed");
        }
        assert_eq!((allowed.connections(), names.asked.load(Ordering::SeqCst)), (1, 1));
    });
    // The runtime is gone, and the connection with it.
    assert_eq!(failure(&outbound, get(&url)).kind, Kind::Refused);
    assert_eq!(names.asked.load(Ordering::SeqCst), 2);
    assert_eq!((allowed.connections(), inner.connections()), (1, 0));
}

#[test]
fn the_same_name_on_another_port_is_judged_anew() {
    let (allowed, inner) = twins();
    let names = Names::new(&[("rebind.example", &[&["127.0.0.2"], &["127.0.0.1"]])]);
    let outbound = Outbound::with_resolver(&settings(&["127.0.0.2"]), names);
    let elsewhere = canary();
    wait(async {
        let url = |port: u16| format!("http://rebind.example:{port}/");
        assert_eq!(outbound.send(get(url(allowed.address.port()))).await.expect("an answer").body, b"allowed");
        let failure = outbound.send(get(url(elsewhere.address.port()))).await.expect_err("a refusal");
        assert_eq!(failure.kind, Kind::Refused);
    });
    assert_eq!((inner.connections(), elsewhere.connections()), (0, 0));
}
