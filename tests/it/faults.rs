//! What happens to the machine beneath a running gateway: the disk is full, too slow to answer or broken; files are
//! damaged, foreign or read-only; the process is killed while it makes its database. It must neither lie nor lose.
//!
//! Some of it takes more than an ordinary process may do everywhere. A test that is not permitted says so and is
//! skipped, except where `FLOWGATE_FAULTS=all` is set, which also makes short tests of some long ones whole.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use flowgate::app::App;
use flowgate::app::clock::Clock;
use flowgate::config::Config;
use flowgate::server::{self, Server};
use flowgate::store::{self, Options, Store};

use crate::message::{flow, record};
use crate::process::{Gateway, PATIENCE, Place, STOP, call_request};
use crate::soap::{b64, fault, reply, unb64};
use crate::store::writing::lose_writer;
use crate::support::{NOW, Outcome, attempt, send};

const STORED: &str = "Data Record is created successfully and it is included in the queue.";
const FOUND: &str = "Data Record structure was retrieving successfully";

fn data(uuid: &str, length: usize) -> String {
    format!(r#"{{"client":[{{"name":"{uuid}{}"}}]}}"#, "x".repeat(length))
}

/// Inserts a record of about that length; whether it was acknowledged. If not, the answer must be the documented fault.
fn insert(gateway: &Gateway, uuid: &str, length: usize) -> bool {
    let answer = gateway.call("insertRecord", vec![record(uuid, &b64(&data(uuid, length))), flow("Invoices")]);
    match answer.status {
        200 => reply(&answer, "created", "201", STORED, "null"),
        _ => {
            fault(&answer, "503", "The data could not be ");
            return false;
        }
    };
    true
}

/// Inserts records until none is acknowledged any more; gives those that were.
fn insert_until_refused(gateway: &Gateway, prefix: &str, length: usize) -> Vec<String> {
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for number in 0..2000 {
        let uuid = format!("{prefix}-{number}");
        match insert(gateway, &uuid, length) {
            true => (refused, _) = (0, acknowledged.push(uuid)),
            false => refused += 1,
        }
        // Where the log can still start over, not every record is refused at first; whoever asks makes it try.
        if refused > 0 {
            gateway.get("/ready");
        }
        if refused == 10 {
            return acknowledged;
        }
    }
    panic!("it goes on and on");
}

fn holds(address: SocketAddr, uuid: &str, length: usize) {
    let request = call_request(address, ["demo-api-key", "demo-app"], "getRecord", vec![record(uuid, "")]);
    let answer = send(address, &request);
    assert_eq!(unb64(&reply(&answer, "ok", "200", FOUND, "null")), data(uuid, length));
}

/// What `/ready` says beside 503.
fn reason(gateway: &Gateway) -> String {
    let answer = gateway.get("/ready");
    assert_eq!(answer.status, 503, "{}", answer.text());
    let body: serde_json::Value = serde_json::from_str(&answer.text()).expect("JSON");
    assert_eq!(body["status"], "unavailable");
    body["reason"].as_str().expect("a reason").to_owned()
}

fn until_ready(gateway: &Gateway) {
    let deadline = Instant::now() + PATIENCE;
    while gateway.get("/ready").status != 200 {
        assert!(Instant::now() < deadline, "it is not ready again: {}", gateway.log());
    }
}

fn lines_with(gateway: &Gateway, words: &str) -> usize {
    gateway.log().lines().filter(|line| line.contains(words)).count()
}

/// The state in which nothing can be written: said plainly, once, while everything else goes on.
fn assert_only_writing_stopped(gateway: &Gateway, acknowledged: &[String], length: usize, words: &str) {
    for attempt in 0..5 {
        assert!(!insert(gateway, &format!("refused-{attempt}"), length));
        assert!(reason(gateway).contains(words), "{}", reason(gateway));
        assert_eq!(gateway.get("/health").status, 200);
    }
    // Several at once, so that connections are used that were not before.
    let address = gateway.address;
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for uuid in acknowledged.iter().rev().cycle().take(20) {
                    holds(address, uuid, length);
                }
            });
        }
    });
    assert_eq!(lines_with(gateway, "The database cannot be written"), 1, "{}", gateway.log());
    assert_eq!(lines_with(gateway, " ERROR "), 1, "{}", gateway.log());
}

