//! The built command: run to its end, or serving until a test ends it. Only processes started here are ever signalled.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::message::{Form, Part, call, keys_of};
use crate::support::{Answer, Outcome, attempt, post_request, send};

/// Longer than anything takes; what is not there by then will not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The promised time for a graceful stop.
pub(crate) const STOP: Duration = Duration::from_secs(30);

/// A directory for a gateway's data, beside other files.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place { directory: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn command(&self, arguments: &str) -> Command {
        self.command_of(Command::new(binary()), arguments)
    }

    /// The same through a shell, which prepares what no safe function can before it becomes the command.
    fn command_after(&self, shell: &str, arguments: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{shell}\nexec \"$0\" \"$@\"")]).arg(binary());
        self.command_of(command, arguments)
    }

    fn command_of(&self, mut command: Command, arguments: &str) -> Command {
        // The tests must not depend on what the developer's own environment sets.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FLOWGATE__") || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        // Tests fail on purpose and often, all from one address.
        command.env("FLOWGATE__AUTH__FAILURE_DELAY", "0");
        command.current_dir(self.directory.path()).args(arguments.split_whitespace());
        command
    }

    pub(crate) fn run(&self, arguments: &str) -> Output {
        self.command(arguments).output().expect("the command")
    }

    /// The standard output of a command that must succeed.
    pub(crate) fn succeed(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.succeed(&format!("--json {arguments}"))).expect("JSON")
    }

    /// The standard error of a command that must fail with that exit status.
    pub(crate) fn fail(&self, arguments: &str, status: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments}");
        assert!(output.stdout.is_empty(), "{arguments}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    /// Starts a gateway on a port of the system's choice, and waits until it says where it listens.
    pub(crate) fn serve(&self, arguments: &str) -> Gateway {
        self.serve_with(&[], arguments)
    }

    /// The same with variables of the environment.
    pub(crate) fn serve_with(&self, variables: &[(&str, &str)], arguments: &str) -> Gateway {
        let mut command = self.command(&format!("serve --listen 127.0.0.1:0 {arguments}"));
        Gateway::start(command.envs(variables.iter().copied()), self.path("serve.log"))
    }

    /// The same after what a shell prepares.
    pub(crate) fn serve_after(&self, shell: &str, arguments: &str) -> Gateway {
        let mut command = self.command_after(shell, &format!("serve --listen 127.0.0.1:0 {arguments}"));
        Gateway::start(&mut command, self.path("serve.log"))
    }
}

/// The command under test: the one built with the tests, or another build that is to keep the same promises.
fn binary() -> OsString {
    std::env::var_os("FLOWGATE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_flowgate").into())
}

/// A gateway in a process of its own. It is killed when this is dropped.
pub(crate) struct Gateway {
    child: Child,
    lines: Receiver<String>,
    /// What it printed so far.
    pub(crate) printed: String,
    log: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Gateway {
    fn start(command: &mut Command, log: PathBuf) -> Gateway {
        let errors = File::create(&log).expect("a file for the log");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn().expect("a process");
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().expect("its output"));
        // Ends with the process, whose output then ends; reading on keeps the process from blocking on a full pipe.
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut gateway = Gateway { child, lines, printed: String::new(), log, address };
        let line = gateway.hear(|line| line.contains(" listens on http://"));
        let (_, address) = line.rsplit_once("http://").expect("an address");
        gateway.address = address.parse().expect("an address with a port");
        gateway
    }

    /// Waits for a line of its output.
    pub(crate) fn hear(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.printed.push_str(&line);
                    self.printed.push('\n');
                    if wanted(&line) {
                        return line;
                    }
                }
                Err(error) => panic!("{error}; it printed:\n{}\nand logged:\n{}", self.printed, self.log()),
            }
        }
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name: TERM, INT.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own kill, because the program of that name is not everywhere.
        let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &self.id().to_string()]).status();
        assert!(status.expect("a shell").success(), "the process is gone:\n{}", self.log());
    }

    /// Waits until it has said its last, which is when it ends.
    pub(crate) fn hear_end(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.printed.push_str(&line),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("it goes on:\n{}", self.log()),
            }
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_some()
    }

    /// Waits for its end; a test must have asked for it.
    pub(crate) fn end_within(mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.printed.push_str(&line),
                // Its output ends when the process does.
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().expect("its end"),
                Err(RecvTimeoutError::Timeout) => panic!("it still runs after {limit:?}:\n{}", self.log()),
            }
        }
    }

    /// SIGTERM, and the end that must follow.
    pub(crate) fn stop(self) {
        self.signal("TERM");
        let log = self.log.clone();
        let status = self.end_within(STOP);
        assert_eq!(status.code(), Some(0), "{}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// SIGKILL; gives all it had printed.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().expect("a signal");
        self.child.wait().expect("its end");
        self.printed.extend(self.lines.iter().flat_map(|line| [line, "\n".to_owned()]));
        std::mem::take(&mut self.printed)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let address = self.address;
        send(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
    }

    /// Posts a call with the demo's keys.
    pub(crate) fn call(&self, operation: &str, parts: Vec<Part<'_>>) -> Answer {
        self.call_with(["demo-api-key", "demo-app"], operation, parts)
    }

    /// Posts a call with keys.
    pub(crate) fn call_with(&self, keys: [&str; 2], operation: &str, parts: Vec<Part<'_>>) -> Answer {
        send(self.address, &call_request(self.address, keys, operation, parts))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A call as bytes, on a connection of its own.
pub(crate) fn call_request<'p>(
    address: SocketAddr,
    keys: [&'p str; 2],
    operation: &str,
    mut parts: Vec<Part<'p>>,
) -> Vec<u8> {
    parts.insert(0, keys_of(keys[0], keys[1]));
    let form = Form::Literal11;
    let headers = [("Content-Type", form.content_type()), ("Connection", "close")];
    post_request(address, &headers, call(form, operation, &parts).as_bytes())
}

/// Repeats a request until its answer is as wanted; gives up when that cannot come any more.
pub(crate) fn eventually(address: SocketAddr, request: &[u8], wanted: impl Fn(&Outcome) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = attempt(address, request);
        if wanted(&outcome) {
            return;
        }
        assert!(Instant::now() < deadline, "it stays so: {outcome:?}");
    }
}
