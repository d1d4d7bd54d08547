//! Encrypted connections: whose certificate is good, and what is said of one that is not.

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flowgate::outbound::{Kind, Outbound};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::peer::{Peer, answer, outlast, receive};
use super::{failure, get, send, settings};
use crate::process::Place;

/// A certificate authority and the file that names it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("an authority");
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).expect("a file");
        Authority { issuer, directory }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A server with a certificate of this authority, with changes to it.
    fn peer(&self, change: impl FnOnce(&mut CertificateParams)) -> Peer {
        let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
        parameters.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
        change(&mut parameters);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate");
        let config = Arc::new(config);
        Peer::raw(move |stream| serve(stream, &config))
    }
}

fn serve(stream: &mut TcpStream, config: &Arc<ServerConfig>) {
    let connection = ServerConnection::new(Arc::clone(config)).expect("a connection");
    let mut stream = StreamOwned::new(connection, stream.try_clone().expect("a connection"));
    while receive(&mut stream).is_some() {
        answer(&mut stream, "HTTP/1.1 200 OK", b"sealed");
    }
}

/// A client that trusts that file beside the system's authorities.
fn trusting(ca_file: PathBuf) -> Outbound {
    let mut settings = settings(&["127.0.0.0/8"]);
    settings.ca_file = ca_file;
    Outbound::new(&settings)
}

fn secure(peer: &Peer) -> String {
    format!("https://{}/", peer.address)
}

#[test]
fn the_operators_authority_is_trusted_and_no_other() {
    let (ours, other) = (Authority::new("Ours"), Authority::new("Other"));
    let outbound = trusting(ours.file());
    let peer = ours.peer(|_| {});
    assert_eq!(send(&outbound, get(secure(&peer))).expect("an answer").body, b"sealed");
    for (outbound, peer) in [(&trusting(PathBuf::new()), &peer), (&outbound, &other.peer(|_| {}))] {
        let failure = failure(outbound, get(secure(peer)));
        assert_eq!((failure.kind, failure.is_final()), (Kind::Tls, true), "{failure}");
        let address = peer.address;
        assert!(failure.text.starts_with(&format!("{address} has a certificate of an authority that")), "{failure}");
    }
}

#[test]
fn a_certificate_that_is_not_good_is_told_why() {
    let (authority, impostor) = (Authority::new("Ours"), Authority::new("Ours"));
    let outbound = trusting(authority.file());
    let name = |text: &str| SanType::DnsName(text.try_into().expect("a name"));
    let another = authority.peer(|parameters| parameters.subject_alt_names = vec![name("other.example")]);
    let expired = authority.peer(|parameters| parameters.not_after = date_time_ymd(2001, 1, 1));
    let early = authority.peer(|parameters| parameters.not_before = date_time_ymd(4000, 1, 1));
    for (peer, expected) in [
        (another, "for another name"),
        (expired, "has expired"),
        (early, "not valid yet"),
        (impostor.peer(|_| {}), "that is not valid"),
    ] {
        let failure = failure(&outbound, get(secure(&peer)));
        assert_eq!((failure.kind, failure.is_final()), (Kind::Tls, true), "{failure}");
        assert!(failure.text.contains(expected), "{expected}: {failure}");
    }
}

#[test]
fn a_server_without_tls_is_told_as_that() {
    let outbound = trusting(PathBuf::new());
    let plain = Peer::raw(|stream| answer(stream, "HTTP/1.1 400 Bad Request", b""));
    let failure = failure(&outbound, get(secure(&plain)));
    assert_eq!((failure.kind, failure.is_final()), (Kind::Tls, false), "{failure}");
    let gone = Peer::raw(|stream| assert_eq!(stream.peek(&mut [0]).expect("a greeting"), 1));
    assert_eq!(super::failure(&outbound, get(secure(&gone))).kind, Kind::Unreachable);
}

#[test]
fn a_handshake_that_never_ends_is_given_up() {
    let mut settings = settings(&["127.0.0.0/8"]);
    settings.connect_timeout = Duration::from_millis(200);
    let silent = Peer::raw(outlast);
    let failure = failure(&Outbound::new(&settings), get(secure(&silent)));
    assert_eq!((failure.kind, failure.is_final()), (Kind::TimedOut, false));
    assert!(failure.text.contains("did not take the connection within 0.2 seconds"), "{failure}");
}

#[test]
fn a_file_without_authorities_stops_the_start_and_the_check() {
    let place = Place::new();
    place.succeed("migrate");
    let files: [(&str, &[u8], &str); 4] = [
        ("empty.pem", b"", "has no certificate in PEM"),
        ("key.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "has no certificate in PEM"),
        ("cut.pem", b"-----BEGIN CERTIFICATE-----\nAAAA", "not well-formed PEM"),
        ("odd.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
    ];
    for (name, bytes, _) in files {
        std::fs::write(place.path(name), bytes).expect("a file");
    }
    for (name, expected) in files.iter().map(|(name, _, text)| (*name, *text)).chain([("none.pem", "cannot be read")]) {
        let settings = format!("[outbound]\nca_file = \"{name}\"");
        std::fs::write(place.path("settings.toml"), settings).expect("a file");
        for command in ["check", "serve --listen 127.0.0.1:0"] {
            let message = place.fail(&format!("{command} --config settings.toml"), 1);
            assert!(message.contains(&format!("outbound.ca_file: {name}")), "{command}: {message}");
            assert!(message.contains(expected), "{command}: {message}");
        }
    }
}