fn assert_told_once(gateway: &Gateway) {
    assert_eq!(lines_with(gateway, "The database cannot be written"), 1, "{}", gateway.log());
    assert_eq!(lines_with(gateway, "The database can be written again"), 1, "{}", gateway.log());
}

/// Says why a test is skipped; fails where it must not be.
fn skip(why: &str) {
    assert!(std::env::var_os("FLOWGATE_FAULTS").is_none(), "FLOWGATE_FAULTS is set, but {why}");
    eprintln!("skipped: {why}");
}

/// A command that may need to be root.
fn privileged(program: &str) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if is_root {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A small file system in memory.
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn mount(path: PathBuf, size: &str) -> Option<Disk> {
        fs::create_dir(&path).expect("a directory");
        // Whoever runs the test must be able to write there.
        let options = format!("size={size},mode=0777");
        let mounted = succeeds(privileged("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path));
        if !mounted {
            skip("a tmpfs cannot be mounted here");
        }
        mounted.then_some(Disk { path })
    }

    fn change(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(succeeds(privileged("mount").args(["-o", &options]).arg(&self.path)), "{options}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        succeeds(privileged("umount").arg("-l").arg(&self.path));
    }
}

/// System calls of a process that fail for as long as this lives.
struct Broken {
    tracer: Child,
}

impl Broken {
    fn calls(gateway: &Gateway, which: &str) -> Option<Broken> {
        let mut command = privileged("strace");
        command.args(["-f", "-o", "/dev/null", "-e", &format!("inject={which}"), "-p", &gateway.id().to_string()]);
        let Ok(mut tracer) = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn() else {
            skip("there is no strace");
            return None;
        };
        let mut line = String::new();
        let mut said = BufReader::new(tracer.stderr.take().expect("its output"));
        said.read_line(&mut line).expect("its output");
        if !line.contains("attached") {
            tracer.wait().expect("its end");
            skip(&format!("strace is not permitted: {}", line.trim()));
            return None;
        }
        // It says more when it lets go.
        std::thread::spawn(move || said.lines().map_while(Result::ok).for_each(drop));
        Some(Broken { tracer })
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        // SIGINT, on which it lets the process go as it was.
        let _ = privileged("kill").args(["-s", "INT", &self.tracer.id().to_string()]).status();
        let _ = self.tracer.wait();
    }
}

/// Kills the gateway, starts another, and finds everything that was acknowledged.
fn assert_kept(place: &Place, gateway: Gateway, arguments: &str, acknowledged: &BTreeMap<String, usize>) {
    gateway.kill();
    let gateway = place.serve(arguments);
    for (uuid, length) in acknowledged {
        holds(gateway.address, uuid, *length);
    }
    gateway.stop();
    assert!(place.succeed(&format!("check {arguments}")).contains("No damage was found"));
}

fn all(uuids: impl IntoIterator<Item = String>, length: usize) -> BTreeMap<String, usize> {
    uuids.into_iter().map(|uuid| (uuid, length)).collect()
}

#[test]
fn a_full_disk_stops_writing_until_there_is_room() {
    let place = Place::new();
    let Some(disk) = Disk::mount(place.path("disk"), "1m") else { return };
    let gateway = place.serve("--demo --data disk/data");
    let mut acknowledged = insert_until_refused(&gateway, "before", 10_000);
    assert!(!acknowledged.is_empty());
    assert_only_writing_stopped(&gateway, &acknowledged, 10_000, "the disk is full");
    // A small record may still find a place at the end of the log, but that does not make the gateway ready.
    let small = (0..20).map(|number| format!("small-{number}")).filter(|uuid| insert(&gateway, uuid, 0));
    let small: Vec<_> = small.collect();
    assert!(reason(&gateway).contains("the disk is full"));

    disk.change("size=8m");
    until_ready(&gateway);
    assert_told_once(&gateway);
    for number in 0..20 {
        let uuid = format!("after-{number}");
        assert!(insert(&gateway, &uuid, 10_000));
        acknowledged.push(uuid);
    }
    let mut acknowledged = all(acknowledged, 10_000);
    acknowledged.extend(all(small, 0));
    assert_kept(&place, gateway, "--data disk/data", &acknowledged);
}

#[test]
fn a_gateway_that_dies_on_a_full_disk_starts_there_again() {
    let place = Place::new();
    let Some(disk) = Disk::mount(place.path("disk"), "1m") else { return };
    let gateway = place.serve("--demo --data disk/data");
    let acknowledged = insert_until_refused(&gateway, "before", 10_000);
    gateway.kill();
    for _ in 0..3 {
        let gateway = place.serve("--data disk/data");
        assert!(!insert(&gateway, "refused", 100_000));
        for uuid in &acknowledged {
            holds(gateway.address, uuid, 10_000);
        }
        gateway.stop();
    }
    // After a power cut even the log's index may find no place.
    let gateway = place.serve("--data disk/data");
    insert_until_refused(&gateway, "more", 1000);
    gateway.kill();
    fs::remove_file(place.path("disk/data/flowgate.db-shm")).expect("the index");
    fs::write(place.path("disk/filler"), vec![0xA5; 1 << 20]).expect_err("a full disk");
    let before = contents(&place.path("disk/data"));
    let error = place.fail("serve --listen 127.0.0.1:0 --data disk/data", 1);
    assert!(error.starts_with("error: The database could not be opened because the disk is full\n"), "{error}");
    assert!(contents(&place.path("disk/data")) == before);
    disk.change("size=8m");
    let gateway = place.serve("--data disk/data");
    assert!(insert(&gateway, "after", 10_000));
    assert_kept(&place, gateway, "--data disk/data", &all(acknowledged, 10_000));
}

#[test]
fn a_backup_that_finds_no_room_leaves_nothing_behind() {
    let place = Place::new();
    let Some(_disk) = Disk::mount(place.path("disk"), "64k") else { return };
    let gateway = place.serve("--demo");
    let error = place.fail("backup disk/copy.db", 1);
    assert!(error.contains("the disk is full"), "{error}");
    assert_eq!(fs::read_dir(place.path("disk")).expect("a directory").count(), 0);
    assert!(insert(&gateway, "one", 0));
}

#[test]
fn a_limit_on_the_size_of_files_stops_writing_and_not_the_process() {
    let place = Place::new();
    // Counted in blocks of 512 bytes.
    let gateway = place.serve_after("ulimit -S -f 1024", "--demo");
    let acknowledged = insert_until_refused(&gateway, "before", 10_000);
    assert!(!acknowledged.is_empty());
    assert_only_writing_stopped(&gateway, &acknowledged, 10_000, "a disk error");
    let lifted = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &gateway.id().to_string()]).status();
    if !lifted.is_ok_and(|status| status.success()) {
        return skip("there is no prlimit");
    }
    until_ready(&gateway);
    assert_told_once(&gateway);
    assert!(insert(&gateway, "after", 10_000));
    let mut acknowledged = all(acknowledged, 10_000);
    acknowledged.insert("after".to_owned(), 10_000);
    assert_kept(&place, gateway, "", &acknowledged);
}

#[test]
fn a_log_that_cannot_grow_starts_over() {
    let place = Place::new();
    // Two megabytes, less than the write-ahead log would take before it starts over by itself. Each record is written
    // and removed, so that the database stays small.
    let gateway = place.serve_after("ulimit -S -f 4096", "--demo");
    let mut refused = 0;
    for number in 0..400 {
        let uuid = format!("r-{number}");
        match insert(&gateway, &uuid, 20_000) {
            true => refused += usize::from(gateway.call("deleteRecord", vec![record(&uuid, "")]).status != 200),
            false => refused += 1,
        }
    }
    assert!((1..40).contains(&refused), "{refused} of 400 were refused");
    until_ready(&gateway);
    assert!(insert(&gateway, "last", 20_000));
    assert_kept(&place, gateway, "", &all(["last".to_owned()], 20_000));
}

#[test]
fn a_disk_that_fails_for_a_while_loses_nothing_acknowledged() {
    let place = Place::new();
    let mut acknowledged = BTreeMap::new();
    for (number, (calls, words)) in [
        ("pwrite64:error=ENOSPC", "the disk is full"),
        ("pwrite64:error=EIO", "a disk error"),
        ("pwrite64:error=EROFS", "a disk error"),
        ("pwrite64:error=EDQUOT", "a disk error"),
        ("fdatasync,fsync:error=EIO", "a disk error"),
        ("pwrite64,statx,stat,newfstatat:error=EIO", "a disk error"),
    ]
    .into_iter()
    .enumerate()
    {
        let gateway = place.serve("--demo");
        let before = format!("before-{number}");
        assert!(insert(&gateway, &before, 10_000));
        acknowledged.insert(before.clone(), 10_000);
        let Some(broken) = Broken::calls(&gateway, calls) else { return };
        assert_only_writing_stopped(&gateway, &[before], 10_000, words);
        drop(broken);
        until_ready(&gateway);
        assert_told_once(&gateway);
        let after = format!("after-{number}");
        assert!(insert(&gateway, &after, 10_000), "{calls}");
        acknowledged.insert(after, 10_000);
        assert_kept(&place, gateway, "", &acknowledged);
    }
}

#[test]
fn a_disk_that_fails_now_and_then_loses_nothing_acknowledged() {
    let place = Place::new();
    let mut acknowledged = BTreeMap::new();
    let mut refused = 0;
    for (number, calls) in
        ["pwrite64:error=EIO:when=4+7", "pwrite64:error=ENOSPC:when=2+13", "fdatasync,fsync:error=EIO:when=2+3"]
            .into_iter()
            .enumerate()
    {
        let gateway = place.serve("--demo");
        let Some(broken) = Broken::calls(&gateway, calls) else { return };
        for insertion in 0..60 {
            let uuid = format!("r-{number}-{insertion}");
            match insert(&gateway, &uuid, insertion * 500) {
                true => drop(acknowledged.insert(uuid, insertion * 500)),
                false => refused += 1,
            }
        }
        drop(broken);
        until_ready(&gateway);
        assert!(lines_with(&gateway, "The database cannot be written") < 3, "{}", gateway.log());
        assert_kept(&place, gateway, "", &acknowledged);
    }
    eprintln!("{} acknowledged, {refused} refused", acknowledged.len());
    assert!(refused > 0 && !acknowledged.is_empty());
}

#[test]
fn a_disk_that_cannot_be_read_for_a_while_is_told_and_forgiven() {
    let place = Place::new();
    let gateway = place.serve("--demo");
    for number in 0..200 {
        assert!(insert(&gateway, &format!("r-{number}"), 20_000));
    }
    gateway.stop();
    // Nothing is in memory yet but the tables' names: a statement begins, and cannot go on.
    let gateway = place.serve("--demo");
    fault(&gateway.call("getRecord", vec![record("none", "")]), "404", "");
    let Some(broken) = Broken::calls(&gateway, "pread64:error=EIO") else { return };
    for _ in 0..3 {
        fault(&gateway.call("getRecord", vec![record("r-100", "")]), "503", "because of a disk error");
        assert_eq!(gateway.get("/health").status, 200);
    }
    assert_eq!(lines_with(&gateway, "The database cannot be read"), 1, "{}", gateway.log());
    drop(broken);
    until_ready(&gateway);
    holds(gateway.address, "r-100", 20_000);
    assert_eq!(lines_with(&gateway, "The database can be read again"), 1, "{}", gateway.log());
    gateway.stop();
}

#[test]
fn a_gateway_whose_database_is_taken_away_ends_with_an_error() {
    let place = Place::new();
    let mut gateway = place.serve("--demo");
    assert!(insert(&gateway, "one", 0));
    fs::rename(place.path("data"), place.path("elsewhere")).expect("another name");
    // The writer looks every quarter of a second, also when nobody writes.
    gateway.hear_end();
    let log = gateway.log();
    assert!(log.contains("removed or replaced while it was in use"), "{log}");
    assert!(log.contains("The thread that writes to the database is gone"), "{log}");
    assert!(log.ends_with("error: The gateway stopped because it could no longer write to its database\n"), "{log}");
    assert_eq!(gateway.end_within(STOP).code(), Some(1));
    let gateway = place.serve("--data elsewhere");
    holds(gateway.address, "one", 0);
}

#[test]
fn a_gateway_whose_writer_is_gone_stops_serving() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut config = Config::for_testing();
    config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.server.workers = 1;
    let store = Store::open(directory.path(), &Options::default()).expect("a store");
    let app = Arc::new(App::new(config, store, Clock::fixed(NOW)));
    let (address, error) = server::block_on(async {
        let server = Server::build(Arc::clone(&app), false).expect("a listener");
        let address = server.address();
        let (outcome, ()) = tokio::join!(server.run(), lose_writer(&app.store));
        (address, outcome.expect_err("no writer"))
    });
    assert_eq!(error.message(), "The gateway stopped because it could no longer write to its database");
    assert!(matches!(attempt(address, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"), Outcome::Refused));
}

#[test]
fn a_read_only_disk_is_refused_at_start_with_a_sentence() {
    let place = Place::new();
    let Some(disk) = Disk::mount(place.path("disk"), "8m") else { return };
    let gateway = place.serve("--demo --data disk/data");
    assert!(insert(&gateway, "one", 0));
    gateway.stop();
    let before = contents(&place.path("disk/data"));
    disk.change("ro");
    for arguments in ["--data disk/data", "--data disk/new"] {
        let error = place.fail(&format!("serve --listen 127.0.0.1:0 {arguments}"), 1);
        assert!(error.starts_with("error: The ") && error.contains("Read-only file system"), "{error}");
    }
    assert!(contents(&place.path("disk/data")) == before);
    disk.change("rw");
    let gateway = place.serve("--data disk/data");
    holds(gateway.address, "one", 0);
}

/// The names and bytes of a directory's files, but for the lock's.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry"))
        .map(|entry| (entry.file_name().into_string().expect("a name"), entry.path()))
        .filter(|(name, _)| name != "flowgate.lock" && name != "flowgate.db-shm")
        .map(|(name, path)| (name, fs::read(path).expect("a file")))
        .collect()
}

#[test]
fn a_database_that_cannot_be_trusted_stops_the_start_and_is_left_alone() {
    let place = Place::new();
    let gateway = place.serve("--demo");
    assert!(insert(&gateway, "one", 20_000));
    gateway.stop();
    let sound = fs::read(place.path("data/flowgate.db")).expect("the database");
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound.clone();
        change(&mut bytes);
        bytes
    };
    let half = sound.len() / 2;
    for (name, words, bytes) in [
        ("damaged", "is damaged: ", changed(&|bytes| bytes[4096..].fill(0xA5))),
        ("cut", "is damaged: ", changed(&|bytes| bytes.truncate(half))),
        ("empty", "is not a Flowgate database", Vec::new()),
        ("text", "is not a Flowgate database", b"To do: buy milk. ".repeat(1000)),
        ("foreign", "is not a Flowgate database", changed(&|bytes| bytes[68..72].fill(0))),
        (
            "newer",
            "newer version of Flowgate (schema 99, ",
            changed(&|bytes| bytes[60..64].copy_from_slice(&[0, 0, 0, 99])),
        ),
    ] {
        fs::DirBuilder::new().mode(0o700).create(place.path(name)).expect("a directory");
        fs::write(place.path(name).join("flowgate.db"), &bytes).expect("a database");
        let before = contents(&place.path(name));
        for command in ["serve --listen 127.0.0.1:0", "serve --demo --listen 127.0.0.1:0", "migrate", "customer list"] {
            let error = place.fail(&format!("{command} --data {name}"), 1);
            assert!(error.starts_with("error: ") && error.contains(words), "{command}, {name}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
            assert!(contents(&place.path(name)) == before, "{command}, {name}: the files were changed");
        }
    }
}

#[test]
fn a_start_killed_at_any_moment_leaves_nothing_that_stops_the_next() {
    let start = |place: &Place| {
        let mut command = place.command("serve --demo --listen 127.0.0.1:0");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a process")
    };
    let (place, started) = (Place::new(), Instant::now());
    let mut child = start(&place);
    while !place.path("data/flowgate.db").exists() {
        assert!(started.elapsed() < PATIENCE, "no database is made");
    }
    let time = started.elapsed();
    child.kill().expect("a signal");
    child.wait().expect("its end");
    let mut unfinished = 0;
    for moment in 0..20 {
        let place = Place::new();
        let mut child = start(&place);
        // Spread over the time that it takes to make a database, and beyond.
        std::thread::sleep(time * moment / 13);
        child.kill().expect("a signal");
        child.wait().expect("its end");
        unfinished += usize::from(!place.path("data/flowgate.db").exists());
        let gateway = place.serve("--demo");
        assert!(insert(&gateway, "one", 0), "moment {moment}");
        gateway.kill();
        assert!(place.succeed("check").contains("No damage was found"), "moment {moment}");
        assert!(!place.path("data/flowgate.db.new").exists());
    }
    eprintln!("{unfinished} of 20 were killed before the database was there");
}

#[test]
fn a_start_killed_at_each_write_leaves_nothing_that_stops_the_next() {
    // Every system call that changes a file, in their order; the last ones find the database finished.
    const CALLS: &str = "pwrite64,fdatasync,fsync,ftruncate,rename,unlink";
    let step = if std::env::var_os("FLOWGATE_FAULTS").is_some() { 1 } else { 7 };
    for number in (1..).step_by(step) {
        let place = Place::new();
        let mut command = Command::new("strace");
        let inject = format!("inject={CALLS}:signal=KILL:when={number}");
        command.args(["-f", "-o", "/dev/null", "-e", &format!("trace={CALLS}"), "-e", &inject, "--"]);
        let migrate = place.command("migrate");
        command.arg(migrate.get_program()).args(migrate.get_args()).current_dir(place.path("."));
        let Ok(output) = command.output() else { return skip("there is no strace") };
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        if error.contains("ptrace") {
            return skip(&format!("strace is not permitted: {}", error.trim()));
        }
        if output.status.success() {
            eprintln!("killed at {} moments", number / step);
            return assert!(number > step, "no call was met");
        }
        let store = Store::open(&place.path("data"), &Options::default()).expect("the next start");
        store.close();
        assert_eq!(store::check(&place.path("data")).expect("a check").problems, Vec::<String>::new(), "call {number}");
        assert!(!place.path("data/flowgate.db.new").exists());
    }
}

#[test]
fn sigterm_on_a_full_disk_is_still_a_clean_end() {
    let place = Place::new();
    let Some(_disk) = Disk::mount(place.path("disk"), "1m") else { return };
    let gateway = place.serve("--demo --data disk/data");
    insert_until_refused(&gateway, "before", 10_000);
    gateway.signal("TERM");
    assert_eq!(gateway.end_within(STOP).code(), Some(0));
}
